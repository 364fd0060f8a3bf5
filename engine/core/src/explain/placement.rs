//! A stage's placement with names instead of numbers, and the best alternative to it.

use serde::Serialize;

use crate::ids::Timestamp;
use crate::place::{Likely, Placement, Timing, Why};
use crate::pool::PoolId;
use crate::state::{StageView, State};

/// A stage's placement, the reason for it, and the best alternative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedStage {
    /// The segments by start. The tasks of a segment begin together in one pool.
    pub segments: Vec<PlacedSegment>,
    /// The reason for this place and time.
    pub why: Why,
    /// Expected emissions, transfer and PUE included, in micrograms CO2e.
    pub expected_micrograms: u64,
    /// Between which figures those lie in four of five cases.
    pub likely: Likely,
    /// The part of them for the transfer of the inputs, in micrograms CO2e.
    pub transfer_micrograms: u64,
    /// Expected emissions at home as soon as the stage is ready, in micrograms CO2e.
    pub at_home_now_micrograms: u64,
    /// How long its tasks are expected to take, and the margin before its deadline.
    pub timing: Timing,
    /// The best alternative, if there was one.
    pub alternative: Option<PlacementAlternative>,
    /// The moment of the decision.
    pub decided_at: Timestamp,
    /// The moment at which the outlook behind the decision was issued.
    pub outlook_at: Timestamp,
    /// Zones of its segments whose newest signal is older than it should be, by the newest outlook.
    pub stale_zones: Vec<String>,
}

/// Tasks of a stage that begin together in one pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedSegment {
    /// The pool.
    #[serde(flatten)]
    pub pool: NamedPool,
    /// The tasks do not begin before this moment.
    pub start: Timestamp,
    /// The expected end of the last task.
    pub end: Timestamp,
    /// The number of tasks.
    pub tasks: u32,
}

/// The names of a pool, its region and its zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedPool {
    /// The name of the pool.
    pub pool: String,
    /// The name of its region.
    pub region: String,
    /// The name of its zone, the grid area.
    pub zone: String,
}

/// The best alternative to a placement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacementAlternative {
    /// The pool.
    #[serde(flatten)]
    pub pool: NamedPool,
    /// The moment at which the stage would begin.
    pub start: Timestamp,
    /// Expected emissions, transfer included, in micrograms CO2e.
    pub expected_micrograms: u64,
}

impl NamedPool {
    /// The names of a pool; its number if the fleet does not have it.
    #[must_use]
    pub fn of(state: &State, id: PoolId) -> Self {
        let pool = state.fleet().and_then(|fleet| fleet.get(id));
        pool.map_or_else(
            || Self {
                pool: id.to_string(),
                region: String::new(),
                zone: String::new(),
            },
            |pool| Self {
                pool: pool.name.clone(),
                region: pool.region.clone(),
                zone: pool.zone.clone(),
            },
        )
    }
}

impl PlacedStage {
    /// The placement of a stage, if it has one.
    pub(super) fn of(state: &State, stage: StageView<'_>) -> Option<Self> {
        stage
            .placement()
            .map(|placement| Self::named(state, placement))
    }

    fn named(state: &State, placement: &Placement) -> Self {
        let segments: Vec<PlacedSegment> = placement
            .segments
            .iter()
            .map(|segment| PlacedSegment {
                pool: NamedPool::of(state, segment.pool),
                start: segment.start,
                end: segment.end,
                tasks: segment.tasks,
            })
            .collect();
        let mut stale_zones: Vec<String> = segments
            .iter()
            .map(|segment| segment.pool.zone.clone())
            .filter(|zone| {
                let outlook = state.outlook().and_then(|outlook| outlook.zone(zone));
                outlook.is_some_and(|zone| zone.stale)
            })
            .collect();
        stale_zones.sort_unstable();
        stale_zones.dedup();
        Self {
            segments,
            why: placement.why,
            expected_micrograms: placement.expected_micrograms,
            likely: placement.likely,
            transfer_micrograms: placement.transfer_micrograms,
            at_home_now_micrograms: placement.at_home_now_micrograms,
            timing: placement.timing,
            alternative: placement.alternative.map(|other| PlacementAlternative {
                pool: NamedPool::of(state, other.pool),
                start: other.start,
                expected_micrograms: other.expected_micrograms,
            }),
            decided_at: placement.decided_at,
            outlook_at: placement.outlook_at,
            stale_zones,
        }
    }
}
