//! Outputs outside the home never replace the files from which they are made.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;

/// A workflow whose output has this name and these keys.
fn workflow(name: &str, output: &str, write: &str) -> String {
    format!(
        "name: o
params: {{ p: {{ type: path, default: ./data/given.txt }} }}
stages:
  s:
    run: \"cat ${{{{ params.p }}}} ${{{{ inputs.i }}}} more/note.txt > /dev/null; {write}\"
    files: [more/note.txt]
    inputs: {{ i: {{ from: ./data/rows.csv, as: file }} }}
    outputs: {{ o: {output} }}
outputs: {{ {name}: s.o }}
"
    )
}

fn scene(workflow: &str) -> Scene {
    let scene = Scene::with(workflow);
    for (name, text) in [
        ("data/given.txt", "given"),
        ("data/rows.csv", "a\n1\n"),
        ("more/note.txt", "note"),
        ("values.yaml", "p: ./data/given.txt\n"),
    ] {
        scene.file(name, text);
    }
    scene
}

/// All files of a folder with their contents, except those of the home.
fn files(scene: &Scene) -> Vec<(String, String)> {
    let names = [
        "workflow.yaml",
        "data/given.txt",
        "data/rows.csv",
        "more/note.txt",
        "values.yaml",
    ];
    let read = |name: &&str| ((*name).to_owned(), scene.text(name));
    names.iter().map(read).collect()
}

#[test]
fn outputs_that_would_replace_a_source_or_the_home_are_refused_before_anything_runs() {
    let text = "echo x > ${{ outputs.o }}";
    let folder = "mkdir ${{ outputs.o }}; echo x > ${{ outputs.o }}/x";
    let file = |ext: &str| format!("{{ format: file, ext: {ext} }}");
    let (csv, dir) = ("{ format: csv }".to_owned(), "{ format: dir }".to_owned());
    let cases = [
        ("workflow", file("yaml"), text, ".", "the workflow"),
        ("workflow", file("yaml"), text, "data/..", "the workflow"),
        ("rows", file("csv"), text, "data", "an input of stage s"),
        ("rows", csv, text, "data", "an input"),
        ("given", file("txt"), text, "data", "-p p"),
        ("note", file("txt"), text, "more", "a file of stage s"),
        ("values", file("yaml"), text, ".", "parameters"),
        ("data", dir, folder, ".", "an input"),
        ("o", file("txt"), text, ".sunward/store", "home"),
    ];
    for (name, output, write, out, what) in cases {
        let scene = scene(&workflow(name, &output, write));
        let before = files(&scene);
        let arguments = ["--out", out, "--format", "csv", "--params", "values.yaml"];
        let told = scene.run(&arguments).expect(2);
        assert!(told.err.contains(what), "{name} to {out}: {}", told.err);
        assert_eq!(files(&scene), before, "{name} to {out}");
        assert!(!scene.path().join(".sunward").exists(), "{name} to {out}");
    }
}

/// A `file:` URL names an input, and a stage may name its own lock file.
#[test]
fn an_input_by_url_and_a_lock_file_of_another_name_are_not_replaced() {
    let scene = Scene::new();
    scene.file("a b/rows.csv", "a\n1\n");
    scene.file(
        "packages.lock",
        "{ \"version\": 1, \"environments\": [] }\n",
    );
    let here = scene.path().display();
    let workflow = |name: &str, ext: &str| {
        format!(
            "name: o
stages:
  s:
    run: cat ${{{{ inputs.i }}}} > ${{{{ outputs.o }}}}
    python: {{ packages: [numpy], lock: ./packages.lock }}
    inputs: {{ i: {{ from: \"file://{here}/a%20b/rows.csv\", as: file }} }}
    outputs: {{ o: {{ format: file, ext: {ext} }} }}
outputs: {{ {name}: s.o }}
"
        )
    };
    let read = || (scene.text("a b/rows.csv"), scene.text("packages.lock"));
    let before = read();
    for (name, ext, out, what) in [
        ("rows", "csv", "a b", "an input of stage s"),
        ("packages", "lock", ".", "the lock file of stage s"),
    ] {
        scene.file("workflow.yaml", workflow(name, ext));
        let told = scene.run(&["--out", out]).expect(2);
        assert!(told.err.contains(what), "{name} to {out}: {}", told.err);
        assert_eq!(read(), before, "{name} to {out}");
        assert!(!scene.path().join(".sunward").exists(), "{name} to {out}");
    }
}

#[test]
fn outputs_beside_sources_are_written_and_replaced_by_the_next_run() {
    let scene = scene(&workflow(
        "o",
        "{ format: file, ext: txt }",
        "echo x > ${{ outputs.o }}",
    ));
    let before = files(&scene);
    for _ in 0..2 {
        scene.run(&["--fresh", "--out", "."]).expect(0);
        assert_eq!(scene.text("o.txt"), "x\n");
    }
    assert_eq!(files(&scene), before);
    let told = scene
        .sunward(&["report", "--out", "workflow.yaml"])
        .expect(2);
    assert!(told.err.contains("the workflow"), "{}", told.err);
    assert_eq!(files(&scene), before);
    scene.sunward(&["report", "--out", "o.html"]).expect(0);
}

/// A home may contain outputs besides the engine's files.
#[test]
fn what_the_engine_keeps_in_its_home_is_refused_and_other_folders_there_are_not() {
    let scene = scene(&workflow(
        "o",
        "{ format: file, ext: txt }",
        "echo x > ${{ outputs.o }}",
    ));
    for _ in 0..2 {
        scene
            .run(&["--fresh", "--out", ".sunward/results"])
            .expect(0);
        assert_eq!(scene.text(".sunward/results/o.txt"), "x\n");
    }
    for entry in std::fs::read_dir(scene.path().join(".sunward")).unwrap() {
        let name = entry.unwrap().file_name();
        let name = name.to_str().unwrap();
        if name != "results" {
            let out = format!(".sunward/{name}");
            let told = scene.run(&["--out", &out]).expect(2);
            assert!(told.err.contains("part of the home"), "{out}: {}", told.err);
        }
    }
}

/// A folder has the name of its output, and its files have the suffix. The size of a folder is that
/// of its files.
#[test]
fn files_of_several_tasks_are_a_folder_of_files_with_their_suffix() {
    let scene = Scene::with(
        r#"
name: w
stages:
  s:
    scatter: { over: [a, b] }
    run: "printf ${{ item }} > ${{ outputs.o }}"
    outputs: { o: { format: file, ext: txt } }
  f:
    run: "mkdir ${{ outputs.d }}; head -c 70000 /dev/zero > ${{ outputs.d }}/large; printf abc > ${{ outputs.d }}/small"
    outputs: { d: { format: dir } }
outputs: { o: s.o, d: f.d }
"#,
    );
    let told = scene.run(&["--out", "out"]).expect(0);
    assert_eq!(scene.text("out/o/000000.txt"), "a");
    assert_eq!(scene.text("out/o/000001.txt"), "b");
    assert_eq!(scene.text("out/d/small"), "abc");
    let answer = told.json();
    assert_eq!(answer["outputs"]["d"]["bytes"], 70_003);
    assert_eq!(answer["outputs"]["o"]["bytes"], 2);
}

/// A run replaces what an earlier run wrote, wherever it was moved to, and no folder of the user's.
#[test]
fn a_folder_is_replaced_only_if_sunward_wrote_it() {
    let one = "mkdir ${{ outputs.o }}; echo x > ${{ outputs.o }}/${{ params.v }}";
    let each = "echo ${{ params.v }} > ${{ outputs.o }}";
    for (run, more, output) in [
        (one, "", "{ format: dir }"),
        (each, "scatter: { range: 2 }", "{ format: file, ext: txt }"),
    ] {
        let scene = Scene::with(&format!(
            "name: o
params: {{ v: {{ type: string, default: a }} }}
stages:
  s: {{ run: '{run}', outputs: {{ o: {output} }}, {more} }}
outputs: {{ mine: s.o }}
"
        ));
        let names = || {
            let entries = std::fs::read_dir(scene.path().join("r/mine")).expect("the output");
            entries.count()
        };
        scene.file("r/mine/by-hand", "years of work");
        let refused = scene.run(&["--out", "r"]).expect(2);
        refused.says(&[
            "output mine",
            "a folder that Sunward did not write",
            "--out",
        ]);
        assert_eq!(scene.text("r/mine/by-hand"), "years of work");
        std::fs::rename(scene.path().join("r"), scene.path().join("kept")).expect("moved");
        scene.run(&["--out", "r"]).expect(0);
        let first = names();
        scene.run(&["--out", "r", "-p", "v=b"]).expect(0);
        assert_eq!(names(), first, "the folder of the last run is replaced");
        scene.file("r/mine/figures/notes.txt", "an afternoon");
        let refused = scene.run(&["--out", "r", "-p", "v=c"]).expect(2);
        refused.says(&["figures", "which Sunward did not write", "move that away"]);
        assert_eq!(scene.text("r/mine/figures/notes.txt"), "an afternoon");
    }
}

#[test]
fn a_program_among_the_outputs_stays_executable() {
    let scene = Scene::with(
        "name: o
stages:
  one:
    run: \"printf '#!/bin/sh\\necho it runs\\n' > ${{ outputs.o }}; chmod u+x ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: sh } }
  many:
    scatter: { range: 2 }
    run: \"printf '#!/bin/sh\\necho it runs ${{ item }}\\n' > ${{ outputs.o }}; chmod +x ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: sh } }
  tree:
    run: \"mkdir ${{ outputs.o }}; printf '#!/bin/sh\\necho it runs\\n' > ${{ outputs.o }}/p.sh; chmod +x ${{ outputs.o }}/p.sh; echo > ${{ outputs.o }}/plain\"
    outputs: { o: { format: dir } }
  plain:
    run: \"echo no program > ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: txt } }
outputs: { one: one.o, many: many.o, tree: tree.o, plain: plain.o }
",
    );
    scene.run(&["--out", "out"]).expect(0);
    let mode = |path: &str| {
        let found = std::fs::metadata(scene.path().join(path)).unwrap();
        std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777
    };
    for program in [
        "out/one.sh",
        "out/many/000000.sh",
        "out/many/000001.sh",
        "out/tree/p.sh",
    ] {
        assert_eq!(mode(program), 0o755, "{program}");
        let ran = std::process::Command::new(scene.path().join(program))
            .output()
            .unwrap();
        assert!(
            String::from_utf8_lossy(&ran.stdout).starts_with("it runs"),
            "{program}"
        );
    }
    for file in ["out/plain.txt", "out/tree/plain"] {
        assert_eq!(mode(file), 0o644, "{file}");
    }
}
