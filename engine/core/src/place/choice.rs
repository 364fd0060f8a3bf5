//! The best place and time for one ask as a single block, and the best alternative to it.

use std::cmp::Ordering;

use super::ask::Ask;
use super::board::Board;
use super::caution;
use super::goals::{self, Bands, Figures, Rank, Spot};
use super::sweep::{Cleanest, Need, Shape, Sweep};
use crate::pool::PoolId;

/// All tasks of an ask, run in one pool without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) pool: PoolId,
    pub(crate) start_ms: u64,
    pub(crate) length_ms: u64,
    pub(crate) at_once: u32,
    /// Expected emissions, transfer included, in micrograms.
    pub(crate) micrograms: u64,
    /// The figure that blocks are compared by: `micrograms`, but with no window below the board's
    /// floor.
    pub(crate) compared: u64,
    pub(crate) transfer: u64,
}

impl Block {
    pub(crate) const fn end_ms(&self) -> u64 {
        self.start_ms.saturating_add(self.length_ms)
    }

    /// What the goals of an ask are compared by.
    pub(crate) const fn spot(&self, ask: &Ask) -> Spot {
        Spot {
            pool: self.pool,
            start_ms: self.start_ms,
            end_ms: self.end_ms(),
            tasks: ask.tasks,
            compared: self.compared,
        }
    }

    /// Whether the board still has room for it.
    pub(crate) fn fits(&self, board: &Board, ask: &Ask) -> bool {
        board.room(ask, self.pool, self.start_ms, self.end_ms()) >= self.at_once
    }
}

/// The time within which a block must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The earliest start.
    pub(crate) ready_ms: u64,
    /// The latest end; `None` if the ask starts at once.
    pub(crate) end_by_ms: Option<u64>,
}

/// The best block of all pools, and the best block of any other pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Best {
    pub(crate) first: Option<Block>,
    pub(crate) other: Option<Block>,
    /// The compared figure of an array's best block on an empty board. The difference shows whether
    /// other work is in the way.
    pub(crate) unhindered: Option<u64>,
}

/// The result for one pool: the best block that has room, and, for an array, the compared figure of
/// the best block on an empty board.
pub(crate) type Found = (Option<Block>, Option<u64>);

/// The best block for an ask within a span, with room on the board. Empty if no block fits.
pub(crate) fn best(board: &Board, ask: &Ask, span: Span) -> Best {
    if goals::are_carbon(ask) {
        best_of(board, ask, span, |pool| in_pool(board, ask, pool, span))
    } else {
        ranked(board, ask, span)
    }
}

/// The best of the results of all allowed pools, for an ask whose emissions alone decide. `in_pool`
/// gives the result of one; pools are asked in ascending order, so ties are broken the same way each
/// time.
pub(crate) fn best_of(
    board: &Board,
    ask: &Ask,
    span: Span,
    mut in_pool: impl FnMut(PoolId) -> Found,
) -> Best {
    let mut best = Best::default();
    for &pool in &ask.allowed {
        let (block, unhindered) = in_pool(pool);
        best.unhindered = [best.unhindered, unhindered].into_iter().flatten().min();
        if let Some(block) = block {
            best.take(block, |one, other| match span.end_by_ms {
                Some(_) => by_carbon(board, ask, one, other),
                // An ask that starts at once takes the earliest end. Emissions decide only between
                // equal ends.
                None if one.end_ms() == other.end_ms() => by_carbon(board, ask, one, other),
                None => one.end_ms() < other.end_ms(),
            });
        }
    }
    best
}

/// The best block by an ask's goals. All pools and starts are compared at once, because the best
/// figure of all of them decides which differences count.
fn ranked(board: &Board, ask: &Ask, span: Span) -> Best {
    let mut blocks: Vec<Block> = Vec::new();
    for &pool in &ask.allowed {
        let Some((lane, latest)) = Lane::of(board, ask, pool, span) else {
            continue;
        };
        if Aim::of(ask, span) == Aim::Earliest {
            blocks.extend(lane.earliest(span.ready_ms, latest));
        } else {
            let starts = starts(board, span.ready_ms, latest);
            blocks.extend(
                starts
                    .filter(|start| lane.fits(*start))
                    .map(|start| lane.block(start)),
            );
        }
    }
    if span.end_by_ms.is_none() {
        let earliest = blocks.iter().map(Block::end_ms).min();
        blocks.retain(|block| Some(block.end_ms()) == earliest);
    }
    let all: Vec<Figures> = blocks
        .iter()
        .map(|block| block.spot(ask).figures(board, ask, span.ready_ms))
        .collect();
    let bands = Bands::of(ask, &all);
    let ranks = all.iter().map(|figures| bands.rank(figures, 0));
    let ranked: Vec<(Rank, Block)> = ranks.zip(blocks).collect();
    let least = |than: Option<PoolId>| {
        let others = ranked.iter().filter(|(_, block)| Some(block.pool) != than);
        others.copied().reduce(|best, next| {
            let beats = match next.0.cmp(&best.0) {
                Ordering::Less => true,
                Ordering::Equal => by_carbon(board, ask, &next.1, &best.1),
                Ordering::Greater => false,
            };
            if beats { next } else { best }
        })
    };
    let first = least(None).map(|(_, block)| block);
    Best {
        first,
        other: first.and_then(|first| Some(least(Some(first.pool))?.1)),
        unhindered: None,
    }
}

impl Best {
    fn take(&mut self, block: Block, beats: impl Fn(&Block, &Block) -> bool) {
        match self.first {
            Some(first) if !beats(&block, &first) => {
                if self
                    .other
                    .is_none_or(|other| block.compared < other.compared)
                {
                    self.other = Some(block);
                }
            }
            first => {
                if let Some(first) = first {
                    self.other = Some(first);
                }
                self.first = Some(block);
            }
        }
    }
}

/// The best block in one pool of an ask whose emissions alone decide.
pub(crate) fn in_pool(board: &Board, ask: &Ask, pool: PoolId, span: Span) -> Found {
    let Some((lane, latest)) = Lane::of(board, ask, pool, span) else {
        return (None, None);
    };
    match Aim::of(ask, span) {
        Aim::Earliest => (lane.earliest(span.ready_ms, latest), None),
        Aim::Cleanest => lane.cleanest(span.ready_ms, latest),
        Aim::Best => {
            let better = |one: &Block, other: &Block| by_carbon(board, ask, one, other);
            lane.best_of(starts(board, span.ready_ms, latest), better)
        }
    }
}

/// How blocks of one pool compare. It decides which search is used, since the general one is the
/// slowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// The block that begins first.
    Earliest,
    /// The block with the lowest emissions; the earliest of equals.
    Cleanest,
    /// The block that no other beats. Every start is compared, because transfers cost differently
    /// at each start.
    Best,
}

impl Aim {
    /// How blocks of an ask compare.
    pub(crate) fn of(ask: &Ask, span: Span) -> Self {
        if span.end_by_ms.is_none() || goals::are_time_first(ask) {
            Self::Earliest
        } else if !ask.data.is_empty() {
            Self::Best
        } else {
            Self::Cleanest
        }
    }
}

/// One pool, for an ask that runs `at_once` tasks at the same time there and takes `length_ms`.
#[derive(Clone, Copy)]
struct Lane<'a> {
    board: &'a Board,
    ask: &'a Ask,
    pool: PoolId,
    at_once: u32,
    length_ms: u64,
}

impl<'a> Lane<'a> {
    /// The lane of a pool, and the latest start in it; `None` if the pool cannot hold the ask in
    /// time.
    fn of(board: &'a Board, ask: &'a Ask, pool: PoolId, span: Span) -> Option<(Self, u64)> {
        let at_once = board.most(ask, pool);
        if at_once == 0 {
            return None;
        }
        let length_ms = ask.length_ms(at_once);
        let latest = match span.end_by_ms {
            Some(end_by) => {
                let by_start = ask.start_by.map_or(u64::MAX, |by| by.0);
                end_by.checked_sub(length_ms)?.min(by_start)
            }
            None => board.end_ms(),
        };
        // After the end of the outlook all hours look alike, so no later start can be better.
        let soonest = board.end_ms().max(span.ready_ms);
        let lane = Self {
            board,
            ask,
            pool,
            at_once,
            length_ms,
        };
        (latest >= span.ready_ms).then(|| (lane, latest.min(soonest)))
    }

    fn fits(&self, start_ms: u64) -> bool {
        let end_ms = start_ms.saturating_add(self.length_ms);
        self.board.room(self.ask, self.pool, start_ms, end_ms) >= self.at_once
    }

    /// The pool's slots, and the shape of the block to find in them.
    fn sweep(&self, ready_ms: u64, latest_ms: u64) -> Option<(Sweep<'_>, Shape)> {
        let need = Need::of(self.ask, self.at_once)?;
        let shape = Shape {
            ready_ms,
            latest_ms,
            length_ms: self.length_ms,
            need,
            least_window: self.board.least_window(self.ask, self.length_ms),
        };
        Some((self.board.sweep(self.pool, need)?, shape))
    }

    /// The first block that fits.
    fn earliest(&self, ready_ms: u64, latest_ms: u64) -> Option<Block> {
        let swept = self.sweep(ready_ms, latest_ms);
        let start = match swept.and_then(|(pool, shape)| pool.earliest(&shape)) {
            Some(start) => start,
            None => starts(self.board, ready_ms, latest_ms).find(|start| self.fits(*start)),
        };
        start.map(|start| self.block(start))
    }

    /// The compared window of the block that begins at `start_ms`.
    fn compared(&self, start_ms: u64) -> u64 {
        let end_ms = start_ms.saturating_add(self.length_ms);
        self.board.compared(self.ask, self.pool, start_ms, end_ms)
    }

    fn block(&self, start_ms: u64) -> Block {
        let (pool, length_ms) = (self.pool, self.length_ms);
        let end_ms = start_ms.saturating_add(length_ms);
        let transfer = self.board.transfer(self.ask, pool, start_ms);
        let power = self.ask.power(self.at_once);
        let emits = |window| Board::micrograms(window, power).saturating_add(transfer);
        Block {
            pool,
            start_ms,
            length_ms,
            at_once: self.at_once,
            micrograms: emits(self.board.window(pool, start_ms, end_ms)),
            compared: emits(self.compared(start_ms)),
            transfer,
        }
    }

    /// The best block by a comparison of blocks.
    fn best_of(
        &self,
        starts: impl Iterator<Item = u64>,
        better: impl Fn(&Block, &Block) -> bool,
    ) -> Found {
        let (mut best, mut unhindered): (Option<Block>, Option<Block>) = (None, None);
        for start in starts {
            let next = self.block(start);
            if unhindered.is_none_or(|unhindered| better(&next, &unhindered)) {
                unhindered = Some(next);
            }
            if best.is_none_or(|best| better(&next, &best)) && self.fits(start) {
                best = Some(next);
            }
        }
        (best, unhindered.map(|block| block.compared))
    }

    /// The block with the lowest emissions, the earliest of equals. For arrays, also its compared
    /// figure on an empty board.
    fn cleanest(&self, ready_ms: u64, latest_ms: u64) -> Found {
        let starts = || starts(self.board, ready_ms, latest_ms);
        let swept = self.sweep(ready_ms, latest_ms);
        let best = swept
            .as_ref()
            .and_then(|(pool, shape)| pool.cleanest(shape))
            .unwrap_or_else(|| self.cleanest_of(starts().filter(|start| self.fits(*start))));
        let unhindered = (self.ask.tasks > 1).then(|| {
            let anywhere = swept.and_then(|(pool, shape)| pool.when_empty().cleanest(&shape));
            let least = anywhere.unwrap_or_else(|| self.cleanest_of(starts()));
            let window = least.map_or(u64::MAX, |(window, _)| window);
            Board::micrograms(window, self.ask.power(self.at_once))
        });
        (best.map(|(_, start)| self.block(start)), unhindered)
    }

    /// The lowest window and its start, computed start by start. It is the reference for
    /// [`Sweep::cleanest`], and is used if that returns `None`.
    fn cleanest_of(&self, starts: impl Iterator<Item = u64>) -> Cleanest {
        starts
            .map(|start| (self.compared(start), start))
            .min_by_key(|(window, _)| *window)
    }
}

/// The starts to try: as soon as the ask is ready, at the start of each slot, and at the latest
/// start. Weights are constant within a slot, so a window changes its trend only at a slot's edge.
/// Starts that align a block's end with an edge are not tried: they would double the work for a
/// fraction of a slot.
fn starts(board: &Board, ready_ms: u64, latest_ms: u64) -> impl Iterator<Item = u64> + '_ {
    let first = (ready_ms / board.slot_ms)
        .saturating_add(1)
        .saturating_mul(board.slot_ms);
    let end_ms = latest_ms.min(board.end_ms());
    let slots = (0_u64..)
        .map(move |n| first.saturating_add(n.saturating_mul(board.slot_ms)))
        .take_while(move |start| *start < end_ms);
    let last = (latest_ms > ready_ms && latest_ms < board.end_ms()).then_some(latest_ms);
    std::iter::once(ready_ms).chain(slots).chain(last)
}

/// Whether one block is better than another by their emissions, then their start, then their pool.
/// The one that moves more data must be better by the margin of caution.
fn by_carbon(board: &Board, ask: &Ask, one: &Block, other: &Block) -> bool {
    let cautious = |block: &Block, rival: &Block| {
        if block.compared > rival.compared || !caution::moves_more(ask, block, rival) {
            return block.compared;
        }
        let margin = caution::margin(board, ask, block, rival);
        block.compared.saturating_add(margin)
    };
    let key = |block: &Block, rival: &Block| {
        let compared = cautious(block, rival);
        (compared, block.start_ms, block.micrograms, block.pool)
    };
    key(one, other) < key(other, one)
}
