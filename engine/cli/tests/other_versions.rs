//! A home that another version of Sunward wrote. Every verb reports it and leaves it unchanged.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scene::Scene;

/// Every file below a folder with its content. The lock's content is left out, because it names the
/// process.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
            found.insert(path, Vec::new());
        } else {
            let lock = path.ends_with("engine.lock");
            let bytes = if lock {
                Vec::new()
            } else {
                std::fs::read(&path).unwrap()
            };
            found.insert(path, bytes);
        }
    }
    found
}

#[test]
fn a_home_of_another_version_is_told_as_such_and_left_as_it_is() {
    for format in ["3", "6", "99"] {
        let scene = Scene::with("name: w\nstages:\n  s: { run: 'false' }\n");
        scene.run(&[]).expect(1);
        let home = scene.path().join(".sunward");
        rusqlite::Connection::open(home.join("state.db"))
            .unwrap()
            .execute("UPDATE meta SET value = ?1 WHERE name = 'format'", [format])
            .unwrap();
        let before = files(scene.path());
        let (run, forced) = (
            ["run", "workflow.yaml"],
            ["run", "workflow.yaml", "--fresh"],
        );
        let plan = ["plan", "workflow.yaml"];
        for words in [
            &["status"][..],
            &["status", "r1"],
            &["retry"],
            &["cancel"],
            &["explain"],
            &["logs"],
            &["report", "--out", "report.html"],
            &["cache", "list"],
            &run,
            &forced,
            &plan,
        ] {
            let told = scene.sunward(words).expect(3);
            assert!(!told.err.contains("damaged"), "{words:?}: {}", told.err);
            told.says(&[
                &format!("it has format {format}, and this version reads only format "),
                "written by another version of Sunward",
                "Use that version",
                "another --home",
                "move the folder away",
                "computed again",
            ]);
            assert!(before == files(scene.path()), "{words:?} changed something");
        }
        // Packages are not resolved either. No machine has this Python.
        let python = "name: p\nstages:\n  s: { run: 'true', python: { version: '3.1', packages: [numpy] } }\n";
        scene.file("python.yaml", python);
        let told = scene.sunward(&["run", "python.yaml"]).expect(3);
        told.says(&["written by another version of Sunward"]);
        // The remedy in the message works.
        let elsewhere = [&run[..], &["--home", "new"]].concat();
        scene.sunward(&elsewhere).expect(1);
        std::fs::rename(&home, scene.path().join("old")).unwrap();
        scene.sunward(&run).expect(1);
    }
}
