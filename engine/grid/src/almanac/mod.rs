//! Outlooks of grids at a moment: hours that have ended, and a forecast made from them.

mod beside;
mod noise;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_core::Timestamp;
use sunward_core::ledger::Basis;
use sunward_core::place::{Outlook, PoolOutlook, SignalKind, ZoneOutlook};

use crate::forecast::{Expected, Forecaster, How};
use crate::published::error_permille;
use crate::trace::{Grid, Trace};

use beside::Beside;
pub use told::Told;

/// How the future is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foresight {
    /// By a forecast from the past, and from the day-ahead prices that are published.
    Past,
    /// Exactly. Only simulations have this.
    Perfect,
    /// Exactly, plus noise of the size of providers' forecast errors. Only simulations have this.
    Noisy {
        /// The seed of the noise.
        seed: u64,
    },
}

/// A measurement older than this is stale (CARBON.md §2).
const STALE_MS: u64 = 2 * 3_600_000;

/// Makes outlooks of a set of zones.
#[derive(Clone, Debug)]
pub struct Almanac {
    grid: Arc<Grid>,
    foresight: Foresight,
    slot_ms: u64,
    forecaster: Forecaster,
    told: BTreeMap<String, Told>,
}

impl Almanac {
    /// An almanac over recorded grids, in slots of `slot_ms` milliseconds.
    #[must_use]
    pub fn new(grid: Arc<Grid>, foresight: Foresight, slot_ms: u64) -> Self {
        Self {
            grid,
            foresight,
            slot_ms,
            forecaster: Forecaster::default(),
            told: BTreeMap::new(),
        }
    }

    /// Adds providers' own forecasts. They replace ours for the hours that they cover.
    #[must_use]
    pub fn with_told(mut self, told: BTreeMap<String, Told>) -> Self {
        self.told = told;
        self
    }

    /// What the figures of a zone count, apart from whether they are averages.
    #[must_use]
    pub fn basis(&self, zone: &str) -> Basis {
        let told = self.told.get(zone).map(|told| told.basis);
        let recorded = || self.grid.zones.get(zone).map(|trace| trace.basis);
        told.or_else(recorded).unwrap_or_default()
    }

    /// The outlook at a moment, with as many slots as `pools` have.
    pub fn outlook(&self, now: Timestamp, pools: Vec<PoolOutlook>) -> Outlook {
        let slots = pools.iter().map(|pool| pool.gpus.len()).max().unwrap_or(0);
        let first_slot = now.0 / self.slot_ms.max(1);
        let mut zones = Vec::with_capacity(self.grid.zones.len());
        for trace in self.grid.zones.values() {
            zones.push(self.zone(trace, now, first_slot, slots));
        }
        Outlook {
            issued_at: now,
            slot_ms: self.slot_ms,
            first_slot,
            zones,
            pools,
        }
    }

    fn zone(&self, trace: &Trace, now: Timestamp, first_slot: u64, slots: usize) -> ZoneOutlook {
        let known = trace.known_by(now);
        let starts: Vec<u64> = (first_slot..)
            .take(slots)
            .map(|slot| (slot * self.slot_ms).saturating_sub(trace.first.0) / trace.step_ms.max(1))
            .collect();
        let last = starts.last().map_or(0, |last| index(*last));
        let ahead = (last + 1).saturating_sub(known).max(1);
        let expected = self.ahead(trace, now, known, ahead);
        // Hours that have ended are certain.
        let at = |step: u64, values: &[u32]| {
            let step = index(step);
            match step.checked_sub(known) {
                Some(ahead) => values.get(ahead).copied().unwrap_or(0),
                None => trace
                    .steps
                    .get(step)
                    .map_or(0, |step| step.average_mg_per_kwh),
            }
        };
        let beside = Beside::new(trace, self.foresight, (known, now), ahead);
        let doubt = beside.doubt(&starts);
        let observed_until = match self.foresight {
            Foresight::Past => trace
                .first
                .after_ms(trace.step_ms * u64::try_from(known).unwrap_or(0)),
            Foresight::Perfect | Foresight::Noisy { .. } => now,
        };
        let mut outlook = ZoneOutlook {
            zone: trace.zone.clone(),
            source: format!("{}{doubt}", self.source(expected.how)),
            observed_until,
            stale: expected.how == How::Nothing || now.since_ms(observed_until) > STALE_MS,
            kind: SignalKind::Average,
            intensity_mg_per_kwh: starts
                .iter()
                .map(|step| at(*step, &expected.mg_per_kwh))
                .collect(),
            error_permille: starts
                .iter()
                .map(|step| match index(*step).checked_sub(known) {
                    Some(ahead) => expected.error_permille.get(ahead).copied().unwrap_or(0),
                    None => 0,
                })
                .collect(),
            // Intervals that follow from the expected error are left to the outlook.
            low_mg_per_kwh: starts
                .iter()
                .filter(|_| expected.is_measured)
                .map(|step| at(*step, &expected.low_mg_per_kwh))
                .collect(),
            high_mg_per_kwh: starts
                .iter()
                .filter(|_| expected.is_measured)
                .map(|step| at(*step, &expected.high_mg_per_kwh))
                .collect(),
            marginal_mg_per_kwh: beside.marginal(&starts),
            surplus: starts.iter().map(|step| beside.surplus(*step)).collect(),
        };
        if let Some(told) = self.told.get(&trace.zone) {
            let slots = (first_slot..).map(|slot| Timestamp(slot * self.slot_ms));
            told.tell(&mut outlook, slots, now, (expected.how, doubt));
        }
        outlook
    }

    const fn source(&self, how: How) -> &'static str {
        match (self.foresight, how) {
            (Foresight::Past, How::Weather { with_prices: true }) => {
                "forecast from the trace's past, published day-ahead prices and weather forecasts"
            }
            (Foresight::Past, How::Weather { with_prices: false }) => {
                "forecast from the trace's past and weather forecasts"
            }
            (Foresight::Past, How::Priced) => {
                "forecast from the trace's past and published day-ahead prices"
            }
            (Foresight::Past, How::Fitted) => "forecast from the trace's past",
            (Foresight::Past, How::Rule) => "forecast by a simple rule from a short past",
            (Foresight::Past, How::Last) => {
                "the trace's last hour repeated: less than a day is known"
            }
            (Foresight::Past, How::Nothing) => "the world's mean: nothing is known yet",
            (Foresight::Perfect, _) => "the trace itself, ahead of time",
            (Foresight::Noisy { .. }, _) => "the trace, ahead of time and with noise",
        }
    }

    /// The expected steps from the first one that has not ended.
    fn ahead(&self, trace: &Trace, now: Timestamp, known: usize, ahead: usize) -> Expected {
        if self.foresight == Foresight::Past {
            return self.forecaster.expect_at(trace, known, now, ahead);
        }
        let last = trace.steps.last().map_or(0, |step| step.average_mg_per_kwh);
        let truth = (known..known + ahead).map(|step| {
            trace
                .steps
                .get(step)
                .map_or(last, |step| step.average_mg_per_kwh)
        });
        let hours = |step: usize| u64::try_from(step).unwrap_or(0) * trace.step_ms / 3_600_000;
        match self.foresight {
            Foresight::Noisy { seed } => Expected::of(
                noise::over(truth, seed, &trace.zone, now, trace.step_ms),
                (0..ahead).map(|step| error_permille(hours(step))).collect(),
                How::Fitted,
            ),
            Foresight::Perfect | Foresight::Past => {
                Expected::of(truth.collect(), vec![0; ahead], How::Fitted)
            }
        }
    }
}

/// A step's number as an index.
pub(crate) fn index(step: u64) -> usize {
    usize::try_from(step).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use sunward_core::Timestamp;
    use sunward_core::place::{PoolOutlook, ZoneOutlook};

    use super::{Almanac, Foresight};
    use crate::trace::{Grid, Step, Trace};

    const HOUR_MS: u64 = 3_600_000;

    fn look(values: &[u32], hour: u64, foresight: Foresight) -> ZoneOutlook {
        let steps = values.iter().map(|value| Step {
            average_mg_per_kwh: *value,
            ..Step::default()
        });
        let trace = Trace {
            zone: "DE".into(),
            basis: sunward_core::ledger::Basis::default(),
            first: Timestamp(0),
            step_ms: HOUR_MS,
            steps: steps.collect(),
            ahead: Vec::new(),
            weather: crate::weather::Weather::default(),
        };
        let mut grid = Grid::default();
        grid.zones.insert("DE".into(), trace);
        let almanac = Almanac::new(Arc::new(grid), foresight, HOUR_MS / 4);
        let pool = PoolOutlook {
            gpus: vec![1; 96],
            cpus: vec![1; 96],
        };
        let outlook = almanac.outlook(Timestamp(hour * HOUR_MS), vec![pool]);
        outlook.zones[0].clone()
    }

    /// Ten days of the same day.
    fn days() -> Vec<u32> {
        (0..240).map(|hour| 100_000 + 1000 * (hour % 24)).collect()
    }

    #[test]
    fn a_day_like_all_others_is_foretold_and_holds_for_its_hours() {
        let zone = look(&days(), 200, Foresight::Past);
        let expected: Vec<u32> = (200..224).flat_map(|hour| [days()[hour]; 4]).collect();
        assert_eq!(zone.intensity_mg_per_kwh, expected);
        assert_eq!(zone.observed_until, Timestamp(200 * HOUR_MS));
        assert_eq!(
            (zone.error_permille[0], zone.error_permille[4]),
            (20, 40),
            "by rule"
        );
    }

    #[test]
    fn the_truth_ahead_is_exact_and_noise_is_the_same_for_the_same_seed() {
        let truth = look(&days(), 30, Foresight::Perfect);
        assert_eq!(truth.intensity_mg_per_kwh[4], days()[31]);
        let noisy = |seed| look(&days(), 30, Foresight::Noisy { seed }).intensity_mg_per_kwh;
        assert_eq!(noisy(1), noisy(1));
        assert_ne!(noisy(1), noisy(2));
        assert_ne!(noisy(1), truth.intensity_mg_per_kwh);
    }

    proptest! {
        /// Garbage in a trace after T changes no outlook before T.
        #[test]
        fn nothing_is_seen_before_it_has_ended(
            values in prop::collection::vec(1_u32..900_000, 240),
            garbage in prop::collection::vec(0_u32..2_000_000, 240),
            hour in 0_usize..239,
        ) {
            let mut spoiled = values.clone();
            spoiled[hour..].copy_from_slice(&garbage[hour..]);
            let now = u64::try_from(hour).unwrap();
            let seen = look(&values, now, Foresight::Past);
            prop_assert_eq!(seen, look(&spoiled, now, Foresight::Past));
        }
    }
}
