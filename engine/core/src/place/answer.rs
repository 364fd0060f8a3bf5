//! What a placement says beside where and when: the reason and the alternative.

use super::ask::{Ask, Prefer};
use super::board::Board;
use super::choice::{Best, Block};
use super::likely::Likely;
use super::placement::{Alternative, Placement, Why, segment};
use super::problem::Problem;
use super::timing::Timing;
use crate::ids::Timestamp;

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
    let in_time = keeps_limits(ask, &block);
    let alternative = best
        .other
        .filter(|other| !in_time || keeps_limits(ask, other))
        .or_else(|| at_another_time(board, ask, &block, ready_ms));
    Some(Placement {
        segments,
        why: why(board, ask, &block, late),
        expected_micrograms: block.micrograms,
        transfer_micrograms: block.transfer,
        at_home_now_micrograms: 0,
        likely: Likely::default(),
        timing: Timing::default(),
        alternative: alternative.map(|other| Alternative {
            pool: other.pool,
            start: Timestamp(other.start_ms),
            expected_micrograms: other.micrograms,
        }),
        decided_at: problem.now,
        outlook_at: problem.outlook.issued_at,
    })
}

/// Whether a block keeps the latest end and the latest start of its ask.
pub(crate) fn keeps_limits(ask: &Ask, block: &Block) -> bool {
    let after = |at_ms: u64, by: Option<Timestamp>| by.is_some_and(|by| at_ms > by.0);
    !after(block.end_ms(), ask.finish_by) && !after(block.start_ms, ask.start_by)
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

/// The block in the same pool as soon as the ask is ready; `None` if that is the block itself, or if
/// the pool has no room then.
fn at_another_time(board: &Board, ask: &Ask, block: &Block, ready_ms: u64) -> Option<Block> {
    let end_ms = ready_ms.saturating_add(block.length_ms);
    if block.start_ms == ready_ms
        || board.room(ask, block.pool, ready_ms, end_ms) < block.at_once.max(1)
    {
        return None;
    }
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
    let safe = ask.safe_start(block.length_ms).unwrap_or(latest);
    let forced = block.start_ms >= safe && safe <= ask.ready_at.0.saturating_add(board.slot_ms);
    match ask.prefer.first() {
        _ if forced => Why::LastSafeStart,
        Some(Prefer::Surplus) if board.surplus(block.pool, block.start_ms, block.end_ms()) > 0 => {
            Why::Surplus
        }
        Some(Prefer::Idle) if board.idle(ask, block.pool, block.start_ms, block.end_ms()) > 0 => {
            Why::Idle
        }
        Some(Prefer::Time) => Why::Earliest,
        Some(Prefer::Cost) => Why::Cheapest,
        Some(Prefer::Carbon | Prefer::Surplus | Prefer::Idle) | None => Why::Cleanest,
    }
}

/// Whether a stage is placed after its latest start or end.
pub(super) fn is_late(ask: &Ask, placement: &Placement) -> bool {
    let after = |at: Option<Timestamp>, by: Option<Timestamp>| {
        by.is_some_and(|by| at.is_none_or(|at| at > by))
    };
    after(placement.end(), ask.finish_by) || after(placement.start(), ask.start_by)
}
