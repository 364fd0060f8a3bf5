//! `sunward simulate`: its figures, its output, and expectations of a pipeline.
mod scene;

use scene::Scene;
use serde_json::Value;

const ARGS: [&str; 7] = [
    "simulate",
    "--grid",
    "grid",
    "--fleet",
    "fleet.yaml",
    "--jobs",
    "jobs.json",
];

fn simulated(scene: &Scene, more: &[&str]) -> scene::Told {
    scene.sunward(&[&ARGS, more].concat())
}

fn world() -> Scene {
    let scene = Scene::new();
    scene.recorded_world();
    scene
}

/// Adds to each row of a zone what its figures count.
fn state_basis(scene: &Scene, zone: &str, basis: &str) {
    let name = format!("grid/{zone}.csv");
    let text = scene.text(&name);
    let mut lines = text.lines();
    let header = format!("{},basis\n", lines.next().unwrap_or_default());
    let rows = lines.map(|row| format!("{row},{basis}\n"));
    scene.file(&name, header + &rows.collect::<String>());
}

#[test]
fn emissions_of_different_bases_are_not_added() {
    let scene = world();
    state_basis(&scene, "DE", "direct emissions of consumption");
    simulated(&scene, &[]).expect(0);
    state_basis(&scene, "NO", "life-cycle emissions of consumption");
    let refused = simulated(&scene, &[]).expect(2).err;
    for part in [
        "DE: direct emissions of consumption",
        "NO: life-cycle emissions of consumption",
        "a simulation adds the emissions of all zones",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn figures_are_told_for_machines_and_are_the_same_each_time() {
    let scene = world();
    let told = simulated(&scene, &["--policy", "all", "--json"])
        .expect(0)
        .out;
    assert_eq!(
        told,
        simulated(&scene, &["--policy", "all", "--json"])
            .expect(0)
            .out
    );
    let report: Value = serde_json::from_str(&told).unwrap();
    let policies = report["policies"].as_array().unwrap();
    assert_eq!(policies[0]["name"], "now-home");
    let ours = policies.last().unwrap();
    assert_eq!(ours["name"], "sunward");
    for figure in [
        "gco2e",
        "saved_percent",
        "achievable_share",
        "kwh",
        "transfer_gco2e",
        "delay_mean_h",
        "delay_p95_h",
        "deadlines_missed",
        "utilization",
    ] {
        assert!(ours[figure].is_number(), "{figure} in {ours}");
        assert!(policies[0][figure].is_number(), "{figure} of now-home");
    }
    assert!(
        ours["gco2e_marginal"].is_null(),
        "the traces do not hold it"
    );
    assert_eq!(report["bound"]["kind"], "st-cont");
    // All days are equal, so the forecast is exact and our policy reaches the optimum.
    assert_eq!(ours["achievable_share"], 1.0);
    assert_eq!(ours["deadlines_missed"], 0);
    let most = ours["gco2e"].as_f64().unwrap();
    assert!(most < policies[0]["gco2e"].as_f64().unwrap() / 2.0);
}

#[test]
fn a_terminal_shows_a_table_and_a_file_a_picture() {
    let scene = world();
    let told = simulated(&scene, &["--picture", "saved.svg"]).expect(0).out;
    insta::assert_snapshot!(told);
    let picture = std::fs::read_to_string(scene.path().join("saved.svg")).unwrap();
    assert!(
        picture.starts_with("<svg") && picture.contains("sunward") && picture.ends_with("</svg>\n")
    );
}

#[test]
fn a_pipeline_asserts_its_carbon() {
    let scene = world();
    simulated(&scene, &["--max-gco2e", "1000000"]).expect(0);
    let missed = simulated(&scene, &["--max-gco2e", "1"]).expect(1).err;
    assert!(missed.contains("missed: sunward: gco2e is"), "{missed}");
    let former = simulated(&scene, &["--json"]).expect(0).out;
    scene.file("former.json", &former);
    simulated(&scene, &["--expect", "former.json"]).expect(0);
    simulated(
        &scene,
        &[
            "--expect",
            "former.json",
            "--forecast",
            "noisy",
            "--seed",
            "3",
        ],
    )
    .expect(1);
    scene.file(
        "expect.yaml",
        "sunward: { min_saved_percent: 50, max_deadlines_missed: 0 }\n",
    );
    simulated(&scene, &["--expect", "expect.yaml"]).expect(0);
}

#[test]
fn faults_of_a_scenario_cost_something_and_nothing_is_late() {
    let scene = world();
    scene.file(
        "faults.yaml",
        "faults:\n  - { at: '2023-01-10T12:30Z', for: 8h, lost: north }\n",
    );
    let figure = |more: &[&str]| {
        let told = simulated(&scene, more).expect(0).out;
        let report: Value = serde_json::from_str(&told).unwrap();
        let ours = report["policies"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone();
        assert_eq!(ours["deadlines_missed"], 0, "{ours}");
        ours["gco2e"].as_f64().unwrap()
    };
    assert!(figure(&["--json", "--scenario", "faults.yaml"]) > figure(&["--json"]));
}

#[test]
fn in_an_emergency_what_keeps_a_checkpoint_makes_way_and_loses_nothing() {
    let scene = world();
    scene.file(
        "fleet.yaml",
        "- { pool: north, zone: 'NO', timezone: UTC, capacity: 4 }\n",
    );
    let events = "faults:\n  - { at: '2023-01-09T03:00Z', for: 2h, emergency: north }\n";
    scene.file("events.yaml", events);
    let figures = |checkpoint: bool, more: &[&str]| {
        let stage = format!(
            "name: one\nstages:\n  work:\n    run: 'true'\n    checkpoint: {checkpoint}\n    \
             expect: {{ time: 4h, power: 1000W }}\n"
        );
        scene.file("work.yaml", stage);
        let args = "simulate work.yaml --grid grid --fleet fleet.yaml --json";
        let args: Vec<&str> = args
            .split(' ')
            .chain(["--as-of", "2023-01-09T02:00Z"])
            .collect();
        let told = scene.sunward(&[&args[..], more].concat()).expect(0).out;
        let report: Value = serde_json::from_str(&told).unwrap();
        let policies = report["policies"].as_array().unwrap().clone();
        let ours = policies
            .iter()
            .find(|one| one["name"] == "sunward")
            .unwrap()
            .clone();
        for policy in policies {
            assert_eq!(policy["unfinished"], 0, "{policy}");
        }
        (
            ours["kwh"].as_f64().unwrap(),
            ours["makespan_mean_h"].as_f64().unwrap(),
        )
    };
    let events = ["--scenario", "events.yaml"];
    assert_eq!(figures(true, &[]), (4.0, 4.0));
    assert_eq!(
        figures(true, &events),
        (4.0, 6.0),
        "it goes on two hours later"
    );
    assert_eq!(
        figures(false, &events),
        (4.0, 4.0),
        "it cannot be interrupted"
    );
    figures(true, &["--scenario", "events.yaml", "--policy", "all"]);
}

#[test]
fn a_published_trace_is_played_as_it_is() {
    let scene = world();
    scene.file(
        "trace.csv",
        "name,cpu_milli,memory_mib,num_gpu,creation_time,deletion_time,scheduled_time\n\
         a,12000,16384,1,0,7200,3600.0\nb,6000,1,1,5,9,\nc,6000,1,2,7200,18000,7200\n",
    );
    let args = [
        "simulate",
        "--grid",
        "grid",
        "--fleet",
        "fleet.yaml",
        "--workload",
        "trace.csv",
    ];
    let told = scene.sunward(&args).expect(0).out;
    assert!(told.contains("left out 1 row that never ran"), "{told}");
    let json = scene
        .sunward(&[&args[..], &["--json"]].concat())
        .expect(0)
        .out;
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["runs"], 2);
    assert_eq!(report["policies"][0]["kwh"], 2.45);
}

#[test]
fn wrong_input_is_told_and_nothing_is_simulated() {
    let scene = world();
    scene.file(
        "bad.json",
        r#"[{ "arrival": "soon", "length_h": 1, "power_kw": 1, "home": "DE" }]"#,
    );
    scene.file("late.json", r#"[{ "arrival": "2023-01-12T20:00Z", "length_h": 1, "power_kw": 1, "slack_h": 24, "home": "DE" }]"#);
    scene.file("far.yaml", "- { pool: a, zone: MARS, capacity: 3 }\n");
    let wrong = |flag: &str, file: &str| {
        let mut args: Vec<&str> = ARGS.to_vec();
        let at = args.iter().position(|word| *word == flag).unwrap();
        args[at + 1] = file;
        scene.sunward(&args).expect(2).err
    };
    assert!(wrong("--jobs", "bad.json").contains("`soon` is not a time"));
    assert!(wrong("--jobs", "late.json").contains("after the grids' traces do"));
    assert!(
        wrong("--fleet", "far.yaml")
            .contains("no trace of zone MARS; the zones with traces are DE, NO")
    );
    assert!(wrong("--grid", "nowhere").contains("cannot be read"));
    let policy = simulated(&scene, &["--policy", "magic"]).expect(2).err;
    assert!(policy.contains("`magic` is not a policy"), "{policy}");
}

#[test]
fn a_workflow_is_played_as_it_would_be_submitted() {
    let scene = world();
    scene.file(
        "workflow.yaml",
        "name: two\nplace: { deadline: 24h, home: DE }\nstages:\n  make:\n    run: make-it ${{ item }}\n    scatter: { range: 4 }\n    \
         resources: { gpus: 1 }\n    expect: { time: 1h, power: 500W }\n  take:\n    run: take-it\n    needs: [make]\n    \
         expect: { time: 30m, power: 100W }\n",
    );
    let args = [
        "simulate",
        "workflow.yaml",
        "--grid",
        "grid",
        "--fleet",
        "fleet.yaml",
        "--json",
    ];
    let report: Value = serde_json::from_str(&scene.sunward(&args).expect(0).out).unwrap();
    let ours = report["policies"].as_array().unwrap().last().unwrap();
    assert_eq!(ours["succeeded"], 1);
    assert_eq!(ours["kwh"], 2.05);
    assert!(ours["saved_percent"].as_f64().unwrap() > 50.0, "{ours}");
}

#[test]
fn what_the_users_settings_say_of_moving_data_counts_unless_it_is_given() {
    let scene = world();
    scene.file(
        "heavy.json",
        r#"[{ "arrival": "2023-01-09T03:00:00Z", "length_h": 2, "power_kw": 2, "slack_h": 12, "home": "DE", "input_gb": 10 }]"#,
    );
    scene.file("settings.yaml", "transfer_kwh_per_gb: 0.01\n");
    let transfer = |settings: &str, more: &[&str]| {
        let args = [
            "simulate",
            "--grid",
            "grid",
            "--fleet",
            "fleet.yaml",
            "--jobs",
            "heavy.json",
            "--json",
        ];
        let mut command = scene.command(&[&args[..], more].concat());
        command.env("SUNWARD_CONFIG", scene.path().join(settings));
        let told = scene::Told::of(&command.output().unwrap()).expect(0).out;
        let report: Value = serde_json::from_str(&told).unwrap();
        let ours = report["policies"].as_array().unwrap().last().unwrap();
        ours["transfer_gco2e"].as_f64().unwrap()
    };
    // 10 GB at the mean of 200 and 30 g/kWh.
    assert_eq!(transfer("settings.yaml", &[]), 11.5);
    let given = ["--transfer-kwh-per-gb", "0.02"];
    assert_eq!(transfer("settings.yaml", &given), 23.0);
    assert_eq!(transfer("none.yaml", &[]), 2.3);
}

#[test]
fn jobs_that_may_pause_are_held_against_the_best_pauses() {
    let scene = world();
    let job = |interruptible: bool| {
        format!(
            r#"[{{ "arrival": "2023-01-09T03:00:00Z", "length_h": 8, "power_kw": 1, "slack_h": 26, "home": "DE", "allowed": ["DE"], "interruptible": {interruptible} }}]"#
        )
    };
    let bound = |interruptible| {
        scene.file("jobs.json", job(interruptible));
        let told = simulated(&scene, &["--json"]).expect(0).out;
        let report: Value = serde_json::from_str(&told).unwrap();
        let bound = &report["bound"];
        (
            bound["kind"].as_str().unwrap().to_owned(),
            bound["gco2e"].as_f64().unwrap(),
        )
    };
    // Five hours of each day have 200 g, the others 500 g. The PUE is 1.2.
    assert_eq!(bound(false), ("st-cont".to_owned(), 3000.0));
    assert_eq!(bound(true), ("st-dp".to_owned(), 1920.0));
}

/// A job for jobs.json, on a day of January 2023.
fn job(day: u32, hour: u32, more: &str) -> String {
    format!(
        "{{ \"arrival\": \"2023-01-{day:02}T{hour:02}:00:00Z\", \"length_h\": 2, \"power_kw\": 1, \"slack_h\": 12, \"home\": \"DE\"{more} }}"
    )
}

#[test]
fn what_no_pool_ever_has_room_for_is_refused_and_is_no_saving() {
    let scene = world();
    for (fleet, more, expected) in [
        (
            "- { pool: mid, zone: DE, capacity: 4 }\n",
            ", \"gpus\": 200",
            "needs 200 GPUs and 1 core for 2 h without a break, which no pool ever has: mid has 4 GPUs",
        ),
        (
            "- { pool: mid, zone: DE, capacity: [{ when: otherwise, gpus: 0, cpus: 8 }] }\n",
            "",
            "mid has 8 cores at most",
        ),
        (
            "- { pool: mid, zone: DE, capacity: [{ when: \"mon-sun 02:00-03:00\", gpus: 4, cpus: 8 }] }\n",
            "",
            "mid has that for 1 h at most",
        ),
        (
            "- { pool: mid, zone: DE, capacity: 4, allow: { projects: [\"climate-*\"] } }\n",
            "",
            "no pool may take it",
        ),
    ] {
        scene.file("fleet.yaml", fleet);
        scene.file("jobs.json", format!("[{}]", job(9, 3, more)));
        simulated(&scene, &[])
            .expect(2)
            .says(&["run 0, stage job", expected]);
    }
    // A job that is charged to such a project is accepted.
    let charged = job(9, 3, ", \"project\": \"climate-arctic\"");
    scene.file("jobs.json", format!("[{charged}]"));
    simulated(&scene, &[]).expect(0);
}

#[test]
fn what_did_not_finish_saved_nothing() {
    let scene = world();
    scene.file("fleet.yaml", "- { pool: mid, zone: DE, capacity: 1 }\n");
    // The trace ends on the 13th, which leaves 36 hours for 40 hours of work.
    let jobs: Vec<String> = (0..20)
        .map(|_| job(11, 12, "").replace("\"slack_h\": 12, ", ""))
        .collect();
    scene.file("jobs.json", format!("[{}]", jobs.join(",")));
    let told = simulated(&scene, &["--json"]).expect(0).json();
    let ours = told["policies"].as_array().unwrap().last().unwrap().clone();
    assert!(ours["unfinished"].as_u64().unwrap() > 0, "{ours}");
    assert!(ours["saved_percent"].is_null() && ours["achievable_share"].is_null());
    simulated(&scene, &["--max-gco2e", "1000000000"])
        .expect(1)
        .says(&["of 20 runs did not finish"]);
}

#[test]
fn a_run_of_a_traces_first_hours_goes_by_what_little_is_known_and_that_is_said() {
    let scene = world();
    let jobs = [job(1, 0, ""), job(1, 5, "")];
    scene.file("jobs.json", format!("[{}]", jobs.join(",")));
    let told = simulated(&scene, &["--json"]).expect(0).json();
    let ours = told["policies"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&ours["succeeded"], &ours["deadlines_missed"]),
        (&2.into(), &0.into())
    );
    assert!(
        ours["saved_percent"].as_f64().unwrap() > 50.0,
        "the second goes north: {ours}"
    );
    let note = "2 runs arrive within the traces' first day";
    assert!(told["notes"][0].as_str().unwrap().contains(note), "{told}");
    assert!(simulated(&scene, &[]).expect(0).out.contains(note));
    let told = simulated(&scene, &["--forecast", "perfect", "--json"])
        .expect(0)
        .json();
    assert!(told.get("notes").is_none(), "{told}");
    let outside = job(1, 5, "").replace("2023", "2022");
    scene.file("jobs.json", format!("[{outside}]"));
    simulated(&scene, &[])
        .expect(2)
        .says(&["before the grids' traces begin at 2023-01-01T00:00:00Z"]);
}

#[test]
fn hours_that_nobody_measured_are_told() {
    let scene = world();
    let trace = std::fs::read_to_string(scene.path().join("grid/DE.csv")).unwrap();
    let rows: Vec<&str> = trace.lines().collect();
    let without = [&rows[..50], &rows[51..]].concat().join("\n");
    scene.file("grid/DE.csv", format!("{without}\n"));
    let report = simulated(&scene, &["--json"]).expect(0).json();
    let notes = report["notes"].to_string();
    assert!(notes.contains("grid: DE: 1 of"), "{notes}");
    assert!(notes.contains("interpolated"), "{notes}");
}

#[test]
fn a_limit_that_is_no_amount_is_refused() {
    let scene = world();
    for limit in ["nan", "-1"] {
        let told = simulated(&scene, &["--max-gco2e", limit]).expect(2);
        assert!(told.err.contains("expected grams"), "{}", told.err);
    }
}

/// Ten jobs of an hour at noon, for one clean machine and many dirty ones.
#[test]
fn the_share_is_of_what_scarce_machines_can_save() {
    let scene = world();
    let job = r#"{ "arrival": "2023-01-09T10:00:00Z", "length_h": 1, "power_kw": 1, "slack_h": 0, "home": "DE", "gpus": 0 }"#;
    scene.file("jobs.json", format!("[{}]", [job; 10].join(",")));
    let fleet = |clean: u32| {
        format!(
            "- {{ pool: mid, zone: DE, capacity: {{ cpus: 20 }} }}\n- {{ pool: north, zone: NO, capacity: {{ cpus: {clean} }} }}\n"
        )
    };
    let bound = |clean: u32| {
        scene.file("fleet.yaml", fleet(clean));
        let told = simulated(&scene, &["--json"]).expect(0);
        let report = told.json();
        let ours = report["policies"].as_array().unwrap().last().unwrap();
        assert_eq!(ours["achievable_share"], 1.0, "{ours}");
        report["bound"].clone()
    };
    assert_eq!(bound(20)["kind"], "st-cont");
    assert_eq!(bound(20)["gco2e"], 300.0);
    let scarce = bound(1);
    assert_eq!(scarce["kind"], "lp");
    assert_eq!(
        scarce["gco2e"],
        30.0 + 9.0 * 200.0,
        "one at 30 g, nine at 200 g"
    );
    scene.file("fleet.yaml", fleet(1).replace("cpus: 20", "cpus: 2"));
    let told = simulated(&scene, &[]).expect(0).out;
    assert!(told.contains("so there is no bound under load"), "{told}");
}

#[test]
fn where_lengths_are_not_known_the_second_job_of_a_user_goes_by_the_first() {
    let scene = world();
    // Five hours of each day are clean in DE. A job of ten hours that is held to take one begins in
    // the first of them; once it is known to take ten, it begins before them.
    let jobs = |user: &str, day: u32| {
        format!(
            r#"{{ "arrival": "2023-01-{day:02}T00:00:00Z", "length_h": 10, "power_kw": 1, "slack_h": 23, "home": "DE", "allowed": ["DE"], "user": "{user}" }}"#
        )
    };
    let starts = |users: [&str; 2], more: &[&str]| -> Vec<String> {
        let all = [jobs(users[0], 9), jobs(users[1], 11)];
        scene.file("jobs.json", format!("[{}]", all.join(",")));
        simulated(&scene, &[&["--schedule", "schedule.csv"], more].concat()).expect(0);
        let rows = std::fs::read_to_string(scene.path().join("schedule.csv")).unwrap();
        let header: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
        let at = header.iter().position(|name| *name == "start").unwrap();
        let ours = rows.lines().filter(|row| row.starts_with("sunward,"));
        ours.map(|row| row.split(',').nth(at).unwrap().to_owned())
            .collect()
    };
    let known = starts(["ada", "ada"], &[]);
    let guessed = starts(["ada", "ada"], &["--lengths", "history"]);
    let strangers = starts(["ada", "bob"], &["--lengths", "history"]);
    assert_ne!(guessed[0], known[0], "nothing is known of the first job");
    assert_eq!(
        guessed[1], known[1],
        "the second takes as long as the first"
    );
    assert_eq!(strangers[0], guessed[0]);
    assert_ne!(strangers[1], known[1], "nothing is known of another user");
}

#[test]
fn an_elastic_job_is_played_and_what_would_tell_its_length_is_refused() {
    let scene = world();
    let job = |more: &str| {
        format!(
            r#"[{{ "arrival": "2023-01-09T03:00:00Z", "length_h": 8, "power_kw": 1, "home": "DE", "allowed": ["DE"]{more} }}]"#
        )
    };
    scene.file(
        "jobs.json",
        job(r#", "tasks": 8, "width": 2, "deadline_h": 34"#),
    );
    let report = simulated(&scene, &["--json", "--policy", "all"])
        .expect(0)
        .json();
    // Eight task-hours in the five clean hours of a day: 200 g x 1.2.
    assert_eq!(report["bound"]["gco2e"], 1920.0);
    for policy in report["policies"].as_array().unwrap() {
        assert_eq!(policy["deadlines_missed"], 0, "{policy}");
    }
    scene.file(
        "jobs.json",
        job(r#", "slack_h": 24, "interruptible": true"#),
    );
    simulated(&scene, &["--lengths", "history"])
        .expect(2)
        .says(&[
            "jobs[0].interruptible",
            "would tell its length",
            "give `tasks` instead",
        ]);
}

#[test]
fn idle_devices_are_told_apart_where_a_pool_says_what_they_draw() {
    let scene = world();
    scene.file("jobs.json", format!("[{}]", job(9, 3, "")));
    let fleet = |gpu: &str| {
        format!(
            "- {{ pool: mid, zone: DE, capacity: 4{gpu} }}\n- {{ pool: north, zone: NO, capacity: 4 }}\n"
        )
    };
    scene.file("fleet.yaml", fleet(""));
    let told = simulated(&scene, &["--json"]).expect(0).json();
    assert!(told["policies"][1]["idle_gco2e"].is_null(), "{told}");
    scene.file("fleet.yaml", fleet(", gpu: { idle_watts: 50 }"));
    let told = simulated(&scene, &["--json"]).expect(0).json();
    let ours = &told["policies"][1];
    assert!(ours["idle_gco2e"].as_f64().unwrap() > 0.0, "{ours}");
    let saved = |figure: &str| ours[figure].as_f64().unwrap();
    assert!(
        saved("saved_with_idle_percent") < saved("saved_percent"),
        "{ours}"
    );
    let table = simulated(&scene, &[]).expect(0).out;
    assert!(table.contains("saved with idle"), "{table}");
    assert!(table.contains("idle: emissions of open devices"), "{table}");
}
