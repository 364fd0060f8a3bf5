//! Carbon accounts. An account is derived from metered energy and known intensities, so that it can
//! be computed again when better intensities are known.

use serde::{Deserialize, Serialize};

use super::Ledger;
use super::carbon::Carbon;
use super::intensities::{Certainty, Intensities};
use super::quarters::Quarters;
use super::sums::Sums;
use super::supply::Supply;
use crate::pool::{Fleet, Pool};

/// The carbon account of a set of attempts: those of a task, a stage, a run or a project. The
/// accounts of parts add up exactly to the account of the whole.
///
/// Emissions are kept apart by what the intensities count ([`super::Basis`]). Sums over several
/// bases are never told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Location-based emissions without transfer: IT energy x PUE x average intensity where and
    /// when the energy was used. Failed, stopped and lost attempts count as far as they were
    /// metered.
    pub carbon: Sums,
    /// The same by marginal intensity, as far as that is known.
    pub marginal: Sums,
    /// The emissions of moving inputs between regions, by the mean of the intensities at both ends.
    pub transfer: Sums,
    /// The counterfactual: the same energy used at home, in a run that begins when this one was
    /// submitted and waits for nothing.
    pub at_home_now: Sums,
    /// The counterfactual by marginal intensity.
    pub at_home_marginal: Sums,
    /// The share of the emissions of making the devices, in micrograms CO2e, as far as it is known.
    /// It is in none of the above.
    pub embodied_micrograms: u64,
    /// Whether the embodied share of any attempt is not known.
    pub embodied_unknown: bool,
    /// The number of attempts that ended with an outcome.
    pub attempts: u64,
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
    /// The same for marginal intensities.
    pub at_home_marginal_uncovered_millijoules: u64,
    /// The certainty of the least certain intensity used; `None` if none was used.
    pub certainty: Option<Certainty>,
}

impl Account {
    /// The account of a ledger, by these intensities.
    #[must_use]
    pub fn of(ledger: &Ledger, fleet: &Fleet, known: &Intensities) -> Self {
        let mut account = Self {
            attempts: ledger.attempts,
            millijoules: ledger.millijoules(),
            failed_millijoules: ledger.failed_millijoules,
            embodied_unknown: ledger.attempts_without_gpu > 0,
            ..Self::default()
        };
        let least_certain = add(
            &ledger.quarters,
            (fleet, known),
            (&mut account.carbon, &mut account.uncovered_millijoules),
            (
                &mut account.marginal,
                &mut account.marginal_uncovered_millijoules,
            ),
        );
        account.certainty = least_certain;
        add(
            &ledger.at_home,
            (fleet, known),
            (
                &mut account.at_home_now,
                &mut account.at_home_uncovered_millijoules,
            ),
            (
                &mut account.at_home_marginal,
                &mut account.at_home_marginal_uncovered_millijoules,
            ),
        );
        for transfer in &ledger.transfers {
            let ends = transfer.ends(fleet, known);
            for (end, carbon) in ends.into_iter().flatten() {
                account.transfer.add(known.basis(&end), carbon);
            }
        }
        for (pool, gpu_ms) in &ledger.gpu_ms {
            let pool = fleet.get(*pool);
            match pool.and_then(Pool::embodied_rate) {
                Some(rate) => {
                    let micrograms = embodied_micrograms(*gpu_ms, rate);
                    account.embodied_micrograms =
                        account.embodied_micrograms.saturating_add(micrograms);
                }
                None => account.embodied_unknown = true,
            }
        }
        account
    }

    /// Adds another account.
    pub fn merge(&mut self, other: &Self) {
        self.carbon.merge(&other.carbon);
        self.marginal.merge(&other.marginal);
        self.transfer.merge(&other.transfer);
        self.at_home_now.merge(&other.at_home_now);
        self.at_home_marginal.merge(&other.at_home_marginal);
        self.embodied_micrograms = self
            .embodied_micrograms
            .saturating_add(other.embodied_micrograms);
        self.embodied_unknown |= other.embodied_unknown;
        self.attempts += other.attempts;
        self.millijoules += other.millijoules;
        self.failed_millijoules += other.failed_millijoules;
        self.uncovered_millijoules += other.uncovered_millijoules;
        self.marginal_uncovered_millijoules += other.marginal_uncovered_millijoules;
        self.at_home_uncovered_millijoules += other.at_home_uncovered_millijoules;
        self.at_home_marginal_uncovered_millijoules += other.at_home_marginal_uncovered_millijoules;
        let certainties = [self.certainty, other.certainty];
        self.certainty = certainties.into_iter().flatten().min();
    }

    /// Location-based emissions, transfer included, by what the intensities count.
    #[must_use]
    pub fn by_basis(&self) -> Sums {
        let mut sums = self.carbon.clone();
        sums.merge(&self.transfer);
        sums
    }

    /// Whether some intensity is known for some of the energy.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.uncovered_millijoules < self.millijoules || self.certainty.is_some()
    }

    /// The headline figure: location-based emissions, transfer included. It is `None`, never 0,
    /// while no intensity is known for any of the energy, and if the intensities count different
    /// things.
    #[must_use]
    pub fn headline(&self) -> Option<Carbon> {
        self.is_known().then(|| self.by_basis().single()).flatten()
    }

    /// The emissions that a budget limits: the sum over all bases. A budget stops work, and is no
    /// figure that anybody is told as the emissions of a run.
    #[must_use]
    pub fn budgeted(&self) -> Option<Carbon> {
        self.is_known().then(|| self.by_basis().total())
    }

    /// The counterfactual emissions at home; `None` while they are unknown, and if they count other
    /// things than the headline does.
    #[must_use]
    pub fn at_home(&self) -> Option<Carbon> {
        let is_known = self.certainty.is_some()
            && self.at_home_uncovered_millijoules < self.millijoules.max(1);
        let is_alike = self.at_home_now.is_alike(&self.by_basis());
        (is_known && is_alike)
            .then(|| self.at_home_now.single())
            .flatten()
    }

    /// What was saved against the counterfactual, in micrograms; negative if more was emitted. `None`
    /// unless both are known for all of the energy: a part of one says nothing beside the other.
    #[must_use]
    pub fn saved_micrograms(&self) -> Option<i64> {
        let is_whole = self.uncovered_millijoules == 0 && self.at_home_uncovered_millijoules == 0;
        let (home, own) = self.at_home().zip(self.headline()).filter(|_| is_whole)?;
        let signed = |carbon: Carbon| i64::try_from(carbon.micrograms()).ok();
        signed(home)?.checked_sub(signed(own)?)
    }

    /// Emissions by marginal intensity without transfer; `None` unless that intensity is known for
    /// all of the energy and counts one thing.
    #[must_use]
    pub fn marginal(&self) -> Option<Carbon> {
        (self.millijoules > 0 && self.marginal_uncovered_millijoules == 0)
            .then(|| self.marginal.single())
            .flatten()
    }

    /// The counterfactual by marginal intensity; `None` unless it and [`Self::marginal`] are known
    /// and count one thing.
    #[must_use]
    pub fn marginal_at_home(&self) -> Option<Carbon> {
        let is_whole = self.at_home_marginal_uncovered_millijoules == 0;
        let is_alike = self.at_home_marginal.is_alike(&self.marginal);
        self.marginal()
            .filter(|_| is_whole && is_alike)
            .and_then(|_| self.at_home_marginal.single())
    }

    /// The embodied share in micrograms CO2e; `None`, never 0, if it is unknown for any attempt.
    #[must_use]
    pub const fn embodied(&self) -> Option<u64> {
        match self.attempts > 0 && !self.embodied_unknown {
            true => Some(self.embodied_micrograms),
            false => None,
        }
    }

    /// Software carbon intensity of ISO/IEC 21031, `((E x I) + M) / R`, in micrograms CO2e for each
    /// functional unit. It is the sum of operational emissions, transfer included, and of the
    /// embodied share, divided by `R` units of work: tasks with a result. `None` while any of them
    /// is unknown, since the name stands for all of them.
    #[must_use]
    pub fn sci_micrograms(&self, units: u64) -> Option<u64> {
        let operational = self.headline()?.micrograms();
        operational
            .saturating_add(self.embodied()?)
            .checked_div(units)
    }
}

/// What a pool's devices emitted when they were made, for this time of use.
pub(super) fn embodied_micrograms(gpu_ms: u64, micrograms_per_hour: u64) -> u64 {
    let exact = u128::from(gpu_ms) * u128::from(micrograms_per_hour) / 3_600_000;
    u64::try_from(exact).unwrap_or(u64::MAX)
}

/// Adds the emissions of energy by average and by marginal intensity: to the sums where it is known,
/// else to the energy that is not covered. Returns the certainty of the least certain average.
fn add(
    quarters: &Quarters,
    (fleet, known): (&Fleet, &Intensities),
    (average, average_uncovered): (&mut Sums, &mut u64),
    (marginal, marginal_uncovered): (&mut Sums, &mut u64),
) -> Option<Certainty> {
    let mut least_certain = None;
    for (pool, quarter, millijoules) in quarters.iter() {
        let supply = Supply::of(fleet, known, pool, quarter);
        let emitted = |figure| (known.basis(&figure), supply.emitted(millijoules, figure));
        match supply.known.average.map(emitted) {
            Some((basis, carbon)) => average.add(basis, carbon),
            None => *average_uncovered += millijoules,
        }
        match supply.known.marginal.map(emitted) {
            Some((basis, carbon)) => marginal.add(basis, carbon),
            None => *marginal_uncovered += millijoules,
        }
        let certainty = supply.known.average.map(|figure| figure.certainty);
        least_certain = [least_certain, certainty].into_iter().flatten().min();
    }
    least_certain
}
