//! Decisions about the present alone: some tasks begin now, and the rest as late as they can.
//!
//! What is planned for later is decided again at the next outlook, so it stands only for what must
//! happen in the end.

use sunward_core::place::Segment;

use super::ruled::Turn;
use super::view::{Spot, View, segment};

/// How long a decision stands: the next outlook comes after an hour.
const STANDS_MS: u64 = 3_600_000;

/// `tasks` tasks of a stage from now on at home, and its other tasks in the last rounds before its
/// deadline. `None` if those do not fit.
pub(super) fn now_and_last(view: &View<'_>, turn: Turn<'_>, tasks: u32) -> Option<Vec<Segment>> {
    let ask = turn.ask;
    let task_ms = ask.task_ms.max(1);
    let at_once = at_once(view, turn);
    let tasks = tasks.min(may_begin(view, turn));
    let mut segments = Vec::new();
    let mut free_ms = turn.ready_ms;
    if tasks > 0 {
        let at_once = at_once.min(tasks);
        let rounds = tasks.div_ceil(at_once.max(1));
        let spot = span(turn, turn.ready_ms, rounds);
        segments.push(segment(spot, tasks, at_once));
        free_ms = spot.end_ms;
    }
    let mut left = ask.tasks - tasks;
    let mut end_ms = turn.latest_ms.saturating_add(turn.length_ms);
    let mut last = Vec::new();
    while left > 0 {
        let start_ms = end_ms.checked_sub(task_ms).filter(|at| *at >= free_ms)?;
        let spot = span(turn, start_ms, 1);
        let some = view.room(ask, spot).min(ask.width.max(1)).min(left);
        if some > 0 {
            last.push(segment(spot, some, some));
            left -= some;
        }
        end_ms = start_ms;
    }
    segments.extend(last.into_iter().rev());
    Some(segments)
}

/// How many tasks of a stage can begin at home before the next decision: none if it is not ready.
pub(super) fn may_begin(view: &View<'_>, turn: Turn<'_>) -> u32 {
    let tasks = at_once(view, turn).saturating_mul(rounds(turn));
    tasks.min(turn.ask.tasks)
}

/// How many rounds of tasks fit before the next decision; one if a task takes longer.
pub(super) fn rounds(turn: Turn<'_>) -> u32 {
    let rounds = STANDS_MS / turn.ask.task_ms.max(1);
    u32::try_from(rounds).unwrap_or(u32::MAX).max(1)
}

/// How many tasks can run at the same time from now until the next decision.
fn at_once(view: &View<'_>, turn: Turn<'_>) -> u32 {
    if turn.ready_ms > view.problem.now.0 {
        return 0;
    }
    let room = view.room(turn.ask, span(turn, turn.ready_ms, rounds(turn)));
    room.min(turn.ask.width.max(1)).min(turn.ask.tasks)
}

/// A number of rounds at home.
fn span(turn: Turn<'_>, start_ms: u64, rounds: u32) -> Spot {
    let length_ms = turn.ask.task_ms.max(1).saturating_mul(rounds.into());
    Spot {
        pool: turn.ask.home,
        start_ms,
        end_ms: start_ms.saturating_add(length_ms),
    }
}
