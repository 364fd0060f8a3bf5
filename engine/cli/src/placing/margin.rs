//! The margin before a deadline, in words.

use sunward_core::place::{Spread, Timing};

use crate::render::units::{count, float, plural, seconds};

/// The margin that a stage keeps, and where it comes from; `None` if it keeps none.
pub(crate) fn words(timing: &Timing) -> Option<String> {
    let margin = timing.margin;
    let from = match margin.spread {
        Spread::None => return None,
        Spread::Observed(attempts) => {
            format!(
                "by the spread of {} earlier attempts of its command",
                count(attempts)
            )
        }
        Spread::Longest(attempts) => {
            format!(
                "by the longest of {} of its command",
                plural(attempts, "earlier attempt")
            )
        }
        Spread::Assumed => {
            "by the usual spread of run times, because its command has too few earlier attempts"
                .to_owned()
        }
    };
    let risk = float(u64::from(margin.risk_ppm)) / 10_000.0;
    Some(format!(
        "{} are left before the deadline {from}, so that {risk}% of such runs would be late",
        seconds(float(margin.ms) / 1000.0)
    ))
}
