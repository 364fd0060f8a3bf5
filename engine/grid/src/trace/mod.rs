//! Recorded grids: a folder of `<zone>.csv` files, each a series in steps of an hour or less,
//! without gaps.

mod measured;
mod read;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sunward_core::Timestamp;
use sunward_core::ledger::Basis;

use crate::weather::Weather;

pub use read::read_trace;
pub use write::merge_trace;

/// An hour in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// One step of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Average intensity in mgCO2e/kWh.
    pub average_mg_per_kwh: u32,
    /// Marginal intensity in mgCO2e/kWh, if known.
    pub marginal_mg_per_kwh: Option<u32>,
    /// Renewable share in thousandths, if known.
    pub renewable_permille: Option<u32>,
    /// Price in thousandths of a euro per megawatt-hour, if known.
    pub price_milli_eur_per_mwh: Option<i64>,
    /// Whether the provider estimated it, or it was interpolated here.
    pub estimated: bool,
}

impl Step {
    /// The mean of some steps. A figure that any of them lacks is unknown.
    pub(crate) fn mean(steps: &[Self]) -> Self {
        fn of(values: impl Iterator<Item = Option<i64>>) -> Option<i64> {
            let values: Option<Vec<i64>> = values.collect();
            let values = values?;
            let count = i64::try_from(values.len()).ok()?;
            values.iter().sum::<i64>().checked_div(count)
        }
        let small = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        let average = of(steps
            .iter()
            .map(|step| Some(i64::from(step.average_mg_per_kwh))));
        Self {
            average_mg_per_kwh: small(average).unwrap_or(0),
            marginal_mg_per_kwh: small(of(steps
                .iter()
                .map(|step| step.marginal_mg_per_kwh.map(i64::from)))),
            renewable_permille: small(of(steps
                .iter()
                .map(|step| step.renewable_permille.map(i64::from)))),
            price_milli_eur_per_mwh: of(steps.iter().map(|step| step.price_milli_eur_per_mwh)),
            estimated: steps.iter().any(|step| step.estimated),
        }
    }
}

/// The record of one zone: steps of equal length without a gap. Prices may be known beyond the last
/// step, because auctions set them a day ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The zone.
    pub zone: String,
    /// What its averages count, if every row says so.
    pub basis: Basis,
    /// When the first step begins.
    pub first: Timestamp,
    /// The length of a step in milliseconds.
    pub step_ms: u64,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The prices of the steps that follow, in thousandths of a euro per megawatt-hour. They are
    /// known from when they are published on, not before.
    pub ahead: Vec<Option<i64>>,
    /// The weather as it was forecast, if a provider of weather is asked. It is empty for recorded
    /// grids.
    pub weather: Weather,
}

impl Trace {
    /// When the last step ends.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.ended(self.steps.len())
    }

    /// When the first `count` steps have ended.
    #[must_use]
    pub fn ended(&self, count: usize) -> Timestamp {
        let steps = u64::try_from(count).unwrap_or(u64::MAX);
        self.first.after_ms(steps.saturating_mul(self.step_ms))
    }

    /// The price of a step, in thousandths of a euro per megawatt-hour. The step may be one that
    /// follows the last measured one.
    #[must_use]
    pub fn price_of(&self, step: usize) -> Option<i64> {
        match step.checked_sub(self.steps.len()) {
            None => self.steps.get(step)?.price_milli_eur_per_mwh,
            Some(ahead) => self.ahead.get(ahead).copied().flatten(),
        }
    }

    /// How many steps may have a price.
    #[must_use]
    pub const fn priced_steps(&self) -> usize {
        self.steps.len() + self.ahead.len()
    }

    /// Sets the prices of hours, the first of which begins at a moment. An unknown price changes
    /// nothing.
    pub fn price(&mut self, first: Timestamp, hours: &[Option<i64>]) {
        let step_ms = self.step_ms.max(1);
        let of = |begin: Timestamp| -> Option<i64> {
            let hour = begin.0.checked_sub(first.0)? / HOUR_MS;
            hours.get(usize::try_from(hour).ok()?).copied().flatten()
        };
        let mut begin = self.first;
        for step in &mut self.steps {
            step.price_milli_eur_per_mwh = of(begin).or(step.price_milli_eur_per_mwh);
            begin = begin.after_ms(step_ms);
        }
        let hours_told = u64::try_from(hours.len()).unwrap_or(u64::MAX);
        let end = first.after_ms(hours_told.saturating_mul(HOUR_MS));
        let mut ahead = self.ahead.iter().copied();
        let mut prices = Vec::new();
        while begin < end || ahead.len() > 0 {
            let before = ahead.next().flatten();
            prices.push(of(begin).or(before));
            begin = begin.after_ms(step_ms);
        }
        let known = prices.iter().rposition(Option::is_some);
        prices.truncate(known.map_or(0, |last| last + 1));
        self.ahead = prices;
    }

    /// How many steps have ended by a moment. A step is known once it has ended.
    #[must_use]
    pub fn known_by(&self, now: Timestamp) -> usize {
        let steps = now.since_ms(self.first) / self.step_ms.max(1);
        usize::try_from(steps)
            .unwrap_or(usize::MAX)
            .min(self.steps.len())
    }
}

/// Why a recorded grid cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A file or folder cannot be read.
    #[error("{path} cannot be read: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// A folder without traces.
    #[error("{path} has no traces; expected one file for each zone, for example DE.csv")]
    Empty {
        /// The folder.
        path: String,
    },
    /// A file with mistakes.
    #[error("{file}: {}", mistakes.join("\n"))]
    Wrong {
        /// The file.
        file: String,
        /// Each mistake with its line.
        mistakes: Vec<String>,
    },
    /// A zone without a file.
    #[error("there is no trace of zone {zone}; the zones with traces are {}{}", known.join(", "), nearest(zone, known))]
    NoZone {
        /// The zone.
        zone: String,
        /// The zones that exist.
        known: Vec<String>,
    },
}

/// The least similarity, from 0 to 1, for a name to be suggested.
const LIKE: f64 = 0.75;

/// A question that suggests the most similar zone, or an empty text.
fn nearest(wanted: &str, known: &[String]) -> String {
    let like = |zone: &String| {
        strsim::jaro_winkler(&wanted.to_ascii_uppercase(), &zone.to_ascii_uppercase())
    };
    known
        .iter()
        .map(|zone| (like(zone), zone))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map_or_else(String::new, |(_, zone)| format!("; did you mean {zone}?"))
}

/// The traces of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// The traces by zone.
    pub zones: BTreeMap<String, Trace>,
}

impl Grid {
    /// What each zone's figures count, if zones state different things.
    #[must_use]
    pub fn differing_bases(&self) -> Option<String> {
        let traces = self.zones.values();
        let stated = traces.filter(|trace| trace.basis != Basis::default());
        let bases: BTreeSet<Basis> = stated.clone().map(|trace| trace.basis).collect();
        let each = stated.map(|trace| format!("{}: {}", trace.zone, trace.basis));
        (bases.len() > 1).then(|| each.collect::<Vec<_>>().join(", "))
    }

    /// Reads the traces of these zones from a folder; `None` means all.
    ///
    /// # Errors
    ///
    /// Fails if a file is missing, cannot be read or is not a trace.
    pub fn open(folder: &Path, zones: Option<&[String]>) -> Result<Self, TraceError> {
        let path = sunward_files::shown(folder);
        let io = |source| TraceError::Io {
            path: path.clone(),
            source,
        };
        let mut there = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let name = name.to_string_lossy();
            if let Some(zone) = name.strip_suffix(".csv") {
                there.push(zone.to_owned());
            }
        }
        there.sort_unstable();
        if there.is_empty() {
            return Err(TraceError::Empty { path });
        }
        let wanted = zones.unwrap_or(&there);
        let mut grid = Self::default();
        for zone in wanted {
            if !there.contains(zone) {
                return Err(TraceError::NoZone {
                    zone: zone.clone(),
                    known: there,
                });
            }
            let file = folder.join(format!("{zone}.csv"));
            let bytes = sunward_files::read_regular(&file, sunward_files::TEXT_LIMIT_BYTES)
                .map_err(|source| TraceError::Io {
                    path: sunward_files::shown(&file),
                    source,
                })?;
            let trace = read_trace(zone, &sunward_files::shown(&file), &bytes)?;
            grid.zones.insert(zone.clone(), trace);
        }
        Ok(grid)
    }
}

#[cfg(test)]
mod tests {
    use super::TraceError;

    #[test]
    fn a_zone_that_is_not_there_names_the_nearest_that_is() {
        let told = |zone: &str| {
            TraceError::NoZone {
                zone: zone.into(),
                known: vec!["DE".into(), "US-CAL-CISO".into(), "US-TEX-ERCO".into()],
            }
            .to_string()
        };
        assert_eq!(
            told("us-tex-erc"),
            "there is no trace of zone us-tex-erc; the zones with traces are DE, US-CAL-CISO, US-TEX-ERCO; did you mean US-TEX-ERCO?"
        );
        assert!(!told("MARS").contains("did you mean"));
    }
}
