//! Placement: plans over fleets, a laptop that waits for cleaner hours, budgets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use scene::patient::{AT_NIGHT, NIGHT, PATIENT, world};
use scene::{Scene, Told};

#[test]
fn a_plan_over_a_fleet_says_where_when_and_what_it_saves() {
    let scene = world();
    let mut words = vec![
        "plan",
        "workflow.yaml",
        "--grid",
        "grid",
        "--fleet",
        "fleet.yaml",
    ];
    words.extend(["--as-of", NIGHT]);
    let told = scene.sunward(&words).expect(0);
    let from = told.out.find("Where and when").expect("a part of its own");
    insta::assert_snapshot!(&told.out[from..]);
    words.push("--json");
    let plan = scene.sunward(&words).expect(0).json();
    let search = &plan["placing"]["stages"][0];
    assert_eq!(search["pools"][0], "north");
    assert_eq!(
        search["start"], "2023-01-09T10:00:00Z",
        "the clean hours begin"
    );
    assert_eq!(search["why"], "cleanest");
    assert!(plan["placing"]["saved_percent"].as_f64().unwrap() > 80.0);
    assert!(
        !scene.path().join(".sunward").exists(),
        "a plan creates nothing"
    );
}

#[test]
fn a_plan_says_what_of_the_fleet_file_has_no_effect_as_a_simulation_does() {
    let scene = world();
    let fleet = scene.text("fleet.yaml");
    let idle = "capacity: 4, idle: { gpu_below: 5%, for: 15m }, limits: { task_time: 4h } }";
    scene.file("fleet.yaml", fleet.replace("capacity: 4 }", idle));
    let over = ["--grid", "grid", "--fleet", "fleet.yaml"];
    let at = ["--as-of", NIGHT];
    let plan = [&["plan", "workflow.yaml"][..], &over, &at].concat();
    let told = scene.sunward(&plan).expect(0).out;
    let from = told.find("No effect yet").expect("a part of its own");
    insta::assert_snapshot!(&told[from..]);
    let json = |words: &[&str]| {
        scene
            .sunward(&[words, &["--json"]].concat())
            .expect(0)
            .json()
    };
    let simulated = json(&[&["simulate", "--jobs", "jobs.json"][..], &over].concat());
    assert_eq!(json(&plan)["without_effect"], simulated["notes"]);
    let here = ["plan", "workflow.yaml", "--grid", "grid", "--zone", "DE"];
    let here = json(&[&here[..], &at].concat());
    assert_eq!(
        here["without_effect"].as_array().map(Vec::len),
        Some(0),
        "no fleet is asked"
    );
}

#[test]
fn a_plan_over_a_fleet_takes_its_gpus() {
    let scene = world();
    let asking = PATIENT.replace(
        "    expect: { time: 2h",
        "    resources: { gpus: 1 }\n    expect: { time: 2h",
    );
    scene.file("workflow.yaml", asking);
    scene.file(
        "fleet.yaml",
        "- { pool: de, zone: DE, capacity: { gpus: 8, cpus: 64 } }\n",
    );
    let words = ["--fleet", "fleet.yaml", "--json"];
    let plan = scene
        .sunward(&[&["plan"], &AT_NIGHT[1..], &words].concat())
        .expect(0)
        .json();
    assert_eq!(plan["placing"]["stages"][0]["pools"][0], "de");
}

#[test]
fn a_plan_is_drawn_as_a_picture_and_as_a_page() {
    let scene = world();
    for (name, begins) in [("plan.svg", "<svg"), ("plan.html", "<!DOCTYPE html>")] {
        let words = [
            "plan",
            "workflow.yaml",
            "--grid",
            "grid",
            "--fleet",
            "fleet.yaml",
            "--as-of",
            NIGHT,
            "--picture",
            name,
        ];
        scene.sunward(&words).expect(0);
        let text = scene.text(name);
        assert!(text.starts_with(begins), "{text}");
        assert!(text.contains("search") && text.contains("north"));
        assert!(
            !text.contains("http://") || !text.contains("src="),
            "needs nothing else"
        );
    }
}

#[test]
fn a_laptop_waits_for_the_clean_hours_runs_and_tells_what_that_saved() {
    let scene = world();
    let words = [&AT_NIGHT[..], &["--clock-scale", "7200", "--json"]].concat();
    let told = scene.sunward(&words).expect(0);
    assert!(
        told.err
            .contains("search: waits until 2023-01-09T10:00:00Z"),
        "{}",
        told.err
    );
    let answer = told.json();
    assert_eq!(answer["status"], "succeeded");
    let ledger = &answer["ledger"];
    let (grams, home) = (&ledger["gco2e"], &ledger["gco2e_at_home_now"]);
    assert!(grams.as_f64().unwrap() < home.as_f64().unwrap(), "{ledger}");
    // An hour that ended before the run is measured in the recorded grid.
    let certainty = ledger["intensity_certainty"].as_str().unwrap();
    assert!(["forecast", "actual"].contains(&certainty), "{ledger}");
    let why = scene.sunward(&["explain", "search"]).expect(0).out;
    assert!(
        why.contains("in pool here (DE) from 2023-01-09T10:00:00Z"),
        "{why}"
    );
    assert!(
        why.contains("the best alternative: pool here (DE) from 2023-01-09T0"),
        "{why}"
    );
    let status = scene.sunward(&["status", "r1", "--json"]).expect(0).json();
    let then = &status["run"]["ledger"];
    assert!(
        then["gco2e"] == *grams || then["restated"] == true,
        "the journal tells the same, or what was measured since: {then}"
    );
    assert_eq!(then["intensity_certainty"], "actual");
}

#[test]
fn now_waits_for_nothing() {
    let scene = world();
    let words = [&AT_NIGHT[..], &["--now"]].concat();
    let told = scene.sunward(&words).expect(0);
    assert!(!told.err.contains("waits until"), "{}", told.err);
    let clock = format!("the clock starts at {NIGHT}: times");
    assert!(told.err.contains(&clock), "at its own pace: {}", told.err);
}

#[test]
fn a_plan_over_budget_is_refused_with_the_numbers_and_nothing_is_created() {
    let scene = world();
    scene.file("workflow.yaml", PATIENT.replace("5000", "100"));
    let told = scene.sunward(&AT_NIGHT).expect(2);
    assert!(
        told.err.contains("gCO2e of 100 gCO2e allowed"),
        "{}",
        told.err
    );
    assert!(!scene.path().join(".sunward").exists());
}

#[test]
fn a_budget_is_judged_without_a_deadline_and_energy_without_a_grid() {
    let scene = world();
    let at_once = PATIENT.replace("place: { deadline: 24h }\n", "");
    scene.file("workflow.yaml", at_once.replace("5000", "100"));
    let told = scene.sunward(&AT_NIGHT).expect(2);
    assert!(told.err.contains("gCO2e of 100 gCO2e"), "{}", told.err);
    let planned = [&["plan"], &AT_NIGHT[1..], &["--json"]].concat();
    let plan = scene.sunward(&planned).expect(2).json();
    assert_eq!(
        plan["placing"]["energy_kwh"], 2.05,
        "no choice is a plan, too"
    );
    assert!(plan["placing"]["gco2e"].as_f64().unwrap() > 100.0);
    assert!(
        plan["over_budget"]
            .as_str()
            .unwrap()
            .contains("of 100 gCO2e")
    );

    scene.file("workflow.yaml", at_once.replace("gco2e: 5000", "kwh: 2"));
    let told = scene.run(&[]).expect(2);
    assert!(told.err.contains("2.05 kWh of 2 kWh"), "{}", told.err);
    assert!(!scene.path().join(".sunward").exists());
    scene.file("workflow.yaml", at_once.replace("gco2e: 5000", "kwh: 2.1"));
    scene.run(&[]).expect(0);
}

#[test]
fn a_deadline_that_cannot_be_met_is_told_before_anything_runs() {
    let scene = world();
    scene.file("workflow.yaml", PATIENT.replace("24h", "30m"));
    let planned = [&["plan"], &AT_NIGHT[1..]].concat();
    let plan = scene.sunward(&planned).expect(0).out;
    assert!(
        plan.contains("the deadline cannot be met: the run is expected to end 2 h 0 min after it"),
        "{plan}"
    );
    let told = scene.sunward(&AT_NIGHT).expect(0);
    assert!(told.err.contains("2 h 0 min after it"), "{}", told.err);
    let explained = scene.sunward(&["explain", "search"]).expect(0).out;
    assert!(explained.contains("cannot be met"), "{explained}");
    scene.file("workflow.yaml", PATIENT.replace("24h", "3h"));
    let met = scene.sunward(&planned).expect(0).out;
    assert!(!met.contains("cannot be met"), "{met}");
}

#[test]
fn a_budget_that_is_exceeded_under_way_holds_the_run_until_it_is_larger() {
    let scene = Scene::new();
    let workflow = |kwh: &str| {
        format!(
            "name: hungry\nbudget: {{ kwh: {kwh} }}\nstages:\n  \
             burn:\n    run: i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\n  \
             rest:\n    needs: [burn]\n    run: 'true'\n"
        )
    };
    scene.file("workflow.yaml", workflow("0.000000001"));
    let told = scene.run(&[]).expect(3);
    assert_eq!(told.json()["status"], "held");
    assert_eq!(told.json()["stages"]["rest"]["ran"], 0);
    scene.file("workflow.yaml", workflow("1"));
    let on = scene.run(&[]).expect(0).json();
    assert_eq!(
        (&on["run"], &on["status"]),
        (&"r1".into(), &"succeeded".into())
    );
    assert_eq!(on["stages"]["rest"]["ran"], 1);
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let scene = world();
    for (words, expected) in [
        (
            vec!["--grid", "nowhere", "--zone", "DE"],
            "is neither a folder nor a provider",
        ),
        (
            vec!["--grid", "grid"],
            "the grid zone of this machine is not known",
        ),
        (
            vec!["--grid", "grid", "--zone", "DK"],
            "no trace of zone DK; the zones with traces are DE, NO",
        ),
        (vec!["--grid", "grid", "--zone", "DE"], "give --as-of"),
        (
            vec![
                "--grid",
                "grid",
                "--zone",
                "DE",
                "--as-of",
                "2031-01-01T00:00:00Z",
            ],
            "covers 2023-01-01T00:00:00Z to 2023-01-13T00:00:00Z",
        ),
        (
            vec!["--grid", "grid", "--zone", "DE", "--as-of", "noon"],
            "is not a time",
        ),
    ] {
        let mut all = vec!["plan", "workflow.yaml"];
        all.extend(&words);
        let told = scene.sunward(&all).expect(2);
        assert!(told.err.contains(expected), "{words:?}: {}", told.err);
    }
}

/// Regions hold on one machine, with a grid or without.
#[test]
fn a_machine_in_another_region_is_refused_before_anything_runs() {
    let scene = Scene::with(
        "name: w
place: { regions: [DE] }
stages:
  s: { run: \"echo 1 > ${{ outputs.o }}\", outputs: { o: { format: file } } }
  t: { place: { regions: [FR, US] }, run: echo 2 }
",
    );
    for verb in ["plan", "run"] {
        let told = scene
            .sunward(&[verb, "workflow.yaml", "--zone", "DE"])
            .expect(2);
        assert!(
            told.err.contains("stage t may not run in DE")
                && told.err.contains("`regions: [FR, US]`"),
            "{told:?}"
        );
        let until = [verb, "workflow.yaml", "--zone", "DE", "--only", "s"];
        scene.sunward(&until).expect(0);
        let told = scene.sunward(&[verb, "workflow.yaml"]).expect(0);
        assert!(
            told.err.contains("zone of this machine is not known"),
            "{told:?}"
        );
    }
}

#[test]
fn grids_are_told_of_for_themselves_whatever_others_there_are() {
    let scene = world();
    // Long before the others begin.
    let old: Vec<String> = (0..48)
        .map(|hour| format!("2019-01-{:02}T{:02}:00:00Z,100", hour / 24 + 1, hour % 24))
        .collect();
    let header = "timestamp_utc,carbon_intensity_gco2e_per_kwh";
    scene.file("grid/FR.csv", format!("{header}\n{}\n", old.join("\n")));
    let told = |zones: &[&str], exit| {
        let mut all = vec!["grid"];
        all.extend(zones);
        all.extend(["--grid", "grid", "--as-of", "2023-01-09T06:00:00Z"]);
        scene.sunward(&all).expect(exit)
    };
    let one = told(&["DE", "--json"], 0).json();
    assert_eq!(one["zones"].as_array().unwrap().len(), 1);
    assert!(one.get("silent").is_none());
    let span = "the trace of FR covers 2019-01-01T00:00:00Z to 2019-01-03T00:00:00Z";
    let all = told(&["--json"], 0).json();
    assert_eq!(all["zones"].as_array().unwrap().len(), 2);
    assert_eq!(all["silent"]["FR"], span);
    assert!(told(&[], 0).out.contains(&format!("left out: {span}")));
    assert!(told(&["DE", "FR"], 2).err.contains(span));
    assert!(told(&["ED"], 2).err.contains("no trace of zone ED"));
}

/// A stage that fails until a file exists.
const FALTERING: &str = "\
name: faltering
place: { deadline: 24h }
stages:
  one:
    run: test -e '${{ params.mark }}'
    expect: { time: 2h, power: 1000W }
params: { mark: { type: string } }
";

#[test]
fn a_retry_heeds_now_and_transfer_and_its_clock_never_runs_backwards() {
    let scene = world();
    scene.file("workflow.yaml", FALTERING);
    let grid = ["--grid", "grid", "--zone", "DE", "--as-of", NIGHT];
    let mark = format!("mark={}", scene.path().join("mark").display());
    let mark = ["-p", &mark];
    let run = [
        &["run", "workflow.yaml", "--now"][..],
        &mark,
        &grid,
        &["--clock-scale", "1000"],
    ]
    .concat();
    scene.sunward(&run).expect(1);
    let ended = || {
        let status = scene.sunward(&["status", "r1", "--json"]).expect(0).json();
        status["run"]["ended"].as_str().unwrap().to_owned()
    };
    let first = ended();
    let retry = |more: &[&str]| scene.sunward(&[&["retry"][..], &grid, more].concat());
    let told = retry(&["--transfer-kwh-per-gb=-1"]).expect(2);
    assert!(told.err.contains("transfer-kwh-per-gb"), "{}", told.err);
    scene.file("mark", "");
    let told = retry(&["--now"]).expect(0);
    assert!(!told.err.contains("waits until"), "{}", told.err);
    assert!(ended() >= first, "{} after {first}", ended());
}

#[test]
fn a_run_of_recorded_time_says_so_and_is_retried_in_it() {
    let scene = world();
    scene.file("workflow.yaml", FALTERING);
    let mark = format!("mark={}", scene.path().join("mark").display());
    let run = [
        &["run", "workflow.yaml", "--now", "--json", "-p", &mark][..],
        &["--grid", "grid", "--zone", "DE", "--as-of", NIGHT],
        &["--clock-scale", "1000"],
    ]
    .concat();
    let told = scene.sunward(&run).expect(1).json();
    let replayed = serde_json::json!({ "as_of": NIGHT, "clock_scale": 1000 });
    assert_eq!(told["ledger"]["replayed"], replayed);
    scene.file("mark", "");
    let anew = ["retry", "--grid", "grid", "--zone", "DE"];
    scene.sunward(&anew).expect(2).says(&["give --as-of"]);
    let told = scene.sunward(&["retry"]).expect(0);
    assert!(
        told.err.contains("and runs 1000 times as fast"),
        "{}",
        told.err
    );
    let status = scene.sunward(&["status", "r1", "--json"]).expect(0).json();
    let run = &status["run"];
    assert!(
        run["ended"].as_str().unwrap().starts_with("2023-01-0"),
        "{run}"
    );
    assert!(run["seconds"].as_f64().unwrap() < 86_400.0, "{run}");
    let page = scene.sunward(&["status", "r1"]).expect(0).out;
    assert!(page.contains("recorded time, from 2023-01-0"), "{page}");
    assert!(page.contains("1000 times as fast"), "{page}");
}

#[test]
fn a_retry_of_a_run_of_today_under_a_record_of_long_ago_is_refused() {
    let scene = world();
    scene.file("workflow.yaml", FALTERING);
    scene
        .sunward(&["run", "workflow.yaml", "-p", "mark=/nowhere"])
        .expect(1);
    let told = scene
        .sunward(&["retry", "--grid", "grid", "--zone", "DE", "--as-of", NIGHT])
        .expect(2);
    assert!(told.err.contains("go backward"), "{}", told.err);
}

#[test]
fn what_was_measured_after_the_end_restates_the_ledger() {
    let scene = world();
    // The power is so large that rounding to whole micrograms does not matter.
    scene.file("settings.yaml", "watts_per_core: 1000000\n");
    let words = [&AT_NIGHT[..], &["--now", "--json"]].concat();
    let mut run = scene.command(&words);
    run.env("SUNWARD_CONFIG", scene.path().join("settings.yaml"));
    let told = Told::of(&run.output().unwrap()).expect(0);
    let first = told.json();
    let certainty = |ledger: &serde_json::Value| ledger["intensity_certainty"].clone();
    assert_eq!(certainty(&first["ledger"]), "forecast");
    // If the hour is twice as dirty, the same energy emits twice as much.
    let night = scene.text("grid/DE.csv");
    scene.file("grid/DE.csv", night.replace(",500,", ",1000,"));
    let status = scene.sunward(&["status", "r1", "--json"]).expect(0).json();
    let ledger = &status["run"]["ledger"];
    assert_eq!(certainty(ledger), "actual");
    assert_eq!(ledger["restated"], true);
    let (now, then) = (&ledger["gco2e"], &first["ledger"]["gco2e"]);
    let ratio = now.as_f64().unwrap() / then.as_f64().unwrap();
    assert!((1.9..2.1).contains(&ratio), "{then} -> {now}");
    let told = scene.sunward(&["status", "r1"]).expect(0).out;
    assert!(told.contains("restated with later measurements"), "{told}");
    scene.sunward(&["report", "--out", "r.html"]).expect(0);
    assert!(
        scene
            .text("r.html")
            .contains("restated with later measurements")
    );
    std::fs::remove_dir_all(scene.path().join("grid")).unwrap();
    let told = scene.sunward(&["status", "r1"]).expect(0);
    assert!(told.err.contains("keeps the forecast"), "{}", told.err);
    assert!(told.out.contains("forecast intensities"), "{}", told.out);
}

#[test]
fn what_the_cache_saved_stands_on_a_line_of_its_own() {
    let scene = world();
    let words = [&AT_NIGHT[..], &["--now", "--json"]].concat();
    let first = scene.sunward(&words).expect(0).json()["ledger"].clone();
    assert_eq!(first["cache_saved"], serde_json::Value::Null);
    let second = scene
        .sunward(&[&words[..], &["--fresh"]].concat())
        .expect(0)
        .json();
    let status = scene.sunward(&["status", "r2", "--json"]).expect(0).json();
    let ledger = &status["run"]["ledger"];
    assert_eq!(second["ledger"]["cache_saved"], ledger["cache_saved"]);
    assert_eq!(ledger["energy_joules"], 0.0, "nothing ran: {ledger}");
    let saved = &ledger["cache_saved"];
    assert_eq!(
        (&saved["tasks"], &saved["tasks_unknown"]),
        (&2.into(), &0.into())
    );
    assert_eq!(saved["runs"], serde_json::json!(["r1"]));
    let figure = |value: &serde_json::Value| value.as_f64().unwrap();
    let near = |one: &serde_json::Value, other: &serde_json::Value| {
        (figure(one) - figure(other)).abs() <= 1e-5 + 1e-3 * figure(other)
    };
    assert!(
        near(&saved["joules"], &first["energy_joules"]),
        "{saved} {first}"
    );
    assert!(near(&saved["gco2e"], &first["gco2e"]), "{saved} {first}");
    let told = scene.sunward(&["status", "r2"]).expect(0).out;
    assert!(
        told.contains("2 tasks from the cache used when r1 made them"),
        "{told}"
    );
    let own = scene.sunward(&["status", "r1", "--json"]).expect(0).json();
    assert_eq!(own["run"]["ledger"]["cache_saved"], serde_json::Value::Null);
    let third = [&AT_NIGHT[..], &["--now", "--fresh"]].concat();
    let told = scene.sunward(&third).expect(0).out;
    let line = told.lines().find(|line| line.starts_with("  saved: "));
    let line = line.expect("a line of its own");
    assert!(line.contains(" J and "), "energy and carbon: {line}");
    assert!(line.ends_with(", by results of r1"), "{line}");
}

#[test]
fn grid_takes_no_argument_that_it_has_no_use_for() {
    let scene = world();
    let grid = ["grid", "DE", "--grid", "grid", "--as-of", NIGHT];
    let told = scene.sunward(&grid).expect(0).out;
    assert!(
        told.contains("< 1 min") && !told.contains("0.000"),
        "{told}"
    );
    let words = [&grid[..], &["--transfer-kwh-per-gb", "1"]].concat();
    scene.sunward(&words).expect(2);
}
