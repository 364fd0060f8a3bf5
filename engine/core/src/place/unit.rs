//! The runs of a problem, and the order in which they choose their places.

use std::collections::{BTreeMap, VecDeque};

use super::ask::Ask;
use super::block_cache::BlockCache;
use super::board::Board;
use super::choice::Span;
use super::demand::Work;
use super::floor::{Floor, Headroom};
use super::goals;
use super::problem::Problem;
use crate::ids::{RunId, Timestamp};

/// The waiting time that counts as much as one level of priority among urgent runs, in
/// milliseconds; a day makes up for four levels. It prevents starvation: however low its priority,
/// a run eventually chooses before every run that came long after it.
const AGEING_MS: u64 = 6 * 3_600_000;

/// How a unit is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// In its best place and time.
    None,
    /// Where it stood, if it still can.
    Kept,
    /// In the first room there is.
    First,
}

/// Asks that are placed together: the stages of one run.
#[derive(Clone)]
pub(super) struct Unit {
    pub(super) members: Vec<usize>,
    pub(super) project: String,
    /// Its priority. For urgent units, priority and age on one scale, in milliseconds of waiting.
    pub(super) precedence: i128,
    /// It cannot wait: it has neither deadline nor `max_delay`, or its latest start has come.
    pub(super) urgent: bool,
    /// The earliest of its members' latest starts, predecessors aside.
    pub(super) start_by_ms: Option<u64>,
    /// The earliest of its members' latest ends.
    pub(super) due_ms: Option<u64>,
    pub(super) haste: Haste,
    /// All of its members have a placement, of which nothing has begun.
    pub(super) stood: bool,
    /// What it would lose in its second-best place compared with its best, for each device hour.
    pub(super) regret: u64,
    pub(super) run: RunId,
    pub(super) gpu_ms: u64,
    /// The clearing weight for its blocks. It differs from run to run, because a run's own work is
    /// not part of it.
    pub(super) floor: Floor,
}

/// The latest end of an ask; `None` if it may not wait.
pub(super) fn end_by(ask: &Ask) -> Option<u64> {
    match (ask.finish_by, ask.start_by) {
        (Some(by), _) => Some(by.0),
        (None, Some(by)) => {
            let rounds = ask.rounds(ask.width);
            Some(by.0.saturating_add(ask.task_ms.saturating_mul(u64::from(rounds))))
        }
        (None, None) => None,
    }
}

/// The latest end for which an ask may wait; see [`Ask::wait_until`]. Without a latest end, that of
/// [`end_by`].
pub(super) fn wait_until(ask: &Ask, ready_ms: u64) -> Option<u64> {
    if goals::are_time_first(ask) {
        return end_by(ask);
    }
    ask.wait_until(ready_ms).or_else(|| end_by(ask))
}

/// The latest start of an ask that still meets its end.
fn start_by(ask: &Ask) -> Option<u64> {
    let rounds = u64::from(ask.rounds(ask.width));
    Some(end_by(ask)?.saturating_sub(ask.task_ms.saturating_mul(rounds)))
}

/// The units in the order in which they choose. Urgent units come first, then the rest; in each
/// group, projects take turns by weighted use. Within a project, urgent units go by priority plus
/// waiting time, so that none starves. The others go by priority, then by regret; each of them
/// becomes urgent in time, so none of them starves either.
pub(super) fn order(problem: &Problem, board: &mut Board, cache: &mut BlockCache) -> Vec<Unit> {
    let mut units = units(problem, board);
    let tight = is_tight(problem, board);
    if tight {
        for unit in &mut units {
            board.floor = unit.floor;
            unit.regret = regret(problem, board, cache, unit);
        }
    }
    units.sort_by_key(|unit| {
        (
            !unit.urgent,
            std::cmp::Reverse(unit.precedence),
            std::cmp::Reverse(unit.regret),
            unit.run,
        )
    });
    if tight {
        in_turn(problem, units)
    } else {
        units
    }
}

/// Weighted fair queueing between projects: the project with the lowest use for its weight chooses
/// next, and what it chooses counts as used at once. All urgent units come before the others,
/// whatever their project.
fn in_turn(problem: &Problem, units: Vec<Unit>) -> Vec<Unit> {
    let mut used: BTreeMap<String, u128> = BTreeMap::new();
    for unit in &units {
        if !used.contains_key(&unit.project) {
            let before = problem.shares.get(&unit.project);
            let before = u128::from(before.map_or(0, |(_, used)| *used));
            let share = before * 1000 / weight(problem, &unit.project);
            used.insert(unit.project.clone(), share);
        }
    }
    if used.len() < 2 {
        return units;
    }
    let (urgent, others): (Vec<Unit>, Vec<Unit>) = units.into_iter().partition(|unit| unit.urgent);
    let mut all = take_turns(problem, urgent, &mut used);
    all.extend(take_turns(problem, others, &mut used));
    all
}

/// A project's weight in thousandths.
fn weight(problem: &Problem, project: &str) -> u128 {
    let share = problem.shares.get(project);
    u128::from(share.map_or(1000, |(weight, _)| *weight).max(1))
}

/// Orders units by turns. `used` holds what each project has used for its weight.
fn take_turns(problem: &Problem, units: Vec<Unit>, used: &mut BTreeMap<String, u128>) -> Vec<Unit> {
    let mut queues: BTreeMap<String, VecDeque<Unit>> = BTreeMap::new();
    for unit in units {
        queues
            .entry(unit.project.clone())
            .or_default()
            .push_back(unit);
    }
    let mut all = Vec::new();
    while let Some(next) = queues
        .iter()
        .filter(|(_, queue)| !queue.is_empty())
        .map(|(project, _)| (used.get(project).copied().unwrap_or(0), project.clone()))
        .min()
        .map(|(_, project)| project)
    {
        let Some(unit) = queues.get_mut(&next).and_then(VecDeque::pop_front) else {
            break;
        };
        let own = u128::from(unit.gpu_ms) * 1000 / weight(problem, &next);
        *used.entry(next).or_default() += own.max(1);
        all.push(unit);
    }
    all
}

/// One unit for each run, with its asks in topological order.
fn units(problem: &Problem, board: &Board) -> Vec<Unit> {
    let mut runs: BTreeMap<RunId, Vec<usize>> = BTreeMap::new();
    for (index, ask) in problem.asks.iter().enumerate() {
        runs.entry(ask.id.run).or_default().push(index);
    }
    // Computed only if other runs bring work.
    let room = if problem.demand.all == Work::default() {
        Headroom::default()
    } else {
        board.room_by_weight()
    };
    let unit = |(run, members): (RunId, Vec<usize>)| {
        let asks = || members.iter().filter_map(|index| problem.asks.get(*index));
        let urgent = asks().any(|ask| is_urgent(ask, problem.now));
        Unit {
            project: asks()
                .next()
                .map_or_else(String::new, |ask| ask.project.clone()),
            precedence: asks()
                .map(|ask| precedence(ask, urgent, problem.now))
                .max()
                .unwrap_or(0),
            urgent,
            start_by_ms: asks().filter_map(start_by).min(),
            due_ms: asks().filter_map(end_by).min(),
            haste: Haste::None,
            stood: asks().all(|ask| ask.previous.is_some()),
            gpu_ms: asks().map(gpu_ms).fold(0, u64::saturating_add),
            regret: 0,
            floor: room.floor(problem.demand.beside(run)),
            run,
            members,
        }
    };
    runs.into_iter().map(unit).collect()
}

/// An ask's priority. For urgent asks it is added to the age, in milliseconds of waiting.
fn precedence(ask: &Ask, urgent: bool, now: Timestamp) -> i128 {
    let levels = i128::from(ask.priority);
    if urgent {
        levels * i128::from(AGEING_MS) + i128::from(now.since_ms(ask.since))
    } else {
        levels
    }
}

/// Whether an ask cannot wait: it has neither deadline nor `max_delay`, or its latest start has
/// come.
fn is_urgent(ask: &Ask, now: Timestamp) -> bool {
    let at_once = ask.width.min(ask.tasks).max(1);
    ask.latest_start(ask.length_ms(at_once))
        .is_none_or(|latest| latest <= now.0)
}

/// The device time of an ask, or its task time if it needs no device.
fn gpu_ms(ask: &Ask) -> u64 {
    let each = u64::from(ask.gpus.max(u32::from(ask.gpus == 0)));
    each.saturating_mul(u64::from(ask.tasks))
        .saturating_mul(ask.task_ms)
}

/// Whether asks may compete for capacity: together they need more than is free in some slot. If
/// not, their order does not matter and regret need not be computed.
fn is_tight(problem: &Problem, board: &Board) -> bool {
    let (mut gpus, mut cpus) = (0_u64, 0_u64);
    for ask in &problem.asks {
        let at_once = u64::from(ask.width.min(ask.tasks));
        gpus = gpus.saturating_add(u64::from(ask.gpus).saturating_mul(at_once));
        if ask.gpus == 0 {
            cpus = cpus.saturating_add(u64::from(ask.cpus).saturating_mul(at_once));
        }
    }
    problem.asks.len() > 1 && board.is_short_of(gpus, cpus)
}

fn regret(problem: &Problem, board: &Board, cache: &mut BlockCache, unit: &Unit) -> u64 {
    let asks = unit
        .members
        .iter()
        .filter_map(|index| problem.asks.get(*index));
    asks.map(|ask| {
        let ready_ms = ask.ready_at.0.max(problem.now.0);
        let span = Span {
            ready_ms,
            end_by_ms: wait_until(ask, ready_ms),
        };
        let best = cache.best(board, ask, span);
        let (Some(first), Some(other)) = (best.first, best.other) else {
            // It has no alternative, so it chooses before all that have one.
            return u64::MAX / 4096;
        };
        let lost = other.compared.saturating_sub(first.compared);
        let hours = u128::from(gpu_ms(ask).max(1));
        u64::try_from(u128::from(lost) * 3_600_000 / hours).unwrap_or(u64::MAX / 4096)
    })
    .max()
    .unwrap_or(0)
}
