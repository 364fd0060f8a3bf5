//! `sunward plan FILE`: shows what a run would do, and why. Nothing runs.

mod gpus;
mod view;
mod without_effect;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use sunward_core::{RunId, RunSpec, StagePreview, Times, preview};
use sunward_drive::{Listed, earlier_stages};
use sunward_state::{Reader, SqliteReader, digest_params};
use sunward_workflows::enclosing;

use crate::announced::Announced;
use crate::context::Context;
use crate::device::Device;
use crate::exit::{Exit, wrong_input};
use crate::fleet_file::FleetFile;
use crate::foresight::Foresight;
use crate::grid_args::{GridArgs, Over, Wishes};
use crate::machine::{Machine, now};
use crate::params::ParamArgs;
use crate::placement_chart;
use crate::placing::{Foreknown, Placing, PlacingView, refused};
use crate::prepare::{SelectionArgs, prepare};
use crate::render;
use crate::settings::Settings;
use view::{LimitView, PlanView, PoolAsked, StagePlan};

/// The number of earlier runs of the same file that are compared, to report what has changed.
const EARLIER_RUNS: usize = 3;

/// Show what a run would do and why, without running anything
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward plan workflow.yaml\n  sunward plan workflow.yaml -p steps=500 --json\n\n\
        With a grid it also shows where and when each stage would run, what that would emit, and what running at \
        home and at once would emit:\n  sunward plan workflow.yaml --grid DIR --fleet fleet.yaml --as-of 2023-03-01T08:00:00Z --picture plan.html"
)]
pub(crate) struct Plan {
    /// The workflow
    file: PathBuf,
    #[command(flatten)]
    params: ParamArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Number of cores to plan for [default: all]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    #[command(flatten)]
    grid: GridArgs,
    /// Plan over these pools instead of this machine [default: `fleet` in your settings]
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
    /// Draw where and when stages would run: HTML if FILE ends in .html, else SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

impl Plan {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let machine = Machine::find(self.jobs);
        let settings = Settings::read(context.settings.as_deref())?;
        let fleet = self.fleet(context, &settings)?;
        // With a fleet, its pools decide how many GPUs there are, not this machine.
        let gpus = if fleet.is_some() {
            Some(u32::MAX)
        } else {
            machine.gpus
        };
        let prepared = prepare(
            context,
            &self.file,
            &self.params,
            &self.selection,
            Machine { gpus, ..machine },
            Device::Auto,
        )?;
        let machine = prepared.machine;
        let home = context.home_beside(&prepared.path)?;
        let spec = &prepared.spec;
        match &fleet {
            Some(fleet) => refused::unknown_home(&fleet.pools, spec)?,
            None => refused::other_region(self.grid.zone(&settings).as_deref(), spec)?,
        }
        let Known {
            previews,
            history,
            continues,
        } = known(&home, spec, &prepared.listed)?;
        let over = match &fleet {
            Some(fleet) => Over::Pools(&fleet.pools),
            None => Over::Here(machine),
        };
        let announced = self.announced(&settings, fleet.as_ref())?;
        let foreknown = Foreknown {
            previews: &previews,
            history: &history,
            curtailments: announced.curtailments(),
        };
        let placing = self.placing(
            context,
            &settings,
            over,
            spec,
            (foreknown.clone(), &announced),
        )?;
        if let (Some(placing), Some(fleet)) = (&placing, &fleet) {
            refused::too_large(placing, &fleet.pools, spec)?;
        }
        let placed = placing.as_ref().map(PlacingView::of);
        if let (Some(file), Some(view)) = (&self.picture, &placed) {
            draw(context, file, &spec.workflow.name, view)?;
        }
        let told = match placing {
            Some(placing) => placing,
            None => {
                let open = (machine.gpus.unwrap_or(0), machine.cpus);
                Placing::without_grid(spec, foreknown, open, now())?
            }
        };
        let stages = spec.plan.stages.iter().zip(&previews);
        let params = spec.params.iter();
        let view = PlanView {
            workflow: spec.workflow.name.clone(),
            path: spec.path.clone(),
            continues: continues.map(|run| run.to_string()),
            cpus: machine.cpus,
            memory_bytes: machine.memory_bytes,
            params: params
                .filter(|(name, _)| enclosing(name).is_none())
                .map(|(name, value)| (name.clone(), value.to_json()))
                .collect(),
            stages: stages
                .map(|(planned, preview)| StagePlan::of(planned, preview, machine, over))
                .collect(),
            limits: LimitView::all(spec),
            without_effect: without_effect::lines(spec, placed.is_some(), fleet.as_ref()),
            curtailments: announced
                .named()
                .map(|(pool, one)| PoolAsked::of(pool, one))
                .collect(),
            late: told.late(),
            over_budget: over_budget(&told, spec),
            placing: placed,
        };
        let exit = if view.over_budget.is_some() {
            Exit::WrongInput
        } else {
            Exit::Done
        };
        render::answer(context, &view)?;
        Ok(exit)
    }
}

impl Plan {
    /// The fleet to plan for, if one is named and there is a grid.
    fn fleet(&self, context: &Context, settings: &Settings) -> anyhow::Result<Option<FleetFile>> {
        if !self.grid.is_given(settings) {
            if self.fleet.is_some() || self.picture.is_some() {
                return Err(wrong_input(
                    "placing stages needs a grid; give --grid DIR, a folder of ZONE.csv files, or a provider such as --grid uk",
                ));
            }
            return Ok(None);
        }
        let file = self.fleet.as_ref().or(settings.fleet.as_ref());
        file.map(|file| FleetFile::read(context, file)).transpose()
    }

    /// Where and when stages would run, if there is a grid.
    fn placing(
        &self,
        context: &Context,
        settings: &Settings,
        over: Over<'_>,
        spec: &RunSpec,
        (foreknown, announced): (Foreknown<'_>, &Announced),
    ) -> anyhow::Result<Option<Placing>> {
        let spec = Arc::new(
            self.grid
                .placed(context, settings, spec, Wishes::default())?,
        );
        let Some(feeds) = self.grid.feeds_of(context, settings, over, &spec)? else {
            return Ok(None);
        };
        let at = feeds.moment();
        let mut outlook = feeds.outlook(at);
        announced.put_into(&mut outlook);
        let outlook = Arc::new(outlook);
        Placing::ahead(&spec, foreknown, feeds.fleet, outlook, at).map(Some)
    }

    /// What grid operators have announced for the pools.
    fn announced(
        &self,
        settings: &Settings,
        fleet: Option<&FleetFile>,
    ) -> anyhow::Result<Announced> {
        let pools = fleet.map_or(&[][..], |fleet| &fleet.pools);
        match fleet {
            _ if self.grid.is_recorded_time() => Ok(Announced::of_recorded_time(settings, pools)),
            Some(_) => Announced::for_fleet(settings, pools, now()),
            None => Announced::for_here(settings, now()),
        }
    }
}

/// What is known of a run before it begins.
struct Known {
    /// The preview of each stage.
    previews: Vec<StagePreview>,
    /// How long its commands took in earlier runs.
    history: Arc<Times>,
    /// The unfinished run that `run` would continue.
    continues: Option<RunId>,
}

fn known(home: &Path, spec: &Arc<RunSpec>, listed: &Listed) -> anyhow::Result<Known> {
    let mut foresight = Foresight::open(home, Arc::clone(spec))?.knowing(listed);
    let (before, continues) = match foresight.reader() {
        Some(reader) => (
            earlier_stages(reader, spec, EARLIER_RUNS)?,
            continued(reader, spec)?,
        ),
        None => Default::default(),
    };
    let previews = preview(spec, &mut foresight, &before);
    foresight.check()?;
    Ok(Known {
        previews,
        history: foresight.history()?,
        continues,
    })
}

/// The message that the plan exceeds the budget, if it does.
fn over_budget(placing: &Placing, spec: &RunSpec) -> Option<String> {
    let over = placing.overrun(&spec.workflow.budget)?;
    Some(format!(
        "over budget: {over}; `sunward run` would refuse it"
    ))
}

/// Draws where and when stages would run, as a page or as SVG.
fn draw(context: &Context, file: &Path, name: &str, view: &PlacingView) -> anyhow::Result<()> {
    let text = if file.extension().is_some_and(|ext| ext == "html") {
        placement_chart::html::render(
            &format!("Where and when {name} goes"),
            &view.placement_chart,
            &PlacingView::HEADINGS,
            &view.rows(),
            &[view.summary()],
        )
    } else {
        placement_chart::svg::render(&view.placement_chart)
    };
    std::fs::write(context.folder.join(file), text).map_err(|error| {
        wrong_input(format!(
            "{} cannot be written: {error}",
            sunward_files::shown(file)
        ))
    })
}

/// The unfinished run that `run` would continue.
fn continued(reader: &SqliteReader, spec: &RunSpec) -> anyhow::Result<Option<RunId>> {
    for row in reader.unfinished(&spec.path, digest_params(&spec.params)?)? {
        if reader
            .load_run(row.run)?
            .run(row.run)
            .is_some_and(|run| run.spec.plan.same_meaning(&spec.plan))
        {
            return Ok(Some(row.run));
        }
    }
    Ok(None)
}
