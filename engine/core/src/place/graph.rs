//! Stages that wait for each other, planned jointly: slack goes where it saves most.
//!
//! The exact problem, start times under precedence with costs that depend on them, is a minimum cut
//! (Möhring, Schulz, Stork, Uetz 2003) of `stages x slots`. Here: the whole graph shifted to its best
//! start, pauses put in where all that follows may move together, or starts foreseen by dynamic
//! programming ([`outlay`]); then each stage alone between its neighbours, over and over until nothing
//! moves. The best of these is taken.

use super::ask::Ask;
use super::board::Board;
use super::choice::{self, Span};
use super::node::{Node, cost, emitted};
use super::outlay;
use crate::ids;

/// Rounds of moving each stage alone: most graphs stand still after three.
const ROUNDS: usize = 6;

/// Moments at which a pause is tried, spread over the plan.
const PAUSES: usize = 24;

/// By when each stage of a graph is to begin and end: `(ready, end by)` by place in `members`, which
/// are in topological order. Stages that may not wait have no end.
pub(crate) fn spans(board: &Board, asks: &[&Ask], edges: &[Vec<u32>]) -> Vec<(u64, Option<u64>)> {
    let mut nodes = nodes(board, asks, edges);
    bound(&mut nodes);
    settle(board, &mut nodes);
    nodes
        .iter()
        .map(|node| {
            let may_wait = node.ask.finish_by.is_some() || node.ask.start_by.is_some();
            let end = node.start_ms.saturating_add(node.length_ms);
            (node.start_ms, may_wait.then_some(end))
        })
        .collect()
}

fn nodes<'a>(board: &Board, asks: &[&'a Ask], edges: &[Vec<u32>]) -> Vec<Node<'a>> {
    let mut nodes: Vec<Node<'_>> = asks
        .iter()
        .zip(edges)
        .map(|(ask, before)| {
            let at_once = ask.allowed.iter().map(|pool| board.most(ask, *pool)).max();
            let at_once = at_once.unwrap_or(0).max(1);
            let length_ms = ask.length_ms(at_once);
            Node {
                ask,
                at_once,
                length_ms,
                ready_ms: ask.ready_at.0,
                latest_ms: ask.latest_start(length_ms).unwrap_or(0),
                before: before.iter().map(|index| ids::place(*index)).collect(),
                behind: Vec::new(),
                start_ms: ask.ready_at.0,
            }
        })
        .collect();
    for place in 0..nodes.len() {
        for before in nodes[place].before.clone() {
            if let Some(node) = nodes.get_mut(before) {
                node.behind.push(place);
            }
        }
    }
    nodes
}

/// Puts every stage as early as it can be, and bounds how late it may be.
fn bound(nodes: &mut [Node<'_>]) {
    for place in 0..nodes.len() {
        let early = earliest(nodes, place);
        nodes[place].start_ms = early;
    }
    for place in (0..nodes.len()).rev() {
        let behind = nodes[place].behind.iter();
        let least = behind
            .filter_map(|next| nodes.get(*next))
            .map(|next| next.latest_ms)
            .min();
        let node = &mut nodes[place];
        if let Some(least) = least {
            node.latest_ms = node.latest_ms.min(least.saturating_sub(node.length_ms));
        }
        node.latest_ms = node.latest_ms.max(node.start_ms);
    }
}

/// The end of the last stage that one waits for.
fn earliest(nodes: &[Node<'_>], place: usize) -> u64 {
    let node = &nodes[place];
    let ends = node.before.iter().filter_map(|before| nodes.get(*before));
    ends.map(|before| before.start_ms.saturating_add(before.length_ms))
        .max()
        .unwrap_or(0)
        .max(node.ready_ms)
}

/// The latest start that leaves those behind where they are.
fn last(nodes: &[Node<'_>], place: usize) -> u64 {
    let node = &nodes[place];
    let behind = node.behind.iter().filter_map(|next| nodes.get(*next));
    behind
        .map(|next| next.start_ms.saturating_sub(node.length_ms))
        .min()
        .unwrap_or(u64::MAX)
        .min(node.latest_ms)
}

/// Finds good starts from three ends: where each stage with what follows it costs least, as early as
/// can be with pauses put in, and as late as can be. Moving stages alone gets stuck in valleys, and
/// these lie far apart.
fn settle(board: &Board, nodes: &mut [Node<'_>]) {
    if nodes.iter().all(|node| node.latest_ms <= node.start_ms) {
        return;
    }
    let early: Vec<u64> = nodes.iter().map(|node| node.start_ms).collect();
    let late: Vec<u64> = nodes.iter().map(|node| node.latest_ms).collect();
    let foreseen = outlay::starts(board, nodes);
    let mut best: Option<(u64, Vec<u64>)> = None;
    for (from, paused) in [(&foreseen, false), (&early, true), (&late, false)] {
        for (node, start) in nodes.iter_mut().zip(from) {
            node.start_ms = *start;
        }
        if paused {
            pauses(board, nodes);
        }
        move_all(board, nodes);
        let total = nodes
            .iter()
            .map(|node| cost(board, node, node.start_ms))
            .fold(0, u64::saturating_add);
        if best.as_ref().is_none_or(|(least, _)| total < *least) {
            best = Some((total, nodes.iter().map(|node| node.start_ms).collect()));
        }
    }
    let Some((_, best)) = best else {
        return;
    };
    // Compared above the floor; yet never worse than at once.
    let emitted = |starts: &[u64]| {
        let each = nodes.iter().zip(starts);
        each.map(|(node, start)| emitted(board, node, *start))
            .fold(0, u64::saturating_add)
    };
    let taken = if emitted(&best) > emitted(&early) {
        &early
    } else {
        &best
    };
    for (node, start) in nodes.iter_mut().zip(taken) {
        node.start_ms = *start;
    }
}

/// Moves each stage alone, over and over until nothing moves.
fn move_all(board: &Board, nodes: &mut [Node<'_>]) {
    for round in 0..ROUNDS {
        let mut moved = false;
        let count = nodes.len();
        for step in 0..count {
            let place = if round % 2 == 0 {
                count - 1 - step
            } else {
                step
            };
            moved |= move_alone(board, nodes, place);
        }
        if !moved {
            return;
        }
    }
}

/// Moves one stage to its best start between its neighbours.
fn move_alone(board: &Board, nodes: &mut [Node<'_>], place: usize) -> bool {
    let (early, late) = (earliest(nodes, place), last(nodes, place));
    let node = &nodes[place];
    if late <= early {
        return false;
    }
    let span = Span {
        ready_ms: early,
        end_by_ms: Some(late.saturating_add(node.length_ms)),
    };
    let Some(block) = choice::best(board, node.ask, span).first else {
        return false;
    };
    let stay = cost(board, node, node.start_ms);
    if block.start_ms == node.start_ms || block.compared >= stay {
        return false;
    }
    nodes[place].start_ms = block.start_ms;
    true
}

/// All that begins at or after a moment waits together, if that saves anything: first all of it,
/// then what is left at ever later moments. Precedence stays, since what waits for something begins
/// after it.
fn pauses(board: &Board, nodes: &mut [Node<'_>]) {
    let mut starts: Vec<u64> = nodes.iter().map(|node| node.start_ms).collect();
    starts.sort_unstable();
    starts.dedup();
    let stride = starts.len().div_ceil(PAUSES).max(1);
    for nth in (0..starts.len()).step_by(stride) {
        // Starts were moved on by the pauses before this one.
        let mut now: Vec<u64> = nodes.iter().map(|node| node.start_ms).collect();
        now.sort_unstable();
        now.dedup();
        let Some(from) = now.get(nth).copied() else {
            return;
        };
        pause(board, nodes, from);
    }
}

fn pause(board: &Board, nodes: &mut [Node<'_>], from_ms: u64) {
    let moving: Vec<usize> = (0..nodes.len())
        .filter(|place| nodes[*place].start_ms >= from_ms)
        .collect();
    let room = moving
        .iter()
        .map(|place| {
            nodes[*place]
                .latest_ms
                .saturating_sub(nodes[*place].start_ms)
        })
        .min()
        .unwrap_or(0);
    let total = |delay: u64| -> u64 {
        moving
            .iter()
            .map(|place| {
                cost(
                    board,
                    &nodes[*place],
                    nodes[*place].start_ms.saturating_add(delay),
                )
            })
            .fold(0, u64::saturating_add)
    };
    let mut best = (total(0), 0);
    // A graph of thousands of stages is looked at in coarser steps: its cost is paid for each.
    let coarse = u64::try_from(moving.len() / 64).unwrap_or(0) + 1;
    let step = board.slot_ms.saturating_mul(coarse.min(8));
    let mut delay = step;
    while delay <= room {
        best = best.min((total(delay), delay));
        delay = delay.saturating_add(step);
    }
    if best.1 > 0 {
        for place in moving {
            nodes[place].start_ms = nodes[place].start_ms.saturating_add(best.1);
        }
    }
}
