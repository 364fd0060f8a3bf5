//! A provider's own forecast of a zone, and how reliable it is.

use sunward_core::Timestamp;
use sunward_core::ledger::Basis;
use sunward_core::place::{SignalKind, ZoneOutlook, normal_interval};

use crate::forecast::How;
use crate::provider::Series;
use crate::published::error_permille;

/// A provider's own forecast of a zone, and how reliable it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The provider's name.
    pub source: String,
    /// The kind of its figures.
    pub kind: SignalKind,
    /// What else its figures count.
    pub basis: Basis,
    /// Whether the figures are cached because the provider did not answer.
    pub stale: bool,
    /// Whether the newest figure was estimated.
    pub estimated: bool,
    /// The provider's forecast, if it publishes one.
    pub forecast: Option<Series>,
}

impl Told {
    /// Puts the forecast into an outlook whose slots begin at these moments. Measured values stay,
    /// and so does our own forecast beyond the provider's. `how` says how ours was made, and
    /// `doubt` which of its data was estimated.
    pub(super) fn tell(
        &self,
        outlook: &mut ZoneOutlook,
        slots: impl Iterator<Item = Timestamp>,
        now: Timestamp,
        (how, doubt): (How, &str),
    ) {
        let observed = outlook.observed_until;
        // A forecast that was made later was not known at this moment.
        let forecast = self
            .forecast
            .as_ref()
            .filter(|series| series.fetched_at <= now);
        let mut covers = false;
        let values = outlook.intensity_mg_per_kwh.iter_mut();
        let values = values.zip(&mut outlook.error_permille).zip(slots);
        for (at, ((value, off), slot)) in values.enumerate() {
            let step = forecast.and_then(|series| series.at(slot));
            if let Some(step) = step.filter(|_| slot >= observed) {
                *value = step.average_mg_per_kwh;
                *off = error_permille(slot.since_ms(now) / 3_600_000);
                let (low, high) = normal_interval(*value, *off);
                let bounds = [
                    (&mut outlook.low_mg_per_kwh, low),
                    (&mut outlook.high_mg_per_kwh, high),
                ];
                for (all, bound) in bounds {
                    all.get_mut(at).into_iter().for_each(|own| *own = bound);
                }
                covers = true;
            }
        }
        let how = match (covers, how) {
            (true, _) => "its own forecast",
            (false, How::Weather { with_prices: true }) => {
                "forecast from its past, published day-ahead prices and weather forecasts"
            }
            (false, How::Weather { with_prices: false }) => {
                "forecast from its past and weather forecasts"
            }
            (false, How::Priced) => "forecast from its past and published day-ahead prices",
            (false, How::Fitted) => "forecast from its past",
            (false, How::Rule) => "forecast by a simple rule from its short past",
            (false, How::Last) => "its last hour repeated",
            (false, How::Nothing) => "the world's mean",
        };
        let estimated = if self.estimated { ", estimated" } else { doubt };
        outlook.source = format!("{}: {how}{estimated}", self.source);
        outlook.kind = self.kind;
        outlook.stale |= self.stale || (covers && forecast.is_some_and(|series| series.stale));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use sunward_core::Timestamp;
    use sunward_core::ledger::Basis;
    use sunward_core::place::{PoolOutlook, SignalKind, ZoneOutlook};

    use super::{Series, Told};
    use crate::almanac::{Almanac, Foresight};
    use crate::trace::{Grid, Step, Trace};

    const HOUR_MS: u64 = 3_600_000;

    fn step(mg: u32) -> Step {
        Step {
            average_mg_per_kwh: mg,
            ..Step::default()
        }
    }

    /// Two days at 300 g are known. Half hours at 100 and 200 g are forecast from `first_hour` on.
    fn look(first_hour: u64, fetched_hour: u64, kind: SignalKind) -> ZoneOutlook {
        let mut grid = Grid::default();
        let trace = Trace {
            zone: "GB".into(),
            basis: Basis::default(),
            first: Timestamp(0),
            step_ms: HOUR_MS,
            steps: vec![step(300_000); 48],
            ahead: Vec::new(),
            weather: crate::weather::Weather::default(),
        };
        grid.zones.insert("GB".into(), trace);
        let forecast = Series {
            provider: "uk".into(),
            zone: "GB".into(),
            kind,
            basis: Basis::default(),
            first: Timestamp(first_hour * HOUR_MS),
            step_ms: HOUR_MS / 2,
            steps: [100_000, 200_000].repeat(2).into_iter().map(step).collect(),
            issued_at: Timestamp(fetched_hour * HOUR_MS),
            fetched_at: Timestamp(fetched_hour * HOUR_MS),
            stale: false,
        };
        let told = Told {
            source: "uk".into(),
            kind,
            basis: Basis::default(),
            stale: false,
            estimated: false,
            forecast: Some(forecast),
        };
        let pool = PoolOutlook {
            gpus: vec![0; 16],
            cpus: vec![0; 16],
        };
        Almanac::new(Arc::new(grid), Foresight::Past, HOUR_MS / 4)
            .with_told(BTreeMap::from([("GB".to_owned(), told)]))
            .outlook(Timestamp(48 * HOUR_MS), vec![pool])
            .zones
            .remove(0)
    }

    #[test]
    fn a_providers_forecast_counts_for_the_hours_that_it_covers() {
        let zone = look(48, 48, SignalKind::Average);
        let half = |mg: u32| [mg; 2];
        let expected: Vec<u32> = [100_000, 200_000, 100_000, 200_000, 300_000]
            .into_iter()
            .flat_map(half)
            .collect();
        assert_eq!(zone.intensity_mg_per_kwh[..10], expected);
        assert_eq!(zone.source, "uk: its own forecast");
        assert_eq!((zone.error_permille[0], zone.error_permille[4]), (20, 40));
    }

    #[test]
    fn what_was_foretold_later_is_not_seen_and_the_kind_is_kept() {
        let zone = look(48, 49, SignalKind::Marginal);
        assert_eq!(zone.intensity_mg_per_kwh, vec![300_000; 16]);
        assert_eq!(
            zone.source,
            "uk: forecast by a simple rule from its short past"
        );
        assert_eq!(zone.kind, SignalKind::Marginal);
    }
}
