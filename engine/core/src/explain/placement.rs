//! Where and when a stage goes, with names instead of numbers: the road taken and the one not taken.

use serde::Serialize;

use crate::ids::Timestamp;
use crate::place::{Placement, Why};
use crate::pool::PoolId;
use crate::state::{StageView, State};

/// Where and when a stage goes, why, and what else there was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedStage {
    /// By start: tasks that begin together in one pool.
    pub segments: Vec<PlacedSegment>,
    /// Why there and then.
    pub why: Why,
    /// What it is expected to emit, transfer and PUE included, in micrograms CO2e.
    pub expected_micrograms: u64,
    /// Of that, the transfer of its inputs.
    pub transfer_micrograms: u64,
    /// What it would emit at home, begun as soon as it is ready.
    pub at_home_now_micrograms: u64,
    /// The best that was not taken.
    pub alternative: Option<RoadNotTaken>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// When that was all that was known of the grids.
    pub outlook_at: Timestamp,
    /// Zones of its segments of which nothing new has been heard for longer than should be, at the
    /// newest outlook.
    pub stale_zones: Vec<String>,
}

/// Some tasks of a stage that begin together in one pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedSegment {
    /// Where.
    #[serde(flatten)]
    pub pool: NamedPool,
    /// Not before.
    pub start: Timestamp,
    /// When the last of them is expected to end.
    pub end: Timestamp,
    /// How many tasks.
    pub tasks: u32,
}

/// A pool by its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedPool {
    /// Its own.
    pub pool: String,
    /// Its region's.
    pub region: String,
    /// Its grid area's.
    pub zone: String,
}

/// The best place and time that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoadNotTaken {
    /// Where.
    #[serde(flatten)]
    pub pool: NamedPool,
    /// When it would begin.
    pub start: Timestamp,
    /// What it would emit, transfer included, in micrograms CO2e.
    pub expected_micrograms: u64,
}

impl NamedPool {
    /// A pool of the fleet that is known; by its number where none is.
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
    /// A stage's placement, if it has one.
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
            transfer_micrograms: placement.transfer_micrograms,
            at_home_now_micrograms: placement.at_home_now_micrograms,
            alternative: placement.alternative.map(|other| RoadNotTaken {
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
