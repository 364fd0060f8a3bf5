//! The figures of runs and simulations, recomputed by scripts that know nothing of the engine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use std::path::{Path, PathBuf};
use std::process::Command;

use scene::{Scene, Told};
use serde_json::Value;

/// An array whose second task fails at first, and a stage after it.
const FLAKY: &str = "\
name: flaky
place: { deadline: 20h }
stages:
  work:
    scatter: { over: { range: 4 } }
    retry: { max_attempts: 2, backoff: 1s }
    run: |
      i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done
      test ${{ item }} -ne 1 -o ${{ attempt }} -gt 1
      printf 'n\\n%d\\n' ${{ item }} > ${{ outputs.out }}
    outputs: { out: { format: csv, schema: { n: int64 } } }
    expect: { time: 30m, power: 500W }
  merge:
    inputs: { out: { from: work.out, as: csv } }
    run: |
      i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done
      cat ${{ inputs.out }} > ${{ outputs.all }}
    outputs: { all: { format: csv, schema: { n: int64 } } }
    expect: { time: 10m, power: 100W }
outputs: { all: merge.all }
";

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/clean-hours")
}

/// Runs a script of the example in the scene's folder; `None`, loudly, without Python.
fn python(scene: &Scene, script: &str, args: &[&str]) -> Option<Told> {
    let mut command = Command::new("python3");
    command.arg(example().join(script)).args(args);
    command.current_dir(scene.path());
    match command.output() {
        Ok(output) => Some(Told::of(&output)),
        Err(error) => {
            eprintln!("NOT RUN: python3 cannot be started: {error}");
            None
        }
    }
}

/// Asserts that a script printed these words.
#[track_caller]
fn says(told: &Told, words: &[&str]) {
    for word in words {
        assert!(told.out.contains(word), "no '{word}' in {}", told.out);
    }
}

fn copied(names: &[&str]) -> Scene {
    let scene = Scene::new();
    for name in names {
        scene.file(name, std::fs::read(example().join(name)).unwrap());
    }
    scene
}

/// The arguments of [`simulated`]; the file of the schedule comes next.
const SIMULATE: [&str; 10] = [
    "simulate",
    "--grid",
    "grid",
    "--fleet",
    "fleet.yaml",
    "--jobs",
    "jobs.json",
    "--policy",
    "all",
    "--schedule",
];

/// The example's grid, fleet and jobs, simulated under all policies.
fn simulated() -> Scene {
    let scene = copied(&[
        "grid/WIND-COAST.csv",
        "grid/SOLAR-SOUTH.csv",
        "grid/HYDRO-NORTH.csv",
        "fleet.yaml",
        "jobs.json",
    ]);
    let words = [&SIMULATE[..], &["schedule.csv", "--json"]].concat();
    let told = scene.sunward(&words).expect(0);
    scene.file("told.json", &told.out);
    scene
}

#[test]
fn every_figure_of_a_simulation_follows_from_its_schedule_and_the_grid() {
    let scene = simulated();
    let args = ["schedule.csv", "told.json", "grid"];
    let Some(told) = python(&scene, "check_simulation.py", &args) else {
        return;
    };
    let told = told.expect(0);
    says(&told, &["now-home: ", "sunward: ", "rows: all as told"]);
    let table = scene.text("schedule.csv");
    assert!(
        table.contains(",transfer,"),
        "the example moves inputs: {table}"
    );
    // The script would notice.
    let first = table.lines().nth(1).unwrap();
    let (rest, grams) = first.rsplit_once(',').unwrap();
    let more = grams.parse::<f64>().unwrap() + 1.0;
    scene.file(
        "schedule.csv",
        table.replace(first, &format!("{rest},{more}")),
    );
    let told = python(&scene, "check_simulation.py", &args).unwrap();
    says(
        &told.expect(1),
        &["gco2e of now-home, job 1", "differences"],
    );
}

#[test]
fn a_schedule_has_the_same_rows_as_parquet_and_other_names_are_refused() {
    let scene = simulated();
    let args = |file| [&SIMULATE[..], &[file]].concat();
    scene.sunward(&args("schedule.parquet")).expect(0);
    scene.file(
        "workflow.yaml",
        "name: t\nstages:\n  all:\n    inputs: { rows: { from: ./schedule.parquet, as: csv } }\n    run: wc -l < ${{ inputs.rows }} > ${{ outputs.lines }}\n    outputs: { lines: { format: file } }\noutputs: { lines: all.lines }\n",
    );
    scene.run(&["--out", "out"]).expect(0);
    let lines = std::fs::read_dir(scene.path().join("out")).unwrap();
    let file = lines.map(|one| one.unwrap().path()).next().unwrap();
    let rows = std::fs::read_to_string(file).unwrap();
    let expected = scene.text("schedule.csv").lines().count();
    assert_eq!(rows.trim(), expected.to_string());
    let told = scene.sunward(&args("schedule.xlsx")).expect(2);
    told.says(&["schedule.xlsx", ".parquet or .csv"]);
}

/// Runs the flaky pipeline in recorded time, with cores that draw 20 kW so that there is something to
/// count, and writes its report.
fn run(more: &[&str]) -> (Scene, Value) {
    let scene = Scene::with(FLAKY);
    scene.recorded_world();
    scene.file("settings.yaml", "watts_per_core: 20000\n");
    let words = ["run", "workflow.yaml", "--grid", "grid", "--zone", "DE"];
    let at = ["--as-of", "2023-01-09T02:07:00Z", "--clock-scale", "7200"];
    let mut command = scene.command(&[&words[..], &at, more].concat());
    command.env("SUNWARD_CONFIG", scene.path().join("settings.yaml"));
    Told::of(&command.output().unwrap()).expect(0);
    scene.sunward(&["report", "--out", "report.json"]).expect(0);
    let report = serde_json::from_str(&scene.text("report.json")).unwrap();
    (scene, report)
}

#[test]
fn the_grams_and_the_saving_of_a_run_follow_from_its_report_and_the_grid() {
    let (scene, report) = run(&[]);
    let used = report["entries"]["used"].as_array().unwrap();
    let outcomes: Vec<&str> = used
        .iter()
        .filter(|row| row["task"] == "work/1")
        .map(|row| row["outcome"].as_str().unwrap())
        .collect();
    assert!(outcomes.contains(&"failed") && outcomes.contains(&"succeeded"));
    assert!(report["ledger"]["gco2e"].as_f64().unwrap() > 0.0);
    for row in used {
        assert!(row["average"]["gco2e_per_kwh"].is_number(), "{row}");
        assert_eq!(row["average"]["provider"], "trace");
        assert_eq!(row["embodied"], "unknown");
        assert!(row["gco2e_embodied"].is_null(), "never 0");
    }
    assert!(report["ledger"]["sci_gco2e_per_task"].is_null());
    assert!(report["ledger"]["gco2e_per_task"].is_number());
    let home = report["entries"]["at_home_now"].as_array().unwrap();
    assert_eq!(
        home[0]["quarter"], "2023-01-09T02:00:00Z",
        "it waits for nothing"
    );
    let Some(told) = python(&scene, "check_run.py", &["report.json", "grid"]) else {
        return;
    };
    says(&told.expect(0), &["r1: ", "all as told"]);
    // The script would notice.
    let text = scene.text("report.json");
    let changed = text.replacen("\"pue\": 1.0", "\"pue\": 1.4", 1);
    assert_ne!(text, changed);
    scene.file("report.json", changed);
    let told = python(&scene, "check_run.py", &["report.json", "grid"]).unwrap();
    says(&told.expect(1), &["work at ", "1 differences"]);
}

#[test]
fn people_read_the_same_rows_as_text_and_on_the_page() {
    let (scene, report) = run(&["--now"]);
    let text = scene.sunward(&["report", "--ledger"]).expect(0).out;
    scene.sunward(&["report", "--out", "report.html"]).expect(0);
    let page = scene.text("report.html");
    let row = &report["entries"]["used"][0];
    for figure in ["energy_joules", "gco2e"] {
        let figure = row[figure].to_string();
        assert!(text.contains(&figure), "{figure} in {text}");
        assert!(page.contains(&figure), "{figure} on the page");
    }
    assert!(
        text.contains("trace: measured") && text.contains("unknown"),
        "{text}"
    );
    assert!(text.contains("marginal intensity is what one more kilowatt-hour emits"));
    assert!(page.contains("marginal intensity is what one more kilowatt-hour emits"));
    let json = scene.sunward(&["report", "--ledger", "--json"]).expect(0);
    assert_eq!(json.json()["totals"], report["entries"]["totals"]);
}

#[test]
fn a_large_array_has_rows_of_many_attempts_and_the_same_totals() {
    let scene = Scene::with(
        "name: wide\nstages:\n  work:\n    scatter: { over: { range: 2100 } }\n    run: [test, '${{ item }}', -ge, '0']\n",
    );
    scene.recorded_world();
    let words = ["run", "workflow.yaml", "--grid", "grid", "--zone", "DE"];
    let at = ["--as-of", "2023-01-09T02:07:00Z", "--now"];
    scene.sunward(&[&words[..], &at].concat()).expect(0);
    scene.sunward(&["report", "--out", "report.json"]).expect(0);
    let report: Value = serde_json::from_str(&scene.text("report.json")).unwrap();
    let entries = &report["entries"];
    assert_eq!(entries["each_row_is"], "stage");
    let used = entries["used"].as_array().unwrap();
    assert!(used.len() < 20, "{} rows", used.len());
    let attempts: u64 = used.iter().filter_map(|row| row["attempts"].as_u64()).sum();
    assert!(attempts >= 2100, "{attempts}");
    if let Some(told) = python(&scene, "check_run.py", &["report.json", "grid"]) {
        told.expect(0);
    }
}
