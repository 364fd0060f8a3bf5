//! A stage with its own Python environment, which is resolved, locked and built. The second time
//! the result comes from the cache. The test makes the package's wheel, so no index is needed. All of it
//! is done with pip, and with uv where it is on the `PATH`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test stops at the first surprise, and says what did not run"
)]

mod scene;

use std::process::Command;

use scene::{Scene, Told};

/// Makes `sunward_test_squares` 1.0, a module with one function, as a wheel in the given folder.
const MAKE_WHEEL: &str = "\
import sys, zipfile
name, info = 'sunward_test_squares', 'sunward_test_squares-1.0.dist-info'
files = {
    f'{name}.py': 'def square(number):\\n    return number * number\\n',
    f'{info}/METADATA': 'Metadata-Version: 2.1\\nName: sunward-test-squares\\nVersion: 1.0\\n',
    f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
}
record = f'{info}/RECORD'
files[record] = ''.join(f'{path},,\\n' for path in [*files, record])
with zipfile.ZipFile(f'{sys.argv[1]}/{name}-1.0-py3-none-any.whl', 'w') as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
";

/// The modules that the test needs to build environments.
const TOOLS: &str = "import ensurepip, venv";

/// A script that reads numbers, writes squares with the package's function, and prints its Python.
const SQUARE: &str = "\
import csv, sys
from sunward_test_squares import square

print('python', sys.prefix)
with open(sys.argv[1], newline='') as source, open(sys.argv[2], 'w', newline='') as target:
    rows = csv.writer(target)
    rows.writerow(['n', 'square'])
    for row in csv.DictReader(source):
        rows.writerow([row['n'], square(int(row['n']))])
";

const WORKFLOW: &str = "\
name: snakes
stages:
  number:
    run: printf 'n\\n3\\n4\\n5\\n' > ${{ outputs.rows }}
    outputs: { rows: { format: csv, schema: { n: int64 } } }
  square:
    run: python square.py ${{ inputs.rows }} ${{ outputs.rows }}
    files: [./square.py]
    python: { packages: [sunward-test-squares] }
    inputs: { rows: { from: number.rows, as: csv } }
    outputs: { rows: { format: csv, schema: { n: int64, square: int64 } } }
outputs: { squares: square.rows }
";

/// A workflow's folder, and what resolves and installs.
struct Place {
    scene: Scene,
    installer: &'static str,
}

impl std::ops::Deref for Place {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

/// A run of the workflow that can take packages only from the folder `wheels`.
fn command(scene: &Place, wheels: &str, args: &[&str]) -> Command {
    let mut command = scene.command(&[&["run", "workflow.yaml", "--json"], args].concat());
    command
        .env("SUNWARD_INSTALLER", scene.installer)
        .env("XDG_CACHE_HOME", scene.path().join("cache"))
        .env("PIP_CONFIG_FILE", "/dev/null")
        .env("PIP_NO_INDEX", "1")
        .env("PIP_FIND_LINKS", scene.path().join(wheels));
    command
}

fn run_with(scene: &Place, wheels: &str, args: &[&str]) -> Told {
    Told::of(&command(scene, wheels, args).output().unwrap())
}

fn run(scene: &Place, wheels: &str) -> Told {
    run_with(scene, wheels, &[])
}

fn succeeds(program: &str, words: &[&str]) -> bool {
    let said = Command::new(program).args(words).output();
    said.is_ok_and(|said| said.status.success())
}

/// The folder of a workflow with one wheel, for pip and for uv.
fn with_wheel(workflow: &str) -> Vec<Place> {
    if !succeeds("python3", &["-c", TOOLS]) {
        eprintln!("NOT RUN: a python: stage; there is no python3 with venv and ensurepip");
        return Vec::new();
    }
    let mut installers = vec!["pip"];
    match succeeds("uv", &["--version"]) {
        true => installers.push("uv"),
        false => {
            eprintln!("NOT RUN: a python: stage by uv, which is not on the PATH (pip install uv)")
        }
    }
    installers
        .into_iter()
        .map(|installer| {
            let scene = Scene::with(workflow);
            scene.file("square.py", SQUARE);
            scene.file("wheels/empty", "");
            let made = Command::new("python3")
                .args(["-c", MAKE_WHEEL])
                .arg(scene.path().join("wheels"))
                .output()
                .unwrap();
            assert!(made.status.success(), "{made:?}");
            Place { scene, installer }
        })
        .collect()
}

#[test]
fn pip_and_uv_resolve_to_the_same_key_and_each_installs_what_the_other_locked() {
    for mut place in with_wheel(WORKFLOW) {
        let other = match place.installer {
            "uv" => "pip",
            _ => continue,
        };
        run(&place, "wheels").expect(0);
        let by_uv = place.text("sunward.lock");
        std::fs::remove_file(place.path().join("sunward.lock")).unwrap();
        place.installer = other;
        let answer = run(&place, "wheels").expect(0).json();
        assert_eq!(answer["stages"]["square"]["cached"], 1, "{answer}");
        assert_eq!(place.text("sunward.lock"), by_uv);
        for installer in ["uv", "pip"] {
            place.installer = installer;
            std::fs::remove_dir_all(place.path().join("cache")).unwrap();
            std::fs::remove_dir_all(place.path().join(".sunward")).unwrap();
            let answer = run(&place, "wheels").expect(0).json();
            assert_eq!(answer["stages"]["square"]["ran"], 1, "{answer}");
        }
    }
}

#[test]
fn an_installer_that_is_not_there_is_told() {
    for mut place in with_wheel(WORKFLOW) {
        place.installer = "poetry";
        let told = run(&place, "wheels").expect(2);
        assert!(told.err.contains("neither `uv` nor `pip`"), "{told:?}");
    }
}

#[test]
fn a_lock_file_with_another_hash_is_the_users_fault_at_once() {
    for scene in with_wheel(WORKFLOW) {
        another_hash(&scene);
    }
}

fn another_hash(scene: &Place) {
    // The lock is written, and nothing is built.
    let none = run_with(scene, "wheels", &["--until", "number"]);
    none.expect(0);
    run(scene, "wheels").expect(0);
    let lock = scene.text("sunward.lock");
    let json: serde_json::Value = serde_json::from_str(&lock).unwrap();
    let hash = json["environments"][0]["packages"][0]["sha256"]
        .as_str()
        .unwrap();
    scene.file("sunward.lock", lock.replace(hash, &"0".repeat(64)));
    std::fs::remove_dir_all(scene.path().join(".sunward")).unwrap();
    let told = run(scene, "wheels");
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains("not what the lock file says"), "{told:?}");
    assert!(told.err.contains("delete its entry"), "{told:?}");
    for word in ["tried again", "attempt 2"] {
        assert!(!told.err.contains(word), "{told:?}");
    }
}

#[test]
fn a_lock_file_that_changes_between_start_and_stage_is_not_used() {
    let waiting = WORKFLOW.replace(
        "run: printf",
        "run: touch HERE/started; while [ ! -e HERE/go ]; do sleep 0.02; done; printf",
    );
    for scene in with_wheel(&waiting) {
        changes(&scene, &waiting);
    }
}

fn changes(scene: &Place, waiting: &str) {
    let here = scene.path().display().to_string();
    scene.file("workflow.yaml", waiting.replace("HERE", &here));
    let mut running = scene.start_command(command(scene, "wheels", &[]));
    running.wait_for("started");
    let lock = scene.text("sunward.lock");
    scene.file("sunward.lock", lock.replace("\"1.0\"", "\"1.1\""));
    scene.file("go", "");
    let told = running.end();
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains("changed since the run began"), "{told:?}");
    scene.file("sunward.lock", lock);
    run(scene, "wheels").expect(0);
}

#[test]
fn a_stage_runs_in_its_locked_environment_once_and_then_comes_from_the_cache() {
    for scene in with_wheel(WORKFLOW) {
        once_and_then_cached(&scene);
    }
}

fn once_and_then_cached(scene: &Place) {
    scene.file("none/empty", "");

    // A missing package is the user's error. The message names it, and no lock file is written.
    run(scene, "none")
        .expect(2)
        .says(&["sunward-test-squares", "correct `packages`"]);
    assert!(!scene.path().join("sunward.lock").exists());

    let first = run(scene, "wheels").expect(0).says(&["lock file"]).json();
    assert_eq!(first["stages"]["square"]["ran"], 1, "{first}");
    assert_eq!(first["outputs"]["squares"]["rows"], 3, "{first}");
    let lock: serde_json::Value = serde_json::from_str(&scene.text("sunward.lock")).unwrap();
    let package = &lock["environments"][0]["packages"][0];
    assert_eq!(package["name"], "sunward-test-squares", "{lock}");
    assert_eq!(package["version"], "1.0", "{lock}");
    let log = scene.sunward(&["logs", "square/0"]).expect(0).out;
    let inside = scene.path().join("cache/sunward/envs");
    let prefix = log.trim().strip_prefix("python ").unwrap();
    assert!(
        std::path::Path::new(prefix).starts_with(&inside),
        "it ran in {prefix}, not below {}",
        inside.display()
    );

    // The second run needs no index and does not run the script.
    let second = run(scene, "none").expect(0).json();
    assert_eq!(second["stages"]["square"]["cached"], 1, "{second}");
    assert_eq!(second["stages"]["square"]["ran"], 0, "{second}");
    assert_eq!(second["outputs"], first["outputs"]);

    let shown = scene.sunward(&["show", "squares", "--json"]).expect(0);
    let shown = shown.json();
    assert_eq!(shown["rows"], 3, "{shown}");
    let table = scene.sunward(&["show", "square.rows"]).expect(0).out;
    for cells in [["3", "9"], ["4", "16"], ["5", "25"]] {
        let is_there = |line: &str| {
            let words: Vec<&str> = line.split(|c: char| !c.is_ascii_digit()).collect();
            cells.iter().all(|cell| words.contains(cell))
        };
        assert!(table.lines().any(is_there), "no {cells:?} in {table}");
    }

    // Another script is another task. Its environment already exists, so no wheel is needed.
    scene.file(
        "square.py",
        SQUARE.replace("square(int(", "1 + square(int("),
    );
    let third = run(scene, "none").expect(0).json();
    assert_eq!(third["stages"]["square"]["ran"], 1, "{third}");
    assert_ne!(third["outputs"], first["outputs"]);
}

#[test]
fn requirements_in_files_are_those_packages() {
    for scene in with_wheel(WORKFLOW) {
        requirements(&scene);
    }
}

fn requirements(scene: &Place) {
    run(scene, "wheels").expect(0);
    let lock: serde_json::Value = serde_json::from_str(&scene.text("sunward.lock")).unwrap();
    let hash = lock["environments"][0]["packages"][0]["sha256"].clone();
    let hash = hash.as_str().unwrap();
    let project = "[project]\nname = 'x'\nversion = '1'\ndependencies = ['sunward-test-squares']\n";
    for (file, text) in [
        (
            "requirements.txt",
            "# what it needs\nsunward-test-squares\n".to_owned(),
        ),
        (
            "env/all.txt",
            "-r more/some.txt   # in a folder\n".to_owned(),
        ),
        ("env/pyproject.toml", project.to_owned()),
        (
            "hashed.txt",
            format!("sunward-test-squares==1.0 \\\n  --hash=sha256:{hash}\n"),
        ),
    ] {
        scene.file("env/more/some.txt", "-r ../all.txt\nsunward-test-squares\n");
        scene.file(file, text);
        let with = format!("requirements: ./{file}");
        let workflow = WORKFLOW.replace("packages: [sunward-test-squares]", &with);
        scene.file("workflow.yaml", workflow);
        let answer = run(scene, "wheels").expect(0).json();
        assert_eq!(answer["stages"]["square"]["cached"], 1, "{file}: {answer}");
    }

    // Another hash is not that package.
    let other = "0".repeat(64);
    scene.file(
        "hashed.txt",
        format!("sunward-test-squares==1.0 --hash=sha256:{other}\n"),
    );
    let told = run(scene, "wheels").expect(2);
    assert!(told.err.contains("HASHES"), "{told:?}");

    for (text, says) in [
        (
            Some("six\n--index-url https://x\n"),
            "./hashed.txt: line 2: `--index-url`",
        ),
        (
            Some("-r none.txt\n"),
            "none.txt cannot be read: there is no such file",
        ),
        (None, "./hashed.txt cannot be read: there is no such file"),
    ] {
        let path = scene.file("hashed.txt", text.unwrap_or_default());
        if text.is_none() {
            std::fs::remove_file(path).unwrap();
        }
        let told = scene.sunward(&["check", "workflow.yaml"]).expect(2).out;
        assert!(told.contains(says), "{told}");
        assert!(told.contains("workflow.yaml:9:"), "{told}");
    }
}
