//! Conducts one run: connects the journal, the core and a worker in this process, shows progress on
//! stderr, and prints the answer on stdout.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use sunward_core::place::Placement;
use sunward_core::{
    Blame, RunClock, RunId, RunSpec, RunState, RunStatus, StageEnd, StageId, State, Timestamp,
    WorkerId,
};
use sunward_data::{Store, Tell};
use sunward_drive::{
    Clock, Event, ForecastFeed, Limits, LocalResolver, ScaledClock, Setup, Start, SystemClock,
};
use sunward_protocol::Envelope;
use sunward_state::{FileRecord, Group, Journal as _, Reader, Sqlite, SqliteReader};
use sunward_worker::{Host, Options, Worker};
use sunward_workflows::Form;

use crate::context::Context;
use crate::demand;
use crate::device::Device;
use crate::exit::{self, Exit};
use crate::feeds::Feeds;
use crate::grid_args::{GridArgs, Wishes};
use crate::machine::{self, Machine, shown};
use crate::notify::{Notices, Notified};
use crate::out_folder;
use crate::placing::{expected, grams, reason};
use crate::recorded::Recorded;
use crate::render::progress::{Mode, Progress};
use crate::render::units::gco2e;
use crate::render::{self, style::harmless};
use crate::saved::{CacheSaved, LATEST_RUNS};
use crate::settings::Settings;
use crate::view::{of_state, outputs};
use crate::{remote, signals, which};

/// With what a run is conducted: options that `run` and `retry` share.
#[derive(Args, Clone, Debug)]
pub(crate) struct Means {
    /// Number of cores to use [default: all]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) jobs: Option<u32>,
    /// Where the library's kernels run
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    pub(crate) device: Device,
    /// Write each output of the workflow to DIR, as one file or folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Format of the tables in DIR
    #[arg(long, value_enum, requires = "out", default_value_t = Format::Arrow)]
    pub(crate) format: Format,
    /// Also keep results in this bucket, such as s3://bucket/prefix
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Send none of the messages of `notify`
    #[arg(long)]
    pub(crate) no_notify: bool,
    #[command(flatten)]
    pub(crate) grid: GridArgs,
    #[command(flatten)]
    pub(crate) wishes: Wishes,
}

/// Forms of a table in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Arrow IPC.
    Arrow,
    /// Parquet.
    Parquet,
    /// CSV with a header.
    Csv,
    /// NetCDF with CF metadata, for tables of numbers.
    Netcdf,
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        match format {
            Format::Arrow => Self::Arrow,
            Format::Parquet => Self::Parquet,
            Format::Csv => Self::Csv,
            Format::Netcdf => Self::Netcdf,
        }
    }
}

impl Means {
    /// Refuses output files that would replace files from which they are made.
    ///
    /// # Errors
    /// Fails if one would. The message names all of them.
    pub(crate) fn refuse_overwriting(
        &self,
        context: &Context,
        spec: &RunSpec,
        home: &Path,
        params: Option<&Path>,
    ) -> anyhow::Result<()> {
        let Some(out) = &self.out else { return Ok(()) };
        let out = context.folder.join(out);
        out_folder::refuse_overwriting(&out, self.format.into(), spec, home, params)
    }
}

/// The one worker of this process.
const WORKER: WorkerId = WorkerId(1);

/// The journal and store of a home, and the resolver that reads files into the store.
pub(crate) struct OpenHome {
    pub(crate) journal: Sqlite,
    pub(crate) resolver: Arc<LocalResolver>,
    store: Store,
}

impl OpenHome {
    /// Opens a home as its engine, and records the contents of files in its state. If the last
    /// engine ended uncleanly, everything in the store is verified before it is used.
    ///
    /// # Errors
    /// Fails if the journal, the store or its bucket cannot be used, for example because another
    /// engine holds the home.
    pub(crate) fn open(home: &Path, means: &Means, files: Vec<FileRecord>) -> anyhow::Result<Self> {
        let mut journal = Sqlite::open(home)?;
        if means.store.is_some() {
            remote::prepare();
        }
        let tell = Tell::new(render::say);
        let store = Store::open_telling(home, means.store.as_deref(), tell)?;
        if let Some(run) = run_cut_short(&journal)? {
            store.doubt_all()?;
            render::say(&format!(
                "the last `sunward` here stopped uncleanly, during {run}: stored data is verified before it is used"
            ));
        }
        remember(&mut journal, files)?;
        Ok(Self {
            journal,
            resolver: Arc::new(LocalResolver::new(store.clone())),
            store,
        })
    }
}

/// Records the contents of files in the state.
///
/// # Errors
/// Fails if the journal cannot be written.
fn remember(journal: &mut Sqlite, files: Vec<FileRecord>) -> anyhow::Result<()> {
    if !files.is_empty() {
        let group = Group {
            at: machine::now(),
            files,
            ..Group::default()
        };
        journal.append(&group)?;
    }
    Ok(())
}

/// Drives the run to its end, shows its progress, and prints the answer.
///
/// # Errors
/// Fails if the journal, the worker or an output cannot be used. A failed run is not an error, but
/// an exit code.
pub(crate) fn conduct(
    context: &Context,
    home: &Path,
    means: &Means,
    machine: Machine,
    opened: OpenHome,
    mut start: Start,
    feeds: Option<Feeds>,
) -> anyhow::Result<Exit> {
    let OpenHome {
        journal,
        resolver,
        store,
    } = opened;
    let begun = Instant::now();
    // The last engine may have been killed. Its tasks must not write at the same time as those of
    // this one.
    which::end_leftovers(home);
    let choice = means.device.choice()?;
    let (inbox, line) = sunward_drive::inbox();
    signals::listen(line.clone())?;
    let mut options = Options::new(
        machine.cpus,
        machine.memory_bytes,
        home.to_path_buf(),
        store.clone(),
        sunward_kernels::library(),
        Host::of_this_process(),
    );
    options.device = choice;
    options.supervisor = std::env::current_exe().ok();
    options.meters = Settings::read(context.settings.as_deref())?.meters.files();
    if let Some(watts) = machine.watts_per_core {
        options.watts_per_core = watts;
    }
    if machine.gpus.is_some() {
        options.cards = machine::cards().to_vec();
    }
    let worker = Worker::start(options, move |message| {
        line.worker(Envelope {
            worker: WORKER,
            message,
        });
    })?;
    let demand = demand::feed_of(context, &start)?;
    let setup = Setup {
        journal: Box::new(journal),
        clock: clock(&mut start),
        transport: Box::new(move |_: WorkerId, message| worker.tell(message)),
        resolver,
        feed: feeds.map(|feeds| Box::new(feeds) as Box<dyn ForecastFeed>),
        demand,
        inbox,
        limits: Limits::default(),
    };
    let mut observer = ConsoleObserver::new(context);
    let ended = sunward_drive::run(setup, start, &mut |event, state| {
        observer.told(event, state)
    })?;
    observer.finish();
    let Some(run) = ended.state.run(ended.run) else {
        anyhow::bail!("run {} ended without a state", ended.run);
    };
    let status = run.status;
    let recorded = Recorded::just_ended(ended.state, ended.run, status);
    let folder = means.out.as_ref().map(|folder| context.folder.join(folder));
    let destination = folder.as_deref().map(|folder| outputs::Destination {
        folder,
        form: means.format.into(),
    });
    let notices = match means.no_notify {
        true => Notices::none(),
        false => Notices::begin(recorded.run()?, &recorded.account()),
    };
    conclude(
        context,
        home,
        &recorded,
        &store,
        (destination, notices),
        begun,
    )
}

/// The newest run that is in progress according to the journal. Its engine is gone, because this
/// process is the engine now.
fn run_cut_short(journal: &Sqlite) -> anyhow::Result<Option<RunId>> {
    let runs = journal.runs()?;
    let mut cut_short = runs.iter().filter(|row| row.status == RunStatus::Running);
    Ok(cut_short.next_back().map(|row| row.run))
}

/// The clock of the run: the machine's, or a scaled one if the run replays recorded time. That one
/// starts now, and the run's spec says so.
fn clock(start: &mut Start) -> Box<dyn Clock> {
    let spec = match start {
        Start::Submit(spec) | Start::Resume { spec, .. } => Some(spec),
        Start::Retry { spec, .. } => spec.as_mut(),
    };
    let clock = spec.and_then(|spec| {
        let clock = spec.placing.clock.as_ref()?;
        let clock = RunClock {
            began: machine::now(),
            ..*clock
        };
        Arc::make_mut(spec).placing.clock = Some(clock);
        Some(clock)
    });
    let Some(clock) = clock else {
        return Box::new(SystemClock);
    };
    let pace = match clock.scale.get() {
        1 => String::new(),
        scale => format!(" and runs {scale} times as fast"),
    };
    render::say(&format!(
        "the clock starts at {}{pace}: times and emissions are of that time",
        shown(clock.as_of)
    ));
    Box::new(ScaledClock::of(clock))
}

/// Prints how the run ended and its outputs, and returns the exit code.
fn conclude(
    context: &Context,
    home: &Path,
    recorded: &Recorded,
    store: &Store,
    // Messages are on their way while outputs are written.
    (destination, notices): (Option<outputs::Destination<'_>>, Notices),
    begun: Instant,
) -> anyhow::Result<Exit> {
    let run = recorded.run()?;
    let outputs = outputs::of_run(run, store, destination);
    let seconds = begun.elapsed().as_secs_f64();
    let mut answer = of_state::answer(run, &recorded.account(), outputs.views, seconds);
    answer.ledger.cache_saved = saved(home, recorded);
    answer.notifications = notices.finish();
    let unsent = answer.notifications.iter().filter_map(Notified::warning);
    answer.warnings.extend(unsent);
    for warning in &answer.warnings {
        render::say(&format!("warning: {warning}"));
    }
    for stage in run.stages() {
        if stage.end() == Some(&StageEnd::Failed)
            && let Some(rejects) = stage.too_many_rejects()
        {
            render::say(&format!(
                "stage {} failed: {rejects}, which is more than its `tolerate_rejects` allows; its output of rejects names the rows",
                stage.name()
            ));
        }
    }
    for failure in &outputs.failures {
        render::complain(context.err_style, failure);
    }
    render::answer(context, &answer)?;
    Ok(match run.status {
        RunStatus::Succeeded => of_outputs(&outputs.failures),
        RunStatus::Failed if is_machines(run) => Exit::Infrastructure,
        RunStatus::Failed | RunStatus::Cancelled => Exit::RunFailed,
        RunStatus::Held => Exit::Infrastructure,
        RunStatus::Running | RunStatus::Interrupted => {
            render::say(&format!(
                "{} can be resumed: the same command continues where it stopped",
                run.id
            ));
            Exit::Interrupted
        }
    })
}

/// The exit code for outputs that could not be written: that of a failed run, or the machine's if
/// any failure is the machine's.
fn of_outputs(failures: &[anyhow::Error]) -> Exit {
    let is_machines = |error| exit::of_error(error).0 == Exit::Infrastructure;
    match failures {
        [] => Exit::Done,
        failures if failures.iter().any(is_machines) => Exit::Infrastructure,
        _ => Exit::RunFailed,
    }
}

/// True if all failures of a run were the machine's. Then the machine must be repaired, and nothing
/// in the workflow needs to change.
fn is_machines(run: &RunState) -> bool {
    let ended = run.stages().flat_map(|stage| {
        let last = stage.failures().iter().filter(|failure| failure.last);
        let tasks = last.map(|failure| &failure.failure);
        tasks.chain(stage.unresolvable())
    });
    let mut blames = ended.map(|failure| failure.kind.blame()).peekable();
    blames.peek().is_some()
        && blames.all(|blame| matches!(blame, Blame::Passing | Blame::Permanent | Blame::Lost))
}

/// The energy and emissions that cached results saved. If they cannot be computed, a message says
/// why, and the run is not affected.
fn saved(home: &Path, recorded: &Recorded) -> Option<CacheSaved> {
    let journal = SqliteReader::open(home).map_err(anyhow::Error::from);
    let saved = journal.and_then(|journal| CacheSaved::of(&journal, home, recorded, LATEST_RUNS));
    saved.unwrap_or_else(|error| {
        render::say(&format!(
            "the energy that the cache saved is not known: {error}"
        ));
        None
    })
}

/// Shows the events of a run on stderr.
struct ConsoleObserver<'a> {
    context: &'a Context,
    progress: Option<Progress>,
}

impl<'a> ConsoleObserver<'a> {
    const fn new(context: &'a Context) -> Self {
        Self {
            context,
            progress: None,
        }
    }

    fn told(&mut self, event: &Event<'_>, state: &State) {
        match event {
            Event::Began { run } => {
                if let Some(run) = state.run(*run) {
                    self.begin(run);
                }
            }
            Event::Progress => {
                let run = state.going_on().next().or_else(|| state.newest());
                self.show(state, run);
            }
            Event::Failed {
                task,
                failure,
                retry_at,
            } => {
                if let (Some(progress), Some(run)) = (&mut self.progress, state.run(task.run)) {
                    progress.announce(&of_state::moments(run));
                    progress.failure(task.stage, failure, retry_at.is_some());
                }
            }
            Event::Unresolvable { stage, failure, .. } => {
                if let Some(progress) = &mut self.progress {
                    progress.failure(*stage, failure, false);
                }
            }
            Event::Deferred {
                stage,
                until,
                placement,
            } => self.deferred(state, *stage, *until, placement),
            Event::Notice { line } => self.say(&harmless(line)),
            Event::CancelRequested { run } => self.say(&format!("{run} is being cancelled")),
            Event::Ended { run, .. } => {
                self.show(state, Some(*run));
                self.finish();
            }
            _ => {}
        }
    }

    fn begin(&mut self, run: &RunState) {
        let names = run.stages().map(|stage| stage.name().to_owned()).collect();
        let mode = if self.context.live {
            Mode::Live
        } else {
            Mode::Plain
        };
        let mut progress = Progress::new(names, mode, self.context.err_style);
        // Stages that have already ended are not reported again.
        progress.know(&of_state::moments(run));
        self.progress = Some(progress);
    }

    fn show(&mut self, state: &State, run: Option<RunId>) {
        let run = run.and_then(|run| state.run(run));
        if let (Some(progress), Some(run)) = (&mut self.progress, run) {
            progress.show(&of_state::moments(run));
        }
    }

    /// Reports until when a stage waits, and why.
    fn deferred(&self, state: &State, stage: StageId, until: Timestamp, placement: &Placement) {
        let run = state.going_on().next().and_then(|run| state.run(run));
        let Some(name) = run
            .and_then(|run| run.stage(stage))
            .map(|stage| stage.name())
        else {
            return;
        };
        let pool = placement
            .segments
            .first()
            .and_then(|first| state.fleet()?.get(first.pool));
        let place = pool.map_or_else(String::new, |pool| format!(" in {}", pool.zone));
        self.say(&format!(
            "{name}: waits until {}{place} ({}): {}, {} at home and at once; --now runs it at once",
            shown(until),
            reason(placement.why),
            expected(placement.expected_micrograms, placement.likely),
            gco2e(grams(placement.at_home_now_micrograms)),
        ));
    }

    fn say(&self, line: &str) {
        match &self.progress {
            Some(progress) => progress.line(line),
            None => render::say(line),
        }
    }

    fn finish(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.finish();
        }
    }
}
