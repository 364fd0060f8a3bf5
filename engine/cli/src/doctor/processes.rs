//! Finds processes that a killed engine left running. Their current folder is one of its task
//! folders.

use std::fs;
use std::path::Path;

use super::Finding;

/// The most processes that a finding names. The others are counted.
const NAMED: usize = 8;

/// Checks for processes whose current folder is inside the home.
pub(crate) fn leftover(home: &Path, engine_runs: bool) -> Finding {
    let Ok(home) = home.canonicalize() else {
        return Finding::good("leftovers", "nothing has run here yet");
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return Finding::note(
            "leftovers",
            "processes cannot be listed (no /proc)",
            "look for processes of killed runs with ps",
        );
    };
    let mut found: Vec<u32> = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process: &u32| {
            fs::read_link(format!("/proc/{process}/cwd"))
                .is_ok_and(|folder| folder.starts_with(&home))
        })
        .filter(|process| *process != std::process::id())
        .collect();
    found.sort_unstable();
    if found.is_empty() {
        return Finding::good("leftovers", "none");
    }
    let mut names: Vec<String> = found.iter().take(NAMED).map(ToString::to_string).collect();
    if found.len() > NAMED {
        names.push(format!("and {} more", found.len() - NAMED));
    }
    let names = names.join(", ");
    if engine_runs {
        return Finding::good(
            "leftovers",
            format!("a run is in progress: processes {names}"),
        );
    }
    Finding::problem(
        "leftovers",
        format!(
            "no `sunward` is running, but these processes are still in its working folders: {names}"
        ),
        "end them: kill PROCESS, or kill -9 PROCESS if that does not work",
    )
}
