//! Rows on the device, and how they get there.

use super::plan::{PAIR_BYTES, Plan, ROW_BYTES};
use crate::bits::{FOLD_BYTES, Fingerprints};
use crate::device::{Arg, Buffer, Device, DeviceError, Function, Grid, Pinned, Stream};
use crate::{Context, KernelError};

/// Threads of a block of `butina_folds`, and threads that share a row; the CUDA source has the same
/// numbers.
const THREADS: u32 = 256;
const THREADS_A_ROW: u32 = 16;
/// Rows that one task copies together.
const COPY_ROWS: usize = 4096;

/// Memory for rows.
pub(super) struct Block {
    bits: Buffer,
    folds: Buffer,
    rows: Buffer,
}

impl Block {
    pub(super) fn new(device: &Device, rows: usize, width: usize) -> Result<Self, DeviceError> {
        Ok(Self {
            bits: device.alloc(rows * width)?,
            folds: device.alloc(rows * FOLD_BYTES)?,
            rows: device.alloc(rows * ROW_BYTES)?,
        })
    }

    /// A kernel's arguments for `count` rows from `first` on.
    pub(super) fn args(&self, first: usize, count: usize) -> [Arg<'_>; 5] {
        [
            Arg::Buffer(&self.bits),
            Arg::Buffer(&self.folds),
            Arg::Buffer(&self.rows),
            number(first),
            number(count),
        ]
    }
}

/// The memory of a tile in progress.
pub(super) struct Lane {
    pub(super) stage: Stage,
    /// Memory for tiles that are streamed.
    pub(super) block: Option<Block>,
    pub(super) found: Buffer,
    pub(super) found_here: Pinned,
    /// The indices of the tile in progress.
    pub(super) tile: Option<std::ops::Range<usize>>,
}

impl Lane {
    pub(super) fn new(device: &Device, plan: &Plan) -> Result<Self, DeviceError> {
        let stream = device.stream()?;
        let found = (plan.room + 1) * PAIR_BYTES;
        Ok(Self {
            block: (!plan.is_resident)
                .then(|| Block::new(device, plan.tile, plan.width))
                .transpose()?,
            found: device.alloc(found)?,
            found_here: stream.pinned(found)?,
            stage: Stage {
                bits: stream.pinned(plan.stage * plan.width)?,
                rows: plan.stage,
                stream,
            },
            tile: None,
        })
    }
}

/// A stream, and the pinned memory from which it copies.
pub(super) struct Stage {
    pub(super) stream: Stream,
    bits: Pinned,
    /// The number of rows that it holds.
    pub(super) rows: usize,
}

/// The source of rows.
pub(super) struct Origin<'a> {
    pub(super) library: &'a Fingerprints<'a>,
    pub(super) context: &'a Context,
    pub(super) folds: Function,
}

impl Stage {
    /// Copies these rows into a block from its row `first` on, and computes their folds. It waits
    /// only for its own pinned memory.
    pub(super) fn load(
        &mut self,
        origin: &Origin<'_>,
        rows: &[u32],
        block: &Block,
        mut first: usize,
    ) -> Result<(), KernelError> {
        let width = origin.library.width;
        for rows in rows.chunks(self.rows) {
            let bytes = rows.len() * width;
            let bits = &mut self.bits.bytes()?[..bytes];
            origin
                .context
                .for_chunks(bits, COPY_ROWS * width, |i, bits| {
                    let rows = &rows[i * COPY_ROWS..];
                    for (&row, bits) in rows.iter().zip(bits.chunks_exact_mut(width)) {
                        bits.copy_from_slice(origin.library.bits(row.into()));
                    }
                    Ok(())
                })?;
            self.stream
                .upload(&self.bits, bytes, &block.bits, first * width)?;
            let args = [
                Arg::Buffer(&block.bits),
                number(first),
                number(rows.len()),
                number(width / 4),
                Arg::Buffer(&block.folds),
                Arg::Buffer(&block.rows),
            ];
            let blocks = count(rows.len()).div_ceil(THREADS / THREADS_A_ROW);
            self.stream
                .launch(&origin.folds, Grid::new(blocks, THREADS), &args)?;
            first += rows.len();
        }
        Ok(())
    }
}

/// A count as a kernel argument. There are fewer than 2^31 rows.
pub(super) fn number(count_of: usize) -> Arg<'static> {
    Arg::U32(count(count_of))
}

pub(super) fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
