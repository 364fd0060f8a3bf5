//! The search on a device: it returns pairs that may be among the best, and the host ranks them.
//!
//! Library rows are streamed in tiles that grow as the lists fill. The worst entry of a full list
//! is the floor that a pair must exceed to be returned. All comparisons are of integers, so the
//! result equals the CPU's to the last bit.

use std::ops::Range;

use super::ranking::{Best, Hit};
use super::scan::Search;
use crate::bits::{self, Fingerprints};
use crate::device::tiles::{self, Budget, LANES, Tiled};
use crate::device::{Arg, Buffer, Device, DeviceError, Function, Grid, Pinned, Source, Stream};
use crate::table::wide;
use crate::{Context, KernelError};

/// Up to this many queries are compared with a row by the warp that reads it.
const FEW_QUERIES: usize = 8;
/// The shared memory that every device has by default, in bytes.
const SHARED_BYTES: usize = 48 << 10;
/// Bytes of a returned pair: row in the tile, query, bits in common, bits in either.
const PAIR_BYTES: usize = 16;
/// Bytes of a query's floor.
const FLOOR_BYTES: usize = 16;
/// The pairs that a tile has room for: the least, if memory allows, and the most.
const ROOM: Range<usize> = 1 << 16..1 << 22;
/// The most bytes of a tile: enough to keep the link busy, and little pinned memory.
const TILE_BYTES: usize = 256 << 20;
/// How many times larger than the one before a tile may be.
const GROWTH: usize = 4;

pub(super) fn source() -> Source {
    let text = include_str!("../../cuda/tanimoto_topk.cu");
    let kernels = ["tanimoto_rows", "tanimoto_pairs"];
    bits::cuda("kernels/cuda/tanimoto_topk.cu", text, &kernels)
}

impl Search<'_> {
    /// The best hits, in the form of [`Search::run`].
    pub(super) fn run_on(
        &self,
        device: &Device,
        library: &Fingerprints<'_>,
        context: &Context,
    ) -> Result<Vec<Best>, KernelError> {
        let lists = vec![Best::new(self.k, self.threshold); self.lists()];
        if library.rows == 0 || self.queries.is_empty() || self.k == 0 {
            return Ok(lists);
        }
        let (plan, queries) = Plan::new(self, device, library)?;
        let mut lanes = Vec::new();
        for _ in 0..LANES {
            lanes.push(Lane::new(device, &plan)?);
        }
        let mut work = Work {
            search: self,
            library,
            context,
            plan,
            queries,
            lists,
            next: 0,
            rows: 1,
        };
        work.rows = work.plan.first_rows;
        tiles::run(&mut work, &mut lanes)?;
        Ok(work.lists)
    }
}

/// Sizes, determined by the device's free memory.
struct Plan {
    function: Function,
    few: bool,
    width: usize,
    queries: usize,
    /// The pairs that a tile can return.
    room: usize,
    first_rows: usize,
    most_rows: usize,
}

impl Plan {
    /// The sizes, and the queries' bits on the device.
    fn new(
        search: &Search<'_>,
        device: &Device,
        library: &Fingerprints<'_>,
    ) -> Result<(Self, Buffer), DeviceError> {
        let width = library.width;
        let queries = search.queries.len();
        let few = queries <= FEW_QUERIES && queries * width <= SHARED_BYTES;
        let name = if few {
            "tanimoto_rows"
        } else {
            "tanimoto_pairs"
        };
        let function = device.module(&source())?.function(name)?;
        let mut budget = Budget::of(device)?;
        budget.take(wide(queries * width))?;
        budget.take(wide(queries * FLOOR_BYTES * LANES))?;
        let wanted = queries
            .saturating_mul(search.k)
            .saturating_mul(GROWTH)
            .clamp(ROOM.start, ROOM.end);
        // One row can return a pair for each query.
        let wanted = wanted.max(queries);
        let most = budget.lane() / 2 / wide(PAIR_BYTES);
        let room = usize::try_from(most).unwrap_or(usize::MAX).min(wanted + 1);
        if room <= queries {
            let least = (queries + 1) * PAIR_BYTES * 2 * LANES;
            return Err(budget.too_little(wide(least)));
        }
        budget.take(wide(room * PAIR_BYTES * LANES))?;
        let most_rows = budget.rows(wide(width), library.rows.min(wide(TILE_BYTES / width)))?;
        let bits: Vec<u8> = search
            .queries
            .iter()
            .flat_map(|q| q.bits())
            .copied()
            .collect();
        let buffer = device.alloc(bits.len())?;
        device.stream()?.send(&bits, &buffer)?;
        let plan = Self {
            function,
            few,
            width,
            queries,
            room: room - 1,
            first_rows: ((room - 1) / queries).clamp(1, most_rows),
            most_rows,
        };
        Ok((plan, buffer))
    }

    fn grid(&self, rows: usize) -> Grid {
        let blocks = |items: usize, each: usize| {
            u32::try_from(items.div_ceil(each).clamp(1, 65_535)).unwrap_or(1)
        };
        if self.few {
            let shared = u32::try_from(self.queries * self.width).unwrap_or(0);
            // One warp for each row, eight warps a block, a few rows each.
            return Grid::new(blocks(rows, 64), 256).shared(shared);
        }
        let across = self.queries.div_ceil(64);
        Grid {
            blocks: [
                u32::try_from(across).unwrap_or(u32::MAX),
                blocks(rows, 64),
                1,
            ],
            threads: [256, 1, 1],
            shared_bytes: 0,
        }
    }
}

/// The memory of a tile in progress.
struct Lane {
    stream: Stream,
    rows: Buffer,
    floors: Buffer,
    found: Buffer,
    rows_here: Pinned,
    floors_here: Pinned,
    found_here: Pinned,
    tile: Option<Range<u64>>,
}

impl Lane {
    fn new(device: &Device, plan: &Plan) -> Result<Self, DeviceError> {
        let stream = device.stream()?;
        let rows = plan.most_rows * plan.width;
        let floors = plan.queries * FLOOR_BYTES;
        let found = (plan.room + 1) * PAIR_BYTES;
        Ok(Self {
            rows: device.alloc(rows)?,
            floors: device.alloc(floors)?,
            found: device.alloc(found)?,
            rows_here: stream.pinned(rows)?,
            floors_here: stream.pinned(floors)?,
            found_here: stream.pinned(found)?,
            stream,
            tile: None,
        })
    }
}

struct Work<'a> {
    search: &'a Search<'a>,
    library: &'a Fingerprints<'a>,
    context: &'a Context,
    plan: Plan,
    queries: Buffer,
    lists: Vec<Best>,
    /// The first row that is in no tile yet.
    next: u64,
    /// Rows of the next tile.
    rows: usize,
}

impl Tiled for Work<'_> {
    type Lane = Lane;
    type Tile = Range<u64>;
    type Error = KernelError;

    fn next(&mut self) -> Option<Range<u64>> {
        let end = self.library.rows.min(self.next + wide(self.rows));
        let tile = self.next..end;
        self.next = end;
        (!tile.is_empty()).then_some(tile)
    }

    fn start(&mut self, lane: &mut Lane, tile: Range<u64>) -> Result<(), KernelError> {
        self.context.check()?;
        let rows = usize::try_from(tile.end - tile.start).unwrap_or(usize::MAX);
        let bytes = rows * self.plan.width;
        self.library
            .copy(tile.start, &mut lane.rows_here.bytes()?[..bytes]);
        self.write_floors(lane.floors_here.bytes()?);
        let stream = &lane.stream;
        stream.upload(&lane.rows_here, bytes, &lane.rows, 0)?;
        let floors = lane.floors.bytes();
        stream.upload(&lane.floors_here, floors, &lane.floors, 0)?;
        stream.fill(&lane.found, 0)?;
        let count = |n: usize| Arg::U32(u32::try_from(n).unwrap_or(u32::MAX));
        let args = [
            Arg::Buffer(&lane.rows),
            count(rows),
            Arg::Buffer(&self.queries),
            count(self.plan.queries),
            count(self.plan.width / 4),
            Arg::Buffer(&lane.floors),
            Arg::Buffer(&lane.found),
            count(self.plan.room),
        ];
        stream.launch(&self.plan.function, self.plan.grid(rows), &args)?;
        stream.download(&lane.found, 0, lane.found.bytes(), &lane.found_here)?;
        lane.tile = Some(tile);
        Ok(())
    }

    fn finish(&mut self, lane: &mut Lane) -> Result<(), KernelError> {
        let Some(tile) = lane.tile.take() else {
            return Ok(());
        };
        let words = lane.found_here.bytes()?;
        let count = word(words, 0) as usize;
        if count > self.plan.room {
            return self.by_halves(lane, tile);
        }
        let pairs = words[PAIR_BYTES..][..count * PAIR_BYTES].chunks(PAIR_BYTES);
        let hits: Vec<Hit> = pairs.map(|pair| hit(pair, tile.start)).collect();
        self.offer(hits);
        let rows = usize::try_from(tile.end - tile.start).unwrap_or(usize::MAX);
        let wanted = if count > self.plan.room / 2 {
            rows / 2
        } else {
            rows.saturating_mul(GROWTH)
        };
        self.rows = wanted.clamp(1, self.plan.most_rows);
        Ok(())
    }
}

impl Work<'_> {
    /// Repeats a tile in halves because its pairs did not fit. The lane is free and no later tile
    /// was finished, so rows still come in order.
    fn by_halves(&mut self, lane: &mut Lane, tile: Range<u64>) -> Result<(), KernelError> {
        let middle = tile.start.midpoint(tile.end).max(tile.start + 1);
        for half in [tile.start..middle, middle..tile.end] {
            if !half.is_empty() {
                self.start(lane, half)?;
                self.finish(lane)?;
            }
        }
        Ok(())
    }

    /// What each query's pairs must exceed. All lists hold earlier rows, and later ones lose ties.
    fn write_floors(&self, into: &mut [u8]) {
        for (q, (query, floor)) in self
            .search
            .queries
            .iter()
            .zip(into.chunks_mut(FLOOR_BYTES))
            .enumerate()
        {
            let list = &self.lists[if self.search.fuse { 0 } else { q }];
            let (common, union, tie) = match (list.floor(), list.threshold_floor()) {
                (Some((common, union)), _) => (common, union, 0),
                (None, Some((common, union))) => (common, union, 1),
                (None, None) => (0, 0, 1),
            };
            let words = [common, union, tie, query.own()];
            for (bytes, word) in floor.chunks_mut(4).zip(words) {
                bytes.copy_from_slice(&word.to_le_bytes());
            }
        }
    }

    fn offer(&mut self, mut hits: Vec<Hit>) {
        hits.retain(|hit| !self.search.is_excluded(hit.row, hit.query));
        if !self.search.fuse {
            for hit in hits {
                self.lists[hit.query].offer(hit);
            }
            return;
        }
        // A row counts once, with its best query.
        hits.sort_unstable_by_key(|hit| hit.row);
        for row in hits.chunk_by(|a, b| a.row == b.row) {
            if let Some(best) = row.iter().max() {
                self.lists[0].offer(*best);
            }
        }
    }
}

/// Word `i` of a record.
fn word(bytes: &[u8], i: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[4 * i..][..4]);
    u32::from_le_bytes(word)
}

fn hit(pair: &[u8], first_row: u64) -> Hit {
    Hit {
        common: word(pair, 2),
        union: word(pair, 3),
        row: first_row + u64::from(word(pair, 0)),
        query: word(pair, 1) as usize,
    }
}
