//! Applies the matrix on a device: weights are copied once, fields are streamed in tiles of rows.

use std::ops::Range;

use super::block::{NO_WEIGHT, Number, ROUNDING, Weighing};
use crate::device::tiles::{self, Budget, LANES, Tiled};
use crate::device::{
    Arg, Buffer, Device, DeviceError, Function, Grid, Pinned, Plain, Source, Stream,
};
use crate::table::wide;
use crate::{Context, KernelError};

/// Threads of a block if targets have few links.
const THREADS: usize = 256;
/// Rows that such a thread processes at a time; the CUDA source has the same values for this and
/// the next two.
const TIMES: usize = 8;
/// Threads of a block if targets have many links, and rows that it processes at a time.
const TALL: usize = 128;
/// Targets that such a block processes one after the other.
const GROUP: usize = 4;
/// The mean number of links of a target from which on they are many: half of what a warp reads
/// together.
const MANY_LINKS: usize = 16;
/// The most bytes of a tile: enough to keep the link busy, and little pinned memory.
const TILE_BYTES: usize = 256 << 20;

pub(super) fn source() -> Source {
    let text = include_str!("../../cuda/regrid_apply.cu");
    let kernels = [
        "regrid_short_single",
        "regrid_short_double",
        "regrid_long_single",
        "regrid_long_double",
    ];
    // Sums must equal the CPU's bit for bit.
    Source::new("kernels/cuda/regrid_apply.cu", text, &kernels).exact()
}

/// Fills the targets of all batches: `rows` gives each batch's values, row by row of `sources`.
pub(super) fn fill<'a, T: Number + Plain>(
    device: &Device,
    weighing: &Weighing<'_>,
    sources: usize,
    rows: impl Iterator<Item = &'a [T]>,
    out: &mut [Vec<T>],
    context: &Context,
) -> Result<(), KernelError> {
    let batches: Vec<&[T]> = rows.collect();
    let targets = weighing.matrix.targets();
    if targets == 0 || sources == 0 || batches.is_empty() {
        return Ok(());
    }
    let longest = batches.iter().map(|batch| batch.len() / sources).max();
    let (weights, rows) = Weights::new::<T>(device, weighing, sources, longest.unwrap_or(0))?;
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        lanes.push(Lane::new::<T>(device, rows * sources, rows * targets)?);
    }
    let tile = |(batch, values): (usize, &&[T])| {
        let count = values.len() / sources;
        let starts = (0..count).step_by(rows);
        let tiles = starts.map(move |at| (batch, at..count.min(at + rows)));
        tiles.collect::<Vec<_>>()
    };
    let mut work = Work {
        tiles: batches.iter().enumerate().flat_map(tile).collect(),
        weights,
        min_valid: weighing.min_valid,
        sources,
        targets,
        batches,
        out,
        context,
    };
    work.tiles.reverse();
    tiles::run(&mut work, &mut lanes)
}

/// The matrix on the device.
struct Weights {
    function: Function,
    /// Whether targets have many links.
    are_long: bool,
    starts: Buffer,
    links: Buffer,
    weights: Buffer,
}

impl Weights {
    /// The matrix, and how many rows a tile can have beside it.
    fn new<T: Plain>(
        device: &Device,
        weighing: &Weighing<'_>,
        sources: usize,
        most: usize,
    ) -> Result<(Self, usize), KernelError> {
        let matrix = weighing.matrix;
        let are_long = matrix.weights.len() >= MANY_LINKS * matrix.targets();
        let name = match (are_long, size_of::<T>() == 4) {
            (false, true) => "regrid_short_single",
            (false, false) => "regrid_short_double",
            (true, true) => "regrid_long_single",
            (true, false) => "regrid_long_double",
        };
        let starts = narrow(&matrix.starts, "the weights")?;
        let links = narrow(&matrix.sources, "a grid")?;
        let mut budget = Budget::of(device)?;
        budget.take(wide(size_of_val(&starts[..])))?;
        budget.take(wide(size_of_val(&links[..])))?;
        budget.take(wide(size_of_val(&matrix.weights[..])))?;
        let row = (sources + matrix.targets()) * size_of::<T>();
        let most = most.min((TILE_BYTES / row).max(1));
        let rows = budget.rows(wide(row), wide(most))?;
        let stream = device.stream()?;
        let there = Self {
            function: device.module(&source())?.function(name)?,
            are_long,
            starts: device.alloc_for::<u32>(starts.len())?,
            links: device.alloc_for::<u32>(links.len())?,
            weights: device.alloc_for::<f64>(matrix.weights.len())?,
        };
        stream.send(&starts, &there.starts)?;
        stream.send(&links, &there.links)?;
        stream.send(&matrix.weights, &there.weights)?;
        Ok((there, rows))
    }
}

/// Counts in the device's integer type.
fn narrow(counts: &[usize], what: &str) -> Result<Vec<u32>, KernelError> {
    let narrow = counts.iter().map(|&count| {
        u32::try_from(count).map_err(|_| KernelError::TooLarge {
            what: what.to_owned(),
            found: wide(count),
            limit: u32::MAX.into(),
        })
    });
    narrow.collect()
}

/// The memory of a tile in progress.
struct Lane {
    stream: Stream,
    field: Buffer,
    out: Buffer,
    field_here: Pinned,
    out_here: Pinned,
    tile: Option<Tile>,
}

impl Lane {
    fn new<T: Plain>(device: &Device, values: usize, means: usize) -> Result<Self, DeviceError> {
        let stream = device.stream()?;
        Ok(Self {
            field: device.alloc_for::<T>(values)?,
            out: device.alloc_for::<T>(means)?,
            field_here: stream.pinned(values * size_of::<T>())?,
            out_here: stream.pinned(means * size_of::<T>())?,
            stream,
            tile: None,
        })
    }
}

/// Rows of a batch.
type Tile = (usize, Range<usize>);

struct Work<'a, T> {
    /// In reverse order.
    tiles: Vec<Tile>,
    weights: Weights,
    min_valid: f64,
    sources: usize,
    targets: usize,
    batches: Vec<&'a [T]>,
    out: &'a mut [Vec<T>],
    context: &'a Context,
}

impl<T: Number + Plain> Tiled for Work<'_, T> {
    type Lane = Lane;
    type Tile = Tile;
    type Error = KernelError;

    fn next(&mut self) -> Option<Tile> {
        self.tiles.pop()
    }

    fn start(&mut self, lane: &mut Lane, (batch, rows): Tile) -> Result<(), KernelError> {
        self.context.check()?;
        let values = &self.batches[batch][rows.start * self.sources..rows.end * self.sources];
        let bytes = size_of_val(values);
        lane.field_here.write(values)?;
        lane.stream
            .upload(&lane.field_here, bytes, &lane.field, 0)?;
        let count = |n: usize| Arg::U32(u32::try_from(n).unwrap_or(u32::MAX));
        let args = [
            Arg::Buffer(&lane.field),
            Arg::Buffer(&lane.out),
            count(rows.len()),
            count(self.sources),
            count(self.targets),
            Arg::Buffer(&self.weights.starts),
            Arg::Buffer(&self.weights.links),
            Arg::Buffer(&self.weights.weights),
            Arg::F64(self.min_valid),
            Arg::F64(NO_WEIGHT),
            Arg::F64(ROUNDING),
        ];
        let grid = if self.weights.are_long {
            grid(
                self.targets.div_ceil(GROUP),
                rows.len().div_ceil(TALL),
                TALL,
            )
        } else {
            let across = self.targets.div_ceil(THREADS);
            grid(across, rows.len().div_ceil(TIMES), THREADS)
        };
        lane.stream.launch(&self.weights.function, grid, &args)?;
        let means = rows.len() * self.targets * size_of::<T>();
        lane.stream.download(&lane.out, 0, means, &lane.out_here)?;
        lane.tile = Some((batch, rows));
        Ok(())
    }

    fn finish(&mut self, lane: &mut Lane) -> Result<(), KernelError> {
        if let Some((batch, rows)) = lane.tile.take() {
            let out = &mut self.out[batch][rows.start * self.targets..rows.end * self.targets];
            lane.out_here.read(out)?;
        }
        Ok(())
    }
}

fn grid(across: usize, down: usize, threads: usize) -> Grid {
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Grid {
        blocks: [narrow(across), narrow(down.clamp(1, 65_535)), 1],
        ..Grid::new(1, narrow(threads))
    }
}
