//! Neighbors on a device: counted for all rows, listed for the next candidates.
//!
//! Rows are ordered by bit count. If they do not all fit, they are streamed in tiles past the rows
//! whose neighbors are sought. All comparisons are of integers, so the clusters equal the CPU's.

mod counting;
mod lane;
mod listing;
mod plan;

use self::counting::Counting;
use self::lane::{Block, Lane, Origin, count, number};
use self::listing::Listing;
use self::plan::{COUNT_BYTES, Plan};
use super::greedy::{Clusters, Neighbors, Rounds};
use super::near::{Near, place};
use crate::bits::{self, FOLD_BYTES, Fingerprints};
use crate::device::tiles::{self, Budget, LANES};
use crate::device::{Arg, Buffer, Device, Function, Grid, Source};
use crate::{Context, KernelError};

/// Rows along a tile's side, and threads; the CUDA source has the same number.
const SIDE: usize = 64;
const THREADS: u32 = 256;
/// Tiles that one block handles in sequence, so that its own rows are read once for all of them.
const TILES_A_BLOCK: usize = 16;

pub(super) fn source() -> Source {
    let text = include_str!("../../../cuda/butina.cu");
    let kernels = ["butina_folds", "butina_counts", "butina_lists"];
    bits::cuda("kernels/cuda/butina.cu", text, &kernels)
}

/// A device and the data on it.
pub(super) struct OnDevice<'a> {
    device: &'a Device,
    /// By row: its bits.
    own: Vec<u32>,
    /// By row: the number of its neighbors.
    counts: Vec<u32>,
    there: There<'a>,
    lanes: Vec<Lane>,
}

/// What all launches share.
struct There<'a> {
    origin: Origin<'a>,
    plan: Plan,
    /// Rows ordered by bit count.
    order: Vec<u32>,
    counter: Function,
    lister: Function,
    /// The common bits that make neighbors, by the sum of both rows' bits.
    need: Buffer,
    /// All rows, if they fit.
    all: Option<Block>,
    /// Candidates, or strips if not all rows fit.
    some: Block,
}

impl<'a> OnDevice<'a> {
    /// `own` holds the rows' bits; there is at least one row.
    pub(super) fn new(
        device: &'a Device,
        library: &'a Fingerprints<'a>,
        near: Near,
        own: Vec<u32>,
        context: &'a Context,
    ) -> Result<Self, KernelError> {
        let module = device.module(&source())?;
        let table = near.table(own.iter().copied().max().unwrap_or(0));
        let budget = Budget::of(device)?;
        let plan = Plan::new(budget, library.width, own.len(), size_of_val(&table[..]))?;
        let need = device.alloc_for::<u32>(table.len())?;
        device.stream()?.send(&table, &need)?;
        let mut order: Vec<u32> = (0..).take(own.len()).collect();
        order.sort_by_key(|&row| own[place(row)]);
        let lanes: Result<_, _> = (0..LANES).map(|_| Lane::new(device, &plan)).collect();
        let there = There {
            origin: Origin {
                library,
                context,
                folds: module.function("butina_folds")?,
            },
            counter: module.function("butina_counts")?,
            lister: module.function("butina_lists")?,
            need,
            all: plan
                .is_resident
                .then(|| Block::new(device, own.len(), plan.width))
                .transpose()?,
            some: Block::new(device, plan.block, plan.width)?,
            order,
            plan,
        };
        let mut new = Self {
            device,
            own,
            counts: Vec::new(),
            there,
            lanes: lanes?,
        };
        new.load_all()?;
        Ok(new)
    }

    /// Copies all rows to the device, if they fit. Lanes take turns: one gathers rows while the
    /// other's are copied.
    fn load_all(&mut self) -> Result<(), KernelError> {
        let there = &self.there;
        let Some(all) = &there.all else {
            return Ok(());
        };
        let rows = there.plan.stage;
        for (turn, part) in there.order.chunks(rows).enumerate() {
            let stage = &mut self.lanes[turn % LANES].stage;
            stage.load(&there.origin, part, all, turn * rows)?;
        }
        for lane in &self.lanes {
            lane.stage.stream.synchronize()?;
        }
        Ok(())
    }
}

impl Neighbors for OnDevice<'_> {
    fn rounds(&self) -> Rounds {
        let most = self.there.plan.candidates;
        Rounds {
            least: SIDE.min(most),
            first: (4 * SIDE).min(most),
            most,
            // A row also finds itself.
            neighbors: self.there.plan.room / 2,
        }
    }

    fn counts(&mut self) -> Result<Vec<u32>, KernelError> {
        let (there, rows) = (&self.there, self.there.order.len());
        let buffer = self.device.alloc(rows * COUNT_BYTES)?;
        let stream = self.device.stream()?;
        stream.fill(&buffer, 0)?;
        stream.synchronize()?;
        for start in (0..rows).step_by(there.plan.strip) {
            let strip = start..rows.min(start + there.plan.strip);
            if there.all.is_none() {
                let stage = &mut self.lanes[0].stage;
                stage.load(&there.origin, &there.order[strip.clone()], &there.some, 0)?;
                stage.stream.synchronize()?;
            }
            let mut work = Counting::new(there, strip, &buffer);
            tiles::run(&mut work, &mut self.lanes)?;
        }
        let mut by_place = vec![0; rows];
        stream.fetch(&buffer, &mut by_place)?;
        self.counts = vec![0; rows];
        for (&row, count) in there.order.iter().zip(by_place) {
            self.counts[place(row)] = count;
        }
        Ok(self.counts.clone())
    }

    fn lists(&mut self, candidates: &[u32], made: &Clusters) -> Result<Vec<Vec<u32>>, KernelError> {
        // Rows of similar bit counts are adjacent, so that whole tiles are out of their reach.
        let mut turns: Vec<usize> = (0..candidates.len()).collect();
        turns.sort_by_key(|&turn| self.own[place(candidates[turn])]);
        let rows: Vec<u32> = turns.iter().map(|&turn| candidates[turn]).collect();
        let stage = &mut self.lanes[0].stage;
        stage.load(&self.there.origin, &rows, &self.there.some, 0)?;
        stage.stream.synchronize()?;
        // Each row also finds itself.
        let most = rows.iter().map(|&row| place(self.counts[place(row)]) + 1);
        let mut work = Listing::new(&self.there, &rows, most.sum(), made);
        tiles::run(&mut work, &mut self.lanes)?;
        let mut lists = vec![Vec::new(); candidates.len()];
        for (turn, list) in turns.into_iter().zip(work.lists) {
            lists[turn] = list;
        }
        Ok(lists)
    }

    fn rows(&self) -> usize {
        self.there.order.len()
    }

    fn leave_out(&mut self, made: &Clusters) -> Result<(), KernelError> {
        self.there.order.retain(|&row| made.is_free(row));
        self.load_all()
    }
}

impl There<'_> {
    /// The next tile from `next` on, which advances; `None` if no row is left.
    fn next_tile(&self, next: &mut usize) -> Option<std::ops::Range<usize>> {
        let end = self.order.len().min(*next + self.plan.tile);
        let tile = *next..end;
        *next = end;
        (!tile.is_empty()).then_some(tile)
    }

    /// The block with a tile's rows and the first of them in it. Rows are streamed to the lane if
    /// needed.
    fn tile<'b>(
        &'b self,
        stage: &mut lane::Stage,
        block: Option<&'b Block>,
        tile: &std::ops::Range<usize>,
    ) -> Result<(&'b Block, usize), KernelError> {
        match (&self.all, block) {
            (None, Some(block)) => {
                stage.load(&self.origin, &self.order[tile.clone()], block, 0)?;
                Ok((block, 0))
            }
            (all, _) => Ok((all.as_ref().unwrap_or(&self.some), tile.start)),
        }
    }

    /// The arguments that follow both kernels' sides.
    fn shared_args(&self) -> [Arg<'_>; 3] {
        let width = self.plan.width;
        [
            number(width / 4),
            Arg::Buffer(&self.need),
            Arg::U32(u32::from(width <= FOLD_BYTES)),
        ]
    }
}

/// The grid for `a` rows by `b` rows.
fn grid(a: usize, b: usize) -> Grid {
    let down = b.div_ceil(SIDE * TILES_A_BLOCK).clamp(1, 65_535);
    Grid {
        blocks: [count(a.div_ceil(SIDE)), count(down), 1],
        ..Grid::new(1, THREADS)
    }
}
