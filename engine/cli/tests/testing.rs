//! `sunward test`: workflows with their tests beside them.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;

const WORKFLOW: &str = "name: squares
params:
  n: { type: int, default: 3, min: 1 }
  with_note: { type: bool, default: true }
stages:
  squares:
    run: |
      awk 'BEGIN { print \"n,root\"; for (i = 1; i <= ${{ params.n }}; i++) print i \",\" sqrt(i) }' > ${{ outputs.s }}
    outputs: { s: { format: csv } }
  note:
    if: ${{ params.with_note }}
    run: echo ${{ params.n }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  each:
    scatter: { over: { range: 2 } }
    run: echo ${{ item }} > ${{ outputs.o }}
    outputs: { o: { format: file, name: \"part ${{ item }}.txt\" } }
outputs: { roots: squares.s, note: note.o, parts: each.o }
";

/// Runs the tests, and returns those that failed with what was wrong.
fn failed(scene: &Scene, tests: &str) -> Vec<(String, String)> {
    scene.file("workflow.test.yaml", format!("tests:\n{tests}"));
    let told = scene.sunward(&["test", "workflow.yaml", "--json"]);
    let answer = told.json();
    let tests = answer["tests"].as_array().unwrap().iter();
    let failed: Vec<(String, String)> = tests
        .filter(|test| test["passed"] == false)
        .map(|test| {
            let problems = test["problems"].as_array().unwrap().iter();
            let problems: Vec<&str> = problems.map(|one| one.as_str().unwrap()).collect();
            let name = test["name"].as_str().unwrap().to_owned();
            (name, problems.join("; "))
        })
        .collect();
    told.expect(i32::from(!failed.is_empty()));
    failed
}

#[test]
fn what_is_as_expected_passes() {
    let scene = Scene::with(WORKFLOW);
    scene.file("expected/roots.csv", "n,root\n1,1\n2,1.4142136\n");
    scene.file("expected/parts/part 0.txt", "0\n");
    scene.file("expected/parts/part 1.txt", "1\n");
    let tests = "
  by value: { params: { n: 2 }, expect: { outputs: { roots: { equals: ./expected/roots.csv, tolerance: 1.0e-3, rows: 2 } } } }
  by text: { expect: { outputs: { note: { text: \"3\\n\" } }, ran: { squares: 1, each: 2 } } }
  by folder: { expect: { outputs: { parts: { equals: ./expected/parts } } } }
  skipped: { params: { with_note: false }, expect: { skipped: note } }
  refused: { params: { n: 0 }, expect: { exit: 2, says: below the minimum } }
  energy: { options: [-j, 1], expect: { max_kwh: 1 } }
";
    assert_eq!(failed(&scene, tests), []);
    assert!(
        !scene.path().join(".sunward").exists(),
        "a test leaves nothing"
    );
}

#[test]
fn what_differs_fails_with_the_difference() {
    let scene = Scene::with(WORKFLOW);
    scene.file("roots.csv", "n,root\n1,1\n2,1.5\n");
    scene.file("names.csv", "n,square\n1,1\n");
    scene.file("note.txt", "4\n");
    scene.file("parts/part 0.txt", "0\n");
    scene.file("parts/part 2.txt", "2\n");
    for (expect, says) in [
        (
            "outputs: { roots: { equals: ./roots.csv, tolerance: 0.01 } }",
            "roots: expected 2 rows, found 3; roots: row 2, root: expected 1.5, found 1.41421",
        ),
        (
            "outputs: { roots: { equals: ./names.csv } }",
            "expected columns n, square, found n, root",
        ),
        (
            "outputs: { roots: { rows: 9 } }",
            "expected 9 rows, found 3",
        ),
        ("outputs: { note: { rows: 1 } }", "it is not a table"),
        (
            "outputs: { note: { equals: ./note.txt } }",
            "line 1: expected \"4\", found \"3\"",
        ),
        (
            "outputs: { note: { text: no } }",
            "expected the text \"no\", found \"3\\n\"",
        ),
        (
            "outputs: { note: { digest: abc } }",
            "expected the digest abc, found ",
        ),
        (
            "outputs: { parts: { equals: ./parts } }",
            "parts: part 1.txt is not expected; parts: part 2.txt is missing",
        ),
        (
            "outputs: { roots: { equals: ./none.csv } }",
            "./none.csv does not exist",
        ),
        (
            "outputs: { rots: { rows: 1 } }",
            "there is no output rots; the outputs are roots, note, parts",
        ),
        (
            "outputs: { note: { snapshot: ./s.txt } }",
            "`sunward test --update` writes it",
        ),
        ("skipped: note", "expected to be skipped"),
        (
            "ran: { each: 3 }",
            "each: expected 3 tasks to run, and 2 did",
        ),
        ("ran: { none: 3 }", "there is no stage none"),
        ("exit: 1", "expected exit 1, found 0"),
        ("says: hello", "expected a message with `hello`"),
        ("max_kwh: 0", "max_kwh: expected at most 0, found"),
        ("max_gco2e: 1", "give a grid"),
    ] {
        let found = failed(&scene, &format!("  it: {{ expect: {{ {expect} }} }}\n"));
        assert_eq!(found.len(), 1, "{expect}");
        assert!(found[0].1.contains(says), "{expect}: {}", found[0].1);
    }
}

#[test]
fn a_snapshot_is_written_on_request_and_compared_afterwards() {
    let scene = Scene::with(WORKFLOW);
    scene.file(
        "workflow.test.yaml",
        "tests: { it: { expect: { outputs: { roots: { snapshot: ./snapshots/roots.csv }, parts: { snapshot: ./snapshots/parts } } } } }\n",
    );
    let test = |more: &[&str]| scene.sunward(&[&["test", "workflow.yaml"][..], more].concat());
    test(&[]).expect(1);
    let told = test(&["--update"]).expect(0).out;
    assert!(told.contains("wrote ./snapshots/roots.csv"), "{told}");
    assert!(scene.text("snapshots/roots.csv").starts_with("n,root\n1,1"));
    assert_eq!(scene.text("snapshots/parts/part 1.txt"), "1\n");
    test(&[]).expect(0);
    scene.file("workflow.yaml", WORKFLOW.replace("sqrt(i)", "i"));
    let told = test(&[]).expect(1).out;
    assert!(told.contains("row 2, root: expected 1.41421"), "{told}");
    test(&["--update"]).expect(0);
    test(&[]).expect(0);
}

#[test]
fn results_are_written_for_ci_and_mistakes_of_the_test_file_are_told() {
    let scene = Scene::with(WORKFLOW);
    scene.file(
        "workflow.test.yaml",
        "tests:\n  one <&>: { expect: { exit: 0 } }\n  two: { expect: { exit: 1 } }\n",
    );
    let all = ["test", "workflow.yaml", "--junit", "results.xml"];
    let told = scene.sunward(&all).expect(1).out;
    assert!(told.contains("2 tests, 1 failed"), "{told}");
    let xml = scene.text("results.xml");
    for part in [
        "tests=\"2\" failures=\"1\"",
        "name=\"one &lt;&amp;&gt;\"",
        "<failure message=\"expected exit 1, found 0\">",
    ] {
        assert!(xml.contains(part), "{part} in {xml}");
    }
    let only = ["test", "workflow.yaml", "--only", "one"];
    scene.sunward(&only).expect(0);
    let none = ["test", "workflow.yaml", "--only", "three"];
    let told = scene.sunward(&none).expect(2).err;
    assert!(told.contains("its tests are: one <&>; two"), "{told}");
    scene.file("workflow.test.yaml", "tests: { a: { expects: {} } }\n");
    let told = scene.sunward(&["test", "workflow.yaml"]).expect(2).err;
    assert!(told.contains("did you mean `expect`?"), "{told}");
    std::fs::remove_file(scene.path().join("workflow.test.yaml")).unwrap();
    let told = scene.sunward(&["test", "workflow.yaml"]).expect(2).err;
    assert!(told.contains("workflow.test.yaml does not exist"), "{told}");
}
