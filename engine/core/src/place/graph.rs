//! Plans the stages of a run jointly, so that slack goes to the stages where waiting saves most.
//!
//! The exact problem, start times under precedence with costs that depend on the start, is a
//! minimum cut on a graph of `stages x slots` (Möhring, Schulz, Stork, Uetz 2003). That cut takes
//! too long for thousands of stages, and it ignores capacity. Instead three plans are made and the
//! cheapest is taken: starts by dynamic programming ([`cost_to_go`]), the earliest plan with pauses
//! inserted, and the latest plan. Each is then improved by moving one stage at a time between its
//! neighbors until nothing moves.

use super::ask::Ask;
use super::board::Board;
use super::choice::{self, Span};
use super::cost_to_go;
use super::goals::{self, Bands, Cost, Rank};
use super::node::{Node, cost, emitted};
use crate::ids;

/// The most passes of moving each stage. Most graphs settle after three; the bound keeps a plan
/// that oscillates between equals finite.
const ROUNDS: usize = 6;

/// The number of moments, spread over the plan, at which a pause is tried. Each costs `stages x
/// slots`.
const PAUSES: usize = 24;

/// When each stage of a graph should begin and end, as `(ready, end by)` in the order of `asks`.
/// The asks are in topological order, and `edges` holds the predecessors of each. Stages that may
/// not wait have no end.
pub(crate) fn spans(board: &Board, asks: &[&Ask], edges: &[Vec<u32>]) -> Vec<(u64, Option<u64>)> {
    let mut nodes = nodes(board, asks, edges);
    bound(&mut nodes);
    if asks.iter().all(|ask| goals::are_carbon(ask)) {
        settle::<u64>(board, &mut nodes);
    } else {
        for node in &mut nodes {
            node.bands = node.bands(board);
        }
        settle::<Rank>(board, &mut nodes);
    }
    nodes
        .iter()
        .map(|node| {
            let may_wait = node.ask.finish_by.is_some() || node.ask.start_by.is_some();
            let end = node.start_ms.saturating_add(node.length_ms);
            (node.start_ms, may_wait.then_some(end))
        })
        .collect()
}

/// The stages, each from when it is ready on.
pub(super) fn nodes<'a>(board: &Board, asks: &[&'a Ask], edges: &[Vec<u32>]) -> Vec<Node<'a>> {
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
                latest_ms: ask.safe_start(length_ms).unwrap_or(0),
                before: before.iter().map(|index| ids::place(*index)).collect(),
                behind: Vec::new(),
                start_ms: ask.ready_at.0,
                bands: Bands::default(),
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

/// Sets every stage to its earliest start, and computes its latest one. This is the critical path
/// method: a forward pass and a backward pass.
pub(super) fn bound(nodes: &mut [Node<'_>]) {
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

/// The earliest start of a stage: the end of its last predecessor.
fn earliest(nodes: &[Node<'_>], place: usize) -> u64 {
    let node = &nodes[place];
    let ends = node.before.iter().filter_map(|before| nodes.get(*before));
    ends.map(|before| before.start_ms.saturating_add(before.length_ms))
        .max()
        .unwrap_or(0)
        .max(node.ready_ms)
}

/// The latest start of a stage that does not move its successors.
fn last(nodes: &[Node<'_>], place: usize) -> u64 {
    let node = &nodes[place];
    let behind = node.behind.iter().filter_map(|next| nodes.get(*next));
    behind
        .map(|next| next.start_ms.saturating_sub(node.length_ms))
        .min()
        .unwrap_or(u64::MAX)
        .min(node.latest_ms)
}

/// The earliest start of a stage after which no successor waits for longer than it may.
fn first(nodes: &[Node<'_>], place: usize) -> u64 {
    let node = &nodes[place];
    let behind = node.behind.iter().filter_map(|next| nodes.get(*next));
    let held = behind.filter_map(|next| {
        let ends_ms = next.start_ms.saturating_sub(next.ask.max_delay_ms?);
        let others = next.before.iter().filter(|before| **before != place);
        let others = others.filter_map(|before| nodes.get(*before));
        let mut ends = others.map(|other| other.start_ms.saturating_add(other.length_ms));
        let is_held = !ends.any(|end| end >= ends_ms);
        is_held.then(|| ends_ms.saturating_sub(node.length_ms))
    });
    held.max().unwrap_or(0)
}

/// Tries the three plans and keeps the cheapest. Moving single stages only reaches a local minimum,
/// and these three starting points lie far apart.
fn settle<C: Cost>(board: &Board, nodes: &mut [Node<'_>]) {
    if nodes.iter().all(|node| node.latest_ms <= node.start_ms) {
        return;
    }
    let early: Vec<u64> = nodes.iter().map(|node| node.start_ms).collect();
    let late: Vec<u64> = nodes.iter().map(|node| node.latest_ms).collect();
    let foreseen = cost_to_go::starts::<C>(board, nodes);
    let mut best: Option<(C, Vec<u64>)> = None;
    for (from, paused) in [(&foreseen, false), (&early, true), (&late, false)] {
        for (node, start) in nodes.iter_mut().zip(from) {
            node.start_ms = *start;
        }
        if paused {
            pauses::<C>(board, nodes);
        }
        move_all::<C>(board, nodes);
        keep_delays(nodes);
        let total = nodes
            .iter()
            .map(|node| cost(board, node, node.start_ms))
            .fold(C::NOTHING, C::and);
        if best.as_ref().is_none_or(|(least, _)| total < *least) {
            best = Some((total, nodes.iter().map(|node| node.start_ms).collect()));
        }
    }
    let Some((_, best)) = best else {
        return;
    };
    // The plans are compared above the floor. By plain emissions the result must still be no worse
    // than starting at once.
    let emitted = |starts: &[u64]| {
        let each = nodes.iter().zip(starts);
        each.map(|(node, start)| emitted(board, node, *start))
            .fold(C::NOTHING, C::and)
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

/// Lets each stage begin by when it must after its predecessors have ended. Moves and pauses leave more
/// time between them at some of the stages that may wait for a while only.
fn keep_delays(nodes: &mut [Node<'_>]) {
    for place in 0..nodes.len() {
        if nodes[place].ask.max_delay_ms.is_some() {
            let latest = nodes[place].latest_after(earliest(nodes, place));
            let node = &mut nodes[place];
            node.start_ms = node.start_ms.min(latest);
        }
    }
}

/// Moves each stage alone, pass after pass, until none moves. Passes alternate their direction, so
/// that room that opens at one end of a chain travels through it in one pass.
fn move_all<C: Cost>(board: &Board, nodes: &mut [Node<'_>]) {
    for round in 0..ROUNDS {
        let mut moved = false;
        let count = nodes.len();
        for step in 0..count {
            let place = if round % 2 == 0 {
                count - 1 - step
            } else {
                step
            };
            moved |= move_alone::<C>(board, nodes, place);
        }
        if !moved {
            return;
        }
    }
}

/// Moves one stage to its best start between its neighbors. Returns whether it moved.
fn move_alone<C: Cost>(board: &Board, nodes: &mut [Node<'_>], place: usize) -> bool {
    let early = earliest(nodes, place);
    let node = &nodes[place];
    let late = last(nodes, place).min(node.latest_after(early));
    let early = early.max(first(nodes, place));
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
    let stay: C = cost(board, node, node.start_ms);
    let spot = block.spot(node.ask);
    let there = C::of(board, node.ask, &node.bands, node.ready_ms, &spot);
    if block.start_ms == node.start_ms || there >= stay {
        return false;
    }
    nodes[place].start_ms = block.start_ms;
    true
}

/// Delays everything that begins at or after a moment, if that saves emissions: first the whole
/// plan, then what begins at ever later moments. All successors of a delayed stage begin later and
/// are delayed too, so precedence holds.
fn pauses<C: Cost>(board: &Board, nodes: &mut [Node<'_>]) {
    let mut starts: Vec<u64> = nodes.iter().map(|node| node.start_ms).collect();
    starts.sort_unstable();
    starts.dedup();
    let stride = starts.len().div_ceil(PAUSES).max(1);
    for nth in (0..starts.len()).step_by(stride) {
        // Earlier pauses have moved the starts.
        let mut now: Vec<u64> = nodes.iter().map(|node| node.start_ms).collect();
        now.sort_unstable();
        now.dedup();
        let Some(from) = now.get(nth).copied() else {
            return;
        };
        pause::<C>(board, nodes, from);
    }
}

fn pause<C: Cost>(board: &Board, nodes: &mut [Node<'_>], from_ms: u64) {
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
    let total = |delay: u64| -> C {
        moving
            .iter()
            .map(|place| {
                cost(
                    board,
                    &nodes[*place],
                    nodes[*place].start_ms.saturating_add(delay),
                )
            })
            .fold(C::NOTHING, C::and)
    };
    let mut best = (total(0), 0);
    // A step costs as much as there are stages. Graphs of thousands of stages take coarser steps,
    // which keeps the total bounded.
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
