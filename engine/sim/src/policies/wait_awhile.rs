//! Let's Wait Awhile (Wiesner et al., Middleware '21): at home, in the cleanest time before the
//! deadline, as one block or in pieces.
//!
//! Adaptations: deadlines are those of the runs, not the next working day. Only arrays are
//! interrupted, between rounds of tasks. A job of one task cannot pause here, so both variants
//! place it alike.

use sunward_core::place::Segment;

use super::pieces::cheapest;
use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};

/// Non-interruptible: the start whose window has the lowest mean forecast.
#[derive(Clone, Debug, Default)]
pub struct WaitAwhile;

impl Rule for WaitAwhile {
    fn rate(&self, view: &View<'_>, _turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        Some((view.window(spot), spot.start_ms))
    }
}

/// Interruptible: as many of the cleanest slots as the work needs.
#[derive(Clone, Debug, Default)]
pub struct WaitAwhileInterruptible;

impl Rule for WaitAwhileInterruptible {
    fn rate(&self, view: &View<'_>, turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        WaitAwhile.rate(view, turn, spot)
    }

    fn pieces(&self, view: &View<'_>, turn: Turn<'_>) -> Option<Vec<Segment>> {
        let at_once = turn.ask.width.min(turn.ask.tasks).max(1);
        cheapest(view, turn, at_once)
    }
}
