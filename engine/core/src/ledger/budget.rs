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
        let carbon = account.budgeted().map(super::Carbon::micrograms);
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
            // A thousandth of a kilowatt hour and less is shown in joules.
            Budgeted::Millijoules if self.used < 3_600_000 => ("J", 1_000),
            Budgeted::Millijoules => ("kWh", 3_600_000_000),
        };
        // At least three decimals, and as many as it takes to tell the two figures apart.
        let digits = (3..=MOST_DIGITS)
            .find(|digits| {
                in_units(self.used, whole, *digits) != in_units(self.allowed, whole, *digits)
            })
            .unwrap_or(MOST_DIGITS);
        write!(
            f,
            "{} {unit} of {} {unit} allowed",
            decimal(self.used, whole, digits),
            decimal(self.allowed, whole, digits)
        )
    }
}

/// The most decimals. A millijoule has ten in kilowatt hours.
const MOST_DIGITS: u32 = 10;

/// A figure in units of `whole`, with this number of decimals, rounded to the nearest.
fn in_units(figure: u64, whole: u64, digits: u32) -> u128 {
    let parts = u128::from(figure) * 10_u128.pow(digits);
    (parts + u128::from(whole / 2)) / u128::from(whole)
}

/// The same as text, without zeros at the end.
fn decimal(figure: u64, whole: u64, digits: u32) -> String {
    let (parts, one) = (in_units(figure, whole, digits), 10_u128.pow(digits));
    let width = usize::try_from(digits).unwrap_or(0);
    let text = format!("{}.{:0width$}", parts / one, parts % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
        assert_eq!(over.to_string(), "2.6 gCO2e of 2.5 gCO2e allowed");
        for (kwh, millijoules, text) in [
            (0.01, 36_000_001, "0.0100000003 kWh of 0.01 kWh allowed"),
            (0.01, 54_000_000, "0.015 kWh of 0.01 kWh allowed"),
            (1.5, 7_200_000_000, "2 kWh of 1.5 kWh allowed"),
            (0.0, 1, "0.001 J of 0 J allowed"),
            (0.000_001, 5_200, "5.2 J of 3.6 J allowed"),
        ] {
            let budget = Budget {
                gco2e: None,
                kwh: Some(kwh),
            };
            let over = Overrun::of(&budget, None, millijoules).unwrap();
            assert_eq!(over.to_string(), text);
        }
    }
}
