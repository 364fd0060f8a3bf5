//! `WattTime`, version 3: marginal intensity every five minutes.

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use sunward_core::Timestamp;
use sunward_core::place::SignalKind;

use super::client::{Ask, Pass, Site};
use super::document::{Moment, TO_SECONDS, json, nullable, spans, written};
use super::series::{Draft, HOUR_MS};
use super::zones::watttime_region;
use super::{GridSignal, Provider, Secret, Series, SignalError};

const NAME: &str = Provider::WattTime.word();

/// The signal for marginal emissions. (Others are for example about health.)
const SIGNAL: &str = "co2_moer";

/// The only unit that is accepted.
const UNIT: &str = "lbs_co2_per_mwh";

/// Grams per kilowatt-hour in one pound per megawatt-hour.
const GRAMS_PER_POUND: f64 = 0.453_592_37;

/// A request may cover 32 days.
const SPAN_MS: u64 = 31 * 24 * HOUR_MS;

/// How long after a step's end its figure may still be missing.
const LATE_MS: u64 = 3 * HOUR_MS;

/// A token is valid for half an hour; it is renewed a little earlier.
const TOKEN_MS: u64 = 25 * 60_000;

/// The hours of forecast to request; 72 is the most.
const HORIZON_HOURS: &str = "72";

/// The provider.
#[derive(Debug)]
pub(crate) struct WattTime {
    site: Site,
    key: Secret,
    token: Mutex<Option<(Secret, Timestamp)>>,
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Point>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Point {
    point_time: Moment,
    #[serde(deserialize_with = "nullable")]
    value: Option<f64>,
    #[serde(default)]
    imputed: Option<bool>,
}

#[derive(Deserialize)]
struct Meta {
    region: String,
    signal_type: String,
    units: String,
    data_point_period_seconds: u64,
    generated_at: Option<Moment>,
}

impl WattTime {
    pub(crate) const fn new(site: Site, key: Secret) -> Self {
        Self {
            site,
            key,
            token: Mutex::new(None),
        }
    }

    /// A valid token. `anew` requests a new one whatever the age of the last.
    fn token(&self, now: Timestamp, anew: bool) -> Result<Secret, SignalError> {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, since)) = kept.as_ref()
            && !anew
            && *since <= now
            && now.since_ms(*since) < TOKEN_MS
        {
            return Ok(token.clone());
        }
        let path = "/login";
        let bytes = self.site.get(&Ask {
            path: path.to_owned(),
            query: Vec::new(),
            pass: Pass::Basic(&self.key),
            now,
        })?;
        let login: Login = json(&self.site.host, path, &bytes)?;
        let token = Secret::new(login.token);
        *kept = Some((token.clone(), now));
        Ok(token)
    }

    fn ask(
        &self,
        path: &str,
        zone: &str,
        more: &[(&'static str, String)],
        now: Timestamp,
    ) -> Result<Answer, SignalError> {
        let region = watttime_region(zone);
        let mut query = vec![
            ("region", region.to_owned()),
            ("signal_type", SIGNAL.to_owned()),
        ];
        query.extend(more.iter().cloned());
        let get = |token: &Secret| {
            self.site.get(&Ask {
                path: path.to_owned(),
                query: query.clone(),
                pass: Pass::Bearer(token),
                now,
            })
        };
        let bytes = match get(&self.token(now, false)?) {
            // The token expired earlier than expected.
            Err(SignalError::Refused { status: 401, .. }) => get(&self.token(now, true)?),
            other => other,
        };
        let answer: Answer = json(
            &self.site.host,
            path,
            &bytes.map_err(|error| error.about(zone))?,
        )?;
        let meta = &answer.meta;
        for (what, told, asked) in [
            ("units", meta.units.as_str(), UNIT),
            ("region", &meta.region, region),
            ("signal_type", &meta.signal_type, SIGNAL),
        ] {
            if told != asked {
                return Err(SignalError::Schema {
                    what: format!("{what} is {told}, but {asked} was expected"),
                    place: format!("{}{path}", self.site.host),
                });
            }
        }
        Ok(answer)
    }

    fn put(draft: &mut Draft, answer: &Answer) -> Result<(), SignalError> {
        draft.set_step_ms(answer.meta.data_point_period_seconds.saturating_mul(1000));
        if let Some(at) = answer.meta.generated_at {
            draft.issued(at.0);
        }
        for point in &answer.data {
            let grams = point.value.map(|pounds| pounds * GRAMS_PER_POUND);
            draft.put(point.point_time.0, grams, point.imputed.unwrap_or(false))?;
        }
        Ok(())
    }
}

impl GridSignal for WattTime {
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
        let mut draft = Draft::new(NAME, zone, SignalKind::Marginal, HOUR_MS / 12);
        for (begin, end) in spans(from, until.min(now), SPAN_MS) {
            let span = [
                ("start", written(begin, TO_SECONDS)),
                ("end", written(end, TO_SECONDS)),
            ];
            Self::put(&mut draft, &self.ask("/v3/historical", zone, &span, now)?)?;
        }
        draft.history(from, until, now, LATE_MS)
    }

    fn forecast(&self, zone: &str, now: Timestamp) -> Result<Option<Series>, SignalError> {
        let horizon = [("horizon_hours", HORIZON_HOURS.to_owned())];
        let answer = self.ask("/v3/forecast", zone, &horizon, now)?;
        let mut draft = Draft::new(NAME, zone, SignalKind::Marginal, HOUR_MS / 12);
        Self::put(&mut draft, &answer)?;
        draft.forecast(now).map(Some)
    }
}
