//! A run reads one version of everything in its keys, even if it changes while the run waits or is
//! stopped.
//!
//! The ingredients of a key, and what ensures that the run uses the same version:
//!
//! | ingredient | ensured by |
//! | --- | --- |
//! | command, shell, `env`, params, `with`, items, ports, kernel | they are in the journal with the plan, and tasks get them from there |
//! | inherited variables | the engine's own environment, read once |
//! | scripts, `files:`, folders, `.cu` files | copied when the stage starts; the copy is compared with the digest |
//! | files that params, lists, items, matrices and cells name | taken into the store, compared with the digest |
//! | inputs | tasks read the store; a run reads a file into it once |
//! | the lock of a Python environment | compared when the stage starts (`python.rs`) |
#![allow(
    clippy::panic,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should say so and stop"
)]

mod scene;

use std::os::unix::fs::symlink;

use scene::{Scene, Told};

/// A way to read `lib/d.csv`.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    /// Keys of the stage.
    keys: &'static str,
    /// The command that prints the file.
    run: &'static str,
}

const WAYS: [Way; 12] = [
    Way {
        name: "a word of the command",
        keys: "",
        run: "cat ./lib/d.csv",
    },
    Way {
        name: "a script",
        keys: "",
        run: "sh ./s.sh",
    },
    Way {
        name: "a file of files:",
        keys: "files: [./lib/d.csv], ",
        run: "cat lib/d.csv",
    },
    Way {
        name: "a folder of files:",
        keys: "files: [./lib], ",
        run: "cat lib/d.csv",
    },
    Way {
        name: "a parameter of type path",
        keys: "",
        run: "cat ${{ params.f }}",
    },
    Way {
        name: "a param that is a folder",
        keys: "",
        run: "cat ${{ params.g }}/d.csv",
    },
    Way {
        name: "an item",
        keys: "scatter: { over: [./lib/d.csv] }, ",
        run: "cat ${{ item }}",
    },
    Way {
        name: "a matrix",
        keys: "matrix: { p: [./lib/d.csv] }, ",
        run: "cat ${{ matrix.p }}",
    },
    Way {
        name: "a cell",
        keys: "inputs: { t: ./t.csv }, scatter: { over: t }, ",
        run: "cat ${{ item.p }}",
    },
    Way {
        name: "an input as a file",
        keys: "inputs: { d: { from: ./lib/d.csv, as: file } }, ",
        run: "cat ${{ inputs.d }}",
    },
    Way {
        name: "an input as a table",
        keys: "inputs: { d: { from: params.f, as: csv } }, ",
        run: "cat ${{ inputs.d }}",
    },
    Way {
        name: "a folder as an input",
        keys: "inputs: { d: { from: ./lib, as: file } }, ",
        run: "cat ${{ inputs.d }}/d.csv",
    },
];

/// Other names of `lib/d.csv`.
const LINKS: [Way; 5] = [
    Way {
        name: "a symbolic link",
        keys: "inputs: { d: { from: ./soft.csv, as: file } }, ",
        run: "cat ${{ inputs.d }}",
    },
    Way {
        name: "a hard link",
        keys: "inputs: { d: { from: ./hard.csv, as: csv } }, ",
        run: "cat ${{ inputs.d }}",
    },
    Way {
        name: "a folder with a hard link",
        keys: "inputs: { d: { from: ./held, as: file } }, ",
        run: "cat ${{ inputs.d }}/d.csv",
    },
    Way {
        name: "a link to its folder",
        keys: "inputs: { d: { from: ./libs/d.csv, as: file } }, ",
        run: "cat ${{ inputs.d }}",
    },
    Way {
        name: "a folder of files: with a symbolic link",
        keys: "files: [./linked], ",
        run: "cat linked/d.csv",
    },
];

const FIRST: &str = "n\n1\n";
const SECOND: &str = "n\n2\n";

/// A scene in which `early` reads in one way and `late` in another. `wait` runs between them, until
/// a file exists.
fn scene(early: Way, late: Way) -> Scene {
    let scene = Scene::new();
    let here = scene.path().display().to_string();
    let reader = |name: &str, needs: &str, way: Way| {
        let Way { keys, run, .. } = way;
        format!(
            "  {name}: {{ {needs}{keys}run: \"{run} > ${{{{ outputs.o }}}}\", outputs: {{ o: {{ format: file, ext: txt }} }} }}\n"
        )
    };
    scene.file(
        "workflow.yaml",
        format!(
            "name: w\nparams:\n  f: {{ type: path, default: ./lib/d.csv }}\n  g: {{ type: path, default: ./lib }}\nstages:\n{}  wait: {{ needs: early, cache: false, run: \"touch {here}/started; while [ ! -e {here}/go ]; do sleep 0.02; done\" }}\n{}outputs: {{ early: early.o, late: late.o }}\n",
            reader("early", "", early),
            reader("late", "needs: wait, ", late),
        ),
    );
    scene.file("t.csv", "p,n\n./lib/d.csv,1\n");
    write(&scene, FIRST);
    let link = |target: &str, path: &str| symlink(target, scene.path().join(path)).unwrap();
    link("lib/d.csv", "soft.csv");
    link("lib", "libs");
    scene.file("linked/other", "");
    link("../lib/d.csv", "linked/d.csv");
    scene.file("held/other", "");
    for name in ["hard.csv", "held/d.csv"] {
        let (file, path) = (scene.path().join("lib/d.csv"), scene.path().join(name));
        std::fs::hard_link(file, path).unwrap();
    }
    scene
}

fn write(scene: &Scene, text: &str) {
    scene.file("lib/d.csv", text);
    scene.file("s.sh", format!("printf '{}'", text.replace('\n', "\\n")));
}

/// The text that both stages read, which must be equal.
#[track_caller]
fn read(scene: &Scene, what: &str) -> String {
    // What the only task of a scattered stage wrote is in a folder.
    let text = |name: &str| match scene.path().join(name).is_dir() {
        true => scene.text(&format!("{name}/000000.txt")),
        false => scene.text(&format!("{name}.txt")),
    };
    let (early, late) = (text("out/early"), text("out/late"));
    assert_eq!(early, late, "{what}: two versions in one run");
    early
}

/// Restores the first version. No run may get the result of another version.
#[track_caller]
fn first_again(scene: &Scene, what: &str) {
    write(scene, FIRST);
    let told = scene.run(&["--out", "out"]);
    assert_eq!(told.code, 0, "{what}: {told:?}");
    assert_eq!(read(scene, what), FIRST, "{what}");
}

/// A run during which the file is changed.
fn changed_meanwhile(early: Way, late: Way) -> (Scene, Told) {
    let scene = scene(early, late);
    let mut running = scene.start(&["run", "workflow.yaml", "--out", "out"]);
    running.wait_for("started");
    write(&scene, SECOND);
    scene.file("go", "");
    let told = running.end();
    (scene, told)
}

#[test]
fn what_changes_while_a_run_waits_is_read_as_it_was_or_stops_the_run() {
    for (number, early) in WAYS.into_iter().enumerate() {
        let next = WAYS[(number + 1) % WAYS.len()];
        let far = WAYS[(number + 5) % WAYS.len()];
        for late in [early, next, far] {
            reads_one_version(early, late);
        }
    }
}

#[test]
fn a_file_has_one_version_in_a_run_by_whichever_link_it_is_named() {
    let direct = [0, 8, 9, 11].map(|at| WAYS[at]);
    for (number, link) in LINKS.into_iter().enumerate() {
        for way in direct {
            reads_one_version(way, link);
            reads_one_version(link, way);
        }
        reads_one_version(link, LINKS[(number + 1) % LINKS.len()]);
    }
}

/// Changes the file while a run waits. The run reads it as it was, or stops and says so.
#[track_caller]
fn reads_one_version(early: Way, late: Way) {
    let what = format!("{}, then {}", early.name, late.name);
    let (scene, told) = changed_meanwhile(early, late);
    if told.code == 0 {
        assert_eq!(read(&scene, &what), FIRST, "{what}");
    } else {
        assert_eq!(told.code, 1, "{what}: {told:?}");
        assert!(told.err.contains("changed since"), "{what}: {told:?}");
    }
    first_again(&scene, &what);
}

#[test]
fn what_changes_while_a_run_is_stopped_is_read_anew_by_all_stages() {
    for way in WAYS {
        for signal in ["INT", "KILL"] {
            let what = format!("{} after {signal}", way.name);
            let scene = scene(way, way);
            let mut running = scene.start(&["run", "workflow.yaml"]);
            running.wait_for("started");
            running.signal(signal);
            drop(running.end());
            write(&scene, SECOND);
            scene.file("go", "");
            let told = scene.run(&["--out", "out"]);
            assert_eq!(told.code, 0, "{what}: {told:?}");
            assert!(told.err.contains("this is a new run"), "{what}: {told:?}");
            assert_eq!(read(&scene, &what), SECOND, "{what}");
            first_again(&scene, &what);
        }
    }
}

#[test]
fn a_run_whose_data_is_as_it_was_goes_on() {
    for way in WAYS {
        let scene = scene(way, way);
        let mut running = scene.start(&["run", "workflow.yaml"]);
        running.wait_for("started");
        running.signal("INT");
        drop(running.end());
        // Another time with the same bytes is not a change.
        write(&scene, FIRST);
        scene.file("go", "");
        let told = scene.run(&["--out", "out"]).expect(0);
        assert!(told.err.contains("continuing r1"), "{}: {told:?}", way.name);
        assert_eq!(read(&scene, way.name), FIRST);
    }
}

#[test]
fn a_retry_runs_what_succeeded_before_too_where_its_script_changed() {
    let scene = Scene::with(
        "name: r\nstages:\n  a: { run: \"sh ./a.sh > ${{ outputs.o }}\", outputs: { o: { format: file, ext: txt } } }\n  b: { inputs: { i: a.o }, run: \"sh ./b.sh ${{ inputs.i }} > ${{ outputs.o }}\", outputs: { o: { format: file, ext: txt } } }\noutputs: { o: b.o }\n",
    );
    scene.file("a.sh", "echo one\n");
    scene.file("b.sh", "exit 1\n");
    scene.run(&[]).expect(1);
    scene.file("a.sh", "echo two\n");
    scene.file("b.sh", "cat $1\n");
    scene.sunward(&["retry", "--out", "out"]).expect(0);
    assert_eq!(scene.text("out/o.txt"), "two\n");
}

#[test]
fn a_retry_reads_data_anew_too() {
    let scene = Scene::with(
        "name: r\nstages:\n  a: { inputs: { d: { from: ./d.csv, as: file } }, run: \"grep good ${{ inputs.d }} > ${{ outputs.o }}\", outputs: { o: { format: file, ext: txt } } }\noutputs: { o: a.o }\n",
    );
    scene.file("d.csv", "a\nbad\n");
    scene.run(&[]).expect(1);
    scene.file("d.csv", "a\ngood\n");
    let told = scene.sunward(&["retry", "--out", "out"]).expect(0);
    assert!(told.err.contains("files that it reads changed"), "{told:?}");
    assert_eq!(scene.text("out/o.txt"), "good\n");
}

#[test]
fn a_retry_runs_the_script_of_now_under_the_key_of_now() {
    let scene = Scene::with(
        "name: r\nstages: { a: { run: \"sh ./b.sh ${{ outputs.o }}\", outputs: { o: { format: file, ext: txt } } } }\noutputs: { o: a.o }\n",
    );
    let broken = "echo old > $1; exit 1\n";
    scene.file("b.sh", broken);
    scene.run(&[]).expect(1);
    scene.file("b.sh", "echo new > $1\n");
    let told = scene.sunward(&["retry", "--out", "out"]).expect(0);
    assert!(told.err.contains("b.sh changed"), "{told:?}");
    assert_eq!(scene.text("out/o.txt"), "new\n");
    // The old script does not get the result of the new one.
    scene.file("b.sh", broken);
    scene.run(&[]).expect(1);
    scene.file("b.sh", "echo new > $1\n");
    let told = scene.run(&[]).expect(0);
    assert!(told.out.contains("\"cached\":1"), "{told:?}");
}
