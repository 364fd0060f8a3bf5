//! Overlays on a device: references are copied once, fits are streamed in tiles.

use std::ops::Range;

use nalgebra::{Isometry3, Matrix3, Quaternion, Translation3, UnitQuaternion};

use super::molecule::Molecule;
use super::molecules::{Molecules, Row};
use super::overlay::{self, Overlay, Overlayer};
use super::{Outcome, frame, in_chunks};
use crate::device::tiles::{self, Budget, LANES, Tiled};
use crate::device::{Arg, Buffer, Device, DeviceError, Function, Grid, Pinned, Source, Stream};
use crate::table::wide;
use crate::{Context, KernelError};

/// Threads of a block, and threads of a climb.
const THREADS: u32 = 128;
const GROUP: usize = 8;
/// Numbers in a molecule's `Head`, in an atom and in an overlay, in double precision.
const HEAD: usize = 16;
const ATOM: usize = 4;
const OVERLAY: usize = 8;
/// Bytes of an atom in both precisions, and of a climb's result.
const ATOM_BYTES: usize = 48;
const FOUND_BYTES: usize = 32;
/// The most pairs of a tile: enough to fill a GPU several times, few enough to read molecules
/// during the climbs.
const TILE_PAIRS: usize = 1 << 14;

pub(super) fn source() -> Source {
    let text = include_str!("../../cuda/gaussian_shape.cu");
    let kernels = ["shape_narrow", "shape_climb", "shape_best"];
    Source::new("kernels/cuda/gaussian_shape.cu", text, &kernels)
}

/// The outcome of each fit, in order. There is at least one reference.
pub(super) fn run(
    device: &Device,
    overlayer: &Overlayer,
    references: &[Molecule],
    fits: &Molecules<'_>,
    context: &Context,
) -> Result<Vec<Outcome>, KernelError> {
    let places = fits.places();
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut budget = Budget::of(device)?;
    let there = There::new(device, &mut budget, overlayer, references)?;
    let atoms: Vec<usize> = places.iter().map(|&place| fits.most_atoms(place)).collect();
    let tiles = there.tiles(&budget, &atoms)?;
    let most = |count: &dyn Fn(&Range<usize>) -> usize| tiles.iter().map(count).max().unwrap_or(0);
    let most_fits = most(&|tile| tile.len());
    let most_atoms = most(&|tile| atoms[tile.clone()].iter().sum());
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        lanes.push(Lane::new(device, &there, most_fits, most_atoms)?);
    }
    let mut work = Work {
        there,
        overlayer,
        references,
        fits,
        context,
        tiles: tiles.into_iter(),
        outcomes: Vec::with_capacity(places.len()),
        places,
    };
    tiles::run(&mut work, &mut lanes)?;
    Ok(work.outcomes)
}

/// The data that stays on the device.
struct There {
    narrow: Function,
    climb: Function,
    best: Function,
    heads: Buffer,
    exact: Buffer,
    atoms: Buffer,
    turns: Buffer,
    references: usize,
    starts: usize,
}

impl There {
    fn new(
        device: &Device,
        budget: &mut Budget,
        overlayer: &Overlayer,
        references: &[Molecule],
    ) -> Result<Self, DeviceError> {
        let (mut heads, mut exact) = (Vec::new(), Vec::new());
        for reference in references {
            pack(reference, &frame::axes(reference), &mut heads, &mut exact);
        }
        let starts = frame::cube().into_iter().take(overlayer.starts);
        let turns: Vec<f64> = starts.flat_map(|turn| by_rows(&turn)).collect();
        let count = exact.len() / ATOM;
        budget.take(wide((heads.len() + turns.len()) * 8 + count * ATOM_BYTES))?;
        let module = device.module(&source())?;
        let there = Self {
            narrow: module.function("shape_narrow")?,
            climb: module.function("shape_climb")?,
            best: module.function("shape_best")?,
            heads: device.alloc_for::<f64>(heads.len())?,
            exact: device.alloc_for::<f64>(exact.len())?,
            atoms: device.alloc_for::<f32>(exact.len())?,
            turns: device.alloc_for::<f64>(turns.len())?,
            references: references.len(),
            starts: turns.len() / 9,
        };
        let stream = device.stream()?;
        stream.send(&heads, &there.heads)?;
        stream.send(&exact, &there.exact)?;
        if !turns.is_empty() {
            stream.send(&turns, &there.turns)?;
        }
        there.narrowed(&stream, &there.exact, &there.atoms, count)?;
        stream.synchronize()?;
        Ok(there)
    }

    /// Enqueues single-precision copies of a number of atoms.
    fn narrowed(
        &self,
        stream: &Stream,
        exact: &Buffer,
        atoms: &Buffer,
        count: usize,
    ) -> Result<(), DeviceError> {
        let args = [Arg::Buffer(exact), Arg::Buffer(atoms), number(count)];
        stream.launch(&self.narrow, grid(count), &args)
    }

    /// Bytes of a fit without its atoms.
    fn fit_bytes(&self) -> usize {
        HEAD * 8 + self.references * (OVERLAY * 8 + self.starts * FOUND_BYTES)
    }

    /// The fits in tiles: half of a lane's memory for atoms, half for pairs. `atoms` bounds the
    /// atoms of each fit.
    fn tiles(&self, budget: &Budget, atoms: &[usize]) -> Result<Vec<Range<usize>>, DeviceError> {
        let half = usize::try_from(budget.lane() / 2).unwrap_or(usize::MAX);
        let largest = atoms.iter().max().map_or(0, |&most| most * ATOM_BYTES);
        let least = largest.max(self.fit_bytes());
        if least > half {
            return Err(budget.too_little(wide(least.saturating_mul(2 * LANES))));
        }
        let most_fits = (half / self.fit_bytes()).min((TILE_PAIRS / self.references).max(1));
        let most_atoms = half / ATOM_BYTES;
        let mut tiles = Vec::new();
        let (mut first, mut sum) = (0, 0);
        for (fit, &count) in atoms.iter().enumerate() {
            if fit - first == most_fits || sum + count > most_atoms {
                tiles.push(first..fit);
                (first, sum) = (fit, 0);
            }
            sum += count;
        }
        tiles.push(first..atoms.len());
        Ok(tiles)
    }
}

/// Appends a molecule as the source's `Head`, and its atoms as `Exact`.
fn pack(molecule: &Molecule, axes: &Matrix3<f64>, heads: &mut Vec<f64>, exact: &mut Vec<f64>) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let at = |exact: &[f64]| (exact.len() / ATOM) as f64;
    heads.extend(molecule.center.iter());
    heads.extend(by_rows(axes));
    heads.push(at(exact));
    for (atom, exponent) in molecule.atoms.iter().zip(&molecule.exponents) {
        exact.extend([atom.x, atom.y, atom.z, *exponent]);
    }
    heads.extend([at(exact), overlay::arm(molecule), 0.0]);
}

fn by_rows(matrix: &Matrix3<f64>) -> Vec<f64> {
    matrix.transpose().iter().copied().collect()
}

fn number(n: usize) -> Arg<'static> {
    Arg::U32(u32::try_from(n).unwrap_or(u32::MAX))
}

/// The grid for a number of threads, at least one.
fn grid(threads: usize) -> Grid {
    let blocks = u32::try_from(threads).unwrap_or(u32::MAX).div_ceil(THREADS);
    Grid::new(blocks.max(1), THREADS)
}

/// A fit with its principal axes, or why it cannot be used.
type Read = Result<(Molecule, Matrix3<f64>), String>;

/// The memory of a tile in progress.
struct Lane {
    stream: Stream,
    heads: Buffer,
    exact: Buffer,
    atoms: Buffer,
    found: Buffer,
    out: Buffer,
    heads_here: Pinned,
    exact_here: Pinned,
    out_here: Pinned,
    tile: Option<Vec<Read>>,
}

impl Lane {
    fn new(device: &Device, there: &There, fits: usize, atoms: usize) -> Result<Self, DeviceError> {
        let stream = device.stream()?;
        let pairs = fits * there.references;
        let (heads, exact, out) = (fits * HEAD * 8, atoms * ATOM * 8, pairs * OVERLAY * 8);
        Ok(Self {
            heads: device.alloc(heads)?,
            exact: device.alloc(exact)?,
            atoms: device.alloc_for::<f32>(atoms * ATOM)?,
            found: device.alloc(pairs * there.starts * FOUND_BYTES)?,
            out: device.alloc(out)?,
            heads_here: stream.pinned(heads)?,
            exact_here: stream.pinned(exact)?,
            out_here: stream.pinned(out)?,
            stream,
            tile: None,
        })
    }
}

struct Work<'a> {
    there: There,
    overlayer: &'a Overlayer,
    references: &'a [Molecule],
    fits: &'a Molecules<'a>,
    context: &'a Context,
    places: Vec<(usize, usize)>,
    tiles: std::vec::IntoIter<Range<usize>>,
    outcomes: Vec<Outcome>,
}

impl Tiled for Work<'_> {
    type Lane = Lane;
    type Tile = Range<usize>;
    type Error = KernelError;

    fn next(&mut self) -> Option<Range<usize>> {
        self.tiles.next()
    }

    fn start(&mut self, lane: &mut Lane, fits: Range<usize>) -> Result<(), KernelError> {
        self.context.check()?;
        let read = |place| {
            let row: Row = self.fits.read(place);
            Ok(row.map(|fit| {
                let axes = frame::axes(&fit);
                (fit, axes)
            }))
        };
        let tile: Vec<Read> = in_chunks(self.context, &self.places[fits], read)?;
        let (mut heads, mut exact) = (Vec::new(), Vec::new());
        for (fit, axes) in tile.iter().flatten() {
            pack(fit, axes, &mut heads, &mut exact);
        }
        if !heads.is_empty() {
            lane.heads_here.write(&heads)?;
            lane.exact_here.write(&exact)?;
            self.launch(lane, heads.len() / HEAD, exact.len() / ATOM)?;
        }
        lane.tile = Some(tile);
        Ok(())
    }

    fn finish(&mut self, lane: &mut Lane) -> Result<(), KernelError> {
        let Some(tile) = lane.tile.take() else {
            return Ok(());
        };
        let sound = tile.iter().flatten().count();
        let mut numbers = vec![0.0; sound * self.references.len() * OVERLAY];
        lane.out_here.read(&mut numbers)?;
        let mut overlays = numbers.as_chunks::<OVERLAY>().0.iter();
        for read in tile {
            self.outcomes.push(read.map(|(fit, _)| {
                let pairs = self.references.iter().zip(&mut overlays);
                pairs
                    .map(|(reference, numbers)| laid(reference, &fit, numbers))
                    .collect()
            }));
        }
        Ok(())
    }
}

impl Work<'_> {
    /// Enqueues a tile with these numbers of fits and atoms on its lane's stream.
    fn launch(&self, lane: &Lane, fits: usize, atoms: usize) -> Result<(), DeviceError> {
        let (stream, there) = (&lane.stream, &self.there);
        stream.upload(&lane.heads_here, fits * HEAD * 8, &lane.heads, 0)?;
        stream.upload(&lane.exact_here, atoms * ATOM * 8, &lane.exact, 0)?;
        let pairs = fits * there.references;
        if there.starts > 0 {
            there.narrowed(stream, &lane.exact, &lane.atoms, atoms)?;
            let args = [
                Arg::Buffer(&there.heads),
                Arg::Buffer(&there.atoms),
                number(there.references),
                Arg::Buffer(&lane.heads),
                Arg::Buffer(&lane.atoms),
                number(fits),
                Arg::Buffer(&there.turns),
                number(there.starts),
                number(self.overlayer.steps),
                Arg::Buffer(&lane.found),
            ];
            stream.launch(&there.climb, grid(pairs * there.starts * GROUP), &args)?;
        }
        let args = [
            Arg::Buffer(&there.heads),
            Arg::Buffer(&there.exact),
            number(there.references),
            Arg::Buffer(&lane.heads),
            Arg::Buffer(&lane.exact),
            number(fits),
            Arg::Buffer(&lane.found),
            number(there.starts),
            Arg::Buffer(&lane.out),
        ];
        stream.launch(&there.best, grid(pairs * GROUP), &args)?;
        stream.download(&lane.out, 0, pairs * OVERLAY * 8, &lane.out_here)
    }
}

/// The device's result for a pair.
fn laid(reference: &Molecule, fit: &Molecule, numbers: &[f64; OVERLAY]) -> Overlay {
    let [volume, w, i, j, k, x, y, z] = *numbers;
    let rotation = UnitQuaternion::new_unchecked(Quaternion::new(w, i, j, k));
    let pose = Isometry3::from_parts(Translation3::new(x, y, z), rotation);
    Overlay::new(reference, fit, volume, &pose)
}
