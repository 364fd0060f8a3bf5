//! The answers of each provider as in its documentation, and with one mistake.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sunward_core::Timestamp;
use sunward_grid::provider::{Access, Client, GridSignal, Limits, Provider, SignalError};

use crate::server::{Reply, Request, Server};

pub(crate) const HOUR_MS: u64 = 3_600_000;
/// 2024-03-02T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_709_380_800_000);
/// Six hours before.
pub(crate) const FROM: Timestamp = Timestamp(NOW.0 - 6 * HOUR_MS);

/// The key. That of `WattTime` has a user name before a colon.
pub(crate) const KEY: &str = "user:hush-hush";

/// The mistake in the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twist {
    Nothing,
    /// One figure is absurdly large.
    Absurd,
    /// One figure is negative.
    Negative,
    /// The fourth hour is null, or left out.
    Gap,
    /// A field has another name.
    Renamed,
    /// The unit is another.
    Unit,
    /// All figures are two days old.
    Old,
    /// The second hour was estimated.
    Estimated,
}

/// A provider, its zone, and the zone's figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) provider: Provider,
    pub(crate) zone: &'static str,
    /// Milligrams of the first hour, and the increase with each hour.
    pub(crate) milligrams: (u32, u32),
}

pub(crate) const SITES: [Site; 6] = [
    site(Provider::ElectricityMaps, "DE", (100_000, 10_000)),
    site(Provider::WattTime, "CAISO_NORTH", (100_000, 10_000)),
    site(Provider::Uk, "GB", (100_000, 10_000)),
    site(Provider::CarbonAwareSdk, "westus", (100_000, 10_000)),
    // Of 10 MW, gas has 1 in the first hour and one more in each following hour. The rest is wind.
    site(Provider::EntsoE, "DE", (58_900, 47_900)),
    site(Provider::Eia, "US-CAL-CISO", (58_900, 47_900)),
];

const fn site(provider: Provider, zone: &'static str, milligrams: (u32, u32)) -> Site {
    Site {
        provider,
        zone,
        milligrams,
    }
}

/// A provider that uses a server, and its waits between tries.
pub(crate) struct Asked {
    pub(crate) signal: Box<dyn GridSignal>,
    pub(crate) waits: Arc<Mutex<Vec<Duration>>>,
}

impl Site {
    pub(crate) fn access(&self, server: &Server, key: Option<&str>) -> Access {
        let (key_name, url_name) = (self.provider.variable("KEY"), self.provider.variable("URL"));
        let read = |name: &str| {
            if name == url_name {
                return Some(server.address());
            }
            key.filter(|_| name == key_name).map(str::to_owned)
        };
        Access::read(read).unwrap()
    }

    pub(crate) fn ask(&self, server: &Server) -> Asked {
        self.ask_with(server, Some(KEY)).unwrap()
    }

    pub(crate) fn ask_with(
        &self,
        server: &Server,
        key: Option<&str>,
    ) -> Result<Asked, SignalError> {
        let waits = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&waits);
        let limits = Limits {
            body_bytes: 60_000,
            ..Limits::default()
        };
        let wait = Box::new(move |wait| noted.lock().unwrap().push(wait));
        let client = Arc::new(Client::new(limits, wait)?);
        let signal = self.access(server, key).signal(self.provider, &client)?;
        Ok(Asked { signal, waits })
    }

    /// Milligrams of an hour.
    pub(crate) fn expected(&self, hour: u32) -> u32 {
        self.milligrams.0 + hour * self.milligrams.1
    }

    /// The documented answer to a request, with one mistake.
    pub(crate) fn answer(&self, request: &Request, twist: Twist) -> Reply {
        match self.provider {
            Provider::ElectricityMaps => electricity_maps(request, twist),
            Provider::WattTime => watttime(request, twist),
            Provider::Uk => uk(request, twist),
            Provider::CarbonAwareSdk => carbon_aware(request, twist),
            Provider::EntsoE => entsoe(twist),
            Provider::Eia => eia(twist),
            Provider::OpenAdr => unreachable!("a site's server has tests of its own"),
        }
    }

    /// Whether a request has the key in the form that the provider expects.
    pub(crate) fn lets_in(&self, request: &Request) -> bool {
        match self.provider {
            Provider::ElectricityMaps => request.has_header(&format!("auth-token: {KEY}")),
            // The login has the key in base64. Other requests have the token from the login.
            Provider::WattTime if request.target == "/login" => {
                request.has_header("authorization: Basic dXNlcjpodXNoLWh1c2g=")
            }
            Provider::WattTime => request.has_header("authorization: Bearer token-1"),
            Provider::Uk | Provider::CarbonAwareSdk | Provider::OpenAdr => {
                !request.target.contains("hush")
            }
            Provider::EntsoE => request.parameter("securityToken") == Some(KEY),
            Provider::Eia => request.parameter("api_key") == Some(KEY),
        }
    }
}

/// `2024-03-02T06:05:00Z`: hours and minutes after `FROM`, or two days before that if figures are
/// to be old.
fn time(hour: u64, minute: u64, twist: Twist) -> String {
    let old_ms = if twist == Twist::Old { 48 * HOUR_MS } else { 0 };
    let at = FROM.0 + hour * HOUR_MS + minute * 60_000 - old_ms;
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at).unwrap()).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Grams of an hour, as JSON.
fn grams(hour: u64, twist: Twist, factor: f64) -> String {
    let value = match (twist, hour) {
        (Twist::Absurd, 2) => 1e7,
        (Twist::Negative, 2) => -1.0,
        (Twist::Gap, 3) => return "null".to_owned(),
        _ => f64::from(u32::try_from(100 + 10 * hour).unwrap()),
    };
    format!("{}", value * factor)
}

/// Whether the request is for future hours.
fn is_ahead(request: &Request) -> bool {
    request.target.contains("forecast") || request.target.contains("fw48h")
}

/// The past six hours, or the next.
fn hours(request: &Request) -> std::ops::Range<u64> {
    if is_ahead(request) { 6..12 } else { 0..6 }
}

fn electricity_maps(request: &Request, twist: Twist) -> Reply {
    let value = if twist == Twist::Renamed {
        "intensity"
    } else {
        "carbonIntensity"
    };
    let kind = if twist == Twist::Unit {
        "direct"
    } else {
        "lifecycle"
    };
    let all: Vec<String> = hours(request)
        .map(|hour| {
            let at = time(hour, 0, twist);
            let estimated = twist == Twist::Estimated && hour == 1;
            format!(
                r#"{{"zone":"DE","{value}":{},"datetime":"{at}","updatedAt":"{at}","createdAt":"{at}","emissionFactorType":"{kind}","isEstimated":{estimated},"estimationMethod":null,"temporalGranularity":"hourly"}}"#,
                grams(hour, twist, 1.0),
            )
        })
        .collect();
    let list = if is_ahead(request) {
        "forecast"
    } else {
        "data"
    };
    Reply::ok(format!(
        r#"{{"zone":"DE","{list}":[{}],"updatedAt":"{}"}}"#,
        all.join(","),
        time(5, 0, twist)
    ))
}

fn watttime(request: &Request, twist: Twist) -> Reply {
    if request.target == "/login" {
        return Reply::ok(r#"{"token":"token-1"}"#);
    }
    let value = if twist == Twist::Renamed {
        "moer"
    } else {
        "value"
    };
    let unit = if twist == Twist::Unit {
        "kgs_co2_per_mwh"
    } else {
        "lbs_co2_per_mwh"
    };
    let mut all = Vec::new();
    for hour in hours(request) {
        for minute in (0..60).step_by(5) {
            let at = time(hour, minute, twist);
            // The hour with the gap lacks three values in a row.
            let twist = if minute > 10 && twist == Twist::Gap {
                Twist::Nothing
            } else {
                twist
            };
            let imputed = if twist == Twist::Estimated && hour == 1 {
                r#","imputed":true"#
            } else {
                ""
            };
            let pounds = grams(hour, twist, 1.0 / 0.453_592_37);
            all.push(format!(
                r#"{{"point_time":"{at}","{value}":{pounds}{imputed}}}"#
            ));
        }
    }
    Reply::ok(format!(
        r#"{{"data":[{}],"meta":{{"region":"CAISO_NORTH","signal_type":"co2_moer","model":{{"date":"2023-03-01"}},"units":"{unit}","data_point_period_seconds":300,"generated_at":"{}","warnings":[]}}}}"#,
        all.join(","),
        time(5, 55, twist)
    ))
}

fn uk(request: &Request, twist: Twist) -> Reply {
    let actual = if twist == Twist::Renamed {
        "measured"
    } else {
        "actual"
    };
    let mut all = Vec::new();
    for hour in hours(request) {
        for minute in [0, 30] {
            let (from, to) = (time(hour, minute, twist), time(hour, minute + 30, twist));
            let to = if twist == Twist::Unit {
                time(hour, minute + 15, twist)
            } else {
                to
            };
            let value = grams(hour, twist, 1.0);
            let is_estimated = twist == Twist::Estimated && hour == 1 || is_ahead(request);
            let measured = if is_estimated { "null" } else { &value };
            all.push(format!(
                r#"{{"from":"{}Z","to":"{}Z","intensity":{{"forecast":{value},"{actual}":{measured},"index":"low"}}}}"#,
                &from[..16],
                &to[..16]
            ));
        }
    }
    Reply::ok(format!(r#"{{"data":[{}]}}"#, all.join(",")))
}

fn carbon_aware(request: &Request, twist: Twist) -> Reply {
    if is_ahead(request) {
        let value = if twist == Twist::Renamed {
            "rating"
        } else {
            "value"
        };
        let minutes = if twist == Twist::Unit { 7 } else { 60 };
        let all: Vec<String> = hours(request)
            .map(|hour| {
                format!(
                    r#"{{"location":"westus","timestamp":"{}","duration":{minutes},"{value}":{}}}"#,
                    time(hour, 0, twist).replace('Z', "+00:00"),
                    grams(hour, twist, 1.0)
                )
            })
            .collect();
        return Reply::ok(format!(
            r#"[{{"requestedAt":"{0}","generatedAt":"{0}","location":"westus","windowSize":60,"optimalDataPoints":[],"forecastData":[{1}]}}]"#,
            time(5, 0, twist),
            all.join(",")
        ));
    }
    let value = if twist == Twist::Renamed {
        "value"
    } else {
        "rating"
    };
    let length = if twist == Twist::Unit {
        "00:07:00"
    } else {
        "01:00:00"
    };
    let all: Vec<String> = hours(request)
        .map(|hour| {
            format!(
                r#"{{"location":"westus","time":"{}","{value}":{},"duration":"{length}"}}"#,
                time(hour, 0, twist).replace('Z', "+00:00"),
                grams(hour, twist, 1.0)
            )
        })
        .collect();
    Reply::ok(format!("[{}]", all.join(",")))
}

/// Gas in MW: one in the first hour, and one more in each following hour.
fn gas(hour: u64, twist: Twist) -> f64 {
    match (twist, hour) {
        (Twist::Absurd, 2) => 1e9,
        (Twist::Negative, 2) => -50.0,
        _ => f64::from(u32::try_from(hour + 1).unwrap()),
    }
}

fn wind(hour: u64) -> f64 {
    f64::from(u32::try_from(9 - hour).unwrap())
}

fn entsoe(twist: Twist) -> Reply {
    let step = if twist == Twist::Renamed {
        "psr"
    } else {
        "psrType"
    };
    let unit = if twist == Twist::Unit { "KWT" } else { "MAW" };
    let series = |code: &str, direction: &str, points: String| {
        format!(
            "<TimeSeries><mRID>1</mRID><businessType>A01</businessType><{direction}BiddingZone_Domain.mRID codingScheme=\"A01\">10Y1001A1001A82H</{direction}BiddingZone_Domain.mRID><quantity_Measure_Unit.name>{unit}</quantity_Measure_Unit.name><curveType>A01</curveType><MktPSRType><{step}>{code}</{step}></MktPSRType><Period><timeInterval><start>{}Z</start><end>{}Z</end></timeInterval><resolution>PT60M</resolution>{points}</Period></TimeSeries>",
            &time(0, 0, twist)[..16],
            &time(6, 0, twist)[..16]
        )
    };
    let points = |power: &dyn Fn(u64) -> f64| {
        (0..6)
            .filter(|hour| !(twist == Twist::Gap && *hour == 3))
            .map(|hour| {
                format!(
                    "<Point><position>{}</position><quantity>{}</quantity></Point>",
                    hour + 1,
                    power(hour)
                )
            })
            .collect::<String>()
    };
    let mut all = vec![
        series("B04", "in", points(&|hour| gas(hour, twist))),
        series("B19", "in", points(&wind)),
        // The consumption and output of pumped storage do not count.
        series("B10", "out", points(&|_| 500.0)),
        series("B10", "in", points(&|_| 500.0)),
    ];
    if twist == Twist::Estimated {
        all.push(series(
            "B99",
            "in",
            points(&|hour| if hour == 1 { 1.0 } else { 0.0 }),
        ));
    }
    Reply::ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<GL_MarketDocument xmlns=\"urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0\"><mRID>x</mRID>{}</GL_MarketDocument>",
        all.concat()
    ))
}

fn eia(twist: Twist) -> Reply {
    let value = if twist == Twist::Renamed {
        "amount"
    } else {
        "value"
    };
    let unit = if twist == Twist::Unit {
        "kilowatthours"
    } else {
        "megawatthours"
    };
    let row = |hour: u64, code: &str, power: &str| {
        // The end of the hour.
        let period = &time(hour + 1, 0, twist)[..13];
        format!(
            r#"{{"period":"{period}","respondent":"CISO","respondent-name":"x","fueltype":"{code}","type-name":"x","{value}":{power},"value-units":"{unit}"}}"#
        )
    };
    let mut rows = Vec::new();
    for hour in 0..6 {
        // EIA sends null, numbers, and numbers as text.
        let power = if twist == Twist::Gap && hour == 3 {
            "null".to_owned()
        } else {
            format!("\"{}\"", gas(hour, twist))
        };
        rows.push(row(hour, "NG", &power));
        rows.push(row(hour, "WND", &wind(hour).to_string()));
        rows.push(row(hour, "BAT", "-4000"));
        if twist == Twist::Estimated && hour == 1 {
            rows.push(row(hour, "NEW", "1"));
        }
    }
    Reply::ok(format!(
        r#"{{"response":{{"total":"{}","dateFormat":"YYYY-MM-DD\"T\"HH24","frequency":"hourly","data":[{}]}},"apiVersion":"2.1.8"}}"#,
        rows.len(),
        rows.join(",")
    ))
}
