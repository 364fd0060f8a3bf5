//! Verbs that run nothing: check, plan, graph, show, explain, status, report, cache.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on should say so and stop"
)]
mod scene;

use scene::{Scene, Told};
use serde_json::json;

const SQUARES: &str = "\
name: squares
params:
  factor: { type: int, default: 1 }
place: { prefer: [carbon], max_delay: 6h }
budget: { kwh: 1 }
stages:
  square:
    scatter: { over: { range: 3 } }
    run: printf 'n,square\\n%d,%d\\n' ${{ item }} $(( ${{ item }} * ${{ item }} * ${{ params.factor }} )) > ${{ outputs.rows }}
    outputs: { rows: { format: csv, schema: { n: int64, square: int64 } } }
    resources: { cpus: 64, memory: 1MiB }
  note:
    inputs: { rows: { from: square.rows, as: csv } }
    run: wc -l < ${{ inputs.rows }} > ${{ outputs.text }}
    outputs: { text: { format: file, ext: txt } }
outputs: { rows: square.rows, text: note.text }
";

fn ran() -> Scene {
    let scene = Scene::with(SQUARES);
    scene.run(&["-j", "2"]).expect(0);
    scene
}

/// Replaces the parts of a text that differ between machines and runs.
fn steady(scene: &Scene, text: &str) -> String {
    let home = scene.path().canonicalize().unwrap();
    text.replace(home.to_str().unwrap(), "HERE")
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME");
    settings.add_filter(r" +\d+\.\d+ s\b", " SECONDS");
    settings.add_filter(r" +took\b", " took");
    settings.add_filter(r"\d+(\.\d+)? k?J", "JOULES");
    settings.add_filter(r"[0-9a-f]{64}", "DIGEST");
    settings.add_filter(r"\d+\.\d GiB", "MEMORY");
    settings
}

#[test]
fn check_reports_all_files_as_one_list() {
    let scene = Scene::with(SQUARES);
    scene.file(
        "bad.yaml",
        "name: bad\nstages:\n  a: { rum: 'true' }\n  b: { run: 'true', needs: [c] }\n",
    );
    let told = scene
        .sunward(&["check", "workflow.yaml", "bad.yaml", "--json"])
        .expect(2);
    let list = told.json();
    let list = list.as_array().unwrap();
    assert!(list.len() >= 2);
    for diagnostic in list {
        let keys: Vec<_> = diagnostic.as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            keys,
            [
                "code",
                "severity",
                "file",
                "line",
                "column",
                "end_line",
                "end_column",
                "message",
                "expected",
                "suggestion"
            ]
        );
        assert_eq!(diagnostic["file"], "bad.yaml");
    }
    let told = scene
        .sunward(&["check", "workflow.yaml", "--json"])
        .expect(0);
    assert_eq!(told.json(), json!([]));
}

#[test]
fn check_marks_the_line_and_names_the_nearest_word() {
    let scene = Scene::new();
    scene.file("bad.yaml", "name: bad\nstages:\n  a: { rum: 'true' }\n");
    let told = scene.sunward(&["check", "bad.yaml"]).expect(2);
    insta::assert_snapshot!(told.out);
}

#[test]
fn check_goes_on_with_the_others_when_a_file_is_missing() {
    let scene = Scene::with(SQUARES);
    let told = scene
        .sunward(&["check", "nope.yaml", "workflow.yaml"])
        .expect(2);
    assert_eq!(told.out, "workflow.yaml: no mistakes\n");
    told.says(&["nope.yaml does not exist"]);
}

#[test]
fn a_plan_says_what_runs_and_why_and_creates_nothing() {
    let scene = Scene::with(SQUARES);
    let before = scene
        .sunward(&["plan", "workflow.yaml", "-j", "2"])
        .expect(0);
    assert!(!scene.path().join(".sunward").exists());
    scene.run(&["-j", "2"]).expect(0);
    let after = scene
        .sunward(&["plan", "workflow.yaml", "-j", "2"])
        .expect(0);
    let changed = scene
        .sunward(&["plan", "workflow.yaml", "-j", "2", "-p", "factor=2"])
        .expect(0);
    settings().bind(|| {
        insta::assert_snapshot!("plan_before_anything_ran", before.out);
        insta::assert_snapshot!("plan_when_all_is_known", after.out);
        insta::assert_snapshot!("plan_with_another_parameter", changed.out);
    });
    let data = scene
        .sunward(&[
            "plan",
            "workflow.yaml",
            "-j",
            "2",
            "-p",
            "factor=2",
            "--json",
        ])
        .expect(0)
        .json();
    assert_eq!(data["stages"][0]["outlook"], "runs");
    assert_eq!(
        data["stages"][0]["changes"],
        json!(["param factor: 1 -> 2"])
    );
    assert_eq!(data["stages"][0]["resources"]["cpus"], 2);
    assert_eq!(data["stages"][0]["resources"]["cpus_asked"], 64);
    assert_eq!(
        scene.sunward(&["status", "--json"]).json()["runs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_plan_names_the_input_that_changed() {
    let scene = Scene::with(
        "name: reads\nstages:\n  search:\n    inputs: { library: ./library.csv }\n    run: cat ${{ inputs.library }} > ${{ outputs.o }}\n    outputs: { o: { format: arrow } }\n",
    );
    scene.file("library.csv", "id\n1\n2\n");
    scene.run(&[]).expect(0);
    let same = scene
        .sunward(&["plan", "workflow.yaml", "--json"])
        .expect(0)
        .json();
    assert_eq!(same["stages"][0]["outlook"], "cached");
    scene.file("library.csv", "id\n1\n2\n3\n");
    let told = scene.sunward(&["plan", "workflow.yaml"]).expect(0);
    assert!(
        told.out.contains("stage search: input library changed"),
        "{}",
        told.out
    );
}

#[test]
fn a_stage_that_needs_a_gpu_is_refused_when_planning_with_the_way_out() {
    let scene = Scene::with("name: gpu\nstages:\n  a: { run: 'true', resources: { gpus: 1 } }\n");
    for verb in ["plan", "run"] {
        scene
            .sunward(&[verb, "workflow.yaml"])
            .expect(3)
            .says(&["optional: true"]);
    }
    assert!(!scene.path().join(".sunward").exists());
}

#[test]
fn a_plan_says_who_does_the_work_of_a_gpu() {
    let scene = Scene::with(
        "name: gpu\nstages:\n  a: { run: 'true', resources: { gpus: 2, optional: true } }\n",
    );
    scene.recorded_world();
    let mut words = vec!["plan", "workflow.yaml"];
    let told = |words: &[&str]| {
        let mut command = scene.command(words);
        command.env("CUDA_VISIBLE_DEVICES", "");
        scene::Told::of(&command.output().unwrap()).expect(0)
    };
    let here = told(&words).out;
    assert!(here.contains("1 cpu, the CPU instead of 2 gpus"), "{here}");
    words.extend(["--grid", "grid", "--fleet", "fleet.yaml"]);
    words.extend(["--as-of", "2023-01-09T08:00:00Z"]);
    let there = told(&words).out;
    assert!(there.contains("1 cpu, 2 gpus"), "{there}");
    words.push("--json");
    let resources = &told(&words).json()["stages"][0]["resources"];
    assert_eq!(
        (&resources["gpus"], &resources["gpus_given"]),
        (&json!("2"), &json!(true))
    );
}

#[test]
fn a_table_is_shown_with_its_schema_and_first_rows() {
    let scene = ran();
    let told = scene
        .sunward(&["show", "square.rows", "--head", "2"])
        .expect(0);
    settings().bind(|| insta::assert_snapshot!(told.out));
    let data = scene.sunward(&["show", "rows", "--json"]).expect(0).json();
    assert_eq!(data["rows"], 3);
    assert_eq!(
        data["schema"],
        json!([{"name": "n", "type": "int64"}, {"name": "square", "type": "int64"}])
    );
    assert_eq!(data["head"][2], json!({"n": 2, "square": 4}));
}

#[test]
fn the_files_of_a_result_are_listed_one_a_line() {
    let scene = ran();
    for (what, start) in [("square.rows", "ARROW1"), ("note.text", "4")] {
        let lines = scene.sunward(&["show", what, "--path"]).expect(0).out;
        let told = scene.sunward(&["show", what, "--json"]).expect(0).json();
        let files = told["files"].as_array().unwrap();
        assert!(!files.is_empty(), "{told}");
        let paths = files.iter().map(|file| file["path"].as_str().unwrap());
        assert_eq!(lines.lines().collect::<Vec<_>>(), paths.collect::<Vec<_>>());
        for path in lines.lines() {
            let bytes = std::fs::read(path).unwrap();
            assert!(bytes.starts_with(start.as_bytes()), "{path}");
        }
    }
}

#[test]
fn a_file_is_shown_by_path_and_size() {
    let scene = ran();
    let data = scene
        .sunward(&["show", "r1", "note.text", "--json"])
        .expect(0)
        .json();
    assert_eq!(data["kind"], "file");
    let path = data["files"][0]["path"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap().trim(), "4");
}

#[test]
fn what_is_not_there_is_not_shown_and_what_is_there_is_named() {
    let scene = ran();
    for (what, words) in [
        ("square.row", "its outputs are rows"),
        ("sqare.rows", "its stages are square, note"),
        ("nothing", "rows, text"),
    ] {
        scene.sunward(&["show", what]).expect(2).says(&[words]);
    }
    scene
        .sunward(&["show", "r7", "square.rows"])
        .expect(2)
        .says(&["no run r7"]);
}

#[test]
fn explain_tells_each_ingredient_and_what_changed() {
    let scene = ran();
    scene.run(&["-j", "2", "-p", "factor=3"]).expect(0);
    let stage = scene.sunward(&["explain", "square"]).expect(0);
    let task = scene.sunward(&["explain", "r2", "square/1"]).expect(0);
    settings().bind(|| {
        insta::assert_snapshot!("explain_a_stage", stage.out);
        insta::assert_snapshot!("explain_a_task", task.out);
    });
    let data = scene
        .sunward(&["explain", "square/1", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        data["explanations"][0]["changes"],
        json!(["param factor: 1 -> 3"])
    );
    assert_eq!(data["explanations"][0]["key"].as_str().unwrap().len(), 64);
    scene
        .sunward(&["explain", "square/9"])
        .expect(2)
        .says(&["square/0 to square/2"]);
    scene
        .sunward(&["explain", "r1", "nope"])
        .expect(2)
        .says(&["square, note"]);
}

#[test]
fn status_reads_well_and_lists_all_runs() {
    let scene = ran();
    let one = scene.sunward(&["status"]).expect(0);
    settings().bind(|| insta::assert_snapshot!(steady(&scene, &one.out)));
    scene.run(&["-j", "2"]).expect(0);
    let data = scene.sunward(&["status", "--json"]).expect(0).json();
    assert_eq!(data["runs"].as_array().unwrap().len(), 2);
    assert_eq!(data["run"]["stages"]["square"]["cached"], 3);
    let first = scene.sunward(&["status", "r1", "--json"]).expect(0).json();
    assert!(first.get("runs").is_none());
    assert_eq!(first["run"]["stages"]["square"]["ran"], 3);
}

#[test]
fn a_report_is_one_file_that_needs_nothing_else() {
    let scene = Scene::with(
        "name: <b>bold\nstages:\n  bad: { run: 'echo \"<script>alert(1)</script>\"; exit 3' }\n  many:\n    scatter: { over: { range: 300 } }\n    cache: false\n    kernel: noop\n",
    );
    let workflow = scene.text("workflow.yaml").replace("<b>bold", "bold");
    scene.file("workflow.yaml", workflow);
    scene.run(&[]).expect(1);
    scene
        .sunward(&["report", "--out", "deep/report.html"])
        .expect(0);
    let page = scene.text("deep/report.html");
    for word in [
        "<!DOCTYPE html>",
        "<svg",
        "Timeline",
        "Failures",
        "&lt;script&gt;alert(1)",
        "modelled",
    ] {
        assert!(page.contains(word), "no {word}");
    }
    for word in ["<script", "http://", "https://", "src=", "@import"] {
        let page = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!page.contains(word), "{word}");
    }
    scene
        .sunward(&["report", "r1", "--out", "report.json"])
        .expect(0);
    let data: serde_json::Value = serde_json::from_str(&scene.text("report.json")).unwrap();
    assert_eq!(data["status"], "failed");
    assert_eq!(data["failures"][0]["task"], "bad/0");
    assert_eq!(data["attempts_total"], 301);
    assert_eq!(data["graph"]["nodes"].as_array().unwrap().len(), 2);
    scene.sunward(&["report"]).expect(0);
    assert!(scene.text("report-r1.html").contains("<!DOCTYPE html>"));
}

#[test]
fn a_report_shows_the_pictures_that_a_run_gave_and_how_long_stages_waited() {
    let scene = Scene::with(
        r#"name: pictures
stages:
  first: { run: "sleep 0.2" }
  plot:
    scatter: { over: [red, blue] }
    needs: first
    run: echo '<svg xmlns="http://www.w3.org/2000/svg"><title>'${{ item }}'</title></svg>' > ${{ outputs.figure }}
    outputs: { figure: { format: file, ext: svg } }
  table:
    run: echo 'no picture' > ${{ outputs.text }}
    outputs: { text: { format: file, ext: png } }
outputs: { figures: plot.figure }
"#,
    );
    scene.run(&[]).expect(0);
    scene.sunward(&["report", "--out", "r.html"]).expect(0);
    let page = scene.text("r.html");
    assert_eq!(page.matches("src=\"data:image/svg+xml;base64,").count(), 2);
    assert!(page.contains("figures of task 1"), "{page}");
    let data = scene.sunward(&["report", "--json"]).expect(0).json();
    assert_eq!(
        data["gallery"]["pictures"][0]["media_type"],
        "image/svg+xml"
    );
    let stages = data["timeline"]["stages"].as_array().unwrap();
    let plot = stages
        .iter()
        .find(|stage| stage["stage"] == "plot")
        .unwrap();
    assert!(
        plot["waited"]["start_ms"].as_u64().unwrap() >= 200,
        "{plot}"
    );
}

#[test]
fn graphs_are_drawn_in_every_form() {
    let scene = Scene::with(SQUARES);
    let of = |format: &str| {
        scene
            .sunward(&["graph", "workflow.yaml", "--format", format])
            .expect(0)
            .out
    };
    insta::assert_snapshot!("graph_as_dot", of("dot"));
    insta::assert_snapshot!("graph_as_mermaid", of("mermaid"));
    assert!(of("svg").starts_with("<svg"));
    let data = scene
        .sunward(&["graph", "workflow.yaml", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        data["edges"],
        json!([{"from": "square", "to": "note", "ports": ["rows"]}])
    );
}

#[test]
fn the_cache_is_listed_verified_and_pruned() {
    let scene = ran();
    let list = scene.sunward(&["cache", "list", "--json"]).expect(0).json();
    assert_eq!(list["results"], 4);
    assert!(list["parts"].as_u64().unwrap() >= 4);
    scene.sunward(&["cache", "verify"]).expect(0);
    scene.sunward(&["cache", "prune"]).expect(2);
    scene
        .sunward(&["cache", "prune", "--older", "soon"])
        .expect(2)
        .says(&["--older soon"]);
    let kept = scene
        .sunward(&["cache", "prune", "--older", "30d", "--json"])
        .expect(0)
        .json();
    assert_eq!(kept["parts"], 0);
    let pruned = scene
        .sunward(&["cache", "prune", "--max-size", "0B", "--json"])
        .expect(0)
        .json();
    assert!(pruned["parts"].as_u64().unwrap() >= 4);
    assert_eq!(pruned["results_forgotten"], 4);
    let answer = scene.run(&["-j", "2"]).expect(0).json();
    assert_eq!(answer["stages"]["square"]["ran"], 3);
}

#[test]
fn a_damaged_part_is_found() {
    let scene = ran();
    let answer = scene
        .sunward(&["show", "note.text", "--json"])
        .expect(0)
        .json();
    let digest_folder = scene.path().join(".sunward/store/default/cas");
    let mut parts: Vec<_> = std::fs::read_dir(digest_folder)
        .unwrap()
        .flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap())
        .map(|part| part.unwrap().path())
        .collect();
    parts.sort();
    std::fs::remove_file(&parts[0]).unwrap();
    std::fs::write(&parts[0], "garbage").unwrap();
    let told = scene.sunward(&["cache", "verify", "--json"]).expect(3);
    assert_eq!(
        told.json()["damaged"].as_array().unwrap().len(),
        1,
        "{answer}"
    );
}

#[test]
fn verbs_that_need_a_state_say_where_none_was_found() {
    let scene = Scene::with(SQUARES);
    for args in [
        &["status"][..],
        &["logs"],
        &["show", "square.rows"],
        &["explain"],
        &["report", "--out", "r.html"],
        &["retry"],
        &["cancel"],
        &["cache", "list"],
    ] {
        let told: Told = scene.sunward(args).expect(2);
        told.says(&["nothing has run here"]);
    }
    assert_eq!(std::fs::read_dir(scene.path()).unwrap().count(), 1);
}

#[test]
fn what_a_command_wrote_outside_its_outputs_is_told_by_run_and_report() {
    let scene = Scene::with(
        "name: strays\nstages:\n  plot:\n    scatter: { over: { range: 3 } }\n    run: |\n      \
         echo x > figure.txt; mkdir .cache; echo y > .cache/y; echo z > $TMPDIR/z\n",
    );
    let told = scene.run(&[]).expect(0).says(&["figure.txt"]);
    assert_eq!(told.err.matches("figure.txt").count(), 1, "{}", told.err);
    assert!(!told.err.contains(".cache"), "{}", told.err);
    let report = scene.sunward(&["report", "--json"]).expect(0).json();
    let warnings = report["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{report}");
    assert!(warnings[0].as_str().unwrap().contains("figure.txt"));
    scene.sunward(&["report", "--out", "r.html"]).expect(0);
    assert!(scene.text("r.html").contains("figure.txt"));
}

#[test]
fn cache_verify_makes_joined_files_again_that_are_not_what_their_parts_give() {
    let scene = Scene::with(
        "name: folders\nstages:\n  a:\n    scatter: { over: { range: 2 } }\n    \
         run: mkdir ${{ outputs.d }}; echo ${{ item }} > ${{ outputs.d }}/x\n    \
         outputs: { d: { format: dir } }\noutputs: { d: a.d }\n",
    );
    let path = scene.run(&[]).expect(0).json()["outputs"]["d"]["path"].clone();
    let file = std::path::Path::new(path.as_str().unwrap()).join("000001/x");
    let harms: [fn(&std::path::Path); 2] = [
        |file| std::fs::remove_file(file).unwrap(),
        |file| {
            std::fs::remove_file(file).unwrap();
            std::fs::write(file, "9\n").unwrap();
        },
    ];
    for harm in harms {
        harm(&file);
        let told = scene.sunward(&["cache", "verify", "--json"]).expect(0);
        let repaired = told.json()["repaired"].clone();
        assert_eq!(repaired[0]["made_again"], true, "{repaired}");
        assert_eq!(repaired[0]["path"], path, "{repaired}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "1\n");
        let told = scene.sunward(&["cache", "verify", "--json"]).expect(0);
        assert_eq!(told.json()["repaired"], json!([]));
    }
}
