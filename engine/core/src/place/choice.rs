//! The best place and time for one ask as a single block, and the best alternative to it.

use super::ask::{Ask, Prefer};
use super::board::Board;
use super::placement::{Alternative, Placement, Why, segment};
use super::problem::Problem;
use super::sweep::{Cleanest, Need, Shape, Sweep};
use crate::ids::Timestamp;
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

/// Two blocks count as equal in a goal when they differ by at most a twentieth (5 %). Otherwise the
/// first goal would always decide, and the later ones never.
const WITHIN: u64 = 20;

/// The part of the forecast's expected error that moving data must save beyond its own cost, in
/// thousandths. A forecast error could otherwise turn a saving into a loss. It is half of the error
/// because errors of neighboring hours and zones partly cancel.
const CAUTION_PERMILLE: u64 = 500;

/// The result for one pool: the best block that has room, and, for an array, the compared figure of
/// the best block on an empty board.
pub(crate) type Found = (Option<Block>, Option<u64>);

/// The best block for an ask within a span, with room on the board. Empty if no block fits.
pub(crate) fn best(board: &Board, ask: &Ask, span: Span) -> Best {
    best_of(board, ask, span, |pool, goals| {
        in_pool(board, ask, pool, span, goals)
    })
}

/// The best of the results of all allowed pools. `in_pool` gives the result of one; pools are asked
/// in ascending order, so ties are broken the same way each time.
pub(crate) fn best_of(
    board: &Board,
    ask: &Ask,
    span: Span,
    mut in_pool: impl FnMut(PoolId, &[Prefer]) -> Found,
) -> Best {
    let goals = goals(ask);
    let mut best = Best::default();
    for &pool in &ask.allowed {
        let (block, unhindered) = in_pool(pool, goals);
        best.unhindered = [best.unhindered, unhindered].into_iter().flatten().min();
        if let Some(block) = block {
            best.take(block, |one, other| match span.end_by_ms {
                Some(_) => beats(board, ask, one, other, goals),
                // An ask that starts at once takes the earliest end. Emissions decide only between
                // equal ends.
                None if one.end_ms() == other.end_ms() => beats(board, ask, one, other, goals),
                None => one.end_ms() < other.end_ms(),
            });
        }
    }
    best
}

/// An ask's goals, most important first; emissions alone when it names none.
pub(crate) fn goals(ask: &Ask) -> &[Prefer] {
    if ask.prefer.is_empty() {
        &[Prefer::Carbon]
    } else {
        &ask.prefer
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

/// The best block of an ask in one pool.
pub(crate) fn in_pool(
    board: &Board,
    ask: &Ask,
    pool: PoolId,
    span: Span,
    goals: &[Prefer],
) -> Found {
    let at_once = board.most(ask, pool);
    let length_ms = ask.length_ms(at_once);
    let latest = match span.end_by_ms {
        _ if at_once == 0 => None,
        Some(end_by) => {
            let by_start = ask.start_by.map_or(u64::MAX, |by| by.0);
            end_by.checked_sub(length_ms).map(|by| by.min(by_start))
        }
        None => Some(board.end_ms()),
    };
    let Some(latest) = latest.filter(|latest| *latest >= span.ready_ms) else {
        return (None, None);
    };
    // After the end of the outlook all hours look alike, so no later start can be better.
    let latest = latest.min(board.end_ms().max(span.ready_ms));
    let lane = Lane {
        board,
        ask,
        pool,
        at_once,
        length_ms,
    };
    match Aim::of(ask, span, goals) {
        Aim::Earliest => (lane.earliest(span.ready_ms, latest), None),
        Aim::Cleanest => lane.cleanest(span.ready_ms, latest),
        Aim::Best => {
            let better = |one: &Block, other: &Block| beats(board, ask, one, other, goals);
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
    /// at each start and surplus is not a difference of weights.
    Best,
}

impl Aim {
    /// How blocks of an ask compare.
    pub(crate) fn of(ask: &Ask, span: Span, goals: &[Prefer]) -> Self {
        if span.end_by_ms.is_none() || goals.first() == Some(&Prefer::Time) {
            Self::Earliest
        } else if goals.contains(&Prefer::Surplus) || !ask.data.is_empty() {
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

impl Lane<'_> {
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

/// Whether one block is better than another. The first goal in which they differ by more than 5 %
/// decides. Otherwise emissions decide, then the start, then the pool.
fn beats(board: &Board, ask: &Ask, one: &Block, other: &Block, goals: &[Prefer]) -> bool {
    if let [Prefer::Carbon] = goals {
        return by_carbon(board, ask, one, other);
    }
    for goal in goals {
        let figure = |block: &Block| figure(board, ask, block, *goal);
        let (a, b) = (figure(one), figure(other));
        if a.abs_diff(b) > a.max(b) / WITHIN {
            return a < b;
        }
    }
    by_carbon(board, ask, one, other)
}

fn by_carbon(board: &Board, ask: &Ask, one: &Block, other: &Block) -> bool {
    let cautious = |block: &Block, rival: &Block| {
        if block.transfer <= rival.transfer || ask.data.is_empty() {
            return block.compared;
        }
        let error = board.error_permille(block.pool, block.start_ms, block.end_ms());
        let stake = rival.micrograms.max(block.micrograms);
        let margin = u128::from(stake) * u128::from(error * CAUTION_PERMILLE) / 1_000_000;
        block
            .compared
            .saturating_add(u64::try_from(margin).unwrap_or(u64::MAX))
    };
    let key = |block: &Block, rival: &Block| {
        let compared = cautious(block, rival);
        (compared, block.start_ms, block.micrograms, block.pool)
    };
    key(one, other) < key(other, one)
}

/// A block's figure for a goal; lower is better.
fn figure(board: &Board, ask: &Ask, block: &Block, goal: Prefer) -> u64 {
    match goal {
        Prefer::Carbon | Prefer::Idle => block.compared,
        Prefer::Surplus => {
            let slots = block.length_ms.div_ceil(board.slot_ms).max(1);
            let in_surplus = board.surplus(block.pool, block.start_ms, block.end_ms());
            1000 - (u64::from(in_surplus) * 1000 / slots).min(1000)
        }
        Prefer::Time => block.end_ms(),
        Prefer::Cost => {
            let gpu_ms = u128::from(ask.task_ms)
                * u128::from(ask.tasks)
                * u128::from(ask.gpus)
                * u128::from(board.price_micros(block.pool));
            u64::try_from(gpu_ms / 3_600_000).unwrap_or(u64::MAX)
        }
    }
}

/// The emissions of the ask at home if it begins as soon as it is ready. They are the
/// counterfactual of the savings, so capacity is not considered.
pub(crate) fn at_home(board: &Board, ask: &Ask, ready_ms: u64) -> u64 {
    let at_once = ask.width.min(ask.tasks).max(1);
    let end_ms = ready_ms.saturating_add(ask.length_ms(at_once));
    let window = board.window(ask.home, ready_ms, end_ms);
    Board::micrograms(window, ask.power(at_once))
        .saturating_add(board.transfer(ask, ask.home, ready_ms))
}

/// The placement that consists of the best block, if there is one.
pub(crate) fn placement(
    problem: &Problem,
    board: &Board,
    ask: &Ask,
    ready_ms: u64,
    best: Best,
    late: bool,
) -> Option<Placement> {
    let block = best.first?;
    let segments = vec![segment(
        block.pool,
        block.start_ms,
        block.length_ms,
        ask.tasks,
        block.at_once,
    )];
    let alternative = best
        .other
        .or_else(|| at_another_time(board, ask, &block, ready_ms));
    Some(Placement {
        segments,
        why: why(board, ask, &block, late),
        expected_micrograms: block.micrograms,
        transfer_micrograms: block.transfer,
        at_home_now_micrograms: at_home(board, ask, ready_ms),
        alternative: alternative.map(|other| Alternative {
            pool: other.pool,
            start: Timestamp(other.start_ms),
            expected_micrograms: other.micrograms,
        }),
        decided_at: problem.now,
        outlook_at: problem.outlook.issued_at,
    })
}

/// The alternative of a placement that starts later than it could: the same pool as soon as the ask
/// is ready.
pub(crate) fn at_once_there(
    board: &Board,
    ask: &Ask,
    placement: &Placement,
    ready_ms: u64,
) -> Option<Alternative> {
    let first = placement.segments.first()?;
    let block = Block {
        pool: first.pool,
        start_ms: first.start.0,
        length_ms: first.end.since_ms(first.start),
        at_once: first.at_once,
        micrograms: placement.expected_micrograms,
        compared: placement.expected_micrograms,
        transfer: placement.transfer_micrograms,
    };
    let other = at_another_time(board, ask, &block, ready_ms)?;
    Some(Alternative {
        pool: other.pool,
        start: Timestamp(other.start_ms),
        expected_micrograms: other.micrograms,
    })
}

/// The block in the same pool as soon as the ask is ready; `None` if that is the block itself.
fn at_another_time(board: &Board, ask: &Ask, block: &Block, ready_ms: u64) -> Option<Block> {
    if block.start_ms == ready_ms {
        return None;
    }
    let end_ms = ready_ms.saturating_add(block.length_ms);
    let window = board.window(block.pool, ready_ms, end_ms);
    let transfer = board.transfer(ask, block.pool, ready_ms);
    let micrograms = Board::micrograms(window, ask.power(block.at_once)).saturating_add(transfer);
    Some(Block {
        start_ms: ready_ms,
        micrograms,
        compared: micrograms,
        transfer,
        ..*block
    })
}

fn why(board: &Board, ask: &Ask, block: &Block, late: bool) -> Why {
    if late {
        return Why::Late;
    }
    let Some(latest) = ask.latest_start(block.length_ms) else {
        return Why::AtOnce;
    };
    if block.start_ms > latest {
        return Why::Late;
    }
    let forced = block.start_ms >= latest && latest <= ask.ready_at.0.saturating_add(board.slot_ms);
    match ask.prefer.first() {
        _ if forced => Why::LastSafeStart,
        Some(Prefer::Surplus) if board.surplus(block.pool, block.start_ms, block.end_ms()) > 0 => {
            Why::Surplus
        }
        Some(Prefer::Idle) => Why::Idle,
        Some(Prefer::Time) => Why::Earliest,
        Some(Prefer::Cost) => Why::Cheapest,
        Some(Prefer::Carbon | Prefer::Surplus) | None => Why::Cleanest,
    }
}
