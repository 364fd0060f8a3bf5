//! What arrives at the brain.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, TaskResult};
use crate::digest::Digest;
use crate::failure::Failure;
use crate::ids::{Generation, RunId, StageId, TaskId, WorkerId};
use crate::ledger::Actuals;
use crate::place::{AskId, Outlook, Solution};
use crate::plan::{RunSpec, Tasks};
use crate::pool::{Fleet, PoolId};
use crate::ran_on::RanOn;

/// What arrives. The time at which it does is given beside it.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// An engine takes the state up, before anything else: no worker of the last one is there. Runs
    /// that were going on count as interrupted until they are resumed.
    Start,
    /// A new run.
    Submit {
        /// Its id: one more than the newest known.
        run: RunId,
        /// What was submitted.
        spec: Arc<RunSpec>,
    },
    /// An unfinished run is taken up again, with the newest placing, budget, resources and retries.
    Resume {
        /// Which.
        run: RunId,
        /// The same meaning, with what may change adopted.
        spec: Arc<RunSpec>,
    },
    /// Run again what failed or was skipped in a finished run.
    Retry {
        /// Which.
        run: RunId,
        /// The same meaning, with what may change adopted as when it is resumed; `None` leaves all of it.
        spec: Option<Arc<RunSpec>>,
    },
    /// A user wants it to stop.
    Cancel {
        /// Which.
        run: RunId,
    },
    /// The engine is stopping: nothing new is leased, what runs is revoked, the run stays resumable.
    Interrupt,
    /// These pools there are. Their order is for ever: a [`PoolId`] is a place in it.
    Fleet {
        /// All of them.
        fleet: Arc<Fleet>,
    },
    /// What is known now of grids and pools.
    Outlook {
        /// All of it.
        outlook: Arc<Outlook>,
    },
    /// What was measured of a grid, once it is published.
    Actuals {
        /// One zone's.
        actuals: Actuals,
    },
    /// The answer to [`crate::Order::Solve`].
    Solved {
        /// The problem's asks.
        asks: Vec<AskId>,
        /// A placement for each, in their order.
        solution: Solution,
    },
    /// A worker is there (again), holding nothing.
    WorkerJoined {
        /// Which.
        worker: WorkerId,
        /// What it can run at once.
        capacity: Capacity,
        /// Whose it is.
        pool: PoolId,
    },
    /// What a worker can run at once has changed: its owner is back, or gone. What it cannot go on
    /// with it gives back itself, as ends with [`crate::FailureKind::Preempted`].
    WorkerCapacity {
        /// Which.
        worker: WorkerId,
        /// What it can run at once now.
        capacity: Capacity,
    },
    /// A worker is gone; whatever it held is lost.
    WorkerLost {
        /// Which.
        worker: WorkerId,
    },
    /// Attempts that ended.
    Ended {
        /// By whom.
        worker: WorkerId,
        /// Each with its outcome.
        ends: Vec<TaskEnd>,
    },
    /// The answer to [`crate::Order::Resolve`].
    Resolved {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Its inputs by port in the stage's order, and its tasks; or why it cannot be.
        answer: Result<(Vec<Dataset>, Tasks), Failure>,
    },
    /// The answer to [`crate::Order::Lookup`].
    LookedUp {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// First task asked about.
        first: u32,
        /// How many.
        count: u32,
        /// Those that were found.
        hits: Vec<(u32, TaskResult)>,
    },
    /// Parts that a stage reads are gone or damaged. Given again after each end of a task until the
    /// step is not empty: tasks of the stages concerned have to end first.
    PartsLost {
        /// Run.
        run: RunId,
        /// The stage that missed them.
        stage: StageId,
        /// Their digests.
        parts: BTreeSet<Digest>,
    },
    /// Time has passed: see `next_wakeup`.
    Tick,
}

/// What a worker can run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Cores.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Devices.
    pub gpus: u32,
}

/// One attempt that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskEnd {
    /// The task.
    pub task: TaskId,
    /// Under which lease.
    pub generation: Generation,
    /// When its execution began, milliseconds since the epoch.
    pub started_ms: u64,
    /// How long it took, in microseconds of wall time.
    pub wall_us: u64,
    /// Processor time it used, in microseconds.
    pub cpu_us: u64,
    /// Energy in millijoules, and where the figure comes from.
    pub energy: Energy,
    /// How it ended.
    pub outcome: Outcome,
}

/// Energy of one attempt, in integers so that sums agree to the last unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Energy {
    /// Read from a meter while the device was the attempt's alone.
    Measured {
        /// Millijoules.
        millijoules: u64,
    },
    /// From processor time and a device table.
    Modelled {
        /// Millijoules.
        millijoules: u64,
    },
    /// Not known, or that of a part is not.
    Missing,
    /// Some of its devices by a meter, the others by the model.
    Both {
        /// Millijoules by the meter.
        measured_millijoules: u64,
        /// Millijoules by the model.
        modelled_millijoules: u64,
    },
}

impl Energy {
    /// Of devices together; unknown where that of one is.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        let (Some((measured, modelled)), Some((also_measured, also_modelled))) =
            (self.by_source(), other.by_source())
        else {
            return Self::Missing;
        };
        let measured_millijoules = measured.saturating_add(also_measured);
        let modelled_millijoules = modelled.saturating_add(also_modelled);
        match (self, other) {
            (Self::Measured { .. }, Self::Measured { .. }) => Self::Measured {
                millijoules: measured_millijoules,
            },
            (Self::Modelled { .. }, Self::Modelled { .. }) => Self::Modelled {
                millijoules: modelled_millijoules,
            },
            _ => Self::Both {
                measured_millijoules,
                modelled_millijoules,
            },
        }
    }

    /// Measured and modelled millijoules, where they are known.
    #[must_use]
    pub const fn by_source(self) -> Option<(u64, u64)> {
        match self {
            Self::Measured { millijoules } => Some((millijoules, 0)),
            Self::Modelled { millijoules } => Some((0, millijoules)),
            Self::Both {
                measured_millijoules,
                modelled_millijoules,
            } => Some((measured_millijoules, modelled_millijoules)),
            Self::Missing => None,
        }
    }

    /// In millijoules, where it is known.
    #[must_use]
    pub const fn millijoules(self) -> Option<u64> {
        match self.by_source() {
            Some((measured, modelled)) => Some(measured.saturating_add(modelled)),
            None => None,
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// With a result, whose parts are durable.
    Succeeded(TaskResult),
    /// Without.
    Failed(Failure),
}

impl Outcome {
    /// The same, made on this.
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
