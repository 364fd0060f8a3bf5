//! `sunward cache list|prune|verify`: lists the store's content, deletes old results, and verifies
//! the data.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use sunward_core::{Digest, RunStatus};
use sunward_data::{PruneOptions, Store, give_back_reserve};
use sunward_state::{Journal, Reader, Sqlite, SqliteReader};
use sunward_worker::Host;
use sunward_worker::environments::{EnvironmentCache, forget_image};
use sunward_workflows::units::{parse_duration, parse_size};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::render::units::{bytes, count, plural};
use crate::render::{self, Page, View};
use crate::which::open;

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

/// List, prune or verify the contents of the store
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward cache list\n  sunward cache prune --older 30d --max-size 10GB\n  sunward cache prune --environments --older 90d\n  sunward cache verify"
)]
pub(crate) struct Cache {
    #[command(subcommand)]
    action: Action,
}

/// What to do with it.
#[derive(Subcommand)]
enum Action {
    /// Show how much is stored, here and in the environments that all homes share
    List,
    /// Delete the oldest results, by age, by size or both; unfinished runs keep what they need
    #[command(after_help = "Example:\n  sunward cache prune --older 30d --max-size 10GB")]
    Prune {
        /// Delete only what was not used for this long, such as 15m, 2h or 30d
        #[arg(long, value_name = "TIME")]
        older: Option<String>,
        /// Delete only until this much is left, such as 512MiB or 10GB
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// Delete environments (Python, conda, images of containers) instead of results: those not used
        /// for the time of `--older`, or all
        #[arg(long, conflicts_with = "max_size")]
        environments: bool,
    },
    /// Read all stored data and compare it with its digests
    Verify,
}

/// The answer of `list`.
#[derive(Serialize)]
struct Listed {
    results: u64,
    parts: u64,
    part_bytes: u64,
    joined: u64,
    joined_bytes: u64,
    path: String,
    /// Environments that all homes share.
    environments: Vec<EnvironmentView>,
    environment_bytes: u64,
    environment_path: String,
}

/// One environment, or a folder of downloads.
#[derive(Serialize)]
struct EnvironmentView {
    name: String,
    bytes: u64,
    /// Days since it was last used.
    unused_days: u64,
}

impl View for Listed {
    fn page(&self, page: &mut Page) {
        page.line(format!(
            "{} known, {} in {} of {}",
            plural(self.results, "result"),
            bytes(self.part_bytes),
            plural(self.parts, "part"),
            self.path
        ));
        if self.joined > 0 {
            page.line(format!(
                "{} joined for commands, {}; they can be made again",
                plural(self.joined, "file"),
                bytes(self.joined_bytes)
            ));
        }
        if self.environments.is_empty() {
            return;
        }
        page.line(format!(
            "{} for all homes, {} in {}:",
            plural(count_of(&self.environments), "environment"),
            bytes(self.environment_bytes),
            self.environment_path
        ));
        for one in &self.environments {
            page.line(format!(
                "  {}  {}, last used {}",
                one.name,
                bytes(one.bytes),
                match one.unused_days {
                    0 => "within a day".to_owned(),
                    days => format!("{} ago", plural(days, "day")),
                }
            ));
        }
    }
}

fn count_of<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

/// The answer of `prune --environments`.
#[derive(Serialize)]
struct FreedView {
    environments: u64,
    bytes: u64,
    in_use: u64,
}

impl View for FreedView {
    fn page(&self, page: &mut Page) {
        page.line(format!(
            "deleted {}, {} in all; they are built again when needed",
            plural(self.environments, "environment"),
            bytes(self.bytes)
        ));
        if self.in_use > 0 {
            page.line(format!(
                "{} in use and stayed",
                match self.in_use {
                    1 => "1 is".to_owned(),
                    several => format!("{} are", count(several)),
                }
            ));
        }
    }
}

/// The answer of `prune`: what was deleted.
#[derive(Serialize)]
struct PrunedView {
    parts: u64,
    joined: u64,
    bytes: u64,
    results_forgotten: u64,
}

impl View for PrunedView {
    fn page(&self, page: &mut Page) {
        page.line(format!(
            "deleted {} and {} joined for commands, {} in all; {} will run again when needed",
            plural(self.parts, "part"),
            plural(self.joined, "file"),
            bytes(self.bytes),
            plural(self.results_forgotten, "result")
        ));
    }
}

/// The answer of `verify`: what was damaged.
#[derive(Serialize)]
struct Verified {
    parts: u64,
    damaged: Vec<DamagedView>,
    joined: u64,
    /// Joined files and folders that differed from their parts. Each was made again, or deleted.
    repaired: Vec<RepairedView>,
}

/// One joined file or folder that was repaired.
#[derive(Serialize)]
struct RepairedView {
    path: String,
    why: String,
    made_again: bool,
}

/// One damaged part.
#[derive(Serialize)]
struct DamagedView {
    digest: String,
    path: String,
    why: String,
}

impl View for Verified {
    fn page(&self, page: &mut Page) {
        for part in &self.damaged {
            page.line(format!(
                "{}: {}: {}",
                page.style.bad("damaged"),
                part.path,
                part.why
            ));
        }
        for view in &self.repaired {
            let done = if view.made_again {
                "it was made again from its parts"
            } else {
                "it was deleted, and is made again when it is needed"
            };
            page.line(format!(
                "{}: {}: {}; {done}",
                page.style.warn("repaired"),
                view.path,
                view.why
            ));
        }
        let verdict = if self.damaged.is_empty() {
            "all are intact".to_owned()
        } else {
            format!(
                "{} damaged; delete them, and the tasks that made them run again",
                count(u64::try_from(self.damaged.len()).unwrap_or(0))
            )
        };
        page.line(format!(
            "{} read, {} joined compared: {verdict}",
            plural(self.parts, "part"),
            plural(self.joined, "file")
        ));
    }
}

impl Cache {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let home = context.home_nearest()?;
        match &self.action {
            Action::List => list(context, &home),
            Action::Prune {
                older,
                environments: true,
                ..
            } => prune_environments(context, &home, older.as_deref()),
            Action::Prune {
                older, max_size, ..
            } => prune(context, &home, older.as_deref(), max_size.as_deref()),
            Action::Verify => verify(context, &home),
        }
    }
}

fn list(context: &Context, home: &Path) -> anyhow::Result<Exit> {
    let reader = open(home)?;
    let mut results = 0;
    reader.each_result(&mut |_, _, _| results += 1)?;
    let store = Store::look(home);
    let usage = store.usage()?;
    let cache = EnvironmentCache::of(&Host::of_this_process(), home);
    let environments: Vec<EnvironmentView> = cache
        .list()
        .with_context(|| format!("{} cannot be read", sunward_files::shown(cache.folder())))?
        .into_iter()
        .map(|one| EnvironmentView {
            unused_days: one.used.elapsed().unwrap_or_default().as_secs() / DAY_SECONDS,
            name: one.name,
            bytes: one.bytes,
        })
        .collect();
    let view = Listed {
        environment_bytes: environments.iter().map(|one| one.bytes).sum(),
        environment_path: sunward_files::as_value(cache.folder()),
        environments,
        results,
        parts: usage.parts,
        part_bytes: usage.part_bytes,
        joined: usage.joined,
        joined_bytes: usage.joined_bytes,
        path: sunward_files::as_value(store.root()),
    };
    render::answer(context, &view)?;
    Ok(Exit::Done)
}

/// Deletes environments that all homes share.
fn prune_environments(context: &Context, home: &Path, older: Option<&str>) -> anyhow::Result<Exit> {
    let older = older.map(duration).transpose()?;
    let host = Host::of_this_process();
    let cache = EnvironmentCache::of(&host, home);
    let freed = cache
        .prune(older, |folder| forget_image(folder, &host))
        .with_context(|| format!("{} cannot be read", sunward_files::shown(cache.folder())))?;
    let view = FreedView {
        environments: freed.environments,
        bytes: freed.bytes,
        in_use: freed.in_use,
    };
    render::answer(context, &view)?;
    Ok(Exit::Done)
}

fn duration(text: &str) -> anyhow::Result<Duration> {
    parse_duration(text)
        .map(Duration::from_millis)
        .map_err(|why| wrong_input(format!("--older {text}: expected {why}")))
}

fn prune(
    context: &Context,
    home: &Path,
    older: Option<&str>,
    max_size: Option<&str>,
) -> anyhow::Result<Exit> {
    if older.is_none() && max_size.is_none() {
        return Err(wrong_input(
            "give `--older TIME`, `--max-size SIZE`, or both: `sunward cache prune --older 30d`",
        ));
    }
    let older = older.map(duration).transpose()?;
    let max_bytes = max_size
        .map(|text| {
            parse_size(text)
                .map_err(|why| wrong_input(format!("--max-size {text}: expected {why}")))
        })
        .transpose()?;
    // The disk may be full, and the journal needs some space before anything can be deleted.
    give_back_reserve(home);
    open(home)?;
    // Opens the state as its engine, so that no run is in progress. A run must not lose what it is
    // about to read.
    let mut journal = Sqlite::open_on_full_disk(home)?;
    let store = Store::open(home, None)?;
    let keep = kept(&journal)?;
    let pruned = store.prune(&PruneOptions {
        older,
        max_bytes,
        keep,
        // No engine is running, so no new part waits for its journal entry.
        grace: Some(Duration::ZERO),
    })?;
    let mut gone: Vec<Digest> = Vec::new();
    let mut fault = None;
    journal.each_result(&mut |key, result, _| {
        let whole = result.ports.iter().try_fold(true, |whole, dataset| {
            store.is_available(dataset).map(|there| whole && there)
        });
        match whole {
            Ok(true) => {}
            Ok(false) => gone.push(key),
            Err(error) => fault = Some(error),
        }
    })?;
    if let Some(error) = fault {
        return Err(error.into());
    }
    journal.forget_results(&gone)?;
    if pruned.parts > 0 {
        journal.forget_memory()?;
    }
    let view = PrunedView {
        parts: pruned.parts,
        joined: pruned.joined,
        bytes: pruned.bytes,
        results_forgotten: u64::try_from(gone.len()).unwrap_or(0),
    };
    render::answer(context, &view)?;
    Ok(Exit::Done)
}

/// The parts of results and inputs of unfinished runs, which must be kept.
fn kept(journal: &Sqlite) -> anyhow::Result<BTreeSet<Digest>> {
    let mut keep = BTreeSet::new();
    for row in journal.runs()? {
        match row.status {
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => continue,
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => {}
        }
        let state = journal.load_run(row.run)?;
        let Some(run) = state.run(row.run) else {
            continue;
        };
        for stage in run.stages() {
            let count = stage.task_count().unwrap_or(0);
            let results = (0..count).filter_map(|index| stage.result(index));
            let datasets = results.flat_map(|result| result.ports);
            for dataset in datasets.chain(stage.inputs().iter().cloned()) {
                keep.extend(dataset.stored().map(|part| part.digest));
            }
        }
    }
    Ok(keep)
}

fn verify(context: &Context, home: &Path) -> anyhow::Result<Exit> {
    let _: SqliteReader = open(home)?;
    let store = Store::look(home);
    let damaged = store.verify()?;
    let repaired = store.verify_joined()?;
    let usage = store.usage()?;
    let view = Verified {
        parts: usage.parts,
        joined: usage.joined,
        repaired: repaired
            .into_iter()
            .map(|view| RepairedView {
                path: sunward_files::as_value(&view.path),
                why: view.why,
                made_again: view.made_again,
            })
            .collect(),
        damaged: damaged
            .iter()
            .map(|part| DamagedView {
                digest: part.digest.to_hex(),
                path: sunward_files::as_value(&part.path),
                why: part.why.clone(),
            })
            .collect(),
    };
    render::answer(context, &view)?;
    Ok(if view.damaged.is_empty() {
        Exit::Done
    } else {
        Exit::Infrastructure
    })
}
