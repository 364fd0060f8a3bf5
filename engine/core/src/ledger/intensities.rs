//! The intensities behind accounts, by zone and quarter of an hour: forecasts first, measurements
//! later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::quarters::{QUARTER_MS, Quarter};
use crate::ids::{Timestamp, index_of};
use crate::place::{Outlook, SignalKind, ZoneOutlook};

/// How certain an intensity is. A more certain one replaces a less certain one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Forecast by a source whose newest signal was older than it should be.
    Stale,
    /// Forecast.
    #[default]
    Forecast,
    /// Known afterwards, but estimated by the provider or by Sunward.
    Estimated,
    /// Measured.
    Actual,
}

/// The intensity of one zone in one quarter of an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Average intensity, in mgCO2e/kWh; `None` if only the marginal one is known.
    pub average_mg_per_kwh: Option<u32>,
    /// Marginal intensity, in mgCO2e/kWh, if it is known.
    pub marginal_mg_per_kwh: Option<u32>,
    /// How certain it is.
    pub certainty: Certainty,
    /// The number of its source; see [`Intensities::source`].
    pub source: u16,
}

/// Intensities by zone and quarter of an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intensities {
    /// The names of all sources, by number.
    sources: Vec<String>,
    zones: BTreeMap<String, BTreeMap<Quarter, Known>>,
}

/// Measured intensities of one zone, as published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actuals {
    /// The zone, named as in the fleet.
    pub zone: String,
    /// The name of the source.
    pub source: String,
    /// The first quarter of an hour; the others follow without a gap.
    pub first: Quarter,
    /// For each quarter: average intensity in mgCO2e/kWh, marginal intensity if it is known, and
    /// whether they are estimated.
    pub values: Vec<(u32, Option<u32>, bool)>,
}

impl Intensities {
    /// The intensity of a zone in a quarter of an hour, if it is known.
    #[must_use]
    pub fn get(&self, zone: &str, quarter: Quarter) -> Option<&Known> {
        self.zones.get(zone)?.get(&quarter)
    }

    /// The name of an intensity's source.
    #[must_use]
    pub fn source(&self, known: &Known) -> &str {
        self.sources
            .get(usize::from(known.source))
            .map_or("", String::as_str)
    }

    /// Whether there are no intensities.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// Adds the forecasts of an outlook from the moment it was issued up to `until`, the latest
    /// moment at which the next outlook is expected.
    pub fn foresee(&mut self, outlook: &Outlook, until: Timestamp) {
        for zone in &outlook.zones {
            let source = self.source_id(&zone.source);
            let certainty = if zone.stale {
                Certainty::Stale
            } else {
                Certainty::Forecast
            };
            let last = Quarter::of(until.min(outlook.end()));
            for quarter in Quarter::of(outlook.issued_at).0..=last.0 {
                let quarter = Quarter(quarter);
                if let Some(known) = foreseen(outlook, zone, quarter, certainty, source) {
                    self.put(&zone.zone, quarter, known);
                }
            }
        }
    }

    /// Adds measured intensities.
    pub fn learn(&mut self, actuals: &Actuals) {
        let source = self.source_id(&actuals.source);
        for (quarter, (average, marginal, estimated)) in (actuals.first.0..).zip(&actuals.values) {
            let known = Known {
                average_mg_per_kwh: Some(*average),
                marginal_mg_per_kwh: *marginal,
                certainty: if *estimated {
                    Certainty::Estimated
                } else {
                    Certainty::Actual
                },
                source,
            };
            self.put(&actuals.zone, Quarter(quarter), known);
        }
    }

    /// Drops the intensities before a moment.
    pub fn forget_before(&mut self, at: Timestamp) {
        let first = Quarter::of(at);
        for quarters in self.zones.values_mut() {
            *quarters = quarters.split_off(&first);
        }
    }

    /// Copies the intensities of these zones and quarters, for a run that is archived.
    #[must_use]
    pub fn excerpt<'a>(&self, wanted: impl Iterator<Item = (&'a str, Quarter)>) -> Self {
        let mut excerpt = Self::default();
        for (zone, quarter) in wanted {
            if let Some(known) = self.get(zone, quarter) {
                let source = excerpt.source_id(self.source(known));
                let known = Known {
                    source,
                    ..known.clone()
                };
                excerpt.put(zone, quarter, known);
            }
        }
        excerpt
    }

    /// Adds intensities from elsewhere. They replace those that are not more certain.
    pub fn restate(&mut self, other: &Self) {
        for (zone, quarters) in &other.zones {
            for (quarter, known) in quarters {
                let source = self.source_id(other.source(known));
                let known = Known {
                    source,
                    ..known.clone()
                };
                self.put(zone, *quarter, known);
            }
        }
    }

    fn source_id(&mut self, name: &str) -> u16 {
        let at = self
            .sources
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| {
                self.sources.push(name.to_owned());
                self.sources.len() - 1
            });
        u16::try_from(index_of(at)).unwrap_or(u16::MAX)
    }

    /// Sets an intensity, unless a more certain one is known. A newer forecast replaces an older
    /// one.
    fn put(&mut self, zone: &str, quarter: Quarter, known: Known) {
        if !self.zones.contains_key(zone) {
            self.zones.insert(zone.to_owned(), BTreeMap::new());
        }
        if let Some(quarters) = self.zones.get_mut(zone) {
            match quarters.get_mut(&quarter) {
                Some(old) if old.certainty > known.certainty => {}
                Some(old) => *old = known,
                None => {
                    quarters.insert(quarter, known);
                }
            }
        }
    }
}

fn foreseen(
    outlook: &Outlook,
    zone: &ZoneOutlook,
    quarter: Quarter,
    certainty: Certainty,
    source: u16,
) -> Option<Known> {
    let begin = quarter.start().max(outlook.issued_at);
    let first = outlook.slot_of(begin);
    let last = outlook.slot_of(Timestamp(quarter.start().0 + QUARTER_MS - 1));
    let value = mean(zone.intensity_mg_per_kwh.get(first..=last)?)?;
    let marginal = zone.marginal_mg_per_kwh.get(first..=last).and_then(mean);
    Some(match zone.kind {
        SignalKind::Average => Known {
            average_mg_per_kwh: Some(value),
            marginal_mg_per_kwh: marginal,
            certainty,
            source,
        },
        SignalKind::Marginal => Known {
            average_mg_per_kwh: None,
            marginal_mg_per_kwh: Some(value),
            certainty,
            source,
        },
    })
}

fn mean(values: &[u32]) -> Option<u32> {
    let sum: u64 = values.iter().map(|value| u64::from(*value)).sum();
    let count = u64::try_from(values.len()).ok()?;
    u32::try_from(sum.checked_div(count)?).ok()
}
