//! Cucumber (Wiesner et al., Euro-Par '22): work is admitted if power in surplus will serve it before
//! its deadline, the earliest deadline first.
//!
//! Adapted: what is free of a pool while its grid is in surplus stands for the surplus of one site;
//! what is not admitted is not turned away but runs at once, as it would without the policy.

use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};

/// The policy.
#[derive(Clone, Debug, Default)]
pub struct Cucumber;

impl Rule for Cucumber {
    fn rate(&self, view: &View<'_>, _turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        if view.is_surplus(spot) {
            return Some((0, spot.start_ms));
        }
        Some((1, spot.start_ms))
    }
}
