//! What is now true: the journal's words. Folding them through `apply` gives the state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, TaskResult};
use crate::failure::Failure;
use crate::ids::{Generation, RunId, StageId, Timestamp, WorkerId};
use crate::input::{Capacity, Energy};
use crate::ledger::{Actuals, Overrun};
use crate::order::Lease;
use crate::place::{AskId, Outlook, Placement, Taken};
use crate::plan::{RunSpec, Tasks};
use crate::pool::{Fleet, PoolId};

/// One thing that is now true. Ranges and arrays, never a fact a task where tasks come in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// An engine took the state up: no worker of the last one is there, whatever was leased is lost,
    /// and runs that were going on are interrupted until they are resumed.
    EngineStarted {
        /// When.
        at: Timestamp,
    },
    /// A run exists.
    Submitted {
        /// Which.
        run: RunId,
        /// When.
        at: Timestamp,
        /// What.
        spec: Arc<RunSpec>,
    },
    /// An unfinished run goes on under a spec of the same meaning; what was leased is lost.
    Resumed {
        /// Which.
        run: RunId,
        /// When.
        at: Timestamp,
        /// What it is now.
        spec: Arc<RunSpec>,
    },
    /// What failed, was skipped or cancelled in a finished run waits again.
    Reopened {
        /// Which.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// A stage's inputs are being found; kept so that they are not asked for twice.
    ResolveRequested {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
    },
    /// A stage's inputs are bound and its tasks known.
    Resolved {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// By port, in the stage's order.
        inputs: Vec<Dataset>,
        /// Its tasks.
        tasks: Tasks,
        /// When: from now on it could run.
        at: Timestamp,
    },
    /// A stage cannot start: its inputs could not be resolved, or its condition not be evaluated.
    Unresolvable {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Why.
        failure: Failure,
    },
    /// These tasks are being looked up; kept so that they are not asked about twice.
    LookupRequested {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// First task.
        first: u32,
        /// How many.
        count: u32,
    },
    /// These tasks were looked up; the hits need not run, the others are ready.
    LookedUp {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// First task.
        first: u32,
        /// How many.
        count: u32,
        /// Results that were known.
        hits: Vec<(u32, TaskResult)>,
    },
    /// Tasks whose key equals that of a task that succeeded in this run take its result.
    Shared {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Each with its result.
        hits: Vec<(u32, TaskResult)>,
    },
    /// Tasks whose wait for another try is over are ready again.
    Readied {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Which tasks.
        indices: Vec<u32>,
    },
    /// A worker may try these tasks.
    Leased {
        /// Who.
        worker: WorkerId,
        /// What.
        lease: Lease,
        /// When.
        at: Timestamp,
    },
    /// Attempts succeeded; their results are committed by this very fact.
    Finished {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Each task with its result.
        successes: Vec<Success>,
    },
    /// An attempt failed.
    Failed {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Task.
        index: u32,
        /// Under which lease.
        generation: Generation,
        /// When it began, milliseconds since the epoch.
        started_ms: u64,
        /// How long it took, in microseconds.
        wall_us: u64,
        /// Processor time, in microseconds.
        cpu_us: u64,
        /// What it used all the same.
        energy: Energy,
        /// Why.
        failure: Failure,
        /// Tried again, not before this moment; or never.
        retry_at: Option<Timestamp>,
    },
    /// Leases that ended without an outcome (their worker was lost, or they were taken back): the
    /// tasks are ready again, uncharged.
    Lost {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Which tasks.
        indices: Vec<u32>,
    },
    /// A stage will not run.
    Skipped {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Why.
        reason: SkipReason,
    },
    /// A user wants the run to stop.
    CancelRequested {
        /// Which.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// The engine is stopping: nothing of this run is leased any more until it is resumed.
    InterruptRequested {
        /// Which.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// A run ended, or stopped resumably.
    RunEnded {
        /// Which.
        run: RunId,
        /// How.
        status: RunStatus,
        /// When.
        at: Timestamp,
    },
    /// A worker is there.
    WorkerJoined {
        /// Who.
        worker: WorkerId,
        /// What it can run.
        capacity: Capacity,
        /// Whose it is.
        pool: PoolId,
    },
    /// A worker is gone.
    WorkerLost {
        /// Who.
        worker: WorkerId,
    },
    /// What a worker can run at once has changed.
    WorkerCapacity {
        /// Who.
        worker: WorkerId,
        /// What it can run now.
        capacity: Capacity,
    },
    /// These pools there are.
    FleetKnown {
        /// All of them.
        fleet: Arc<Fleet>,
    },
    /// This is known of grids and pools.
    OutlookKnown {
        /// All of it.
        outlook: Arc<Outlook>,
    },
    /// Where and when these stages go is being found; kept so that it is not asked twice. Until the
    /// answer comes nothing more of them is leased.
    SolveRequested {
        /// When.
        at: Timestamp,
        /// Which stages, ascending.
        asks: Vec<AskId>,
    },
    /// A stage goes there and then: its tasks that have not begun.
    Placed {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Where and when, and why.
        placement: Placement,
        /// What one of its tasks takes of a pool while it runs.
        each: Taken,
    },
    /// What was asked last is answered; stages of it that are not placed anew stay where they were.
    Solved {
        /// All that has not begun is to be asked about: some of it is late, and stages that were not
        /// asked about may give way to it.
        again: bool,
    },
    /// The start of a placed stage's next segment has come, and it is ready: it is leased from now on.
    StartCame {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// When.
        at: Timestamp,
    },
    /// This was measured of a grid: what was foreseen of it is restated.
    ActualsKnown {
        /// One zone's.
        actuals: Actuals,
    },
    /// A run used more than its budget allows: what runs ends, nothing new begins, until it is
    /// resumed with a larger one.
    BudgetExceeded {
        /// Which.
        run: RunId,
        /// When.
        at: Timestamp,
        /// By what.
        overrun: Overrun,
    },
    /// A stage is ready at another time than its placement was made for: it, and what of its run has
    /// not begun, is to be placed again.
    PlacementLapsed {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// When.
        at: Timestamp,
    },
    /// Parts that these stages gave or read are gone or damaged: they begin again, as in a fresh run.
    /// What is still whole is found by its key.
    ResultsLost {
        /// Run.
        run: RunId,
        /// Which stages, ascending.
        stages: Vec<StageId>,
    },
}

impl Fact {
    /// The run that it is about; `None` for facts about workers and about what is known of the world.
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
            | Self::BudgetExceeded { run, .. } => Some(*run),
            Self::Leased { lease, .. } => Some(lease.run),
            Self::EngineStarted { .. }
            | Self::WorkerJoined { .. }
            | Self::WorkerLost { .. }
            | Self::WorkerCapacity { .. }
            | Self::FleetKnown { .. }
            | Self::OutlookKnown { .. }
            | Self::ActualsKnown { .. }
            | Self::SolveRequested { .. }
            | Self::Solved { .. } => None,
        }
    }
}

/// One attempt that succeeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Success {
    /// Task.
    pub index: u32,
    /// Under which lease.
    pub generation: Generation,
    /// When it began, milliseconds since the epoch.
    pub started_ms: u64,
    /// How long it took, in microseconds.
    pub wall_us: u64,
    /// Processor time, in microseconds.
    pub cpu_us: u64,
    /// What it used.
    pub energy: Energy,
    /// What it gave.
    pub result: TaskResult,
}

/// Why a stage will not run.
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

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Going on.
    Running,
    /// All selected stages succeeded or were skipped by their condition.
    Succeeded,
    /// A stage failed.
    Failed,
    /// A user stopped it for good.
    Cancelled,
    /// Over budget; resumable.
    Held,
    /// The engine stopped; resumable.
    Interrupted,
}
