//! A library prepared for many searches: rows ordered by bit count, with folded fingerprints.

use std::cmp::Ordering;

use super::ranking::{Best, Hit, cmp_ratio};
use super::scan::Query;
use crate::bits::Fingerprints;
use crate::bits::{FOLD_BYTES, Fold, Popcount};
use crate::{Context, Inputs, Kernel, KernelError};

/// Rows that are examined between two updates of the bound.
const STEP_ROWS: usize = 1024;

/// A library of fingerprints, prepared once and searched often. It borrows the table and adds 76
/// bytes a row. Its answers equal those of the kernel `tanimoto_topk`.
pub struct FingerprintIndex<'a> {
    library: Fingerprints<'a>,
    popcount: Popcount,
    /// By index: rows ordered by bit count, then by row.
    rows: Vec<u64>,
    own: Vec<u32>,
    folds: Vec<Fold>,
    /// By bit count: its first index, and one more entry for the end.
    starts: Vec<usize>,
}

/// A row that a search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// The library row, over all batches.
    pub row: u64,
    /// Its similarity.
    pub similarity: f32,
}

impl<'a> FingerprintIndex<'a> {
    /// Prepares the columns `id` and `bits` of the input `library`.
    ///
    /// # Errors
    ///
    /// Fails if the table is not valid as the kernel's `library`, or a row has no fingerprint.
    pub fn build(inputs: &'a Inputs, context: &Context) -> Result<Self, KernelError> {
        let kernel = super::TanimotoTopk::new();
        let library = Fingerprints::read(inputs, kernel.entry(), "library")?;
        if let Some(row) = library.first_without() {
            return Err(KernelError::Null {
                port: "library".to_owned(),
                column: "bits".to_owned(),
                row,
                advice: "drop rows without a fingerprint first, for rows are answered by their \
                         number"
                    .to_owned(),
            });
        }
        let popcount = Popcount::detect();
        let (own, folds) = library.digest(popcount, context)?;
        Ok(Self::sorted(library, popcount, &own, &folds))
    }

    /// Orders rows by bit count, with a stable counting sort.
    fn sorted(library: Fingerprints<'a>, popcount: Popcount, own: &[u32], folds: &[Fold]) -> Self {
        let bucket = |bits: u32| usize::try_from(bits).unwrap_or(usize::MAX);
        let mut starts = vec![0; library.width * 8 + 2];
        for &bits in own {
            starts[bucket(bits) + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut next = starts.clone();
        let mut index = Self {
            rows: vec![0; own.len()],
            own: vec![0; own.len()],
            folds: vec![[0; 8]; own.len()],
            library,
            popcount,
            starts,
        };
        for (row, (&bits, fold)) in (0..).zip(own.iter().zip(folds)) {
            let place = &mut next[bucket(bits)];
            index.rows[*place] = row;
            index.own[*place] = bits;
            index.folds[*place] = *fold;
            *place += 1;
        }
        index
    }

    /// The best k rows that are at least as similar as the threshold, best first, ties by row.
    ///
    /// # Errors
    ///
    /// Fails if the query's width differs from the library's.
    pub fn search(
        &self,
        query: &[u8],
        k: usize,
        threshold: f64,
    ) -> Result<Vec<Neighbor>, KernelError> {
        if query.len() != self.library.width {
            return Err(KernelError::Input {
                port: "queries".to_owned(),
                problem: format!("a fingerprint is {} bytes wide", query.len()),
                expected: format!("{} bytes as in the library", self.library.width),
            });
        }
        let query = Query::new(query, self.popcount);
        let mut best = Best::new(k, threshold);
        let mut scratch = Scratch::default();
        for bits in Outward::new(query.own(), self.library.width * 8) {
            let bound = Hit {
                common: bits.min(query.own()),
                union: bits.max(query.own()),
                row: 0,
                query: 0,
            };
            if !best.admits(&bound) {
                // Bit counts come in order of falling bounds: no later one can be better.
                break;
            }
            self.search_bucket(bits, &query, &mut best, &mut scratch);
        }
        Ok(best
            .into_sorted()
            .iter()
            .map(|hit| Neighbor {
                row: hit.row,
                similarity: hit.similarity(),
            })
            .collect())
    }

    /// Examines all rows of one bit count.
    fn search_bucket(&self, bits: u32, query: &Query<'_>, best: &mut Best, scratch: &mut Scratch) {
        let bucket = usize::try_from(bits).unwrap_or(usize::MAX);
        let slack = if self.library.width <= FOLD_BYTES {
            0
        } else {
            query.slack()
        };
        let (mut from, end) = (self.starts[bucket], self.starts[bucket + 1]);
        while from < end {
            let to = end.min(from + STEP_ROWS);
            let own = &self.own[from..to];
            scratch.common.resize(to - from, 0);
            self.popcount
                .folded(query.fold(), &self.folds[from..to], &mut scratch.common);
            match query.reach(best, slack) {
                Some(test) => {
                    self.popcount
                        .select(&test, &scratch.common, own, &mut scratch.places);
                }
                None => {
                    scratch.places.clear();
                    scratch.places.extend(0..own.len());
                }
            }
            for &place in &scratch.places {
                let row = self.rows[from + place];
                let (common, union) = query.bound(scratch.common[place], bits, slack);
                let mut hit = Hit {
                    common,
                    union,
                    row,
                    query: 0,
                };
                if best.admits(&hit) {
                    (hit.common, hit.union) =
                        query.exact(self.popcount, self.library.bits(row), bits);
                    best.offer(hit);
                }
            }
            from = to;
        }
    }
}

/// The buffers of a search.
#[derive(Default)]
struct Scratch {
    common: Vec<u32>,
    places: Vec<usize>,
}

/// Bit counts in order of the best possible similarity to the query, `min/max`: from the query's
/// own count outwards.
struct Outward {
    query: u32,
    below: Option<u32>,
    above: Option<u32>,
    most: u32,
}

impl Outward {
    fn new(query: u32, width_bits: usize) -> Self {
        Self {
            query,
            below: Some(query),
            above: query.checked_add(1),
            most: u32::try_from(width_bits).unwrap_or(u32::MAX),
        }
    }
}

impl Iterator for Outward {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.above = self.above.filter(|&above| above <= self.most);
        let bound = |bits: u32| (bits.min(self.query), bits.max(self.query));
        let take_below = match (self.below, self.above) {
            (None, None) => return None,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(below), Some(above)) => cmp_ratio(bound(below), bound(above)) != Ordering::Less,
        };
        if take_below {
            let bits = self.below?;
            self.below = bits.checked_sub(1);
            Some(bits)
        } else {
            let bits = self.above?;
            self.above = bits.checked_add(1);
            Some(bits)
        }
    }
}
