//! A self-hosted Carbon Aware SDK WebAPI. It returns what its own source publishes, by its own
//! locations.

use serde::Deserialize;
use sunward_core::Timestamp;
use sunward_core::place::SignalKind;

use super::client::{Ask, Pass, Site};
use super::document::{Moment, TO_SECONDS, json, nullable, spans, written};
use super::series::{Draft, HOUR_MS};
use super::{GridSignal, Provider, Series, SignalError};

const NAME: &str = Provider::CarbonAwareSdk.word();

/// The longest span of one request. All of its sources allow ten days.
const SPAN_MS: u64 = 10 * 24 * HOUR_MS;

/// How long after a step's end its figure may still be missing.
const LATE_MS: u64 = 6 * HOUR_MS;

/// The provider. Whether its figures are averages depends on the source behind it; they are treated
/// as averages.
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
    /// A duration such as `01:00:00`.
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
        self.site.get(&Ask {
            path: path.to_owned(),
            query,
            pass: Pass::Open,
            now,
        })
    }

    fn check(&self, path: &str, asked: &str, told: &str) -> Result<(), SignalError> {
        if asked.eq_ignore_ascii_case(told) {
            return Ok(());
        }
        Err(self.wrong(
            path,
            format!("it is about location {told}, but {asked} was requested"),
        ))
    }

    fn wrong(&self, path: &str, what: String) -> SignalError {
        SignalError::Schema {
            what,
            place: format!("{}{path}", self.site.host),
        }
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
        let step_ms = match all.iter().find_map(|one| one.duration.as_deref()) {
            Some(text) => length_ms(text).ok_or_else(|| {
                self.wrong(
                    path,
                    format!("duration is '{text}'; expected for example 01:00:00"),
                )
            })?,
            None => HOUR_MS,
        };
        let mut draft = Draft::new(NAME, zone, SignalKind::Average, step_ms);
        for one in &all {
            self.check(path, zone, &one.location)?;
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
        self.check(path, zone, &told.location)?;
        let minutes = told
            .forecast_data
            .first()
            .map_or(60, |point| point.duration);
        let step_ms = minutes.saturating_mul(60_000);
        let mut draft = Draft::new(NAME, zone, SignalKind::Average, step_ms);
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
