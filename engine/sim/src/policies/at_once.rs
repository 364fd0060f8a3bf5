//! Policies that never wait and only choose the place.

use sunward_core::PoolId;

use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};

/// The region that is cleanest in the long run: the lowest mean over the outlook. (With hindsight
/// it would be the year's mean.)
#[derive(Clone, Debug, Default)]
pub struct StaticBest;

impl Rule for StaticBest {
    fn pools(&self, _view: &View<'_>, turn: Turn<'_>) -> Vec<PoolId> {
        turn.ask.allowed.clone()
    }

    fn rate(&self, view: &View<'_>, _turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        Some((spot.start_ms, view.mean(spot.pool)))
    }
}

/// The region that is cleanest now.
#[derive(Clone, Debug, Default)]
pub struct NowBest;

impl Rule for NowBest {
    fn pools(&self, _view: &View<'_>, turn: Turn<'_>) -> Vec<PoolId> {
        turn.ask.allowed.clone()
    }

    fn rate(&self, view: &View<'_>, turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        let now = Spot {
            end_ms: turn.ready_ms.saturating_add(1),
            start_ms: turn.ready_ms,
            ..spot
        };
        Some((spot.start_ms, view.window(now)))
    }
}

/// The region in which the stage emits least if it starts now, moving its inputs included.
#[derive(Clone, Debug, Default)]
pub struct Spatial;

impl Rule for Spatial {
    fn pools(&self, _view: &View<'_>, turn: Turn<'_>) -> Vec<PoolId> {
        turn.ask.allowed.clone()
    }

    fn rate(&self, view: &View<'_>, turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        Some((spot.start_ms, view.micrograms(turn.ask, spot)))
    }
}
