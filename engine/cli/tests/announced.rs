//! Plans follow what grid operators have announced: for this machine, and for the pools of a fleet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use scene::site::Site;
use scene::vtn::{command, event, told, vtn};
use scene::{Scene, Told};
use serde_json::{Value, json};

/// A stage of two hours that may wait.
const PATIENT: &str = "\
name: patient
place: { deadline: 20h }
stages:
  search:
    run: 'true'
    expect: { time: 2h, power: 1000W }
";

/// A plan over recorded grids.
const PLAN: [&str; 7] = [
    "plan",
    "workflow.yaml",
    "--json",
    "--grid",
    "grid",
    "--zone",
    "DE",
];

/// The beginning of the current hour.
fn hour() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() / 3600 * 3600).unwrap()
}

/// A scene with two zones at constant intensities until now, and a fleet with a pool in each. The
/// pool in the cleaner zone has this server.
fn world(openadr: &str) -> Scene {
    let scene = Scene::with(PATIENT);
    for (zone, grams) in [("DE", 100), ("FR", 400)] {
        let mut text = String::from("timestamp_utc,carbon_intensity_gco2e_per_kwh\n");
        for before in (1..=96).rev() {
            let at = hour() - SignedDuration::from_hours(before);
            text.push_str(&format!("{at},{grams}\n"));
        }
        scene.file(&format!("grid/{zone}.csv"), text);
    }
    scene.file(
        "fleet.yaml",
        format!(
            "- {{ pool: uni-de, zone: DE, capacity: {{ gpus: 0, cpus: 8 }}, openadr: {openadr} }}\n\
             - {{ pool: fr, zone: FR, capacity: {{ gpus: 0, cpus: 8 }} }}\n"
        ),
    );
    scene
}

fn server(events: Vec<Value>) -> Site {
    vtn(&Arc::new(Mutex::new(Some(events))))
}

/// The answer of a plan over the fleet, with settings that name a site's own server.
fn plan(scene: &Scene, own: &Site, more: &[&str], keys: &[(&str, &str)]) -> Told {
    let fleet = ["--fleet", "fleet.yaml"];
    let mut command = command(scene, own, "", &[&PLAN[..], &fleet, more].concat());
    command.envs(keys.iter().copied());
    told(command)
}

/// The pool and the start of the only stage.
fn segment(plan: &Value) -> (String, Timestamp) {
    let stage = &plan["placing"]["stages"][0];
    assert_eq!(stage["pools"].as_array().unwrap().len(), 1, "{plan}");
    let start = stage["start"].as_str().unwrap();
    let pool = stage["pools"][0].as_str().unwrap();
    (pool.to_owned(), start.parse().unwrap())
}

#[test]
fn a_plan_avoids_the_hours_in_which_a_pool_of_the_fleet_must_not_run() {
    let until = Timestamp::now() + SignedDuration::from_hours(5);
    let emergency = event("e1", "ALERT_GRID_EMERGENCY", json!("line 4"), until);
    let cap = event("e1", "IMPORT_CAPACITY_LIMIT", json!(0.5), until);
    let wide = event("e1", "IMPORT_CAPACITY_LIMIT", json!(1.5), until);
    let own = server(Vec::new());
    for (asked, measure, waits) in [
        (emergency, "emergency", true),
        (cap, "cap", true),
        (wide, "cap", false),
    ] {
        let site = server(vec![asked]);
        let scene = world(&format!("{{ url: '{}', program: site-dr }}", site.address));
        let told = plan(&scene, &own, &[], &[]).expect(0);
        let prefix = "pool uni-de: site-dr: ";
        assert!(told.err.contains(prefix), "{}", told.err);
        let answer = told.json();
        let (pool, start) = segment(&answer);
        assert_eq!(pool, "uni-de", "it is the cleaner one");
        assert_eq!(start >= until, waits, "{measure}: {start}");
        let known = &answer["curtailments"];
        assert_eq!(known[0]["pool"], "uni-de");
        assert_eq!(
            (&known[0]["measure"], &known[0]["told_by"]),
            (&json!(measure), &json!("site-dr"))
        );
        // What cannot wait goes elsewhere.
        scene.file("workflow.yaml", PATIENT.replace("20h", "4h"));
        let (pool, _) = segment(&plan(&scene, &own, &[], &[]).expect(0).json());
        assert_eq!(pool, if waits { "fr" } else { "uni-de" });
        assert!(
            own.asked().is_empty(),
            "the machine is no pool of the fleet"
        );
    }
}

#[test]
fn announced_intensities_count_for_the_hours_that_they_cover() {
    let clean = hour() + SignedDuration::from_hours(6);
    let event = json!({
        "id": "e1", "programID": "p1", "createdDateTime": hour().to_string(), "objectType": "EVENT",
        "intervalPeriod": { "start": clean.to_string(), "duration": "PT3H" },
        "intervals": [{ "id": 0, "payloads": [{ "type": "GHG", "values": [20] }] }],
    });
    let own = server(Vec::new());
    for (ghg, grams) in [("average", 20.0), ("marginal", 100.0)] {
        let site = server(vec![event.clone()]);
        let scene = world(&format!("{{ url: '{}', ghg: {ghg} }}", site.address));
        let answer = plan(&scene, &own, &[], &[]).expect(0).json();
        let (pool, start) = segment(&answer);
        assert_eq!(pool, "uni-de");
        // A marginal intensity does not stand beside averages.
        assert_eq!(start >= clean, ghg == "average", "{ghg}: {start}");
        let stage = &answer["placing"]["stages"][0];
        let expected = stage["gco2e"].as_f64().unwrap();
        assert!((expected - 2.0 * grams).abs() < 1.0, "{stage}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_told_and_one_of_a_recorded_time_is_not_asked() {
    let own = server(Vec::new());
    let down = Site::start(|_| (503, r#"{"title":"Service Unavailable"}"#.to_owned()));
    let scene = world(&format!("{{ url: '{}' }}", down.address));
    let told = plan(&scene, &own, &[], &[]).expect(0);
    let line = "pool uni-de: the grid operator's server does not answer: ";
    assert!(told.err.contains(line), "{}", told.err);
    assert!(told.err.contains("the plan does not know what it asks"));
    assert_eq!(told.json()["curtailments"], json!([]));
    let asked = down.asked().len();
    let as_of = (hour() - SignedDuration::from_hours(24)).to_string();
    let told = plan(&scene, &own, &["--as-of", &as_of], &[]).expect(0);
    assert!(
        told.err.contains("openadr: the plan is for recorded time"),
        "{}",
        told.err
    );
    assert_eq!(down.asked().len(), asked);
}

#[test]
fn a_pool_s_server_gets_its_own_key_and_never_that_of_this_machine() {
    let own = server(Vec::new());
    let site = server(Vec::new());
    let scene = world(&format!("{{ url: '{}' }}", site.address));
    let asks_token = |from: usize| {
        let asked = site.asked();
        asked.iter().skip(from).any(|one| one.starts_with("/auth/"))
    };
    plan(&scene, &own, &[], &[]).expect(0);
    assert!(!site.asked().is_empty() && !asks_token(0));
    let before = site.asked().len();
    let key = ("SUNWARD_OPENADR_KEY_UNI_DE", "pool:hush-too");
    plan(&scene, &own, &[], &[key]).expect(0);
    assert!(asks_token(before), "{:?}", site.asked());
    let file = ("SUNWARD_OPENADR_KEY_UNI_DE_FILE", "/nowhere");
    let told = plan(&scene, &own, &[], &[file]).expect(2);
    assert!(
        told.err.contains("SUNWARD_OPENADR_KEY_UNI_DE_FILE"),
        "{}",
        told.err
    );
    scene.file(
        "fleet.yaml",
        "{ pool: uni-de, zone: DE, capacity: 4, openadr: { url: 'vtn example' } }",
    );
    let told = plan(&scene, &own, &[], &[]).expect(2);
    assert!(
        told.err.contains("openadr.url of pool uni-de"),
        "{}",
        told.err
    );
}

#[test]
fn a_plan_for_this_machine_follows_its_own_operator() {
    let until = Timestamp::now() + SignedDuration::from_hours(5);
    let own = server(vec![event(
        "e1",
        "ALERT_GRID_EMERGENCY",
        json!("line 4"),
        until,
    )]);
    let scene = world("{ url: 'http://localhost:1' }");
    let answer = told(command(&scene, &own, "", &PLAN)).expect(0).json();
    let (pool, start) = segment(&answer);
    assert_eq!((pool.as_str(), start >= until), ("here", true), "{start}");
    // Without a grid there is a deadline all the same.
    scene.file("workflow.yaml", PATIENT.replace("20h", "4h"));
    let answer = told(command(&scene, &own, "", &PLAN[..3])).expect(0).json();
    assert!(
        answer["late"]["by_seconds"].as_f64().unwrap() > 0.0,
        "{answer}"
    );
    assert_eq!(answer["curtailments"][0]["pool"], "here");
}
