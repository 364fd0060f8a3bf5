//! The course that a stage would have taken at home: the counterfactual of savings.
//!
//! There, a run starts when it is submitted, and each stage when the stages before it have ended.
//! Its attempts take as long as the run's own do, and use the same energy. No placement moves it,
//! so a new plan does not change what a run is compared with. Capacity does not limit it, only the
//! stage's own `max_parallel`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// When a stage would run at home, as far as it has run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AtHome {
    /// When its inputs would have been ready; the default until they are.
    pub(crate) ready: Timestamp,
    /// When the last of its attempts so far would have ended.
    pub(crate) end: Timestamp,
    /// The moments at which tasks that run at the same time would have ended, with their number.
    /// Empty for a stage whose tasks may all run at the same time.
    lanes: BTreeMap<Timestamp, u32>,
}

impl AtHome {
    /// A stage whose inputs would have been ready at a moment.
    pub(crate) fn from(ready: Timestamp) -> Self {
        Self {
            ready,
            end: ready,
            lanes: BTreeMap::new(),
        }
    }

    /// How long the attempts so far would have taken, in milliseconds.
    pub(crate) fn took_ms(&self) -> u64 {
        self.end.since_ms(self.ready)
    }

    /// Adds `count` equal attempts of a stage that may run `width` of its `tasks` at the same time.
    /// Returns when they would have begun, with the number that would have begun then.
    pub(crate) fn add(
        &mut self,
        (width, tasks): (u32, u32),
        wall_us: u64,
        count: u64,
    ) -> Vec<(Timestamp, u64)> {
        let took_ms = wall_us.div_ceil(1000);
        if width >= tasks.max(2) {
            self.end = self.end.max(self.ready.after_ms(took_ms));
            return vec![(self.ready, count)];
        }
        if self.lanes.is_empty() {
            self.lanes.insert(self.ready, width.max(1));
        }
        let mut begun = Vec::new();
        let mut left = count;
        while left > 0
            && let Some((free_at, lanes)) = self.lanes.pop_first()
        {
            let some = u32::try_from(left).unwrap_or(u32::MAX).min(lanes);
            if some < lanes {
                self.lanes.insert(free_at, lanes - some);
            }
            let end = free_at.after_ms(took_ms);
            *self.lanes.entry(end).or_default() += some;
            self.end = self.end.max(end);
            begun.push((free_at, u64::from(some)));
            left -= u64::from(some);
        }
        begun
    }

    /// Adds attempts that no placement has moved: they began as long after the stage was ready as
    /// they would have at home. Returns when that would have been.
    pub(crate) fn add_unmoved(&mut self, waited_ms: u64, wall_us: u64) -> Timestamp {
        let begun = self.ready.after_ms(waited_ms);
        self.end = self.end.max(begun.after_us(wall_us));
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::AtHome;
    use crate::ids::Timestamp;

    const HOUR_US: u64 = 3_600_000_000;
    const HOUR: u64 = 3_600_000;

    fn hours(begun: &[(Timestamp, u64)]) -> Vec<(u64, u64)> {
        begun
            .iter()
            .map(|(at, count)| (at.0 / HOUR, *count))
            .collect()
    }

    #[test]
    fn all_tasks_begin_together_unless_the_stage_limits_them() {
        let mut wide = AtHome::from(Timestamp(HOUR));
        assert_eq!(hours(&wide.add((9, 9), HOUR_US, 9)), [(1, 9)]);
        assert_eq!(hours(&wide.add((9, 9), 2 * HOUR_US, 1)), [(1, 1)]);
        assert_eq!(wide.end.0, 3 * HOUR);
        let mut narrow = AtHome::from(Timestamp(HOUR));
        assert_eq!(hours(&narrow.add((2, 5), HOUR_US, 3)), [(1, 2), (2, 1)]);
        assert_eq!(hours(&narrow.add((2, 5), HOUR_US, 2)), [(2, 1), (3, 1)]);
        assert_eq!(narrow.end.0, 4 * HOUR);
    }

    #[test]
    fn the_attempts_of_one_task_follow_one_another() {
        let mut one = AtHome::from(Timestamp(0));
        one.add((1, 1), HOUR_US, 1);
        assert_eq!(hours(&one.add((1, 1), HOUR_US, 1)), [(1, 1)]);
        assert_eq!(one.end.0, 2 * HOUR);
    }
}
