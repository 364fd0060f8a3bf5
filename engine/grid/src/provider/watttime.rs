//! `WattTime`, version 3: marginal intensity every five minutes.
//!
//! Its grid regions are its own. A zone is looked up by its point (`/v3/region-from-loc`), as the
//! documentation at <https://docs.watttime.org> advises; other names are taken for regions. Which
//! regions an account may use is at `/v3/my-access`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use sunward_core::Timestamp;
use sunward_core::ledger::{Basis, Factors, Flow};
use sunward_core::place::SignalKind;

use super::client::{Ask, Pass, Site};
use super::document::{Moment, TO_SECONDS, json, nullable, spans, written};
use super::points::Points;
use super::series::{Counts, Draft, HOUR_MS};
use super::{GridSignal, Provider, Secret, Series, SignalError};

const NAME: &str = Provider::WattTime.word();

/// The signal for marginal emissions. (Others are for example about health.)
const SIGNAL: &str = "co2_moer";

/// What `co2_moer` counts: the operating emissions of the plants that answer a change of load
/// (<https://docs.watttime.org>, "marginal operating emissions rate").
const COUNTS: Counts = (
    SignalKind::Marginal,
    Basis {
        factors: Factors::Direct,
        flow: Flow::Unstated,
    },
);

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
    points: Points,
    token: Mutex<Option<(Secret, Timestamp)>>,
    /// The regions of zones that were looked up.
    regions: Mutex<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

/// The answer of `/v3/region-from-loc`.
#[derive(Deserialize)]
struct Place {
    region: String,
    signal_type: String,
}

/// The answer of `/v3/my-access`: regions by signal, and what may be asked of each.
#[derive(Deserialize)]
struct MyAccess {
    signal_types: Vec<SignalAccess>,
}

#[derive(Deserialize)]
struct SignalAccess {
    signal_type: String,
    regions: Vec<RegionAccess>,
}

#[derive(Deserialize)]
struct RegionAccess {
    region: String,
    endpoints: Vec<EndpointAccess>,
}

#[derive(Deserialize)]
struct EndpointAccess {
    /// `v3/forecast`.
    endpoint: String,
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
    pub(crate) const fn new(site: Site, key: Secret, points: Points) -> Self {
        Self {
            site,
            key,
            points,
            token: Mutex::new(None),
            regions: Mutex::new(BTreeMap::new()),
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
        let asked = self.site.get(&Ask {
            path: path.to_owned(),
            query: Vec::new(),
            pass: Pass::Basic(&self.key),
            now,
        });
        let bytes = asked.map_err(refused_login)?;
        let login: Login = json(&self.site.host, path, &bytes)?;
        let token = Secret::new(login.token);
        *kept = Some((token.clone(), now));
        Ok(token)
    }

    /// The body of an answer to a request with a token.
    fn get(
        &self,
        path: &str,
        query: &[(&'static str, String)],
        now: Timestamp,
    ) -> Result<Vec<u8>, SignalError> {
        let get = |token: &Secret| {
            self.site.get(&Ask {
                path: path.to_owned(),
                query: query.to_vec(),
                pass: Pass::Bearer(token),
                now,
            })
        };
        match get(&self.token(now, false)?) {
            // The token expired earlier than expected.
            Err(SignalError::Refused { status: 401, .. }) => get(&self.token(now, true)?),
            other => other,
        }
    }

    /// The region of a zone.
    fn region(&self, zone: &str, now: Timestamp) -> Result<String, SignalError> {
        let Some(point) = self.points.of(zone) else {
            return Ok(zone.to_owned());
        };
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(region) = regions.get(zone) {
            return Ok(region.clone());
        }
        let path = "/v3/region-from-loc";
        let query = [
            ("latitude", point.latitude()),
            ("longitude", point.longitude()),
            ("signal_type", SIGNAL.to_owned()),
        ];
        let bytes = self.get(path, &query, now).map_err(|error| match error {
            // A place outside its regions is refused with either status.
            SignalError::Refused {
                status: 400, said, ..
            } => SignalError::NoZone {
                zone: zone.to_owned(),
                what: format!(
                    "watttime has no region at {point}{said}; set its place under `places` in your settings, or name a region"
                ),
            },
            other => other.about(zone),
        })?;
        let place: Place = json(&self.site.host, path, &bytes)?;
        self.check(path, "signal_type", &place.signal_type, SIGNAL)?;
        regions.insert(zone.to_owned(), place.region.clone());
        Ok(place.region)
    }

    fn check(&self, path: &str, what: &str, told: &str, asked: &str) -> Result<(), SignalError> {
        if told == asked {
            return Ok(());
        }
        Err(SignalError::Schema {
            what: format!("{what} is {told}, but {asked} was expected"),
            place: format!("{}{path}", self.site.host),
        })
    }

    /// What the account may ask for.
    fn my_access(&self, now: Timestamp) -> Result<MyAccess, SignalError> {
        let path = "/v3/my-access";
        let bytes = self.get(path, &[], now)?;
        json(&self.site.host, path, &bytes)
    }

    fn ask(
        &self,
        path: &'static str,
        zone: &str,
        more: &[(&'static str, String)],
        now: Timestamp,
    ) -> Result<Answer, SignalError> {
        let region = self.region(zone, now)?;
        let mut query = vec![
            ("region", region.clone()),
            ("signal_type", SIGNAL.to_owned()),
        ];
        query.extend(more.iter().cloned());
        let bytes = self.get(path, &query, now).map_err(|error| match error {
            SignalError::Refused {
                host,
                status: 403,
                said,
            } => {
                let access = self.my_access(now).ok();
                SignalError::NotCovered {
                    host: format!("{host} for region {region}"),
                    said,
                    covers: access.map(|access| in_words(&access.regions(path))),
                }
            }
            other => other.about(zone),
        })?;
        let answer: Answer = json(&self.site.host, path, &bytes)?;
        let meta = &answer.meta;
        self.check(path, "units", &meta.units, UNIT)?;
        self.check(path, "region", &meta.region, &region)?;
        self.check(path, "signal_type", &meta.signal_type, SIGNAL)?;
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

impl MyAccess {
    /// The regions whose intensities may be asked for at a path, such as `/v3/forecast`.
    fn regions(&self, path: &str) -> Vec<&str> {
        let path = path.trim_start_matches('/');
        let signals = self.signal_types.iter();
        let regions = signals
            .filter(|signal| signal.signal_type == SIGNAL)
            .flat_map(|signal| &signal.regions);
        let is_open = |region: &&RegionAccess| {
            let mut endpoints = region.endpoints.iter();
            endpoints.any(|one| one.endpoint.trim_start_matches('/') == path)
        };
        let open = regions.filter(is_open);
        open.map(|region| region.region.as_str()).collect()
    }
}

/// The most regions that are named; others are counted.
const NAMED: usize = 4;

/// `the regions CAISO_NORTH and PJM_DC`, or `no region`.
fn in_words(regions: &[&str]) -> String {
    match regions {
        [] => "no region".to_owned(),
        [only] => format!("only the region {only}"),
        some if some.len() <= NAMED => format!("the regions {}", some.join(", ")),
        many => {
            let named: Vec<&str> = many.iter().take(NAMED).copied().collect();
            format!("{} regions, such as {}", many.len(), named.join(", "))
        }
    }
}

/// A login that was refused has the wrong user or password, whatever the status.
fn refused_login(error: SignalError) -> SignalError {
    match error {
        SignalError::Refused {
            host,
            status: status @ (401 | 403),
            said,
        } => SignalError::Access {
            variable: Provider::WattTime.variable("KEY"),
            what: format!(
                "{host} refused the login with status {status}{said}; expected user:password of an account"
            ),
        },
        other => other,
    }
}

impl GridSignal for WattTime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn covers(&self, now: Timestamp) -> Result<Option<String>, SignalError> {
        let access = self.my_access(now)?;
        let (past, ahead) = (
            access.regions("/v3/historical"),
            access.regions("/v3/forecast"),
        );
        Ok(Some(if past == ahead {
            in_words(&past)
        } else {
            format!(
                "{} for the past, and {} for forecasts",
                in_words(&past),
                in_words(&ahead)
            )
        }))
    }

    fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Series, SignalError> {
        let mut draft = Draft::new(NAME, zone, COUNTS, HOUR_MS / 12);
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
        let mut draft = Draft::new(NAME, zone, COUNTS, HOUR_MS / 12);
        Self::put(&mut draft, &answer)?;
        draft.forecast(now).map(Some)
    }
}
