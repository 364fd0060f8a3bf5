//! `sunward plan FILE`: what a run would do, and why; nothing runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use sunward_core::{Outlook, PlannedStage, RunId, RunSpec, StagePreview, State, WhyRan, preview};
use sunward_state::{Reader, SqliteReader, digest_params};
use sunward_workflows::{Gpus, Place};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::fleet_file::FleetFile;
use crate::foresight::Foresight;
use crate::graph::of_workflow::action;
use crate::grid_args::{GridArgs, Over};
use crate::machine::Machine;
use crate::params::ParamArgs;
use crate::placing::{Placing, PlacingView};
use crate::prepare::{SelectionArgs, prepare};
use crate::recorded::earlier;
use crate::render::table::{Table, Tone};
use crate::render::units::{bytes, count};
use crate::render::{self, Page, View};
use crate::settings::Settings;
use crate::skyline;

/// Earlier runs of the same file that are looked at, to say what changed since.
const EARLIER_RUNS: usize = 3;

/// Say what a run would do and why, without running anything
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward plan workflow.yaml\n  sunward plan workflow.yaml -p steps=500 --json\n\n\
        With a grid it also says where and when each stage would go, what that would emit, and what it would emit at \
        home and at once:\n  sunward plan workflow.yaml --grid DIR --fleet fleet.yaml --as-of 2023-03-01T08:00:00Z --picture plan.html"
)]
pub(crate) struct Plan {
    /// The workflow
    file: PathBuf,
    #[command(flatten)]
    params: ParamArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Plan as if so many cores were used [default: all]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    #[command(flatten)]
    grid: GridArgs,
    /// Plan over these pools instead of this machine [default: `fleet` of the user's settings]
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
    /// Draw where and when stages go: a page where FILE ends in .html, else SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// The plan.
#[derive(Serialize)]
struct PlanView {
    workflow: String,
    path: String,
    /// The unfinished run that `sunward run` would go on with.
    continues: Option<String>,
    cpus: u32,
    memory_bytes: u64,
    params: serde_json::Map<String, serde_json::Value>,
    stages: Vec<StagePlan>,
    /// Where and when they go, once a grid is given.
    placing: Option<PlacingView>,
    /// What a budget would be exceeded by.
    over_budget: Option<String>,
    /// What is written in the workflow or the fleet and has no effect yet.
    without_effect: Vec<String>,
}

/// One stage of it.
#[derive(Serialize)]
struct StagePlan {
    stage: String,
    action: String,
    /// How many tasks, where that is known before anything ran.
    tasks: Option<u32>,
    /// How many of them come from the cache, as far as that is known.
    from_cache: u32,
    /// `cached`, `runs`, `depends`, `skipped`, `left out`.
    outlook: &'static str,
    /// Why.
    reason: String,
    /// What changed since the newest run of the same file.
    changes: Vec<String>,
    resources: ResourcesView,
}

/// What one task of a stage gets.
#[derive(Serialize)]
struct ResourcesView {
    cpus: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus_asked: Option<u32>,
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_bytes: Option<u64>,
    /// Devices asked for; the CPU does their work here.
    gpus: Option<String>,
}

impl View for PlanView {
    fn page(&self, page: &mut Page) {
        let title = format!("plan of {}", self.workflow);
        page.line(format!(
            "{} on {} cores, {}",
            page.style.strong(&title),
            self.cpus,
            bytes(self.memory_bytes)
        ));
        if let Some(run) = &self.continues {
            page.line(format!("  sunward run goes on with {run}"));
        }
        page.gap();
        let mut table = Table::new(&["stage", "does", ">tasks", ">cached", "a task gets", "then"]);
        for stage in &self.stages {
            let tone = match stage.outlook {
                "cached" => Tone::Good,
                "skipped" | "left out" => Tone::Faint,
                _ => Tone::Plain,
            };
            table.toned([
                (stage.stage.clone(), Tone::Plain),
                (stage.action.clone(), Tone::Plain),
                (
                    stage
                        .tasks
                        .map_or_else(|| "?".to_owned(), |tasks| count(u64::from(tasks))),
                    Tone::Plain,
                ),
                (count(u64::from(stage.from_cache)), Tone::Plain),
                (stage.resources.text(), Tone::Plain),
                (stage.reason.clone(), tone),
            ]);
        }
        page.table(&table);
        let changed: Vec<_> = self
            .stages
            .iter()
            .filter(|stage| stage.outlook != "cached" && !stage.changes.is_empty())
            .collect();
        if !changed.is_empty() {
            page.heading("Changed since the last run");
        }
        for stage in changed {
            for change in &stage.changes {
                page.line(format!("  stage {}: {change}", stage.stage));
            }
        }
        if let Some(placing) = &self.placing {
            placing.page(page);
        }
        if let Some(over) = &self.over_budget {
            page.gap();
            let line = page.style.bad(over);
            page.line(line);
        }
        if !self.without_effect.is_empty() {
            page.heading("Without effect yet");
        }
        for line in &self.without_effect {
            page.line(format!("  {line}"));
        }
    }
}

impl ResourcesView {
    fn of(planned: &PlannedStage, machine: Machine) -> Self {
        let asked = &planned.stage.resources;
        Self {
            cpus: asked.cpus.min(machine.cpus),
            cpus_asked: (asked.cpus > machine.cpus).then_some(asked.cpus),
            memory_bytes: asked.memory_bytes,
            disk_bytes: asked.disk_bytes,
            gpus: (asked.gpus != Gpus::None).then(|| asked.gpus.to_string()),
        }
    }

    fn text(&self) -> String {
        let mut words = vec![match self.cpus_asked {
            Some(asked) => format!("{} of {asked} cpus", self.cpus),
            None if self.cpus == 1 => "1 cpu".to_owned(),
            None => format!("{} cpus", self.cpus),
        }];
        if let Some(memory) = self.memory_bytes {
            words.push(bytes(memory));
        }
        if let Some(disk) = self.disk_bytes {
            words.push(format!("{} of disk", bytes(disk)));
        }
        if let Some(gpus) = &self.gpus {
            words.push(format!("the CPU for {gpus} gpu"));
        }
        words.join(", ")
    }
}

impl Plan {
    /// Plans.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let machine = Machine::find(self.jobs);
        let prepared = prepare(context, &self.file, &self.params, &self.selection, machine)?;
        let home = context.home_beside(&prepared.path);
        let spec = &prepared.spec;
        let mut foresight = Foresight::open(&home, Arc::clone(spec))?;
        let history = match foresight.reader() {
            Some(reader) => earlier(reader, &spec.path, None, EARLIER_RUNS)?,
            None => State::default(),
        };
        let continues = match foresight.reader() {
            Some(reader) => continued(reader, spec)?,
            None => None,
        };
        let previews = preview(spec, &mut foresight, Some(&history));
        foresight.check()?;
        let settings = Settings::read(context.settings.as_deref())?;
        let fleet = self.fleet(context, &settings)?;
        let over = match &fleet {
            Some(fleet) => Over::Pools(&fleet.pools),
            None => Over::Here(prepared.machine),
        };
        let placing = self.placing(context, &settings, over, spec, &previews)?;
        let over_budget = placing.as_ref().and_then(|placing| {
            let over = placing.overrun(&spec.workflow.budget)?;
            Some(format!(
                "over budget: {over}; `sunward run` would refuse it"
            ))
        });
        let view = placing.as_ref().map(PlacingView::of);
        if let (Some(file), Some(view)) = (&self.picture, &view) {
            draw(context, file, &spec.workflow.name, view)?;
        }
        let stages = spec
            .plan
            .stages
            .iter()
            .zip(&previews)
            .map(|(planned, preview)| stage_plan(planned, preview, machine))
            .collect();
        let view = PlanView {
            workflow: spec.workflow.name.clone(),
            path: spec.path.clone(),
            continues: continues.map(|run| run.to_string()),
            cpus: machine.cpus,
            memory_bytes: machine.memory_bytes,
            params: spec
                .params
                .iter()
                .map(|(name, value)| (name.clone(), value.to_json()))
                .collect(),
            stages,
            without_effect: without_effect(spec, view.is_some(), fleet.as_ref()),
            placing: view,
            over_budget,
        };
        render::answer(context, &view)?;
        Ok(Exit::Done)
    }
}

impl Plan {
    /// The fleet that is planned over, if one is named and a grid is known.
    fn fleet(&self, context: &Context, settings: &Settings) -> anyhow::Result<Option<FleetFile>> {
        if !self.grid.is_given(settings) {
            if self.fleet.is_some() || self.picture.is_some() {
                return Err(wrong_input(
                    "where and when needs a grid: give --grid DIR, a folder of ZONE.csv files, or a provider as --grid uk",
                ));
            }
            return Ok(None);
        }
        let file = self.fleet.as_ref().or(settings.fleet.as_ref());
        file.map(|file| FleetFile::read(context, file)).transpose()
    }

    /// Where and when stages go, if a grid is known.
    fn placing(
        &self,
        context: &Context,
        settings: &Settings,
        over: Over<'_>,
        spec: &RunSpec,
        previews: &[StagePreview],
    ) -> anyhow::Result<Option<Placing>> {
        let spec = Arc::new(self.grid.placed(settings, spec, false)?);
        let Some(skies) = self.grid.skies_of(context, settings, over, &spec)? else {
            return Ok(None);
        };
        let at = skies.moment();
        let outlook = Arc::new(skies.outlook(at).map_err(wrong_input)?);
        Placing::ahead(&spec, previews, skies.fleet, outlook, at).map(Some)
    }
}

/// Draws where and when stages go.
fn draw(context: &Context, file: &Path, name: &str, view: &PlacingView) -> anyhow::Result<()> {
    let text = if file.extension().is_some_and(|ext| ext == "html") {
        skyline::html::render(
            &format!("Where and when {name} goes"),
            &view.skyline,
            &PlacingView::HEADINGS,
            &view.rows(),
            &[view.summary()],
        )
    } else {
        skyline::svg::render(&view.skyline)
    };
    std::fs::write(context.folder.join(file), text)
        .map_err(|error| wrong_input(format!("{} cannot be written: {error}", file.display())))
}

fn stage_plan(planned: &PlannedStage, preview: &StagePreview, machine: Machine) -> StagePlan {
    let outlook = match &preview.outlook {
        Outlook::Cached => "cached",
        Outlook::Runs(_) | Outlook::Unknown => "runs",
        Outlook::After(_) => "depends",
        Outlook::ConditionFalse | Outlook::UpstreamSkipped(_) => "skipped",
        Outlook::LeftOut => "left out",
    };
    let reason = match (&preview.outlook, preview.changes.as_slice()) {
        (Outlook::Runs(WhyRan::NotInCache), [change, ..]) => format!("runs: {change}"),
        (Outlook::Runs(WhyRan::NotInCache), []) if preview.cached > 0 => {
            "the others are in the cache".to_owned()
        }
        (outlook, _) => outlook.to_string(),
    };
    StagePlan {
        stage: preview.stage.clone(),
        action: action(&planned.stage),
        tasks: preview.tasks,
        from_cache: preview.cached,
        outlook,
        reason,
        changes: preview.changes.clone(),
        resources: ResourcesView::of(planned, machine),
    }
}

/// The unfinished run that `run` would go on with.
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

/// What the workflow and the fleet ask for that nothing acts on yet.
fn without_effect(spec: &RunSpec, placed: bool, fleet: Option<&FleetFile>) -> Vec<String> {
    let mut lines = Vec::new();
    let workflow = &spec.workflow;
    if !placed {
        place_lines("the workflow", &workflow.place, &mut lines);
        if workflow.budget.gco2e.is_some() {
            lines.push("budget.gco2e: no grid is known, so nothing is held back".to_owned());
        }
    }
    for stage in workflow.stages.values() {
        let who = format!("stage {}", stage.name);
        if !placed {
            place_lines(&who, &stage.place, &mut lines);
        }
    }
    lines.extend(
        fleet
            .into_iter()
            .flat_map(|fleet| fleet.without_effect.iter().cloned()),
    );
    lines
}

fn place_lines(who: &str, place: &Place, lines: &mut Vec<String>) {
    let Place {
        prefer,
        deadline_ms,
        max_delay_ms,
        home,
        regions,
        data_regions,
    } = place;
    let set = [
        ("prefer", !prefer.is_empty()),
        ("deadline", deadline_ms.is_some()),
        ("max_delay", max_delay_ms.is_some()),
        ("home", home.is_some()),
        ("regions", !regions.is_empty()),
        ("data_regions", !data_regions.is_empty()),
    ];
    for (name, _) in set.iter().filter(|(_, set)| *set) {
        lines.push(format!(
            "{who}: place.{name}: no grid is known, so everything runs here and at once; give --grid"
        ));
    }
}
