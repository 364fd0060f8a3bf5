//! What a run reads: which files are opened, and which versions of them count.
#![allow(
    clippy::panic,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should say so and stop"
)]

mod scene;

use std::process::Command;

use scene::Scene;

/// A pipeline of one stage that hands its input `d` over as it is.
fn hand_over(source: &str) -> String {
    format!(
        "name: w\nstages:\n  s:\n    inputs: {{ d: {source} }}\n    run: \"cat ${{{{ inputs.d }}}} > ${{{{ outputs.o }}}}\"\n    outputs: {{ o: {{ format: file, ext: txt }} }}\noutputs: {{ o: s.o }}\n"
    )
}

#[test]
fn what_is_handed_over_as_a_file_is_not_read_as_a_table() {
    // None of these could be read as the table that its name promises.
    for name in ["x.nc", "x.parquet", "x.arrow", "x.sdf", "x.csv", "x.pdbqt"] {
        let source = format!("{{ from: ./{name}, as: file }}");
        let scene = Scene::with(&hand_over(&source));
        scene.file(name, [0xff, 0xfe, 0, 1, b'"']);
        scene.sunward(&["check", "workflow.yaml"]).expect(0);
        scene.run(&["--out", "out"]).expect(0);
        let param = format!(
            "params: {{ p: {{ type: path, default: ./{name} }} }}\n{}",
            hand_over("{ from: params.p, as: file }")
        );
        scene.file("workflow.yaml", param);
        scene.sunward(&["check", "workflow.yaml"]).expect(0);
        let given = format!("p={name}");
        scene.run(&["-p", &given]).expect(0);
    }
}

#[test]
fn a_fifo_or_a_device_is_refused_and_never_opened() {
    let scene = Scene::new();
    let fifo = scene.path().join("fifo.csv");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    std::os::unix::fs::symlink("/dev/zero", scene.path().join("zero.csv")).unwrap();
    for name in ["./fifo.csv", "./zero.csv"] {
        for source in [name.to_owned(), format!("{{ from: {name}, as: file }}")] {
            scene.file("workflow.yaml", hand_over(&source));
            let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
            assert!(told.out.contains("it is a"), "{told:?}");
        }
        let text = format!(
            "params: {{ p: {{ type: path }} }}\n{}",
            hand_over("{ from: params.p, as: file }")
        );
        scene.file("workflow.yaml", text);
        let told = scene.run(&["-p", &format!("p={name}")]).expect(2);
        assert!(told.err.contains("it is a"), "{told:?}");
    }
}

#[test]
fn addresses_that_nothing_fetches_are_refused_before_anything_runs() {
    for url in [
        "https://example.org/t.csv",
        "http://x.org/a",
        "s3://b/k.arrow",
    ] {
        let scene = Scene::with(&hand_over(url));
        let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
        assert!(told.out.contains("not fetched"), "{told:?}");
        let text = format!(
            "params: {{ p: {{ type: path }} }}\n{}",
            hand_over("{ from: params.p, as: file }")
        );
        scene.file("workflow.yaml", text);
        let told = scene.run(&["-p", &format!("p={url}")]).expect(2);
        assert!(told.err.contains("not fetched"), "{told:?}");
        assert!(!scene.path().join(".sunward").exists());
    }
}

#[test]
fn mistakes_are_answered_in_json_by_every_verb_that_reads_a_workflow() {
    let scene = Scene::with("name: w\nstages: { s: { rnu: x } }\n");
    let checked = scene
        .sunward(&["check", "workflow.yaml", "--json"])
        .expect(2);
    assert!(checked.out.starts_with('['), "{checked:?}");
    for verb in ["plan", "run", "graph"] {
        let told = scene.sunward(&[verb, "workflow.yaml", "--json"]).expect(2);
        assert_eq!(told.out, checked.out, "{verb}");
    }
}

#[test]
fn a_missing_secret_is_told_before_anything_runs() {
    let scene = Scene::with(
        "name: w\nstages:\n  a: { run: touch ran }\n  b: { needs: a, run: \"true\", secrets: [TOKEN, OTHER] }\n",
    );
    let told = scene.run(&[]).expect(2);
    assert!(told.err.contains("export TOKEN"), "{told:?}");
    assert!(told.err.contains("export OTHER"), "{told:?}");
    assert!(!scene.path().join(".sunward").exists(), "nothing ran");
    scene.run(&["--until", "a"]).expect(0);
}

#[test]
fn an_inherited_variable_reaches_the_command_and_counts_in_its_key() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    env: { PROJ_DATA: inherit, PLAIN: inherited }\n    run: \"echo $PROJ_DATA $PLAIN > ${{ outputs.o }}\"\n    outputs: { o: { format: file, ext: txt } }\noutputs: { o: s.o }\n",
    );
    let told = scene.run(&[]).expect(2);
    assert!(told.err.contains("PROJ_DATA is not set"), "{told:?}");
    let run = |value: &str| {
        let mut command = scene.command(&["run", "workflow.yaml", "--out", "out"]);
        let output = command.env("PROJ_DATA", value).output().expect("a run");
        assert!(output.status.success(), "{output:?}");
        scene.text("out/o.txt")
    };
    assert_eq!(run("/one"), "/one inherited\n");
    assert_eq!(run("/two ${{ 1 + 1 }}"), "/two ${{ 1 + 1 }} inherited\n");
    assert_eq!(run("/one"), "/one inherited\n");
}

#[test]
fn tasks_whose_tables_differ_are_the_users_fault_and_both_are_named() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    scatter: { over: [n, m] }\n    run: \"printf '%s\\n1\\n' ${{ item }} > ${{ outputs.o }}\"\n    outputs: { o: { format: csv } }\noutputs: { o: s.o }\n",
    );
    let told = scene.run(&["--out", "out", "--format", "csv"]);
    assert!(matches!(told.code, 1 | 2), "{told:?}");
    assert!(told.err.contains("n: int64"), "{told:?}");
    assert!(told.err.contains("m: int64"), "{told:?}");
}
