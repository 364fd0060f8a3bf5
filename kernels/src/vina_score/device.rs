//! Scores poses on a device: the receptor is copied once, poses are streamed in tiles.
//!
//! The device also flags poses that look odd (NaN, or shrunk). The host then determines why such a
//! pose cannot be scored, so that messages are the same as on the CPU.

use std::ops::Range;

use super::cells::{Cells, wanted};
use super::scorer::{SHRUNK, Score, Scorer};
use super::terms::TERMS;
use super::{Place, Poses, Scored, molecule};
use crate::device::tiles::{self, Budget, LANES, Tiled};
use crate::device::{Arg, Buffer, Device, DeviceError, Function, Grid, Pinned, Source, Stream};
use crate::table::wide;
use crate::{Context, KernelError};

/// Threads of a block, and poses: one warp each.
const THREADS: u32 = 256;
const WARPS: usize = 8;
/// Numbers returned for each pose: terms, the sum of squared displacements, whether it looks odd,
/// padding.
const NUMBERS: usize = 8;
const SQUARE: usize = 5;
const ODD: usize = 6;
/// The most bytes of a tile's poses: a small part of a long table, so that copies overlap with
/// scoring.
const TILE_BYTES: usize = 8 << 20;
/// Poses that a thread copies at a time.
const CHUNK: usize = 1024;
/// Bytes of a ligand's atom on the device.
const ATOM_BYTES: usize = 32;
/// The flag for an atom that is not hydrogen, beside the flags that it pairs with.
const HEAVY: u32 = 8;
/// By how much the host's limit is raised on the device; the host decides.
const RAISED: f64 = 1.0 + 1e-9;

pub(super) fn source() -> Source {
    let text = include_str!("../../cuda/vina_score.cu");
    let kernels = ["vina_single", "vina_double"];
    Source::new("kernels/cuda/vina_score.cu", text, &kernels)
}

/// The result of [`Poses::score`]; `None` if the receptor is too wide for the device's cells.
pub(super) fn score(
    device: &Device,
    scorer: &Scorer,
    poses: &Poses<'_>,
    context: &Context,
) -> Result<Option<Vec<Scored>>, KernelError> {
    let places = poses.table.places();
    if places.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let single = poses.batches.iter().all(|batch| batch.xyz.are_single());
    let number = if single { 4 } else { 8 };
    let Some((there, rows)) = There::new(device, scorer, number, places.len())? else {
        return Ok(None);
    };
    let mut lanes = Vec::new();
    for _ in 0..LANES.min(places.len().div_ceil(rows)) {
        lanes.push(Lane::new(device, rows, there.pose_bytes)?);
    }
    let mut work = Work {
        scored: Vec::with_capacity(places.len()),
        next: 0,
        places,
        rows,
        single,
        there,
        poses,
        scorer,
        context,
    };
    tiles::run(&mut work, &mut lanes)?;
    Ok(Some(work.scored))
}

/// The data that stays on the device.
struct There {
    function: Function,
    ligand: Buffer,
    space: Buffer,
    starts: Buffer,
    near: Buffer,
    which: Buffer,
    receptor: Buffer,
    unsure: f32,
    /// Bytes of a pose's coordinates.
    pose_bytes: usize,
}

impl There {
    /// Everything on the device, and how many poses a tile can have beside it.
    fn new(
        device: &Device,
        scorer: &Scorer,
        number: usize,
        poses: usize,
    ) -> Result<Option<(Self, usize)>, KernelError> {
        let heavy = scorer.around.atoms();
        let receptor: Vec<f64> = heavy.iter().flat_map(|(_, place)| *place).collect();
        let ligand = ligand(scorer);
        let mut budget = Budget::of(device)?;
        budget.take(wide(size_of_val(&receptor[..]) + ligand.len()))?;
        let Some(cells) = Cells::new(heavy, scorer.cutoff.sqrt(), budget.lane()) else {
            return Ok(None);
        };
        budget.take(cells.bytes())?;
        let space = space(&cells, scorer);
        let pose_bytes = 3 * scorer.ligand.len() * number;
        budget.take(wide(size_of_val(&space[..])))?;
        let row = pose_bytes + NUMBERS * 8;
        let most = poses.min((TILE_BYTES / row).max(1));
        let rows = budget.rows(wide(row), wide(most))?;
        let name = if number == 4 {
            "vina_single"
        } else {
            "vina_double"
        };
        let there = Self {
            function: device.module(&source())?.function(name)?,
            ligand: device.alloc(ligand.len())?,
            space: device.alloc_for::<f64>(space.len())?,
            starts: device.alloc_for::<u32>(cells.starts.len())?,
            near: device.alloc_for::<f32>(cells.near.len())?,
            which: device.alloc_for::<u32>(cells.which.len())?,
            receptor: device.alloc_for::<f64>(receptor.len())?,
            unsure: single(cells.unsure()),
            pose_bytes,
        };
        let stream = device.stream()?;
        stream.send(&ligand, &there.ligand)?;
        stream.send(&space, &there.space)?;
        stream.send(&cells.starts, &there.starts)?;
        stream.send(&cells.near, &there.near)?;
        stream.send(&cells.which, &there.which)?;
        stream.send(&receptor, &there.receptor)?;
        Ok(Some((there, rows)))
    }
}

/// The ligand's atoms as the source's `Own`.
fn ligand(scorer: &Scorer) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(scorer.ligand.len() * ATOM_BYTES);
    for (atom, place) in scorer.ligand.atoms.iter().zip(&scorer.ligand.places) {
        for x in place {
            bytes.extend_from_slice(&x.to_le_bytes());
        }
        let (radius, wants) = atom.as_ref().map_or((0.0, 0), |atom| {
            let wants = wanted(atom.hydrophobic, atom.donor, atom.acceptor);
            (atom.radius, wants | HEAVY)
        });
        bytes.extend_from_slice(&radius.to_le_bytes());
        bytes.extend_from_slice(&wants.to_le_bytes());
    }
    bytes
}

/// The source's `Space`.
fn space(cells: &Cells, scorer: &Scorer) -> Vec<f64> {
    let least = SHRUNK * molecule::span(&scorer.ligand.places);
    let mut space = cells.space().to_vec();
    space.push(least * least * RAISED);
    space
}

#[expect(clippy::cast_possible_truncation, reason = "what float32 makes of it")]
fn single(x: f64) -> f32 {
    x as f32
}

/// The memory of a tile in progress.
struct Lane {
    stream: Stream,
    poses: Buffer,
    out: Buffer,
    poses_here: Pinned,
    out_here: Pinned,
    tile: Option<Tile>,
}

/// The poses in progress. Those that are not on the device cannot be scored, for the reason given.
struct Tile {
    places: Range<usize>,
    refused: Vec<Option<String>>,
}

impl Lane {
    fn new(device: &Device, rows: usize, pose_bytes: usize) -> Result<Self, DeviceError> {
        let stream = device.stream()?;
        let (poses, out) = (rows * pose_bytes, rows * NUMBERS * 8);
        Ok(Self {
            poses: device.alloc(poses)?,
            out: device.alloc(out)?,
            poses_here: stream.pinned(poses)?,
            out_here: stream.pinned(out)?,
            stream,
            tile: None,
        })
    }
}

struct Work<'a> {
    places: Vec<Place>,
    /// The first pose that is in no tile yet.
    next: usize,
    /// Poses of a tile.
    rows: usize,
    single: bool,
    there: There,
    poses: &'a Poses<'a>,
    scorer: &'a Scorer,
    context: &'a Context,
    scored: Vec<Scored>,
}

impl Tiled for Work<'_> {
    type Lane = Lane;
    type Tile = Range<usize>;
    type Error = KernelError;

    fn next(&mut self) -> Option<Range<usize>> {
        let tile = self.next..self.places.len().min(self.next + self.rows);
        self.next = tile.end;
        (!tile.is_empty()).then_some(tile)
    }

    fn start(&mut self, lane: &mut Lane, places: Range<usize>) -> Result<(), KernelError> {
        self.context.check()?;
        let tile = &self.places[places.clone()];
        let refused: Vec<Option<String>> = tile.iter().map(|&place| self.unfit(place)).collect();
        let fit: Vec<Place> = (tile.iter().zip(&refused))
            .filter_map(|(&place, reason)| reason.is_none().then_some(place))
            .collect();
        let (count, bytes) = (fit.len(), self.there.pose_bytes);
        let into = &mut lane.poses_here.bytes()?[..count * bytes];
        self.context
            .for_chunks(into, CHUNK * bytes, |chunk, into| {
                let poses = into.chunks_exact_mut(bytes).zip(&fit[chunk * CHUNK..]);
                for (slot, &(batch, row)) in poses {
                    self.poses.batches[batch].xyz.write(row, self.single, slot);
                }
                Ok(())
            })?;
        lane.tile = Some(Tile { places, refused });
        if count > 0 {
            self.launch(lane, count)?;
        }
        Ok(())
    }

    fn finish(&mut self, lane: &mut Lane) -> Result<(), KernelError> {
        let Some(tile) = lane.tile.take() else {
            return Ok(());
        };
        let mut numbers = lane.out_here.bytes()?.as_chunks::<8>().0.iter();
        for (&place, reason) in self.places[tile.places].iter().zip(tile.refused) {
            if let Some(reason) = reason {
                self.scored.push((place, Err(reason)));
                continue;
            }
            let mut all = [0.0; NUMBERS];
            for (into, number) in all.iter_mut().zip(&mut numbers) {
                *into = f64::from_le_bytes(*number);
            }
            let odd = all[ODD] > 0.0;
            let judged = if odd {
                self.poses.judge(place, self.scorer)
            } else {
                Ok(())
            };
            self.scored
                .push((place, judged.map(|()| self.scored_as(&all))));
        }
        Ok(())
    }
}

impl Work<'_> {
    /// Why a pose cannot be sent to the device.
    fn unfit(&self, place: Place) -> Option<String> {
        let (batch, row) = place;
        let found = self.poses.batches[batch].xyz.length(row);
        let fits = found == Some(3 * self.scorer.ligand.len());
        let kinds = self.poses.kinds(place);
        if fits && self.scorer.check_kinds(kinds.as_deref()).is_ok() {
            return None;
        }
        self.poses.judge(place, self.scorer).err()
    }

    fn launch(&self, lane: &Lane, count: usize) -> Result<(), DeviceError> {
        let there = &self.there;
        let bytes = count * there.pose_bytes;
        lane.stream
            .upload(&lane.poses_here, bytes, &lane.poses, 0)?;
        let number = |n: usize| Arg::U32(u32::try_from(n).unwrap_or(u32::MAX));
        let args = [
            Arg::Buffer(&lane.poses),
            number(count),
            number(self.scorer.ligand.len()),
            Arg::Buffer(&there.ligand),
            Arg::Buffer(&there.space),
            Arg::Buffer(&there.starts),
            Arg::Buffer(&there.near),
            Arg::Buffer(&there.which),
            Arg::Buffer(&there.receptor),
            Arg::F64(self.scorer.cutoff),
            Arg::F32(single(self.scorer.cutoff)),
            Arg::F32(there.unsure),
            Arg::Buffer(&lane.out),
        ];
        let blocks = u32::try_from(count.div_ceil(WARPS)).unwrap_or(u32::MAX);
        lane.stream
            .launch(&there.function, Grid::new(blocks, THREADS), &args)?;
        lane.stream
            .download(&lane.out, 0, count * NUMBERS * 8, &lane.out_here)
    }

    fn scored_as(&self, numbers: &[f64; NUMBERS]) -> Score {
        let mut terms = [0.0; TERMS];
        terms.copy_from_slice(&numbers[..TERMS]);
        self.scorer.scored(terms, numbers[SQUARE])
    }
}
