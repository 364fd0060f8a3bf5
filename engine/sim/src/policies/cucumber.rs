//! Cucumber (Wiesner et al., Euro-Par '22): work is admitted if surplus power will serve it before
//! its deadline, earliest deadline first.
//!
//! Adaptations: a pool's free capacity while its grid is in surplus stands for the surplus of one
//! site. Work that is not admitted runs at once instead of being rejected.

use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};

/// The policy Cucumber.
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
