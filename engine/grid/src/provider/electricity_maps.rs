//! Electricity Maps, versions 3 and 4: average intensity of consumption, and day-ahead prices.
//!
//! The reference is at <https://app.electricitymaps.com/developer-hub/api/reference>. Three things
//! that it tells only in part: a key whose plan lacks something is refused with status 401, as an
//! unknown key is, but in other words; without a zone that it knows, it would answer about the place
//! of the caller; and the figures of a sandbox key are invented.

use serde::Deserialize;
use sunward_core::Timestamp;
use sunward_core::ledger::{Basis, Factors, Flow};
use sunward_core::place::SignalKind;

use super::client::{Ask, Pass, Site};
use super::document::{Moment, TO_SECONDS, json, nullable, spans, written};
use super::options::{ApiVersion, ElectricityMapsOptions};
use super::prices::{Prices, PricesDraft};
use super::series::{Counts, Draft, HOUR_MS};
use super::{GridSignal, Provider, Secret, Series, SignalError};

const NAME: &str = Provider::ElectricityMaps.word();

/// The longest span of one request is ten days of hours.
const SPAN_MS: u64 = 10 * 24 * HOUR_MS;

/// How long after an hour's end its figure may still be missing.
const LATE_MS: u64 = 6 * HOUR_MS;

/// The hours of forecast to request.
const HORIZON_HOURS: &str = "72";

/// Words of a refusal whose key is known, but lacks the plan for the request. The first is the
/// `error` of the answer and the second its `message`.
const NOT_COVERED: [&str; 2] = ["request unauthorized for", "you do not have access to this"];

/// The `estimationMethod` of a sandbox key.
const SANDBOX: &str = "SANDBOX_MODE_DATA";

/// The only unit of prices that is used.
const PRICE_UNIT: &str = "EUR/MWh";

const INTENSITY: &str = "carbon-intensity";

/// The provider.
#[derive(Debug)]
pub(crate) struct ElectricityMaps {
    site: Site,
    key: Secret,
    options: ElectricityMapsOptions,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Past {
    zone: String,
    #[serde(alias = "history")]
    data: Vec<Hour>,
    temporal_granularity: Option<String>,
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
    estimation_method: Option<String>,
    emission_factor_type: Option<String>,
    temporal_granularity: Option<String>,
    flow_traced: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ahead {
    zone: String,
    #[serde(alias = "data")]
    forecast: Vec<Hour>,
    updated_at: Option<Moment>,
    temporal_granularity: Option<String>,
}

#[derive(Deserialize)]
struct Auction {
    zone: String,
    data: Vec<Priced>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Priced {
    datetime: Moment,
    #[serde(deserialize_with = "nullable")]
    value: Option<f64>,
    unit: Option<String>,
    temporal_granularity: Option<String>,
}

impl ElectricityMaps {
    pub(crate) const fn new(site: Site, key: Secret, options: ElectricityMapsOptions) -> Self {
        Self { site, key, options }
    }

    /// `lifecycle` or `direct`.
    const fn factors(&self) -> &'static str {
        if self.options.is_direct {
            "direct"
        } else {
            "lifecycle"
        }
    }

    /// Flow-traced consumption, which is the provider's default.
    const fn counts(&self) -> Counts {
        let factors = if self.options.is_direct {
            Factors::Direct
        } else {
            Factors::LifeCycle
        };
        let flow = Flow::Consumption;
        (SignalKind::Average, Basis { factors, flow })
    }

    fn path(&self, signal: &str, what: &str) -> String {
        format!("/{}/{signal}/{what}", self.options.version.word())
    }

    fn ask(
        &self,
        path: &str,
        zone: &str,
        more: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Vec<u8>, SignalError> {
        let mut query = vec![
            ("zone", zone.to_owned()),
            // Without it, an unknown zone is answered with the figures of the caller's.
            ("disableCallerLookup", "true".to_owned()),
            ("temporalGranularity", "hourly".to_owned()),
        ];
        query.extend(more);
        let ask = Ask {
            path: path.to_owned(),
            query,
            pass: Pass::Header("auth-token", &self.key),
            now,
        };
        self.site.get(&ask).map_err(told_apart)
    }

    /// The parameters of intensities of the past.
    fn measured(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("emissionFactorType", self.factors().to_owned())];
        if !self.options.with_estimates {
            query.push(("disableEstimations", "true".to_owned()));
        }
        query
    }

    fn wrong(&self, path: &str, what: String) -> SignalError {
        SignalError::Schema {
            what,
            place: format!("{}{path}", self.site.host),
        }
    }

    /// The milliseconds of a step; finer ones than those requested are accepted.
    fn step_ms(&self, path: &str, granularity: Option<&str>) -> Result<u64, SignalError> {
        match granularity {
            None | Some("hourly") => Ok(HOUR_MS),
            Some("15_minutes") => Ok(HOUR_MS / 4),
            Some("5_minutes") => Ok(HOUR_MS / 12),
            Some(other) => Err(self.wrong(
                path,
                format!("temporalGranularity is {other}, but hourly was requested"),
            )),
        }
    }

    fn put(&self, draft: &mut Draft, path: &str, hour: &Hour) -> Result<(), SignalError> {
        if hour.estimation_method.as_deref() == Some(SANDBOX) {
            return Err(SignalError::Access {
                variable: Provider::ElectricityMaps.variable("KEY"),
                what: "is a sandbox key, whose figures are invented; set a key of production"
                    .to_owned(),
            });
        }
        let factors = hour.emission_factor_type.as_deref();
        if let Some(other) = factors.filter(|factors| *factors != self.factors()) {
            let what = format!(
                "emissionFactorType is {other}, but {} was requested",
                self.factors()
            );
            return Err(self.wrong(path, what));
        }
        if hour.flow_traced == Some(false) {
            let what = "flowTraced is false, but consumption was requested";
            return Err(self.wrong(path, what.to_owned()));
        }
        if let Some(granularity) = hour.temporal_granularity.as_deref() {
            draft.set_step_ms(self.step_ms(path, Some(granularity))?);
        }
        let is_estimated = hour.is_estimated.unwrap_or(false);
        // Answers may contain estimates that the request excluded.
        if is_estimated && !self.options.with_estimates {
            return Ok(());
        }
        draft.put(hour.datetime.0, hour.carbon_intensity, is_estimated)
    }

    /// Checks that the answer is about the zone that was requested.
    fn check(&self, path: &str, asked: &str, told: &str) -> Result<(), SignalError> {
        if asked == told {
            return Ok(());
        }
        let what = format!("it is about zone {told}, but {asked} was requested");
        Err(self.wrong(path, what))
    }

    fn past(
        &self,
        draft: &mut Draft,
        what: &str,
        zone: &str,
        more: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<(), SignalError> {
        let path = self.path(INTENSITY, what);
        let query = [self.measured(), more].concat();
        let bytes = self.ask(&path, zone, query, now)?;
        let past: Past = json(&self.site.host, &path, &bytes)?;
        self.check(&path, zone, &past.zone)?;
        draft.set_step_ms(self.step_ms(&path, past.temporal_granularity.as_deref())?);
        for hour in &past.data {
            self.put(draft, &path, hour)?;
            if let Some(at) = hour.updated_at {
                draft.issued(at.0);
            }
        }
        Ok(())
    }
}

fn span(begin: Timestamp, end: Timestamp) -> Vec<(&'static str, String)> {
    vec![
        ("start", written(begin, TO_SECONDS)),
        ("end", written(end, TO_SECONDS)),
    ]
}

/// A refusal for want of a plan, told apart from one for want of a key: both have status 401.
fn told_apart(error: SignalError) -> SignalError {
    let SignalError::Refused { host, status, said } = error else {
        return error;
    };
    let words = said.to_lowercase();
    let lacks_plan = NOT_COVERED.iter().any(|known| words.contains(known));
    if lacks_plan && matches!(status, 401 | 403) {
        return SignalError::NotCovered {
            host,
            said,
            covers: None,
        };
    }
    SignalError::Refused { host, status, said }
}

impl GridSignal for ElectricityMaps {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kept_as(&self) -> String {
        let estimates = if self.options.with_estimates {
            ""
        } else {
            "-measured"
        };
        let version = self.options.version.word();
        format!("{NAME}-{version}-{}{estimates}", self.factors())
    }

    fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Series, SignalError> {
        let mut draft = Draft::new(NAME, zone, self.counts(), HOUR_MS);
        for (begin, end) in spans(from, until, SPAN_MS) {
            match self.past(&mut draft, "past-range", zone, span(begin, end), now) {
                Ok(()) => {}
                // Free keys cover only the last day.
                Err(SignalError::NotCovered { .. } | SignalError::Refused { status: 403, .. }) => {
                    self.past(&mut draft, "history", zone, Vec::new(), now)
                        .map_err(|error| error.about(zone))?;
                    break;
                }
                Err(error) => return Err(error.about(zone)),
            }
        }
        draft.history(from, until, now, LATE_MS)
    }

    fn forecast(&self, zone: &str, now: Timestamp) -> Result<Option<Series>, SignalError> {
        let path = self.path(INTENSITY, "forecast");
        // Forecasts are estimates, so there are none to exclude.
        let more = vec![
            ("horizonHours", HORIZON_HOURS.to_owned()),
            ("emissionFactorType", self.factors().to_owned()),
        ];
        let bytes = match self.ask(&path, zone, more, now) {
            Ok(bytes) => bytes,
            // Not every plan includes forecasts; our own are used then.
            Err(SignalError::NotCovered { .. } | SignalError::Refused { status: 403, .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error.about(zone)),
        };
        let ahead: Ahead = json(&self.site.host, &path, &bytes)?;
        self.check(&path, zone, &ahead.zone)?;
        let mut draft = Draft::new(NAME, zone, self.counts(), HOUR_MS);
        draft.set_step_ms(self.step_ms(&path, ahead.temporal_granularity.as_deref())?);
        if let Some(at) = ahead.updated_at {
            draft.issued(at.0);
        }
        for mut hour in ahead.forecast {
            hour.is_estimated = None;
            self.put(&mut draft, &path, &hour)?;
        }
        draft.forecast(now).map(Some)
    }

    /// The published prices of `price-day-ahead/actual`, which leaves out those that Electricity Maps
    /// estimates itself. `None` for version 3, for plans without prices, and in other currencies.
    fn prices(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Prices>, SignalError> {
        if self.options.version == ApiVersion::V3 {
            return Ok(None);
        }
        let path = self.path("price-day-ahead", "actual");
        let mut draft = PricesDraft::new(NAME, zone);
        for (begin, end) in spans(from, until, SPAN_MS) {
            let bytes = match self.ask(&path, zone, span(begin, end), now) {
                Ok(bytes) => bytes,
                Err(
                    SignalError::NotCovered { .. }
                    | SignalError::NoZone { .. }
                    | SignalError::Refused {
                        status: 400 | 403, ..
                    },
                ) => return Ok(None),
                Err(error) => return Err(error),
            };
            let auction: Auction = json(&self.site.host, &path, &bytes)?;
            self.check(&path, zone, &auction.zone)?;
            for hour in &auction.data {
                if hour.unit.as_deref().is_some_and(|unit| unit != PRICE_UNIT) {
                    return Ok(None);
                }
                let step_ms = self.step_ms(&path, hour.temporal_granularity.as_deref())?;
                if let Some(euros) = hour.value {
                    draft.put(hour.datetime.0, step_ms, euros)?;
                }
            }
        }
        Ok(draft.finish(from, until, now))
    }
}
