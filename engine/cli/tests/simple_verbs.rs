//! The verbs that need no run: init, kernels, schema, completions, man, doctor.
mod scene;

use scene::{Scene, Told};

#[test]
fn init_writes_a_pipeline_and_never_over_something() {
    let scene = Scene::new();
    let told = scene.sunward(&["init", "first"]).expect(0);
    assert_eq!(
        told.out,
        "wrote first/workflow.yaml and first/workflow.test.yaml\nand beside them first/expected/pi.csv\nnext: sunward run first/workflow.yaml\n"
    );
    let before = scene.text("first/workflow.yaml");
    scene
        .sunward(&["init", "first"])
        .expect(2)
        .says(&["first/workflow.yaml already exists"]);
    assert_eq!(scene.text("first/workflow.yaml"), before);
}

#[test]
fn every_template_passes_its_own_tests() {
    let scene = Scene::new();
    let help = scene.sunward(&["init", "--help"]).expect(0).out;
    for template in ["first", "files", "screen", "climate", "gpu", "ci"] {
        assert!(help.contains(&format!("- {template}:")), "{help}");
        scene
            .sunward(&["init", "--template", template, template])
            .expect(0);
        let workflow = format!("{template}/workflow.yaml");
        scene.sunward(&["check", &workflow]).expect(0);
        scene.sunward(&["test", &workflow]).expect(0);
    }
}

#[test]
fn init_as_json_names_the_file() {
    let scene = Scene::new();
    let told = scene.sunward(&["init", "--json"]).expect(0);
    assert_eq!(told.json()["path"], "workflow.yaml");
}

#[test]
fn every_kernel_of_the_list_has_a_page_with_ports_and_reference() {
    let scene = Scene::new();
    let list = scene.sunward(&["kernels", "--json"]).expect(0).json();
    let list = list.as_array().unwrap();
    assert!(!list.is_empty());
    for entry in list {
        let name = entry["name"].as_str().unwrap();
        let page = scene.sunward(&["kernels", name]).expect(0).out;
        for heading in ["Inputs", "Outputs", "Devices", "Reference", "Example"] {
            assert!(page.contains(heading), "{name}: no {heading} in {page}");
        }
        let data = scene.sunward(&["kernels", name, "--json"]).expect(0).json();
        assert_eq!(&data, entry);
        let on_a_gpu = entry["devices"] == serde_json::json!(["cpu", "gpu"]);
        assert_eq!(page.contains("A GPU, for stages with"), on_a_gpu, "{page}");
    }
    let devices = |name: &str| {
        let found = list.iter().find(|entry| entry["name"] == name);
        found.unwrap()["devices"].clone()
    };
    assert_eq!(devices("noop"), serde_json::json!(["cpu"]));
    assert_eq!(devices("tanimoto_topk"), serde_json::json!(["cpu", "gpu"]));
}

#[test]
fn a_kernel_that_is_not_there_is_the_users_mistake() {
    let told = Scene::new().sunward(&["kernels", "nope"]).expect(2);
    assert!(told.out.is_empty());
    told.says(&["`nope` is not a kernel", "noop"]);
}

#[test]
fn every_verb_has_a_manual_page() {
    let scene = Scene::new();
    let told = scene.sunward(&["man", "share/man1"]).expect(0).out;
    assert!(told.contains("pages to share/man1"), "{told}");
    let help = scene.sunward(&["--help"]).expect(0).out;
    let verbs = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"));
    let verbs = verbs.skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<&str> = verbs
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.contains(&"run"), "{help}");
    for verb in verbs {
        let page = scene.text(&format!("share/man1/sunward-{verb}.1"));
        assert!(page.contains(".SH SYNOPSIS"), "{verb}");
    }
    assert!(!scene.path().join("share/man1/sunward-supervise.1").exists());
}

#[test]
fn completions_know_every_shell_and_every_verb() {
    let scene = Scene::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = scene.sunward(&["completions", shell]).expect(0).out;
        assert!(script.contains("doctor"), "{shell}");
    }
    let told = scene.sunward(&["completions", "bash", "--json"]).expect(0);
    assert_eq!(told.json()["shell"], "bash");
    scene.sunward(&["completions", "cmd"]).expect(2);
}

#[test]
fn doctor_grades_this_machine_and_makes_nothing() {
    let scene = Scene::new();
    let told = scene.sunward(&["doctor", "--json"]);
    let diagnosis = told.json();
    assert_eq!(told.code, if diagnosis["healthy"] == true { 0 } else { 3 });
    let checks: Vec<_> = diagnosis["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    for check in [
        "cores",
        "memory",
        "disk",
        "file system",
        "state",
        "clock",
        "python",
        "gpu",
        "energy",
    ] {
        assert!(checks.contains(&check), "no check of {check} in {checks:?}");
    }
    for finding in diagnosis["findings"].as_array().unwrap() {
        let needs_mending = finding["grade"] != "good";
        assert_eq!(needs_mending, finding["mend"].is_string(), "{finding}");
    }
    assert_eq!(std::fs::read_dir(scene.path()).unwrap().count(), 0);
}

#[test]
fn without_a_terminal_nothing_is_coloured() {
    let scene = Scene::new();
    for args in [
        &["doctor"][..],
        &["kernels"],
        &["kernels", "noop"],
        &["--help"],
    ] {
        let told = scene.sunward(args);
        assert!(!told.out.contains('\u{1b}') && !told.err.contains('\u{1b}'));
    }
}

#[test]
fn a_reader_that_has_heard_enough_is_no_failure() {
    use std::process::Stdio;
    let scene = Scene::new();
    let mut command = scene.command(&["completions", "bash"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn explain_prints_the_page_of_a_code_without_a_home() {
    let scene = Scene::new();
    let told = scene.sunward(&["explain", "sw0604"]).expect(0);
    assert!(told.out.starts_with("# SW0604: "), "{}", told.out);
    let answer = scene.sunward(&["explain", "SW0604", "--json"]).expect(0);
    assert_eq!(answer.json()["code"], "SW0604");
    assert_eq!(answer.json()["page"], told.out);
    assert_eq!(std::fs::read_dir(scene.path()).unwrap().count(), 0);
}

#[test]
fn options_that_cannot_work_are_refused_before_anything_runs() {
    let scene = Scene::with(
        "name: w\nstages: { s: { run: 'echo x > ${{ outputs.o }}', outputs: { o: { format: file } } } }\noutputs: { o: s.o }\n",
    );
    scene.file("taken", "mine");
    for (args, words) in [
        (&["--out", "taken"][..], ["taken is a file", "folder"]),
        (&["--out", "taken/below"], ["taken is a file", "folder"]),
        (
            &["--as-of", "2023-03-01T08:00:00Z"],
            ["--as-of needs a recorded grid", "--grid"],
        ),
    ] {
        scene.run(args).expect(2).says(&words);
        assert!(!scene.path().join(".sunward").exists(), "{args:?}");
    }
    assert_eq!(scene.text("taken"), "mine");
}

#[test]
fn show_says_that_a_workflow_names_no_outputs() {
    let scene = Scene::with("name: w\nstages: { s: { run: 'true' } }\n");
    scene.run(&[]).expect(0);
    let told = scene.sunward(&["show", "x"]).expect(2);
    told.says(&[
        "`x` is neither STAGE.PORT nor an output",
        "which has no outputs of its own",
    ]);
}

#[test]
fn a_home_that_is_a_file_is_told_as_such() {
    let scene = Scene::with("name: w\nstages:\n  s: { run: 'true' }\n");
    scene.file("home", "x");
    for words in [
        &["status", "--home", "home"][..],
        &["run", "workflow.yaml", "--home", "home"],
        &["plan", "workflow.yaml", "--home", "home"],
        &["cache", "list", "--home", "home"],
    ] {
        let told = scene.sunward(words).expect(2);
        told.says(&["home is not a folder", "--home"]);
    }
}

#[test]
fn a_grid_that_the_settings_name_is_told_with_their_file() {
    let scene = Scene::with("name: w\nstages:\n  s: { run: 'true' }\n");
    let file = scene.file("config.yaml", "grid: nosuch\nzone: DE\n");
    let mut command = scene.command(&["plan", "workflow.yaml"]);
    let told = Told::of(&command.env("SUNWARD_CONFIG", &file).output().unwrap()).expect(2);
    assert!(!told.err.contains("--grid"), "{}", told.err);
    told.says(&[
        "config.yaml: `grid: nosuch`",
        "neither a folder nor a provider",
    ]);
    let told = scene.sunward(&["plan", "workflow.yaml", "--grid", "nosuch", "--zone", "DE"]);
    told.expect(2).says(&["--grid nosuch: "]);
}

#[test]
fn paths_in_the_settings_are_relative_to_their_file() {
    let scene = Scene::with("name: w\nstages:\n  s: { run: 'true' }\n");
    scene.recorded_world();
    let settings = "grid: ../grid\nfleet: ../fleet.yaml\nzone: DE\n";
    let as_of = "2023-01-09T02:00:00Z";
    for grid in ["../grid", "grid"] {
        let file = scene.file("own/config.yaml", settings.replace("../grid", grid));
        if grid == "grid" {
            std::fs::rename(scene.path().join("grid"), scene.path().join("own/grid")).unwrap();
        }
        let mut command = scene.command(&["plan", "workflow.yaml", "--as-of", as_of]);
        let told = Told::of(&command.env("SUNWARD_CONFIG", &file).output().unwrap()).expect(0);
        assert!(told.out.contains("north"), "{}", told.out);
    }
}

#[test]
fn more_memory_and_disk_than_there_is_are_told_in_units_for_people() {
    let scene =
        Scene::with("name: w\nstages:\n  s: { run: 'true', resources: { memory: 100000GiB } }\n");
    let told = scene.sunward(&["plan", "workflow.yaml"]).expect(3);
    told.says(&[
        "asks for 97.7 TiB of memory per task, and this machine has ",
        "iB; lower",
    ]);
}
