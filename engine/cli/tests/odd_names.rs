//! Names of files that are not UTF-8: they are handled without loss, or refused with an error that
//! shows the name in escaped form and says what to do. Nothing panics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use scene::{Scene, Told};

/// A name in which one byte is not UTF-8, and how it is shown.
const ODD: &[u8] = b"o\xffdd";
const SHOWN: &str = "o\\xffdd";

fn odd() -> &'static OsStr {
    OsStr::from_bytes(ODD)
}

/// A scene with an odd folder in the folder `in`, an odd file and an odd table.
fn scene(workflow: &str) -> Scene {
    let scene = Scene::with(workflow);
    let write = |path: PathBuf, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        scene.path().join("in").join(odd()).join("file.txt"),
        "inner\n",
    );
    write(scene.path().join("in/plain.txt"), "plain\n");
    write(scene.path().join(odd()), "odd\n");
    scene
}

fn sunward(scene: &Scene, args: &[&OsStr]) -> Told {
    let mut command = scene.command(&[]);
    Told::of(&command.args(args).output().unwrap())
}

/// `NAME=./o\xffdd`.
fn pair(name: &str) -> OsString {
    let mut pair = OsString::from(format!("{name}=./"));
    pair.push(odd());
    pair
}

#[track_caller]
fn assert_shown(told: &Told, remedy: &str, case: &str) {
    assert!(told.err.contains(SHOWN), "{case}: {told:?}");
    assert!(told.err.contains(remedy), "{case}: {told:?}");
    assert!(!told.err.contains('\u{fffd}'), "{case}: {told:?}");
    assert!(!told.err.contains("bug in Sunward"), "{case}: {told:?}");
}

const OUTPUT: &str = "outputs: { o: { format: file, ext: txt } }";

#[test]
fn a_folder_with_an_odd_name_in_it_is_refused_wherever_it_is_stored() {
    let cases = [
        (
            "a folder input",
            format!("stages: {{ a: {{ inputs: {{ d: ./in }}, run: \"ls ${{{{ inputs.d }}}} > ${{{{ outputs.o }}}}\", {OUTPUT} }} }}"),
        ),
        (
            "a folder that a value names",
            format!("params: {{ f: {{ type: path, default: ./in }} }}\nstages: {{ a: {{ run: \"ls ${{{{ params.f }}}} > ${{{{ outputs.o }}}}\", {OUTPUT} }} }}"),
        ),
        (
            "a folder output",
            "stages: { a: { run: \"mkdir ${{ outputs.d }}; echo x > ${{ outputs.d }}/$(printf 'o\\\\377dd')\", outputs: { d: { format: dir } } } }".to_owned(),
        ),
        (
            "a link in a folder output",
            "stages: { a: { run: \"mkdir ${{ outputs.d }}; ln -s x ${{ outputs.d }}/$(printf 'o\\\\377dd'); echo > ${{ outputs.d }}/x\", outputs: { d: { format: dir } } } }".to_owned(),
        ),
    ];
    for (case, stages) in cases {
        let scene = scene(&format!("name: w\n{stages}\n"));
        let told = scene.run(&[]);
        assert_eq!(told.code, 1, "{case}: {told:?}");
        assert_shown(&told, "with UTF-8 names", case);
        assert!(!told.err.contains("-named"), "{case}: {told:?}");
    }
}

#[test]
fn staged_folders_keep_odd_names_and_each_has_a_key_of_its_own() {
    let stage = format!(
        "files: [./in], run: \"ls in | od -An -c > ${{{{ outputs.o }}}}; cat in/o*/* >> ${{{{ outputs.o }}}}\", {OUTPUT}"
    );
    let scene = scene(&format!(
        "name: w\nstages: {{ a: {{ {stage} }} }}\noutputs: {{ o: a.o }}\n"
    ));
    scene.run(&["--out", "first"]).expect(0);
    let first = scene.text("first/o.txt");
    assert!(
        first.contains("o 377   d   d") && first.contains("inner"),
        "{first}"
    );
    // Shown without escapes, the names would be equal.
    let folder = scene.path().join("in");
    fs::rename(
        folder.join(odd()),
        folder.join(OsStr::from_bytes(b"o\xfedd")),
    )
    .unwrap();
    scene.run(&["--out", "second"]).expect(0);
    let second = scene.text("second/o.txt");
    assert!(second.contains("o 376   d   d"), "{second}");
}

#[test]
fn what_a_command_leaves_under_an_odd_name_is_told() {
    let run = "run: \"echo > $(printf 'o\\\\377dd'); echo ok > ${{ outputs.o }}\"";
    let scene = scene(&format!(
        "name: w\nstages: {{ a: {{ {run}, {OUTPUT} }} }}\noutputs: {{ o: a.o }}\n"
    ));
    let told = scene.run(&[]).expect(0);
    assert_shown(&told, "declare an output", "a file beside the outputs");
    let run = "run: \"echo > $(dirname ${{ outputs.o }})/$(printf 'o\\\\377dd')\"";
    scene.file(
        "workflow.yaml",
        format!("name: w\nstages: {{ a: {{ {run}, {OUTPUT} }} }}\n"),
    );
    let told = scene.run(&[]).expect(1);
    assert_shown(&told, "found beside it", "an output under another name");
}

#[test]
fn an_odd_argument_is_shown_and_nothing_is_created() {
    let scene = scene(&format!(
        "name: w\nparams: {{ f: {{ type: path }} }}\nstages: {{ a: {{ run: \"cat ${{{{ params.f }}}} > ${{{{ outputs.o }}}}\", {OUTPUT} }} }}\noutputs: {{ o: a.o }}\n"
    ));
    let param = pair("f");
    for args in [
        ["run", "workflow.yaml", "-p"],
        ["plan", "workflow.yaml", "-p"],
    ] {
        let mut args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        args.push(&param);
        let told = sunward(&scene, &args).expect(2);
        assert_shown(
            &told,
            "Rename the file, or name a link",
            &format!("{args:?}"),
        );
    }
    assert!(!scene.path().join(".sunward").exists());
    // The remedy helps.
    std::os::unix::fs::symlink(odd(), scene.path().join("link")).unwrap();
    scene.run(&["-p", "f=./link", "--out", "out"]).expect(0);
    assert_eq!(scene.text("out/o.txt"), "odd\n");
}

#[test]
fn an_odd_workflow_or_home_is_refused_and_any_other_path_works() {
    let workflow = format!(
        "name: w\nstages: {{ a: {{ run: \"echo ok > ${{{{ outputs.o }}}}\", {OUTPUT} }} }}\noutputs: {{ o: a.o }}\n"
    );
    let scene = scene(&workflow);
    let mut file = odd().to_owned();
    file.push(".yaml");
    fs::write(scene.path().join(&file), &workflow).unwrap();
    for verb in ["check", "run", "plan", "graph"] {
        let told = sunward(&scene, &[OsStr::new(verb), &file]).expect(2);
        assert_shown(&told, "rename the file or the folder", verb);
    }
    let run = ["run", "workflow.yaml"].map(OsStr::new);
    let folder = scene.path().join("folders").join(odd());
    let told = sunward(
        &scene,
        &[run[0], run[1], OsStr::new("--home"), folder.as_os_str()],
    );
    assert_eq!(told.code, 3, "{told:?}");
    assert_shown(&told, "choose another with --home", "--home");
    assert!(!folder.exists());
    let told = sunward(
        &scene,
        &[run[0], run[1], OsStr::new("--out"), folder.as_os_str()],
    );
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!(fs::read_to_string(folder.join("o.txt")).unwrap(), "ok\n");
}

#[test]
fn paths_are_not_taken_relative_to_an_odd_folder() {
    let scene = scene(&format!(
        "name: w\nparams: {{ f: {{ type: path }} }}\nstages: {{ a: {{ run: \"cat ${{{{ params.f }}}} > ${{{{ outputs.o }}}}\", {OUTPUT} }} }}\noutputs: {{ o: a.o }}\n"
    ));
    let folder = scene.path().join("in").join(odd());
    let started_there = |args: &[&str]| {
        let mut command = scene.command(args);
        Told::of(&command.current_dir(&folder).output().unwrap())
    };
    let told = started_there(&["run", "../../workflow.yaml", "-p", "f=./file.txt"]).expect(2);
    assert_shown(&told, "in another folder", "-p");
    fs::write(folder.join("params.yaml"), "f: ./file.txt\n").unwrap();
    let mut params = OsString::from("in/");
    params.push(odd());
    params.push("/params.yaml");
    let run = ["run", "workflow.yaml", "--params"].map(OsStr::new);
    let told = sunward(&scene, &[run[0], run[1], run[2], &params]).expect(2);
    assert_shown(&told, "move the file", "--params");
}

#[test]
fn an_inherited_value_that_is_not_utf_8_is_not_called_absent() {
    let scene = scene(&format!(
        "name: w\nstages: {{ a: {{ env: {{ X: inherit }}, run: \"echo > ${{{{ outputs.o }}}}\", {OUTPUT} }} }}\n"
    ));
    let mut command = scene.command(&["run", "workflow.yaml"]);
    let told = Told::of(&command.env("X", odd()).output().unwrap()).expect(2);
    assert!(told.err.contains("the value of X is not UTF-8"), "{told:?}");
}

#[test]
fn what_looks_into_a_home_passes_over_odd_names() {
    let scene = scene(&format!(
        "name: w\nstages: {{ a: {{ run: \"echo ok > ${{{{ outputs.o }}}}\", {OUTPUT} }} }}\noutputs: {{ o: a.o }}\n"
    ));
    scene.run(&[]).expect(0);
    for inside in [
        "",
        "store/default/cas",
        "store/default/tmp",
        "scratch",
        "runs/r1/logs",
        "runs",
    ] {
        let folder: PathBuf = scene.path().join(".sunward").join(inside);
        fs::create_dir_all(&folder).unwrap();
        fs::write(Path::new(&folder).join(odd()), "stray\n").unwrap();
    }
    for verb in [
        &["status"][..],
        &["logs"],
        &["show", "o"],
        &["report"],
        &["cache", "list"],
        &["cache", "verify"],
        &["cache", "prune", "--older", "1d"],
        &["run", "workflow.yaml", "--fresh"],
    ] {
        let told = scene.sunward(verb);
        assert!(matches!(told.code, 0 | 2), "{verb:?}: {told:?}");
        assert!(!told.err.contains("bug in Sunward"), "{verb:?}: {told:?}");
    }
}

#[test]
fn a_recorded_grid_below_an_odd_folder_is_refused_because_the_run_keeps_its_path() {
    let scene = Scene::with("name: w\nstages: { a: { run: 'true' } }\n");
    scene.recorded_world();
    let odd = scene.path().join(odd());
    fs::create_dir(&odd).unwrap();
    fs::rename(scene.path().join("grid"), odd.join("grid")).unwrap();
    let moment = ["--as-of", "2023-01-09T08:00:00Z", "--zone", "DE"];
    let words = ["run", "../workflow.yaml", "--grid", "grid"];
    let mut command = scene.command(&[&words[..], &moment].concat());
    let told = Told::of(&command.current_dir(&odd).output().unwrap()).expect(2);
    assert_shown(&told, "is not UTF-8", "a grid");
    assert!(!scene.path().join(".sunward").exists());
}

#[test]
fn control_characters_in_names_do_not_reach_the_terminal() {
    let scene = Scene::with("name: w\nstages: { a: { run: 'true' } }\n");
    for words in [
        &["check", "\u{1b}[31m.yaml"][..],
        &["run", "workflow.yaml", "--params", "\u{1b}[31m.yaml"],
        &["status", "--home", "\u{1b}[31m"],
        &["simulate", "--grid", "\u{1b}[31m", "--fleet", "\u{1b}[31m"],
        &["plan", "workflow.yaml", "--fleet", "\u{1b}[31m.yaml"],
    ] {
        let told = scene.sunward(words).expect(2);
        assert!(!told.err.contains('\u{1b}'), "{words:?}: {told:?}");
    }
}
