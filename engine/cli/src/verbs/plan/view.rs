//! Shows a plan: what each stage does, how much of it is known, and why.

use std::collections::BTreeMap;

use serde::Serialize;
use sunward_core::{Curtailment, Outlook, PlannedStage, RunSpec, StagePreview, WhyRan};
use sunward_workflows::{Form, Gpus, Scatter, Slicing};

use super::gpus;
use crate::graph::of_workflow::action;
use crate::grid_args::Over;
use crate::machine::Machine;
use crate::placing::PlacingView;
use crate::render::style::harmless;
use crate::render::table::{Table, Tone};
use crate::render::units::{bytes, count};
use crate::render::{Page, View};
use crate::view::LateView;
use crate::view::demand::AskedView;

/// The answer.
#[derive(Serialize)]
pub(super) struct PlanView {
    pub(super) workflow: String,
    pub(super) path: String,
    /// The unfinished run that `sunward run` would continue.
    pub(super) continues: Option<String>,
    pub(super) cpus: u32,
    pub(super) memory_bytes: u64,
    pub(super) params: serde_json::Map<String, serde_json::Value>,
    pub(super) stages: Vec<StagePlan>,
    /// The limits of what its tasks share with all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) limits: Vec<LimitView>,
    /// Where and when the stages run, if a grid is given.
    pub(super) placing: Option<PlacingView>,
    /// What grid operators have announced for the pools, and the plan follows.
    pub(super) curtailments: Vec<PoolAsked>,
    /// The deadline that is expected to be missed, by how much, and why; `None` if none is.
    pub(super) late: Option<LateView>,
    /// A message if the plan exceeds the budget, and by how much.
    pub(super) over_budget: Option<String>,
    /// Settings of the workflow or the fleet that have no effect yet.
    pub(super) without_effect: Vec<String>,
}

/// A limit of what tasks share.
#[derive(Serialize)]
pub(super) struct LimitView {
    pub(super) name: String,
    pub(super) limit: u32,
    /// `workflow` or `settings`: whose number applies, because it is the smaller one.
    pub(super) stated_by: &'static str,
}

impl LimitView {
    /// The limits of a run.
    pub(super) fn all(spec: &RunSpec) -> Vec<Self> {
        let limits = spec.limits.iter();
        let view = |(name, limit): (&String, &u32)| Self {
            name: name.clone(),
            limit: *limit,
            stated_by: match spec.workflow.limits.get(name) == Some(limit) {
                true => "workflow",
                false => "settings",
            },
        };
        limits.map(view).collect()
    }
}

/// What is asked of a pool for a span of time.
#[derive(Serialize)]
pub(super) struct PoolAsked {
    pub(super) pool: String,
    #[serde(flatten)]
    asked: AskedView,
}

impl PoolAsked {
    pub(super) fn of(pool: &str, one: &Curtailment) -> Self {
        Self {
            pool: pool.to_owned(),
            asked: AskedView::of(one),
        }
    }
}

/// One stage of the plan.
#[derive(Serialize)]
pub(super) struct StagePlan {
    pub(super) stage: String,
    pub(super) action: String,
    /// The number of tasks, if it is known before a run.
    pub(super) tasks: Option<u32>,
    /// The number of tasks whose results come from the cache, as far as that is known.
    pub(super) from_cache: u32,
    /// `cached`, `runs`, `depends`, `skipped`, `left out`.
    pub(super) outlook: &'static str,
    /// The reason for `outlook`.
    pub(super) reason: String,
    /// What has changed since the newest run of the same file.
    pub(super) changes: Vec<String>,
    pub(super) resources: ResourcesView,
}

/// What one task of a stage gets.
#[derive(Serialize)]
pub(super) struct ResourcesView {
    pub(super) cpus: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpus_asked: Option<u32>,
    pub(super) memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disk_bytes: Option<u64>,
    /// Units of what all tasks share, by the name of the limit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) shared: BTreeMap<String, u32>,
    /// The requested devices.
    pub(super) gpus: Option<String>,
    /// Whether the devices are given. If not, the CPU does their work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gpus_given: Option<bool>,
    /// `gpus` and `gpus_given` in words.
    #[serde(skip)]
    pub(super) gpus_text: Option<String>,
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
            page.line(format!("  `sunward run` continues {run}"));
        }
        page.gap();
        let mut table = Table::new(&["stage", "does", ">tasks", ">cached", "per task", "then"]);
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
        for limit in &self.limits {
            page.line(format!(
                "  at most {} of {} at once, as your {} says",
                limit.limit,
                limit.name,
                match limit.stated_by {
                    "settings" => "settings file",
                    _ => "workflow",
                }
            ));
        }
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
        if let Some(late) = &self.late {
            page.gap();
            page.line(page.style.warn(&harmless(&late.text)));
        }
        if let Some(over) = &self.over_budget {
            page.gap();
            let line = page.style.bad(over);
            page.line(line);
        }
        if !self.without_effect.is_empty() {
            page.heading("No effect yet");
        }
        for line in &self.without_effect {
            page.line(format!("  {line}"));
        }
    }
}

impl ResourcesView {
    fn of(planned: &PlannedStage, machine: Machine, over: Over<'_>) -> Self {
        let asked = &planned.stage.resources;
        let asks = asked.gpus != Gpus::None;
        let gpus_given = asks.then(|| gpus::are_given(planned, over));
        Self {
            cpus: asked.cpus.min(machine.cpus),
            cpus_asked: (asked.cpus > machine.cpus).then_some(asked.cpus),
            memory_bytes: asked.memory_bytes,
            disk_bytes: asked.disk_bytes,
            shared: asked.shared.clone(),
            gpus: asks.then(|| asked.gpus.to_string()),
            gpus_given,
            gpus_text: gpus_given.map(|given| gpus::text(&asked.gpus, given)),
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
        words.extend(self.gpus_text.clone());
        let shared = self.shared.iter();
        words.extend(shared.map(|(name, units)| format!("{units} of {name}")));
        words.join(", ")
    }
}

impl StagePlan {
    /// The plan of one stage.
    pub(super) fn of(
        planned: &PlannedStage,
        preview: &StagePreview,
        machine: Machine,
        over: Over<'_>,
    ) -> Self {
        let outlook = match &preview.outlook {
            Outlook::Cached => "cached",
            Outlook::Runs(_) | Outlook::Unknown => "runs",
            Outlook::After(_) => "depends",
            Outlook::ConditionFalse | Outlook::UpstreamSkipped(_) => "skipped",
            Outlook::LeftOut => "left out",
            Outlook::Lacks(_) => "cannot run",
        };
        let reason = match (&preview.outlook, preview.changes.as_slice()) {
            (Outlook::Runs(WhyRan::NotInCache), _) if preview.cached > 0 => some(planned, preview),
            (Outlook::Runs(WhyRan::NotInCache), [change, ..]) => format!("runs: {change}"),
            (Outlook::After(_), _) if preview.cached > 0 => {
                let tasks = preview.tasks.unwrap_or_default();
                let new = tasks.saturating_sub(preview.cached);
                format!(
                    "{} of {}: {}",
                    count(u64::from(new)),
                    count(u64::from(tasks)),
                    preview.outlook
                )
            }
            (Outlook::Cached, _) if preview.tasks == Some(0) => "it has no tasks".to_owned(),
            (outlook, _) => outlook.to_string(),
        };
        Self {
            stage: preview.stage.clone(),
            action: action(&planned.stage),
            tasks: preview.tasks,
            from_cache: preview.cached,
            outlook,
            reason,
            changes: preview.changes.clone(),
            resources: ResourcesView::of(planned, machine, over),
        }
    }
}

/// How many tasks of a stage run, and what is new about them: `1 of 10 001: new row`.
fn some(planned: &PlannedStage, preview: &StagePreview) -> String {
    let tasks = preview.tasks.unwrap_or_default();
    let new = tasks.saturating_sub(preview.cached);
    let form = |port: &String| planned.stage.inputs.get(port).map(|input| input.form);
    let what = match &planned.stage.scatter {
        Scatter::Input { port, slicing } => match slicing {
            Slicing::Row if matches!(form(port), Some(Form::File | Form::Files)) => "file",
            Slicing::Row => "row",
            Slicing::Rows(_) | Slicing::Parts => "slice",
            Slicing::By(_) => "group",
        },
        Scatter::Zip { .. } => "pair",
        Scatter::One | Scatter::Items(_) | Scatter::Range(_) | Scatter::Matrix(_) => "task",
    };
    let plural = if new == 1 { "" } else { "s" };
    format!(
        "{} of {}: new {what}{plural}",
        count(u64::from(new)),
        count(u64::from(tasks))
    )
}
