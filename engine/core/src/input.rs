//! The inputs of the core.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::curtailment::Curtailments;
use crate::dataset::{Dataset, TaskResult};
use crate::digest::Digest;
use crate::energy::Energy;
use crate::failure::Failure;
use crate::ids::{Generation, RunId, StageId, TaskId, WorkerId};
use crate::ledger::{Actuals, Signal};
use crate::place::{AskId, Outlook, Solution};
use crate::plan::{RunSpec, Tasks};
use crate::pool::{Fleet, PoolId};
use crate::ran_on::RanOn;
use crate::state::Times;

/// One input. The moment is a separate argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// An engine opens the state. This comes before any other input. Runs that were in progress
    /// count as interrupted until they are resumed.
    Start,
    /// A new run.
    Submit {
        /// The run's id: one more than the newest.
        run: RunId,
        /// The run's spec.
        spec: Arc<RunSpec>,
    },
    /// Resume an unfinished run with the newest placing, budget, resources and retries.
    Resume {
        /// The run or worker that it is about.
        run: RunId,
        /// A spec of the same meaning. What may change is adopted from it.
        spec: Arc<RunSpec>,
    },
    /// Run the failed and skipped tasks of a finished run again.
    Retry {
        /// The run or worker that it is about.
        run: RunId,
        /// A spec of the same meaning, adopted as when a run is resumed; `None` changes nothing.
        spec: Option<Arc<RunSpec>>,
    },
    /// A user cancels the run.
    Cancel {
        /// The run or worker that it is about.
        run: RunId,
    },
    /// The engine is stopping. Nothing new is leased, running tasks are revoked, and the runs stay
    /// resumable.
    Interrupt,
    /// The pools of the fleet. Their order must never change, since a [`PoolId`] is an index into
    /// it.
    Fleet {
        /// The fleet.
        fleet: Arc<Fleet>,
    },
    /// How long attempts of the commands took in runs that are archived.
    Times {
        /// The times.
        times: Arc<Times>,
    },
    /// A new outlook on grids and pools.
    Outlook {
        /// The outlook.
        outlook: Arc<Outlook>,
    },
    /// What grid operators ask of pools.
    Curtailments {
        /// Everything that is asked. It replaces what was known.
        curtailments: Arc<Curtailments>,
    },
    /// What was read of zones besides their outlook. Give it before the outlook that was read with
    /// it. What is known already gives no fact.
    Figures {
        /// Who publishes the figures: one signal for each zone, or none if the feed does not say.
        signals: Vec<Signal>,
        /// Published measurements, by zone.
        measured: Vec<Actuals>,
    },
    /// The answer to [`crate::Order::Solve`].
    Solved {
        /// The asks of the problem, in its order.
        asks: Vec<AskId>,
        /// The solution, with one entry for each ask.
        solution: Solution,
    },
    /// A worker joined. It holds no leases, even if it was there before.
    WorkerJoined {
        /// The run or worker that it is about.
        worker: WorkerId,
        /// The worker's capacity.
        capacity: Capacity,
        /// The pool that the worker belongs to.
        pool: PoolId,
    },
    /// A worker's capacity changed because its owner took the machine back or left it. The worker
    /// itself ends attempts that it cannot continue, with [`crate::FailureKind::Preempted`].
    WorkerCapacity {
        /// The run or worker that it is about.
        worker: WorkerId,
        /// The new capacity.
        capacity: Capacity,
    },
    /// A worker is gone. Its leases are lost.
    WorkerLost {
        /// The run or worker that it is about.
        worker: WorkerId,
    },
    /// Attempts that ended.
    Ended {
        /// The worker that ran them.
        worker: WorkerId,
        /// The attempts and their outcomes.
        ends: Vec<TaskEnd>,
    },
    /// The answer to [`crate::Order::Resolve`].
    Resolved {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// One dataset for each input port in the stage's order, and the tasks; or why they cannot
        /// be resolved.
        answer: Result<(Vec<Dataset>, Tasks), Failure>,
    },
    /// The answer to [`crate::Order::Lookup`].
    LookedUp {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The index of the first task of the request.
        first: u32,
        /// The number of tasks of the request.
        count: u32,
        /// The tasks with a known result, and their results.
        hits: Vec<(u32, TaskResult)>,
    },
    /// Parts that a stage reads are gone or damaged. The caller repeats this input after each end
    /// of a task until the step is not empty, because tasks of these stages must end first.
    PartsLost {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage that reads them.
        stage: StageId,
        /// Their digests.
        parts: BTreeSet<Digest>,
    },
    /// Time has passed; see `next_wakeup`.
    Tick,
}

/// The capacity of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Processor cores.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// GPUs.
    pub gpus: u32,
}

/// One attempt that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskEnd {
    /// The task.
    pub task: TaskId,
    /// The lease's generation. Results of older generations are refused.
    pub generation: Generation,
    /// The start of the execution, in milliseconds since the epoch.
    pub started_ms: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// Processor time it used, in microseconds.
    pub cpu_us: u64,
    /// The energy that it used, and how the figure was obtained.
    pub energy: Energy,
    /// The outcome.
    pub outcome: Outcome,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It produced a result, whose parts are durable.
    Succeeded(TaskResult),
    /// It failed.
    Failed(Failure),
}

impl Outcome {
    /// The same outcome, with the kind of device that produced it.
    #[must_use]
    pub fn on(mut self, ran_on: RanOn) -> Self {
        match &mut self {
            Self::Succeeded(result) => result.ran_on = ran_on,
            Self::Failed(failure) => failure.ran_on = Some(ran_on),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Energy;

    #[test]
    fn what_is_measured_and_what_is_modelled_is_added_apart_and_missing_stays_so() {
        let measured = |millijoules| Energy::Measured { millijoules };
        let modelled = |millijoules| Energy::Modelled { millijoules };
        let both = |measured_millijoules, modelled_millijoules| Energy::Both {
            measured_millijoules,
            modelled_millijoules,
        };
        assert_eq!(measured(1).plus(measured(2)), measured(3));
        assert_eq!(modelled(1).plus(modelled(2)), modelled(3));
        assert_eq!(measured(1).plus(modelled(2)), both(1, 2));
        assert_eq!(
            both(1, 2).plus(measured(10)).plus(modelled(20)),
            both(11, 22)
        );
        assert_eq!(both(11, 22).millijoules(), Some(33));
        assert_eq!(Energy::Missing.plus(measured(1)), Energy::Missing);
        assert_eq!(modelled(1).plus(Energy::Missing).millijoules(), None);
    }

    #[test]
    fn journals_from_before_there_was_both_are_read() {
        let old: [(&[u8], Energy); 3] = [
            (&[0, 5], Energy::Measured { millijoules: 5 }),
            (&[1, 5], Energy::Modelled { millijoules: 5 }),
            (&[2], Energy::Missing),
        ];
        for (bytes, energy) in old {
            assert_eq!(postcard::from_bytes::<Energy>(bytes).unwrap(), energy);
        }
    }
}
