//! What a verb is told of grids, and what is known of them: the one place where traces, the user's
//! settings and the fleet come together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use sunward_core::place::{Outlook, PoolOutlook};
use sunward_core::{Fleet, Pool, RunSpec, Timestamp};
use sunward_drive::Sky;
use sunward_grid::provider::ChainError;
use sunward_grid::{Almanac, Calendar, Foresight, Grid, Trace, knows_timezone, pool_of, whole};
use sunward_workflows::{PoolSpec, Severity, check_fleet, render_human};

use crate::context::Context;
use crate::exit::{Exit, SaidAlready, wrong_input};
use crate::machine::{Machine, now, shown};
use crate::providers::{Providers, nobody_tells};
use crate::render;
use crate::settings::Settings;

/// Length of a slot, in milliseconds: quarters of an hour, as markets settle.
pub(crate) const SLOT_MS: u64 = 900_000;

/// How far ahead one looks at least, in milliseconds: two days, as providers' forecasts reach.
const AHEAD_MS: u64 = 48 * 3_600_000;

/// How far ahead one looks at most: two weeks, beyond which a forecast is a season's mean.
const AHEAD_LIMIT_MS: u64 = 14 * 24 * 3_600_000;

/// Where signals come from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GridArgs {
    /// Grids: a folder of recorded ones, ZONE.csv each; or providers, several by comma:
    /// electricity-maps, watttime, uk, carbon-aware-sdk, entsoe, eia [default: `grid` of the user's
    /// settings]
    #[arg(long, value_name = "DIR|PROVIDER")]
    pub(crate) grid: Option<String>,
    /// The zone this machine is in, as Electricity Maps names it: DE [default: `zone` of the settings]
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
    /// Take a recorded grid as it was known at this moment: 2023-03-01T08:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// Energy of moving a gigabyte between regions, in kWh [default: 0.002]
    #[arg(long, value_name = "KWH")]
    pub(crate) transfer_kwh_per_gb: Option<f64>,
}

/// What is known of grids and pools.
#[derive(Clone, Debug)]
pub(crate) struct Skies {
    /// The pools.
    pub(crate) fleet: Arc<Fleet>,
    open: Vec<Open>,
    /// The zones' records.
    pub(crate) grid: Arc<Grid>,
    almanac: Almanac,
    /// Who is asked anew at each look; `None` when the grid is a recorded one.
    live: Option<Live>,
    /// The moment that was asked for, where one was.
    pub(crate) as_of: Option<Timestamp>,
    /// How far ahead a run that is driven under it has to look, in milliseconds.
    pub(crate) ahead_ms: u64,
}

/// Providers and the zones that they are asked about.
#[derive(Clone, Debug)]
struct Live {
    providers: Arc<Providers>,
    zones: Vec<String>,
}

/// What of a pool is open.
#[derive(Clone, Debug)]
enum Open {
    /// The same at any time: this machine.
    Always { gpus: u32, cpus: u32 },
    /// By a host's windows.
    Windows(Calendar),
}

impl GridArgs {
    /// Whether anybody named a grid.
    pub(crate) fn is_given(&self, settings: &Settings) -> bool {
        self.grid.is_some() || settings.grid.is_some()
    }

    /// The zone of this machine.
    fn zone(&self, settings: &Settings) -> Option<String> {
        self.zone.clone().or_else(|| settings.zone.clone())
    }

    /// Energy of moving a gigabyte, in milliwatt hours.
    ///
    /// # Errors
    /// When it is no such figure.
    pub(crate) fn transfer_milliwatt_hours(&self, settings: &Settings) -> anyhow::Result<u64> {
        match self.transfer_kwh_per_gb.or(settings.transfer_kwh_per_gb) {
            None => Ok(2000),
            Some(kwh) if kwh.is_finite() && (0.0..1000.0).contains(&kwh) => Ok(whole(kwh * 1e6)),
            Some(kwh) => Err(wrong_input(format!(
                "--transfer-kwh-per-gb {kwh}: expected a number from 0 to 1000, as 0.002"
            ))),
        }
    }

    /// The spec as this caller wants it placed.
    ///
    /// # Errors
    /// When a figure is wrong.
    pub(crate) fn placed(
        &self,
        settings: &Settings,
        spec: &RunSpec,
        at_once: bool,
    ) -> anyhow::Result<Arc<RunSpec>> {
        let mut spec = spec.clone();
        spec.placing.at_once = at_once;
        spec.placing.home = settings.home.clone().or_else(|| self.zone(settings));
        spec.placing.transfer_milliwatt_hours_per_gb = self.transfer_milliwatt_hours(settings)?;
        if let Some(project) = &settings.project {
            spec.placing.project.clone_from(project);
        }
        Ok(Arc::new(spec))
    }

    /// The skies over this machine alone.
    ///
    /// # Errors
    /// When no grid or zone is named, or they cannot be read.
    pub(crate) fn over_here(
        &self,
        context: &Context,
        settings: &Settings,
        machine: Machine,
    ) -> anyhow::Result<Skies> {
        let zone = self.zone(settings).ok_or_else(|| {
            wrong_input(
                "in which grid zone is this machine? Give --zone (as DE or US-CAL-CISO), or `zone:` in the user's settings",
            )
        })?;
        let pool = Pool {
            name: "here".to_owned(),
            region: zone.clone(),
            zone: zone.clone(),
            pue_permille: thousandths(settings.pue.unwrap_or(1.0)),
            ..Pool::default()
        };
        let open = Open::Always {
            gpus: machine.gpus,
            cpus: machine.cpus,
        };
        self.skies(context, settings, vec![pool], vec![open], &[zone])
    }

    /// The skies over a fleet.
    ///
    /// # Errors
    /// When the fleet has mistakes, or a zone of it is not known.
    pub(crate) fn over_fleet(
        &self,
        context: &Context,
        settings: &Settings,
        file: &Path,
    ) -> anyhow::Result<Skies> {
        let specs = read_fleet(context, file)?;
        let zones: Vec<String> = specs.iter().map(|spec| spec.zone.clone()).collect();
        let open = specs.iter().map(|spec| Open::Windows(Calendar::of(spec)));
        self.skies(
            context,
            settings,
            specs.iter().map(pool_of).collect(),
            open.collect(),
            &zones,
        )
    }

    /// Every zone that there is, without any pool; of a provider, those that are named, or this
    /// machine's.
    ///
    /// # Errors
    /// When no grid is named, or it cannot be read.
    pub(crate) fn over_all(
        &self,
        context: &Context,
        settings: &Settings,
        named: &[String],
    ) -> anyhow::Result<Skies> {
        let recorded = self
            .word(settings)
            .is_ok_and(|word| context.folder.join(word).is_dir());
        let zones = match (recorded, named) {
            (true, _) => Vec::new(),
            (false, []) => self.zone(settings).into_iter().collect(),
            (false, named) => named.to_vec(),
        };
        self.skies(context, settings, Vec::new(), Vec::new(), &zones)
    }

    /// What names the grid.
    fn word<'a>(&'a self, settings: &'a Settings) -> anyhow::Result<&'a str> {
        let word = self.grid.as_deref().or(settings.grid.as_deref());
        word.ok_or_else(|| {
            wrong_input("no grid is known: give --grid DIR, a folder of <zone>.csv files, or a provider as --grid uk, or `grid:` in the user's settings")
        })
    }

    fn skies(
        &self,
        context: &Context,
        settings: &Settings,
        pools: Vec<Pool>,
        open: Vec<Open>,
        zones: &[String],
    ) -> anyhow::Result<Skies> {
        let word = self.word(settings)?;
        let folder = context.folder.join(word);
        let mut wanted = zones.to_vec();
        wanted.sort();
        wanted.dedup();
        let as_of = self.as_of.as_deref().map(moment).transpose()?;
        let mut skies = Skies {
            fleet: Arc::new(Fleet { pools }),
            open,
            almanac: Almanac::new(Arc::default(), Foresight::Past, SLOT_MS),
            grid: Arc::default(),
            live: None,
            ahead_ms: AHEAD_MS,
            as_of,
        };
        if folder.is_dir() {
            let grid = Grid::open(&folder, (!wanted.is_empty()).then_some(wanted.as_slice()))
                .map_err(|error| wrong_input(error.to_string()))?;
            skies.grid = Arc::new(grid);
            skies.almanac = Almanac::new(Arc::clone(&skies.grid), Foresight::Past, SLOT_MS);
        } else {
            let providers = Providers::named(context, settings, word, true)?;
            if wanted.is_empty() {
                return Err(wrong_input(format!(
                    "of which zone is {word} to tell? Name it, as GB or DE, or give --zone"
                )));
            }
            skies.live = Some(Live {
                providers: Arc::new(providers),
                zones: wanted,
            });
            let at = skies.moment();
            skies.ask(at).map_err(|error| nobody_tells(None, &error))?;
            return Ok(skies);
        }
        skies.check(self.as_of.as_deref())?;
        Ok(skies)
    }
}

impl Skies {
    /// The moment to look at: the one asked for, else now.
    pub(crate) fn moment(&self) -> Timestamp {
        self.as_of.unwrap_or_else(now)
    }

    /// Asks providers for what is known at a moment; of recorded grids everything is known already.
    fn ask(&mut self, at: Timestamp) -> Result<(), ChainError> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let known = live.providers.known(&live.zones, at)?;
        self.grid = Arc::new(known.grid);
        let almanac = Almanac::new(Arc::clone(&self.grid), Foresight::Past, SLOT_MS);
        self.almanac = almanac.with_told(known.told);
        Ok(())
    }

    /// A moment that no trace reaches is refused, with the time that they span.
    fn check(&self, asked: Option<&str>) -> anyhow::Result<()> {
        let at = self.moment();
        for trace in self.grid.zones.values() {
            let day_ms = 24 * 3_600_000;
            let late_ms = if asked.is_some() { 0 } else { 7 * day_ms };
            if at < trace.first.after_ms(day_ms) || at > trace.end().after_ms(late_ms) {
                return Err(wrong_input(outside(trace, at, asked)));
            }
        }
        Ok(())
    }

    /// What is known at a moment, so far ahead.
    ///
    /// # Errors
    /// When nothing is known of a zone then.
    pub(crate) fn outlook(&self, at: Timestamp, ahead_ms: u64) -> Result<Outlook, String> {
        let ahead_ms = ahead_ms.clamp(AHEAD_MS, AHEAD_LIMIT_MS);
        let slots = ahead_ms.div_ceil(SLOT_MS) + 1;
        let first = at.0 / SLOT_MS;
        let moments = || (first..first + slots).map(|slot| Timestamp(slot * SLOT_MS));
        let mut pools: Vec<PoolOutlook> = self
            .open
            .iter()
            .map(|open| {
                let (gpus, cpus) = moments().map(|moment| open.at(moment)).unzip();
                PoolOutlook { gpus, cpus }
            })
            .collect();
        if pools.is_empty() {
            let nothing: Vec<u32> = moments().map(|_| 0).collect();
            pools.push(PoolOutlook {
                cpus: nothing.clone(),
                gpus: nothing,
            });
        }
        self.almanac.outlook(at, pools)
    }
}

impl Sky for Skies {
    fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet)
    }

    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String> {
        self.ask(now).map_err(|error| error.to_string())?;
        self.outlook(now, self.ahead_ms).map(Arc::new)
    }

    /// When the next hour begins: then another one has ended and is known.
    fn next_look(&self, now: Timestamp) -> Timestamp {
        let hour_ms = 3_600_000;
        Timestamp((now.0 / hour_ms + 1).saturating_mul(hour_ms))
    }
}

impl Open {
    fn at(&self, moment: Timestamp) -> (u32, u32) {
        match self {
            Self::Always { gpus, cpus } => (*gpus, *cpus),
            Self::Windows(calendar) => {
                let open = calendar.at(moment);
                (open.gpus, open.cpus)
            }
        }
    }
}

fn outside(trace: &Trace, at: Timestamp, asked: Option<&str>) -> String {
    let span = format!(
        "the trace of {} spans {} to {}",
        trace.zone,
        shown(trace.first),
        shown(trace.end())
    );
    match asked {
        Some(word) => format!(
            "--as-of {word}: {span}, and a forecast needs a day of it; name a moment within it"
        ),
        None => format!(
            "{span}, which tells nothing of {}; give --as-of with a moment within it",
            shown(at)
        ),
    }
}

/// How far ahead a run has to look: to its deadline, and as far beyond as its longest task may take.
pub(crate) fn horizon_ms(spec: &RunSpec) -> u64 {
    let workflow = &spec.workflow;
    let own = [workflow.place.deadline_ms, workflow.place.max_delay_ms];
    let stages = workflow.stages.values().flat_map(|stage| {
        [
            stage.place.deadline_ms,
            stage.place.max_delay_ms,
            stage.expect.time_ms,
        ]
    });
    let longest = own.into_iter().chain(stages).flatten().max();
    longest.unwrap_or(0).saturating_add(AHEAD_MS / 2)
}

/// A moment as it is written.
pub(crate) fn moment(text: &str) -> anyhow::Result<Timestamp> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .and_then(|at| u64::try_from(at.as_millisecond()).ok())
        .map(Timestamp)
        .ok_or_else(|| {
            wrong_input(format!(
                "'{text}' is no moment; expected one as 2023-03-01T08:00:00Z"
            ))
        })
}

fn thousandths(value: f64) -> u32 {
    u32::try_from(whole(value * 1000.0)).unwrap_or(u32::MAX)
}

/// Reads a fleet file; every mistake in it is said.
///
/// # Errors
/// When it cannot be read, or has mistakes.
pub(crate) fn read_fleet(context: &Context, file: &Path) -> anyhow::Result<Vec<PoolSpec>> {
    let path: PathBuf = context.folder.join(file);
    let name = file.display().to_string();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| wrong_input(format!("{name} cannot be read: {error}")))?;
    let checked = check_fleet(&text, &knows_timezone);
    for found in &checked.diagnostics {
        render::say(&render_human(
            &name,
            &text,
            std::slice::from_ref(found),
            context.err_style.is_coloured(),
        ));
    }
    let wrong = |found: &sunward_workflows::Diagnostic| found.severity == Severity::Error;
    if checked.diagnostics.iter().any(wrong) {
        return Err(SaidAlready(Exit::WrongInput).into());
    }
    checked
        .pools
        .ok_or_else(|| wrong_input(format!("{name}: no pool was found")))
}
