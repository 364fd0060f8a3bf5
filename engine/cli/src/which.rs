//! Finds the run, stage or task that `[RUN] [STAGE[/INDEX]]` names.

use std::path::{Path, PathBuf};

use sunward_core::{RunId, RunSpec, StageId};
use sunward_state::{Reader, RunRow, SqliteReader};
use sunward_worker::LeftRunning;

use crate::context::Context;
use crate::exit::wrong_input;
use crate::render::{self, style::harmless};

/// The run, stage and task that were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Which {
    /// As in `r7`. `None` means the newest run.
    pub(crate) run: Option<RunId>,
    pub(crate) stage: Option<String>,
    /// The index of a task in the stage.
    pub(crate) index: Option<u32>,
}

impl Which {
    /// Parses up to two words. A first word such as `r7` is a run, so a stage of that name needs
    /// the run before it.
    ///
    /// # Errors
    /// Fails if the words are not of this form.
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let (run, rest) = match words.split_first() {
            Some((first, rest)) => match first.parse::<RunId>() {
                Ok(run) => (Some(run), rest),
                Err(_) => (None, words),
            },
            None => (None, words),
        };
        let (stage, index) = match rest {
            [] => (None, None),
            [task] => task_of(task)?,
            [first, ..] => {
                return Err(wrong_input(format!(
                    "`{first}` is not a run; expected [RUN] [STAGE[/INDEX]], as in r7 search/3"
                )));
            }
        };
        Ok(Self { run, stage, index })
    }
}

fn task_of(word: &str) -> anyhow::Result<(Option<String>, Option<u32>)> {
    match word.split_once('/') {
        None => Ok((Some(word.to_owned()), None)),
        Some((stage, index)) => index
            .parse()
            .map(|index| (Some(stage.to_owned()), Some(index)))
            .map_err(|_| {
                wrong_input(format!(
                    "`{word}` is not a task; expected STAGE/INDEX with a whole number from 0, as in search/3"
                ))
            }),
    }
}

/// One run, found in a state that is opened for reading.
pub(crate) struct Found {
    pub(crate) home: PathBuf,
    pub(crate) reader: SqliteReader,
    /// The run's row in the list of runs.
    pub(crate) row: RunRow,
}

/// Opens the nearest state and finds the run, or the newest run if none is named.
///
/// # Errors
/// Fails if there is no state or no such run.
pub(crate) fn find(context: &Context, run: Option<RunId>) -> anyhow::Result<Found> {
    let home = context.home_nearest()?;
    end_leftovers(&home);
    find_in(home, run)
}

/// The same, and nothing that a killed engine left running is ended.
///
/// # Errors
/// As [`find`].
pub(crate) fn find_without_ending(context: &Context, run: Option<RunId>) -> anyhow::Result<Found> {
    find_in(context.home_nearest()?, run)
}

fn find_in(home: PathBuf, run: Option<RunId>) -> anyhow::Result<Found> {
    let reader = look_at(&home)?;
    let row = match run {
        Some(run) => reader.run(run)?.ok_or_else(|| {
            wrong_input(format!(
                "there is no run {run} in {}; `sunward status` lists the runs",
                sunward_files::shown(&home)
            ))
        })?,
        None => reader.newest_run()?.ok_or_else(|| {
            wrong_input(format!(
                "nothing has run in {} yet; start with `sunward run FILE`",
                sunward_files::shown(&home)
            ))
        })?,
    };
    Ok(Found { home, reader, row })
}

/// Opens a state for reading. First ends the processes that a killed engine left running.
///
/// # Errors
/// Fails if there is no state, which is the user's error, or if it cannot be read.
pub(crate) fn open(home: &Path) -> anyhow::Result<SqliteReader> {
    end_leftovers(home);
    look_at(home)
}

fn look_at(home: &Path) -> anyhow::Result<SqliteReader> {
    SqliteReader::open(home).map_err(|error| {
        if error.is_infrastructure() {
            anyhow::Error::new(error)
        } else {
            wrong_input(error.to_string())
        }
    })
}

/// Ends the processes that a killed engine left running. Reports those that cannot be ended.
pub(crate) fn end_leftovers(home: &Path) {
    let left = sunward_worker::sweep(home);
    if !left.is_empty() {
        render::say(&format!(
            "processes of a killed `sunward` could not be ended: {}; end them by hand (kill -9)",
            named(&left)
        ));
    }
}

/// Lists processes for a message: `123 (sleep), 124 (sh)`.
pub(crate) fn named(left: &[LeftRunning]) -> String {
    let names = left
        .iter()
        .map(|one| format!("{} ({})", one.pid, harmless(&one.name)));
    names.collect::<Vec<_>>().join(", ")
}

/// Finds the stage of this name in a run.
///
/// # Errors
/// Fails if there is none. The message names the stages of the run.
pub(crate) fn stage(spec: &RunSpec, name: &str) -> anyhow::Result<StageId> {
    spec.plan.find(name).ok_or_else(|| {
        let inside = spec.workflow.stages_in(name);
        if !inside.is_empty() {
            return wrong_input(format!(
                "the stage `{name}` uses a file; name one of its stages: {}",
                inside.join(", ")
            ));
        }
        let stages: Vec<_> = spec
            .plan
            .stages
            .iter()
            .map(|planned| planned.stage.name.as_str())
            .collect();
        wrong_input(format!(
            "the run has no stage `{name}`; its stages are {}",
            stages.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::{RunId, Which};

    fn parse(words: &[&str]) -> Result<Which, String> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        Which::parse(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn a_run_a_stage_and_a_task_may_be_named_or_left_out() {
        assert_eq!(parse(&[]), Ok(Which::default()));
        let run = Some(RunId(7));
        assert_eq!(
            parse(&["r7"]),
            Ok(Which {
                run,
                ..Which::default()
            })
        );
        let stage = Some("search".to_owned());
        assert_eq!(
            parse(&["search/3"]),
            Ok(Which {
                run: None,
                stage: stage.clone(),
                index: Some(3)
            })
        );
        assert_eq!(
            parse(&["r7", "search"]),
            Ok(Which {
                run,
                stage,
                index: None
            })
        );
    }

    #[test]
    fn what_is_neither_is_refused_with_what_was_expected() {
        assert!(parse(&["search/x"]).unwrap_err().contains("STAGE/INDEX"));
        assert!(parse(&["search", "3"]).unwrap_err().contains("not a run"));
    }
}
