//! `sunward run`, from the command line to the answer.
mod scene;

use scene::Scene;
use serde_json::json;

const SQUARES: &str = "\
name: squares
params:
  top: { type: int, default: 3, min: 1, max: 100 }
stages:
  square:
    scatter: { over: { range: '${{ params.top }}' } }
    run: printf 'n,square\\n%d,%d\\n' ${{ item }} $(( ${{ item }} * ${{ item }} )) > ${{ outputs.rows }}
    outputs: { rows: { format: csv, schema: { n: int64, square: int64 } } }
  sum:
    inputs: { rows: { from: square.rows, as: csv } }
    run: awk -F, 'NR > 1 { s += $2 } END { print \"sum\"; print s }' ${{ inputs.rows }} > ${{ outputs.total }}
    outputs: { total: { format: csv, schema: { sum: int64 } } }
outputs: { total: sum.total, rows: square.rows }
";

#[test]
fn a_run_answers_with_one_object_of_the_promised_shape() {
    let scene = Scene::with(SQUARES);
    let told = scene.run(&[]).expect(0);
    assert_eq!(told.out.lines().count(), 1);
    let mut answer = told.json();
    let rows = answer["outputs"]["rows"].clone();
    assert_eq!(rows["rows"], 3);
    assert_eq!(rows["digest"].as_str().unwrap().len(), 64);
    let path = rows["path"].as_str().unwrap().to_owned();
    assert_eq!(
        std::fs::metadata(path).unwrap().len(),
        rows["bytes"].as_u64().unwrap()
    );
    answer["outputs"] = json!({});
    assert!(answer["stages"]["square"]["seconds"].as_f64().unwrap() > 0.0);
    answer["stages"]["square"]["seconds"] = json!(0);
    answer["stages"]["sum"]["seconds"] = json!(0);
    assert!(answer["ledger"]["energy_joules"].as_f64().unwrap() > 0.0);
    answer["ledger"]["energy_joules"] = json!(0);
    answer["ledger"]["modelled_joules"] = json!(0);
    // The energy is measured if the machine has a meter and the run takes long enough.
    let source = answer["ledger"]["energy_source"].as_str().unwrap();
    assert!(["modelled", "measured", "measured and modelled"].contains(&source));
    answer["ledger"]["energy_source"] = json!("modelled");
    answer["ledger"]["measured_joules"] = json!(0.0);
    answer["ledger"]["joules_without_intensity"] = json!(0);
    assert_eq!(
        answer,
        json!({
            "version": 1, "run": "r1", "status": "succeeded", "outputs": {},
            "stages": {
                "square": {"tasks": 3, "cached": 0, "ran": 3, "failed": 0, "skipped": 0, "seconds": 0},
                "sum": {"tasks": 1, "cached": 0, "ran": 1, "failed": 0, "skipped": 0, "seconds": 0},
            },
            "summary": {
                "stages": 2, "succeeded": 2, "failed": 0, "not_started": 0, "skipped": 0,
                "cancelled": 0, "open": 0,
            },
            "ledger": {
                "energy_joules": 0, "energy_source": "modelled", "measured_joules": 0.0,
                "modelled_joules": 0, "attempts_missing": 0, "failed_joules": 0.0,
                "gco2e": null, "gco2e_at_home_now": null, "gco2e_saved": null, "gco2e_marginal": null,
                "gco2e_marginal_at_home_now": null, "gco2e_transfer": null,
                "gco2e_embodied": null, "embodied": "unknown", "gco2e_per_task": null,
                "sci_gco2e_per_task": null,
                "intensity_certainty": null, "joules_without_intensity": 0,
                "restated": false,
            },
            "late": null,
        })
    );
}

#[test]
fn a_core_draws_what_the_users_settings_say() {
    let scene = Scene::with(SQUARES);
    scene.file("settings.yaml", "watts_per_core: 0\n");
    let mut command = scene.command(&["run", "workflow.yaml", "--json"]);
    command.env("SUNWARD_CONFIG", scene.path().join("settings.yaml"));
    let told = scene::Told::of(&command.output().unwrap()).expect(0);
    assert_eq!(told.json()["ledger"]["modelled_joules"], 0.0);
    let usual = scene.run(&["--fresh", "--force", "square"]).expect(0);
    let ledger = &usual.json()["ledger"];
    assert!(ledger["energy_joules"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_second_run_comes_from_the_cache_and_a_forced_stage_runs() {
    let scene = Scene::with(SQUARES);
    let first = scene.run(&[]).expect(0).json();
    let again = scene.run(&[]).expect(0).json();
    assert_eq!(again["run"], "r2");
    assert_eq!(again["stages"]["square"]["cached"], 3);
    assert_eq!(again["outputs"], first["outputs"]);
    assert_eq!(again["ledger"]["energy_source"], "none");
    let forced = scene.run(&["--force", "square"]).expect(0).json();
    assert_eq!(forced["stages"]["square"]["ran"], 3);
    assert_eq!(forced["stages"]["sum"]["cached"], 1);
}

#[test]
fn more_items_run_only_what_is_new() {
    let scene = Scene::with(SQUARES);
    scene.run(&[]).expect(0);
    let more = scene.run(&["-p", "top=5"]).expect(0).json();
    assert_eq!(more["stages"]["square"]["cached"], 3);
    assert_eq!(more["stages"]["square"]["ran"], 2);
}

#[test]
fn outputs_are_written_where_and_as_asked() {
    let scene = Scene::with(SQUARES);
    for (format, ext) in [("csv", "csv"), ("parquet", "parquet"), ("arrow", "arrow")] {
        let answer = scene
            .run(&["--out", "results", "--format", format])
            .expect(0)
            .json();
        let path = scene.path().join(format!("results/rows.{ext}"));
        assert!(path.is_file());
        assert_eq!(answer["outputs"]["rows"]["rows"], 3);
    }
    assert_eq!(scene.text("results/rows.csv"), "n,square\n0,0\n1,1\n2,4\n");
    assert_eq!(scene.text("results/total.csv"), "sum\n5\n");
}

#[test]
fn nothing_is_created_when_something_is_wrong() {
    for (workflow, args) in [
        ("name: x\nstages:\n  a: { rum: 'true' }\n", &[][..]),
        ("", &[]),
        ("name: [", &[]),
        (SQUARES, &["-p", "top=0"]),
        (SQUARES, &["-p", "tops=3"]),
        (SQUARES, &["-p", "top"]),
        (SQUARES, &["--until", "nowhere"]),
        (SQUARES, &["--params", "missing.yaml"]),
        (SQUARES, &["-j", "0"]),
        (SQUARES, &["--format", "csv"]),
    ] {
        let scene = Scene::with(workflow);
        let told = scene.run(args).expect(2);
        // For mistakes in the file, the answer is that of `check --json`. Otherwise it is an error.
        assert!(
            told.out.starts_with("{\"version\":1,\"error\":") || told.out.starts_with("[{"),
            "{args:?}: {}",
            told.out
        );
        assert!(!told.err.is_empty());
        let names: Vec<_> = std::fs::read_dir(scene.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["workflow.yaml"], "{args:?}");
    }
}

#[test]
fn what_lies_at_a_default_is_of_no_matter_where_another_file_is_given() {
    let scene = Scene::with(
        "name: elsewhere\nparams:\n  library: { type: table, default: ./nowhere.csv }\nstages:\n  \
         copy:\n    inputs: { library: params.library }\n    run: cat ${{ inputs.library }} > ${{ outputs.o }}\n    \
         outputs: { o: { format: arrow } }\n",
    );
    scene.file("mine.csv", "id\n1\n2\n");
    for verb in ["check", "plan", "run"] {
        let told = scene.sunward(&[verb, "workflow.yaml"]).expect(2);
        let all = [told.out, told.err].concat();
        assert!(all.contains("./nowhere.csv does not exist"), "{all}");
    }
    let given = ["-p", "library=mine.csv"];
    scene
        .sunward(&[&["plan", "workflow.yaml"][..], &given].concat())
        .expect(0);
    scene.run(&given).expect(0);
    scene.file("params.yaml", "library: mine.csv\n");
    scene.run(&["--params", "params.yaml"]).expect(0);
    let wrong = ["-p", "library=not-there.csv"];
    scene.run(&wrong).expect(2).says(&["not-there.csv"]);
}

#[test]
fn parameters_come_from_a_file_and_the_command_line_wins() {
    let scene = Scene::with(SQUARES);
    scene.file("five.yaml", "top: 5\n");
    let five = scene.run(&["--params", "five.yaml"]).expect(0).json();
    assert_eq!(five["stages"]["square"]["tasks"], 5);
    let two = scene
        .run(&["--params", "five.yaml", "-p", "top=2"])
        .expect(0)
        .json();
    assert_eq!(two["stages"]["square"]["tasks"], 2);
}

#[test]
fn until_runs_what_is_needed_and_says_nothing_of_the_rest() {
    let scene = Scene::with(SQUARES);
    let told = scene.run(&["--until", "square"]).expect(0);
    let answer = told.json();
    assert_eq!(answer["stages"]["square"]["ran"], 3);
    assert_eq!(answer["stages"]["sum"]["ran"], 0);
    assert!(!told.err.contains("sum"), "{}", told.err);
}

const FAILING: &str = "\
name: failing
stages:
  bad: { run: 'echo before the end; exit 7' }
  good: { run: 'true' }
  after: { run: 'true', needs: [bad] }
";

#[test]
fn a_failed_task_is_named_with_the_end_of_its_log_and_the_others_finish() {
    let scene = Scene::with(FAILING);
    let told = scene.run(&[]).expect(1);
    let answer = told.json();
    assert_eq!(answer["status"], "failed");
    assert_eq!(answer["stages"]["bad"]["failed"], 1);
    assert_eq!(answer["stages"]["good"]["ran"], 1);
    assert_eq!(answer["stages"]["after"]["skipped"], 1);
    told.says(&[
        "bad/0",
        "attempt 1",
        "code 7",
        "| before the end",
        "after: skipped, bad failed",
    ]);
}

#[test]
fn plain_output_has_no_escapes_even_when_tasks_write_them() {
    let scene = Scene::with(
        "name: loud\nstages:\n  loud: { run: \"printf '\\\\033[31mred\\\\n'; exit 1\" }\n",
    );
    let told = scene.sunward(&["run", "workflow.yaml"]).expect(1);
    let log = scene.sunward(&["logs", "loud"]).expect(0);
    for text in [&told.out, &told.err, &log.out] {
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    assert_eq!(log.out, "\\u{1b}[31mred\n");
}

#[test]
fn a_failed_run_is_finished_and_retry_runs_what_failed() {
    let scene = Scene::with(
        "name: moody\nparams: { marker: { type: string } }\nstages:\n  steady: { run: 'true' }\n  look: { run: 'test -e ${{ params.marker }}' }\n",
    );
    let marker = format!("marker={}", scene.path().join("marker").display());
    scene.run(&["-p", &marker]).expect(1);
    scene.file("marker", "");
    let told = scene.sunward(&["retry", "--json"]).expect(0);
    let answer = told.json();
    assert_eq!(
        (&answer["run"], &answer["status"]),
        (&json!("r1"), &json!("succeeded"))
    );
    scene
        .sunward(&["retry"])
        .expect(2)
        .says(&["r1 succeeded", "--fresh"]);
}

#[test]
fn the_home_may_be_elsewhere_and_status_finds_the_nearest_upward() {
    let scene = Scene::with(SQUARES);
    scene.run(&["--home", "elsewhere"]).expect(0);
    assert!(!scene.path().join(".sunward").exists());
    scene
        .sunward(&["status"])
        .expect(2)
        .says(&["no .sunward folder"]);
    let told = scene
        .sunward(&["status", "--home", "elsewhere", "--json"])
        .expect(0);
    assert_eq!(told.json()["run"]["status"], "succeeded");
    scene.run(&[]).expect(0);
    std::fs::create_dir_all(scene.path().join("deep/down")).unwrap();
    let mut below = scene.command(&["status", "--json"]);
    below.current_dir(scene.path().join("deep/down"));
    let told = scene::Told::of(&below.output().unwrap()).expect(0);
    assert_eq!(told.json()["run"]["run"], "r1");
}

#[test]
fn failures_that_a_stage_tolerates_can_be_retried() {
    let scene = Scene::with(
        "name: tolerant
params: { marker: { type: string } }
stages:
  s:
    scatter: { over: [1, 2] }
    tolerate: 1
    run: test ${{ item }} = 1 || test -e ${{ params.marker }}
",
    );
    let marker = format!("marker={}", scene.path().join("marker").display());
    let run = scene.run(&["-p", &marker]).expect(0);
    assert_eq!(run.json()["stages"]["s"]["failed"], 1);
    scene.file("marker", "");
    let again = scene.sunward(&["retry", "--json"]).expect(0).json();
    assert_eq!(again["stages"]["s"]["failed"], 0);
    scene
        .sunward(&["retry"])
        .expect(2)
        .says(&["nothing to retry"]);
}

#[test]
fn a_plan_of_one_stage_takes_what_the_run_would_take_from_the_cache() {
    let scene = Scene::with(
        "name: two
stages:
  a: { run: \"echo a > ${{ outputs.o }}\", outputs: { o: { format: file } } }
  b: { inputs: { a: a.o }, run: \"cat ${{ inputs.a }} > ${{ outputs.o }}\", outputs: { o: { format: file } } }
",
    );
    let only = ["plan", "workflow.yaml", "--only", "b", "--json"];
    let outlook = || {
        let plan = scene.sunward(&only).expect(0).json();
        plan["stages"][1]["outlook"].as_str().unwrap().to_owned()
    };
    assert_eq!(outlook(), "cannot run");
    scene.run(&["--only", "b"]).expect(1);
    scene.run(&[]).expect(0);
    assert_eq!(outlook(), "cached");
    let run = scene.run(&["--only", "b"]).expect(0).json();
    assert_eq!(run["stages"]["b"]["cached"], 1);
}
