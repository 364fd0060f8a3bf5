//! A fact that cannot be true after those before it.

use crate::fact::RunStatus;
use crate::ids::{Generation, RunId, StageId, TaskId, WorkerId};
use crate::task::{TaskEvent, TaskStatus};

/// Why a fact was refused. In a live engine it is a fault of the engine; in recovery the journal is
/// not what was written. Either way: stop, keep the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The run is not known.
    #[error("a fact is about run {0}, which is not known")]
    NoSuchRun(RunId),
    /// The run's id does not follow the newest.
    #[error("run {0} was submitted, but ids up to {1} are taken")]
    TakenRun(RunId, RunId),
    /// The stage is not in the run's plan.
    #[error("a fact is about stage {stage} of run {run}, whose plan has {stages} stages", stage = .stage.0)]
    NoSuchStage {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// How many there are.
        stages: usize,
    },
    /// The stage has no such task.
    #[error("a fact is about task {index} of stage {stage} of run {run}, which has no such task", index = .0.index, stage = .0.stage.0, run = .0.run)]
    NoSuchTask(TaskId),
    /// The task cannot go there from where it is.
    #[error("task {index} of stage {stage} of run {run} is {from:?}: {event:?} cannot happen to it", index = .task.index, stage = .task.stage.0, run = .task.run)]
    Transition {
        /// The task.
        task: TaskId,
        /// Where it is.
        from: TaskStatus,
        /// What was to happen.
        event: TaskEvent,
    },
    /// A fact of another lease than the current.
    #[error("a fact is of lease {got} of task {index} of stage {stage} of run {run}, the current one is {current}", got = .got.0, current = .current.0, index = .task.index, stage = .task.stage.0, run = .task.run)]
    Generation {
        /// The task.
        task: TaskId,
        /// Of which lease.
        got: Generation,
        /// The task's own.
        current: Generation,
    },
    /// The stage is not where this can happen.
    #[error("stage {stage} of run {run} is {phase}: it cannot be {what}", stage = .stage.0)]
    Stage {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Where it is.
        phase: &'static str,
        /// What was to happen.
        what: &'static str,
    },
    /// The run is not where this can happen.
    #[error("run {run} is {status:?}: it cannot be {what}")]
    Run {
        /// Run.
        run: RunId,
        /// Where it is.
        status: RunStatus,
        /// What was to happen.
        what: &'static str,
    },
    /// The worker is not known.
    #[error("a fact is about worker {}, which is not known", .0.0)]
    NoSuchWorker(WorkerId),
}
