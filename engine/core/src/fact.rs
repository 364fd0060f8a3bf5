//! Facts, which record what has become true. The journal is a list of facts, and folding them
//! through `apply` gives the state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::curtailment::{Curtailments, Level, Measure};
use crate::dataset::{Dataset, TaskResult};
use crate::energy::Energy;
use crate::failure::Failure;
use crate::ids::{Generation, RunId, StageId, Timestamp, WorkerId};
use crate::input::Capacity;
use crate::lease::Lease;
use crate::ledger::{Actuals, Overrun, Signal};
use crate::place::{AskId, Outlook, Placement, Taken};
use crate::plan::{RunSpec, Tasks};
use crate::pool::{Fleet, PoolId};
use crate::state::Times;

/// One thing that has become true. A fact covers a range or an array of tasks, so that a scatter of
/// a million tasks does not write a million facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// An engine opened the state. Workers of the last engine are gone, what was leased is lost,
    /// and runs that were in progress are interrupted until they are resumed.
    EngineStarted {
        /// The moment at which it became true.
        at: Timestamp,
    },
    /// A run exists.
    Submitted {
        /// The run that it is about.
        run: RunId,
        /// The moment at which it became true.
        at: Timestamp,
        /// The run's spec, as submitted.
        spec: Arc<RunSpec>,
    },
    /// An unfinished run continues with a spec of the same meaning. What was leased is lost.
    Resumed {
        /// The run that it is about.
        run: RunId,
        /// The moment at which it became true.
        at: Timestamp,
        /// The spec that it continues with.
        spec: Arc<RunSpec>,
    },
    /// The failed and cancelled tasks of a finished run wait again.
    Reopened {
        /// The run that it is about.
        run: RunId,
        /// The moment at which it became true.
        at: Timestamp,
        /// Stages that begin again as a whole: those that were skipped or could not start, and those
        /// that waited for what runs again. What they read may differ, and so may what their
        /// conditions decide. Results of theirs that still hold are in the cache.
        again: Vec<StageId>,
    },
    /// A stage's inputs are being resolved. The fact prevents a second request.
    ResolveRequested {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
    },
    /// A stage's inputs are bound and its tasks known.
    Resolved {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// One dataset for each input port, in the stage's order.
        inputs: Vec<Dataset>,
        /// The stage's tasks.
        tasks: Tasks,
        /// The moment from which the stage could run.
        at: Timestamp,
    },
    /// A stage cannot start: its inputs could not be resolved or its condition could not be
    /// evaluated.
    Unresolvable {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The reason.
        failure: Failure,
    },
    /// The keys of these tasks are being looked up. The fact prevents a second request.
    LookupRequested {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The index of the first task.
        first: u32,
        /// The number of tasks.
        count: u32,
    },
    /// The keys of these tasks were looked up. Tasks with a known result do not run; the others are
    /// ready.
    LookedUp {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The index of the first task.
        first: u32,
        /// The number of tasks.
        count: u32,
        /// Tasks with a known result, and their results.
        hits: Vec<(u32, TaskResult)>,
    },
    /// Tasks take the result of another task of the run that has the same key and succeeded.
    Shared {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The tasks and their results.
        hits: Vec<(u32, TaskResult)>,
    },
    /// The wait of these tasks for another attempt is over, and they are ready.
    Readied {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The indices of the tasks.
        indices: Vec<u32>,
    },
    /// A worker holds a lease on these tasks.
    Leased {
        /// The worker that it is about.
        worker: WorkerId,
        /// The lease.
        lease: Lease,
        /// The moment at which it became true.
        at: Timestamp,
    },
    /// Attempts succeeded. This fact commits their results.
    Finished {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The attempts and their results.
        successes: Vec<Success>,
    },
    /// An attempt failed.
    Failed {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The index of the task.
        index: u32,
        /// The lease's generation. Results of older generations are refused.
        generation: Generation,
        /// The start of the attempt, in milliseconds since the epoch.
        started_ms: u64,
        /// Wall time, in microseconds.
        wall_us: u64,
        /// Processor time, in microseconds.
        cpu_us: u64,
        /// The energy that it used before it failed.
        energy: Energy,
        /// The reason.
        failure: Failure,
        /// The earliest moment of the next attempt; `None` if there is none.
        retry_at: Option<Timestamp>,
    },
    /// Leases ended without an outcome, because their worker was lost or they were revoked. The
    /// tasks are ready again and the attempt is not charged to them.
    Lost {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The indices of the tasks.
        indices: Vec<u32>,
    },
    /// A stage will not run.
    Skipped {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The reason.
        reason: SkipReason,
    },
    /// A user asked to cancel the run.
    CancelRequested {
        /// The run that it is about.
        run: RunId,
        /// The moment at which it became true.
        at: Timestamp,
    },
    /// The engine is stopping. Nothing of this run is leased until it is resumed.
    InterruptRequested {
        /// The run that it is about.
        run: RunId,
        /// The moment at which it became true.
        at: Timestamp,
    },
    /// A run ended, or stopped resumably.
    RunEnded {
        /// The run that it is about.
        run: RunId,
        /// The status that it ended with.
        status: RunStatus,
        /// The moment at which it became true.
        at: Timestamp,
    },
    /// A worker joined.
    WorkerJoined {
        /// The worker that it is about.
        worker: WorkerId,
        /// The capacity of the worker.
        capacity: Capacity,
        /// The pool that the worker belongs to.
        pool: PoolId,
    },
    /// A worker is gone. Earlier facts have given up its leases.
    WorkerLost {
        /// The worker that it is about.
        worker: WorkerId,
    },
    /// A worker's capacity changed.
    WorkerCapacity {
        /// The worker that it is about.
        worker: WorkerId,
        /// The new capacity.
        capacity: Capacity,
    },
    /// The fleet is known.
    FleetKnown {
        /// All pools of the fleet.
        fleet: Arc<Fleet>,
    },
    /// A new outlook on grids and pools.
    OutlookKnown {
        /// The outlook.
        outlook: Arc<Outlook>,
    },
    /// The placer was asked about these stages. The fact prevents a second request. Nothing more of
    /// them is leased until the answer comes.
    SolveRequested {
        /// The moment at which it became true.
        at: Timestamp,
        /// The stages in question, ascending.
        asks: Vec<AskId>,
    },
    /// A stage has a placement for its tasks that have not begun.
    Placed {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The placement.
        placement: Placement,
        /// The capacity that one of its tasks takes while it runs.
        each: Taken,
    },
    /// The placer answered. Stages without a new placement keep the one that they had.
    Solved {
        /// True if some stage is late and stages outside the problem may give way to it. Then
        /// everything that has not begun is placed together.
        again: bool,
    },
    /// The start of a ready stage's next segment has come. Its tasks may be leased from now on.
    StartCame {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The moment at which it became true.
        at: Timestamp,
    },
    /// Measured intensities of a grid. They replace the forecast ones in the ledger.
    ActualsKnown {
        /// The measurements of one zone.
        actuals: Actuals,
    },
    /// A run exceeded its budget. Running tasks finish, and nothing new begins until the run is
    /// resumed with a larger budget.
    BudgetExceeded {
        /// The run that it is about.
        run: RunId,
        /// The moment at which it became true.
        at: Timestamp,
        /// The budget that was exceeded, and by how much.
        overrun: Overrun,
    },
    /// A stage is ready at another time than its placement assumed. The stage is placed again, with
    /// everything of its run that has not begun.
    PlacementLapsed {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The moment at which it became true.
        at: Timestamp,
    },
    /// Parts that these stages wrote or read are gone or damaged. The stages begin again, as in a
    /// fresh run. Results that are still whole are found by their keys.
    ResultsLost {
        /// The run that the stages belong to.
        run: RunId,
        /// The stages that begin again, ascending.
        stages: Vec<StageId>,
    },
    /// Who publishes the figures of zones, and what they count. It precedes the outlook and the
    /// measurements that it is about.
    SignalsKnown {
        /// The moment at which the figures were read.
        at: Timestamp,
        /// One signal for each zone.
        signals: Vec<Signal>,
    },
    /// How long attempts took in runs that are archived. It replaces what was known of those.
    TimesKnown {
        /// The times.
        times: Arc<Times>,
    },
    /// What grid operators ask of pools. It replaces what was known of it.
    CurtailmentsKnown {
        /// The moment at which it became known.
        at: Timestamp,
        /// Everything that is asked.
        curtailments: Arc<Curtailments>,
    },
    /// Pools are restricted as these levels say, from now on. All other pools are free.
    Curtailed {
        /// The moment at which it became true.
        at: Timestamp,
        /// The pools that are restricted, ascending.
        levels: Vec<(PoolId, Level)>,
    },
    /// Interruptible tasks of a stage were asked to make way for a curtailment.
    YieldAsked {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The moment at which it became true.
        at: Timestamp,
        /// How many, for what and until when.
        yielding: Yielding,
    },
    /// The ready tasks of a stage are kept from starting by a curtailment of its pools, from now on.
    HeldBack {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The moment at which it became true.
        at: Timestamp,
        /// What is asked.
        measure: Measure,
        /// Who asks for it.
        told_by: String,
    },
    /// The curtailments changed: no stage of the run counts as held back until a later fact says so.
    LetGo {
        /// The run.
        run: RunId,
        /// The moment at which it became true.
        at: Timestamp,
    },
    /// Leases were given back before anything of them ran. The tasks are ready again, and no attempt
    /// counts.
    GivenBack {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The indices of the tasks.
        indices: Vec<u32>,
    },
}

/// What some tasks were asked to do for a curtailment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yielding {
    /// The number of tasks.
    pub tasks: u32,
    /// The curtailment.
    pub measure: Measure,
    /// When it ends, if that is known.
    pub until: Option<Timestamp>,
    /// Who asks for it.
    pub told_by: String,
}

impl Fact {
    /// The run that the fact is about; `None` for facts about workers, pools and grids.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        match self {
            Self::Submitted { run, .. }
            | Self::Resumed { run, .. }
            | Self::Reopened { run, .. }
            | Self::ResolveRequested { run, .. }
            | Self::Resolved { run, .. }
            | Self::Unresolvable { run, .. }
            | Self::LookupRequested { run, .. }
            | Self::LookedUp { run, .. }
            | Self::Shared { run, .. }
            | Self::Readied { run, .. }
            | Self::Finished { run, .. }
            | Self::Failed { run, .. }
            | Self::Lost { run, .. }
            | Self::Skipped { run, .. }
            | Self::CancelRequested { run, .. }
            | Self::InterruptRequested { run, .. }
            | Self::RunEnded { run, .. }
            | Self::Placed { run, .. }
            | Self::StartCame { run, .. }
            | Self::PlacementLapsed { run, .. }
            | Self::ResultsLost { run, .. }
            | Self::YieldAsked { run, .. }
            | Self::GivenBack { run, .. }
            | Self::HeldBack { run, .. }
            | Self::LetGo { run, .. }
            | Self::BudgetExceeded { run, .. } => Some(*run),
            Self::Leased { lease, .. } => Some(lease.run),
            Self::EngineStarted { .. }
            | Self::WorkerJoined { .. }
            | Self::WorkerLost { .. }
            | Self::WorkerCapacity { .. }
            | Self::FleetKnown { .. }
            | Self::OutlookKnown { .. }
            | Self::TimesKnown { .. }
            | Self::CurtailmentsKnown { .. }
            | Self::Curtailed { .. }
            | Self::ActualsKnown { .. }
            | Self::SolveRequested { .. }
            | Self::SignalsKnown { .. }
            | Self::Solved { .. } => None,
        }
    }

    /// The moment at which the fact became true, as far as it says so.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::EngineStarted { at, .. }
            | Self::Submitted { at, .. }
            | Self::Resumed { at, .. }
            | Self::Reopened { at, .. }
            | Self::Resolved { at, .. }
            | Self::Leased { at, .. }
            | Self::CancelRequested { at, .. }
            | Self::InterruptRequested { at, .. }
            | Self::RunEnded { at, .. }
            | Self::SolveRequested { at, .. }
            | Self::StartCame { at, .. }
            | Self::BudgetExceeded { at, .. }
            | Self::CurtailmentsKnown { at, .. }
            | Self::Curtailed { at, .. }
            | Self::YieldAsked { at, .. }
            | Self::HeldBack { at, .. }
            | Self::LetGo { at, .. }
            | Self::PlacementLapsed { at, .. } => Some(*at),
            Self::Finished { successes, .. } => {
                let ends = successes
                    .iter()
                    .map(|one| Timestamp(one.started_ms).after_us(one.wall_us));
                ends.max()
            }
            Self::Failed {
                started_ms,
                wall_us,
                ..
            } => Some(Timestamp(*started_ms).after_us(*wall_us)),
            _ => None,
        }
    }
}

/// One attempt that succeeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Success {
    /// The index of the task.
    pub index: u32,
    /// The lease's generation. Results of older generations are refused.
    pub generation: Generation,
    /// The start of the attempt, in milliseconds since the epoch.
    pub started_ms: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// Processor time, in microseconds.
    pub cpu_us: u64,
    /// The energy that it used.
    pub energy: Energy,
    /// The result of the task.
    pub result: TaskResult,
}

/// The reason why a stage does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkipReason {
    /// Its `if:` is false.
    Condition,
    /// A stage it waits for failed.
    UpstreamFailed(StageId),
    /// A stage it waits for was skipped.
    UpstreamSkipped(StageId),
    /// `--until` or `--only` left it out.
    NotSelected,
    /// The run was cancelled.
    Cancelled,
}

/// The status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// In progress.
    Running,
    /// All selected stages succeeded or were skipped by their condition.
    Succeeded,
    /// A stage failed.
    Failed,
    /// A user cancelled it. It cannot be resumed.
    Cancelled,
    /// Stopped because it exceeded its budget. It can be resumed.
    Held,
    /// Stopped because the engine stopped. It can be resumed.
    Interrupted,
}
