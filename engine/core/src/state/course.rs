//! What a run's course leaves to tell afterwards: where it stood still, and when its stages began.

use serde::{Deserialize, Serialize};

use crate::curtailment::Measure;
use crate::ids::Timestamp;
use crate::place::Timing;

/// The most times of standing still that are kept of one run, and of being held back of one stage. The
/// newest are.
const STOPS_KEPT: usize = 100;

/// Why a run stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoodFor {
    /// Its engine was stopped or killed.
    Engine,
    /// It exceeded its budget.
    Budget,
    /// It had failed or was cancelled, until it was retried.
    Retry,
}

/// A time in which a run stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    /// The last moment before it at which something of the run happened.
    pub(crate) from: Timestamp,
    /// The moment from which it went on.
    pub(crate) to: Timestamp,
    pub(crate) why: StoodFor,
}

/// The times in which a run stood still, and when it last moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunCourse {
    pub(crate) stops: Vec<Stop>,
    /// The moment of its latest fact that has one.
    pub(crate) seen_at: Timestamp,
}

impl RunCourse {
    /// It goes on after it stood still since `from`.
    pub(crate) fn goes_on(&mut self, from: Timestamp, to: Timestamp, why: StoodFor) {
        if to > from {
            if self.stops.len() >= STOPS_KEPT {
                self.stops.remove(0);
            }
            self.stops.push(Stop { from, to, why });
        }
    }
}

/// A time in which a curtailment held back tasks of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldBack {
    pub(crate) from: Timestamp,
    /// `None` while it lasts.
    pub(crate) to: Option<Timestamp>,
    /// What was asked.
    pub(crate) measure: Measure,
    /// Who asked for it.
    pub(crate) told_by: String,
}

/// When a stage began, what was expected of it then, and when it was held back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StageCourse {
    /// The moment of its first lease since it became ready.
    pub(crate) leased_at: Option<Timestamp>,
    /// What was expected of its tasks before the first of them was leased. `None` for a stage that
    /// was not placed by then.
    pub(crate) expected: Option<Timing>,
    /// The times in which a curtailment held back its tasks, ascending. They do not overlap.
    pub(crate) held: Vec<HeldBack>,
}

impl StageCourse {
    /// One of its tasks was leased.
    pub(crate) fn leased(&mut self, at: Timestamp) {
        self.leased_at.get_or_insert(at);
    }

    /// It was placed. Only what was expected before it began counts.
    pub(crate) fn placed(&mut self, timing: Timing) {
        if self.leased_at.is_none() {
            self.expected = Some(timing);
        }
    }

    /// A curtailment holds back its tasks from now on. It continues the one before, if that ended
    /// now and was the same.
    pub(crate) fn held_back(&mut self, from: Timestamp, measure: Measure, told_by: &str) {
        if let Some(last) = self.held.last_mut() {
            let is_same = last.measure == measure && last.told_by == told_by;
            if is_same && last.to.is_none_or(|to| to == from) {
                last.to = None;
                return;
            }
            last.to.get_or_insert(from);
        }
        if self.held.len() >= STOPS_KEPT {
            self.held.remove(0);
        }
        self.held.push(HeldBack {
            from,
            to: None,
            measure,
            told_by: told_by.to_owned(),
        });
    }

    /// No curtailment holds back its tasks any more.
    pub(crate) fn let_go(&mut self, at: Timestamp) {
        if let Some(last) = self.held.last_mut() {
            let from = last.from;
            last.to.get_or_insert(at.max(from));
        }
    }
}
