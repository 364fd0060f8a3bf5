//! The test for neighbors: a bound by bit counts, a test on folded fingerprints, an exact count.

use crate::bits::{FOLD_BYTES, Fingerprints, Fold, Popcount, Reach, fold_bits};

/// Rows of a tile: 512 folds are 32 KiB, which fit a first-level cache.
const TILE: usize = 512;

/// The test for neighbors: `1 - c / (a + b - c) <= distance`, and 0/0 := 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    distance: f64,
}

impl Near {
    pub(super) fn new(distance: f64) -> Self {
        Self { distance }
    }

    /// Whether fingerprints of `a` and `b` bits that share `common` are neighbors. It is monotone
    /// in `common`.
    pub(super) fn holds(self, common: u32, a: u32, b: u32) -> bool {
        let either = (a + b - common).max(1);
        1.0 - f64::from(common) / f64::from(either) <= self.distance
    }

    /// Whether fingerprints with these numbers of bits can be neighbors.
    fn possible(self, a: u32, b: u32) -> bool {
        self.holds(a.min(b), a, b)
    }

    /// By the sum of both rows' bits, up to twice `most`: the fewest common bits that make
    /// neighbors; more than half the sum if none do.
    pub(super) fn table(self, most: u32) -> Vec<u32> {
        let mut need = 0;
        // The least number of common bits never falls as the sum grows.
        let entry = |sum: u32| {
            while need <= sum / 2 && !self.holds(need, sum - sum / 2, sum / 2) {
                need += 1;
            }
            need
        };
        (0..=2 * most).map(entry).collect()
    }

    /// A ratio that every pair of neighbors reaches; `None` if all pairs are neighbors.
    fn floor(self) -> Option<(u32, u32)> {
        /// Fine enough to refuse nearly all non-neighbors, small enough for products.
        const PARTS: u32 = 8192;
        /// Far more than the rounding error of a ratio in double precision.
        const SAFE: f64 = 1e-6;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a distance is in 0..=1, so that this is in 0..=8192; rounding down is wanted"
        )]
        let part = ((1.0 - self.distance) * f64::from(PARTS) - SAFE).max(0.0) as u32;
        (part > 0).then_some((part, PARTS))
    }
}

/// Rows ordered by bit count, with contiguous folds.
pub(super) struct Index {
    /// By index: the row.
    pub(super) rows: Vec<u32>,
    own: Vec<u32>,
    folds: Vec<Fold>,
}

/// A row whose neighbors are sought among the entries of an index.
pub(super) struct Probe<'a> {
    bits: &'a [u8],
    own: u32,
    fold: Fold,
    /// Common bits that a fold may have missed.
    slack: u32,
    /// Where to search.
    pub(super) places: std::ops::Range<usize>,
}

/// Finds neighbors.
pub(super) struct Finder<'a> {
    pub(super) library: &'a Fingerprints<'a>,
    pub(super) near: Near,
    pub(super) popcount: Popcount,
}

impl Index {
    /// An index of all rows; `own` and `folds` are in row order.
    pub(super) fn new(own: &[u32], folds: &[Fold]) -> Self {
        let mut rows: Vec<u32> = (0..).take(own.len()).collect();
        rows.sort_by_key(|&row| own[place(row)]);
        Self {
            own: rows.iter().map(|&row| own[place(row)]).collect(),
            folds: rows.iter().map(|&row| folds[place(row)]).collect(),
            rows,
        }
    }

    /// Keeps only some rows.
    pub(super) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        let mut kept = 0;
        for at in 0..self.rows.len() {
            if keep(self.rows[at]) {
                self.rows[kept] = self.rows[at];
                self.own[kept] = self.own[at];
                self.folds[kept] = self.folds[at];
                kept += 1;
            }
        }
        self.rows.truncate(kept);
        self.own.truncate(kept);
        self.folds.truncate(kept);
    }
}

impl<'a> Finder<'a> {
    /// Prepares a row for comparison with all entries that its bit count allows.
    pub(super) fn probe(&self, row: u32, own: u32, index: &Index) -> Probe<'a> {
        let bits = self.library.bits(row.into());
        let (mut count, mut fold) = ([0], [[0; 8]]);
        self.popcount
            .digest(bits, self.library.width, &mut count, &mut fold);
        let allowed = |&other: &u32| self.near.possible(own, other);
        let from = index
            .own
            .partition_point(|other| *other < own && !allowed(other));
        let to = index
            .own
            .partition_point(|other| *other <= own || allowed(other));
        let exact = self.library.width <= FOLD_BYTES;
        Probe {
            bits,
            own,
            slack: if exact { 0 } else { own - fold_bits(&fold[0]) },
            fold: fold[0],
            places: from..to,
        }
    }

    /// Calls `found(probe, index)` for each neighbor, tile by tile so that folds are read from
    /// cache.
    pub(super) fn search(
        &self,
        index: &Index,
        probes: &[Probe<'_>],
        mut found: impl FnMut(usize, usize),
    ) {
        let start = probes.iter().map(|probe| probe.places.start).min();
        let end = probes.iter().map(|probe| probe.places.end).max();
        let mut common = [0; TILE];
        let mut hits = Vec::with_capacity(TILE);
        for from in (start.unwrap_or(0)..end.unwrap_or(0)).step_by(TILE) {
            for (number, probe) in probes.iter().enumerate() {
                let from_here = from.max(probe.places.start);
                let to_here = (from + TILE).min(probe.places.end);
                if from_here >= to_here {
                    continue;
                }
                let own = &index.own[from_here..to_here];
                let common = &mut common[..own.len()];
                self.popcount
                    .folded(&probe.fold, &index.folds[from_here..to_here], common);
                self.select(probe, common, own, &mut hits);
                for &hit in &hits {
                    let at = from_here + hit;
                    let row = self.library.bits(index.rows[at].into());
                    let common = self.popcount.common(probe.bits, row);
                    if self.near.holds(common, probe.own, own[hit]) {
                        found(number, at);
                    }
                }
            }
        }
    }

    /// The rows of a tile that may be neighbors.
    fn select(&self, probe: &Probe<'_>, common: &[u32], own: &[u32], hits: &mut Vec<usize>) {
        match self.near.floor() {
            Some(floor) if self.library.width <= Reach::MAX_WIDTH => {
                let test = Reach::new(floor, probe.own, probe.slack);
                self.popcount.select(&test, common, own, hits);
            }
            _ => {
                hits.clear();
                hits.extend(0..own.len());
            }
        }
    }
}

/// A row as an index.
pub(super) fn place(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_decides_as_the_test_does() {
        for distance in [0.0, 1.0 / 3.0, 0.35, 0.4, 0.6, 0.999, 1.0] {
            let near = Near::new(distance);
            let table = near.table(70);
            for (a, b) in (0..=70).flat_map(|a| (0..=70).map(move |b| (a, b))) {
                for common in 0..=a.min(b) {
                    let told = common >= table[place(a + b)];
                    assert_eq!(
                        told,
                        near.holds(common, a, b),
                        "{distance} {common} {a} {b}"
                    );
                }
            }
        }
    }
}
