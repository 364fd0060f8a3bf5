//! Makes clusters one after the other, most neighbors first.

use std::cmp::Reverse;
use std::iter::Peekable;

use super::near::place;
use crate::KernelError;

/// The cluster of a row that is in none yet.
const NONE: i32 = -1;

/// A finder of neighbors: the CPU's threads, or a device.
pub(super) trait Neighbors {
    /// How many lists it finds efficiently at a time.
    fn rounds(&self) -> Rounds;

    /// By row: the number of its neighbors, the row itself not counted.
    fn counts(&mut self) -> Result<Vec<u32>, KernelError>;

    /// For each candidate, its neighbors that are in no cluster, in any order.
    fn lists(&mut self, candidates: &[u32], made: &Clusters) -> Result<Vec<Vec<u32>>, KernelError>;

    /// The number of rows that it still considers.
    fn rows(&self) -> usize;

    /// Drops rows that are in a cluster.
    fn leave_out(&mut self, made: &Clusters) -> Result<(), KernelError>;
}

/// The number of lists that are sought at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    /// Fewer leave part of the machine idle.
    pub(super) least: usize,
    /// The number in the first round.
    pub(super) first: usize,
    /// The upper limit.
    pub(super) most: usize,
    /// The most neighbors in all lists of a round, unless it is a single list.
    pub(super) neighbors: usize,
}

/// Clusters by row.
pub(super) struct Clusters {
    pub(super) number: Vec<i32>,
    pub(super) is_centroid: Vec<bool>,
}

/// Makes clusters of all rows. Lists of neighbors are found for several candidates at a time, among
/// rows without a cluster. If an earlier candidate takes a later one, the later list was computed
/// in vain.
pub(super) fn clusters(finder: &mut dyn Neighbors) -> Result<Clusters, KernelError> {
    let counts = finder.counts()?;
    let mut order: Vec<u32> = (0..).take(counts.len()).collect();
    order.sort_unstable_by_key(|&row| (Reverse(counts[place(row)]), Reverse(row)));
    let mut made = Clusters {
        number: vec![NONE; counts.len()],
        is_centroid: vec![false; counts.len()],
    };
    let (mut next, mut free) = (0, counts.len());
    let mut line = order.iter().copied().peekable();
    let mut round = finder.rounds();
    while line.peek().is_some() {
        if free < finder.rows() / 2 {
            finder.leave_out(&made)?;
        }
        let candidates = in_line(&mut line, &round, &counts, &made);
        // Most neighbors come first, so that rows without any are at the end.
        let with = candidates.partition_point(|&row| counts[place(row)] > 0);
        let mut lists = match &candidates[..with] {
            [] => Vec::new(),
            some => finder.lists(some, &made)?,
        };
        lists.resize(candidates.len(), Vec::new());
        let mut in_vain = 0;
        for (&row, list) in candidates.iter().zip(&lists) {
            if !made.is_free(row) {
                in_vain += 1;
                continue;
            }
            free -= made.add(next, row, list);
            next += 1;
        }
        // Lists found in vain are wasted work; single lists leave the machine idle.
        round.first = match in_vain * 4 {
            lost if lost > candidates.len() * 2 => (round.first / 2).max(round.least),
            lost if lost < candidates.len() => (round.first * 2).min(round.most),
            _ => round.first,
        };
    }
    Ok(made)
}

/// The next rows without a cluster, at most as many as the next round takes.
fn in_line(
    line: &mut Peekable<impl Iterator<Item = u32>>,
    round: &Rounds,
    counts: &[u32],
    made: &Clusters,
) -> Vec<u32> {
    let mut candidates = Vec::new();
    let mut neighbors = 0;
    while candidates.len() < round.first
        && let Some(row) = line.next_if(|&row| {
            candidates.is_empty() || neighbors + place(counts[place(row)]) <= round.neighbors
        })
    {
        if made.is_free(row) {
            neighbors += place(counts[place(row)]);
            candidates.push(row);
        }
    }
    candidates
}

impl Clusters {
    /// Whether a row is in no cluster yet.
    pub(super) fn is_free(&self, row: u32) -> bool {
        self.number[place(row)] == NONE
    }

    /// Makes a cluster of a centroid and those of its neighbors that are in none. Returns the
    /// number of rows.
    fn add(&mut self, number: i32, centroid: u32, neighbors: &[u32]) -> usize {
        self.is_centroid[place(centroid)] = true;
        let mut rows = 0;
        for &row in [centroid].iter().chain(neighbors) {
            let slot = &mut self.number[place(row)];
            if *slot == NONE {
                *slot = number;
                rows += 1;
            }
        }
        rows
    }
}
