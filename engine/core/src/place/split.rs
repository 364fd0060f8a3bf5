//! Splits arrays: rounds that pause while power is dirty, and tasks that are spread over pools and
//! times with room.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ask::Ask;
use super::board::Board;
use super::choice::Span;
use super::goals::{self, Bands, Cost, Figures, Rank, Spot};
use super::placement::{Segment, segment};
use crate::pool::PoolId;

/// An array that is split into segments, with its emissions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces {
    pub(crate) segments: Vec<Segment>,
    pub(crate) micrograms: u64,
    /// The figure that it is compared by: `micrograms`, but with no window below the board's floor.
    pub(crate) compared: u64,
    pub(crate) transfer: u64,
    /// Its figures by the ask's goals.
    pub(crate) figures: Figures,
}

/// Rounds of an array one after the other, each in the best pool and at the best time, with pauses
/// in between.
///
/// This is the cheapest choice of windows that do not overlap. Dynamic programming over time finds
/// it exactly, `F(r, t) = min(F(r, t + 1), c(t) + F(r - 1, t + l))`: the interruptible case of
/// "Let's Wait Awhile" (Middleware '21) with rounds in place of slots. It costs `rounds x slots`. A
/// stage with data to move stays in one pool, because a change of pool would move the data again.
pub(crate) fn paused(board: &Board, ask: &Ask, span: Span) -> Option<Pieces> {
    let end_by_ms = span.end_by_ms?;
    let rounds = |pools: &[PoolId]| {
        let rounds = Rounds::of(board, ask, pools, (span.ready_ms, end_by_ms))?;
        if goals::are_carbon(ask) {
            rounds.place::<u64>(&Bands::default())
        } else {
            rounds.place::<Rank>(&rounds.bands())
        }
    };
    if ask.data.is_empty() {
        return rounds(&ask.allowed);
    }
    let each = ask.allowed.iter();
    each.filter_map(|pool| rounds(std::slice::from_ref(pool)))
        .reduce(|best, next| {
            let beats = goals::decide(&next.figures, &best.figures);
            let beats = beats.unwrap_or(next.compared < best.compared);
            if beats { next } else { best }
        })
}

/// The most rounds that are planned one by one. More are grouped: the table is `rounds x slots`,
/// and a pause after every one of thousands of short rounds saves almost nothing over a pause after
/// each group.
pub(crate) const ROUNDS: u32 = 256;

/// The cheapest window of one round for one start.
struct Round<C> {
    start_ms: u64,
    cost: C,
    /// The compared window, which is at least the board's floor.
    compared: u64,
    window: u64,
    pool: PoolId,
}

/// The tasks of a round: as many as may run at the same time and as some pool could ever hold.
pub(crate) fn at_once(board: &Board, ask: &Ask, pools: &[PoolId]) -> u32 {
    let most = pools.iter().map(|pool| board.most(ask, *pool)).max();
    most.unwrap_or(0).max(1)
}

/// The rounds of an array that are to be placed in some pools, within a span.
struct Rounds<'a> {
    board: &'a Board,
    ask: &'a Ask,
    pools: &'a [PoolId],
    ready_ms: u64,
    end_by_ms: u64,
    /// The tasks of a round that run at the same time.
    at_once: u32,
    /// The rounds that are planned as one.
    grouped: u32,
    count: usize,
    length_ms: u64,
}

impl<'a> Rounds<'a> {
    fn of(
        board: &'a Board,
        ask: &'a Ask,
        pools: &'a [PoolId],
        (ready_ms, end_by_ms): (u64, u64),
    ) -> Option<Self> {
        let at_once = at_once(board, ask, pools);
        let grouped = ask.rounds(at_once).div_ceil(ROUNDS).max(1);
        Some(Self {
            board,
            ask,
            pools,
            ready_ms,
            end_by_ms,
            at_once,
            grouped,
            count: usize::try_from(ask.rounds(at_once).div_ceil(grouped)).ok()?,
            length_ms: ask.task_ms.max(1).saturating_mul(u64::from(grouped)),
        })
    }

    /// The cheapest placement of all rounds.
    fn place<C: Cost>(&self, bands: &Bands) -> Option<Pieces> {
        let (board, ask) = (self.board, self.ask);
        let windows = self.windows::<C>(bands);
        let begin_by_ms = ask.start_by.map_or(u64::MAX, |by| by.0);
        let picked = cheapest(&windows, self.count, self.length_ms, begin_by_ms)?;
        let mut left = ask.tasks;
        let mut pieces = Pieces::default();
        for round in picked {
            let tasks = left.min(self.at_once.saturating_mul(self.grouped));
            left -= tasks;
            let power = ask
                .task_milliwatts
                .saturating_mul(u64::from(tasks))
                .checked_div(u64::from(self.grouped))
                .unwrap_or(0);
            let spot = Spot {
                pool: round.pool,
                start_ms: round.start_ms,
                end_ms: round.start_ms.saturating_add(self.length_ms),
                tasks,
                compared: Board::micrograms(round.compared, power),
            };
            pieces.add(spot, Board::micrograms(round.window, power));
            pieces.count(&spot.figures(board, ask, self.ready_ms));
            push(
                &mut pieces.segments,
                segment(
                    round.pool,
                    round.start_ms,
                    self.length_ms,
                    tasks,
                    self.at_once.min(tasks),
                ),
            );
        }
        let first = pieces.segments.first();
        let transfer = first.map_or(0, |first| board.transfer(ask, first.pool, first.start.0));
        pieces.move_data(transfer);
        Some(pieces)
    }

    /// For each start at which a round fits somewhere, the cheapest pool that has room for it.
    fn windows<C: Cost>(&self, bands: &Bands) -> Vec<Round<C>> {
        let mut windows: Vec<Round<C>> = Vec::new();
        for start_ms in self.starts() {
            let spots = self.spots(start_ms).map(|(window, spot)| {
                let cost = C::of(self.board, self.ask, bands, self.ready_ms, &spot);
                (cost, window, spot.pool, spot.compared)
            });
            if let Some((cost, window, pool, compared)) = spots.min() {
                windows.push(Round {
                    start_ms,
                    cost,
                    compared,
                    window,
                    pool,
                });
            }
        }
        windows
    }

    /// The bands of the ask's goals, over all windows of a round.
    fn bands(&self) -> Bands {
        let spots = self.starts().flat_map(|start_ms| self.spots(start_ms));
        let figures = spots.map(|(_, spot)| spot.figures(self.board, self.ask, self.ready_ms));
        Bands::of(self.ask, &figures.collect::<Vec<Figures>>())
    }

    fn starts(&self) -> impl Iterator<Item = u64> + '_ {
        let board = self.board;
        let last_ms = self.end_by_ms.min(board.end_ms().saturating_sub(1));
        (board.slot(self.ready_ms)..=board.slot(last_ms))
            .map(|slot| board.start_ms(slot).max(self.ready_ms))
            .take_while(|start_ms| start_ms.saturating_add(self.length_ms) <= self.end_by_ms)
    }

    /// A round that begins at `start_ms`, in each pool with room, with its window. It is compared by
    /// its window, because all rounds take the same power.
    fn spots(&self, start_ms: u64) -> impl Iterator<Item = (u64, Spot)> + '_ {
        let (board, ask) = (self.board, self.ask);
        let end_ms = start_ms.saturating_add(self.length_ms);
        let pools = self.pools.iter().copied();
        pools
            .filter(move |pool| board.room(ask, *pool, start_ms, end_ms) >= self.at_once)
            .map(move |pool| {
                let spot = Spot {
                    pool,
                    start_ms,
                    end_ms,
                    tasks: self.at_once.saturating_mul(self.grouped),
                    compared: board.compared(ask, pool, start_ms, end_ms),
                };
                (board.window(pool, start_ms, end_ms), spot)
            })
    }
}

impl Pieces {
    /// Adds the emissions of some tasks.
    const fn add(&mut self, spot: Spot, micrograms: u64) {
        self.micrograms = self.micrograms.saturating_add(micrograms);
        self.compared = self.compared.saturating_add(spot.compared);
    }

    /// Adds the figures of some tasks.
    fn count(&mut self, figures: &Figures) {
        for (sum, one) in self.figures.iter_mut().zip(figures) {
            *sum = sum.saturating_add(*one);
        }
    }

    /// Adds the emissions of moving inputs.
    const fn move_data(&mut self, micrograms: u64) {
        self.micrograms = self.micrograms.saturating_add(micrograms);
        self.compared = self.compared.saturating_add(micrograms);
        self.transfer = self.transfer.saturating_add(micrograms);
    }
}

/// Appends a segment. Adjacent rounds in one pool become one segment.
fn push(segments: &mut Vec<Segment>, next: Segment) {
    match segments.last_mut() {
        Some(last) if last.pool == next.pool && last.end == next.start => {
            last.end = next.end;
            last.tasks += next.tasks;
            last.at_once = last.at_once.max(next.at_once);
        }
        Some(_) | None => segments.push(next),
    }
}

/// The cheapest `count` windows that do not overlap, in order of time. The first begins by
/// `begin_by_ms`. `None` if there is no such choice.
fn cheapest<C: Cost>(
    windows: &[Round<C>],
    count: usize,
    length_ms: u64,
    begin_by_ms: u64,
) -> Option<Vec<&Round<C>>> {
    if windows.len() < count || count == 0 {
        return None;
    }
    let after: Vec<usize> = windows
        .iter()
        .map(|round| {
            let free_ms = round.start_ms.saturating_add(length_ms);
            windows.partition_point(|next| next.start_ms < free_ms)
        })
        .collect();
    let stride = windows.len() + 1;
    // `None` where that many rounds no longer fit.
    let mut least = vec![Some(C::NOTHING); stride];
    let mut takes = vec![false; count * stride];
    for round in 0..count {
        let mut next = vec![None; stride];
        for at in (0..windows.len()).rev() {
            let first = round + 1 == count;
            let in_time = !first || windows[at].start_ms <= begin_by_ms;
            let rest = least[after[at]].filter(|_| in_time);
            let taken = rest.map(|rest| windows[at].cost.and(rest));
            let later: Option<C> = next[at + 1];
            let taken = taken.filter(|taken| later.is_none_or(|later| *taken <= later));
            takes[round * stride + at] = taken.is_some();
            next[at] = taken.or(later);
        }
        least = next;
    }
    least[0]?;
    let mut picked = Vec::with_capacity(count);
    let (mut round, mut at) = (count, 0);
    while round > 0 && at < windows.len() {
        if takes[(round - 1) * stride + at] {
            picked.push(&windows[at]);
            at = after[at];
            round -= 1;
        } else {
            at += 1;
        }
    }
    (round == 0).then_some(picked)
}

/// Spreads tasks over pools and times, the cheapest window first, if no pool has room for all of
/// them together. `None` if not all of them fit in time. Taking the cheapest first is the greedy
/// rule of CarbonScaler, with windows of one task in place of slots and servers.
pub(crate) fn spread(board: &Board, ask: &Ask, span: Span) -> Option<Pieces> {
    let spots = spots(board, ask, span);
    if span.end_by_ms.is_none() || goals::are_time_first(ask) {
        return fill(board, ask, span, &spots, |spot| spot.start_ms);
    }
    if goals::are_carbon(ask) {
        return fill(board, ask, span, &spots, |spot| spot.compared);
    }
    let figures = |spot: &Spot| spot.figures(board, ask, span.ready_ms);
    let bands = Bands::of(ask, &spots.iter().map(figures).collect::<Vec<Figures>>());
    fill(board, ask, span, &spots, |spot| {
        bands.rank(&figures(spot), spot.compared)
    })
}

/// The windows of one task in all pools. They are compared by their windows, because all tasks take
/// the same power.
fn spots(board: &Board, ask: &Ask, span: Span) -> Vec<Spot> {
    let length_ms = ask.task_ms.max(1);
    let end_by_ms = span.end_by_ms.unwrap_or_else(|| board.end_ms());
    let begin_by_ms = ask.start_by.map_or(u64::MAX, |by| by.0);
    let mut spots = Vec::new();
    for &pool in &ask.allowed {
        for slot in board.slot(span.ready_ms)..=board.slot(end_by_ms) {
            let start_ms = board.start_ms(slot).max(span.ready_ms);
            let end_ms = start_ms.saturating_add(length_ms);
            if end_ms > end_by_ms || start_ms > begin_by_ms {
                break;
            }
            spots.push(Spot {
                pool,
                start_ms,
                end_ms,
                tasks: 1,
                compared: board.compared(ask, pool, start_ms, end_ms),
            });
        }
    }
    spots
}

/// Fills windows with tasks, those with the lowest cost first.
fn fill<C: Ord>(
    board: &Board,
    ask: &Ask,
    span: Span,
    spots: &[Spot],
    cost: impl Fn(&Spot) -> C,
) -> Option<Pieces> {
    let windows = spots.iter().zip(0_usize..);
    let windows = windows.map(|(spot, at)| Reverse((cost(spot), spot.start_ms, spot.pool, at)));
    // Usually few windows are taken. A heap gives them in order without sorting all of them.
    let mut windows: BinaryHeap<Reverse<(C, u64, PoolId, usize)>> = windows.collect();
    let mut own = board.clone();
    let mut running = vec![0_u32; board.slot(board.end_ms()) + 1];
    let mut left = ask.tasks;
    let mut pieces = Pieces::default();
    while let Some(Reverse((_, start_ms, pool, at))) = windows.pop() {
        let spot = spots.get(at)?;
        let slots = board.slot(start_ms)..=board.slot(spot.end_ms.saturating_sub(1));
        let busy = running[slots.clone()].iter().copied().max().unwrap_or(0);
        let room = own.room(ask, pool, start_ms, spot.end_ms);
        let tasks = left.min(room).min(ask.width.saturating_sub(busy));
        if tasks == 0 {
            continue;
        }
        let length_ms = spot.end_ms.saturating_sub(start_ms);
        let piece = segment(pool, start_ms, length_ms, tasks, tasks);
        own.reserve(ask, &piece);
        for count in &mut running[slots] {
            *count += tasks;
        }
        let power = ask.task_milliwatts.saturating_mul(u64::from(tasks));
        let window = board.window(pool, start_ms, spot.end_ms);
        let filled = Spot {
            tasks,
            compared: Board::micrograms(spot.compared, power),
            ..*spot
        };
        pieces.add(filled, Board::micrograms(window, power));
        pieces.count(&filled.figures(board, ask, span.ready_ms));
        let share = board.transfer(ask, pool, start_ms) / u64::from(ask.tasks.max(1));
        pieces.move_data(share.saturating_mul(u64::from(tasks)));
        pieces.segments.push(piece);
        left -= tasks;
        if left == 0 {
            pieces.segments.sort_by_key(|one| (one.start, one.pool));
            return Some(pieces);
        }
    }
    None
}
