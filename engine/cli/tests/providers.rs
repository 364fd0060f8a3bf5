//! Grid data from a provider: the built binary with a server on the loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use scene::site::Site;
use scene::{Scene, Told};

const HALF: SignedDuration = SignedDuration::from_mins(30);

/// A stage of two hours that must end by tomorrow.
const PATIENT: &str = "\
name: patient
place: { deadline: 24h }
stages:
  search:
    run: printf 'n\\n1\\n' > ${{ outputs.out }}
    outputs: { out: { format: csv, schema: { n: int64 } } }
    expect: { time: 2h, power: 1000W }
outputs: { out: search.out }
";

/// Great Britain's API. It measures 300 g, and forecasts clean hours from five to nine hours ahead.
struct Britain(Site);

impl Britain {
    fn start() -> Self {
        // The request to a proxy has the whole address.
        let body = |target: &str| answer(target.trim_start_matches("http://grid.example.test"));
        Self(Site::start(move |target| (200, body(target))))
    }

    fn asked(&self) -> Vec<String> {
        self.0.asked()
    }

    fn sunward(&self, scene: &Scene, words: &[&str]) -> Told {
        let mut command = scene.command(words);
        command.env("SUNWARD_UK_URL", &self.0.address);
        command.env("XDG_CACHE_HOME", scene.path().join("cache"));
        Told::of(&command.output().unwrap())
    }
}

fn answer(path: &str) -> String {
    match path {
        "/login" => return r#"{"token":"t"}"#.to_owned(),
        "/v3/my-access" => return r#"{"signal_types":[]}"#.to_owned(),
        _ if path.starts_with("/v3/region-from-loc") => {
            return r#"{"region":"CAISO_NORTH","region_full_name":"California","signal_type":"co2_moer"}"#
                .to_owned();
        }
        _ if path.starts_with("/v3/") => return watttime(path),
        _ => {}
    }
    let parts: Vec<&str> = path.trim_start_matches("/intensity/").split('/').collect();
    let from: Timestamp = parts[0].parse().unwrap();
    let ms = from.as_millisecond() / 1_800_000 * 1_800_000;
    let from = Timestamp::from_millisecond(ms).unwrap();
    let is_ahead = parts[1] == "fw48h";
    let until = if is_ahead {
        from + SignedDuration::from_hours(48)
    } else {
        parts[1].parse().unwrap()
    };
    let shown = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%MZ").to_string();
    let mut rows = Vec::new();
    let mut at = from;
    while at < until {
        let hours = at.duration_since(from).as_hours();
        let grams = if is_ahead && (5..9).contains(&hours) {
            20
        } else {
            300
        };
        let actual = if is_ahead {
            "null".to_owned()
        } else {
            grams.to_string()
        };
        rows.push(format!(
            r#"{{"from":"{}","to":"{}","intensity":{{"forecast":{grams},"actual":{actual},"index":"low"}}}}"#,
            shown(at),
            shown(at + HALF)
        ));
        at += HALF;
    }
    format!(r#"{{"data":[{}]}}"#, rows.join(","))
}

/// `WattTime`'s past and forecast: 1000 lb/MWh at all times, which is 453.592 g/kWh.
fn watttime(path: &str) -> String {
    let query = path.split_once('?').unwrap().1.replace("%3A", ":");
    let field = |name: &str| {
        let fields = query.split('&');
        let found = fields.filter_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned).next()
    };
    let now = Timestamp::now();
    let moment = |name: &str| field(name).map(|text| text.parse::<Timestamp>().unwrap());
    let from = moment("start").unwrap_or(now).as_second() / 300 * 300;
    let until = moment("end").unwrap_or(now + SignedDuration::from_hours(24));
    let points: Vec<String> = (from..until.as_second())
        .step_by(300)
        .map(|at| {
            let at = Timestamp::from_second(at).unwrap();
            format!(r#"{{"point_time":"{at}","value":1000.0}}"#)
        })
        .collect();
    format!(
        r#"{{"data":[{}],"meta":{{"region":"{}","signal_type":"{}","units":"lbs_co2_per_mwh","data_point_period_seconds":300,"generated_at":"{now}","warnings":[]}}}}"#,
        points.join(","),
        field("region").unwrap(),
        field("signal_type").unwrap()
    )
}

#[test]
fn marginal_figures_alone_are_told_as_such_and_not_as_no_grid() {
    let (scene, server) = (Scene::with(PATIENT), Britain::start());
    let words = ["run", "workflow.yaml", "--grid", "watttime", "--now"];
    let mut command = scene.command(&[&words[..], &["--zone", "US-CAL-CISO"]].concat());
    command.env("SUNWARD_WATTTIME_URL", &server.0.address);
    command.env("SUNWARD_WATTTIME_KEY", "user:password");
    scene.file("settings.yaml", "watts_per_core: 20000000\n");
    command.env("SUNWARD_CONFIG", scene.path().join("settings.yaml"));
    let told = Told::of(&command.output().unwrap()).expect(0);
    assert!(
        told.out.contains("only marginal intensities are known"),
        "{}",
        told.out
    );
    let report = scene.sunward(&["report", "--json"]).expect(0).json();
    let ledger = &report["ledger"];
    assert!(ledger["gco2e"].is_null() && ledger["gco2e_at_home_now"].is_null());
    assert!(ledger["gco2e_marginal"].as_f64().unwrap() > 0.0, "{ledger}");
    assert!(ledger["gco2e_marginal_at_home_now"].is_number(), "{ledger}");
    let note = ledger["note"].as_str().unwrap();
    assert!(
        note.contains("only marginal intensities are known"),
        "{note}"
    );
    let row = &report["entries"]["used"][0];
    assert_eq!(row["marginal"]["gco2e_per_kwh"], 453.592);
    assert_eq!(row["marginal"]["provider"], "watttime");
    assert_eq!(row["marginal"]["factors"], "direct");
    assert!(row["marginal"]["published"].is_string());
    assert!(row["average"].is_null() && row["gco2e"].is_null());
    scene.sunward(&["report", "--out", "report.html"]).expect(0);
    assert!(!scene.text("report.html").contains("no grid was given"));
}

#[test]
fn what_is_fetched_is_a_recorded_grid_that_grows() {
    let (scene, britain) = (Scene::new(), Britain::start());
    let fetch = |from: &str, until: &str| {
        let words = [
            "grid", "fetch", "--grid", "uk", "--zone", "GB", "--out", "grid", "--json",
        ];
        let words = [&words[..], &["--from", from, "--until", until]].concat();
        britain.sunward(&scene, &words)
    };
    let told = fetch("2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z");
    let told = told.expect(0).json();
    let zone = &told["zones"][0];
    assert_eq!(
        (&zone["hours"], &zone["source"]),
        (&24.into(), &"uk".into())
    );
    assert_eq!(zone["file"], "grid/GB.csv");
    assert_eq!(
        britain.asked(),
        ["/intensity/2024-03-01T00:00Z/2024-03-02T00:00Z"]
    );
    fetch("2024-03-01T12:00:00Z", "2024-03-03T00:00:00Z").expect(0);
    let text = scene.text("grid/GB.csv");
    assert_eq!(text.lines().count(), 1 + 48);
    let first = "\n2024-03-01T00:00:00Z,300,,,,0,direct emissions of consumption\n";
    assert!(text.contains(first), "{text}");
    let grid = [
        "grid",
        "--grid",
        "grid",
        "--as-of",
        "2024-03-02T12:00:00Z",
        "--json",
    ];
    let seen = scene.sunward(&grid).expect(0).json();
    assert_eq!(seen["zones"][0]["now_gco2e_per_kwh"], 300.0);
    assert_eq!(seen["zones"][0]["basis"]["factors"], "direct");

    // Data that would leave a gap is refused, and the file stays unchanged.
    let refused = fetch("2024-03-05T00:00:00Z", "2024-03-06T00:00:00Z").expect(2);
    assert!(
        refused.err.contains("there is a gap between"),
        "{}",
        refused.err
    );
    assert_eq!(scene.text("grid/GB.csv"), text);
    assert_eq!(
        std::fs::read_dir(scene.path().join("grid"))
            .unwrap()
            .count(),
        1,
        "no draft is left over"
    );

    // So are figures that count other things.
    let other = text.replace("direct emissions of", "life-cycle emissions of");
    scene.file("grid/GB.csv", &other);
    let refused = fetch("2024-03-02T00:00:00Z", "2024-03-03T00:00:00Z").expect(2);
    let expected = "its rows count life-cycle emissions of consumption, and what was fetched counts direct emissions of consumption";
    assert!(refused.err.contains(expected), "{}", refused.err);
    assert_eq!(scene.text("grid/GB.csv"), other);
}

#[test]
fn the_proxy_of_the_environment_is_asked_and_no_proxy_goes_around_it() {
    let (scene, proxy) = (Scene::new(), Britain::start());
    let fetch = |address: &str, variables: &[(&str, &str)]| {
        let mut command = scene.command(&[
            "grid",
            "fetch",
            "--grid",
            "uk",
            "--zone",
            "GB",
            "--out",
            "grid",
            "--from",
            "2024-03-01T00:00:00Z",
            "--until",
            "2024-03-02T00:00:00Z",
        ]);
        command.env("SUNWARD_UK_URL", address);
        command.env("XDG_CACHE_HOME", scene.path().join("cache"));
        command.envs(variables.iter().copied());
        Told::of(&command.output().unwrap())
    };
    let http = ("HTTP_PROXY", proxy.0.address.as_str());
    let https = ("HTTPS_PROXY", proxy.0.address.as_str());
    assert_ne!(fetch("https://grid.example.test", &[https]).code, 0);
    let asked = proxy.asked();
    assert_eq!(
        asked.first().map(String::as_str),
        Some("grid.example.test:443")
    );
    fetch("http://grid.example.test", &[http]).expect(0);
    let whole = "http://grid.example.test/intensity/2024-03-01T00:00Z/2024-03-02T00:00Z";
    assert_eq!(proxy.asked().last().map(String::as_str), Some(whole));
    let before = proxy.asked().len();
    let around = ("NO_PROXY", ".example.test");
    assert_ne!(fetch("http://grid.example.test", &[http, around]).code, 0);
    assert_eq!(proxy.asked().len(), before);
}

#[test]
fn a_plan_waits_for_the_hours_that_the_provider_foretells() {
    let (scene, britain) = (Scene::with(PATIENT), Britain::start());
    let words = [
        "plan",
        "workflow.yaml",
        "--grid",
        "uk",
        "--zone",
        "GB",
        "--json",
    ];
    let plan = britain.sunward(&scene, &words).expect(0).json();
    let search = &plan["placing"]["stages"][0];
    let start: Timestamp = search["start"].as_str().unwrap().parse().unwrap();
    let hours = start.duration_since(Timestamp::now()).as_secs_f64() / 3600.0;
    assert!((3.9..7.1).contains(&hours), "it starts in {hours} h");
    assert_eq!(search["why"], "cleanest");
    let asked = britain.asked().len();
    assert_eq!(asked, 9, "the past in eight parts, and the forecast");

    // The answer is cached, so the provider is not asked again.
    let words = ["grid", "--grid", "uk", "GB", "--json"];
    let grid = britain.sunward(&scene, &words).expect(0).json();
    assert_eq!(grid["zones"][0]["source"], "uk: its own forecast");
    assert!(grid["zones"][0]["age_seconds"].as_f64().unwrap() < 7200.0);
    assert_eq!(britain.asked().len(), asked);
}

#[test]
fn a_run_asks_the_provider_and_its_ledger_knows_how_clean_it_was() {
    let (scene, britain) = (Scene::with(PATIENT), Britain::start());
    let words = [
        "run",
        "workflow.yaml",
        "--grid",
        "uk",
        "--zone",
        "GB",
        "--now",
        "--json",
    ];
    let told = britain.sunward(&scene, &words).expect(0).json();
    assert_eq!(told["ledger"]["basis"]["factors"], "direct");
    assert_eq!(
        britain.asked().len(),
        9,
        "the past in eight parts, and the forecast"
    );
    let report = scene.sunward(&["report", "--json"]).expect(0).json();
    assert_eq!(report["ledger"]["intensity_certainty"], "forecast");
    assert_eq!(report["ledger"]["joules_without_intensity"], 0.0);
    let status = scene.sunward(&["status"]).expect(0).out;
    assert!(
        status.contains("its intensities count direct emissions of consumption"),
        "{status}"
    );
    let row = &report["entries"]["used"][0]["average"];
    assert_eq!(
        (&row["provider"], &row["factors"]),
        (&"uk".into(), &"direct".into())
    );
    assert!(
        row["age_seconds"].is_number() && row["published"].is_string(),
        "{row}"
    );
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let scene = Scene::with(PATIENT);
    let refused = |grid: &str, zone: &[&str]| {
        let words = [&["grid", "--grid", grid], zone].concat();
        scene.sunward(&words).expect(2).err
    };
    assert!(refused("eia", &["US-CAL-CISO"]).contains("$SUNWARD_EIA_KEY is not set"));
    assert!(refused("uk", &["DE"]).contains("uk covers only GB"));
    assert!(refused("uk", &[]).contains("uk needs a zone"));
    let error = refused("nowhere", &["DE"]);
    assert!(
        error.contains("is neither a folder nor a provider") && error.contains("entsoe"),
        "{error}"
    );
}

#[test]
fn a_folder_goes_before_a_provider_of_its_name() {
    let scene = Scene::new();
    scene.recorded_world();
    std::fs::rename(scene.path().join("grid"), scene.path().join("uk")).unwrap();
    let words = [
        "grid",
        "--grid",
        "uk",
        "--as-of",
        "2023-01-09T06:00:00Z",
        "--json",
    ];
    let grid = scene.sunward(&words).expect(0).json();
    assert_eq!(grid["zones"].as_array().unwrap().len(), 2);
}

/// The past as Electricity Maps gives it: 100 g of life-cycle emissions at all times.
fn maps(target: &str) -> (u16, String) {
    if !target.starts_with("/v4/carbon-intensity/past-range") {
        return (404, "{}".to_owned());
    }
    let query = target.split_once('?').unwrap().1.replace("%3A", ":");
    let hour = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, text) = pairs.find(|(key, _)| *key == name).unwrap();
        text.parse::<Timestamp>().unwrap().as_second() / 3600
    };
    let rows = (hour("start")..hour("end")).map(|hour| {
        let at = Timestamp::from_second(hour * 3600).unwrap();
        format!(
            r#"{{"zone":"GB","carbonIntensity":100,"datetime":"{at}","updatedAt":"{at}","emissionFactorType":"lifecycle","isEstimated":false,"estimationMethod":null,"temporalGranularity":"hourly"}}"#
        )
    });
    let rows: Vec<String> = rows.collect();
    (
        200,
        format!(r#"{{"zone":"GB","data":[{}]}}"#, rows.join(",")),
    )
}

/// Runs for some hours of recorded time, until its provider has refused the key and Great Britain's API
/// has answered twice instead, and returns its report.
fn changing(britain: &Site) -> (Scene, serde_json::Value) {
    let scene = Scene::new();
    let go = scene.path().join("go");
    scene.file(
        "workflow.yaml",
        format!(
            "name: long\nstages:\n  early:\n    run: for i in $(seq 50000); do true; done\n  work:\n    needs: early\n    run: while ! test -e {}; do sleep 0.05; done\n",
            go.display()
        ),
    );
    let is_out = Arc::new(AtomicBool::new(false));
    let goes = Arc::clone(&is_out);
    let refusal = (401, r#"{"error":"Invalid auth-token"}"#.to_owned());
    let first = Site::start(move |target| match goes.load(Ordering::SeqCst) {
        true => refusal.clone(),
        false => maps(target),
    });
    // A second is ten minutes, so that the next hour, when providers are asked again, comes soon.
    let mut command = scene.command(&[
        "run",
        "workflow.yaml",
        "--grid",
        "electricity-maps,uk",
        "--zone",
        "GB",
        "--json",
        "--as-of",
        "2024-03-01T12:10:00Z",
        "--clock-scale",
        "600",
    ]);
    command.env("SUNWARD_ELECTRICITY_MAPS_URL", &first.address);
    command.env("SUNWARD_ELECTRICITY_MAPS_KEY", "key");
    command.env("SUNWARD_UK_URL", &britain.address);
    command.env("XDG_CACHE_HOME", scene.path().join("cache"));
    scene.file("settings.yaml", "watts_per_core: 2000000\n");
    command.env("SUNWARD_CONFIG", scene.path().join("settings.yaml"));
    let mut running = scene.start_command(command);
    running.wait_for_word("work: 1 task");
    // The second stage has begun, so the first has ended, in an hour of the first provider.
    is_out.store(true, Ordering::SeqCst);
    running.wait_for_word("zone GB: figures now come from uk (average, direct emissions of consumption) and no longer from electricity-maps (average, life-cycle emissions of consumption); they count different things, so the ledger keeps them apart");
    // The work goes on until a further look, so for an hour at the new figures.
    let forecasts = || {
        let asked = britain.asked();
        asked.iter().filter(|one| one.ends_with("fw48h")).count()
    };
    let before = forecasts();
    running.wait_until("another look", |_| forecasts() > before);
    scene.file("go", "");
    let told = running.end().expect(0);
    let said = told.err.matches("and no longer from").count();
    assert_eq!(said, 1, "it is said once: {}", told.err);
    let report = scene.sunward(&["report", "--json"]).expect(0).json();
    (scene, report)
}

/// The providers and factors of a report's rows. Each row is of one provider.
fn counted(report: &serde_json::Value) -> BTreeSet<(String, String)> {
    let rows = report["entries"]["used"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let of = |row: &serde_json::Value| {
        let average = &row["average"];
        (text(&average["provider"]), text(&average["factors"]))
    };
    rows.iter().map(of).collect()
}

#[test]
fn a_chain_that_counts_other_things_from_the_middle_of_a_run_says_so_and_adds_nothing() {
    // Its past begins in the hour in which it is asked first, so the hours before keep the figures of the
    // other one, which told them.
    let first = Mutex::new(None);
    let late = Site::start(move |target| {
        let parts: Vec<&str> = target
            .trim_start_matches("/intensity/")
            .split('/')
            .collect();
        let [from, until] = parts[..] else {
            return (404, String::new());
        };
        if until == "fw48h" {
            return (200, answer(target));
        }
        if until < "2024-03-01T12:00Z" {
            return (200, r#"{"data":[]}"#.to_owned());
        }
        let mut first = first.lock().unwrap();
        let first = first.get_or_insert_with(|| format!("{}:00Z", &until[..13]));
        if until <= first.as_str() {
            return (200, r#"{"data":[]}"#.to_owned());
        }
        let from = from.max(first.as_str());
        (200, answer(&format!("/intensity/{from}/{until}")))
    });
    let (scene, report) = changing(&late);
    let ledger = &report["ledger"];
    assert!(
        ledger["gco2e"].is_null() && ledger["gco2e_saved"].is_null(),
        "{ledger}"
    );
    let sums = ledger["gco2e_by_basis"].as_array().unwrap();
    let factors: Vec<&str> = sums
        .iter()
        .map(|one| one["factors"].as_str().unwrap())
        .collect();
    assert_eq!(factors.len(), 2, "{ledger}");
    assert!(
        factors.contains(&"life_cycle") && factors.contains(&"direct"),
        "{ledger}"
    );
    assert!(
        sums.iter().all(|one| one["gco2e"].as_f64().unwrap() > 0.0),
        "{ledger}"
    );
    let note = ledger["note"].as_str().unwrap();
    assert!(
        note.contains("count different things") && note.contains("are not added"),
        "{note}"
    );
    let both = [("electricity-maps", "life_cycle"), ("uk", "direct")];
    let both = both.map(|(provider, factors)| (provider.to_owned(), factors.to_owned()));
    assert_eq!(counted(&report), BTreeSet::from(both));
    let status = scene.sunward(&["status"]).expect(0).out;
    assert!(
        status.contains("(life-cycle emissions of consumption)"),
        "{status}"
    );
    assert!(
        status.contains("(direct emissions of consumption)"),
        "{status}"
    );
}

#[test]
fn figures_of_a_second_provider_are_summed_by_what_they_count() {
    let britain = Britain::start();
    let (_scene, report) = changing(&britain.0);
    let ledger = &report["ledger"];
    // How much of the run it has measured depends on how fast this machine is. Whatever it is, each row
    // is in the sum of what its figure counts, and in no other.
    let sums = report["entries"]["totals"]["gco2e_by_basis"]
        .as_array()
        .unwrap();
    let rows = report["entries"]["used"].as_array().unwrap();
    for sum in sums {
        let alike = rows
            .iter()
            .filter(|row| row["average"]["factors"] == sum["factors"]);
        let grams: f64 = alike.map(|row| row["gco2e"].as_f64().unwrap()).sum();
        assert!(
            (grams - sum["gco2e"].as_f64().unwrap()).abs() < 1e-5,
            "{sum}: {grams}"
        );
    }
    let factors: BTreeSet<String> = counted(&report)
        .into_iter()
        .map(|(_, factors)| factors)
        .collect();
    assert_eq!(factors.len(), sums.len(), "{ledger}");
    assert!(factors.contains("direct"), "{ledger}");
    assert_eq!(ledger["gco2e"].is_null(), sums.len() > 1, "{ledger}");
}
