//! `sunward logs [RUN] [STAGE[/INDEX]]`: shows what tasks printed, also while they run.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use sunward_core::{RunId, RunStatus, TaskStatus};
use sunward_state::{Reader, is_engaged};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::recorded::Recorded;
use crate::render;
use crate::render::style::harmless;
use crate::render::units::plural;
use crate::saved::{CacheSaved, LATEST_RUNS};
use crate::which::{self, Found, Which};

/// How often a log is polled with `--follow`.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The bytes of a log that are read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Show what tasks printed
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward logs\n  sunward logs r1 integrate/2\n\nControl characters are escaped. --json lists the log files, and includes their text if a single task is named."
)]
pub(crate) struct Logs {
    // In `help`, since its brackets are no links.
    #[arg(value_name = "RUN STAGE[/INDEX]", help = "[RUN] [STAGE[/INDEX]] [default: all of the newest run]", num_args = 0..=2)]
    which: Vec<String>,
    /// Keep showing new lines until the run ends
    #[arg(long, short)]
    follow: bool,
    /// Only this attempt
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
}

/// One attempt's log.
#[derive(Clone, Debug, Serialize)]
struct LogFile {
    task: String,
    attempt: u32,
    path: PathBuf,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip)]
    key: (String, u32, u32),
}

impl Logs {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let which = Which::parse(&self.which)?;
        let found = which::find(context, which.run)?;
        let folder = logs_folder(&found.home, found.row.run);
        if self.follow {
            return self.follow(&which, &found, &folder);
        }
        let mut logs = self.list(&which, &folder)?;
        if logs.is_empty() {
            render::say(&why_nothing(&which, &found)?);
        }
        if !context.json {
            // Copies one log at a time, because together they may be larger than memory.
            let headed = logs.len() > 1;
            for log in logs {
                if headed {
                    let title = format!("== {} attempt {} ==\n", log.task, log.attempt);
                    render::raw(context.out_style.strong(&title).as_bytes())?;
                }
                copy(&log.path, 0, true)?;
            }
            return Ok(Exit::Done);
        }
        if which.index.is_some() {
            for log in &mut logs {
                let bytes = fs::read(&log.path).with_context(|| {
                    format!("{} cannot be read", sunward_files::shown(&log.path))
                })?;
                log.text = Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        render::machine(&logs)?;
        Ok(Exit::Done)
    }

    /// The logs that exist now, ordered by the name of the stage, the task and the attempt.
    fn list(&self, which: &Which, folder: &Path) -> anyhow::Result<Vec<LogFile>> {
        let mut logs = Vec::new();
        let Ok(stages) = fs::read_dir(folder) else {
            return Ok(logs);
        };
        for stage in stages {
            let stage = stage?;
            let name = stage.file_name().to_string_lossy().into_owned();
            if which.stage.as_ref().is_some_and(|wanted| *wanted != name) {
                continue;
            }
            let Ok(files) = fs::read_dir(stage.path()) else {
                continue;
            };
            for file in files {
                let file = file?;
                let Some((index, attempt)) = parts_of(&file.file_name().to_string_lossy()) else {
                    continue;
                };
                if which.index.is_some_and(|wanted| wanted != index)
                    || self.attempt.is_some_and(|wanted| wanted != attempt)
                {
                    continue;
                }
                logs.push(LogFile {
                    task: format!("{name}/{index}"),
                    attempt,
                    bytes: file.metadata().map_or(0, |meta| meta.len()),
                    path: file.path(),
                    text: None,
                    key: (name.clone(), index, attempt),
                });
            }
        }
        logs.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(logs)
    }

    fn follow(&self, which: &Which, found: &Found, folder: &Path) -> anyhow::Result<Exit> {
        let mut shown: BTreeMap<(String, u32, u32), u64> = BTreeMap::new();
        let mut last: Option<(String, u32, u32)> = None;
        loop {
            // This is checked before the logs are read, so that lines written just before the end
            // are still shown.
            let goes_on = goes_on(found)?;
            for log in self.list(which, folder)? {
                let from = shown.get(&log.key).copied().unwrap_or(0);
                if log.bytes <= from {
                    continue;
                }
                if last.as_ref() != Some(&log.key) && which.index.is_none() {
                    render::raw(
                        format!("== {} attempt {} ==\n", log.task, log.attempt).as_bytes(),
                    )?;
                }
                let to = copy(&log.path, from, !goes_on)?;
                last = Some(log.key.clone());
                shown.insert(log.key, to);
            }
            if !goes_on {
                return Ok(Exit::Done);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// True if the run may still write: it has not ended, and an engine is running.
fn goes_on(found: &Found) -> anyhow::Result<bool> {
    let status = found.reader.run(found.row.run)?.map(|row| row.status);
    Ok(status == Some(RunStatus::Running) && is_engaged(&found.home))
}

/// Why there is no log: the tasks printed nothing, or did not run.
///
/// # Errors
/// Fails if there is no such stage or task.
fn why_nothing(which: &Which, found: &Found) -> anyhow::Result<String> {
    let recorded = Recorded::read(&found.reader, &found.home, found.row.run)?;
    let run = recorded.run()?;
    let wanted = which.stage.as_deref();
    let wanted = wanted
        .map(|name| which::stage(&run.spec, name))
        .transpose()?;
    let stages = run
        .stages()
        .filter(|stage| wanted.is_none_or(|wanted| wanted == stage.id));
    let mut is_cached = false;
    for stage in stages {
        let count = stage.task_count().unwrap_or(0);
        if let Some(index) = which.index.filter(|index| *index >= count) {
            return Err(wrong_input(format!(
                "stage {} has no task {index}; it has {}",
                stage.planned.stage.name,
                plural(u64::from(count), "task")
            )));
        }
        let of_one = |index| stage.status(index) == Some(TaskStatus::Cached);
        is_cached |= match which.index {
            Some(index) => of_one(index),
            None => stage.counts().of(TaskStatus::Cached) > 0,
        };
    }
    if !is_cached {
        return Ok("these tasks printed nothing".to_owned());
    }
    let saved = CacheSaved::of(&found.reader, &found.home, &recorded, LATEST_RUNS)?;
    let runs = saved.map(|saved| saved.runs).unwrap_or_default();
    Ok(match runs.as_slice() {
        [] => "these tasks did not run: their results came from the cache".to_owned(),
        [.., newest] => format!(
            "these tasks did not run: their results came from the cache, made by {}; `sunward logs {newest}` shows what they printed then",
            runs.join(", "),
        ),
    })
}

/// The folder of a run's logs.
fn logs_folder(home: &Path, run: RunId) -> PathBuf {
    home.join("runs").join(run.to_string()).join("logs")
}

/// The task and attempt in a file name: `3.2.log` belongs to attempt 2 of task 3.
fn parts_of(name: &str) -> Option<(u32, u32)> {
    let (index, attempt) = name.strip_suffix(".log")?.split_once('.')?;
    Some((index.parse().ok()?, attempt.parse().ok()?))
}

/// Copies a log to stdout from a byte offset to its end, with control characters made harmless.
/// Returns the offset of the end. Unless this is the last look, an incomplete character at the end
/// is left for the next call.
fn copy(path: &Path, from: u64, last_look: bool) -> anyhow::Result<u64> {
    let unreadable = || format!("{} cannot be read", sunward_files::shown(path));
    let mut file = File::open(path).with_context(unreadable)?;
    file.seek(SeekFrom::Start(from)).with_context(unreadable)?;
    let mut at = from;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let read = file.read(&mut chunk).with_context(unreadable)?;
        rest.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let over = read == 0;
        let whole = if over && last_look {
            rest.len()
        } else {
            whole_characters(&rest)
        };
        let text = String::from_utf8_lossy(rest.get(..whole).unwrap_or_default()).into_owned();
        rest.drain(..whole);
        at += u64::try_from(whole).unwrap_or(0);
        render::raw(harmless(&text).as_bytes())?;
        if over {
            return Ok(at);
        }
    }
}

/// The number of bytes that can be shown without cutting a character in two.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Ok(_) | Err(_) => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::{parts_of, whole_characters};

    #[test]
    fn a_log_is_named_by_its_task_and_attempt() {
        assert_eq!(parts_of("12.3.log"), Some((12, 3)));
        assert_eq!(parts_of("notes.txt"), None);
    }

    #[test]
    fn a_character_is_not_cut_in_two() {
        let euro = "a€".as_bytes();
        assert_eq!(whole_characters(&euro[..2]), 1);
        assert_eq!(whole_characters(euro), 4);
        assert_eq!(whole_characters(b"a\xffb"), 3);
    }
}
