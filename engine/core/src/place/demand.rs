//! Expected demand. The work that arrived within the last day predicts that of the next day. As long
//! as work has come for less than a day, its rate so far does.
//!
//! If machines are scarce, every hour that a stage leaves unused to wait for a cleaner one is
//! lost, and it takes the cleaner hour from the next stage. Waiting then saves nothing in total. So
//! no block counts as cleaner than the *clearing weight*: the weight of the dirtiest hour that
//! would be used if a day's work were all done in the cleanest free hours of the day. Among blocks
//! at or below it the earliest wins, because all of those hours will be used.
//!
//! What stages have reserved that wait for their start and are not placed again is no longer free, so
//! it is subtracted from the demand as well. Otherwise work that comes between two outlooks would
//! find all clean hours taken or needed, and take dirty ones at once.
//!
//! The clearing weight approximates the price of capacity in the relaxed problem: the dual variable
//! of `sum of running <= capacity` in CARBON.md §2, for one day and all pools together.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::ids::{RunId, Timestamp};

/// How long arrivals are remembered, and the horizon that they predict: one day, the period of both
/// grids and people.
pub(crate) const DAY_MS: u64 = 24 * 3_600_000;

/// The share of the arrivals of blocks that competes for the cleanest hours, in thousandths. It is
/// below 1000 because blocks that may not pause cannot fill every gap. The value was chosen on the
/// traces of 2022, as was that of [`IN_ROUNDS_PERMILLE`].
const IN_BLOCKS_PERMILLE: u64 = 700;

/// The same share of work that may pause between rounds. It fills more of the gaps.
const IN_ROUNDS_PERMILLE: u64 = 750;

/// The time after the first arrival whose work says nothing about a rate. A batch that is submitted
/// once comes within it.
const BATCH_MS: u64 = 3_600_000;

/// The least time that a rate is computed over.
const RATE_MS: u64 = 4 * 3_600_000;

/// An amount of work, by the resource that limits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// GPU time: devices x milliseconds.
    pub gpu_ms: u64,
    /// Core time (cores x milliseconds) of tasks that need no GPU.
    pub cpu_ms: u64,
}

/// The work that is expected within a day, as far as it competes for the cleanest hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The work of all runs.
    pub all: Work,
    /// The part that came from runs in the problem. It is subtracted, because a run does not compete
    /// with itself.
    pub own: BTreeMap<RunId, Work>,
}

impl Demand {
    /// A day's work of all runs but this one.
    #[must_use]
    pub fn beside(&self, run: RunId) -> Work {
        let own = self.own.get(&run).copied().unwrap_or_default();
        self.all.less(own)
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

    /// What is left of it without some other work.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self {
            gpu_ms: self.gpu_ms.saturating_sub(other.gpu_ms),
            cpu_ms: self.cpu_ms.saturating_sub(other.cpu_ms),
        }
    }

    /// The part of it that competes for the cleanest hours, if it runs in blocks or in rounds.
    #[must_use]
    pub(crate) const fn competing(self, in_rounds: bool) -> Self {
        let permille = if in_rounds {
            IN_ROUNDS_PERMILLE
        } else {
            IN_BLOCKS_PERMILLE
        };
        Self {
            gpu_ms: self.gpu_ms / 1000 * permille,
            cpu_ms: self.cpu_ms / 1000 * permille,
        }
    }

    /// A day's work, if this much came within `lasted_ms`.
    fn in_a_day(self, lasted_ms: u64) -> Self {
        let days = |ms: u64| {
            let all = u128::from(ms) * u128::from(DAY_MS) / u128::from(lasted_ms.max(1));
            u64::try_from(all).unwrap_or(u64::MAX)
        };
        Self {
            gpu_ms: days(self.gpu_ms),
            cpu_ms: days(self.cpu_ms),
        }
    }

    fn most(self, other: Self) -> Self {
        Self {
            gpu_ms: self.gpu_ms.max(other.gpu_ms),
            cpu_ms: self.cpu_ms.max(other.cpu_ms),
        }
    }
}

/// Stages that were first placed within the last day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arrivals {
    /// When work began to come, after a day or more without any.
    since: Timestamp,
    /// Oldest first, with the part that competes.
    recent: VecDeque<(Timestamp, RunId, Work)>,
}

impl Arrivals {
    /// Records a stage that is placed for the first time, and drops what is older than a day.
    pub(crate) fn add(&mut self, at: Timestamp, run: RunId, work: Work) {
        let stale = |(then, _, _): &(Timestamp, RunId, Work)| at.since_ms(*then) >= DAY_MS;
        while self.recent.front().is_some_and(stale) {
            self.recent.pop_front();
        }
        if self.recent.is_empty() {
            self.since = at;
        }
        match self.recent.back_mut() {
            Some((then, last, sum)) if *then == at && *last == run => *sum = sum.and(work),
            Some(_) | None => self.recent.push_back((at, run, work)),
        }
    }

    /// The work that is expected within a day, and the share of each of the asked runs in what came.
    ///
    /// Whatever comes in a day comes again in the next. In the first day the rate so far counts if
    /// more work is expected by it. Without that, the first runs of a day would leave clean hours to
    /// nobody, and those after them would have to take dirty ones.
    pub(crate) fn demand(&self, now: Timestamp, asked: impl Iterator<Item = RunId>) -> Demand {
        let mut own: BTreeMap<RunId, Work> = asked.map(|run| (run, Work::default())).collect();
        let (mut all, mut steady) = (Work::default(), Work::default());
        let recent = |one: &&(Timestamp, RunId, Work)| now.since_ms(one.0) < DAY_MS;
        for (at, run, work) in self.recent.iter().filter(recent) {
            all = all.and(*work);
            if at.since_ms(self.since) >= BATCH_MS {
                steady = steady.and(*work);
            }
            if let Some(sum) = own.get_mut(run) {
                *sum = sum.and(*work);
            }
        }
        let lasted_ms = now.since_ms(self.since);
        if lasted_ms < DAY_MS {
            all = all.most(steady.in_a_day(lasted_ms.max(RATE_MS)));
        }
        own.retain(|_, work| *work != Work::default());
        Demand { all, own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn hours(gpu: u64) -> Work {
        Work {
            gpu_ms: gpu * HOUR,
            cpu_ms: 0,
        }
    }

    /// The demand at an hour, in device hours, of work that came at these hours.
    fn at(hour: u64, came: &[(u64, u64)]) -> u64 {
        let mut arrivals = Arrivals::default();
        for (run, (at, gpu)) in (1..).zip(came) {
            arrivals.add(Timestamp(at * HOUR), RunId(run), hours(*gpu));
        }
        let demand = arrivals.demand(Timestamp(hour * HOUR), std::iter::empty());
        demand.all.gpu_ms / HOUR
    }

    #[test]
    fn a_steady_stream_is_expected_to_go_on_before_a_day_of_it_has_come() {
        let hourly: Vec<(u64, u64)> = (100..140).map(|hour| (hour, 6)).collect();
        assert_eq!(at(106, &hourly[..7]), 24 * 6);
        assert_eq!(at(112, &hourly[..13]), 24 * 6);
        assert_eq!(at(139, &hourly), 24 * 6);
    }

    #[test]
    fn a_batch_that_comes_once_is_not_expected_again_and_again() {
        assert_eq!(at(100, &[(100, 600)]), 600);
        assert_eq!(at(103, &[(100, 600)]), 600);
        assert_eq!(at(103, &[(100, 300), (100, 300)]), 600);
        assert_eq!(at(124, &[(100, 600)]), 0);
    }

    #[test]
    fn what_comes_rarely_counts_as_it_came() {
        let daily = [(80, 6), (100, 6), (120, 6), (121, 6)];
        assert_eq!(at(121, &daily), 18);
    }

    #[test]
    fn after_a_day_without_work_it_begins_anew() {
        let batches = [(10, 100), (100, 6), (101, 6), (102, 6), (103, 6), (104, 6)];
        assert_eq!(at(104, &batches), 24 * 6);
    }
}
