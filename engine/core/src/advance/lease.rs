//! Leases ready tasks to workers with headroom. Workers get tasks ahead of what they run, so that
//! none idles between two tasks.

use std::collections::{BTreeMap, BTreeSet};

use super::headroom::{Demand, Headroom, LEASE_LIMIT};
use super::turns::Turns;
use crate::fact::Fact;
use crate::ids::{Generation, RunId, StageId, Timestamp, place};
use crate::lease::Lease;
use crate::order::{Order, Step};
use crate::plan::PlannedStage;
use crate::pool::PoolId;
use crate::state::lanes::Lane;
use crate::state::stage::StageState;
use crate::state::{RunState, State};

/// The most leases in one step.
const BATCH: usize = 1024;

/// Leases ready tasks to workers; stages and workers are taken in order. Placed stages come first,
/// each in its pools, then stages that may run anywhere: those that follow others before the rest.
pub(super) fn lease(state: &State, now: Timestamp, step: &mut Step) {
    if state.lanes.is_empty() {
        return;
    }
    let mut free = Free::of(state);
    let turns = turns_of(state, &free);
    let limit = step.facts.len() + BATCH;
    // A stage that is offered in several pools is leased from once in a step. The state does not
    // show what this step has already leased.
    let mut taken = BTreeSet::new();
    let placed = state.lanes.iter().rev();
    for (lane, stages) in placed.filter(|(lane, _)| lane.pool.is_some()) {
        for &(run, id) in stages {
            if step.facts.len() >= limit || !free.is_open(*lane) {
                break;
            }
            let stage = (run, id);
            // A pool whose workers have headroom may still have no power for it.
            if !taken.contains(&stage)
                && offer(state, *lane, stage, (&mut free, &turns), now, step) > 0
            {
                taken.insert(stage);
            }
        }
    }
    let nobody = BTreeSet::new();
    for follows in [true, false] {
        let [plain, devices] = [false, true].map(|gpus| Lane::anywhere(gpus, follows));
        let [on_cores, on_devices] =
            [plain, devices].map(|lane| state.lanes.get(&lane).unwrap_or(&nobody));
        for stage in in_turn(on_cores, on_devices, follows) {
            if step.facts.len() >= limit || !free.is_open(plain) {
                return;
            }
            let lane = match on_devices.contains(&stage) {
                true => devices,
                false => plain,
            };
            offer(state, lane, stage, (&mut free, &turns), now, step);
        }
    }
}

/// Stages of two lanes in the order in which they are offered: the first one first, or with `follows` the
/// last one, so that what is begun is finished before more is begun.
fn in_turn<'s>(
    on_cores: &'s BTreeSet<(RunId, StageId)>,
    on_devices: &'s BTreeSet<(RunId, StageId)>,
    follows: bool,
) -> Box<dyn Iterator<Item = (RunId, StageId)> + 's> {
    let stages = on_cores.union(on_devices).copied();
    match follows {
        true => Box::new(stages.collect::<Vec<_>>().into_iter().rev()),
        false => Box::new(stages),
    }
}

/// What workers and pools may still be given in this step.
#[derive(Clone)]
struct Free<'a> {
    rooms: Vec<Headroom<'a>>,
    power: PowerLeft,
}

impl<'a> Free<'a> {
    fn of(state: &'a State) -> Self {
        let workers = state.workers.iter();
        let rooms = workers
            .filter(|(_, worker)| worker.capacity.cpus > 0)
            .filter(|(_, worker)| !state.agenda.curtailed.level(worker.pool).halted)
            .map(|(id, worker)| Headroom::of(state, *id, worker))
            .collect();
        let power = PowerLeft::of(state);
        Self { rooms, power }
    }

    /// Whether a worker takes tasks from the lane.
    fn is_open(&self, lane: Lane) -> bool {
        self.rooms.iter().any(|room| room.is_open(lane))
    }
}

/// How many tasks of each stage may take units of what all tasks share.
pub(crate) fn turns(state: &State) -> Turns {
    turns_of(state, &Free::of(state))
}

fn turns_of(state: &State, free: &Free<'_>) -> Turns {
    if state.shared.is_empty() {
        return Turns::default();
    }
    Turns::of(state, &|stage| {
        let mut offered = lanes_of(state, stage, free).into_iter().map(|lane| {
            let mut scratch = Step::default();
            let mut free = free.clone();
            let now = Timestamp::default();
            offer_most(state, lane, stage, (&mut free, u32::MAX), now, &mut scratch)
        });
        offered.find(|tasks| *tasks > 0).unwrap_or(0)
    })
}

/// The lanes from which [`lease`] would offer a stage, one after the other until one takes tasks.
fn lanes_of(state: &State, stage: (RunId, StageId), free: &Free<'_>) -> Vec<Lane> {
    let listed = |lane: &Lane| {
        state
            .lanes
            .get(lane)
            .is_some_and(|all| all.contains(&stage))
    };
    let placed = state.lanes.keys().rev().filter(|lane| lane.pool.is_some());
    let placed = placed.filter(|lane| listed(lane) && free.is_open(**lane));
    placed
        .copied()
        .chain(Lane::ANYWHERE.into_iter().filter(listed))
        .collect()
}

/// Offers a stage's tasks to the workers that take tasks from the lane, as far as there are units of
/// what they share. Returns how many were leased.
fn offer(
    state: &State,
    lane: Lane,
    place: (RunId, StageId),
    (free, turns): (&mut Free<'_>, &Turns),
    now: Timestamp,
    step: &mut Step,
) -> u32 {
    let planned = state.runs.get(&place.0).and_then(|run| run.get(place.1));
    let shares = planned.is_some_and(|(planned, _)| !planned.stage.resources.shared.is_empty());
    let most = match shares {
        true => turns.most(place),
        false => u32::MAX,
    };
    offer_most(state, lane, place, (free, most), now, step)
}

/// Offers at most `most` of a stage's tasks. Returns how many were leased.
fn offer_most(
    state: &State,
    lane: Lane,
    (run, id): (RunId, StageId),
    (free, most): (&mut Free<'_>, u32),
    now: Timestamp,
    step: &mut Step,
) -> u32 {
    let Some(run) = state.runs.get(&run) else {
        return 0;
    };
    let Some((planned, stage)) = run.get(id) else {
        return 0;
    };
    let Free { rooms, power } = free;
    let mut leased = 0;
    let mut source = Source::new(run, id, planned, stage, lane.pool);
    source.slack = source.slack.min(most);
    let mut waits_for = None;
    for (at, room) in rooms.iter_mut().enumerate() {
        if !room.is_open(lane) {
            continue;
        }
        let pool = room.worker.pool;
        let each = power
            .0
            .contains_key(&pool)
            .then(|| state.power_of(planned, pool));
        let most = power.tasks(pool, each);
        let given = give(room, &mut source, most, now, step);
        power.take(pool, each, given.leased);
        leased += given.leased;
        if given.lacks_room && waits_for.is_none() {
            waits_for = Some(at);
        }
    }
    // A placement keeps room for what it places. What is not placed has none, and smaller tasks would
    // pass it for ever.
    if leased == 0
        && lane.pool.is_none()
        && let Some(room) = waits_for.and_then(|at| rooms.get_mut(at))
    {
        room.close();
    }
    leased
}

/// The power that new tasks may take, in milliwatts, in the pools that have a cap.
#[derive(Clone)]
struct PowerLeft(BTreeMap<PoolId, u64>);

impl PowerLeft {
    fn of(state: &State) -> Self {
        let pools = state.agenda.curtailed.levels.keys();
        let left = pools.filter_map(|pool| Some((*pool, state.power_left(*pool)?)));
        Self(left.collect())
    }

    /// How many tasks of this power may begin in a pool.
    fn tasks(&self, pool: PoolId, each: Option<u64>) -> u32 {
        let left = self.0.get(&pool).zip(each);
        let tasks = left.and_then(|(left, each)| left.checked_div(each));
        tasks.map_or(u32::MAX, |tasks| u32::try_from(tasks).unwrap_or(u32::MAX))
    }

    fn take(&mut self, pool: PoolId, each: Option<u64>, tasks: u32) {
        if let Some((left, each)) = self.0.get_mut(&pool).zip(each) {
            *left = left.saturating_sub(each.saturating_mul(u64::from(tasks)));
        }
    }
}

/// What a worker was given of one stage.
struct Given {
    leased: u32,
    /// Whether a task is ready for which the worker has no room now.
    lacks_room: bool,
}

/// Leases tasks of one stage to one worker until it is full, has its target, or got `most` tasks. A
/// long task is leased only if it can begin at once: at another worker, or in another pool, it might
/// begin before what it would wait for has ended.
fn give(
    room: &mut Headroom<'_>,
    source: &mut Source<'_>,
    most: u32,
    now: Timestamp,
    step: &mut Step,
) -> Given {
    let capacity = room.worker.capacity;
    let demand = Demand::of(source.owner, source.planned, source.stage, capacity);
    let held = room.worker.held.get(&(source.run, source.id)).copied();
    let wanted = demand.target.saturating_sub(held.unwrap_or(0)).min(most);
    let mut left = wanted;
    let mut lacks_room = false;
    while left > 0 {
        let mut fits = room.fill(&demand);
        if demand.is_long {
            fits = fits.min(room.fit(&demand));
            lacks_room = fits == 0 && source.has_next();
        }
        let Some(lease) = source.next(fits.min(left).min(LEASE_LIMIT)) else {
            break;
        };
        left -= lease.count;
        room.take(&demand, lease.count);
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
    Given {
        leased: wanted - left,
        lacks_room,
    }
}

/// Ready tasks of one stage, leased one span at a time.
struct Source<'a> {
    run: RunId,
    owner: &'a RunState,
    id: StageId,
    planned: &'a PlannedStage,
    stage: &'a StageState,
    /// The number of tasks that may be leased beyond those that are.
    slack: u32,
    /// The next ready task is at this index or after it.
    cursor: u32,
}

impl<'a> Source<'a> {
    fn new(
        owner: &'a RunState,
        id: StageId,
        planned: &'a PlannedStage,
        stage: &'a StageState,
        pool: Option<PoolId>,
    ) -> Self {
        let placed = stage.placed.as_deref();
        let room = pool.map(|pool| placed.map_or(0, |placed| placed.room(pool)));
        Self {
            run: owner.id,
            owner,
            id,
            planned,
            stage,
            slack: stage.slack(planned).min(room.unwrap_or(u32::MAX)),
            cursor: 0,
        }
    }

    /// Whether a task is ready that may be leased.
    fn has_next(&self) -> bool {
        self.slack > 0 && self.stage.ready.span_from(self.cursor).is_some()
    }

    /// A lease of at most `wanted` tasks: adjacent tasks that are all at their first attempt, or
    /// one task that is not.
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
