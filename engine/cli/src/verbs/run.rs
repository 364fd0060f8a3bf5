//! `sunward run FILE`: continues an unfinished run, or starts a new one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use sunward_core::{EarlierStages, RunSpec, RunState, TaskStatus, preview};
use sunward_drive::Start;
use sunward_state::{Reader, SqliteReader, StateError, digest_params};
use sunward_worker::Host;

use crate::changes::changed_inputs;
use crate::conduct::{Means, OpenHome, conduct};
use crate::context::Context;
use crate::everywhere::Everywhere;
use crate::exit::{Exit, wrong_input};
use crate::feeds::Feeds;
use crate::foresight::Foresight;
use crate::grid_args::{Over, go_on};
use crate::home;
use crate::leash;
use crate::machine::{Machine, now};
use crate::params::ParamArgs;
use crate::placing::{Foreknown, Placing, refused};
use crate::prepare::{SelectionArgs, prepare};
use crate::render;
use crate::render::style::harmless;
use crate::render::units::plural;
use crate::settings::Settings;

/// Run a workflow, or continue an interrupted run of it
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward run workflow.yaml\n  sunward run workflow.yaml -p steps=500 --out results --format csv\n\n\
        An interrupted run is continued, unless the workflow or its parameters changed; finished \
        results come from the cache. Ctrl-C stops the run cleanly, and a second Ctrl-C stops it at once. It can be \
        resumed either way."
)]
pub(crate) struct Run {
    /// The workflow
    file: PathBuf,
    #[command(flatten)]
    params: ParamArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Start a new run, even if an unfinished one could be continued
    #[arg(long)]
    fresh: bool,
    /// Stop when standard input ends (`sunward test` starts its runs so)
    #[arg(long, hide = true)]
    leashed: bool,
    #[command(flatten)]
    means: Means,
}

impl Run {
    /// What is wrong with arguments of `sunward run`, in one line. `None` if nothing is.
    pub(crate) fn refused_arguments(words: impl Iterator<Item = OsString>) -> Option<String> {
        let command = clap::Command::new("run").no_binary_name(true);
        let command = Everywhere::augment_args(Self::augment_args(command));
        let told = command.try_get_matches_from(words).err()?.to_string();
        let first = told.lines().next().unwrap_or_default();
        Some(first.trim_start_matches("error: ").to_owned())
    }

    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        if self.leashed {
            leash::hold()?;
        }
        let machine = Machine::find(self.means.jobs);
        let (params, device) = (&self.params, self.means.device);
        let mut prepared = prepare(
            context,
            &self.file,
            params,
            &self.selection,
            machine,
            device,
        )?;
        let home = context.home_beside(&prepared.path)?;
        let params_file = params.file(context);
        let (means, spec) = (&self.means, &prepared.spec);
        means.refuse_overwriting(context, spec, &home, params_file.as_deref())?;
        let settings = Settings::read(context.settings.as_deref())?;
        let (grid, wishes) = (&self.means.grid, self.means.wishes);
        refused::other_region(grid.zone(&settings).as_deref(), &prepared.spec)?;
        prepared.spec = Arc::new(grid.placed(context, &settings, &prepared.spec, wishes)?);
        let machine = prepared.machine.drawing(&settings);
        let over = Over::Here(machine);
        let feeds = grid.feeds_of(context, &settings, over, &prepared.spec)?;
        legible(&home)?;
        let host = Host::of_this_process();
        prepared.find_secrets(&host)?;
        prepared.find_shells(&host)?;
        foresee(feeds.as_ref(), machine, &home, &prepared.spec)?;
        home::expect_open_files(machine.cpus)?;
        // Nothing is created before this line.
        home::create(&home, &settings)?;
        let prepared = prepared.lock(&home, &host)?;
        let opened = OpenHome::open(&home, &self.means, prepared.files)?;
        let (start, feeds) = if self.fresh {
            (Start::Submit(prepared.spec), feeds)
        } else {
            choose(&home, &opened, prepared.spec, feeds)?
        };
        conduct(context, &home, &self.means, machine, opened, start, feeds)
    }
}

/// Checks that the state can be read, so that a state of another version is reported before
/// anything is created.
fn legible(home: &Path) -> Result<(), StateError> {
    match SqliteReader::open(home) {
        Ok(_) | Err(StateError::Absent { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Refuses a plan that exceeds its budget, before anything is created. Warns about a deadline that
/// it would miss.
fn foresee(
    feeds: Option<&Feeds>,
    machine: Machine,
    home: &Path,
    spec: &Arc<RunSpec>,
) -> anyhow::Result<()> {
    let (budget, place) = (&spec.workflow.budget, &spec.workflow.place);
    let has_budget = budget.gco2e.is_some() || budget.kwh.is_some();
    let mut stages = spec.workflow.stages.values();
    let has_deadline =
        place.deadline_ms.is_some() || stages.any(|stage| stage.place.deadline_ms.is_some());
    if !has_budget && !has_deadline {
        return Ok(());
    }
    let mut foresight = Foresight::open(home, Arc::clone(spec))?;
    let previews = preview(spec, &mut foresight, &EarlierStages::default());
    foresight.check()?;
    let history = foresight.history()?;
    let foreknown = Foreknown {
        previews: &previews,
        history: &history,
        // The run itself follows what is asked, and this is told when it begins.
        curtailments: Arc::default(),
    };
    let placing = if let Some(feeds) = feeds {
        let at = feeds.moment();
        let outlook = feeds.outlook(at);
        let fleet = Arc::clone(&feeds.fleet);
        Placing::ahead(spec, foreknown, fleet, Arc::new(outlook), at)?
    } else {
        if budget.gco2e.is_some() {
            render::say(
                "budget.gco2e: no grid was given, so this budget is not enforced; give --grid",
            );
        }
        let open = (machine.gpus.unwrap_or(0), machine.cpus);
        Placing::without_grid(spec, foreknown, open, now())?
    };
    if let Some(over) = placing.overrun(budget) {
        return Err(wrong_input(format!(
            "the plan is over the workflow's budget: {over}; allow a larger `budget` or a later `deadline`, or give it less work (`sunward plan` shows where the stages go)"
        )));
    }
    if let Some(late) = placing.late() {
        render::say(&harmless(&late.text));
    }
    Ok(())
}

/// Continues the newest unfinished run with the same file, parameters and meaning, if its data has
/// not changed. Otherwise starts a new run.
fn choose(
    home: &Path,
    opened: &OpenHome,
    mut spec: Arc<RunSpec>,
    feeds: Option<Feeds>,
) -> anyhow::Result<(Start, Option<Feeds>)> {
    let journal = &opened.journal;
    let unfinished = journal.unfinished(&spec.path, digest_params(&spec.params)?)?;
    let newest = unfinished.first().map(|row| row.run);
    // Once another run of the file has followed, this is no news.
    let last = journal.newest_run()?;
    let is_news = last.is_none_or(|last| last.path != spec.path || Some(last.run) <= newest);
    let mut changed_files = Vec::new();
    for row in unfinished {
        let state = journal.load_run(row.run)?;
        let Some(run) = state.run(row.run) else {
            continue;
        };
        if run.spec.plan.same_meaning(&spec.plan) {
            let changed = changed_inputs(home, run, &spec, &opened.resolver)?;
            if !changed.is_empty() {
                changed_files.push((row.run, changed));
                continue;
            }
            render::say(&format!("continuing {}: {}", row.run, done(run)));
            let feeds = feeds.map(|feeds| feeds.not_before(run)).transpose()?;
            go_on(Arc::make_mut(&mut spec), run);
            return Ok((Start::Resume { run: row.run, spec }, feeds));
        }
    }
    if !is_news {
        return Ok((Start::Submit(spec), feeds));
    }
    if let Some((run, lines)) = changed_files.first() {
        lines.iter().for_each(|line| render::say(line));
        render::say(&format!(
            "{run} has read other versions of these files, and a run reads only one version of a file: this is a new run, which uses cached results that are still valid"
        ));
    } else if let Some(newest) = newest {
        render::say(&format!(
            "the workflow has changed since {newest} stopped: this is a new run, which can use its results"
        ));
    }
    Ok((Start::Submit(spec), feeds))
}

/// How much of a run is done, as in `512 tasks and 2 of 3 stages are done`.
fn done(run: &RunState) -> String {
    let (mut tasks, mut stages, mut ended) = (0_u64, 0_u64, 0_u64);
    for stage in run.stages() {
        let counts = stage.counts();
        tasks += u64::from(counts.of(TaskStatus::Succeeded) + counts.of(TaskStatus::Cached));
        stages += 1;
        ended += u64::from(stage.end().is_some());
    }
    format!(
        "{} and {ended} of {stages} stages are done",
        plural(tasks, "task")
    )
}
