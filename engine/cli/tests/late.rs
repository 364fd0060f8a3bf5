//! Runs that are late say so, with the same object and the same sentence everywhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use scene::Scene;

/// A stage that no machine ends in time: its clock runs ten thousand times as fast.
const HASTY: &str = "\
name: hasty
place: { deadline: 1s, deadline_risk: 10% }
stages:
  train:
    run: 'true'
    cache: false
    expect: { time: 1s, power: 100W }
";

const FAST: [&str; 8] = [
    "--grid",
    "grid",
    "--zone",
    "DE",
    "--as-of",
    "2023-01-09T02:00:00Z",
    "--clock-scale",
    "10000",
];

#[test]
fn a_late_run_says_so_in_the_same_words_everywhere() {
    let scene = Scene::with(HASTY);
    scene.recorded_world();
    let words = [&["run", "workflow.yaml", "--json"][..], &FAST].concat();
    let run = scene.sunward(&words).expect(0).json();
    assert_eq!(run["status"], "succeeded");
    let late = &run["late"];
    assert_eq!(late["limit"], "deadline");
    assert!(late["deadline"].is_string(), "{late}");
    assert!(
        late["ended"].is_string() && late["expected_end"].is_null(),
        "{late}"
    );
    assert!(late["by_seconds"].as_f64().unwrap() >= 1.0, "{late}");
    let text = late["text"].as_str().unwrap();
    assert!(text.starts_with("it ended "), "{text}");

    for verb in ["status", "explain", "report"] {
        let told = scene.sunward(&[verb, "r1", "--json"]).expect(0).json();
        let found = if verb == "status" {
            &told["run"]["late"]
        } else {
            &told["late"]
        };
        assert_eq!(found, late, "{verb}");
    }
    for verb in ["status", "explain"] {
        let told = scene.sunward(&[verb, "r1"]).expect(0).out;
        // A long line may be wrapped.
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(text), "{verb}: {told}");
        let margin = "margin: 0.47 s are left before the deadline by the usual spread";
        assert_eq!(told.contains(margin), verb == "explain", "{verb}: {told}");
    }
    scene
        .sunward(&["report", "r1", "--out", "report.html"])
        .expect(0);
    let page = scene.text("report.html");
    assert!(page.contains(&format!("Late: {text}")), "{page}");
}

#[test]
fn a_run_in_time_is_not_late() {
    let scene = Scene::with(&HASTY.replace("deadline: 1s", "deadline: 1h"));
    let run = scene
        .sunward(&["run", "workflow.yaml", "--json"])
        .expect(0)
        .json();
    assert!(run.as_object().unwrap().contains_key("late"));
    assert!(run["late"].is_null(), "{run}");
}

#[test]
fn a_plan_says_why_its_deadline_cannot_be_met() {
    let scene = Scene::with(
        &HASTY
            .replace("time: 1s", "time: 3h")
            .replace("deadline: 1s", "deadline: 1h"),
    );
    let told = scene.sunward(&["plan", "workflow.yaml"]).expect(0);
    assert!(
        told.out.contains("the deadline cannot be met"),
        "{}",
        told.out
    );
    let plan = scene
        .sunward(&["plan", "workflow.yaml", "--json"])
        .expect(0)
        .json();
    let late = &plan["late"];
    assert_eq!(late["cause"], "too_short", "{late}");
    assert_eq!(late["by_seconds"], 7200.0, "{late}");
    assert!(
        late["ended"].is_null() && late["expected_end"].is_string(),
        "{late}"
    );
}

#[test]
fn a_plan_knows_how_long_earlier_runs_took_and_leaves_a_margin() {
    let scene = Scene::with(
        &HASTY
            .replace("deadline: 1s", "deadline: 1h")
            .replace("    expect: { time: 1s, power: 100W }\n", ""),
    );
    scene.recorded_world();
    let plan = || {
        let words = [&["plan", "workflow.yaml", "--json"][..], &FAST[..6]].concat();
        let plan = scene.sunward(&words).expect(0).json();
        plan["placing"]["stages"][0].clone()
    };
    let margin = |stage: &serde_json::Value| stage["margin_seconds"].as_f64().unwrap();
    let before = plan();
    assert_eq!(margin(&before), 1688.4, "0.469 of the hour that is assumed");
    scene.sunward(&["run", "workflow.yaml"]).expect(0);
    let after = plan();
    assert!(margin(&after) < 1600.0, "{after}");
    assert!(
        after["energy_kwh"].as_f64() < before["energy_kwh"].as_f64(),
        "{after}"
    );
}
