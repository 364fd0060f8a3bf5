//! CarbonScaler (Hanafy et al., SIGMETRICS '24): an elastic job gets more servers in cleaner slots.
//! The paper takes pairs of a slot and one more server by marginal throughput for their carbon.
//!
//! Adaptations: the tasks of an array are independent, so throughput grows in proportion to
//! servers, and the order of pairs is the order of the slots' intensities. A slot is a round of
//! tasks. Jobs stay at home, as published. A job of one task cannot scale and waits as one block,
//! as `wait-awhile` does. Rounds of one task at a time go to the cleanest slots, as in
//! `wait-awhile-interruptible`: with one server, the published algorithm is suspend and resume.

use sunward_core::place::Segment;

use super::pieces::cheapest;
use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};
use super::wait_awhile::WaitAwhile;

/// The policy CarbonScaler.
#[derive(Clone, Debug, Default)]
pub struct CarbonScaler;

impl Rule for CarbonScaler {
    fn rate(&self, view: &View<'_>, turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        WaitAwhile.rate(view, turn, spot)
    }

    fn pieces(&self, view: &View<'_>, turn: Turn<'_>) -> Option<Vec<Segment>> {
        cheapest(view, turn, 1)
    }
}
