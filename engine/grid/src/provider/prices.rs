//! Day-ahead prices from a provider, by the hour.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sunward_core::Timestamp;

use super::error::SignalError;
use super::series::HOUR_MS;
use crate::moment::moment_shown;

/// The highest price in euros per megawatt-hour, in size, that a market can set. Europe's auction is
/// limited to thousands.
const MOST_EUROS: f64 = 100_000.0;

/// Prices of one zone, hour by hour. They are those of the day-ahead auction, so hours that have not
/// begun are among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// The provider's name.
    pub provider: String,
    /// The zone, as it was requested.
    pub zone: String,
    /// When the first hour begins.
    pub first: Timestamp,
    /// Thousandths of a euro per megawatt-hour for each hour; `None` if not published.
    pub milli_eur_per_mwh: Vec<Option<i64>>,
    /// When they were fetched.
    pub fetched_at: Timestamp,
}

impl Prices {
    /// When the last hour ends.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let hours = u64::try_from(self.milli_eur_per_mwh.len()).unwrap_or(u64::MAX);
        self.first.after_ms(hours.saturating_mul(HOUR_MS))
    }

    /// The price of the hour that contains a moment.
    #[must_use]
    pub fn at(&self, moment: Timestamp) -> Option<i64> {
        let after_ms = moment.0.checked_sub(self.first.0)?;
        let hour = usize::try_from(after_ms / HOUR_MS).ok()?;
        self.milli_eur_per_mwh.get(hour).copied().flatten()
    }
}

/// Prices that are being read.
#[derive(Debug)]
pub(crate) struct PricesDraft {
    provider: &'static str,
    zone: String,
    /// By hour and by the begin of its part: the length in milliseconds and the price in euros.
    hours: BTreeMap<u64, BTreeMap<u64, (u64, f64)>>,
}

impl PricesDraft {
    pub(crate) fn new(provider: &'static str, zone: &str) -> Self {
        Self {
            provider,
            zone: zone.to_owned(),
            hours: BTreeMap::new(),
        }
    }

    /// Adds the price of a step within an hour, in euros per megawatt-hour. A repeated step counts
    /// once.
    ///
    /// # Errors
    ///
    /// Fails if no market sets such a price.
    pub(crate) fn put(
        &mut self,
        begin: Timestamp,
        length_ms: u64,
        euros: f64,
    ) -> Result<(), SignalError> {
        if !euros.is_finite() || euros.abs() > MOST_EUROS {
            return Err(SignalError::Absurd {
                value: euros,
                unit: "EUR/MWh",
                place: format!(
                    "{}, price of {} at {}",
                    self.provider,
                    self.zone,
                    moment_shown(begin)
                ),
            });
        }
        let hour = self.hours.entry(begin.0 / HOUR_MS).or_default();
        hour.insert(begin.0, (length_ms, euros));
        Ok(())
    }

    /// The prices of the hours between two moments; `None` if none is known. An hour that is known
    /// in part has no price.
    pub(crate) fn finish(
        &self,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Option<Prices> {
        let hours = from.0.div_ceil(HOUR_MS)..until.0.div_ceil(HOUR_MS);
        let known: BTreeMap<u64, i64> = self
            .hours
            .range(hours)
            .filter_map(|(hour, parts)| Some((*hour, mean_milli(parts)?)))
            .collect();
        let (first, last) = (*known.keys().next()?, *known.keys().next_back()?);
        Some(Prices {
            provider: self.provider.to_owned(),
            zone: self.zone.clone(),
            first: Timestamp(first * HOUR_MS),
            milli_eur_per_mwh: (first..=last)
                .map(|hour| known.get(&hour).copied())
                .collect(),
            fetched_at: now,
        })
    }
}

/// The mean price of an hour whose parts are all known, in thousandths.
fn mean_milli(parts: &BTreeMap<u64, (u64, f64)>) -> Option<i64> {
    let told_ms: u64 = parts.values().map(|(length_ms, _)| length_ms).sum();
    if told_ms < HOUR_MS {
        return None;
    }
    let minutes = |ms: u64| u32::try_from(ms / 60_000).map_or(0.0, f64::from);
    let sum: f64 = parts
        .values()
        .map(|(length_ms, euros)| euros * minutes(*length_ms))
        .sum();
    format!("{:.0}", sum / minutes(told_ms) * 1000.0)
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use sunward_core::Timestamp;

    use super::{HOUR_MS, PricesDraft};

    #[test]
    fn an_hour_has_the_mean_of_its_quarters_if_all_are_known() {
        let mut draft = PricesDraft::new("entsoe", "DE");
        for (quarter, euros) in [(0, 10.0), (1, -20.0), (2, 30.0), (3, 0.0), (4, 5.0)] {
            let begin = Timestamp(5 * HOUR_MS + quarter * HOUR_MS / 4);
            draft.put(begin, HOUR_MS / 4, euros).unwrap();
        }
        draft.put(Timestamp(8 * HOUR_MS), HOUR_MS, -1.5).unwrap();
        let all = (Timestamp(0), Timestamp(99 * HOUR_MS));
        let prices = draft.finish(all.0, all.1, Timestamp(1)).unwrap();
        assert_eq!(prices.first, Timestamp(5 * HOUR_MS));
        assert_eq!(
            prices.milli_eur_per_mwh,
            [Some(5_000), None, None, Some(-1_500)]
        );
        assert_eq!(prices.at(Timestamp(9 * HOUR_MS - 1)), Some(-1_500));
        assert_eq!(prices.at(Timestamp(9 * HOUR_MS)), None);
        assert_eq!(prices.at(Timestamp(0)), None);
        let early = draft.finish(all.0, Timestamp(6 * HOUR_MS), Timestamp(1));
        assert_eq!(early.unwrap().end(), Timestamp(6 * HOUR_MS));
        assert_eq!(draft.finish(all.0, Timestamp(5 * HOUR_MS), all.0), None);
    }

    #[test]
    fn no_price_beyond_reason_is_taken() {
        for euros in [f64::NAN, f64::INFINITY, 1e6, -1e6] {
            let mut draft = PricesDraft::new("entsoe", "DE");
            assert!(draft.put(Timestamp(0), HOUR_MS, euros).is_err(), "{euros}");
        }
    }
}
