//! `sunward test --update`: snapshots are written, and nothing else is lost.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use scene::{Scene, below};

const WORKFLOW: &str = "name: squares
stages:
  squares:
    run: |
      awk 'BEGIN { print \"n,root\"; for (i = 1; i <= 3; i++) print i \",\" sqrt(i) }' > ${{ outputs.s }}
    outputs: { s: { format: csv } }
  note:
    run: echo 3 > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  each:
    scatter: { over: { range: 2 } }
    run: echo ${{ item }} > ${{ outputs.o }}
    outputs: { o: { format: file, name: \"part ${{ item }}.txt\" } }
outputs: { roots: squares.s, note: note.o, parts: each.o }
";

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
    scene.file("workflow.yaml", WORKFLOW.replace("range: 2", "range: 1"));
    test(&["--update"]).expect(0);
    assert!(!scene.path().join("snapshots/parts/part 1.txt").exists());
    test(&[]).expect(0);
}

/// Every file below the folder with its text, but not the test file.
fn contents(scene: &Scene) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = below(scene.path()).into_iter();
    let files = all.filter(|path| path.is_file() && !path.ends_with("workflow.test.yaml"));
    files
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn update_replaces_no_source_no_link_and_no_folder_of_others() {
    let scene = Scene::new();
    scene.file("within/workflow.yaml", WORKFLOW);
    scene.file("beside/precious", "1");
    scene.file("within/folder/precious", "2");
    scene.file("within/taken.txt/precious", "3");
    scene.file("within/file", "4");
    std::os::unix::fs::symlink("../beside", scene.path().join("within/link")).unwrap();
    std::os::unix::fs::symlink("../beside/precious", scene.path().join("within/to.txt")).unwrap();
    let before = contents(&scene);
    for (output, path, code, says) in [
        ("parts", ".", 2, "is the folder of the tests"),
        ("parts", "./", 2, "is the folder of the tests"),
        ("parts", "folder/..", 2, "is the folder of the tests"),
        ("parts", "..", 2, "leaves the folder of the tests"),
        ("parts", "../beside", 2, "leaves the folder of the tests"),
        ("note", "/tmp/sunward-never.txt", 2, "leaves the folder"),
        ("note", "./workflow.yaml", 2, "is the workflow"),
        ("note", "./workflow.test.yaml", 2, "is the test file"),
        (
            "roots",
            "./roots.parquet",
            2,
            "the snapshot of a table is CSV",
        ),
        ("roots", "./roots", 2, "the snapshot of a table is CSV"),
        (
            "roots",
            "./roots.csv.gz",
            2,
            "the snapshot of a table is CSV",
        ),
        ("parts", "folder", 1, "did not write folder/precious"),
        (
            "parts",
            "file",
            1,
            "the output is a folder, and file is a file",
        ),
        (
            "note",
            "taken.txt",
            1,
            "the output is a file, and taken.txt is a folder",
        ),
        ("parts", "link", 1, "link is a link"),
        ("note", "link/x.txt", 1, "link is a link"),
        ("note", "to.txt", 1, "to.txt is a link"),
    ] {
        scene.file(
            "within/workflow.test.yaml",
            format!("tests: {{ it: {{ expect: {{ outputs: {{ {output}: {{ snapshot: {path} }} }} }} }} }}\n"),
        );
        let told = scene
            .sunward(&["test", "within/workflow.yaml", "--update"])
            .expect(code);
        let told = told.out + &told.err;
        assert!(told.contains(says), "{path}: {told}");
        assert_eq!(contents(&scene), before, "{path}");
    }
}

#[test]
fn update_replaces_no_input_and_writes_nothing_of_a_test_that_fails() {
    let scene = Scene::with(
        "name: copies
params: { csv: { type: path, default: ./data/in.txt } }
stages:
  it: { inputs: { t: { from: params.csv, as: file } }, run: \"cat ${{ inputs.t }} > ${{ outputs.o }}\", outputs: { o: { format: file } } }
outputs: { o: it.o }
",
    );
    scene.file("data/in.txt", "a\n");
    scene.file("other/in.txt", "b\n");
    let before = contents(&scene);
    for (params, path) in [
        ("", "./data/in.txt"),
        ("", "./data"),
        ("params: { csv: ./other/in.txt },", "other/in.txt"),
    ] {
        scene.file(
            "workflow.test.yaml",
            format!("tests: {{ it: {{ {params} expect: {{ outputs: {{ o: {{ snapshot: {path} }} }} }} }} }}\n"),
        );
        let told = scene
            .sunward(&["test", "workflow.yaml", "--update"])
            .expect(2)
            .err;
        assert!(told.contains("would change"), "{told}");
        assert_eq!(contents(&scene), before, "{path}");
    }
    scene.file(
        "workflow.test.yaml",
        "tests: { it: { expect: { says: never, outputs: { o: { snapshot: ./s.txt } } } } }\n",
    );
    let told = scene
        .sunward(&["test", "workflow.yaml", "--update"])
        .expect(1)
        .out;
    assert!(
        told.contains("s.txt was not written, because the test fails"),
        "{told}"
    );
    assert_eq!(contents(&scene), before);
}

#[test]
fn a_file_added_to_a_snapshot_by_hand_is_kept() {
    let scene = Scene::with(WORKFLOW);
    scene.file(
        "workflow.test.yaml",
        "tests: { it: { expect: { outputs: { parts: { snapshot: ./s } } } } }\n",
    );
    scene
        .sunward(&["test", "workflow.yaml", "--update"])
        .expect(0);
    scene.file("s/own", "mine");
    let told = scene
        .sunward(&["test", "workflow.yaml", "--update"])
        .expect(1)
        .out;
    assert!(told.contains("did not write ./s/own"), "{told}");
    assert_eq!(scene.text("s/own"), "mine");
}
