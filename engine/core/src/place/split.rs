//! Splits arrays: rounds that pause while power is dirty, and tasks that are spread over pools and
//! times with room.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ask::Ask;
use super::board::Board;
use super::choice::Span;
use super::placement::{Segment, segment};
use crate::pool::PoolId;

/// An array that is split into segments, with its emissions.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    pub(crate) segments: Vec<Segment>,
    pub(crate) micrograms: u64,
    /// The figure that it is compared by: `micrograms`, but with no window below the board's floor.
    pub(crate) compared: u64,
    pub(crate) transfer: u64,
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
    if ask.data.is_empty() {
        return rounds(board, ask, &ask.allowed, span.ready_ms, end_by_ms);
    }
    ask.allowed
        .iter()
        .filter_map(|pool| {
            rounds(
                board,
                ask,
                std::slice::from_ref(pool),
                span.ready_ms,
                end_by_ms,
            )
        })
        .min_by_key(|pieces| (pieces.compared, pieces.segments.first().map(|one| one.pool)))
}

/// The most rounds that are planned one by one. More are grouped: the table is `rounds x slots`,
/// and a pause after every one of thousands of short rounds saves almost nothing over a pause after
/// each group.
const ROUNDS: u32 = 256;

/// The cheapest window of one round for one start.
struct Round {
    start_ms: u64,
    /// The compared window, which is at least the board's floor.
    cost: u64,
    window: u64,
    pool: PoolId,
}

/// The tasks of a round: as many as may run at the same time and as some pool could ever hold.
pub(crate) fn at_once(board: &Board, ask: &Ask, pools: &[PoolId]) -> u32 {
    let most = pools.iter().map(|pool| board.most(ask, *pool)).max();
    most.unwrap_or(0).max(1)
}

fn rounds(
    board: &Board,
    ask: &Ask,
    pools: &[PoolId],
    ready_ms: u64,
    end_by_ms: u64,
) -> Option<Pieces> {
    let at_once = at_once(board, ask, pools);
    let grouped = ask.rounds(at_once).div_ceil(ROUNDS).max(1);
    let length_ms = ask.task_ms.max(1).saturating_mul(u64::from(grouped));
    let count = usize::try_from(ask.rounds(at_once).div_ceil(grouped)).ok()?;
    let windows = windows(board, ask, pools, (ready_ms, end_by_ms), length_ms, at_once);
    let begin_by_ms = ask.start_by.map_or(u64::MAX, |by| by.0);
    let picked = cheapest(&windows, count, length_ms, begin_by_ms)?;
    let mut left = ask.tasks;
    let mut segments: Vec<Segment> = Vec::new();
    let (mut micrograms, mut compared) = (0_u64, 0_u64);
    for round in picked {
        let tasks = left.min(at_once.saturating_mul(grouped));
        left -= tasks;
        let power = ask
            .task_milliwatts
            .saturating_mul(u64::from(tasks))
            .checked_div(u64::from(grouped))
            .unwrap_or(0);
        micrograms = micrograms.saturating_add(Board::micrograms(round.window, power));
        compared = compared.saturating_add(Board::micrograms(round.cost, power));
        push(
            &mut segments,
            segment(
                round.pool,
                round.start_ms,
                length_ms,
                tasks,
                at_once.min(tasks),
            ),
        );
    }
    let transfer = segments
        .first()
        .map_or(0, |first| board.transfer(ask, first.pool, first.start.0));
    Some(Pieces {
        segments,
        micrograms: micrograms.saturating_add(transfer),
        compared: compared.saturating_add(transfer),
        transfer,
    })
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

/// For each start at which a round fits somewhere, the cheapest pool that has room for it.
fn windows(
    board: &Board,
    ask: &Ask,
    pools: &[PoolId],
    (ready_ms, end_by_ms): (u64, u64),
    length_ms: u64,
    at_once: u32,
) -> Vec<Round> {
    let first = board.slot(ready_ms);
    let last = board.slot(end_by_ms.min(board.end_ms().saturating_sub(1)));
    let mut windows = Vec::with_capacity(last.saturating_sub(first) + 1);
    for slot in first..=last {
        let start_ms = board.start_ms(slot).max(ready_ms);
        let end_ms = start_ms.saturating_add(length_ms);
        if end_ms > end_by_ms {
            break;
        }
        let best = pools
            .iter()
            .filter(|pool| board.room(ask, **pool, start_ms, end_ms) >= at_once)
            .map(|pool| {
                let window = board.window(*pool, start_ms, end_ms);
                (board.compared(ask, *pool, start_ms, end_ms), window, *pool)
            })
            .min();
        if let Some((cost, window, pool)) = best {
            windows.push(Round {
                start_ms,
                cost,
                window,
                pool,
            });
        }
    }
    windows
}

/// The cheapest `count` windows that do not overlap, in order of time. The first begins by
/// `begin_by_ms`. `None` if there is no such choice.
fn cheapest(
    windows: &[Round],
    count: usize,
    length_ms: u64,
    begin_by_ms: u64,
) -> Option<Vec<&Round>> {
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
    let mut least = vec![0_u64; stride];
    let mut takes = vec![false; count * stride];
    for round in 0..count {
        let mut next = vec![u64::MAX; stride];
        for at in (0..windows.len()).rev() {
            let rest = least[after[at]];
            let taken = windows[at].cost.saturating_add(rest);
            let first = round + 1 == count;
            let in_time = !first || windows[at].start_ms <= begin_by_ms;
            let take = in_time && rest != u64::MAX && taken <= next[at + 1];
            takes[round * stride + at] = take;
            next[at] = if take { taken } else { next[at + 1] };
        }
        least = next;
    }
    if least[0] == u64::MAX {
        return None;
    }
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
    let length_ms = ask.task_ms.max(1);
    let end_by_ms = span.end_by_ms.unwrap_or_else(|| board.end_ms());
    let begin_by_ms = ask.start_by.map_or(u64::MAX, |by| by.0);
    let mut windows: Vec<Reverse<(u64, u64, PoolId)>> = Vec::new();
    for &pool in &ask.allowed {
        for slot in board.slot(span.ready_ms)..=board.slot(end_by_ms) {
            let start_ms = board.start_ms(slot).max(span.ready_ms);
            let end_ms = start_ms.saturating_add(length_ms);
            if end_ms > end_by_ms || start_ms > begin_by_ms {
                break;
            }
            let order = match span.end_by_ms {
                Some(_) => board.compared(ask, pool, start_ms, end_ms),
                None => start_ms,
            };
            windows.push(Reverse((order, start_ms, pool)));
        }
    }
    // Usually few windows are taken. A heap gives them in order without sorting all of them.
    let mut windows = BinaryHeap::from(windows);
    let mut own = board.clone();
    let mut running = vec![0_u32; board.slot(board.end_ms()) + 1];
    let mut left = ask.tasks;
    let mut pieces = Pieces {
        segments: Vec::new(),
        micrograms: 0,
        compared: 0,
        transfer: 0,
    };
    while let Some(Reverse((_, start_ms, pool))) = windows.pop() {
        let end_ms = start_ms.saturating_add(length_ms);
        let slots = board.slot(start_ms)..=board.slot(end_ms.saturating_sub(1));
        let busy = running[slots.clone()].iter().copied().max().unwrap_or(0);
        let room = own.room(ask, pool, start_ms, end_ms);
        let tasks = left.min(room).min(ask.width.saturating_sub(busy));
        if tasks == 0 {
            continue;
        }
        let piece = segment(pool, start_ms, length_ms, tasks, tasks);
        own.reserve(ask, &piece);
        for count in &mut running[slots] {
            *count += tasks;
        }
        let power = ask.task_milliwatts.saturating_mul(u64::from(tasks));
        let window = board.window(pool, start_ms, end_ms);
        let share = board.transfer(ask, pool, start_ms) / u64::from(ask.tasks.max(1));
        let transfer = share.saturating_mul(u64::from(tasks));
        pieces.transfer = pieces.transfer.saturating_add(transfer);
        pieces.micrograms = pieces
            .micrograms
            .saturating_add(Board::micrograms(window, power))
            .saturating_add(transfer);
        let compared = board.compared(ask, pool, start_ms, end_ms);
        pieces.compared = pieces
            .compared
            .saturating_add(Board::micrograms(compared, power))
            .saturating_add(transfer);
        pieces.segments.push(piece);
        left -= tasks;
        if left == 0 {
            pieces.segments.sort_by_key(|one| (one.start, one.pool));
            return Some(pieces);
        }
    }
    None
}
