//! `sunward simulate` on recorded workflows (WfCommons).
mod scene;

use scene::Scene;
use serde_json::Value;

const ARGS: [&str; 5] = ["simulate", "--grid", "grid", "--fleet", "fleet.yaml"];

fn world() -> Scene {
    let scene = Scene::new();
    scene.recorded_world();
    scene
}

fn simulated(scene: &Scene, more: &[&str]) -> scene::Told {
    scene.sunward(&[&ARGS, more].concat())
}

/// The last policy's figures; null if there are none.
fn ours(told: &str) -> Value {
    let report: Value = serde_json::from_str(told).unwrap_or_default();
    let last = report["policies"].as_array().and_then(|all| all.last());
    last.cloned().unwrap_or_default()
}

#[test]
fn an_instance_is_played_as_a_workflow() {
    let scene = world();
    let told = simulated(
        &scene,
        &[
            "instance.json",
            "--stretch",
            "4",
            "--deadline-factor",
            "5",
            "--home-zone",
            "DE",
            "--policy",
            "all",
        ],
    );
    insta::assert_snapshot!(told.expect(0).out);
    // 7.56 core hours of 10 W in nine tasks, and one GPU hour of 350 W, which was ten core hours.
    let told = simulated(&scene, &["instance.json", "--json"])
        .expect(0)
        .out;
    let kwh = ours(&told)["kwh"].as_f64().unwrap();
    assert!((kwh - 0.386).abs() < 0.001, "{kwh}");
}

#[test]
fn terms_change_what_is_due_where_it_is_at_home_and_how_long_it_takes() {
    let scene = world();
    let figure = |more: &[&str], name: &str| {
        let told = simulated(&scene, &[&["instance.json", "--json"], more].concat());
        ours(&told.expect(0).out)[name].as_f64().unwrap()
    };
    let tight = figure(&["--deadline-factor", "1"], "delay_mean_h");
    let loose = figure(&["--deadline-factor", "8"], "delay_mean_h");
    assert!(tight < 0.01, "{tight}");
    assert!(loose > tight, "{loose}");
    let home = figure(&["--home-zone", "NO"], "saved_percent");
    assert!(home < figure(&["--home-zone", "DE"], "saved_percent"));
    let kwh = figure(&["--stretch", "2"], "kwh") / figure(&[], "kwh");
    assert!((kwh - 2.0).abs() < 0.01, "{kwh}");
}

#[test]
fn instances_and_pipelines_arrive_together() {
    let scene = world();
    scene.file(
        "workflow.yaml",
        "name: one\nplace: { home: DE }\nstages:\n  make:\n    run: make-it\n    expect: { time: 1h, power: 1000W }\n",
    );
    let args = ["instance.json", "workflow.yaml", "instance.json", "--json"];
    let ours = ours(&simulated(&scene, &args).expect(0).out);
    assert_eq!(ours["succeeded"], 3, "{ours}");
}

#[test]
fn what_is_no_instance_is_told() {
    let scene = world();
    let small = scene.text("instance.json");
    let wrong = |text: &str| {
        scene.file("bad.json", text);
        simulated(&scene, &["bad.json"]).expect(2).err
    };
    assert!(wrong("{ \"name\": ").contains("bad.json: this is not JSON"));
    assert!(wrong("[]").contains("expected a list; is this WfFormat 1.5?"));
    let circle = small.replace(
        "\"name\": \"split\", \"parents\": []",
        "\"parents\": [\"merge\"]",
    );
    let told = wrong(&circle);
    assert!(told.contains("depend on each other in a cycle"), "{told}");
    let untimed = small.replace("\"runtimeInSeconds\": 36000", "\"ran\": 36000");
    let told = wrong(&untimed);
    assert!(
        told.contains("tasks[8].runtimeInSeconds: expected the run time of `train` in seconds"),
        "{told}"
    );
    let empty = "{ \"schemaVersion\": \"1.5\", \"workflow\": { \"specification\": { \"tasks\": [], \"files\": [] }, \"execution\": { \"tasks\": [] } } }";
    assert!(wrong(empty).contains("the instance has no tasks"));
}

#[test]
fn terms_that_hold_for_nothing_are_refused() {
    let scene = world();
    let told = |more: &[&str]| simulated(&scene, more).expect(2).err;
    let factor = told(&["instance.json", "--deadline-factor", "0.5"]);
    assert!(factor.contains("expected a number from 1"), "{factor}");
    let home = told(&["instance.json", "--home-zone", "MARS"]);
    assert!(home.contains("the zones are DE, NO"), "{home}");
    let jobs = told(&["--jobs", "jobs.json", "--deadline-factor", "2"]);
    assert!(jobs.contains("cannot be used with"), "{jobs}");
    scene.file("trace.csv", "arrival,length_h\n0,1\n");
    let early = told(&["--workload", "trace.csv", "--as-of", "2023-01-10T00:00Z"]);
    assert!(early.contains("cannot be used with"), "{early}");
}

#[test]
fn recorded_instances_are_played() {
    let Some(folder) = scene::shared("data/workflows/wfcommons") else {
        return;
    };
    let entries = std::fs::read_dir(&folder).unwrap();
    let scene = world();
    // There is enough room for the widest instance. The test is that each is read and none is late.
    scene.file(
        "fleet.yaml",
        "- { pool: mid, zone: DE, timezone: Europe/Berlin, capacity: [{ when: otherwise, gpus: 1000, cpus: 4000 }] }\n\
         - { pool: north, zone: NO, timezone: Europe/Oslo, capacity: [{ when: otherwise, gpus: 1000, cpus: 4000 }] }\n",
    );
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| path.display().to_string())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    let mut args: Vec<&str> = files.iter().map(String::as_str).collect();
    args.push("--json");
    let ours = ours(&simulated(&scene, &args).expect(0).out);
    assert_eq!(ours["succeeded"], files.len(), "{ours}");
    assert_eq!(ours["deadlines_missed"], 0, "{ours}");
}
