//! Lists neighbors on a device: candidates against all remaining rows.

use std::ops::Range;

use super::super::greedy::Clusters;
use super::super::near::place;
use super::lane::{Lane, number};
use super::plan::PAIR_BYTES;
use super::{There, grid};
use crate::KernelError;
use crate::device::tiles::Tiled;
use crate::device::{Arg, DeviceError};

/// A round in progress.
pub(super) struct Listing<'a> {
    there: &'a There<'a>,
    /// The candidates, on the device.
    candidates: &'a [u32],
    /// The most pairs that a tile may return.
    most: usize,
    made: &'a Clusters,
    /// By candidate: the neighbors found so far.
    pub(super) lists: Vec<Vec<u32>>,
    /// The first index that is in no tile yet.
    next: usize,
}

impl<'a> Listing<'a> {
    /// Candidates, which are on the device, and the most pairs that all tiles return together.
    pub(super) fn new(
        there: &'a There<'a>,
        candidates: &'a [u32],
        pairs: usize,
        made: &'a Clusters,
    ) -> Self {
        Self {
            there,
            candidates,
            most: pairs.min(there.plan.room),
            made,
            lists: vec![Vec::new(); candidates.len()],
            next: 0,
        }
    }

    /// Repeats a tile in halves because its pairs did not fit. Lists are unordered, so the other
    /// lane need not wait.
    fn by_halves(&mut self, lane: &mut Lane, tile: Range<usize>) -> Result<(), KernelError> {
        if tile.len() < 2 {
            return Err(KernelError::Device(DeviceError::Undefined {
                kernel: "butina_lists".to_owned(),
                what: "it found more neighbors than it had counted".to_owned(),
            }));
        }
        let middle = tile.start.midpoint(tile.end);
        for half in [tile.start..middle, middle..tile.end] {
            self.start(lane, half)?;
            self.finish(lane)?;
        }
        Ok(())
    }
}

impl Tiled for Listing<'_> {
    type Lane = Lane;
    type Tile = Range<usize>;
    type Error = KernelError;

    fn next(&mut self) -> Option<Range<usize>> {
        self.there.next_tile(&mut self.next)
    }

    fn start(&mut self, lane: &mut Lane, tile: Range<usize>) -> Result<(), KernelError> {
        self.there.origin.context.check()?;
        let (block, first) = (self.there).tile(&mut lane.stage, lane.block.as_ref(), &tile)?;
        let stream = &lane.stage.stream;
        stream.fill(&lane.found, 0)?;
        let mut args = self.there.some.args(0, self.candidates.len()).to_vec();
        args.extend(block.args(first, tile.len()));
        args.extend(self.there.shared_args());
        args.extend([Arg::Buffer(&lane.found), number(self.most)]);
        let grid = grid(self.candidates.len(), tile.len());
        stream.launch(&self.there.lister, grid, &args)?;
        let bytes = (self.most + 1) * PAIR_BYTES;
        stream.download(&lane.found, 0, bytes, &lane.found_here)?;
        lane.tile = Some(tile);
        Ok(())
    }

    fn finish(&mut self, lane: &mut Lane) -> Result<(), KernelError> {
        let Some(tile) = lane.tile.take() else {
            return Ok(());
        };
        let bytes = lane.found_here.bytes()?;
        let found = place(word(bytes));
        if found > self.most {
            return self.by_halves(lane, tile);
        }
        for pair in bytes[PAIR_BYTES..][..found * PAIR_BYTES].chunks(PAIR_BYTES) {
            let candidate = place(word(pair));
            let row = self.there.order[tile.start + place(word(&pair[4..]))];
            if row != self.candidates[candidate] && self.made.is_free(row) {
                self.lists[candidate].push(row);
            }
        }
        Ok(())
    }
}

/// The first word.
fn word(bytes: &[u8]) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[..4]);
    u32::from_le_bytes(word)
}
