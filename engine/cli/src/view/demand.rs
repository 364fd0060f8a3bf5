//! What a grid operator asks of a run's pools, and what its tasks did for it.

use serde::Serialize;
use sunward_core::{Curtailment, Curtailments, Measure, RunState, Timestamp, Yielding};

use crate::machine::shown;
use crate::render::style::harmless;
use crate::render::units::{plural, watts};

/// What a grid operator asks of a run's pools, and what its tasks did for it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DemandView {
    /// What is asked and has not ended, while an engine runs the run.
    pub(crate) asked: Vec<AskedView>,
    /// Since when the operator's server has not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) silent_since: Option<String>,
    /// When tasks were asked to make way.
    pub(crate) yields: Vec<YieldView>,
}

/// What is asked of a pool for a span of time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AskedView {
    /// `emergency`, `alert` or `cap`.
    pub(crate) measure: &'static str,
    /// The cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cap_milliwatts: Option<u64>,
    pub(crate) from: String,
    /// `None` until it is taken back.
    pub(crate) until: Option<String>,
    pub(crate) told_by: String,
    /// All of it in one sentence.
    pub(crate) text: String,
}

/// Tasks of a stage that were asked to make way.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct YieldView {
    pub(crate) at: String,
    pub(crate) stage: String,
    pub(crate) tasks: u32,
    pub(crate) told_by: String,
    /// All of it in one sentence.
    pub(crate) text: String,
}

impl AskedView {
    /// The view of a curtailment.
    pub(crate) fn of(one: &Curtailment) -> Self {
        Self {
            measure: word(one.measure),
            cap_milliwatts: match one.measure {
                Measure::Cap { milliwatts } => Some(milliwatts),
                Measure::Emergency | Measure::Alert => None,
            },
            from: shown(one.from),
            until: one.until.map(shown),
            told_by: one.told_by.clone(),
            text: spell(one.measure, one.until, &one.told_by),
        }
    }
}

impl DemandView {
    /// The view of a run; `None` if nothing was asked. What is asked now counts only while an engine
    /// runs it.
    pub(crate) fn of(known: &Curtailments, run: &RunState, is_running: bool) -> Option<Self> {
        let asked = known.all.iter().filter(|_| is_running);
        let silent = known.silent_since.filter(|_| is_running);
        let view = Self {
            asked: asked.map(AskedView::of).collect(),
            silent_since: silent.map(shown),
            yields: run
                .yields()
                .map(|(at, stage, one)| {
                    let stage = run.stage(stage);
                    let name = stage.map_or_else(String::new, |stage| stage.name().to_owned());
                    YieldView {
                        at: shown(at),
                        tasks: one.tasks,
                        told_by: one.told_by.clone(),
                        text: made_way(at, &name, one),
                        stage: name,
                    }
                })
                .collect(),
        };
        let is_empty = view.asked.is_empty() && view.yields.is_empty() && silent.is_none();
        (!is_empty).then_some(view)
    }

    /// One line for each thing that there is to say.
    pub(crate) fn lines(&self) -> Vec<String> {
        let silent = self.silent_since.as_ref().map(|since| {
            format!("the grid operator's server has not answered since {since}; what it asked last stays in force")
        });
        let asked = self.asked.iter().map(|one| match &one.from {
            from if one.measure == "cap" => format!("from {from}: {}", one.text),
            _ => one.text.clone(),
        });
        let yields = self.yields.iter().map(|one| one.text.clone());
        let all = asked.chain(silent).chain(yields);
        all.map(|line| harmless(&line)).collect()
    }
}

/// `emergency`, `alert` or `cap`.
pub(crate) const fn word(measure: Measure) -> &'static str {
    match measure {
        Measure::Emergency => "emergency",
        Measure::Alert => "alert",
        Measure::Cap { .. } => "cap",
    }
}

/// `grid emergency until 2026-03-01T18:00:00Z, told by site-dr`.
pub(crate) fn spell(measure: Measure, until: Option<Timestamp>, told_by: &str) -> String {
    let what = match measure {
        Measure::Emergency => "grid emergency".to_owned(),
        Measure::Alert => "alert of the grid".to_owned(),
        Measure::Cap { milliwatts } => format!("at most {}", watts(milliwatts)),
    };
    let until = until.map_or_else(
        || " until it is taken back".to_owned(),
        |until| format!(" until {}", shown(until)),
    );
    format!("{what}{until}, told by {told_by}")
}

fn made_way(at: Timestamp, stage: &str, one: &Yielding) -> String {
    let tasks = plural(u64::from(one.tasks), "task");
    format!(
        "{}: {tasks} of {stage} made way: {}",
        shown(at),
        spell(one.measure, one.until, &one.told_by)
    )
}
