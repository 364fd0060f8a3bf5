//! Weather from Open-Meteo: its shapes, its refusals, and what is kept of its answers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sunward_core::Timestamp;
use sunward_grid::provider::{
    Access, Client, Limits, Point, Points, SignalError, WeatherFeed, WeatherOptions,
};
use sunward_grid::weather::Sky;

use crate::server::{Reply, Request, Server};
use crate::sites::{HOUR_MS, NOW};

const DAY_MS: u64 = 24 * HOUR_MS;

/// Ten days before `NOW`, at midnight.
const BEGIN: Timestamp = Timestamp(NOW.0 - NOW.0 % DAY_MS - 10 * DAY_MS);

fn seconds(date: &str) -> i64 {
    let midnight: jiff::Timestamp = format!("{date}T00:00Z").parse().unwrap();
    midnight.as_second()
}

/// How many days before an hour the forecast in a column was made: `wind_speed_100m_previous_day2`.
fn days_before(column: &str) -> i64 {
    column
        .rsplit_once("_previous_day")
        .map_or(0, |(_, days)| days.parse().unwrap())
}

/// What is forecast for an hour. At each point it is a degree warmer than at the one before.
fn value(column: &str, hour: i64, point: usize) -> f64 {
    let days = days_before(column);
    let point = f64::from(u32::try_from(point).unwrap());
    let whole = |value: i64| f64::from(i32::try_from(value).unwrap());
    if column.starts_with("wind_speed_100m") {
        7.5 + whole(days)
    } else if column.starts_with("shortwave_radiation") {
        whole(10 * (hour % 24) + days)
    } else {
        whole(hour % 24 - 5 * days) + point
    }
}

fn unit(column: &str) -> &'static str {
    match column.split('_').next().unwrap() {
        "wind" => "m/s",
        "shortwave" => "W/m²",
        _ => "°C",
    }
}

/// The documented answer: an object for one point, and a list of them for several.
fn answer(request: &Request) -> Reply {
    let asked = |name: &str| request.parameter(name).unwrap();
    assert_eq!(asked("wind_speed_unit"), "ms");
    assert_eq!(
        (asked("timezone"), asked("timeformat")),
        ("GMT", "unixtime")
    );
    let hours = seconds(asked("start_date")) / 3600..seconds(asked("end_date")) / 3600 + 24;
    let columns: Vec<&str> = asked("hourly").split(',').collect();
    let place = |(number, (latitude, longitude)): (usize, (&str, &str))| {
        let units = columns
            .iter()
            .map(|name| format!(r#""{name}":"{}""#, unit(name)));
        let units: Vec<String> = units.collect();
        let times: Vec<String> = hours
            .clone()
            .map(|hour| (hour * 3600).to_string())
            .collect();
        let figures = columns.iter().map(|name| {
            let values = hours
                .clone()
                .map(|hour| value(name, hour, number).to_string());
            format!(r#""{name}":[{}]"#, values.collect::<Vec<_>>().join(","))
        });
        let id = match number {
            0 => String::new(),
            _ => format!(r#""location_id":{number},"#),
        };
        format!(
            r#"{{"latitude":{latitude},"longitude":{longitude},"generationtime_ms":0.5,"utc_offset_seconds":0,"timezone":"GMT","timezone_abbreviation":"GMT","elevation":38.0,{id}"hourly_units":{{"time":"unixtime",{}}},"hourly":{{"time":[{}],{}}}}}"#,
            units.join(","),
            times.join(","),
            figures.collect::<Vec<_>>().join(",")
        )
    };
    let points = asked("latitude")
        .split(',')
        .zip(asked("longitude").split(','));
    let places: Vec<String> = points.enumerate().map(place).collect();
    Reply::ok(match places.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(",")),
    })
}

/// A feed of a server, with two points in Germany and one in Great Britain.
struct Asked {
    feed: WeatherFeed,
    waits: Arc<Mutex<Vec<Duration>>>,
}

fn asked(server: &Server, key: Option<&str>, folder: Option<&Path>) -> Asked {
    let access = Access::read(|name| match name {
        "SUNWARD_OPEN_METEO_URL" => Some(server.address()),
        "SUNWARD_OPEN_METEO_KEY" => key.map(str::to_owned),
        _ => None,
    });
    let waits = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&waits);
    let wait = Box::new(move |wait| noted.lock().unwrap().push(wait));
    let client = Arc::new(Client::new(Limits::default(), wait).unwrap());
    let point = |latitude, longitude| Point::at(latitude, longitude).unwrap();
    let germany = vec![point(54.3, 9.0), point(48.1, 11.6)];
    let options = WeatherOptions {
        points: BTreeMap::from([("DE".to_owned(), germany)]),
    };
    let asked = access.unwrap().open_meteo(&client).unwrap();
    let feed = WeatherFeed::new(asked, options, Points::default(), folder);
    Asked { feed, waits }
}

#[test]
fn it_is_asked_for_all_points_at_once_and_gives_their_means() {
    let server = Server::start(answer);
    let told = asked(&server, None, None)
        .feed
        .weather("DE", BEGIN, NOW, true)
        .unwrap();
    assert!(told.failed.is_none());
    let weather = told.weather;
    assert_eq!((weather.first, weather.issued_at), (BEGIN, NOW));
    assert!(weather.end() >= NOW.after_ms(66 * HOUR_MS));
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "the days before, and the newest");
    for request in &requests {
        assert!(
            request
                .target
                .starts_with("/v1/forecast?latitude=54.300,48.100&longitude=9.000,11.600&hourly=")
        );
        assert_eq!(request.parameter("apikey"), None);
    }
    let before = requests[0].parameter("hourly").unwrap();
    assert_eq!(before.split(',').count(), 9, "{before}");
    assert!(before.starts_with("wind_speed_100m_previous_day1,shortwave_radiation_previous_day1,temperature_2m_previous_day1,"));
    assert_eq!(
        requests[1].parameter("hourly"),
        Some("wind_speed_100m,shortwave_radiation,temperature_2m")
    );
    // 7.5 m/s turn a turbine at a quarter of its power. Radiation is told at the end of its hour. The
    // second point is a degree warmer, and the next hour too.
    let sky = weather.at(NOW, NOW).unwrap();
    assert_eq!(
        sky,
        Sky {
            turbine_permille: 232,
            radiation_w_per_m2: 130,
            temperature_decicelsius: 130
        }
    );
    // A day ago another was known for that hour, and two days ago yet another.
    let before = |days: u64| weather.at(NOW, Timestamp(NOW.0 - days * DAY_MS)).unwrap();
    assert_eq!(before(1).radiation_w_per_m2, 132);
    assert_eq!(before(2).radiation_w_per_m2, 133);
    assert_eq!(weather.at(NOW, Timestamp(NOW.0 - 3 * DAY_MS)), None);
}

#[test]
fn one_point_is_answered_without_a_list_and_a_key_is_sent() {
    let server = Server::start(answer);
    let feed = asked(&server, Some("hush"), None).feed;
    let told = feed.weather("GB", BEGIN, NOW, true).unwrap();
    assert_eq!(
        told.weather.at(NOW, NOW).unwrap().temperature_decicelsius,
        125
    );
    let request = &server.requests()[0];
    assert_eq!(request.parameter("latitude"), Some("51.510"));
    assert_eq!(request.parameter("apikey"), Some("hush"));
    let found = feed.try_out("GB", NOW).unwrap();
    assert_eq!(found, "it answers; at its point in GB there are now 12 °C");
    let cheap = server.requests().pop().unwrap();
    assert_eq!(cheap.parameter("hourly"), Some("temperature_2m"));
    assert_eq!(cheap.parameter("start_date"), cheap.parameter("end_date"));
}

#[test]
fn a_past_that_is_replayed_knows_only_what_was_forecast_before_it() {
    let server = Server::start(answer);
    let folder = tempfile::tempdir().unwrap();
    let feed = asked(&server, None, Some(folder.path())).feed;
    let weather = feed.weather("DE", BEGIN, NOW, false).unwrap().weather;
    assert_eq!(server.requests().len(), 1);
    assert!(weather.hours.iter().all(|hour| hour.newest.is_none()));
    assert_eq!(weather.at(NOW, NOW).unwrap().radiation_w_per_m2, 131);
    assert!(weather.at(NOW.after_ms(66 * HOUR_MS), NOW).is_some());
    assert_eq!(
        weather.at(NOW.after_ms(67 * HOUR_MS + 4 * HOUR_MS), NOW),
        None
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is kept"
    );
}

fn refusal(status: u16, reason: &'static str) -> impl Fn(&Request) -> Reply {
    move |_| Reply::status(status, format!(r#"{{"reason":"{reason}","error":true}}"#))
}

#[test]
fn its_refusals_are_told_and_a_limit_with_when_it_ends() {
    for (status, reason, told) in [
        (
            400,
            "Latitude must be in range of -90 to 90°. Given: 91.0.",
            "refused the request with status 400: Latitude must be in range of -90 to 90°. Given: 91.0.",
        ),
        (
            400,
            "Data corrupted at path ''. Cannot initialize SurfacePressureAndHeightVariable from invalid String value x.",
            "Cannot initialize SurfacePressureAndHeightVariable",
        ),
        (
            400,
            "The supplied API key is invalid.",
            "The supplied API key is invalid.; check that the key is right",
        ),
        (
            429,
            "Minutely API request limit exceeded. Please try again in one minute.",
            "too many requests and asks to wait for 60 s",
        ),
        (
            429,
            "Hourly API request limit exceeded. Please try again in the next hour.",
            "asks to wait for 3600 s",
        ),
        // `NOW` is noon.
        (
            429,
            "Daily API request limit exceeded. Please try again tomorrow.",
            "asks to wait for 43200 s",
        ),
        (
            429,
            "Too many concurrent requests",
            "too many requests and does not say when",
        ),
    ] {
        let server = Server::start(refusal(status, reason));
        let asked = asked(&server, None, None);
        let error = asked.feed.weather("DE", BEGIN, NOW, true).unwrap_err();
        assert!(error.to_string().contains(told), "{reason}: {error}");
        assert_eq!(error.is_passing(), status == 429, "{reason}");
        assert_eq!(
            server.requests().len(),
            1,
            "{reason}: it is not asked again at once"
        );
        assert!(asked.waits.lock().unwrap().is_empty());
    }
}

#[test]
fn an_answer_of_another_shape_is_refused() {
    type Twist = fn(String) -> String;
    let twists: [(Twist, &str); 8] = [
        (|_| "<html>login</html>".into(), "a web page"),
        (|body| body[..body.len() / 2].into(), "ends in the middle"),
        (
            |body| body.replace("m/s", "km/h"),
            "is in `km/h`, not in `m/s`",
        ),
        (
            |body| body.replace("\"shortwave_radiation", "\"radiation"),
            "there is no shortwave_radiation",
        ),
        (
            |body| body.replace(":[8.5,", ":[851,"),
            "851 m/s is impossible",
        ),
        (
            |body| body.replace(":[8.5,", ":["),
            "wind_speed_100m_previous_day1 for",
        ),
        (
            |body| body.replacen("\"time\":[17", "\"time\":[16", 1),
            "its times are not hour by hour",
        ),
        (
            |body| body.split("},{\"latitude\"").next().unwrap().to_owned() + "}]",
            "1 places for 2 points",
        ),
    ];
    for (twist, told) in twists {
        let server = Server::start(move |request| {
            let reply = answer(request);
            Reply::ok(twist(reply.body))
        });
        let error = asked(&server, None, None)
            .feed
            .weather("DE", BEGIN, NOW, true)
            .unwrap_err();
        assert!(error.to_string().contains(told), "{told}: {error}");
    }
    // A figure that is missing is not a mistake.
    let server =
        Server::start(|request| Reply::ok(answer(request).body.replace(":[8.5,", ":[null,")));
    let told = asked(&server, None, None)
        .feed
        .weather("DE", BEGIN, NOW, true);
    assert_eq!(told.unwrap().weather.hours[0].days_before[0], None);
}

#[test]
fn a_zone_whose_place_is_not_known_is_told_with_the_setting() {
    let server = Server::start(answer);
    let error = asked(&server, None, None)
        .feed
        .weather("XX", BEGIN, NOW, true)
        .unwrap_err();
    assert!(matches!(error, SignalError::NoZone { .. }));
    assert!(
        error.to_string().contains("`weather: { points: { XX: "),
        "{error}"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn it_is_asked_once_an_hour_for_what_is_new_and_kept_while_it_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let down = Arc::new(AtomicBool::new(false));
    let is_down = Arc::clone(&down);
    let server = Server::start(move |request| {
        if is_down.load(Ordering::SeqCst) {
            return Reply::status(502, "");
        }
        answer(request)
    });
    let feed = || asked(&server, None, Some(folder.path())).feed;
    let first = feed().weather("DE", BEGIN, NOW, true).unwrap().weather;
    assert_eq!(server.requests().len(), 2);
    let soon = NOW.after_ms(59 * 60_000);
    let again = feed().weather("DE", BEGIN, soon, true).unwrap().weather;
    assert_eq!((&again, server.requests().len()), (&first, 2));
    // In the next hour only the last day is asked for, and the rest is as it was.
    let next = NOW.after_ms(HOUR_MS);
    let from = BEGIN.after_ms(HOUR_MS);
    let grown = feed().weather("DE", from, next, true).unwrap().weather;
    assert_eq!(server.requests().len(), 4);
    assert_eq!(
        server.requests()[2].parameter("start_date"),
        Some("2024-03-01")
    );
    assert_eq!((grown.first, grown.issued_at), (from, next));
    let fresh = asked(&server, None, None).feed;
    let fresh = fresh.weather("DE", from, next, true).unwrap().weather;
    assert_eq!(grown.end(), fresh.end());
    for (at, (grown, fresh)) in grown.hours.iter().zip(&fresh.hours).enumerate() {
        assert_eq!(grown.days_before, fresh.days_before, "hour {at}");
    }
    // While it is down, what is kept is used, and said to be old.
    down.store(true, Ordering::SeqCst);
    let later = NOW.after_ms(5 * HOUR_MS);
    let kept = feed().weather("DE", from, later, true).unwrap();
    assert_eq!(kept.weather, grown);
    assert!(kept.failed.unwrap().to_string().contains("status 502"));
    assert!(
        feed().weather("GB", from, later, true).is_err(),
        "nothing is kept of GB"
    );
    // What was kept later is not known at an earlier moment.
    assert!(
        feed()
            .weather("DE", BEGIN, Timestamp(NOW.0 - 1), true)
            .is_err()
    );
}
