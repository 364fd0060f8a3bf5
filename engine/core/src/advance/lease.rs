//! Ready tasks go to workers with room: ahead of what they run, so that none idles between tasks.

use crate::fact::Fact;
use crate::ids::{Generation, RunId, StageId, Timestamp, WorkerId, place};
use crate::input::Capacity;
use crate::order::{Lease, Order, Step};
use crate::plan::PlannedStage;
use crate::planning::gpus;
use crate::state::stage::StageState;
use crate::state::{RunState, State, Worker};

/// How much work a worker is given ahead, in microseconds: many times what a message takes, and
/// little enough that nothing waits behind it for long.
const AHEAD_US: u64 = 50_000;

/// Tasks of one lease at most: what a lost worker gives back, and one message, stay bounded.
const LEASE_LIMIT: u32 = 65_536;

/// Tasks a core of a stage whose tasks nobody has seen end yet: enough to bridge a commit.
const GUESS_LIMIT: u32 = 16;

/// Leases of one step.
const BATCH: usize = 1024;

/// A worker that has all it should hold.
const FULL: u64 = 1_000_000;

/// What a worker may still be given in this step.
struct Room<'a> {
    id: WorkerId,
    worker: &'a Worker,
    /// How much of what it should hold it holds, in millionths.
    load: u64,
}

/// Leases ready tasks, stages in order, to workers in order.
pub(super) fn lease(state: &State, now: Timestamp, step: &mut Step) {
    let runs: Vec<&RunState> = super::going_on(state)
        .filter(|run| !run.leasable.is_empty())
        .collect();
    if runs.is_empty() {
        return;
    }
    let mut rooms: Vec<Room<'_>> = state
        .workers
        .iter()
        .map(|(id, worker)| Room {
            id: *id,
            worker,
            load: load(state, worker),
        })
        .filter(|room| room.load < FULL)
        .collect();
    let before = step.facts.len();
    for run in runs {
        for &id in &run.leasable {
            if rooms.is_empty() || step.facts.len() - before >= BATCH {
                return;
            }
            let Some((planned, stage)) = run.get(id) else {
                continue;
            };
            let mut source = Source::new(run, id, planned, stage);
            for room in &mut rooms {
                give(room, &mut source, now, step);
            }
            rooms.retain(|room| room.load < FULL);
        }
    }
}

/// Gives one worker of one stage's tasks what it has room for.
fn give(room: &mut Room<'_>, source: &mut Source<'_>, now: Timestamp, step: &mut Step) {
    let capacity = room.worker.capacity;
    let each = share(source.owner, source.planned, source.stage, capacity);
    let slots = cores(source.planned, capacity).min(devices(source.planned, capacity));
    let held = room.worker.held.get(&(source.run, source.id)).copied();
    let mut left = target(source.owner, source.stage, slots).saturating_sub(held.unwrap_or(0));
    while room.load < FULL && left > 0 {
        let wanted = (FULL - room.load).div_ceil(each);
        let wanted = u32::try_from(wanted).unwrap_or(LEASE_LIMIT);
        let Some(lease) = source.next(wanted.min(left).min(LEASE_LIMIT)) else {
            return;
        };
        left -= lease.count;
        room.load += each * u64::from(lease.count);
        step.facts.push(Fact::Leased {
            worker: room.id,
            lease,
            at: now,
        });
        step.orders.push(Order::Dispatch {
            worker: room.id,
            lease,
        });
    }
}

/// How much of what its cores can do ahead a worker holds, in millionths. A worker that holds half
/// of what it should of each of two stages is full.
fn load(state: &State, worker: &Worker) -> u64 {
    worker
        .held
        .iter()
        .filter_map(|((run, id), held)| {
            let run = state.runs.get(run)?;
            let (planned, stage) = run.get(*id)?;
            Some(share(run, planned, stage, worker.capacity) * u64::from(*held))
        })
        .sum()
}

/// What one task of a stage adds to a worker's load. Only cores count here, so that a stage that
/// takes all memory with one task does not keep cores from others.
fn share(run: &RunState, planned: &PlannedStage, stage: &StageState, capacity: Capacity) -> u64 {
    FULL.div_ceil(u64::from(target(run, stage, cores(planned, capacity))))
}

/// How many tasks of a stage a worker should hold that can run `slots` of them at once.
///
/// Before any of a stage ended, the run's other stages are the guess, and little is staked on it.
fn target(run: &RunState, stage: &StageState, slots: u32) -> u32 {
    let (attempts, wall_us) = run.pace;
    let (mean_us, least, limit) = match stage.ledger.mean_us() {
        Some(mean_us) => (mean_us, slots, LEASE_LIMIT.max(slots)),
        None => (
            wall_us.checked_div(attempts).unwrap_or(u64::MAX),
            slots.saturating_mul(2),
            slots.saturating_mul(GUESS_LIMIT),
        ),
    };
    let tasks = AHEAD_US.saturating_mul(u64::from(slots)) / mean_us.max(1);
    u32::try_from(tasks)
        .unwrap_or(LEASE_LIMIT)
        .clamp(least, limit)
}

/// For how many tasks of a stage a worker has cores, at least one: a task that asks for more cores
/// than there are gets all of them.
fn cores(planned: &PlannedStage, capacity: Capacity) -> u32 {
    let cores = capacity.cpus.max(1);
    cores / planned.stage.resources.cpus.clamp(1, cores)
}

/// For how many tasks of a stage a worker has memory and devices, roughly: it admits exactly.
fn devices(planned: &PlannedStage, capacity: Capacity) -> u32 {
    let resources = &planned.stage.resources;
    let mut slots = u32::MAX;
    if let Some(memory) = resources.memory_bytes.filter(|memory| *memory > 0) {
        let fit = capacity.memory_bytes / memory;
        slots = u32::try_from(fit).unwrap_or(u32::MAX);
    }
    // Without any device, what asks for one runs on the cores.
    if let Some(fit) = capacity.gpus.checked_div(gpus(&resources.gpus))
        && capacity.gpus > 0
    {
        slots = slots.min(fit);
    }
    slots.max(1)
}

/// Ready tasks of one stage, handed out in this step.
struct Source<'a> {
    run: RunId,
    owner: &'a RunState,
    id: StageId,
    planned: &'a PlannedStage,
    stage: &'a StageState,
    /// Tasks that may be leased besides those that are.
    slack: u32,
    /// The next ready task is at or after this.
    cursor: u32,
}

impl<'a> Source<'a> {
    fn new(
        owner: &'a RunState,
        id: StageId,
        planned: &'a PlannedStage,
        stage: &'a StageState,
    ) -> Self {
        Self {
            run: owner.id,
            owner,
            id,
            planned,
            stage,
            slack: stage.slack(planned),
            cursor: 0,
        }
    }

    /// A lease of at most so many tasks: neighbours of which all are at their first try, or one.
    fn next(&mut self, wanted: u32) -> Option<Lease> {
        let wanted = wanted.min(self.slack);
        if wanted == 0 {
            return None;
        }
        let (first, end) = self.stage.ready.span_from(self.cursor)?;
        let mut end = end.min(first.saturating_add(wanted));
        if let Some((&tried, _)) = self.stage.tries.range(first..end).next() {
            end = if tried == first { first + 1 } else { tried };
        }
        self.cursor = end;
        self.slack -= end - first;
        let generations = self.stage.generation.get(place(first)..place(end))?;
        Some(Lease {
            run: self.run,
            stage: self.id,
            first,
            count: end - first,
            generation: Generation(generations.iter().max().copied().unwrap_or(0) + 1),
            attempt: self.stage.attempt(first),
        })
    }
}
