//! Runs described by numbers alone (from job lists, traces and generators), and their conversion to
//! run specs.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use sunward_core::{Placing, PlanError, RunSpec, Selection, Surroundings, plan};
use sunward_workflows::{
    Action, Cache, Command, Expect, Form, Gpus, GridRows, Input, Output, OutputFormat, Place,
    Reference, Resources, Scatter, Span, Stage, Template, Value, Workflow,
};

use crate::submission::{DataSizes, Specified};

/// A run described by numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct RunDraft {
    /// The run's name.
    pub name: String,
    /// The zone, region or pool in which the run would start by default.
    pub home: Option<String>,
    /// The places where the run may go; empty means everywhere.
    pub allowed: Vec<String>,
    /// Milliseconds from arrival to the required end. Without a deadline nothing waits.
    pub deadline_ms: Option<u64>,
    /// How much of that it may wait, if its deadline follows from its length; `None` if the deadline
    /// was stated by itself.
    pub slack_ms: Option<u64>,
    /// What to prefer, most important first; empty means carbon.
    pub prefer: Vec<String>,
    /// The project that is charged, if any.
    pub project: Option<String>,
    /// The project's share of scarce capacity, in thousandths of an ordinary project's share.
    pub weight_permille: Option<u32>,
    /// The run's priority within its project; higher goes first.
    pub priority: i32,
    /// Energy that moves one gigabyte between regions, in milliwatt-hours.
    pub transfer_milliwatt_hours_per_gb: u64,
    /// The run's stages; each comes after the stages that it reads from.
    pub stages: Vec<StageDraft>,
}

impl Default for RunDraft {
    fn default() -> Self {
        let placing = Placing::default();
        Self {
            name: String::new(),
            home: None,
            allowed: Vec::new(),
            deadline_ms: None,
            slack_ms: None,
            prefer: Vec::new(),
            project: None,
            weight_permille: None,
            priority: placing.priority,
            transfer_milliwatt_hours_per_gb: placing.transfer_milliwatt_hours_per_gb,
            stages: Vec::new(),
        }
    }
}

/// A stage described by numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageDraft {
    /// The stage's name.
    pub name: String,
    /// What the stages have in common that are expected to take equally long, such as their user and
    /// name; empty for the stage's name.
    pub class: String,
    /// The number of tasks.
    pub tasks: u32,
    /// The most tasks that run at once.
    pub width: Option<u32>,
    /// Milliseconds that each task takes.
    pub task_ms: u64,
    /// IT power of each task in milliwatts, devices and cores together.
    pub milliwatts: u64,
    /// Devices that each task needs.
    pub gpus: u32,
    /// Cores that each task needs.
    pub cpus: u32,
    /// Bytes that the stage reads from outside the run.
    pub input_bytes: u64,
    /// Bytes that each task writes.
    pub output_bytes: u64,
    /// The names of the stages that it reads from.
    pub reads: Vec<String>,
}

/// The name of the one port of a stage. A simulation executes nothing, so any name will do.
const PORT: &str = "data";
const OUTSIDE: &str = "outside";

impl RunDraft {
    /// The longest path through the stages, in milliseconds; each stage runs as wide as it may.
    #[must_use]
    pub fn critical_path_ms(&self) -> u64 {
        let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
        for stage in &self.stages {
            let before = stage.reads.iter().filter_map(|one| ends.get(one.as_str()));
            let begin = before.max().copied().unwrap_or(0);
            ends.insert(&stage.name, begin.saturating_add(stage.length_ms()));
        }
        ends.into_values().max().unwrap_or(0)
    }

    /// The run's spec and the sizes of its data.
    ///
    /// # Errors
    ///
    /// Fails if stages form a cycle or read from an unknown stage.
    pub fn spec(&self) -> Result<Specified, PlanError> {
        let mut bytes = DataSizes::default();
        let mut workflow = Workflow {
            name: self.name.clone(),
            place: Place {
                prefer: self.prefer.clone(),
                deadline_ms: self.deadline_ms,
                home: self.home.clone(),
                regions: self.allowed.clone(),
                ..Place::default()
            },
            ..Workflow::default()
        };
        for stage in &self.stages {
            if stage.input_bytes > 0 {
                let port = (stage.name.clone(), OUTSIDE.to_owned());
                bytes.inputs.insert(port, stage.input_bytes);
            }
            bytes.outputs.insert(stage.name.clone(), stage.output_bytes);
            let read = self
                .stages
                .iter()
                .any(|one| one.reads.contains(&stage.name));
            workflow
                .stages
                .insert(stage.name.clone(), stage.stage(read));
        }
        let around = Surroundings {
            cpus: u32::MAX,
            memory_bytes: u64::MAX,
            gpus: u32::MAX,
            ..Surroundings::default()
        };
        let params = BTreeMap::new();
        let plan = plan(&workflow, &params, &around, &Selection::default())?;
        let usual = Placing::default();
        let spec = RunSpec {
            path: format!("/simulated/{}", self.name),
            source: String::new(),
            workflow,
            params,
            plan,
            placing: Placing {
                project: self.project.clone().unwrap_or(usual.project),
                weight_permille: self.weight_permille.unwrap_or(usual.weight_permille),
                priority: self.priority,
                home: self.home.clone(),
                transfer_milliwatt_hours_per_gb: self.transfer_milliwatt_hours_per_gb,
                times_are_exact: true,
                ..Placing::default()
            },
            limits: BTreeMap::new(),
        };
        Ok((Arc::new(spec), Arc::new(bytes)))
    }
}

impl StageDraft {
    /// Milliseconds that all rounds take, one after the other.
    fn length_ms(&self) -> u64 {
        let width = self.width.unwrap_or(u32::MAX).max(1);
        let rounds = u64::from(self.tasks.div_ceil(width));
        self.task_ms.saturating_mul(rounds)
    }

    /// The command stands for the class: times are remembered by command.
    fn command(&self) -> Vec<Template> {
        match self.class.as_str() {
            "" => vec![Template::new(&self.name)],
            class => vec![Template::new("job"), Template::new(class)],
        }
    }

    fn stage(&self, read: bool) -> Stage {
        let mut inputs = IndexMap::new();
        if self.input_bytes > 0 {
            let from = Reference::Path("/simulated/input".to_owned());
            inputs.insert(OUTSIDE.to_owned(), input(from));
        }
        for (at, stage) in self.reads.iter().enumerate() {
            let from = Reference::Port {
                stage: stage.clone(),
                port: PORT.to_owned(),
            };
            inputs.insert(format!("from{at}"), input(from));
        }
        let outputs = read.then(|| (PORT.to_owned(), output()));
        Stage {
            scatter: match self.tasks {
                1 => Scatter::One,
                tasks => Scatter::Range(Value::Int(tasks.into())),
            },
            inputs,
            outputs: outputs.into_iter().collect(),
            resources: Resources {
                cpus: self.cpus,
                gpus: match self.gpus {
                    0 => Gpus::None,
                    gpus => Gpus::Count(gpus),
                },
                ..Resources::default()
            },
            max_parallel: self.width,
            // No results are shared between runs, so nothing is looked up.
            cache: Cache {
                enabled: false,
                version: None,
            },
            expect: Expect {
                time_ms: Some(self.task_ms),
                power_watts: Some(watts(self.milliwatts)),
            },
            ..Stage::new(
                self.name.clone(),
                Action::Run(Command::Argv(self.command())),
            )
        }
    }
}

/// Milliwatts as watts; exact up to 4 MW.
fn watts(milliwatts: u64) -> f64 {
    u32::try_from(milliwatts).map_or_else(
        |_| f64::from(u32::try_from(milliwatts / 1000).unwrap_or(u32::MAX)),
        |milliwatts| f64::from(milliwatts) / 1000.0,
    )
}

fn input(from: Reference) -> Input {
    Input {
        first: false,
        from: vec![from],
        form: Form::Arrow,
        form_is_stated: true,
        split: None,
        optional: false,
        columns: Vec::new(),
        variable: None,
        rows: GridRows::default(),
        csv: Default::default(),
        schema: None,
        span: Span::default(),
    }
}

fn output() -> Output {
    Output {
        format: OutputFormat::Arrow,
        schema: None,
        ..Output::default()
    }
}
