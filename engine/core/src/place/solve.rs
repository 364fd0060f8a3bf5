//! Our own placer. It places the stages of each run together, and the runs one after the other.
//!
//! This is list scheduling with regret (CARBON.md §2, online heuristic, step 5): the run that loses
//! most by choosing late chooses first. Regret ignores deadlines, so runs that come out late are
//! then moved forward and the list is placed again.

use std::collections::{BTreeMap, BTreeSet};

use super::answer;
use super::ask::Ask;
use super::block_cache::BlockCache;
use super::board::Board;
use super::choice::Span;
use super::goals;
use super::graph;
use super::placement::{Placement, Why};
use super::postconditions;
use super::problem::{Problem, Solution};
use super::sequence::Sequence;
use super::single;
use super::unit::{Haste, Unit, end_by, order, wait_until};
use super::waiting;
use crate::ids::{self, RunId};

/// Answers placement problems. An implementation may keep results to answer the next problem
/// faster, but the answer must not depend on that.
pub trait Placer {
    /// One entry for each ask, in the order of the asks; see [`Solution::placements`].
    fn solve(&mut self, problem: &Problem) -> Solution;
}

/// Our own placer. It keeps the board and a cache of blocks between problems.
#[derive(Clone, Debug, Default)]
pub struct Sunward {
    board: Option<Board>,
    cache: BlockCache,
}

impl Placer for Sunward {
    fn solve(&mut self, problem: &Problem) -> Solution {
        self.cache.begin();
        let mut board = Board::of(problem, self.board.take());
        let mut units = order(problem, &mut board, &mut self.cache);
        let mut draft = self.draft(problem, board, &units);
        // Regret ignores deadlines. Runs that miss theirs choose before all others that can wait.
        // As a last attempt, runs choose in the order of their latest starts.
        for _ in 0..REPAIRS {
            // Urgent runs keep their order of precedence, late or not. Otherwise a hopeless run
            // would push others past their deadlines as well.
            units.sort_by_key(|unit| {
                (
                    !unit.urgent,
                    !unit.urgent && !draft.late.contains(&unit.run),
                )
            });
            if !self.improve(problem, &units, &mut draft) {
                break;
            }
        }
        units.sort_by_key(|unit| (!unit.urgent, unit.start_by_ms.filter(|_| !unit.urgent)));
        self.improve(problem, &units, &mut draft);
        self.hurry(problem, units, &mut draft);
        let late = !draft.late.is_empty();
        let (placements, faults) =
            postconditions::check(problem, draft.placements, &draft.repeated);
        Solution {
            placements,
            faults,
            late,
        }
    }
}

/// The number of times that late runs are moved forward. Each one solves the whole problem again.
const REPAIRS: usize = 4;

/// A candidate for the solution.
struct Draft {
    /// By index of the ask.
    placements: Vec<Option<Placement>>,
    /// Asks, by index, that were placed more than once. Always empty, or there is a bug.
    repeated: BTreeSet<usize>,
    /// Runs that miss a deadline or a latest start.
    late: BTreeSet<RunId>,
}

impl Sunward {
    /// Places all units in order, on an empty board.
    fn draft(&mut self, problem: &Problem, mut board: Board, units: &[Unit]) -> Draft {
        let draft = place_all(problem, &mut board, &mut self.cache, units);
        self.board = Some(board);
        draft
    }

    /// Meets the deadlines that are met if nothing waits and the earliest deadline goes first. A run
    /// that waits for a clean hour, and one that does not fit beside it, may make each other late.
    ///
    /// What stood until now may still meet them; so it is tried first. Then only the runs hurry that
    /// are due before a late one, and at last all of them.
    fn hurry(&mut self, problem: &Problem, mut units: Vec<Unit>, draft: &mut Draft) {
        if draft.late.is_empty() {
            return;
        }
        // Of equal deadlines the older run goes first.
        let turn = |unit: &Unit| (!unit.urgent).then_some((unit.due_ms, unit.run));
        units.sort_by_key(|unit| (!unit.urgent, turn(unit)));
        let late = units.iter().filter(|unit| draft.late.contains(&unit.run));
        let until = late.filter_map(|unit| unit.due_ms).max();
        let all = self.draft_as(problem, &units, |_| Haste::First);
        if draft.late.is_subset(&all.late) {
            return;
        }
        let due = |unit: &Unit| unit.due_ms.is_none() || unit.due_ms > until;
        let some = self.draft_as(problem, &units, |unit| {
            if due(unit) { Haste::None } else { Haste::First }
        });
        let stood = units.iter().any(|unit| unit.stood);
        units.sort_by_key(|unit| !unit.stood);
        let kept = stood.then(|| self.draft_as(problem, &units, |_| Haste::Kept));
        let meets = |other: &Draft| other.late.is_subset(&all.late);
        let found = kept.into_iter().chain([some]).find(meets);
        *draft = found.unwrap_or(all);
    }

    /// Places all units in this order, each in the given haste.
    fn draft_as(
        &mut self,
        problem: &Problem,
        units: &[Unit],
        haste: impl Fn(&Unit) -> Haste,
    ) -> Draft {
        let units = units.iter().map(|unit| Unit {
            haste: haste(unit),
            ..unit.clone()
        });
        let units: Vec<Unit> = units.collect();
        let board = Board::of(problem, self.board.take());
        self.draft(problem, board, &units)
    }

    /// Places all units in this order and keeps the result if fewer runs are late. Returns whether
    /// it did.
    fn improve(&mut self, problem: &Problem, units: &[Unit], draft: &mut Draft) -> bool {
        if draft.late.is_empty() {
            return false;
        }
        let board = Board::of(problem, self.board.take());
        let other = self.draft(problem, board, units);
        let is_better = other.late.len() < draft.late.len();
        if is_better {
            *draft = other;
        }
        is_better
    }
}

/// Places all units in order, on a board on which nothing is placed yet.
fn place_all(
    problem: &Problem,
    board: &mut Board,
    cache: &mut BlockCache,
    units: &[Unit],
) -> Draft {
    let mut placements: Vec<Option<Placement>> = vec![None; problem.asks.len()];
    let mut repeated = BTreeSet::new();
    for unit in units {
        for (index, placement) in place_unit(problem, board, cache, unit) {
            match placements.get_mut(index) {
                Some(answer @ None) => *answer = Some(placement),
                Some(Some(_)) | None => {
                    repeated.insert(index);
                }
            }
        }
    }
    Draft {
        late: late_runs(problem, &placements),
        placements,
        repeated,
    }
}

/// The runs with a stage that is placed after its latest start or end.
fn late_runs(problem: &Problem, placements: &[Option<Placement>]) -> BTreeSet<RunId> {
    let placed = problem.asks.iter().zip(placements);
    placed
        .filter(|(ask, placement)| {
            placement
                .as_ref()
                .is_some_and(|one| answer::is_late(ask, one))
        })
        .map(|(ask, _)| ask.id.run)
        .collect()
}

/// Places the members of a unit in topological order and reserves what they need.
fn place_unit(
    problem: &Problem,
    board: &mut Board,
    cache: &mut BlockCache,
    unit: &Unit,
) -> Vec<(usize, Placement)> {
    board.floor = unit.floor;
    let asks: Vec<&Ask> = unit
        .members
        .iter()
        .filter_map(|index| problem.asks.get(*index))
        .collect();
    let edges = edges(&unit.members, &asks);
    let alone = edges.iter().all(Vec::is_empty);
    let sequence = match unit.haste {
        Haste::None => Sequence::of(problem, board, &asks, &edges),
        Haste::Kept | Haste::First => None,
    };
    let planned = if alone || unit.haste != Haste::None {
        Vec::new()
    } else {
        graph::spans(board, &asks, &edges)
    };
    let mut ends: Vec<u64> = Vec::with_capacity(asks.len());
    let mut placed = Vec::with_capacity(asks.len());
    for (place, ask) in asks.iter().enumerate() {
        let before = edges[place]
            .iter()
            .filter_map(|one| ends.get(ids::place(*one)));
        let ready_ms = before
            .copied()
            .max()
            .unwrap_or(0)
            .max(ask.ready_at.0)
            .max(problem.now.0);
        // Now it is known when it becomes ready, and so how long it may wait.
        let held = ask.after(ready_ms);
        let ask = held.as_ref().unwrap_or(ask);
        let end_by_ms = wait_until(ask, ready_ms);
        let mut placement = match planned.get(place) {
            None if unit.haste != Haste::None => {
                let stays = unit.haste == Haste::Kept;
                let standing = stays.then(|| standing(board, ask, ready_ms)).flatten();
                standing.unwrap_or_else(|| {
                    single::place_first(problem, board, ask, ready_ms, end_by(ask))
                })
            }
            Some((start, Some(end))) if *start >= ready_ms && !goals::are_time_first(ask) => {
                // As planned, unless earlier units or members have taken that capacity.
                let there = single::place(problem, board, ask, *start, Some(*end));
                if there.end().is_some_and(|at| at.0 <= *end) {
                    let other = answer::at_once_there(board, ask, &there, ready_ms);
                    Placement {
                        alternative: there.alternative.or(other),
                        ..there
                    }
                } else {
                    single::place(problem, board, ask, ready_ms, end_by_ms)
                }
            }
            Some(_) => single::place(problem, board, ask, ready_ms, end_by_ms),
            None => {
                let span = Span {
                    ready_ms,
                    end_by_ms,
                };
                let best = cache.best(board, ask, span);
                let soon = best.first.as_ref();
                let later = soon.and_then(|soon| waiting::later(board, ask, span, soon));
                let waits = later.is_some();
                let best = later.unwrap_or(best);
                let placed = single::place_best(problem, board, ask, span, best);
                match placed.why {
                    Why::Cleanest if waits => Placement {
                        why: Why::WorthWaiting,
                        ..placed
                    },
                    _ => placed,
                }
            }
        };
        if placement.why == Why::Late && !answer::is_late(ask, &placement) {
            // The margin leaves it no time to wait, but it is in time.
            placement.why = Why::LastSafeStart;
        }
        for segment in &placement.segments {
            board.reserve(ask, segment);
        }
        ends.push(placement.end().map_or(ready_ms, |end| end.0));
        placed.push(placement);
    }
    if let Some(sequence) = sequence {
        let late = asks.iter().zip(&placed);
        let late = late
            .filter(|(ask, there)| answer::is_late(ask, there))
            .count();
        if let Some(better) = sequence.better(&placed, late) {
            *board = sequence.board;
            for (ask, placement) in asks.iter().zip(&better) {
                for segment in &placement.segments {
                    board.reserve(ask, segment);
                }
            }
            placed = better;
        }
    }
    unit.members.iter().copied().zip(placed).collect()
}

/// The placement that an ask has, if it can stay as it is.
fn standing(board: &Board, ask: &Ask, ready_ms: u64) -> Option<Placement> {
    let previous = ask.previous.as_ref()?;
    let mut own = board.clone();
    let mut tasks = 0_u32;
    for segment in &previous.segments {
        let (start_ms, end_ms) = (segment.start.0, segment.end.0);
        let room = own.room(ask, segment.pool, start_ms, end_ms);
        let stays = ask.allowed.contains(&segment.pool) && start_ms >= ready_ms;
        if !stays || room < segment.at_once {
            return None;
        }
        own.reserve(ask, segment);
        tasks = tasks.saturating_add(segment.tasks);
    }
    let other = previous.alternative;
    // What was an alternative then may be one no more.
    (tasks == ask.tasks).then(|| Placement {
        alternative: other
            .filter(|other| other.start.0 >= ready_ms && ask.allowed.contains(&other.pool)),
        ..previous.clone()
    })
}

/// The predecessors of each member, as indices into `members`.
fn edges(members: &[usize], asks: &[&Ask]) -> Vec<Vec<u32>> {
    let places: BTreeMap<usize, u32> = members
        .iter()
        .zip(0_u32..)
        .map(|(index, place)| (*index, place))
        .collect();
    asks.iter()
        .map(|ask| {
            let before = ask.after.iter();
            before
                .filter_map(|index| places.get(&ids::place(*index)).copied())
                .collect()
        })
        .collect()
}
