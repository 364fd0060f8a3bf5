//! Finds neighbors with the CPU's threads.

use std::sync::atomic::{AtomicU32, Ordering};

use super::greedy::{Clusters, Neighbors, Rounds};
use super::near::{Finder, Index, Probe, place};
use crate::{Context, KernelError};

/// Rows that one task processes, so that a tile read from memory serves them all.
const BLOCK: usize = 64;
/// Candidates of the first round for each thread.
const FIRST: usize = 4;
/// The most candidates of a round.
const MOST: usize = 8192;

/// The finder and its data.
pub(super) struct Threads<'a> {
    pub(super) finder: Finder<'a>,
    pub(super) index: Index,
    /// By row: its bits.
    pub(super) own: Vec<u32>,
    pub(super) context: &'a Context,
}

impl Neighbors for Threads<'_> {
    fn rounds(&self) -> Rounds {
        let threads = self.context.threads();
        Rounds {
            least: threads,
            first: FIRST * threads,
            most: MOST,
            // All lists together are no longer than the rows.
            neighbors: self.own.len(),
        }
    }

    fn counts(&mut self) -> Result<Vec<u32>, KernelError> {
        let counts: Vec<AtomicU32> = self.own.iter().map(|_| AtomicU32::new(0)).collect();
        let blocks: Vec<&[u32]> = self.index.rows.chunks(BLOCK).collect();
        self.context.map(blocks.len(), |block| {
            let first = block * BLOCK;
            let probes: Vec<Probe<'_>> = (first + 1..)
                .zip(blocks[block])
                .map(|(next, &row)| {
                    let mut probe = self.probe(row);
                    // Each pair is compared once.
                    probe.places.start = next;
                    probe
                })
                .collect();
            self.finder.search(&self.index, &probes, |probe, at| {
                for row in [blocks[block][probe], self.index.rows[at]] {
                    // The order of additions does not matter for an integer sum.
                    counts[place(row)].fetch_add(1, Ordering::Relaxed);
                }
            });
            Ok(())
        })?;
        Ok(counts.into_iter().map(AtomicU32::into_inner).collect())
    }

    fn lists(&mut self, candidates: &[u32], made: &Clusters) -> Result<Vec<Vec<u32>>, KernelError> {
        let share = candidates.len().div_ceil(self.context.threads());
        let blocks: Vec<&[u32]> = candidates.chunks(share.clamp(1, BLOCK)).collect();
        let lists = self.context.map(blocks.len(), |block| {
            let rows = blocks[block];
            let probes: Vec<Probe<'_>> = rows.iter().map(|&row| self.probe(row)).collect();
            let mut lists = vec![Vec::new(); rows.len()];
            self.finder.search(&self.index, &probes, |probe, at| {
                let row = self.index.rows[at];
                if row != rows[probe] && made.is_free(row) {
                    lists[probe].push(row);
                }
            });
            Ok(lists)
        })?;
        Ok(lists.concat())
    }

    fn rows(&self) -> usize {
        self.index.rows.len()
    }

    fn leave_out(&mut self, made: &Clusters) -> Result<(), KernelError> {
        self.index.retain(|row| made.is_free(row));
        Ok(())
    }
}

impl<'a> Threads<'a> {
    fn probe(&self, row: u32) -> Probe<'a> {
        self.finder.probe(row, self.own[place(row)], &self.index)
    }
}
