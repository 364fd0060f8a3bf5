//! Counts neighbors on a device: a strip of rows against all rows after them.

use std::ops::Range;

use super::lane::{Block, Lane, number};
use super::{There, grid};
use crate::KernelError;
use crate::device::Buffer;
use crate::device::tiles::Tiled;

/// A strip in progress.
pub(super) struct Counting<'a> {
    there: &'a There<'a>,
    strip: Range<usize>,
    counts: &'a Buffer,
    /// The first index that is in no tile yet.
    next: usize,
}

impl<'a> Counting<'a> {
    /// A strip, which is on the device, and the counts by index, to which it adds.
    pub(super) fn new(there: &'a There<'a>, strip: Range<usize>, counts: &'a Buffer) -> Self {
        Self {
            there,
            next: strip.start,
            strip,
            counts,
        }
    }

    /// The block with the strip, and the strip's first row in it.
    fn strip(&self) -> (&'a Block, usize) {
        match &self.there.all {
            Some(all) => (all, self.strip.start),
            None => (&self.there.some, 0),
        }
    }
}

impl Tiled for Counting<'_> {
    type Lane = Lane;
    type Tile = Range<usize>;
    type Error = KernelError;

    fn next(&mut self) -> Option<Range<usize>> {
        self.there.next_tile(&mut self.next)
    }

    fn start(&mut self, lane: &mut Lane, tile: Range<usize>) -> Result<(), KernelError> {
        self.there.origin.context.check()?;
        let (block, first) = (self.there).tile(&mut lane.stage, lane.block.as_ref(), &tile)?;
        let (strip, strip_first) = self.strip();
        let mut args = strip.args(strip_first, self.strip.len()).to_vec();
        args.push(number(self.strip.start));
        args.extend(block.args(first, tile.len()));
        args.push(number(tile.start));
        args.extend(self.there.shared_args());
        args.push(crate::device::Arg::Buffer(self.counts));
        let grid = grid(self.strip.len(), tile.len());
        lane.stage.stream.launch(&self.there.counter, grid, &args)?;
        Ok(())
    }

    fn finish(&mut self, lane: &mut Lane) -> Result<(), KernelError> {
        Ok(lane.stage.stream.synchronize()?)
    }
}
