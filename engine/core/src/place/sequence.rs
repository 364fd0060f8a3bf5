//! Lets the stages of a small run take scarce capacity in another order.
//!
//! Stages are placed one after the other, each in the best room that those before it have left. Where
//! they compete for room, their order decides how much is saved, and whether all end in time. So
//! other orders are tried as long as that gains: each stage is moved to each other turn, and each
//! stage begins or ends at each moment at which an intensity changes while the others choose around it. A
//! stage that chooses before its predecessors or successors leaves time for them.

use super::answer;
use super::ask::Ask;
use super::board::Board;
use super::goals::{self, Cost, Rank, Spot};
use super::graph;
use super::node::Node;
use super::placement::{Placement, Why};
use super::problem::Problem;
use super::single;
use super::unit::{end_by, wait_until};
use crate::ids;

/// The most stages of a run, and the most asks of a problem, for which orders are tried.
const MOST_STAGES: usize = 8;
const MOST_ASKS: usize = 64;

/// The most placements that are tried in one problem. Runs have equal shares for each stage.
const MOST_PLACEMENTS: usize = 4096;

/// The stages of a run, and the board on which none of them is placed.
pub(super) struct Sequence<'a> {
    problem: &'a Problem,
    pub(super) board: Board,
    asks: &'a [&'a Ask],
    edges: &'a [Vec<u32>],
}

/// The turns in which stages choose. The first of them may have to begin at a moment.
#[derive(Clone)]
struct Turns {
    stages: Vec<usize>,
    first_at_ms: Option<u64>,
}

/// The best placements so far.
struct Found<C> {
    /// The number of stages that are late, and what all cost.
    worth: (usize, C),
    /// What the first placements emit, if they are in time. What is compared lies above the floor; by
    /// plain emissions nothing may be worse than they are.
    most_micrograms: u64,
    placed: Option<Vec<Placement>>,
    /// The orders that may still be tried.
    left: usize,
}

impl<'a> Sequence<'a> {
    /// `None` for what chooses alone, is too large, or does not wait.
    pub(super) fn of(
        problem: &'a Problem,
        board: &Board,
        asks: &'a [&'a Ask],
        edges: &'a [Vec<u32>],
    ) -> Option<Self> {
        let is_small = asks.len() <= MOST_STAGES && problem.asks.len() <= MOST_ASKS;
        // The latest start of one that may wait for a while only depends on others.
        let waits = |ask: &&Ask| {
            end_by(ask).is_some() && ask.max_delay_ms.is_none() && !goals::are_time_first(ask)
        };
        (asks.len() > 1 && is_small && asks.iter().all(waits)).then(|| Self {
            problem,
            board: board.clone(),
            asks,
            edges,
        })
    }

    /// Placements that are better than these, by stage; `None` if the stages do not compete, or no
    /// order is better.
    pub(super) fn better(&self, placed: &[Placement], late: usize) -> Option<Vec<Placement>> {
        // What waits on purpose is no sign of others.
        if placed.iter().any(|one| one.why == Why::WorthWaiting) {
            return None;
        }
        let nodes = graph::nodes(&self.board, self.asks, self.edges);
        if self.asks.iter().all(|ask| goals::are_carbon(ask)) {
            return self.search::<u64>(&nodes, placed, late);
        }
        let mut nodes = nodes;
        graph::bound(&mut nodes);
        for node in &mut nodes {
            node.bands = node.bands(&self.board);
        }
        self.search::<Rank>(&nodes, placed, late)
    }

    fn search<C: Cost>(
        &self,
        nodes: &[Node<'_>],
        placed: &[Placement],
        late: usize,
    ) -> Option<Vec<Placement>> {
        let cost: C = self.cost(nodes, placed);
        // The tasks of an array may do better in other pieces than they take alone.
        let are_whole = self.asks.iter().all(|ask| ask.tasks == 1);
        if late == 0 && are_whole && cost <= self.least(nodes) {
            return None;
        }
        let mut found = Found {
            worth: (late, cost),
            most_micrograms: if late == 0 { emitted(placed) } else { u64::MAX },
            placed: None,
            left: MOST_PLACEMENTS / self.problem.asks.len().max(1),
        };
        let mut turns = Turns {
            stages: (0..self.asks.len()).collect(),
            first_at_ms: None,
        };
        self.try_out(nodes, &turns, &mut found);
        while self.take_turns(nodes, &mut turns, &mut found)
            || self.begin_elsewhere(nodes, &mut turns, &mut found)
        {}
        found.placed
    }

    /// What all stages cost at least: each alone, between the earliest ends of those before it and the
    /// latest starts of those after it.
    fn least<C: Cost>(&self, nodes: &[Node<'_>]) -> C {
        let (early, late) = self.bounds(nodes, &vec![None; nodes.len()]);
        let spans = early.into_iter().zip(late);
        let alone = nodes.iter().zip(spans).map(|(node, (early, late))| {
            let there = single::place(self.problem, &self.board, node.ask, early, Some(late));
            self.cost_of(node, &there)
        });
        alone.fold(C::NOTHING, C::and)
    }

    /// Moves each stage to each other turn. Returns whether that gained.
    fn take_turns<C: Cost>(
        &self,
        nodes: &[Node<'_>],
        turns: &mut Turns,
        found: &mut Found<C>,
    ) -> bool {
        let mut gained = false;
        // The first turn stays if its stage begins at a given moment.
        let first = usize::from(turns.first_at_ms.is_some());
        for from in first..nodes.len() {
            for to in (first..nodes.len()).filter(|to| *to != from) {
                let mut other = turns.clone();
                let one = other.stages.remove(from);
                other.stages.insert(to, one);
                if self.try_out(nodes, &other, found) {
                    (*turns, gained) = (other, true);
                }
            }
        }
        gained
    }

    /// Lets each stage begin, or end, at each moment at which an intensity changes. Returns whether that gained.
    fn begin_elsewhere<C: Cost>(
        &self,
        nodes: &[Node<'_>],
        turns: &mut Turns,
        found: &mut Found<C>,
    ) -> bool {
        let (early, late) = self.bounds(nodes, &vec![None; nodes.len()]);
        let mut gained = false;
        for (place, node) in nodes.iter().enumerate() {
            let (early, late) = (early[place], late[place]);
            let changes = self.board.changes(early, late);
            // A stage also ends where an intensity changes.
            let ends = changes.iter().map(|at| at.saturating_sub(node.length_ms));
            let mut starts: Vec<u64> = changes.iter().copied().chain(ends).collect();
            let latest = late.saturating_sub(node.length_ms);
            starts.retain(|start| (early..=latest).contains(start));
            starts.sort_unstable();
            starts.dedup();
            for at_ms in starts {
                let mut other = turns.clone();
                other.stages.retain(|one| *one != place);
                other.stages.insert(0, place);
                other.first_at_ms = Some(at_ms);
                if self.try_out(nodes, &other, found) {
                    (*turns, gained) = (other, true);
                }
            }
        }
        gained
    }

    /// Returns whether these turns are better than all before.
    fn try_out<C: Cost>(&self, nodes: &[Node<'_>], turns: &Turns, found: &mut Found<C>) -> bool {
        let Some(left) = found.left.checked_sub(1) else {
            return false;
        };
        found.left = left;
        let Some(placed) = self.in_order(nodes, turns) else {
            return false;
        };
        let worth = (0, self.cost(nodes, &placed));
        let is_better = worth < found.worth && emitted(&placed) <= found.most_micrograms;
        if is_better {
            found.worth = worth;
            found.placed = Some(placed);
        }
        is_better
    }

    /// The placements if the stages choose in this order; `None` if one has no room in time.
    fn in_order(&self, nodes: &[Node<'_>], turns: &Turns) -> Option<Vec<Placement>> {
        let mut board = self.board.clone();
        let mut placed: Vec<Option<Placement>> = vec![None; nodes.len()];
        let mut first_at_ms = turns.first_at_ms;
        for place in &turns.stages {
            let known: Vec<Option<&Placement>> = placed.iter().map(Option::as_ref).collect();
            let (early, late) = self.bounds(nodes, &known);
            let (ask, mut early, mut late) = (self.asks.get(*place)?, early[*place], late[*place]);
            if let Some(at_ms) = first_at_ms.take() {
                early = at_ms;
                late = at_ms.saturating_add(nodes.get(*place)?.length_ms);
            }
            let there = single::place(self.problem, &board, ask, early, Some(late));
            let is_in_time = there.end().is_some_and(|end| end.0 <= late);
            let starts = there.segments.iter().map(|one| one.start.0).min();
            let begins = starts.is_some_and(|start| start >= early);
            if !is_in_time || !begins || answer::is_late(ask, &there) {
                return None;
            }
            for segment in &there.segments {
                board.reserve(ask, segment);
            }
            placed[*place] = Some(there);
        }
        placed.into_iter().collect()
    }

    /// The earliest start and the latest end of each stage, by those that are placed.
    fn bounds(&self, nodes: &[Node<'_>], placed: &[Option<&Placement>]) -> (Vec<u64>, Vec<u64>) {
        let mut early: Vec<u64> = Vec::with_capacity(nodes.len());
        for (place, node) in nodes.iter().enumerate() {
            let before = self.edges[place].iter().map(|one| ids::place(*one));
            let ends = before.filter_map(|one| match placed.get(one)? {
                Some(there) => there.end().map(|end| end.0),
                None => Some(early.get(one)?.saturating_add(nodes.get(one)?.length_ms)),
            });
            let ready_ms = node.ready_ms.max(self.problem.now.0);
            early.push(ends.fold(ready_ms, u64::max));
        }
        let mut late: Vec<u64> = early
            .iter()
            .zip(self.asks)
            .map(|(early, ask)| wait_until(ask, *early).unwrap_or(u64::MAX))
            .zip(nodes)
            .map(|(late, node)| match node.ask.start_by {
                Some(by) => late.min(by.0.saturating_add(node.length_ms)),
                None => late,
            })
            .collect();
        for place in (0..nodes.len()).rev() {
            let start = match placed[place].and_then(Placement::start) {
                Some(start) => start.0,
                None => late[place].saturating_sub(nodes[place].length_ms),
            };
            for before in self.edges[place].iter().map(|one| ids::place(*one)) {
                late[before] = late[before].min(start);
            }
        }
        (early, late)
    }

    fn cost<C: Cost>(&self, nodes: &[Node<'_>], placed: &[Placement]) -> C {
        let each = nodes.iter().zip(placed);
        each.map(|(node, one)| self.cost_of(node, one))
            .fold(C::NOTHING, C::and)
    }

    fn cost_of<C: Cost>(&self, node: &Node<'_>, placement: &Placement) -> C {
        let ask = node.ask;
        let costs = placement.segments.iter().map(|segment| {
            let (start_ms, end_ms) = (segment.start.0, segment.end.0);
            let window = self.board.compared(ask, segment.pool, start_ms, end_ms);
            let moved = u128::from(self.board.transfer(ask, segment.pool, start_ms));
            let moved = moved * u128::from(segment.tasks) / u128::from(ask.tasks.max(1));
            let spot = Spot {
                pool: segment.pool,
                start_ms,
                end_ms,
                tasks: segment.tasks,
                compared: Board::micrograms(window, ask.power(segment.at_once))
                    .saturating_add(u64::try_from(moved).unwrap_or(u64::MAX)),
            };
            C::of(&self.board, ask, &node.bands, node.ready_ms, &spot)
        });
        costs.fold(C::NOTHING, C::and)
    }
}

/// What placements emit, in micrograms.
fn emitted(placed: &[Placement]) -> u64 {
    let each = placed.iter().map(|one| one.expected_micrograms);
    each.fold(0, u64::saturating_add)
}
