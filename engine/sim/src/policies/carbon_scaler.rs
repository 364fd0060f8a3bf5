//! CarbonScaler (Hanafy et al., SIGMETRICS '24): an elastic job gets more servers in cleaner slots:
//! pairs of slot and further server are taken by their marginal throughput for their carbon.
//!
//! Adapted: the tasks of an array are independent, so throughput grows in proportion to servers and
//! the order of pairs is that of the slots' intensities; a slot is a round of tasks. At home, as
//! published. What cannot scale waits as one block: a job of one task, as `wait-awhile` does; and rounds
//! of one task at a time are the cleanest slots of `wait-awhile-interruptible`, since with one server
//! at most the published algorithm is suspend and resume.

use sunward_core::place::Segment;

use super::pieces::cheapest;
use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};
use super::wait_awhile::WaitAwhile;

/// The policy.
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
