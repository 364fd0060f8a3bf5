//! Whether a run is late, by how much, and why: what every face tells of it.
//!
//! A run is late if it ends after its `deadline`, or a stage after its own, or if a stage began
//! later than its `max_delay` allows. A run in progress is late once that moment has passed. The
//! cause is what took most of the time that was not expected on the critical path: the chain of
//! stages, each begun when the one before it had ended, that ends last.

mod breakdown;
mod curtailed;
mod foreseen;
mod limits;
mod stops;

use serde::Serialize;

use crate::curtailment::Measure;
use crate::ids::{StageId, Timestamp};
use crate::place::TimeSource;
use crate::state::RunState;
use breakdown::Breakdown;
use limits::{Missed, missed};

pub use foreseen::foreseen;

/// Less than this is not told, in milliseconds: timers and the journal take as much.
const LEAST_MS: u64 = 1000;

/// A limit of a run that is missed, by how much, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Late {
    /// The limit that is missed.
    pub limit: Limit,
    /// The stage whose own limit it is; `None` for the run's.
    pub limit_of: Option<String>,
    /// The last moment that would have been in time.
    pub due: Timestamp,
    /// The moment that counts: the end, or the start for `max_delay`. Expected if `is_over` is
    /// false.
    pub end: Timestamp,
    /// Whether that moment has come.
    pub is_over: bool,
    /// The time between both, in milliseconds.
    pub by_ms: u64,
    /// What took most of the time that was not expected.
    pub cause: Cause,
    /// The stage with the largest part of it; `None` if the cause is no stage.
    pub stage: Option<String>,
    /// The time that the cause took, over all stages on the critical path, in milliseconds.
    pub cause_ms: u64,
    /// For [`Cause::TookLonger`], how long one of the stage's tasks took.
    pub task: Option<TookLonger>,
    /// For [`Cause::Curtailed`], what a grid operator asked; `None` if the pool's owner took machines
    /// back.
    pub curtailed: Option<CurtailedBy>,
}

/// What a grid operator asked of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CurtailedBy {
    /// What was asked.
    pub measure: Measure,
    /// Who asked for it: the operator's program.
    pub told_by: String,
}

/// A limit of time in a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// `deadline`.
    Deadline,
    /// `max_delay`.
    MaxDelay,
}

/// How long a task took, and how long it was expected to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TookLonger {
    /// The mean wall time of its tasks, in milliseconds.
    pub took_ms: u64,
    /// What was expected of each of them; `None` if nothing was.
    pub expected_ms: Option<u64>,
    /// Where that came from.
    pub source: Option<TimeSource>,
}

/// What made a run late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A stage took longer than expected.
    TookLonger,
    /// A stage waited for a free slot, or for a pool to open.
    NoSlot,
    /// A curtailment held back a stage or made its tasks stop: a grid operator asked for it, or the
    /// pool's owner took machines back.
    Curtailed,
    /// Attempts of a stage failed or were lost.
    FailedAttempts,
    /// No engine ran.
    EngineStopped,
    /// The run stood still because it was over its budget.
    OverBudget,
    /// The run had failed or was cancelled, and was retried later.
    RetriedLater,
    /// The limit was too short from the start.
    TooShort,
    /// The inputs of a stage were ready long after the stages before it had ended.
    LateInputs,
    /// The facts do not show it.
    Unknown,
}

/// Whether a run is late at `now`, and why. If several limits are missed, the run's own deadline is
/// told, else the one that is missed by most. Costs time in proportion to the graph and the
/// attempts of its critical path.
#[must_use]
pub fn late(run: &RunState, now: Timestamp) -> Option<Late> {
    if !has_limits(run) {
        return None;
    }
    let whole = Breakdown::of(run, now);
    let Missed {
        limit,
        of,
        stage,
        due,
        end,
        is_over,
    } = missed(run, &whole, now)?;
    let by_ms = end.since_ms(due);
    if by_ms < LEAST_MS {
        return None;
    }
    let part = match limit {
        Limit::Deadline => whole.cause(stage, due),
        Limit::MaxDelay => whole.cause_of_wait(stage),
    };
    let name = |id: StageId| run.stage(id).map(|stage| stage.name().to_owned());
    Some(Late {
        limit,
        limit_of: of.and_then(name),
        due,
        end,
        is_over,
        by_ms,
        cause: part.cause,
        stage: part.stage.and_then(name),
        cause_ms: part.ms,
        task: part
            .stage
            .filter(|_| part.cause == Cause::TookLonger)
            .and_then(|stage| whole.took(stage)),
        curtailed: part
            .stage
            .filter(|_| part.cause == Cause::Curtailed)
            .and_then(|stage| whole.curtailed_by(stage)),
    })
}

/// Whether a run or a stage of it has a limit of time.
fn has_limits(run: &RunState) -> bool {
    let stages = run.spec.plan.stages.iter().map(|one| &one.stage.place);
    let mut places = stages.chain([&run.spec.workflow.place]);
    places.any(|place| place.deadline_ms.is_some() || place.max_delay_ms.is_some())
}
