//! Electricity Maps, version 3: average life-cycle intensity of consumption.

use serde::Deserialize;
use sunward_core::Timestamp;
use sunward_core::place::SignalKind;

use super::client::{Ask, Pass, Site};
use super::document::{Moment, TO_SECONDS, json, nullable, spans, written};
use super::series::{Draft, HOUR_MS};
use super::{GridSignal, Provider, Secret, Series, SignalError};

const NAME: &str = Provider::ElectricityMaps.word();

/// The longest span of one request is ten days.
const SPAN_MS: u64 = 10 * 24 * HOUR_MS;

/// How long after an hour's end its figure may still be missing.
const LATE_MS: u64 = 6 * HOUR_MS;

/// The hours of forecast to request.
const HORIZON_HOURS: &str = "72";

/// The provider.
#[derive(Debug)]
pub(crate) struct ElectricityMaps {
    site: Site,
    key: Secret,
}

#[derive(Deserialize)]
struct Past {
    zone: String,
    #[serde(alias = "history")]
    data: Vec<Hour>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hour {
    #[serde(deserialize_with = "nullable")]
    carbon_intensity: Option<f64>,
    datetime: Moment,
    updated_at: Option<Moment>,
    #[serde(default)]
    is_estimated: Option<bool>,
    emission_factor_type: Option<String>,
    temporal_granularity: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ahead {
    zone: String,
    forecast: Vec<Hour>,
    updated_at: Moment,
}

impl ElectricityMaps {
    pub(crate) const fn new(site: Site, key: Secret) -> Self {
        Self { site, key }
    }

    fn ask(
        &self,
        what: &str,
        zone: &str,
        more: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Vec<u8>, SignalError> {
        let mut query = vec![("zone", zone.to_owned())];
        query.extend(more);
        self.site.get(&Ask {
            path: path(what),
            query,
            pass: Pass::Header("auth-token", &self.key),
            now,
        })
    }

    fn put(&self, draft: &mut Draft, what: &str, hour: &Hour) -> Result<(), SignalError> {
        let wrong = |what_is: String| SignalError::Schema {
            what: what_is,
            place: format!("{}{}", self.site.host, path(what)),
        };
        let unit = hour.emission_factor_type.as_deref();
        if unit.is_some_and(|kind| kind != "lifecycle") {
            return Err(wrong(format!(
                "emissionFactorType is {}, but lifecycle was requested",
                unit.unwrap_or_default()
            )));
        }
        let length = hour.temporal_granularity.as_deref();
        if length.is_some_and(|length| length != "hourly") {
            return Err(wrong(format!(
                "temporalGranularity is {}, but hourly was requested",
                length.unwrap_or_default()
            )));
        }
        draft.put(
            hour.datetime.0,
            hour.carbon_intensity,
            hour.is_estimated.unwrap_or(false),
        )
    }

    /// Checks that the answer is about the zone that was requested.
    fn check(&self, what: &str, asked: &str, told: &str) -> Result<(), SignalError> {
        if asked == told {
            return Ok(());
        }
        Err(SignalError::Schema {
            what: format!("it is about zone {told}, but {asked} was requested"),
            place: format!("{}{}", self.site.host, path(what)),
        })
    }

    fn past(
        &self,
        draft: &mut Draft,
        what: &str,
        zone: &str,
        more: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<(), SignalError> {
        let bytes = self.ask(what, zone, more, now)?;
        let past: Past = json(&self.site.host, &path(what), &bytes)?;
        self.check(what, zone, &past.zone)?;
        for hour in &past.data {
            self.put(draft, what, hour)?;
            if let Some(at) = hour.updated_at {
                draft.issued(at.0);
            }
        }
        Ok(())
    }
}

fn path(what: &str) -> String {
    format!("/v3/carbon-intensity/{what}")
}

impl GridSignal for ElectricityMaps {
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
        let mut draft = Draft::new(NAME, zone, SignalKind::Average, HOUR_MS);
        for (begin, end) in spans(from, until, SPAN_MS) {
            let more = vec![
                ("start", written(begin, TO_SECONDS)),
                ("end", written(end, TO_SECONDS)),
                ("emissionFactorType", "lifecycle".to_owned()),
                ("temporalGranularity", "hourly".to_owned()),
            ];
            match self.past(&mut draft, "past-range", zone, more, now) {
                Ok(()) => {}
                // Free keys cover only the last day.
                Err(SignalError::Refused {
                    status: 401 | 403, ..
                }) => {
                    self.past(&mut draft, "history", zone, Vec::new(), now)?;
                    break;
                }
                Err(error) => return Err(error.about(zone)),
            }
        }
        draft.history(from, until, now, LATE_MS)
    }

    fn forecast(&self, zone: &str, now: Timestamp) -> Result<Option<Series>, SignalError> {
        let what = "forecast";
        let more = vec![
            ("horizonHours", HORIZON_HOURS.to_owned()),
            ("emissionFactorType", "lifecycle".to_owned()),
        ];
        let bytes = match self.ask(what, zone, more, now) {
            Ok(bytes) => bytes,
            // Not every plan includes forecasts; our own are used then.
            Err(SignalError::Refused { status: 403, .. }) => return Ok(None),
            Err(error) => return Err(error.about(zone)),
        };
        let ahead: Ahead = json(&self.site.host, &path(what), &bytes)?;
        self.check(what, zone, &ahead.zone)?;
        let mut draft = Draft::new(NAME, zone, SignalKind::Average, HOUR_MS);
        draft.issued(ahead.updated_at.0);
        for hour in &ahead.forecast {
            self.put(&mut draft, what, hour)?;
        }
        draft.forecast(now).map(Some)
    }
}
