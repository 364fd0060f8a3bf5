//! Python environments, with a real package of a real index if it can be reached.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "tests stop where they cannot go on, say what did not run, and share one scene"
)]

mod support;

use std::fs;

use std::path::Path;
use sunward_core::{FailureKind, Tasks};
use sunward_worker::Host;

use sunward_worker::environments::EnvironmentCache;
use sunward_worker::environments::python::{
    LockFile, PythonError, Tools, environment, lock_digest, resolve_lock,
};
use sunward_workflows::{Python, Stage};
use support::{Scene, shell, succeeded};

fn wants(package: &str) -> Python {
    Python {
        packages: vec![package.into()],
        ..Python::default()
    }
}

fn with_python(script: &str, python: Python) -> Stage {
    let mut stage = shell(script);
    stage.python = Some(python);
    stage
}

/// What resolves and installs: pip, and uv where it is on the `PATH`.
fn installers() -> Vec<&'static str> {
    let uv = std::process::Command::new("uv").arg("--version").output();
    match uv.is_ok_and(|said| said.status.success()) {
        true => vec!["pip", "uv"],
        false => {
            eprintln!(
                "NOT RUN: Python environments by uv, which is not on the PATH (pip install uv)"
            );
            vec!["pip"]
        }
    }
}

/// A scene with this process's whole environment, which says how to reach the index, and with a
/// cache of its own.
fn scene(installer: &'static str) -> Scene {
    Scene::with(|options| options.host = host_of(&options.home, by(installer)))
}

fn by(installer: &'static str) -> [(&'static str, &'static str); 1] {
    [("SUNWARD_INSTALLER", installer)]
}

/// This process's environment with a cache in the scene, and these variables.
fn host_of(home: &Path, more: impl IntoIterator<Item = (&'static str, &'static str)>) -> Host {
    let more = more.into_iter().map(|(n, v)| (n.into(), v.into()));
    std::env::vars_os()
        .filter(|(name, _)| name != "SUNWARD_INSTALLER")
        .chain([("XDG_CACHE_HOME".into(), home.join("cache").into())])
        .chain(more)
        .collect()
}

#[test]
fn an_environment_is_locked_checked_built_once_and_kept() {
    for installer in installers() {
        locked_checked_built_once_and_kept(installer);
    }
}

fn locked_checked_built_once_and_kept(installer: &'static str) {
    let mut scene = scene(installer);
    let host = host_of(scene.home.path(), by(installer));
    let cache = EnvironmentCache::of(&host, scene.home.path());
    let python = wants("six==1.16.0");
    let unresolved = lock_digest(scene.home.path(), &python).unwrap();
    let tools = Tools::new(cache.clone(), &host);
    match resolve_lock(&tools, scene.home.path(), [&python]) {
        Ok(wrote) => assert!(wrote),
        Err(
            error @ (PythonError::NoPython(_)
            | PythonError::Registry { .. }
            | PythonError::Tool { .. }),
        ) => return eprintln!("NOT RUN: Python environments: {error}"),
        Err(error) => panic!("{error}"),
    }
    assert!(!resolve_lock(&tools, scene.home.path(), [&python]).unwrap());
    assert_ne!(lock_digest(scene.home.path(), &python).unwrap(), unresolved);
    let path = scene.path("sunward.lock");
    let honest = fs::read_to_string(&path).unwrap();
    let lock = LockFile::read(&path).unwrap();
    let package = &lock.environments[0].packages[0];
    assert_eq!((&*package.name, &*package.version), ("six", "1.16.0"));

    // A package that differs from the locked one is not installed.
    let digests = package.also.iter().chain([&package.sha256]);
    let forged = digests.fold(honest.clone(), |lock, one| {
        lock.replace(one, &"0".repeat(64))
    });
    fs::write(&path, forged).unwrap();
    let forged = scene.failure(with_python("true", python.clone()));
    assert!(
        forged.message.contains("its Python environment"),
        "{}",
        forged.message
    );

    fs::write(&path, honest).unwrap();
    let script =
        "python -c 'import six, sys; print(six.__version__, sys.prefix)'; echo $VIRTUAL_ENV";
    let job = scene.job(with_python(script, python), Tasks::Range(2));
    let ends = scene.run(job);
    assert!(ends.iter().all(succeeded), "{ends:?}");
    let log = scene.log_text("work");
    let words: Vec<&str> = log.split_whitespace().collect();
    assert_eq!((words[0], words[1]), ("1.16.0", words[2]));
    assert!(words[2].starts_with(scene.home.path().to_str().unwrap()));

    // It is built again without the index, because the package was kept.
    fs::remove_dir_all(words[2]).unwrap();
    // The worker above still holds a lock on it.
    fs::remove_file(format!("{}.lock", words[2])).unwrap();
    let host = match installer {
        // uv keeps packages for each index, so it asks the same one, without a network.
        "uv" => host_of(scene.home.path(), [by(installer)[0], ("UV_OFFLINE", "1")]),
        _ => without_index(scene.home.path(), "1", installer),
    };
    let tools = Tools::new(cache, &host);
    let again = environment(&tools, &lock.environments[0]).unwrap();
    assert!(again.join("bin/python").exists());

    // A package that cannot be resolved is the user's error, and the message names it.
    let wrong = scene.failure(with_python("true", wants("six==99.99")));
    assert_eq!(wrong.kind, FailureKind::Input, "{}", wrong.message);
    assert!(wrong.message.contains("six==99.99"), "{}", wrong.message);
}

/// This process's environment with an index that does not exist.
fn without_index(home: &Path, retries: &'static str, installer: &'static str) -> Host {
    let nowhere = ("PIP_INDEX_URL", "http://127.0.0.1:1/");
    let retries = [("PIP_RETRIES", retries), ("UV_HTTP_RETRIES", "0")];
    host_of(
        home,
        [nowhere].into_iter().chain(retries).chain(by(installer)),
    )
}

#[test]
fn an_index_that_is_away_is_the_infrastructure_s_fault() {
    is_told_to_be_away("1");
}

#[test]
fn an_index_that_is_away_is_told_so_even_if_pip_is_to_ask_once_only() {
    is_told_to_be_away("0");
}

fn is_told_to_be_away(retries: &'static str) {
    for installer in installers() {
        is_told_to_be_away_by(retries, installer);
    }
}

fn is_told_to_be_away_by(retries: &'static str, installer: &'static str) {
    let mut scene = Scene::with(|options| {
        options.host = without_index(&options.home, retries, installer);
    });
    let failure = scene.failure(with_python("true", wants("six")));
    if failure.message.contains("no python3") || failure.message.contains("venv") {
        return eprintln!("NOT RUN: Python environments: {}", failure.message);
    }
    assert_eq!(
        failure.kind,
        FailureKind::Infrastructure,
        "{}",
        failure.message
    );
    assert!(
        failure.message.contains("index could not be reached"),
        "{}",
        failure.message
    );
}

#[test]
fn a_python_that_is_not_there_is_named() {
    let mut scene = scene("pip");
    let mut python = wants("six");
    python.version = Some("2.4".into());
    let failure = scene.failure(with_python("true", python));
    assert_eq!(failure.kind, FailureKind::Input);
    assert!(
        failure.message.contains("Python 2.4 was not found"),
        "{}",
        failure.message
    );
}
