//! What workers may still be given, counted in whole cores and devices and as a load.

use crate::ids::WorkerId;
use crate::input::Capacity;
use crate::plan::PlannedStage;
use crate::planning::gpus;
use crate::state::lanes::Lane;
use crate::state::stage::StageState;
use crate::state::{RunState, State, Worker};

/// The work that a worker is given ahead, in microseconds. It is many times the duration of a
/// message, and short enough that nothing waits behind it for long.
const AHEAD_US: u64 = 50_000;

/// The most tasks in one lease. It bounds a message, and what is lost with a worker.
pub(super) const LEASE_LIMIT: u32 = 65_536;

/// The most tasks for each core while no task of the stage has ended: enough to bridge a commit.
const GUESS_LIMIT: u32 = 16;

/// The load of a full worker, in millionths.
const FULL: u64 = 1_000_000;

/// What a worker may still be given in this step.
#[derive(Clone)]
pub(super) struct Headroom<'a> {
    pub(super) id: WorkerId,
    pub(super) worker: &'a Worker,
    /// The load of its cores, in millionths.
    load: u64,
    /// The load of its devices, in millionths. A worker that never had devices runs their tasks on
    /// its cores.
    device_load: u64,
    /// The cores and devices that none of its long tasks takes. Tasks that are leased ahead are short,
    /// so nothing waits for them for long.
    free: Parts,
}

/// Cores and devices of a worker.
#[derive(Clone, Copy)]
struct Parts {
    cpus: u32,
    gpus: u32,
}

/// What one task of a stage is to a worker.
pub(super) struct Demand {
    /// The tasks of the stage that the worker should hold.
    pub(super) target: u32,
    /// Whether the worker holds no more of them than it runs at once.
    pub(super) is_long: bool,
    parts: Parts,
    load: u64,
    device_load: u64,
}

impl<'a> Headroom<'a> {
    pub(super) fn of(state: &State, id: WorkerId, worker: &'a Worker) -> Self {
        let capacity = worker.capacity;
        let mut room = Self {
            id,
            worker,
            load: 0,
            device_load: if has_lost_devices(state, worker) {
                FULL
            } else {
                0
            },
            free: Parts {
                cpus: capacity.cpus,
                gpus: capacity.gpus,
            },
        };
        for ((run, stage), held) in &worker.held {
            let Some(run) = state.runs.get(run) else {
                continue;
            };
            if let Some((planned, stage)) = run.get(*stage) {
                room.take(&Demand::of(run, planned, stage, capacity), *held);
            }
        }
        room
    }

    /// Whether the worker takes tasks from a lane.
    pub(super) fn is_open(&self, lane: Lane) -> bool {
        let here = lane.pool.is_none_or(|pool| pool == self.worker.pool);
        here && self.load < FULL && (!lane.gpus || self.device_load < FULL)
    }

    /// Gives the worker nothing more in this step.
    pub(super) fn close(&mut self) {
        self.load = FULL;
    }

    /// The number of tasks that can begin at once. Only devices limit tasks that have some, as in
    /// placement.
    pub(super) fn fit(&self, demand: &Demand) -> u32 {
        let devices = self.free.gpus.checked_div(demand.parts.gpus);
        devices.unwrap_or_else(|| {
            let cores = self.free.cpus.checked_div(demand.parts.cpus);
            cores.unwrap_or_default()
        })
    }

    /// The number of tasks that fill the worker. The last may take more than is left.
    pub(super) fn fill(&self, demand: &Demand) -> u32 {
        let left = |load: u64| FULL.saturating_sub(load);
        let on_cores = left(self.load).div_ceil(demand.load.max(1));
        let on_devices = match demand.device_load {
            0 => u64::MAX,
            each => (left(self.device_load) / each).max(left(self.device_load).min(1)),
        };
        u32::try_from(on_cores.min(on_devices)).unwrap_or(LEASE_LIMIT)
    }

    /// Takes what so many tasks of a stage need.
    pub(super) fn take(&mut self, demand: &Demand, tasks: u32) {
        self.load += demand.load * u64::from(tasks);
        self.device_load += demand.device_load * u64::from(tasks);
        if demand.is_long {
            let less = |free: u32, each: u32| free.saturating_sub(each.saturating_mul(tasks));
            self.free.cpus = less(self.free.cpus, demand.parts.cpus);
            self.free.gpus = less(self.free.gpus, demand.parts.gpus);
        }
    }
}

impl Demand {
    pub(super) fn of(
        run: &RunState,
        planned: &PlannedStage,
        stage: &StageState,
        capacity: Capacity,
    ) -> Self {
        let parts = parts(planned, capacity);
        let cores = capacity.cpus.max(1) / parts.cpus;
        let slots = cores.min(devices(planned, capacity));
        let target_of = |slots| target(run, planned, stage, slots);
        // What is leased ahead counts by how many tasks fill the worker, and what is not by the parts
        // that it takes.
        let load = |slots: u32, each: u32, all: u32| {
            let target = u64::from(target_of(slots));
            match target > u64::from(slots) {
                true => FULL.div_ceil(target),
                false => (FULL * u64::from(each)).div_ceil(u64::from(all.max(1))),
            }
        };
        let target = target_of(slots);
        Self {
            target,
            is_long: target <= slots,
            parts,
            // Only cores count here, so that a stage whose single task takes all memory does not keep
            // the cores from others.
            load: load(cores, parts.cpus, capacity.cpus),
            device_load: capacity
                .gpus
                .checked_div(parts.gpus)
                .map_or(0, |slots| load(slots.max(1), parts.gpus, capacity.gpus)),
        }
    }
}

/// Whether a worker normally has devices but has none now. Tasks that ask for a device then wait
/// for it to return and do not run on the cores.
fn has_lost_devices(state: &State, worker: &Worker) -> bool {
    let pool = || state.agenda.fleet.as_deref()?.get(worker.pool);
    worker.capacity.gpus == 0
        && (worker.gpus_lent > 0
            || pool().is_some_and(|pool| pool.gpu_model.is_some() || pool.gpu_milliwatts > 0))
}

/// The cores and devices of one task on a worker. A task that asks for more than there is gets all,
/// and one that asks for devices runs without where there are none.
fn parts(planned: &PlannedStage, capacity: Capacity) -> Parts {
    let resources = &planned.stage.resources;
    Parts {
        cpus: resources.cpus.clamp(1, capacity.cpus.max(1)),
        gpus: gpus(&resources.gpus).min(capacity.gpus),
    }
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
