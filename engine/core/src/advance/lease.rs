//! Leases ready tasks to workers with headroom. Workers get tasks ahead of what they run, so that
//! none idles between two tasks.

use std::collections::{BTreeMap, BTreeSet};

use super::turns::Turns;
use crate::fact::Fact;
use crate::ids::{Generation, RunId, StageId, Timestamp, WorkerId, place};
use crate::input::Capacity;
use crate::lease::Lease;
use crate::order::{Order, Step};
use crate::plan::PlannedStage;
use crate::planning::gpus;
use crate::pool::PoolId;
use crate::state::lanes::Lane;
use crate::state::stage::StageState;
use crate::state::{RunState, State, Worker};

/// The work that a worker is given ahead, in microseconds. It is many times the duration of a
/// message, and short enough that nothing waits behind it for long.
const AHEAD_US: u64 = 50_000;

/// The most tasks in one lease. It bounds a message, and what is lost with a worker.
const LEASE_LIMIT: u32 = 65_536;

/// The most tasks for each core while no task of the stage has ended: enough to bridge a commit.
const GUESS_LIMIT: u32 = 16;

/// The most leases in one step.
const BATCH: usize = 1024;

/// The load of a full worker, in millionths.
const FULL: u64 = 1_000_000;

/// What a worker may still be given in this step.
#[derive(Clone)]
struct Headroom<'a> {
    id: WorkerId,
    worker: &'a Worker,
    /// The load of its cores, in millionths.
    load: u64,
    /// The load of its devices, in millionths. A worker that never had devices runs their tasks on
    /// its cores.
    device_load: u64,
}

impl Headroom<'_> {
    /// Whether the worker takes tasks from a lane.
    fn is_open(&self, lane: Lane) -> bool {
        let here = lane.pool.is_none_or(|pool| pool == self.worker.pool);
        here && self.load < FULL && (!lane.gpus || self.device_load < FULL)
    }
}

/// Leases ready tasks to workers; stages and workers are taken in order. Placed stages come first,
/// each in its pools, then stages that may run anywhere.
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
    let [plain, devices] = [false, true].map(|gpus| Lane { pool: None, gpus });
    let on_devices = state.lanes.get(&devices).unwrap_or(&nobody);
    let on_cores = state.lanes.get(&plain).unwrap_or(&nobody);
    for &stage in on_cores.union(on_devices) {
        if step.facts.len() >= limit || !free.is_open(plain) {
            return;
        }
        let lane = if on_devices.contains(&stage) {
            devices
        } else {
            plain
        };
        offer(state, lane, stage, (&mut free, &turns), now, step);
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
            .map(|(id, worker)| room(state, *id, worker))
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
    let anywhere = [true, false].map(|gpus| Lane { pool: None, gpus });
    placed
        .copied()
        .chain(anywhere.into_iter().filter(listed))
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
    for room in rooms.iter_mut().filter(|room| room.is_open(lane)) {
        let pool = room.worker.pool;
        let each = power
            .0
            .contains_key(&pool)
            .then(|| state.power_of(planned, pool));
        let most = power.tasks(pool, each);
        let given = give(room, &mut source, most, now, step);
        power.take(pool, each, given);
        leased += given;
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

/// The headroom of a worker.
fn room<'a>(state: &State, id: WorkerId, worker: &'a Worker) -> Headroom<'a> {
    let mut room = Headroom {
        id,
        worker,
        load: 0,
        device_load: if has_lost_devices(state, worker) {
            FULL
        } else {
            0
        },
    };
    for ((run, stage), held) in &worker.held {
        let Some(run) = state.runs.get(run) else {
            continue;
        };
        if let Some((planned, stage)) = run.get(*stage) {
            let held = u64::from(*held);
            room.load += held * share(run, planned, stage, worker.capacity);
            room.device_load += held * device_share(run, planned, stage, worker.capacity);
        }
    }
    room
}

/// Whether a worker normally has devices but has none now. Tasks that ask for a device then wait
/// for it to return and do not run on the cores.
fn has_lost_devices(state: &State, worker: &Worker) -> bool {
    let pool = || state.agenda.fleet.as_deref()?.get(worker.pool);
    worker.capacity.gpus == 0
        && (worker.gpus_lent > 0
            || pool().is_some_and(|pool| pool.gpu_model.is_some() || pool.gpu_milliwatts > 0))
}

/// Leases tasks of one stage to one worker until it is full, has its target, or got `most` tasks.
/// Returns their number.
fn give(
    room: &mut Headroom<'_>,
    source: &mut Source<'_>,
    most: u32,
    now: Timestamp,
    step: &mut Step,
) -> u32 {
    let capacity = room.worker.capacity;
    let each = share(source.owner, source.planned, source.stage, capacity);
    let device_each = device_share(source.owner, source.planned, source.stage, capacity);
    let slots = cores(source.planned, capacity).min(devices(source.planned, capacity));
    let held = room.worker.held.get(&(source.run, source.id)).copied();
    let target = target(source.owner, source.planned, source.stage, slots);
    let wanted = target.saturating_sub(held.unwrap_or(0)).min(most);
    let mut left = wanted;
    while room.load < FULL && (device_each == 0 || room.device_load < FULL) && left > 0 {
        let on_devices = (FULL - room.device_load.min(FULL)).checked_div(device_each);
        let fits = (FULL - room.load)
            .div_ceil(each)
            .min(on_devices.unwrap_or(u64::MAX).max(1));
        let fits = u32::try_from(fits).unwrap_or(LEASE_LIMIT);
        let Some(lease) = source.next(fits.min(left).min(LEASE_LIMIT)) else {
            break;
        };
        left -= lease.count;
        room.load += each * u64::from(lease.count);
        room.device_load += device_each * u64::from(lease.count);
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
    wanted - left
}

/// The load that one task of a stage adds to a worker, in millionths. Only cores count here, so
/// that a stage whose single task takes all memory does not keep the cores from others.
fn share(run: &RunState, planned: &PlannedStage, stage: &StageState, capacity: Capacity) -> u64 {
    let target = target(run, planned, stage, cores(planned, capacity));
    FULL.div_ceil(u64::from(target))
}

/// The load that one task of a stage adds to a worker's devices, in millionths.
fn device_share(
    run: &RunState,
    planned: &PlannedStage,
    stage: &StageState,
    capacity: Capacity,
) -> u64 {
    let Some(slots) = capacity
        .gpus
        .checked_div(gpus(&planned.stage.resources.gpus))
    else {
        return 0;
    };
    if capacity.gpus == 0 {
        return 0;
    }
    let target = target(run, planned, stage, slots.max(1));
    FULL.div_ceil(u64::from(target))
}

/// The number of tasks of a stage that a worker should hold if it can run `slots` of them at once.
///
/// Until one of the stage's tasks has ended, the duration is the one that the workflow expects.
/// Without that, it is the mean of the run's other stages, and the worker gets few tasks because
/// the guess is poor. While nothing is known it gets none ahead: a task that waits behind one of
/// unknown length may wait for days, though another worker or pool has room. Tasks that take units of
/// what all tasks share are never leased ahead.
fn target(run: &RunState, planned: &PlannedStage, stage: &StageState, slots: u32) -> u32 {
    if !planned.stage.resources.shared.is_empty() {
        // A task that waits on a worker would hold units that another could use.
        return slots.clamp(1, LEASE_LIMIT);
    }
    let (attempts, wall_us) = run.pace;
    let expected_us = || Some(planned.stage.expect.time_ms?.saturating_mul(1000));
    let (mean_us, least, limit) = match stage.ledger.mean_us().or_else(expected_us) {
        Some(mean_us) => (mean_us, slots, LEASE_LIMIT.max(slots)),
        None => (
            wall_us.checked_div(attempts).unwrap_or(u64::MAX),
            slots,
            slots.saturating_mul(GUESS_LIMIT),
        ),
    };
    let tasks = AHEAD_US.saturating_mul(u64::from(slots)) / mean_us.max(1);
    u32::try_from(tasks)
        .unwrap_or(LEASE_LIMIT)
        .clamp(least, limit)
}

/// The number of tasks for which a worker has cores, at least one. A task that asks for more cores
/// than there are gets all of them.
fn cores(planned: &PlannedStage, capacity: Capacity) -> u32 {
    let cores = capacity.cpus.max(1);
    cores / planned.stage.resources.cpus.clamp(1, cores)
}

/// The number of tasks for which a worker has memory and devices. It is an estimate; the worker
/// admits tasks exactly.
fn devices(planned: &PlannedStage, capacity: Capacity) -> u32 {
    let resources = &planned.stage.resources;
    let mut slots = u32::MAX;
    if let Some(memory) = resources.memory_bytes.filter(|memory| *memory > 0) {
        let fit = capacity.memory_bytes / memory;
        slots = u32::try_from(fit).unwrap_or(u32::MAX);
    }
    // A worker without devices runs such tasks on its cores.
    if let Some(fit) = capacity.gpus.checked_div(gpus(&resources.gpus))
        && capacity.gpus > 0
    {
        slots = slots.min(fit);
    }
    slots.max(1)
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
