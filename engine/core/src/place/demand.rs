//! The work that comes: what arrived within the last day, as the measure of what the next day brings.
//!
//! Where machines are scarce, an hour that one stage leaves unused for a cleaner one is lost, and the
//! cleaner one is taken from whoever comes next. So no block counts as cleaner than the *clearing
//! weight*: were the work of a day all done in the day's cleanest free hours, the dirtiest of those
//! hours would weigh so much. Of blocks at or below it the earliest is taken, since all of them will
//! be used by somebody. It is the price of capacity in the relaxed problem (the dual of
//! `sum of running <= capacity` in CARBON.md §2's programme), of one day and of all pools together.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::ids::{RunId, Timestamp};

/// For how long arrivals are remembered, and for how long they foretell: a day, the rhythm of grids
/// and of people.
pub(crate) const DAY_MS: u64 = 24 * 3_600_000;

/// The share of a day's arrivals that competes for the day's cleanest hours, in thousandths: blocks
/// that may not pause cannot fill every gap. Chosen on the traces of 2022.
pub(crate) const COMPETING_PERMILLE: u64 = 700;

/// Work, by what it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Devices x milliseconds.
    pub gpu_ms: u64,
    /// Cores x milliseconds, of tasks that need no device.
    pub cpu_ms: u64,
}

/// The work of others that arrived within the last day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Of all runs.
    pub all: Work,
    /// What of it is of runs that are asked about: nobody competes with itself.
    pub own: BTreeMap<RunId, Work>,
}

impl Demand {
    /// What others than a run bring in a day.
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
    /// This and that.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            gpu_ms: self.gpu_ms.saturating_add(other.gpu_ms),
            cpu_ms: self.cpu_ms.saturating_add(other.cpu_ms),
        }
    }
}

/// Stages that were placed for the first time within the last day, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arrivals(VecDeque<(Timestamp, RunId, Work)>);

impl Arrivals {
    /// A stage is placed for the first time.
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

    /// What arrived within the day before a moment, and what of it these runs brought.
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
