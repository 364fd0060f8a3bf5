//! Budgets of runs, and by how much a run exceeds one.

use std::fmt;

use serde::{Deserialize, Serialize};
use sunward_workflows::Budget;

use super::account::Account;

/// Millijoules in a kilowatt hour.
const MILLIJOULES_PER_KWH: f64 = 3.6e9;

/// The figure that a budget limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budgeted {
    /// `budget.gco2e`: location-based emissions, transfer included, in micrograms CO2e.
    Micrograms,
    /// `budget.kwh`: IT energy, in millijoules.
    Millijoules,
}

/// A budget that was exceeded, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrun {
    /// The figure that is limited.
    pub what: Budgeted,
    /// What was used or would be used, in the figure's unit.
    pub used: u64,
    /// What the budget allows, in the figure's unit.
    pub allowed: u64,
}

impl Overrun {
    /// The first limit of a budget that these figures exceed. Emissions are `None` while no grid is
    /// known, and then do not count.
    #[must_use]
    pub fn of(budget: &Budget, micrograms: Option<u64>, millijoules: u64) -> Option<Self> {
        let carbon = budget.gco2e.zip(micrograms).map(|(grams, used)| Self {
            what: Budgeted::Micrograms,
            used,
            allowed: whole(grams * 1e6),
        });
        let energy = budget.kwh.map(|kwh| Self {
            what: Budgeted::Millijoules,
            used: millijoules,
            allowed: whole(kwh * MILLIJOULES_PER_KWH),
        });
        [carbon, energy]
            .into_iter()
            .flatten()
            .find(|one| one.used > one.allowed)
    }

    /// The limit that an account exceeds.
    #[must_use]
    pub fn of_account(budget: &Budget, account: &Account) -> Option<Self> {
        let carbon = account.headline().map(super::Carbon::micrograms);
        Self::of(budget, carbon, account.millijoules)
    }
}

/// A figure of a workflow file as an integer, rounded down. Anything that is not a number allows
/// nothing.
fn whole(figure: f64) -> u64 {
    // The conversion through a duration in seconds is exact and never out of range.
    std::time::Duration::try_from_secs_f64(figure).map_or_else(
        |_| if figure > 0.0 { u64::MAX } else { 0 },
        |time| time.as_secs(),
    )
}

impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, whole) = match self.what {
            Budgeted::Micrograms => ("gCO2e", 1_000_000),
            Budgeted::Millijoules => ("kWh", 3_600_000_000),
        };
        // Small figures are shown to the last known digit, so that they do not all read 0.000.
        let (width, parts) = if self.allowed.min(self.used) >= whole / 10 {
            (3, 1_000)
        } else {
            (9, 1_000_000_000)
        };
        let shown = |figure: u64| {
            let rest = u128::from(figure % whole) * parts / u128::from(whole);
            format!("{}.{rest:0width$}", figure / whole)
        };
        write!(
            f,
            "{} {unit} of {} {unit} allowed",
            shown(self.used),
            shown(self.allowed)
        )
    }
}

#[cfg(test)]
mod tests {
    use sunward_workflows::Budget;

    use super::{Budgeted, Overrun};

    #[test]
    fn a_budget_is_kept_until_it_is_exceeded() {
        let budget = Budget {
            gco2e: Some(2.5),
            kwh: Some(0.01),
        };
        assert_eq!(Overrun::of(&budget, Some(2_500_000), 36_000_000), None);
        let over = Overrun::of(&budget, Some(2_600_000), 0).unwrap();
        assert_eq!(over.what, Budgeted::Micrograms);
        assert_eq!(over.to_string(), "2.600 gCO2e of 2.500 gCO2e allowed");
        let over = Overrun::of(&budget, None, 36_000_001).unwrap();
        assert_eq!(
            over.to_string(),
            "0.010000000 kWh of 0.010000000 kWh allowed"
        );
    }
}
