//! Curtailments: what a grid operator asks of pools for spans of time, and the level that follows
//! from it at a moment.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::pool::PoolId;

/// A grid operator's restriction of one pool for a span of time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Curtailment {
    /// The pool.
    pub pool: PoolId,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends; `None` if it lasts until it is taken back.
    pub until: Option<Timestamp>,
    /// What is asked.
    pub measure: Measure,
    /// Who asks, for messages: the operator's program.
    pub told_by: String,
}

/// What is asked of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Interruptible tasks stop, and nothing starts. What cannot be interrupted runs on.
    Emergency,
    /// Nothing starts. What runs goes on.
    Alert,
    /// All tasks together take at most this power.
    Cap {
        /// The power in milliwatts.
        milliwatts: u64,
    },
}

/// How far a pool is restricted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Nothing starts.
    pub halted: bool,
    /// The most power of all tasks together, in milliwatts. An emergency is a cap of zero.
    pub cap_milliwatts: Option<u64>,
}

impl Level {
    /// Whether the pool is not restricted.
    #[must_use]
    pub const fn is_free(self) -> bool {
        !self.halted && self.cap_milliwatts.is_none()
    }

    fn with(self, measure: Measure) -> Self {
        let (halted, cap) = match measure {
            Measure::Emergency => (true, Some(0)),
            Measure::Alert => (true, None),
            Measure::Cap { milliwatts } => (false, Some(milliwatts)),
        };
        let caps = self.cap_milliwatts.into_iter().chain(cap);
        Self {
            halted: self.halted || halted,
            cap_milliwatts: caps.min(),
        }
    }
}

/// Everything that is asked of pools, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curtailments {
    /// The curtailments that have not ended.
    pub all: Vec<Curtailment>,
    /// Since when the operator's server has not answered; `None` if it answers. What it asked last
    /// stays in force.
    pub silent_since: Option<Timestamp>,
}

impl Curtailment {
    /// Whether it is in force at a moment.
    #[must_use]
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// Whether it is in force at some moment of a span.
    fn meets(&self, from: Timestamp, until: Timestamp) -> bool {
        self.from < until && self.until.is_none_or(|end| from < end)
    }
}

impl Curtailments {
    /// Whether nothing is asked, and the server answers.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty() && self.silent_since.is_none()
    }

    /// How far a pool is restricted at a moment.
    #[must_use]
    pub fn level(&self, pool: PoolId, at: Timestamp) -> Level {
        level(self.of(pool).filter(|one| one.holds_at(at)))
    }

    /// The strictest restrictions of a pool at any moment of a span.
    #[must_use]
    pub fn level_within(&self, pool: PoolId, from: Timestamp, until: Timestamp) -> Level {
        level(self.of(pool).filter(|one| one.meets(from, until)))
    }

    /// The curtailment of a pool that is in force at a moment and restricts it most. Of equal ones,
    /// it is the one that ends last.
    #[must_use]
    pub fn strictest(&self, pool: PoolId, at: Timestamp) -> Option<&Curtailment> {
        let end = |one: &Curtailment| one.until.unwrap_or(Timestamp(u64::MAX));
        self.of(pool)
            .filter(|one| one.holds_at(at))
            .min_by_key(|one| (one.measure, std::cmp::Reverse(end(one))))
    }

    /// The pools that are restricted at some time.
    #[must_use]
    pub fn pools(&self) -> BTreeSet<PoolId> {
        self.all.iter().map(|one| one.pool).collect()
    }

    /// The moments after `after` at which a curtailment begins or ends, ascending.
    #[must_use]
    pub fn changes_after(&self, after: Timestamp) -> BTreeSet<Timestamp> {
        let ends = self.all.iter().filter_map(|one| one.until);
        let moments = self.all.iter().map(|one| one.from).chain(ends);
        moments.filter(|at| *at > after).collect()
    }

    fn of(&self, pool: PoolId) -> impl Iterator<Item = &Curtailment> {
        self.all.iter().filter(move |one| one.pool == pool)
    }
}

fn level<'a>(all: impl Iterator<Item = &'a Curtailment>) -> Level {
    all.fold(Level::default(), |level, one| level.with(one.measure))
}

#[cfg(test)]
mod tests {
    use super::{Curtailment, Curtailments, Level, Measure};
    use crate::ids::Timestamp;
    use crate::pool::PoolId;

    fn one(from: u64, until: Option<u64>, measure: Measure) -> Curtailment {
        Curtailment {
            pool: PoolId(1),
            from: Timestamp(from),
            until: until.map(Timestamp),
            measure,
            told_by: "site-dr".to_owned(),
        }
    }

    #[test]
    fn the_strictest_of_all_that_are_in_force_counts() {
        let cap = |milliwatts| Measure::Cap { milliwatts };
        let all = Curtailments {
            all: vec![
                one(10, Some(50), cap(900)),
                one(20, Some(30), cap(400)),
                one(40, Some(60), Measure::Alert),
                one(55, None, Measure::Emergency),
            ],
            silent_since: None,
        };
        let level = |at| {
            let level = all.level(PoolId(1), Timestamp(at));
            (level.halted, level.cap_milliwatts)
        };
        let expected = [
            (9, (false, None)),
            (10, (false, Some(900))),
            (29, (false, Some(400))),
            (30, (false, Some(900))),
            (45, (true, Some(900))),
            (50, (true, None)),
            (55, (true, Some(0))),
            (u64::MAX, (true, Some(0))),
        ];
        for (at, told) in expected {
            assert_eq!(level(at), told, "at {at}");
        }
        assert_eq!(all.level(PoolId(0), Timestamp(55)), Level::default());
        let within = |from, until| all.level_within(PoolId(1), Timestamp(from), Timestamp(until));
        assert!(within(0, 10).is_free());
        assert_eq!(within(0, 21).cap_milliwatts, Some(400));
        let changes: Vec<u64> = all
            .changes_after(Timestamp(30))
            .iter()
            .map(|at| at.0)
            .collect();
        assert_eq!(changes, [40, 50, 55, 60]);
        let strictest = all.strictest(PoolId(1), Timestamp(58)).unwrap();
        assert_eq!(strictest.measure, Measure::Emergency);
    }
}
