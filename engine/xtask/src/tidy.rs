//! Checks that each file starts with a sentence that says what it is, that no file is too long, that
//! paths are opened and shown by the functions made for that, and that messages use one kind of
//! quotes.

use std::path::Path;

use anyhow::{Result, bail};

use crate::rust_files::rust_files;
use crate::{floors, quotes, shell, words};

/// The most lines a file may have outside its tests.
const FILE_LINES: usize = 600;
/// File names that say nothing about the content.
const EMPTY_NAMES: &[&str] = &["utils.rs", "util.rs", "misc.rs", "common.rs", "helpers.rs"];
/// Places that open paths from users. Only `sunward_files` may open files there, because it refuses
/// pipes and devices.
const OPENS_WHAT_IS_NAMED: &[&str] = &[
    "engine/cli/src/",
    "engine/data/src/source",
    "engine/data/src/netcdf/",
    "engine/grid/src/trace/",
    "worker/src/python/",
    "worker/src/secrets/",
];
/// Calls that would wait for a pipe's writer.
const OPENING: &[&str] = &["File::open(", "fs::read(", "fs::read_to_string("];
/// Files in these places that also read files of Sunward or of the system.
const OPENED_OTHERWISE: &[&str] = &[
    "engine/cli/src/machine.rs",
    "engine/cli/src/verbs/logs.rs",
    "engine/cli/src/verbs/grid/fetch.rs",
    "worker/src/python/resolve.rs",
];
/// Shows bytes that are not UTF-8, and control characters, as a terminal takes them.
const SHOWS_RAW: &str = ".display()";
/// The room of chores, whose paths are the project's own.
const OF_CHORES: &str = "engine/xtask/";
/// Folders with the project's Rust code.
const ROOMS: &[&str] = &["workflows", "engine", "worker", "kernels"];

/// Runs all checks.
///
/// # Errors
/// Fails if there are faults. The message lists all of them.
pub(crate) fn run() -> Result<()> {
    let root = shell::root();
    let mut faults = floors::faults(&root)?;
    faults.extend(self::faults(&root)?);
    if !faults.is_empty() {
        bail!("the checks failed:\n  {}", faults.join("\n  "));
    }
    shell::say("tidy: first lines, sizes, imports and words are in order");
    Ok(())
}

/// Finds all faults under the root.
pub(crate) fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for room in ROOMS {
        for file in rust_files(&root.join(room))? {
            let text = std::fs::read_to_string(&file)?;
            let shown = file
                .strip_prefix(root)
                .unwrap_or(&file)
                .display()
                .to_string();
            faults.extend(file_faults(&shown, &text));
        }
    }
    faults.extend(architecture_faults(root)?);
    faults.extend(words::faults(root)?);
    faults.extend(quotes::faults(root)?);
    Ok(faults)
}

fn file_faults(shown: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
    if !first.is_some_and(|line| line.starts_with("//!")) {
        faults.push(format!(
            "{shown}: has no `//!` line; its first line should say in one sentence what it is"
        ));
    }
    let lines = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .count();
    if lines > FILE_LINES {
        faults.push(format!(
            "{shown}: has {lines} lines, at most {FILE_LINES} are allowed; split it by noun"
        ));
    }
    let names_paths = OPENS_WHAT_IS_NAMED
        .iter()
        .any(|room| shown.starts_with(room))
        && !OPENED_OTHERWISE.contains(&shown);
    if names_paths {
        let code = text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"));
        for (number, line) in code.enumerate() {
            if OPENING.iter().any(|call| line.contains(call)) {
                faults.push(format!(
                    "{shown}:{}: waits forever on a named pipe; open files with `sunward_files`",
                    number + 1
                ));
            }
        }
    }
    faults.extend(raw_paths(shown, text));
    if EMPTY_NAMES
        .iter()
        .any(|name| shown.ends_with(&format!("/{name}")))
    {
        faults.push(format!(
            "{shown}: the name says nothing; name the file after its one idea"
        ));
    }
    faults
}

/// Paths in messages that are not escaped. Tests and examples may print what they like.
fn raw_paths(shown: &str, text: &str) -> Vec<String> {
    if shown.starts_with(OF_CHORES) || shown.contains("/tests/") || shown.contains("/examples/") {
        return Vec::new();
    }
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .enumerate()
        .filter(|(_, line)| line.contains(SHOWS_RAW))
        .map(|(number, _)| {
            format!(
                "{shown}:{}: prints names as they are; use `sunward_files::shown`, or `as_value` in JSON",
                number + 1
            )
        })
        .collect()
}

/// Folders named in ARCHITECTURE.md as `path/` must exist.
fn architecture_faults(root: &Path) -> Result<Vec<String>> {
    let path = root.join("ARCHITECTURE.md");
    if !path.exists() {
        return Ok(vec!["ARCHITECTURE.md is missing".into()]);
    }
    let text = std::fs::read_to_string(path)?;
    let named = text.split('`').skip(1).step_by(2);
    Ok(named
        .filter(|word| {
            word.ends_with('/') && !word.contains([' ', '<', '$', '~']) && !word.starts_with('.')
        })
        .filter(|word| !root.join(word).is_dir())
        .map(|word| format!("ARCHITECTURE.md names the folder `{word}`, which does not exist"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_door_and_one_that_is_a_hall_are_named() {
        assert!(file_faults("a/b.rs", "fn f() {}\n")[0].contains("no `//!` line"));
        let hall = format!("//! Hall.\n{}", "fn f() {}\n".repeat(700));
        assert!(file_faults("a/b.rs", &hall)[0].contains("701 lines"));
        assert!(file_faults("a/utils.rs", "//! Things.\n")[0].contains("says nothing"));
        assert!(file_faults("a/b.rs", "//! Good.\n").is_empty());
        let opens = "//! Good.\nfn f() { File::open(path); }\n";
        assert!(file_faults("engine/cli/src/x.rs", opens)[0].contains("named pipe"));
        assert!(file_faults("engine/state/src/x.rs", opens).is_empty());
        let prints =
            "//! Good.\nfn f() { path.display(); }\n#[cfg(test)]\nfn g() { path.display(); }\n";
        assert_eq!(file_faults("engine/cli/src/x.rs", prints).len(), 1);
        assert!(file_faults("engine/cli/tests/x.rs", prints).is_empty());
    }

    #[test]
    fn this_house_is_tidy() {
        assert_eq!(faults(&shell::root()).unwrap(), Vec::<String>::new());
    }
}
