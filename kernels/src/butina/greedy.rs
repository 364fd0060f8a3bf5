//! Clusters made one after the other, most neighbors first.

use std::cmp::Reverse;
use std::iter::Peekable;

use super::near::place;
use crate::KernelError;

/// Cluster of a row that is in none yet.
const NONE: i32 = -1;

/// Who finds neighbors: the processor's threads, or a device.
pub(super) trait Neighbors {
    /// How many lists it likes to seek at a time.
    fn rounds(&self) -> Rounds;

    /// By row, the number of its neighbors, the row itself not counted.
    fn counts(&mut self) -> Result<Vec<u32>, KernelError>;

    /// For each candidate, its neighbors that are in no cluster, in any order.
    fn lists(&mut self, candidates: &[u32], made: &Clusters) -> Result<Vec<Vec<u32>>, KernelError>;

    /// How many rows it still looks at.
    fn rows(&self) -> usize;

    /// Looks no more at rows that are in a cluster.
    fn leave_out(&mut self, made: &Clusters) -> Result<(), KernelError>;
}

/// Lists that are sought at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    /// Fewer leave some of the machine idle.
    pub(super) least: usize,
    /// In the first round.
    pub(super) first: usize,
    /// More would be too many.
    pub(super) most: usize,
    /// Neighbors in all lists of a round, but for a single list.
    pub(super) neighbors: usize,
}

/// Clusters by row.
pub(super) struct Clusters {
    pub(super) number: Vec<i32>,
    pub(super) is_centroid: Vec<bool>,
}

/// Makes clusters of all rows. Lists of neighbors are sought for the next few rows in line at a time,
/// among rows without a cluster; a row that one before it takes meanwhile has been sought in vain.
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
        // Most neighbors come first, so that those without any are behind.
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
        // What is sought in vain is lost; what is sought alone leaves much idle.
        round.first = match in_vain * 4 {
            lost if lost > candidates.len() * 2 => (round.first / 2).max(round.least),
            lost if lost < candidates.len() => (round.first * 2).min(round.most),
            _ => round.first,
        };
    }
    Ok(made)
}

/// The next rows without a cluster: no more than the next round may have.
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

    /// A cluster of a centroid and those of its neighbors that are in none; how many rows that are.
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
