//! An empty scatter: its declared outputs exist and are empty.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;

/// A stage without tasks, and a stage that reads its output.
fn workflow(output: &str, read: &str) -> String {
    format!(
        "name: e
stages:
  each:
    run: \"false ${{{{ item }}}} ${{{{ outputs.o }}}}\"
    scatter: {{ over: [] }}
    outputs: {{ o: {output} }}
  all:
    run: \"{read} > ${{{{ outputs.n }}}}\"
    inputs: {{ o: each.o }}
    outputs: {{ n: {{ format: file, ext: txt }} }}
outputs: {{ o: each.o, n: all.n }}
"
    )
}

#[test]
fn a_declared_output_of_no_tasks_is_there_and_empty() {
    let count = "ls ${{ inputs.o }} | wc -l";
    let columns = "schema: { a: int64, b: utf8 }";
    let cases = [
        ("{ format: file, ext: txt }", count, "o", "0"),
        ("{ format: dir }", count, "o", "0"),
        (
            &format!("{{ format: csv, {columns} }}"),
            "(wc -c < ${{ inputs.o }} >&2; echo read)",
            "o.csv",
            "read",
        ),
        (
            &format!("{{ format: parquet, {columns} }}"),
            "(test -s ${{ inputs.o }}; echo read)",
            "o.csv",
            "read",
        ),
    ];
    for (output, read, name, expected) in cases {
        let scene = Scene::with(&workflow(output, read));
        let told = scene.run(&["--out", "out", "--format", "csv"]);
        let answer = told.expect(0).json();
        let path = scene.path().join("out").join(name);
        assert!(path.exists(), "{output}: {answer}");
        match path.is_dir() {
            true => assert_eq!(path.read_dir().unwrap().count(), 0),
            false => assert_eq!(scene.text("out/o.csv").trim(), "a,b"),
        }
        assert!(answer["outputs"]["o"]["path"].is_string(), "{answer}");
        assert_eq!(scene.text("out/n.txt").trim(), expected);
        for what in ["o", "each.o"] {
            let shown = scene.sunward(&["show", what]).expect(0).out;
            assert!(shown.contains("no tasks"), "{shown}");
        }
        let status = scene.sunward(&["status"]).expect(0).out;
        assert!(status.contains("no tasks"), "{status}");
    }
}

#[test]
fn a_table_of_no_tasks_without_declared_columns_says_why_it_is_missing() {
    let one = workflow("{ format: csv }", "true");
    let (only, _) = one.split_once("  all:").unwrap();
    let scene = Scene::with(&format!("{only}outputs: {{ o: each.o }}\n"));
    let told = scene
        .sunward(&["run", "workflow.yaml", "--out", "out", "--format", "csv"])
        .expect(0);
    assert!(
        told.out.contains("declare the output's columns"),
        "{}",
        told.out
    );
    assert!(!scene.path().join("out/o.csv").exists());
    let shown = scene.sunward(&["show", "o"]).expect(0).out;
    assert!(shown.contains("no tasks"), "{shown}");
}

#[test]
fn plan_and_explain_say_that_there_was_nothing_to_scatter_over() {
    let scene = Scene::with(&workflow("{ format: dir }", "ls ${{ inputs.o }}"));
    let plan = scene.sunward(&["plan", "workflow.yaml"]).expect(0);
    assert!(plan.out.contains("it has no tasks"), "{}", plan.out);
    scene.run(&[]).expect(0);
    let told = scene.sunward(&["explain", "each"]).expect(0);
    assert!(told.out.contains("nothing to scatter over"), "{}", told.out);
    assert!(!told.out.contains("was in the cache"), "{}", told.out);
}
