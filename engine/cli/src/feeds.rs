//! The forecast feeds of a run: recorded traces or providers, for the pools of a fleet.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_core::place::{Outlook, PoolOutlook, SignalKind};
use sunward_core::{Actuals, Basis, Fleet, Pool, RunSpec, RunState, Signal, Timestamp};
use sunward_drive::ForecastFeed;
use sunward_grid::provider::ChainError;
use sunward_grid::{Almanac, Calendar, Foresight, Grid, Trace};

use crate::exit::wrong_input;
use crate::machine::{now, shown};
use crate::providers::{Providers, counts_differ, nobody_tells};
use crate::render;

/// The length of a slot in milliseconds: a quarter of an hour, as in electricity markets.
pub(crate) const SLOT_MS: u64 = 900_000;

/// The least horizon in milliseconds: two days, as far as providers' forecasts reach.
const AHEAD_MS: u64 = 48 * 3_600_000;

/// The greatest horizon in milliseconds: two weeks. Beyond it, a forecast is a season's mean.
pub(crate) const AHEAD_LIMIT_MS: u64 = 14 * 24 * 3_600_000;

/// The data of grids and pools.
#[derive(Clone, Debug)]
pub(crate) struct Feeds {
    pub(crate) fleet: Arc<Fleet>,
    open: Vec<Open>,
    /// The traces of the zones.
    pub(crate) grid: Arc<Grid>,
    almanac: Almanac,
    /// The providers that are asked again at each look; `None` for a recorded grid.
    live: Option<Live>,
    /// Zones with average intensities at the last look. Marginal ones restate no ledger.
    averages: Vec<String>,
    /// Who publishes the figures of each zone, as of the last look.
    signals: Vec<Signal>,
    /// The time that `--as-of` gives.
    pub(crate) as_of: Option<Timestamp>,
    /// The horizon, in milliseconds.
    ahead_ms: u64,
}

/// Providers, and the zones for which they are asked.
#[derive(Clone, Debug)]
struct Live {
    providers: Arc<Providers>,
    zones: Vec<String>,
}

/// The capacity of a pool over time.
#[derive(Clone, Debug)]
pub(crate) enum Open {
    /// Constant, for this machine.
    Always { gpus: u32, cpus: u32 },
    /// By the pool's windows.
    Windows(Calendar),
}

impl Feeds {
    /// Feeds of pools from a recorded grid.
    ///
    /// # Errors
    /// Fails if a trace does not cover the time.
    pub(crate) fn recorded(
        grid: Grid,
        pools: Vec<(Pool, Open)>,
        as_of: Option<Timestamp>,
    ) -> anyhow::Result<Self> {
        if let Some(bases) = grid.differing_bases() {
            render::say(&counts_differ(&bases));
        }
        let feeds = Self::over(pools, grid, as_of);
        feeds.refuse(feeds.silent().next())?;
        Ok(feeds)
    }

    /// Feeds without pools, from those zones of a recorded grid that cover the time. Also returns
    /// the reasons why other zones do not.
    ///
    /// # Errors
    /// Fails if no zone covers the time.
    pub(crate) fn recorded_where_known(
        mut grid: Grid,
        as_of: Option<Timestamp>,
    ) -> anyhow::Result<(Self, BTreeMap<String, String>)> {
        let all = Self::over(Vec::new(), grid.clone(), as_of);
        let silent: BTreeMap<String, String> = all
            .silent()
            .map(|trace| (trace.zone.clone(), span(trace)))
            .collect();
        grid.zones.retain(|zone, _| !silent.contains_key(zone));
        if grid.zones.is_empty() {
            all.refuse(all.silent().next())?;
        }
        Ok((Self::over(Vec::new(), grid, as_of), silent))
    }

    /// Feeds of pools from providers.
    ///
    /// # Errors
    /// Fails if no provider answers for a zone.
    pub(crate) fn told(
        providers: Providers,
        zones: Vec<String>,
        pools: Vec<(Pool, Open)>,
        as_of: Option<Timestamp>,
    ) -> anyhow::Result<Self> {
        let mut feeds = Self::over(pools, Grid::default(), as_of);
        feeds.live = Some(Live {
            providers: Arc::new(providers),
            zones,
        });
        let at = feeds.moment();
        feeds.ask(at).map_err(|error| nobody_tells(None, &error))?;
        Ok(feeds)
    }

    fn over(pools: Vec<(Pool, Open)>, grid: Grid, as_of: Option<Timestamp>) -> Self {
        let (pools, open) = pools.into_iter().unzip();
        let recorded = grid.zones.values();
        let signals = recorded.map(|trace| Signal::recorded(&trace.zone, trace.basis));
        let signals = signals.collect();
        let grid = Arc::new(grid);
        Self {
            fleet: Arc::new(Fleet { pools }),
            open,
            almanac: Almanac::new(Arc::clone(&grid), Foresight::Past, SLOT_MS),
            grid,
            live: None,
            averages: Vec::new(),
            signals,
            as_of,
            ahead_ms: AHEAD_MS,
        }
    }

    /// Sets the horizon that a run needs.
    pub(crate) fn ahead_of(self, spec: &RunSpec) -> Self {
        Self {
            ahead_ms: horizon_ms(spec).clamp(AHEAD_MS, AHEAD_LIMIT_MS),
            ..self
        }
    }

    /// The time to look at: that of `--as-of`, else now.
    pub(crate) fn moment(&self) -> Timestamp {
        self.as_of.unwrap_or_else(now)
    }

    /// Asks the providers for the data at a time. A recorded grid is already read.
    fn ask(&mut self, at: Timestamp) -> Result<(), ChainError> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let known = live
            .providers
            .known(&live.zones, at, self.as_of.is_none())?;
        self.grid = Arc::new(known.grid);
        self.signals = known.signals;
        let almanac = Almanac::new(Arc::clone(&self.grid), Foresight::Past, SLOT_MS);
        self.almanac = almanac.with_told(known.told);
        Ok(())
    }

    /// Traces that do not cover the time. Without `--as-of`, a trace may have ended a week ago.
    fn silent(&self) -> impl Iterator<Item = &Trace> {
        let at = self.moment();
        let day_ms = 24 * 3_600_000;
        let late_ms = if self.as_of.is_some() { 0 } else { 7 * day_ms };
        self.grid
            .zones
            .values()
            .filter(move |trace| at < trace.first || at > trace.end().after_ms(late_ms))
    }

    /// Fails with a message if there is a trace that does not cover the time.
    fn refuse(&self, silent: Option<&Trace>) -> anyhow::Result<()> {
        silent.map_or(Ok(()), |trace| {
            let told = outside(trace, self.moment(), self.as_of.is_some());
            Err(wrong_input(told))
        })
    }

    /// For a run that continues: moves the time of `--as-of` to when the run last stopped, if that
    /// is later, so that the run's times never go backward.
    ///
    /// # Errors
    /// Fails if the run replays recorded time and no time is given, or if the traces do not reach
    /// that time.
    pub(crate) fn not_before(self, run: &RunState) -> anyhow::Result<Self> {
        let (id, last) = (run.id, run.last_stood_at());
        if self.as_of.is_none() && run.spec.placing.clock.is_some() {
            return Err(wrong_input(format!(
                "{id} runs in recorded time and last stopped at {}; give --as-of with a time in the record, or leave out --grid",
                shown(last)
            )));
        }
        let Some(as_of) = self.as_of.filter(|as_of| *as_of < last) else {
            return Ok(self);
        };
        if self.grid.zones.values().any(|trace| last > trace.end()) {
            return Err(wrong_input(format!(
                "--as-of {} is before {}, when {id} last stopped, and the grid's record does not reach that time, so the run's times would go backward; leave out --as-of, or start a new run with `sunward run FILE --fresh`",
                shown(as_of),
                shown(last)
            )));
        }
        Ok(Self {
            as_of: Some(last),
            ..self
        })
    }

    /// What the figures of a zone count, apart from whether they are averages.
    pub(crate) fn basis(&self, zone: &str) -> Basis {
        self.almanac.basis(zone)
    }

    /// The outlook at a time.
    pub(crate) fn outlook(&self, at: Timestamp) -> Outlook {
        let slots = self.ahead_ms.div_ceil(SLOT_MS) + 1;
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

impl ForecastFeed for Feeds {
    fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet)
    }

    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String> {
        self.ask(now).map_err(|error| error.to_string())?;
        let outlook = self.outlook(now);
        let averages = outlook.zones.iter();
        let averages = averages.filter(|zone| zone.kind == SignalKind::Average);
        self.averages = averages.map(|zone| zone.zone.clone()).collect();
        Ok(Arc::new(outlook))
    }

    fn measured(&self, since: Timestamp, now: Timestamp) -> Vec<Actuals> {
        let traces = self.averages.iter();
        let traces = traces.filter_map(|zone| self.grid.zones.get(zone));
        traces
            .filter_map(|trace| trace.measured(since, now))
            .collect()
    }

    fn signals(&self) -> Vec<Signal> {
        self.signals.clone()
    }

    /// The beginning of the next hour, because then the data of another hour is complete.
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

/// The time that a trace covers, as text.
fn span(trace: &Trace) -> String {
    format!(
        "the trace of {} covers {} to {}",
        trace.zone,
        shown(trace.first),
        shown(trace.end())
    )
}

fn outside(trace: &Trace, at: Timestamp, is_asked: bool) -> String {
    let span = span(trace);
    let at = shown(at);
    if is_asked {
        format!("--as-of {at}: {span}; give a time within it")
    } else {
        format!("{span}, which does not include {at}; give --as-of with a time within it")
    }
}

/// The horizon that a run needs: its longest deadline, delay or task, and a day more.
fn horizon_ms(spec: &RunSpec) -> u64 {
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
