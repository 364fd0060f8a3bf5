//! Clusters made one after the other, most neighbours first.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU32, Ordering};

use super::near::{Finder, Index, Probe, place};
use crate::{Context, KernelError};

/// Rows whose neighbours one task seeks, so that a tile read from memory serves them all.
const BLOCK: usize = 64;
/// Candidates of the first round for each thread.
const FIRST: usize = 4;
/// The most candidates of a round.
const MOST: usize = 8192;

/// Cluster of a row that is in none yet.
const NONE: i32 = -1;

/// Clusters by row.
pub(super) struct Clusters {
    pub(super) number: Vec<i32>,
    pub(super) is_centroid: Vec<bool>,
}

/// The number of neighbours of every row, the row itself not counted. Each pair is looked at once.
pub(super) fn neighbour_counts(
    finder: &Finder<'_>,
    index: &Index,
    own: &[u32],
    context: &Context,
) -> Result<Vec<u32>, KernelError> {
    let counts: Vec<AtomicU32> = own.iter().map(|_| AtomicU32::new(0)).collect();
    let blocks: Vec<&[u32]> = index.rows.chunks(BLOCK).collect();
    context.map(blocks.len(), |block| {
        let first = block * BLOCK;
        let probes: Vec<Probe<'_>> = (first + 1..)
            .zip(blocks[block])
            .map(|(next, &row)| {
                let mut probe = finder.probe(row, own[place(row)], index);
                probe.places.start = next;
                probe
            })
            .collect();
        finder.search(index, &probes, |probe, at| {
            for row in [blocks[block][probe], index.rows[at]] {
                // A sum: the order of additions does not matter.
                counts[place(row)].fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(())
    })?;
    Ok(counts.into_iter().map(AtomicU32::into_inner).collect())
}

/// Makes clusters. Lists of neighbours are sought for the next few rows in line at a time, among
/// rows without a cluster; a row that one before it takes meanwhile has been sought in vain.
pub(super) fn clusters(
    finder: &Finder<'_>,
    mut index: Index,
    own: &[u32],
    counts: &[u32],
    context: &Context,
) -> Result<Clusters, KernelError> {
    let mut order: Vec<u32> = (0..).take(counts.len()).collect();
    order.sort_unstable_by_key(|&row| (Reverse(counts[place(row)]), Reverse(row)));
    let mut made = Clusters {
        number: vec![NONE; counts.len()],
        is_centroid: vec![false; counts.len()],
    };
    let (mut next, mut free) = (0, counts.len());
    let mut line = order.iter().copied().peekable();
    let mut round = FIRST * context.threads();
    while line.peek().is_some() {
        if free < index.rows.len() / 2 {
            index.retain(|row| made.number[place(row)] == NONE);
        }
        let candidates = in_line(&mut line, round, counts, &made);
        let lists = neighbours(finder, &index, own, counts, &candidates, &made, context)?;
        let mut in_vain = 0;
        for (&row, list) in candidates.iter().zip(&lists) {
            if made.number[place(row)] != NONE {
                in_vain += 1;
                continue;
            }
            free -= made.add(next, row, list);
            next += 1;
        }
        // What is sought in vain is lost; what is sought alone leaves threads idle.
        round = match in_vain * 4 {
            lost if lost > candidates.len() * 2 => (round / 2).max(context.threads()),
            lost if lost < candidates.len() => (round * 2).min(MOST),
            _ => round,
        };
    }
    Ok(made)
}

/// The next rows without a cluster, and few enough that their lists are no longer than all rows.
fn in_line(
    line: &mut std::iter::Peekable<impl Iterator<Item = u32>>,
    most: usize,
    counts: &[u32],
    made: &Clusters,
) -> Vec<u32> {
    let mut candidates = Vec::new();
    let mut neighbours = 0;
    while candidates.len() < most
        && let Some(row) = line.next_if(|&row| {
            candidates.is_empty() || neighbours + place(counts[place(row)]) <= counts.len()
        })
    {
        if made.number[place(row)] == NONE {
            neighbours += place(counts[place(row)]);
            candidates.push(row);
        }
    }
    candidates
}

/// For each candidate, its neighbours that are in no cluster.
fn neighbours(
    finder: &Finder<'_>,
    index: &Index,
    own: &[u32],
    counts: &[u32],
    candidates: &[u32],
    made: &Clusters,
    context: &Context,
) -> Result<Vec<Vec<u32>>, KernelError> {
    let share = candidates.len().div_ceil(context.threads());
    let blocks: Vec<&[u32]> = candidates.chunks(share.clamp(1, BLOCK)).collect();
    let lists = context.map(blocks.len(), |block| {
        let rows = blocks[block];
        let probes: Vec<Probe<'_>> = rows
            .iter()
            .map(|&row| {
                let mut probe = finder.probe(row, own[place(row)], index);
                if counts[place(row)] == 0 {
                    probe.places = 0..0;
                }
                probe
            })
            .collect();
        let mut lists = vec![Vec::new(); rows.len()];
        finder.search(index, &probes, |probe, at| {
            let row = index.rows[at];
            if row != rows[probe] && made.number[place(row)] == NONE {
                lists[probe].push(row);
            }
        });
        Ok(lists)
    })?;
    Ok(lists.concat())
}

impl Clusters {
    /// A cluster of a centroid and those of its neighbours that are in none; how many rows that are.
    fn add(&mut self, number: i32, centroid: u32, neighbours: &[u32]) -> usize {
        self.is_centroid[place(centroid)] = true;
        let mut rows = 0;
        for &row in [centroid].iter().chain(neighbours) {
            let slot = &mut self.number[place(row)];
            if *slot == NONE {
                *slot = number;
                rows += 1;
            }
        }
        rows
    }
}
