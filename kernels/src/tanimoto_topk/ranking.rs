//! Ranks hits by exact integers and keeps the best k.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// One pair of a query and a library row. Greater means better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Bits in common.
    pub(super) common: u32,
    /// Bits in either.
    pub(super) union: u32,
    /// The library row, over all batches.
    pub(super) row: u64,
    /// The query's row.
    pub(super) query: usize,
}

impl Hit {
    /// The similarity, rounded to the nearest `f32`.
    pub(super) fn similarity(&self) -> f32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding a ratio in 0..=1 to f32 is what is wanted"
        )]
        let rounded = self.ratio() as f32;
        rounded
    }

    /// The similarity in double precision; 0 if both fingerprints are empty.
    pub(super) fn ratio(&self) -> f64 {
        f64::from(self.common) / f64::from(self.union.max(1))
    }

    /// Compares similarities without rounding: c1/u1 with c2/u2 by c1·u2 with c2·u1.
    pub(super) fn cmp_similarity(&self, other: &Self) -> Ordering {
        cmp_ratio((self.common, self.union), (other.common, other.union))
    }
}

/// Compares two similarities given as bits in common and bits in either; 0/0 counts as 0.
pub(super) fn cmp_ratio(a: (u32, u32), b: (u32, u32)) -> Ordering {
    let left = u64::from(a.0) * u64::from(b.1.max(1));
    let right = u64::from(b.0) * u64::from(a.1.max(1));
    left.cmp(&right)
}

impl Ord for Hit {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_similarity(other)
            .then_with(|| other.row.cmp(&self.row))
            .then_with(|| other.query.cmp(&self.query))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The best k hits so far that reach a threshold. The result does not depend on the order in which
/// hits arrive.
#[derive(Clone, Debug)]
pub(super) struct Best {
    k: usize,
    threshold: f64,
    /// The worst hit is on top.
    heap: BinaryHeap<std::cmp::Reverse<Hit>>,
}

impl Best {
    pub(super) fn new(k: usize, threshold: f64) -> Self {
        Self {
            k,
            threshold,
            heap: BinaryHeap::new(),
        }
    }

    /// Whether this hit would be kept. It is monotone: if no hit as good as a bound is admitted, no
    /// worse one is.
    pub(super) fn admits(&self, hit: &Hit) -> bool {
        if hit.ratio() < self.threshold {
            return false;
        }
        match self.heap.peek() {
            Some(worst) if self.heap.len() >= self.k => *hit > worst.0,
            _ => self.k > 0,
        }
    }

    /// Keeps the hit if it is good enough.
    pub(super) fn offer(&mut self, hit: Hit) {
        if self.admits(&hit) {
            if self.heap.len() >= self.k {
                self.heap.pop();
            }
            self.heap.push(std::cmp::Reverse(hit));
        }
    }

    /// The ratio that a hit must at least equal: bits in common and in either.
    pub(super) fn floor(&self) -> Option<(u32, u32)> {
        match self.heap.peek() {
            Some(worst) if self.heap.len() >= self.k => Some((worst.0.common, worst.0.union)),
            _ => None,
        }
    }

    /// The threshold as a ratio that never exceeds it; `None` without a threshold.
    pub(super) fn threshold_floor(&self) -> Option<(u32, u32)> {
        /// Fine enough to refuse nearly all that the threshold refuses, small enough for products.
        const PARTS: u32 = 8192;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a threshold is in 0..=1, so that this is in 0..=8192; rounding down is wanted"
        )]
        let part = (self.threshold * f64::from(PARTS)).floor() as u32;
        (part > 0).then_some((part.min(PARTS), PARTS))
    }

    /// Adds the hits that another list kept.
    pub(super) fn absorb(&mut self, other: Self) {
        for hit in other.heap {
            self.offer(hit.0);
        }
    }

    /// The hits, best first.
    pub(super) fn into_sorted(self) -> Vec<Hit> {
        // With `Reverse`, ascending order means best first.
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|hit| hit.0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(common: u32, union: u32, row: u64) -> Hit {
        Hit {
            common,
            union,
            row,
            query: 0,
        }
    }

    #[test]
    fn ties_go_to_the_lowest_row_and_empty_pairs_count_as_zero() {
        let mut best = Best::new(3, 0.0);
        for h in [
            hit(0, 0, 0),
            hit(2, 4, 9),
            hit(1, 2, 3),
            hit(0, 7, 1),
            hit(4, 4, 5),
        ] {
            best.offer(h);
        }
        let rows: Vec<u64> = best.into_sorted().iter().map(|h| h.row).collect();
        assert_eq!(rows, [5, 3, 9]);
    }

    #[test]
    fn float32_tells_all_ratios_of_4096_bits_apart() {
        // The closest distinct ratios with unions up to n are neighbors in the Farey sequence,
        // 1/(u·v) apart; near 1 they are (n-1)/n and (n-2)/(n-1), where f32 is coarsest.
        for n in 2..=4096_u32 {
            let (a, b) = (hit(n - 1, n, 0), hit(n - 2, n - 1, 0));
            assert!(a.similarity() > b.similarity(), "{n}");
            let (a, b) = (hit(n / 2 + 1, n, 0), hit(n / 2, n - 1, 0));
            assert_eq!(
                a.cmp_similarity(&b),
                a.similarity().partial_cmp(&b.similarity()).unwrap(),
                "{n}"
            );
        }
    }
}
