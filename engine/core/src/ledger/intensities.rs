//! The intensities behind accounts, by zone and quarter of an hour: forecasts first, measurements
//! later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::basis::{Basis, Signal};
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

/// One intensity of one zone in one quarter of an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// The intensity in mgCO2e/kWh.
    pub mg_per_kwh: u32,
    /// How certain it is.
    pub certainty: Certainty,
    /// The number of its source; see [`Intensities::source`].
    pub source: u16,
    /// When it was read from its source, or computed.
    pub known_at: Timestamp,
    /// The end of the newest measurement behind it. For a measured figure, the end of the quarter.
    pub measured_until: Timestamp,
    /// When the provider published it, if it is a forecast and the provider says so.
    pub published: Option<Timestamp>,
}

/// The intensities of one zone in one quarter of an hour. The two kinds are known independently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The average intensity, if it is known.
    pub average: Option<Figure>,
    /// The marginal intensity, if it is known.
    pub marginal: Option<Figure>,
}

/// Where an intensity comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// How the figure was obtained: `measured`, `uk: its own forecast`.
    pub how: String,
    /// The provider, such as `uk`; empty if an older version recorded the figure.
    pub provider: String,
    /// What the figure counts.
    pub basis: Basis,
}

/// Intensities by zone and quarter of an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intensities {
    /// All sources, by number.
    sources: Vec<Source>,
    zones: BTreeMap<String, BTreeMap<Quarter, Known>>,
}

/// Measured intensities of one zone, as published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actuals {
    /// The zone, named as in the fleet.
    pub zone: String,
    /// How they were obtained.
    pub source: String,
    /// The first quarter of an hour; the others follow without a gap.
    pub first: Quarter,
    /// For each quarter: average intensity in mgCO2e/kWh, marginal intensity if it is known, and
    /// whether they are estimated.
    pub values: Vec<(u32, Option<u32>, bool)>,
}

impl Known {
    /// The average intensity in mgCO2e/kWh, if it is known.
    #[must_use]
    pub fn average_mg_per_kwh(&self) -> Option<u32> {
        self.average.map(|figure| figure.mg_per_kwh)
    }
}

impl Intensities {
    /// The intensities of a zone in a quarter of an hour, if any is known.
    #[must_use]
    pub fn get(&self, zone: &str, quarter: Quarter) -> Option<&Known> {
        self.zones.get(zone)?.get(&quarter)
    }

    /// The source of an intensity; `None` for a figure of another [`Intensities`].
    #[must_use]
    pub fn source(&self, figure: &Figure) -> Option<&Source> {
        self.sources.get(usize::from(figure.source))
    }

    /// What an intensity counts.
    #[must_use]
    pub fn basis(&self, figure: &Figure) -> Basis {
        self.source(figure)
            .map_or_else(Basis::default, |source| source.basis)
    }

    /// Whether there are no intensities.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// Adds the forecasts of an outlook from the moment it was issued up to `until`, the latest
    /// moment at which the next outlook is expected. `signals` says who publishes each zone.
    pub fn foresee(
        &mut self,
        outlook: &Outlook,
        until: Timestamp,
        signals: &BTreeMap<String, Signal>,
    ) {
        for zone in &outlook.zones {
            let signal = signals.get(&zone.zone);
            let basis = signal.map_or_else(Basis::default, |signal| signal.basis);
            let source = self.source_id(&zone.source, signal, basis);
            let figure = Figure {
                certainty: match zone.stale {
                    true => Certainty::Stale,
                    false => Certainty::Forecast,
                },
                source,
                known_at: outlook.issued_at,
                measured_until: zone.observed_until,
                published: signal.and_then(|signal| signal.published),
                ..Figure::default()
            };
            // Nobody states the basis of a marginal figure beside an average one.
            let beside = self.source_id(&zone.source, signal, Basis::default());
            let last = Quarter::of(until.min(outlook.end()));
            for quarter in Quarter::of(outlook.issued_at).0..=last.0 {
                let quarter = Quarter(quarter);
                if let Some(mut known) = foreseen(outlook, zone, quarter, figure) {
                    if let (SignalKind::Average, Some(marginal)) = (zone.kind, &mut known.marginal)
                    {
                        marginal.source = beside;
                    }
                    self.put(&zone.zone, quarter, known);
                }
            }
        }
    }

    /// Adds measured intensities that were read at a moment. `signal` says who publishes them.
    pub fn learn(&mut self, actuals: &Actuals, signal: Option<&Signal>, known_at: Timestamp) {
        let basis = signal.map_or_else(Basis::default, |signal| signal.basis);
        let source = self.source_id(&actuals.source, signal, basis);
        let beside = self.source_id(&actuals.source, signal, Basis::default());
        for (quarter, (average, marginal, estimated)) in (actuals.first.0..).zip(&actuals.values) {
            let quarter = Quarter(quarter);
            let figure = |mg_per_kwh, source| Figure {
                mg_per_kwh,
                certainty: match estimated {
                    true => Certainty::Estimated,
                    false => Certainty::Actual,
                },
                source,
                known_at,
                measured_until: quarter.start().after_ms(QUARTER_MS),
                published: None,
            };
            let known = Known {
                average: Some(figure(*average, source)),
                marginal: marginal.map(|marginal| figure(marginal, beside)),
            };
            self.put(&actuals.zone, quarter, known);
        }
    }

    /// The measurements from a quarter on that [`Self::learn`] would change a figure by, with what
    /// lies between them; `None` if there are none.
    #[must_use]
    pub fn news(
        &self,
        actuals: &Actuals,
        signal: Option<&Signal>,
        from: Quarter,
    ) -> Option<Actuals> {
        let basis = signal.map_or_else(Basis::default, |signal| signal.basis);
        let source = |basis| Source {
            how: actuals.source.clone(),
            provider: signal.map_or_else(String::new, |signal| signal.provider.clone()),
            basis,
        };
        let (main, beside) = (source(basis), source(Basis::default()));
        let there = |known: Option<Figure>, mg_per_kwh: u32, certainty: Certainty, by: &Source| {
            known.is_some_and(|known| {
                let same = known.mg_per_kwh == mg_per_kwh && self.source(&known) == Some(by);
                known.certainty > certainty || known.certainty == certainty && same
            })
        };
        let is_new =
            |quarter: Quarter, (average, marginal, estimated): (u32, Option<u32>, bool)| {
                let known = self.get(&actuals.zone, quarter);
                let certainty = if estimated {
                    Certainty::Estimated
                } else {
                    Certainty::Actual
                };
                let knows_average = known.and_then(|known| known.average);
                let knows_marginal = known.and_then(|known| known.marginal);
                !there(knows_average, average, certainty, &main)
                    || marginal.is_some_and(|one| !there(knows_marginal, one, certainty, &beside))
            };
        let each = (actuals.first.0..).zip(&actuals.values).zip(0_usize..);
        let mut changed = each
            .filter(|((quarter, values), _)| {
                *quarter >= from.0 && is_new(Quarter(*quarter), **values)
            })
            .map(|((quarter, _), at)| (quarter, at));
        let (first, begin) = changed.next()?;
        let end = changed.last().map_or(begin, |(_, at)| at);
        Some(Actuals {
            zone: actuals.zone.clone(),
            source: actuals.source.clone(),
            first: Quarter(first),
            values: actuals.values.get(begin..=end)?.to_vec(),
        })
    }

    /// Drops the intensities before a moment.
    pub fn forget_before(&mut self, at: Timestamp) {
        let first = Quarter::of(at);
        for quarters in self.zones.values_mut() {
            *quarters = quarters.split_off(&first);
        }
    }

    /// Adds intensities from elsewhere. They replace those that are not more certain.
    pub fn restate(&mut self, other: &Self) {
        for (zone, quarters) in &other.zones {
            for (quarter, known) in quarters {
                let own = |figure: Option<Figure>, this: &mut Self| {
                    figure.map(|figure| Figure {
                        source: this.id_of(other.source(&figure).cloned().unwrap_or_default()),
                        ..figure
                    })
                };
                let known = Known {
                    average: own(known.average, self),
                    marginal: own(known.marginal, self),
                };
                self.put(zone, *quarter, known);
            }
        }
    }

    fn source_id(&mut self, how: &str, signal: Option<&Signal>, basis: Basis) -> u16 {
        self.id_of(Source {
            how: how.to_owned(),
            provider: signal.map_or_else(String::new, |signal| signal.provider.clone()),
            basis,
        })
    }

    fn id_of(&mut self, source: Source) -> u16 {
        let at = self.sources.iter().position(|known| *known == source);
        let at = at.unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        u16::try_from(index_of(at)).unwrap_or(u16::MAX)
    }

    /// Sets intensities. Each kind replaces what was known of that kind, unless that is more
    /// certain. A newer forecast replaces an older one.
    fn put(&mut self, zone: &str, quarter: Quarter, known: Known) {
        if !self.zones.contains_key(zone) {
            self.zones.insert(zone.to_owned(), BTreeMap::new());
        }
        if let Some(quarters) = self.zones.get_mut(zone) {
            let there = quarters.entry(quarter).or_default();
            better(&mut there.average, known.average);
            better(&mut there.marginal, known.marginal);
        }
    }
}

/// Replaces a figure by one that is not less certain.
fn better(old: &mut Option<Figure>, new: Option<Figure>) {
    let keeps = |old: &Figure, new: &Figure| old.certainty > new.certainty;
    match (&old, &new) {
        (_, None) => {}
        (Some(known), Some(new)) if keeps(known, new) => {}
        _ => *old = new,
    }
}

/// The forecast of one quarter, as figures like `figure`.
fn foreseen(
    outlook: &Outlook,
    zone: &ZoneOutlook,
    quarter: Quarter,
    figure: Figure,
) -> Option<Known> {
    let begin = quarter.start().max(outlook.issued_at);
    let first = outlook.slot_of(begin);
    let last = outlook.slot_of(Timestamp(quarter.start().0 + QUARTER_MS - 1));
    let value = mean(zone.intensity_mg_per_kwh.get(first..=last)?)?;
    let marginal = zone.marginal_mg_per_kwh.get(first..=last).and_then(mean);
    let of = |mg_per_kwh| Figure {
        mg_per_kwh,
        ..figure
    };
    Some(match zone.kind {
        SignalKind::Average => Known {
            average: Some(of(value)),
            marginal: marginal.map(of),
        },
        SignalKind::Marginal => Known {
            average: None,
            marginal: Some(of(value)),
        },
    })
}

fn mean(values: &[u32]) -> Option<u32> {
    let sum: u64 = values.iter().map(|value| u64::from(*value)).sum();
    let count = u64::try_from(values.len()).ok()?;
    u32::try_from(sum.checked_div(count)?).ok()
}
