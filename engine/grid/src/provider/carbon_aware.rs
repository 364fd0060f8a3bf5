//! A self-hosted Carbon Aware SDK `WebApi`. It returns what its own source publishes, by its own
//! locations (<https://github.com/Green-Software-Foundation/carbon-aware-sdk>).
//!
//! With `WattTime` behind it, figures are marginal, and each carries the name of the grid region
//! instead of the location that was requested (`WattTimeDataSource`: `Location = Meta.Region`). The
//! other sources repeat the location. A figure that came alone has the duration zero.

use serde::Deserialize;
use sunward_core::Timestamp;
use sunward_core::ledger::{Basis, Factors, Flow};
use sunward_core::place::SignalKind;
use sunward_workflows::quoted;

use super::client::{Ask, Pass, Site};
use super::document::{Moment, TO_SECONDS, json, nullable, spans, written};
use super::series::{Counts, Draft, HOUR_MS};
use super::{GridSignal, Provider, Series, SignalError};

const NAME: &str = Provider::CarbonAwareSdk.word();

/// The longest span of one request. All of its sources allow ten days.
const SPAN_MS: u64 = 10 * 24 * HOUR_MS;

/// How long after a step's end its figure may still be missing.
const LATE_MS: u64 = 6 * HOUR_MS;

/// What `WattTime`'s figures count.
const WATTTIME: Counts = (
    SignalKind::Marginal,
    Basis {
        factors: Factors::Direct,
        flow: Flow::Unstated,
    },
);

/// The step of `WattTime`'s figures, for one that has no duration.
const WATTTIME_STEP_MS: u64 = HOUR_MS / 12;

/// The provider.
#[derive(Debug)]
pub(crate) struct CarbonAware {
    site: Site,
}

#[derive(Deserialize)]
struct Emission {
    location: String,
    time: Moment,
    #[serde(deserialize_with = "nullable")]
    rating: Option<f64>,
    /// A duration such as `01:00:00`; zero if the source returned no other figure.
    duration: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Forecast {
    generated_at: Moment,
    location: String,
    forecast_data: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    location: Option<String>,
    timestamp: Moment,
    /// Minutes.
    duration: u64,
    #[serde(deserialize_with = "nullable")]
    value: Option<f64>,
}

impl CarbonAware {
    pub(crate) const fn new(site: Site) -> Self {
        Self { site }
    }

    fn ask(
        &self,
        path: &str,
        query: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Vec<u8>, SignalError> {
        let asked = self.site.get(&Ask {
            path: path.to_owned(),
            query,
            pass: Pass::Open,
            now,
        });
        asked.map_err(refused_behind)
    }

    /// What the figures with these names count. Another name than the requested one is the region of
    /// its `WattTime` source, if all figures have it.
    fn counts<'a>(
        &self,
        path: &str,
        asked: &str,
        mut names: impl Iterator<Item = &'a str>,
    ) -> Result<Counts, SignalError> {
        let Some(first) = names.next() else {
            return Ok(Counts::default());
        };
        if let Some(other) = names.find(|name| !first.eq_ignore_ascii_case(name)) {
            return Err(self.wrong(
                path,
                format!("it is about locations {first} and {other}, but {asked} was requested"),
            ));
        }
        Ok(if asked.eq_ignore_ascii_case(first) {
            Counts::default()
        } else {
            WATTTIME
        })
    }

    fn wrong(&self, path: &str, what: String) -> SignalError {
        SignalError::Schema {
            what,
            place: format!("{}{path}", self.site.host),
        }
    }

    /// The step of all figures, in milliseconds, from their durations. If all are zero, it is the
    /// least time between two of them, or that of the source.
    fn step_ms(
        durations_ms: impl Iterator<Item = u64>,
        times: impl Iterator<Item = Timestamp>,
        counts: Counts,
    ) -> u64 {
        if let Some(stated) = durations_ms.into_iter().find(|ms| *ms > 0) {
            return stated;
        }
        let mut times: Vec<Timestamp> = times.collect();
        times.sort_unstable();
        times.dedup();
        let apart = times.iter().zip(times.iter().skip(1));
        let least = apart.map(|(one, next)| next.since_ms(*one)).min();
        least.unwrap_or(if counts == WATTTIME {
            WATTTIME_STEP_MS
        } else {
            HOUR_MS
        })
    }
}

/// A refusal by the source behind the SDK, which repeats its status: the account in the SDK's own
/// settings is concerned, since the SDK itself asks for no key.
fn refused_behind(error: SignalError) -> SignalError {
    match error {
        SignalError::Refused {
            host,
            status: status @ (401 | 403),
            said,
        } if said.contains("Error requesting") || said.contains("Login failed") => {
            SignalError::Access {
                variable: Provider::CarbonAwareSdk.variable("URL"),
                what: format!(
                    "{host}: the SDK's own source refused it with status {status}{said}; check the account in the SDK's settings (DataSources), and that its plan covers this location"
                ),
            }
        }
        other => other,
    }
}

impl GridSignal for CarbonAware {
    fn name(&self) -> &'static str {
        NAME
    }

    fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Series, SignalError> {
        let path = "/emissions/bylocation";
        let mut all: Vec<Emission> = Vec::new();
        for (begin, end) in spans(from, until.min(now), SPAN_MS) {
            let query = vec![
                ("location", zone.to_owned()),
                ("time", written(begin, TO_SECONDS)),
                ("toTime", written(end, TO_SECONDS)),
            ];
            let bytes = self
                .ask(path, query, now)
                .map_err(|error| error.about(zone))?;
            // If nothing is known, the answer has no body.
            if !bytes.is_empty() {
                all.extend(json::<Vec<Emission>>(&self.site.host, path, &bytes)?);
            }
        }
        let counts = self.counts(path, zone, all.iter().map(|one| one.location.as_str()))?;
        let durations: Vec<u64> = all
            .iter()
            .filter_map(|one| one.duration.as_deref())
            .map(|text| {
                length_ms(text).ok_or_else(|| {
                    let what = format!(
                        "duration is {}; expected for example 01:00:00",
                        quoted(text)
                    );
                    self.wrong(path, what)
                })
            })
            .collect::<Result<_, _>>()?;
        let times = all.iter().map(|one| one.time.0);
        let step_ms = Self::step_ms(durations.into_iter(), times, counts);
        let mut draft = Draft::new(NAME, zone, counts, step_ms);
        for one in &all {
            draft.put(one.time.0, one.rating, false)?;
        }
        draft.history(from, until, now, LATE_MS)
    }

    fn forecast(&self, zone: &str, now: Timestamp) -> Result<Option<Series>, SignalError> {
        let path = "/emissions/forecasts/current";
        let query = vec![("location", zone.to_owned())];
        let bytes = match self.ask(path, query, now) {
            Ok(bytes) => bytes,
            // Some of its sources make no forecasts.
            Err(SignalError::Refused { status: 501, .. }) => return Ok(None),
            Err(error) => return Err(error.about(zone)),
        };
        let all: Vec<Forecast> = json(&self.site.host, path, &bytes)?;
        let Some(told) = all.first() else {
            return Err(SignalError::Stale { newest: None });
        };
        // The forecast itself carries the requested location, whatever its figures carry.
        if !zone.eq_ignore_ascii_case(&told.location) {
            let what = format!(
                "it is about location {}, but {zone} was requested",
                told.location
            );
            return Err(self.wrong(path, what));
        }
        let points = told.forecast_data.iter();
        let names = points.filter_map(|point| point.location.as_deref());
        let counts = self.counts(path, zone, names)?;
        let durations = told.forecast_data.iter();
        let durations = durations.map(|point| point.duration.saturating_mul(60_000));
        let times = told.forecast_data.iter().map(|point| point.timestamp.0);
        let step_ms = Self::step_ms(durations, times, counts);
        let mut draft = Draft::new(NAME, zone, counts, step_ms);
        draft.issued(told.generated_at.0);
        for point in &told.forecast_data {
            draft.put(point.timestamp.0, point.value, false)?;
        }
        draft.forecast(now).map(Some)
    }
}

/// Parses a duration such as `01:30:00`, as milliseconds.
fn length_ms(text: &str) -> Option<u64> {
    let parts: Vec<u64> = text
        .split(':')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts.as_slice() else {
        return None;
    };
    let minutes = hours.checked_mul(60)?.checked_add(*minutes)?;
    minutes
        .checked_mul(60)?
        .checked_add(*seconds)?
        .checked_mul(1000)
}
