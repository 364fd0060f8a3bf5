//! Carbon accounts. An account is derived from metered energy and known intensities, so that it can
//! be computed again when better intensities are known.

use serde::{Deserialize, Serialize};

use super::Ledger;
use super::carbon::Carbon;
use super::intensities::{Certainty, Intensities};
use super::quarters::Quarters;
use crate::pool::Fleet;

/// The carbon account of a set of attempts: those of a task, a stage, a run or a project. The
/// accounts of parts add up exactly to the account of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Location-based emissions without transfer: IT energy x PUE x average intensity where and
    /// when the energy was used. Failed, stopped and lost attempts count as far as they were
    /// metered.
    pub carbon: Carbon,
    /// The same by marginal intensity, as far as that is known.
    pub marginal: Carbon,
    /// The emissions of moving inputs between regions, by the mean of the intensities at both ends.
    pub transfer: Carbon,
    /// The counterfactual: the same energy used at home, in a run that begins when this one was
    /// submitted and waits for nothing.
    pub at_home_now: Carbon,
    /// The share of the emissions of making the devices, in micrograms CO2e. It is in none of the
    /// above.
    pub embodied_micrograms: u64,
    /// IT energy that was measured or modelled, in millijoules.
    pub millijoules: u64,
    /// The part of it that failed attempts used.
    pub failed_millijoules: u64,
    /// The part of it for which no average intensity is known. `carbon` lacks it.
    pub uncovered_millijoules: u64,
    /// The part of it for which no marginal intensity is known. `marginal` lacks it.
    pub marginal_uncovered_millijoules: u64,
    /// The part of the counterfactual's energy for which no intensity at home is known.
    pub at_home_uncovered_millijoules: u64,
    /// The certainty of the least certain intensity used; `None` if none was used.
    pub certainty: Option<Certainty>,
}

impl Account {
    /// The account of a ledger, by these intensities.
    #[must_use]
    pub fn of(ledger: &Ledger, fleet: &Fleet, known: &Intensities) -> Self {
        let mut account = Self {
            millijoules: ledger.millijoules(),
            failed_millijoules: ledger.failed_millijoules,
            ..Self::default()
        };
        account.add_use(&ledger.quarters, fleet, known);
        account.add_home(&ledger.at_home, fleet, known);
        for transfer in &ledger.transfers {
            let ends = [transfer.from, transfer.to].map(|pool| {
                let zone = &fleet.get(pool)?.zone;
                known.get(zone, transfer.quarter)?.average_mg_per_kwh
            });
            if let [Some(from), Some(to)] = ends {
                account.transfer += Carbon::of_transfer(transfer.millijoules, from, to);
            }
        }
        for (pool, gpu_ms) in &ledger.gpu_ms {
            let an_hour = fleet
                .get(*pool)
                .map_or(0, |pool| pool.embodied_micrograms_per_gpu_hour);
            let micrograms = u128::from(*gpu_ms) * u128::from(an_hour) / 3_600_000;
            account.embodied_micrograms = account
                .embodied_micrograms
                .saturating_add(u64::try_from(micrograms).unwrap_or(u64::MAX));
        }
        account
    }

    fn add_use(&mut self, quarters: &Quarters, fleet: &Fleet, known: &Intensities) {
        for (pool, quarter, millijoules) in quarters.iter() {
            let known = fleet
                .get(pool)
                .and_then(|pool| Some((pool, known.get(&pool.zone, quarter)?)));
            let Some((pool, known)) = known else {
                self.uncovered_millijoules += millijoules;
                self.marginal_uncovered_millijoules += millijoules;
                continue;
            };
            match known.average_mg_per_kwh {
                Some(mg) => {
                    self.carbon += Carbon::of(millijoules, pool.pue_permille, mg);
                    self.doubt(known.certainty);
                }
                None => self.uncovered_millijoules += millijoules,
            }
            match known.marginal_mg_per_kwh {
                Some(mg) => self.marginal += Carbon::of(millijoules, pool.pue_permille, mg),
                None => self.marginal_uncovered_millijoules += millijoules,
            }
        }
    }

    fn add_home(&mut self, quarters: &Quarters, fleet: &Fleet, known: &Intensities) {
        for (pool, quarter, millijoules) in quarters.iter() {
            let intensity = fleet.get(pool).and_then(|pool| {
                let mg = known.get(&pool.zone, quarter)?.average_mg_per_kwh?;
                Some((pool.pue_permille, mg))
            });
            match intensity {
                Some((pue, mg)) => self.at_home_now += Carbon::of(millijoules, pue, mg),
                None => self.at_home_uncovered_millijoules += millijoules,
            }
        }
    }

    fn doubt(&mut self, certainty: Certainty) {
        self.certainty = Some(
            self.certainty
                .map_or(certainty, |least| least.min(certainty)),
        );
    }

    /// Adds another account.
    pub fn merge(&mut self, other: &Self) {
        self.carbon += other.carbon;
        self.marginal += other.marginal;
        self.transfer += other.transfer;
        self.at_home_now += other.at_home_now;
        self.embodied_micrograms = self
            .embodied_micrograms
            .saturating_add(other.embodied_micrograms);
        self.millijoules += other.millijoules;
        self.failed_millijoules += other.failed_millijoules;
        self.uncovered_millijoules += other.uncovered_millijoules;
        self.marginal_uncovered_millijoules += other.marginal_uncovered_millijoules;
        self.at_home_uncovered_millijoules += other.at_home_uncovered_millijoules;
        if let Some(certainty) = other.certainty {
            self.doubt(certainty);
        }
    }

    /// The headline figure: location-based emissions, transfer included. It is `None`, never 0,
    /// while no intensity is known for any of the energy.
    #[must_use]
    pub fn headline(&self) -> Option<Carbon> {
        (self.uncovered_millijoules < self.millijoules || self.certainty.is_some())
            .then(|| self.carbon + self.transfer)
    }

    /// The counterfactual emissions at home; `None` while they are unknown.
    #[must_use]
    pub fn at_home(&self) -> Option<Carbon> {
        (self.certainty.is_some() && self.at_home_uncovered_millijoules < self.millijoules.max(1))
            .then_some(self.at_home_now)
    }

    /// Emissions by marginal intensity without transfer; `None` unless that intensity is known for
    /// all of the energy.
    #[must_use]
    pub fn marginal(&self) -> Option<Carbon> {
        (self.millijoules > 0 && self.marginal_uncovered_millijoules == 0).then_some(self.marginal)
    }

    /// Software carbon intensity of ISO/IEC 21031, `((E x I) + M) / R`, in micrograms CO2e for each
    /// functional unit. It is the sum of operational emissions, transfer included, and of the
    /// embodied share, divided by `R` units of work: tasks with a result.
    #[must_use]
    pub fn sci_micrograms(&self, units: u64) -> Option<u64> {
        let operational = self.headline()?.micrograms();
        operational
            .saturating_add(self.embodied_micrograms)
            .checked_div(units)
    }
}
