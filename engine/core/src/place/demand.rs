//! Expected demand. The work that arrived within the last day predicts that of the next day.
//!
//! If machines are scarce, every hour that a stage leaves unused to wait for a cleaner one is
//! lost, and it takes the cleaner hour from the next stage. Waiting then saves nothing in total. So
//! no block counts as cleaner than the *clearing weight*: the weight of the dirtiest hour that
//! would be used if a day's work were all done in the cleanest free hours of the day. Among blocks
//! at or below it the earliest wins, because all of those hours will be used.
//!
//! The clearing weight approximates the price of capacity in the relaxed problem: the dual variable
//! of `sum of running <= capacity` in CARBON.md §2, for one day and all pools together.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::ids::{RunId, Timestamp};

/// How long arrivals are remembered, and the horizon that they predict: one day, the period of both
/// grids and people.
pub(crate) const DAY_MS: u64 = 24 * 3_600_000;

/// The share of a day's arrivals that competes for the cleanest hours, in thousandths. It is below
/// 1000 because blocks that may not pause cannot fill every gap. The value was chosen on the traces
/// of 2022.
pub(crate) const COMPETING_PERMILLE: u64 = 700;

/// An amount of work, by the resource that limits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// GPU time: devices x milliseconds.
    pub gpu_ms: u64,
    /// Core time (cores x milliseconds) of tasks that need no GPU.
    pub cpu_ms: u64,
}

/// The work that arrived within the last day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The work of all runs.
    pub all: Work,
    /// The part of it that comes from runs in the problem. It is subtracted, because a run does not
    /// compete with itself.
    pub own: BTreeMap<RunId, Work>,
}

impl Demand {
    /// A day's work of all runs but this one.
    #[must_use]
    pub fn beside(&self, run: RunId) -> Work {
        let own = self.own.get(&run).copied().unwrap_or_default();
        Work {
            gpu_ms: self.all.gpu_ms.saturating_sub(own.gpu_ms),
            cpu_ms: self.all.cpu_ms.saturating_sub(own.cpu_ms),
        }
    }
}

impl Work {
    /// The sum of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            gpu_ms: self.gpu_ms.saturating_add(other.gpu_ms),
            cpu_ms: self.cpu_ms.saturating_add(other.cpu_ms),
        }
    }
}

/// Stages that were first placed within the last day, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arrivals(VecDeque<(Timestamp, RunId, Work)>);

impl Arrivals {
    /// Records a stage that is placed for the first time, and drops what is older than a day.
    pub(crate) fn add(&mut self, at: Timestamp, run: RunId, work: Work) {
        let stale = |(then, _, _): &(Timestamp, RunId, Work)| at.since_ms(*then) >= DAY_MS;
        while self.0.front().is_some_and(stale) {
            self.0.pop_front();
        }
        match self.0.back_mut() {
            Some((then, last, sum)) if *then == at && *last == run => *sum = sum.and(work),
            Some(_) | None => self.0.push_back((at, run, work)),
        }
    }

    /// The work that arrived within a day before `now`, and the share of each of the asked runs.
    pub(crate) fn demand(&self, now: Timestamp, asked: impl Iterator<Item = RunId>) -> Demand {
        let mut own: BTreeMap<RunId, Work> = asked.map(|run| (run, Work::default())).collect();
        let mut all = Work::default();
        let recent = |one: &&(Timestamp, RunId, Work)| now.since_ms(one.0) < DAY_MS;
        for (_, run, work) in self.0.iter().filter(recent) {
            all = all.and(*work);
            if let Some(sum) = own.get_mut(run) {
                *sum = sum.and(*work);
            }
        }
        own.retain(|_, work| *work != Work::default());
        Demand { all, own }
    }
}
