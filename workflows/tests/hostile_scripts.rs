//! Scripts that would run a hostile value: each refuses it before it runs. Those that take a value
//! are run with it, and must not execute it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::path::Path;
use std::process::{Command, Stdio};

use sunward_workflows::{CompiledScript, RenderedScript, Scope, Value, default_shell};

/// One script on each line, with `¶` for a line break.
const SCRIPTS: &str = include_str!("hostile_scripts.txt");

/// Values that create a file if a shell, an interpreter or an option runs them.
const VALUES: &[&str] = &[
    "touch hit",
    "$(touch hit)",
    "x; touch hit",
    "'; touch hit; '",
    "\"; touch hit; \"",
    "PATH[$(touch hit)]",
    "a[$(touch hit)]",
    "-e1e touch hit",
    "-e1etouch hit",
    "x/-e1e touch hit",
    "x -e1etouch${IFS}hit",
    "-cimport os; os.system('touch hit')",
    "-ctouch hit",
    "--use-compress-program=touch hit",
    "--checkpoint-action=exec=touch hit",
    "--upload-pack=touch hit",
    "--compress-program=touch hit",
    "-v",
    "__import__('os').system('touch hit')",
    "system(\"touch hit\")",
    "BEGIN { system(\"touch hit\") }",
    "1e touch hit",
    "`touch hit`;1",
];

/// The script for a value; the reason if it is refused.
fn rendered(script: &str, value: &str) -> Result<RenderedScript, String> {
    let scope = Scope {
        item: Some(Value::String(value.to_owned())),
        ..Scope::default()
    };
    let compiled = CompiledScript::new(&default_shell(), script).unwrap();
    compiled.render(&scope).map_err(|error| error.to_string())
}

/// Runs a script as a task does, for a few seconds at most, and tells whether a file was created.
fn executes(script: &RenderedScript, folder: &Path) -> bool {
    let shell = default_shell();
    let status = Command::new("timeout")
        .args(["-k", "1", "20"])
        .args(shell)
        .arg(&script.text)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(script.variables.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.unwrap();
    folder.join("hit").exists()
}

#[test]
fn no_script_runs_a_hostile_value_and_each_refuses_one() {
    let scripts: Vec<&str> = SCRIPTS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let results: Vec<(Option<&str>, Option<String>)> = std::thread::scope(|threads| {
        let parts = scripts.chunks(scripts.len().div_ceil(4));
        let running: Vec<_> = parts
            .map(|part| {
                threads.spawn(move || part.iter().map(|line| tried(line)).collect::<Vec<_>>())
            })
            .collect();
        let results = running.into_iter().map(|thread| thread.join().unwrap());
        results.flatten().collect()
    });
    let taken: Vec<_> = results.iter().filter_map(|(taken, _)| *taken).collect();
    let executed: Vec<_> = results.iter().filter_map(|(_, run)| run.as_ref()).collect();
    assert!(
        taken.is_empty() && executed.is_empty(),
        "executed: {executed:#?}\nnever refused: {taken:#?}"
    );
}

/// The line itself if it takes every value, and the line with a value that it executes.
fn tried(line: &str) -> (Option<&str>, Option<String>) {
    let script = line.replace('¶', "\n");
    let rendered: Vec<_> = VALUES
        .iter()
        .map(|value| (value, rendered(&script, value)))
        .collect();
    let refuses = rendered.iter().any(|(_, one)| one.is_err());
    let mut taken = rendered
        .iter()
        .filter_map(|(value, one)| Some((value, one.as_ref().ok()?)));
    let executed = taken.find(|(_, one)| {
        let folder = tempfile::tempdir().unwrap();
        executes(one, folder.path())
    });
    let executed = executed.map(|(value, _)| format!("{line}    with {value:?}"));
    ((!refuses).then_some(line), executed)
}
