//! The search on the CPU: library rows in tiles that fit the cache, each compared with every query.

use std::collections::BTreeMap;

use super::ranking::{Best, Hit, cmp_ratio};
use crate::bits::Fingerprints;
use crate::bits::{FOLD_BYTES, Fold, Popcount, Reach, fold_bits};
use crate::table::wide;
use crate::{Context, KernelError};

/// Rows of a tile: 1024 fingerprints of 2048 bits are 256 KiB, which fit a second-level cache.
const TILE_ROWS: usize = 1024;
/// Up to this many queries, comparing whole fingerprints is faster than folding the tile first.
const DIRECT_QUERIES: usize = 3;
/// Groups of tiles for each thread, so that threads end together.
const GROUPS_PER_THREAD: usize = 4;

/// One prepared query.
pub(super) struct Query<'a> {
    bits: &'a [u8],
    own: u32,
    fold: Fold,
    /// Bits of the query that its fold lost, and hence common bits that a fold may miss.
    slack: u32,
}

impl<'a> Query<'a> {
    pub(super) fn new(bits: &'a [u8], popcount: Popcount) -> Self {
        let (mut own, mut fold) = ([0], [[0; 8]]);
        popcount.digest(bits, bits.len(), &mut own, &mut fold);
        Self {
            bits,
            own: own[0],
            fold: fold[0],
            slack: own[0] - fold_bits(&fold[0]),
        }
    }

    pub(super) fn bits(&self) -> &'a [u8] {
        self.bits
    }

    pub(super) fn own(&self) -> u32 {
        self.own
    }

    pub(super) fn fold(&self) -> &Fold {
        &self.fold
    }

    /// The best hit that a row with these counts can be.
    pub(super) fn bound(&self, common: u32, own: u32, slack: u32) -> (u32, u32) {
        let common = (common + slack).min(own).min(self.own);
        (common, self.own + own - common)
    }

    /// Common bits and bits in either, counted in full.
    pub(super) fn exact(&self, popcount: Popcount, row: &[u8], own: u32) -> (u32, u32) {
        let common = popcount.common(self.bits, row);
        (common, self.own + own - common)
    }

    /// The integer test that rows must pass before an exact count.
    pub(super) fn reach(&self, best: &Best, slack: u32) -> Option<Reach> {
        (self.bits.len() <= Reach::MAX_WIDTH)
            .then(|| best.floor().or_else(|| best.threshold_floor()))
            .flatten()
            .map(|floor| Reach::new(floor, self.own, slack))
    }

    /// Common bits with this query that a row's fold may have lost; none if the fold is the
    /// fingerprint.
    pub(super) fn slack(&self) -> u32 {
        self.slack
    }
}

/// Library rows that some queries must not find, by row.
pub(super) type Excluded = BTreeMap<u64, Vec<usize>>;

/// The task of the search.
pub(super) struct Search<'a> {
    pub(super) queries: Vec<Query<'a>>,
    pub(super) k: usize,
    pub(super) threshold: f64,
    /// Whether all queries share one list, with each row's best query.
    pub(super) fuse: bool,
    pub(super) excluded: Excluded,
    pub(super) popcount: Popcount,
}

/// Consecutive rows of one batch.
#[derive(Clone, Copy)]
struct Tile<'a> {
    start: u64,
    bits: &'a [u8],
}

/// Counts of a tile's rows.
struct Counts {
    own: Vec<u32>,
    common: Vec<u32>,
    folds: Vec<Fold>,
    places: Vec<usize>,
}

impl Search<'_> {
    /// The best hits: a list for each query, or a single list if fused.
    pub(super) fn run(
        &self,
        library: &Fingerprints<'_>,
        context: &Context,
    ) -> Result<Vec<Best>, KernelError> {
        if let Some(device) = context.device() {
            return self.run_on(device, library, context);
        }
        let mut lists = vec![Best::new(self.k, self.threshold); self.lists()];
        let tiles = tiles(library);
        if tiles.is_empty() || self.queries.is_empty() {
            return Ok(lists);
        }
        let groups = match context.threads() {
            1 => 1,
            threads => threads * GROUPS_PER_THREAD,
        };
        let groups: Vec<_> = tiles.chunks(tiles.len().div_ceil(groups)).collect();
        for partial in context.map(groups.len(), |group| self.scan(groups[group], context))? {
            for (list, partial) in lists.iter_mut().zip(partial) {
                list.absorb(partial);
            }
        }
        Ok(lists)
    }

    pub(super) fn lists(&self) -> usize {
        if self.fuse { 1 } else { self.queries.len() }
    }

    /// Compares every query with some tiles.
    fn scan(&self, tiles: &[Tile<'_>], context: &Context) -> Result<Vec<Best>, KernelError> {
        let mut lists = vec![Best::new(self.k, self.threshold); self.lists()];
        let width = self.queries[0].bits.len();
        let direct = self.queries.len() <= DIRECT_QUERIES;
        let mut counts = Counts::new();
        let mut fused: Vec<Option<Hit>> = Vec::new();
        for tile in tiles {
            context.check()?;
            counts.resize(tile.bits.len() / width);
            fused.clear();
            fused.resize(counts.own.len(), None);
            if !direct {
                self.popcount
                    .digest(tile.bits, width, &mut counts.own, &mut counts.folds);
            }
            for (q, query) in self.queries.iter().enumerate() {
                // A fold of 64 bytes or less is the fingerprint itself, so its count is exact.
                let exact = direct || width <= FOLD_BYTES;
                if direct {
                    self.popcount
                        .scan(query.bits, tile.bits, &mut counts.common, &mut counts.own);
                } else {
                    self.popcount
                        .folded(&query.fold, &counts.folds, &mut counts.common);
                }
                let best = &mut lists[if self.fuse { 0 } else { q }];
                let hits = self.hits(tile, q, exact, &mut counts, best);
                if self.fuse {
                    keep_best_query(&mut fused, tile.start, hits);
                }
            }
            for hit in fused.iter().flatten() {
                lists[0].offer(*hit);
            }
        }
        Ok(lists)
    }

    /// Offers a tile's rows for one query; if fused, returns them instead.
    fn hits(
        &self,
        tile: &Tile<'_>,
        q: usize,
        exact: bool,
        counts: &mut Counts,
        best: &mut Best,
    ) -> Vec<Hit> {
        let query = &self.queries[q];
        let width = query.bits.len();
        let slack = if exact { 0 } else { query.slack };
        match query.reach(best, slack) {
            Some(test) => {
                self.popcount
                    .select(&test, &counts.common, &counts.own, &mut counts.places);
            }
            None => {
                counts.places.clear();
                counts.places.extend(0..counts.own.len());
            }
        }
        let mut kept = Vec::new();
        for &place in &counts.places {
            let own = counts.own[place];
            let row = tile.start + wide(place);
            let (common, union) = query.bound(counts.common[place], own, slack);
            let mut hit = Hit {
                common,
                union,
                row,
                query: q,
            };
            if !best.admits(&hit) || self.is_excluded(row, q) {
                continue;
            }
            if !exact {
                let bits = &tile.bits[place * width..(place + 1) * width];
                (hit.common, hit.union) = query.exact(self.popcount, bits, own);
            }
            if self.fuse {
                kept.push(hit);
            } else {
                best.offer(hit);
            }
        }
        kept
    }

    pub(super) fn is_excluded(&self, row: u64, query: usize) -> bool {
        !self.excluded.is_empty()
            && self
                .excluded
                .get(&row)
                .is_some_and(|queries| queries.is_empty() || queries.contains(&query))
    }
}

/// Keeps each row's best query. Queries come in order, so the lowest wins ties.
fn keep_best_query(fused: &mut [Option<Hit>], start: u64, hits: Vec<Hit>) {
    for hit in hits {
        let place = usize::try_from(hit.row - start).unwrap_or(usize::MAX);
        if let Some(slot) = fused.get_mut(place) {
            let better = slot.is_none_or(|old| {
                cmp_ratio((hit.common, hit.union), (old.common, old.union)).is_gt()
            });
            if better {
                *slot = Some(hit);
            }
        }
    }
}

fn tiles<'a>(library: &Fingerprints<'a>) -> Vec<Tile<'a>> {
    let bytes = TILE_ROWS * library.width;
    library
        .batches
        .iter()
        .flat_map(|batch| {
            batch.bits.chunks(bytes).enumerate().map(|(i, bits)| Tile {
                start: batch.start + wide(i * TILE_ROWS),
                bits,
            })
        })
        .collect()
}

impl Counts {
    fn new() -> Self {
        Self {
            own: Vec::new(),
            common: Vec::new(),
            folds: Vec::new(),
            places: Vec::new(),
        }
    }

    fn resize(&mut self, rows: usize) {
        self.own.resize(rows, 0);
        self.common.resize(rows, 0);
        self.folds.resize(rows, [0; 8]);
    }
}
