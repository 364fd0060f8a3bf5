//! Grid options of verbs. With the user's settings, they lead to forecast feeds.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use clap::Args;
use sunward_core::{Fleet, Pool, RunClock, RunSpec, RunState, Standing, Timestamp, unknown_homes};
use sunward_grid::{Calendar, Grid, pool_of, whole};
use sunward_workflows::PoolSpec;

use crate::context::Context;
use crate::exit::wrong_input;
use crate::feeds::{Feeds, Open};
use crate::grid_name::GridName;
use crate::machine::{HERE, Machine, now};
use crate::providers::Providers;
use crate::render;
use crate::settings::Settings;

/// The options for the source of grid signals.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SignalArgs {
    /// Source of grid signals: a folder with a recorded grid, ZONE.csv for each zone; or providers,
    /// separated by commas, the preferred one first: electricity-maps, watttime, uk,
    /// carbon-aware-sdk, entsoe, eia, openadr [default: `grid` in your settings]
    #[arg(long, value_name = "DIR|PROVIDER")]
    pub(crate) grid: Option<String>,
    /// The grid zone of this machine, as Electricity Maps names it, such as DE [default: `zone` in
    /// your settings]
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
    /// Use a recorded grid as it was known at this time, such as 2023-03-01T08:00:00Z [default:
    /// now]
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
}

/// The signal options, and the other options for placement.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GridArgs {
    #[command(flatten)]
    signals: SignalArgs,
    /// Energy to move a gigabyte between regions, in kWh [default: `transfer_kwh_per_gb` in your
    /// settings, else 0.002]
    #[arg(long, value_name = "KWH", allow_negative_numbers = true)]
    pub(crate) transfer_kwh_per_gb: Option<f64>,
}

/// Options of `run` and `retry` for the place and time of one call.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    /// Run at once, even if the deadline allows waiting
    #[arg(long)]
    now: bool,
    /// With --as-of: speed of the clock from that time on, as a multiple of real time [default: 1]
    #[arg(long, value_name = "N", requires = "as_of")]
    clock_scale: Option<NonZeroU32>,
}

/// The pools on which a run may be placed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Over<'a> {
    /// This machine alone.
    Here(Machine),
    /// A fleet's pools.
    Pools(&'a [PoolSpec]),
}

impl GridArgs {
    /// The zone of this machine, if it is known.
    pub(crate) fn zone(&self, settings: &Settings) -> Option<String> {
        self.signals.zone(settings)
    }

    /// True if the call or the settings name a grid.
    pub(crate) fn is_given(&self, settings: &Settings) -> bool {
        self.signals.grid.is_some() || settings.grid.is_some()
    }

    /// True if the call names a time in a record.
    pub(crate) const fn is_recorded_time(&self) -> bool {
        self.signals.as_of.is_some()
    }

    /// Adds the placement options of this call to a spec.
    ///
    /// # Errors
    /// Fails if an option has an invalid value.
    pub(crate) fn placed(
        &self,
        context: &Context,
        settings: &Settings,
        spec: &RunSpec,
        wishes: Wishes,
    ) -> anyhow::Result<RunSpec> {
        let mut spec = spec.clone();
        spec.placing.at_once = wishes.now;
        let home = settings
            .home
            .clone()
            .or_else(|| self.signals.zone(settings));
        // A retried run keeps its home if this call names none.
        spec.placing.home = home.or(spec.placing.home);
        if self.is_given(settings) {
            let name = self.signals.name(context, settings)?;
            let folder = context.folder.join(name.word);
            spec.placing.grid = Some(match folder.is_dir() {
                true => path_of_grid(&folder, name)?,
                false => name.word.to_owned(),
            });
            if let Some(as_of) = self.signals.moment()? {
                let scale = wishes.clock_scale.unwrap_or(NonZeroU32::MIN);
                spec.placing.clock = Some(RunClock {
                    as_of,
                    scale,
                    began: now(),
                });
            }
        } else if self.signals.as_of.is_some() {
            return Err(wrong_input(
                "--as-of needs a recorded grid; give --grid DIR, or set `grid:` in your settings",
            ));
        }
        if let Some(kwh) = self.transfer_kwh_per_gb.or(settings.transfer_kwh_per_gb) {
            spec.placing.transfer_milliwatt_hours_per_gb = transfer_milliwatt_hours(kwh)?;
        }
        if let Some(project) = &settings.project {
            spec.placing.project.clone_from(project);
        }
        if let Some(weight) = settings.weight_permille(&spec.placing.project) {
            spec.placing.weight_permille = weight;
        }
        Ok(spec)
    }

    /// The feeds for the placement of a run, which look as far ahead as the run needs. `None` if no
    /// grid is named.
    ///
    /// # Errors
    /// Fails if this machine's zone is not given, or the data of a zone cannot be read.
    pub(crate) fn feeds_of(
        &self,
        context: &Context,
        settings: &Settings,
        over: Over<'_>,
        spec: &RunSpec,
    ) -> anyhow::Result<Option<Feeds>> {
        if !self.is_given(settings) {
            return Ok(None);
        }
        let pools = match over {
            Over::Here(machine) => {
                let here = self.signals.here(settings, machine)?;
                tell_home(&here.0, spec);
                vec![here]
            }
            Over::Pools(pools) => pools
                .iter()
                .map(|spec| (pool_of(spec), Open::Windows(Calendar::of(spec))))
                .collect(),
        };
        let zones = pools.iter().map(|(pool, _)| pool.zone.clone()).collect();
        let feeds = self.signals.feeds(context, settings, pools, zones)?;
        Ok(Some(feeds.ahead_of(spec)))
    }
}

/// Says that a home elsewhere has no effect on one machine, whose own zone is then the home.
fn tell_home(here: &Pool, spec: &RunSpec) {
    let fleet = Fleet {
        pools: vec![here.clone()],
    };
    let stated = unknown_homes(&fleet, spec);
    let of_settings = spec.placing.home.as_deref();
    let of_settings = of_settings.filter(|word| stated.is_empty() && fleet.find(word).is_none());
    for word in stated.into_iter().chain(of_settings) {
        render::say(&format!(
            "home: {word} is not the zone of this machine ({zone}), so savings are compared with running at once in {zone}; `sunward plan --fleet FILE` compares with a pool in another zone",
            zone = here.zone
        ));
    }
}

/// Sets the clock of a run that continues. It keeps its clock, unless the call gives another, and
/// the clock continues no earlier than where the run last stopped.
pub(crate) fn go_on(spec: &mut RunSpec, run: &RunState) {
    let clock = spec.placing.clock.or(run.spec.placing.clock);
    spec.placing.clock = clock.map(|clock| RunClock {
        as_of: clock.as_of.max(run.last_stood_at()),
        ..clock
    });
}

impl SignalArgs {
    /// The zone of this machine.
    fn zone(&self, settings: &Settings) -> Option<String> {
        self.zone.clone().or_else(|| settings.zone.clone())
    }

    /// The time that `--as-of` gives.
    fn moment(&self) -> anyhow::Result<Option<Timestamp>> {
        self.as_of.as_deref().map(moment).transpose()
    }

    /// This machine as a pool.
    fn here(&self, settings: &Settings, machine: Machine) -> anyhow::Result<(Pool, Open)> {
        let zone = self.zone(settings).ok_or_else(|| {
            wrong_input(
                "the grid zone of this machine is not known; give --zone, such as DE or US-CAL-CISO, or set `zone:` in your settings",
            )
        })?;
        let pool = Pool {
            name: HERE.to_owned(),
            region: zone.clone(),
            zone,
            pue_permille: thousandths(settings.pue.unwrap_or(1.0)),
            standing: Standing {
                gpus: machine.gpus.unwrap_or(0),
                cpus: machine.cpus,
            },
            ..Pool::default()
        };
        let open = Open::Always {
            gpus: pool.standing.gpus,
            cpus: pool.standing.cpus,
        };
        Ok((pool, open))
    }

    /// Feeds of the named zones, without pools. If no zone is named, a recorded grid gives all
    /// zones that cover the time, and the reasons why others do not. A provider gives this
    /// machine's zone.
    ///
    /// # Errors
    /// Fails if no grid is named, if it cannot be read, or if it has no data of a named zone.
    pub(crate) fn over_zones(
        &self,
        context: &Context,
        settings: &Settings,
        named: &[String],
    ) -> anyhow::Result<(Feeds, BTreeMap<String, String>)> {
        let folder = context.folder.join(self.name(context, settings)?.word);
        if named.is_empty() && folder.is_dir() {
            let as_of = self.moment()?;
            let grid = Grid::open(&folder, None).map_err(|error| wrong_input(error.to_string()))?;
            return Feeds::recorded_where_known(grid, as_of);
        }
        let zones = match named {
            [] => self.zone(settings).into_iter().collect(),
            named => named.to_vec(),
        };
        let feeds = self.feeds(context, settings, Vec::new(), zones)?;
        Ok((feeds, BTreeMap::new()))
    }

    /// The name of the grid.
    fn name<'a>(
        &'a self,
        context: &'a Context,
        settings: &'a Settings,
    ) -> anyhow::Result<GridName<'a>> {
        let of_call = self.grid.as_deref().map(GridName::of_call);
        let of_settings = || {
            let word = settings.grid.as_deref()?;
            Some(GridName::of_settings(word, context.settings.as_deref()))
        };
        of_call.or_else(of_settings).ok_or_else(|| {
            wrong_input("no grid was given; give --grid DIR, a folder of ZONE.csv files, or a provider such as --grid uk, or set `grid:` in your settings")
        })
    }

    /// Feeds of pools and zones.
    fn feeds(
        &self,
        context: &Context,
        settings: &Settings,
        pools: Vec<(Pool, Open)>,
        mut zones: Vec<String>,
    ) -> anyhow::Result<Feeds> {
        let name = self.name(context, settings)?;
        let folder = context.folder.join(name.word);
        zones.sort();
        zones.dedup();
        let as_of = self.moment()?;
        if folder.is_dir() {
            let grid = Grid::open(&folder, Some(&zones))
                .map_err(|error| wrong_input(error.to_string()))?;
            return Feeds::recorded(grid, pools, as_of);
        }
        let providers = Providers::named(context, settings, name, true)?;
        if zones.is_empty() {
            return Err(wrong_input(format!(
                "{} needs a zone; name one, such as GB or DE, or give --zone",
                name.word
            )));
        }
        Feeds::told(providers, zones, pools, as_of)
    }
}

/// The path of a recorded grid as the run keeps it.
fn path_of_grid(folder: &Path, name: GridName<'_>) -> anyhow::Result<String> {
    folder.to_str().map(str::to_owned).ok_or_else(|| {
        wrong_input(format!(
            "{name}: the path {} is not UTF-8, so the run cannot keep it; give the grid's folder another name, or a link with one",
            sunward_files::shown(folder)
        ))
    })
}

/// Converts the energy of moving a gigabyte from kWh to milliwatt hours.
///
/// # Errors
/// Fails if the number is out of range.
pub(crate) fn transfer_milliwatt_hours(kwh: f64) -> anyhow::Result<u64> {
    if (0.0..=1000.0).contains(&kwh) {
        return Ok(whole(kwh * 1e6));
    }
    Err(wrong_input(format!(
        "--transfer-kwh-per-gb {kwh}: expected a number from 0 to 1000, such as 0.002"
    )))
}

/// Parses a time.
///
/// # Errors
/// Fails if the text is not a time.
pub(crate) fn moment(text: &str) -> anyhow::Result<Timestamp> {
    sunward_grid::moment(text).ok_or_else(|| {
        wrong_input(format!(
            "`{text}` is not a time; expected one such as 2023-03-01T08:00:00Z"
        ))
    })
}

fn thousandths(value: f64) -> u32 {
    u32::try_from(whole(value * 1000.0)).unwrap_or(u32::MAX)
}
