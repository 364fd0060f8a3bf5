//! Damage to the store after `kill -9`. The same command gives the results of an undisturbed run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use scene::Scene;

/// `b` reads the outputs of `a`, and waits for a file before it does.
const WORKFLOW: &str = r#"name: w
stages:
  a:
    run: mkdir ${{ outputs.d }}; echo precious > ${{ outputs.d }}/f; printf 'n\n1\n2\n' > ${{ outputs.t }}; echo plain > ${{ outputs.o }}
    outputs: { d: { format: dir }, t: { format: csv }, o: { format: file, ext: txt } }
  b:
    inputs: { d: a.d, t: { from: a.t, as: csv }, o: a.o }
    run: |
      touch "$HERE/started"
      while [ ! -e "$HERE/go" ]; do sleep 0.05; done
      cat ${{ inputs.d }}/f ${{ inputs.t }} ${{ inputs.o }} > ${{ outputs.all }}
    env: { HERE: "HERE_FOLDER" }
    outputs: { all: { format: file, ext: txt } }
outputs: { all: b.all, o: a.o }
"#;

const EXPECTED: &str = "precious\nn\n1\n2\nplain\n";

fn parts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(parts(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    rewrite(path, &bytes);
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    rewrite(path, &bytes[..bytes.len() / 2]);
}

fn delete(path: &Path) {
    fs::remove_file(path).unwrap();
}

/// Rewrites a file in place, as a bad disk does. Every file that shares its blocks changes too.
fn rewrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o444)).unwrap();
}

#[test]
fn whatever_happens_to_parts_after_a_kill_the_answer_is_right() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 3] = [("flip", flip), ("cut", cut), ("delete", delete)];
    for (what, harm) in harms {
        let scene = Scene::new();
        let here = scene.path().display().to_string();
        scene.file("workflow.yaml", WORKFLOW.replace("HERE_FOLDER", &here));
        let mut running = scene.start(&["run", "workflow.yaml"]);
        running.wait_for("started");
        running.signal("KILL");
        drop(running.end());
        scene.file("go", "");
        let all = parts(&scene.path().join(".sunward/store/default/cas"));
        assert!(all.len() >= 4, "{all:?}");
        all.iter().for_each(|path| harm(path));
        scene.run(&["--out", "out"]).expect(0);
        assert_eq!(scene.text("out/all.txt"), EXPECTED, "{what}");
        assert_eq!(scene.text("out/o.txt"), "plain\n", "{what}");
        scene.sunward(&["cache", "verify"]).expect(0);
        // The cache holds no result that was computed from damaged data.
        scene.run(&["--fresh", "--out", "again"]).expect(0);
        assert_eq!(scene.text("again/all.txt"), EXPECTED, "{what}");
    }
}

/// Damage of the same size after the engine ended as it should.
#[test]
fn whatever_happens_to_parts_after_a_clean_stop_the_answer_is_right() {
    type Harm = fn(&Path);
    let folder = |path: &Path| {
        delete(path);
        fs::create_dir(path).unwrap();
    };
    let harms: [(&str, Harm); 4] = [
        ("flip", flip),
        ("cut", cut),
        ("delete", delete),
        ("folder", folder),
    ];
    for (what, harm) in harms {
        for until in [&["--until", "a"][..], &[]] {
            let scene = Scene::new();
            let here = scene.path().display().to_string();
            scene.file("workflow.yaml", WORKFLOW.replace("HERE_FOLDER", &here));
            scene.file("go", "");
            scene.run(&[&["--out", "first"], until].concat()).expect(0);
            let all = parts(&scene.path().join(".sunward/store/default/cas"));
            assert!(all.len() >= 3, "{all:?}");
            all.iter().for_each(|path| harm(path));
            scene.run(&["--out", "out"]).expect(0);
            assert_eq!(scene.text("out/all.txt"), EXPECTED, "{what}");
            assert_eq!(scene.text("out/o.txt"), "plain\n", "{what}");
            scene.sunward(&["cache", "verify"]).expect(0);
        }
    }
}
