//! Facts that contradict the facts before them.

use crate::fact::RunStatus;
use crate::ids::{Generation, RunId, StageId, TaskId, WorkerId};
use crate::task::{TaskEvent, TaskStatus};

/// Why a fact was refused. In a live engine this is a bug in Sunward. During recovery it means that
/// the journal is not what was written. Either way the engine stops and keeps the journal.
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
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The number of stages in the plan.
        stages: usize,
    },
    /// The stage has no such task.
    #[error("a fact is about task {index} of stage {stage} of run {run}, which has no such task", index = .0.index, stage = .0.stage.0, run = .0.run)]
    NoSuchTask(TaskId),
    /// The event cannot happen in the task's status.
    #[error("task {index} of stage {stage} of run {run} is {from:?}: {event:?} cannot happen to it", index = .task.index, stage = .task.stage.0, run = .task.run)]
    Transition {
        /// The task.
        task: TaskId,
        /// The current state.
        from: TaskStatus,
        /// The event that was refused.
        event: TaskEvent,
    },
    /// The fact belongs to another lease than the current one.
    #[error("a fact is of lease {got} of task {index} of stage {stage} of run {run}, the current one is {current}", got = .got.0, current = .current.0, index = .task.index, stage = .task.stage.0, run = .task.run)]
    Generation {
        /// The task.
        task: TaskId,
        /// The generation of the fact.
        got: Generation,
        /// The generation of the current lease.
        current: Generation,
    },
    /// The event cannot happen in the stage's phase.
    #[error("stage {stage} of run {run} is {phase}: it cannot be {what}", stage = .stage.0)]
    Stage {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The current state.
        phase: &'static str,
        /// The event that was refused.
        what: &'static str,
    },
    /// The event cannot happen in the run's status.
    #[error("run {run} is {status:?}: it cannot be {what}")]
    Run {
        /// The run that it is about.
        run: RunId,
        /// The current state.
        status: RunStatus,
        /// The event that was refused.
        what: &'static str,
    },
    /// The worker is not known.
    #[error("a fact is about worker {}, which is not known", .0.0)]
    NoSuchWorker(WorkerId),
}
