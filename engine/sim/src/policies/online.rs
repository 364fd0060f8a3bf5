//! Decisions about the present alone: some tasks begin now, and the rest as late as they can.
//!
//! What is planned for later is decided again at the next outlook, so it stands only for what must
//! happen in the end.

use sunward_core::place::Segment;

use super::ruled::Turn;
use super::view::{Spot, View, segment};

/// `tasks` tasks of a stage from now on at home, and its other tasks in the last rounds before its
/// deadline. `None` if those do not fit.
pub(super) fn now_and_last(view: &View<'_>, turn: Turn<'_>, tasks: u32) -> Option<Vec<Segment>> {
    let ask = turn.ask;
    let task_ms = ask.task_ms.max(1);
    let tasks = tasks.min(may_begin(view, turn));
    let mut segments = Vec::new();
    let mut free_ms = turn.ready_ms;
    if tasks > 0 {
        let spot = round(turn, turn.ready_ms);
        segments.push(segment(spot, tasks, tasks));
        free_ms = spot.end_ms;
    }
    let mut left = ask.tasks - tasks;
    let mut end_ms = turn.latest_ms.saturating_add(turn.length_ms);
    let mut last = Vec::new();
    while left > 0 {
        let start_ms = end_ms.checked_sub(task_ms).filter(|at| *at >= free_ms)?;
        let spot = round(turn, start_ms);
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

/// How many tasks of a stage can begin now at home: none if it is not ready.
pub(super) fn may_begin(view: &View<'_>, turn: Turn<'_>) -> u32 {
    if turn.ready_ms > view.problem.now.0 {
        return 0;
    }
    let room = view.room(turn.ask, round(turn, turn.ready_ms));
    room.min(turn.ask.width.max(1)).min(turn.ask.tasks)
}

fn round(turn: Turn<'_>, start_ms: u64) -> Spot {
    Spot {
        pool: turn.ask.home,
        start_ms,
        end_ms: start_ms.saturating_add(turn.ask.task_ms.max(1)),
    }
}
