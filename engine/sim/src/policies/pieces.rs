//! Work in pieces at home: the cleanest rounds before the deadline.

use sunward_core::place::Segment;

use super::ruled::Turn;
use super::view::{Spot, View, segment};

/// The cleanest rounds that together hold all tasks, with at least `least` tasks in each. Returns
/// `None` if the stage cannot pause or its tasks do not fit before the deadline.
pub(super) fn cheapest(view: &View<'_>, turn: Turn<'_>, least: u32) -> Option<Vec<Segment>> {
    let ask = turn.ask;
    if ask.tasks < 2 {
        return None;
    }
    let task_ms = ask.task_ms.max(1);
    let end_ms = turn.latest_ms.saturating_add(turn.length_ms);
    // Rounds are counted back from the deadline, so that the remainder falls at the beginning.
    let count = end_ms.saturating_sub(turn.ready_ms) / task_ms;
    let first_ms = end_ms - count * task_ms;
    let rounds = (0..count).map(|round| Spot {
        pool: ask.home,
        start_ms: first_ms + round * task_ms,
        end_ms: first_ms + (round + 1) * task_ms,
    });
    let mut rounds: Vec<(u64, Spot)> = rounds.map(|spot| (view.window(spot), spot)).collect();
    rounds.sort_by_key(|(window, spot)| (*window, spot.start_ms));
    let mut left = ask.tasks;
    let mut taken = Vec::new();
    for (_, spot) in rounds {
        let room = view.room(ask, spot).min(ask.width.max(1));
        let tasks = room.min(left);
        if tasks > 0 && room >= least.min(left) {
            taken.push(segment(spot, tasks, tasks));
            left -= tasks;
        }
        if left == 0 {
            break;
        }
    }
    taken.sort_by_key(|one| one.start);
    (left == 0).then(|| joined(taken))
}

/// Joins rounds that follow each other without a pause into one segment.
fn joined(rounds: Vec<Segment>) -> Vec<Segment> {
    let mut joined: Vec<Segment> = Vec::with_capacity(rounds.len());
    for round in rounds {
        match joined.last_mut() {
            Some(last) if last.end == round.start && last.at_once == round.at_once => {
                last.end = round.end;
                last.tasks += round.tasks;
            }
            Some(_) | None => joined.push(round),
        }
    }
    joined
}
