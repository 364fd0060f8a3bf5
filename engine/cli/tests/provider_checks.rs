//! `doctor` asks configured providers, and `grid` says what figures count, records prices and uses
//! weather: the built binary with a server on the loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use std::net::TcpListener;

use jiff::{SignedDuration, Timestamp};
use scene::site::Site;
use scene::{Scene, Told};
use serde_json::Value;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The key of every test. It must be shown nowhere.
const KEY: &str = "hush-hush";

/// Runs `sunward` with settings and variables.
fn sunward(scene: &Scene, settings: &str, variables: &[(&str, &str)], words: &[&str]) -> Told {
    let file = scene.file("config/config.yaml", settings);
    let mut command = scene.command(words);
    command.env("SUNWARD_CONFIG", file);
    command.env("XDG_CACHE_HOME", scene.path().join("cache"));
    command.envs(variables.iter().copied());
    let told = Told::of(&command.output().unwrap());
    assert!(!told.out.contains(KEY) && !told.err.contains(KEY));
    told
}

/// The finding of one check.
fn finding(told: &Told, check: &str) -> Option<Value> {
    let diagnosis = told.json();
    let all = diagnosis["findings"].as_array().unwrap();
    all.iter().find(|one| one["check"] == check).cloned()
}

fn hour(at: Timestamp) -> Timestamp {
    let ms = at.as_millisecond().div_euclid(3_600_000) * 3_600_000;
    Timestamp::from_millisecond(ms).unwrap()
}

fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The last `hours` hours in Germany as Electricity Maps gives them.
fn germany(hours: i32) -> String {
    let now = hour(Timestamp::now());
    let rows: Vec<String> = (1..=hours)
        .rev()
        .map(|back| {
            format!(
                r#"{{"zone":"DE","carbonIntensity":300,"datetime":"{0}","updatedAt":"{0}","emissionFactorType":"lifecycle","isEstimated":false,"estimationMethod":null,"temporalGranularity":"hourly"}}"#,
                shown(now - HOUR * back)
            )
        })
        .collect();
    format!(r#"{{"zone":"DE","data":[{}]}}"#, rows.join(","))
}

const MAPS_KEY: (&str, &str) = ("SUNWARD_ELECTRICITY_MAPS_KEY", KEY);
const SETTINGS: &str = "zone: DE\ngrid: electricity-maps\n";
const DOCTOR: [&str; 2] = ["doctor", "--json"];
const MAPS: &str = "electricity-maps";

fn doctor(scene: &Scene, address: &str) -> Told {
    let url = ("SUNWARD_ELECTRICITY_MAPS_URL", address);
    sunward(scene, SETTINGS, &[MAPS_KEY, url], &DOCTOR)
}

#[test]
fn doctor_tells_how_old_the_newest_figure_is_and_what_it_counts() {
    let (scene, site) = (Scene::new(), Site::start(|_| (200, germany(72))));
    let told = doctor(&scene, &site.address);
    let finding = finding(&told, MAPS).unwrap();
    assert_eq!(finding["grade"], "good", "{finding}");
    let found = finding["found"].as_str().unwrap();
    assert!(
        found.starts_with("it answers; the newest figure of DE is "),
        "{found}"
    );
    assert!(
        found.contains("average, life-cycle emissions of consumption"),
        "{found}"
    );
    let asked = site.asked();
    assert_eq!(asked.len(), 1, "one question: {asked:?}");
    assert!(asked[0].starts_with("/v4/carbon-intensity/past-range?zone=DE"));
}

#[test]
fn doctor_tells_a_wrong_key_from_a_plan_that_lacks_something() {
    let scene = Scene::new();
    let wrong = Site::start(|_| (401, r#"{"error":"Invalid auth-token"}"#.to_owned()));
    let told = doctor(&scene, &wrong.address);
    assert_eq!(told.code, 3);
    let one = finding(&told, MAPS).unwrap();
    assert_eq!(one["grade"], "problem");
    let found = one["found"].as_str().unwrap();
    assert!(found.contains("Invalid auth-token"), "{found}");
    assert!(found.contains("/v4/carbon-intensity/past-range"), "{found}");
    let mend = one["mend"].as_str().unwrap();
    assert!(mend.contains("$SUNWARD_ELECTRICITY_MAPS_KEY"), "{mend}");

    let refusal = r#"{"error":"Request unauthorized for zoneKey=DE,requestType=past-range,dataType=carbon-intensity.","message":"You do not have access to this specific endpoint for this specific zone."}"#;
    let lacking = Site::start(|_| (401, refusal.to_owned()));
    let one = finding(&doctor(&scene, &lacking.address), MAPS).unwrap();
    let found = one["found"].as_str().unwrap();
    assert!(
        found.contains("knows the key, but its plan does not cover"),
        "{found}"
    );

    // A plan with the last day alone.
    let short = Site::start(|target| match target.contains("/history") {
        true => (200, germany(24)),
        false => (401, refusal.to_owned()),
    });
    let one = finding(&doctor(&scene, &short.address), MAPS).unwrap();
    assert_eq!(one["grade"], "note", "{one}");
    assert!(
        one["found"]
            .as_str()
            .unwrap()
            .contains("it gave nothing before")
    );
}

#[test]
fn doctor_asks_nobody_who_is_not_configured() {
    let (scene, site) = (Scene::new(), Site::start(|_| (200, germany(72))));
    let url = ("SUNWARD_UK_URL", site.address.as_str());
    let told = sunward(&scene, "zone: DE\n", &[], &DOCTOR);
    for provider in [
        "electricity-maps",
        "watttime",
        "uk",
        "carbon-aware-sdk",
        "entsoe",
        "eia",
    ] {
        assert_eq!(finding(&told, provider), None);
    }
    // One that the environment names, but no setting: it is asked, and its failure stops no run.
    let told = sunward(&scene, "zone: GB\n", &[url], &DOCTOR);
    let one = finding(&told, "uk").unwrap();
    assert_eq!(one["grade"], "note", "{one}");
    assert_eq!(site.asked().len(), 1);
    assert_eq!(finding(&told, MAPS), None);
    // Without a key or a zone there is nothing to ask.
    let told = sunward(&scene, SETTINGS, &[], &DOCTOR);
    let one = finding(&told, MAPS).unwrap();
    assert_eq!(one["grade"], "problem");
    let found = one["found"].as_str().unwrap();
    assert!(
        found.contains("$SUNWARD_ELECTRICITY_MAPS_KEY is not set"),
        "{found}"
    );
    let told = sunward(&scene, "grid: electricity-maps\n", &[MAPS_KEY], &DOCTOR);
    let one = finding(&told, MAPS).unwrap();
    assert_eq!(one["grade"], "note", "{one}");
    assert!(
        one["found"]
            .as_str()
            .unwrap()
            .contains("zone of this machine is not set")
    );
}

#[test]
fn doctor_asks_through_the_sites_proxy_and_says_who_cannot_be_reached() {
    let (scene, proxy) = (Scene::new(), Site::start(|_| (200, germany(72))));
    let url = ("SUNWARD_ELECTRICITY_MAPS_URL", "http://grid.example.test");
    let through = ("HTTP_PROXY", proxy.address.as_str());
    let told = sunward(&scene, SETTINGS, &[MAPS_KEY, url, through], &DOCTOR);
    assert_eq!(finding(&told, MAPS).unwrap()["grade"], "good");
    let whole = "http://grid.example.test/v4/carbon-intensity/past-range";
    assert!(proxy.asked().iter().any(|asked| asked.starts_with(whole)));

    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let one = finding(&doctor(&scene, &nobody), MAPS).unwrap();
    assert_eq!(one["grade"], "problem");
    assert!(
        one["found"].as_str().unwrap().contains("cannot be reached"),
        "{one}"
    );
    assert!(
        one["mend"]
            .as_str()
            .unwrap()
            .contains("`proxy` and `certificates`")
    );
}

#[test]
fn a_version_of_the_settings_is_asked() {
    let (scene, site) = (Scene::new(), Site::start(|_| (200, germany(72))));
    let settings = format!("{SETTINGS}electricity_maps: {{ version: 3 }}\n");
    let url = ("SUNWARD_ELECTRICITY_MAPS_URL", site.address.as_str());
    sunward(&scene, &settings, &[MAPS_KEY, url], &DOCTOR);
    assert!(site.asked()[0].starts_with("/v3/carbon-intensity/past-range"));
}

#[test]
fn grid_says_what_its_figures_count() {
    let scene = Scene::new();
    let site = Site::start(|target| match target.contains("forecast") {
        true => (
            401,
            r#"{"message":"You do not have access to this"}"#.to_owned(),
        ),
        false => (200, germany(100 * 24)),
    });
    let url = ("SUNWARD_ELECTRICITY_MAPS_URL", site.address.as_str());
    let grid = |words: &[&str]| sunward(&scene, SETTINGS, &[MAPS_KEY, url], words).expect(0);
    let told = grid(&["grid", "--json"]).json();
    let zone = &told["zones"][0];
    assert_eq!(zone["kind"], "average");
    let expected = serde_json::json!({ "factors": "life_cycle", "flow": "consumption" });
    assert_eq!(zone["basis"], expected);
    let text = grid(&["grid"]).out;
    assert!(
        text.contains("gCO2e/kWh, average, life-cycle emissions of consumption;"),
        "{text}"
    );
}

/// ENTSO-E's answers for any zone: gas, wind and a price for every hour.
fn entsoe(target: &str) -> (u16, String) {
    let parameter = |name: &str| {
        let query = target.split_once('?').unwrap().1;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).unwrap().1.to_owned()
    };
    let moment = |name: &str| -> Timestamp {
        let text = parameter(name);
        let (day, hour) = (&text[..8], &text[8..]);
        format!(
            "{}-{}-{}T{}:{}:00Z",
            &day[..4],
            &day[4..6],
            &day[6..],
            &hour[..2],
            &hour[2..]
        )
        .parse()
        .unwrap()
    };
    let (from, until) = (moment("periodStart"), moment("periodEnd"));
    let stamp = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%MZ").to_string();
    let interval = format!(
        "<timeInterval><start>{}</start><end>{}</end></timeInterval><resolution>PT60M</resolution>",
        stamp(from),
        stamp(until)
    );
    let period = |element: &str, value: fn(i64) -> i64| {
        let first = from.as_second() / 3600;
        let hours = until.as_second() / 3600 - first;
        let points: Vec<String> = (0..hours)
            .map(|hour| {
                format!(
                    "<Point><position>{}</position><{element}>{}</{element}></Point>",
                    hour + 1,
                    value(first + hour)
                )
            })
            .collect();
        format!("<Period>{interval}{}</Period>", points.concat())
    };
    if target.contains("documentType=A44") {
        return (
            200,
            format!(
                "<Publication_MarketDocument><TimeSeries><currency_Unit.name>EUR</currency_Unit.name><price_Measure_Unit.name>MWH</price_Measure_Unit.name><curveType>A03</curveType>{}</TimeSeries></Publication_MarketDocument>",
                period("price.amount", euros)
            ),
        );
    }
    let series = |code: &str, megawatts: fn(i64) -> i64| {
        format!(
            "<TimeSeries><quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>A03</curveType><MktPSRType><psrType>{code}</psrType></MktPSRType>{}</TimeSeries>",
            period("quantity", megawatts)
        )
    };
    let all = [
        series("B04", |hour| 400 + 10 * (hour % 24)),
        series("B19", |hour| 600 - 10 * (hour % 24)),
    ];
    (
        200,
        format!("<GL_MarketDocument>{}</GL_MarketDocument>", all.concat()),
    )
}

/// The price of an hour since the epoch.
const fn euros(hour: i64) -> i64 {
    20 + 2 * (hour % 24) + 7 * (hour / 24 % 5)
}

#[test]
fn a_providers_prices_are_used_for_the_hours_to_come() {
    let (scene, site) = (Scene::new(), Site::start(entsoe));
    let url = ("SUNWARD_ENTSOE_URL", site.address.as_str());
    let key = ("SUNWARD_ENTSOE_KEY", KEY);
    let grid = |zone: &str| {
        let words = ["grid", zone, "--grid", "entsoe", "--json"];
        sunward(&scene, "", &[url, key], &words).expect(0).json()
    };
    let told = grid("DE");
    assert_eq!(
        told["zones"][0]["source"],
        "entsoe: forecast from its past and published day-ahead prices"
    );
    let asked = site.asked().len();
    assert_eq!(
        asked,
        5,
        "the past in four parts, and prices: {:?}",
        site.asked()
    );
    // Prices are kept as the past is.
    grid("DE");
    assert_eq!(site.asked().len(), asked);
    // A zone without a price of its own is forecast from its past.
    let told = grid("NO");
    assert_eq!(told["zones"][0]["source"], "entsoe: forecast from its past");
}

#[test]
fn a_fetched_record_has_the_prices_of_hours_to_come_and_grows() {
    let (scene, site) = (Scene::new(), Site::start(entsoe));
    let url = ("SUNWARD_ENTSOE_URL", site.address.as_str());
    let key = ("SUNWARD_ENTSOE_KEY", KEY);
    let from = shown(hour(Timestamp::now()) - HOUR * 72);
    let fetch = || {
        let words = [
            "grid", "fetch", "--grid", "entsoe", "--zone", "DE", "--from", &from, "--out", "grid",
            "--json",
        ];
        sunward(&scene, "", &[url, key], &words).expect(0).json()
    };
    let told = fetch();
    let zone = &told["zones"][0];
    assert_eq!(zone["basis"]["flow"], "generation");
    let until: Timestamp = zone["until"].as_str().unwrap().parse().unwrap();
    let priced: Timestamp = zone["priced_until"].as_str().unwrap().parse().unwrap();
    // To the end of today or of tomorrow, in Berlin.
    assert!(priced > until, "{zone}");
    let local = jiff::tz::TimeZone::get("Europe/Brussels")
        .unwrap()
        .to_datetime(priced);
    assert_eq!((local.hour(), local.minute()), (0, 0));
    let text = scene.text("grid/DE.csv");
    let last = text.lines().last().unwrap();
    let price = euros((priced - HOUR).as_second() / 3600);
    assert_eq!(
        last,
        format!("{},,,{price},,,", shown(priced - HOUR)),
        "{text}"
    );
    // The record is read as any other, and fetched again it stays as it is.
    let read = sunward(&scene, "", &[], &["grid", "--grid", "grid", "--json"]).expect(0);
    assert!(
        read.json()["zones"][0]["now_gco2e_per_kwh"]
            .as_f64()
            .unwrap()
            > 190.0
    );
    fetch();
    let again = scene.text("grid/DE.csv");
    assert!(again.lines().count() >= text.lines().count());
    assert!(
        again.starts_with(
            text.lines()
                .take(70)
                .collect::<Vec<_>>()
                .join("\n")
                .as_str()
        )
    );
}

/// The weather of two points as Open-Meteo gives it: it is windier every second day.
fn weather(target: &str) -> (u16, String) {
    let (path, query) = target.split_once('?').unwrap();
    assert_eq!(path, "/v1/forecast");
    let query = query.replace("%2C", ",");
    let parameter = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).unwrap().1.to_owned()
    };
    let hour = |name: &str| {
        let midnight: Timestamp = format!("{}T00:00Z", parameter(name)).parse().unwrap();
        midnight.as_second() / 3600
    };
    let hours = hour("start_date")..hour("end_date") + 24;
    let list = |values: Vec<String>| values.join(",");
    let times = list(
        hours
            .clone()
            .map(|hour| (hour * 3600).to_string())
            .collect(),
    );
    let columns = parameter("hourly");
    let (mut units, mut figures) = (Vec::new(), Vec::new());
    for column in columns.split(',') {
        let (unit, value): (&str, fn(i64) -> i64) = match column.split('_').next().unwrap() {
            "wind" => ("m/s", |hour| 4 + 6 * (hour / 24 % 2)),
            "shortwave" => ("W/m²", |hour| 20 * (hour % 24)),
            _ => ("°C", |hour| hour % 24 - 3),
        };
        units.push(format!(r#""{column}":"{unit}""#));
        let values = list(hours.clone().map(|hour| value(hour).to_string()).collect());
        figures.push(format!(r#""{column}":[{values}]"#));
    }
    let place = format!(
        r#"{{"latitude":52.5,"longitude":13.4,"utc_offset_seconds":0,"timezone":"GMT","hourly_units":{{"time":"unixtime",{}}},"hourly":{{"time":[{times}],{}}}}}"#,
        list(units),
        list(figures)
    );
    let points = parameter("latitude").split(',').count();
    let all = list(vec![place.clone(); points]);
    (
        200,
        if points == 1 {
            place
        } else {
            format!("[{all}]")
        },
    )
}

#[test]
fn weather_that_the_settings_ask_for_is_used_and_a_failure_stops_nothing() {
    let scene = Scene::new();
    let (grids, skies) = (Site::start(entsoe), Site::start(weather));
    let settings = "weather: { points: { DE: [[54.3, 9.0], [48.1, 11.6]] } }\n";
    let variables = [
        ("SUNWARD_ENTSOE_URL", grids.address.as_str()),
        ("SUNWARD_ENTSOE_KEY", KEY),
        ("SUNWARD_OPEN_METEO_URL", skies.address.as_str()),
    ];
    let words = ["grid", "DE", "--grid", "entsoe", "--json"];
    let source = |settings: &str, variables: &[(&str, &str)]| {
        let told = sunward(&scene, settings, variables, &words).expect(0);
        (told.json()["zones"][0]["source"].clone(), told.err)
    };
    let (used, said) = source(settings, &variables);
    assert_eq!(
        used,
        "entsoe: forecast from its past, published day-ahead prices and weather forecasts"
    );
    assert!(!said.contains("open-meteo"), "{said}");
    let asked = skies.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked[0].contains("latitude=54.300%2C48.100&longitude=9.000%2C11.600"),
        "{asked:?}"
    );
    assert!(asked[0].contains("temperature_2m_previous_day3") && !asked[1].contains("previous"));
    // It is kept, and a machine whose settings name no weather asks for none.
    source(settings, &variables);
    let (used, _) = source("", &variables);
    assert_eq!(
        used,
        "entsoe: forecast from its past and published day-ahead prices"
    );
    assert_eq!(skies.asked().len(), 2);

    // In a past that is replayed, which forecast was the newest is not known.
    let then = shown(hour(Timestamp::now()) - HOUR * 24);
    let replayed = [&words[..], &["--as-of", &then]].concat();
    let told = sunward(&scene, settings, &variables, &replayed).expect(0);
    assert_eq!(
        told.json()["zones"][0]["source"],
        "entsoe: forecast from its past, published day-ahead prices and weather forecasts"
    );
    let asked = skies.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[2].contains("previous_day1"), "{asked:?}");

    let refusing = Site::start(|_| {
        let reason = "Daily API request limit exceeded. Please try again tomorrow.";
        (429, format!(r#"{{"reason":"{reason}","error":true}}"#))
    });
    let mut refused = variables;
    refused[2].1 = refusing.address.as_str();
    let (used, said) = source(settings, &refused);
    assert_eq!(
        used,
        "entsoe: forecast from its past and published day-ahead prices"
    );
    assert!(
        said.contains("zone DE: open-meteo: ")
            && said.contains("too many requests and asks to wait for"),
        "{said}"
    );
    assert_eq!(refusing.asked().len(), 1, "a limit is not tried again");
}

#[test]
fn doctor_asks_for_the_temperature_where_weather_is_asked_for() {
    let scene = Scene::new();
    let skies = Site::start(weather);
    let check = "open-meteo";
    let doctor = |settings: &str, address: &str| {
        let url = ("SUNWARD_OPEN_METEO_URL", address);
        finding(&sunward(&scene, settings, &[url], &DOCTOR), check)
    };
    assert_eq!(
        doctor("zone: DE\n", &skies.address),
        None,
        "no setting names it"
    );
    let good = doctor("zone: DE\nweather: open-meteo\n", &skies.address).unwrap();
    assert_eq!(good["grade"], "good", "{good}");
    let found = good["found"].as_str().unwrap();
    assert!(
        found.starts_with("it answers; at its point in DE there are now "),
        "{found}"
    );
    let asked = skies.asked();
    assert_eq!(asked.len(), 1, "one question: {asked:?}");
    assert!(asked[0].contains("hourly=temperature_2m&"), "{asked:?}");
    let refusing = Site::start(|_| {
        (
            400,
            r#"{"error":true,"reason":"The supplied API key is invalid."}"#.to_owned(),
        )
    });
    let bad = doctor("zone: DE\nweather: open-meteo\n", &refusing.address).unwrap();
    assert_eq!(bad["grade"], "note", "runs go on: {bad}");
    assert!(
        bad["found"]
            .as_str()
            .unwrap()
            .contains("The supplied API key is invalid."),
        "{bad}"
    );
    assert!(
        bad["mend"]
            .as_str()
            .unwrap()
            .contains("$SUNWARD_OPEN_METEO_KEY"),
        "{bad}"
    );
    for (settings, mend) in [
        ("weather: open-meteo\n", "set `zone:`"),
        ("zone: XX\nweather: open-meteo\n", "`weather.points`"),
    ] {
        let note = doctor(settings, &skies.address).unwrap();
        assert_eq!(note["grade"], "note", "{note}");
        assert!(note["mend"].as_str().unwrap().contains(mend), "{note}");
    }
    assert_eq!(skies.asked().len(), 1);
}
