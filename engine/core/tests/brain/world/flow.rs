//! Short ways to build workflows.

use std::collections::BTreeMap;

use sunward_core::{Placing, RunSpec, Selection, Surroundings, plan};
use sunward_workflows::{
    Action, Command, Form, Input, Output, Reference, Retry, RetryOn, Scatter, Slicing, Span, Stage,
    Template, Value, Workflow,
};

/// A stage under construction.
pub struct Flow {
    pub workflow: Workflow,
    pub params: BTreeMap<String, Value>,
    pub around: Surroundings,
    pub selection: Selection,
    pub placing: Placing,
}

/// An empty workflow.
pub fn flow() -> Flow {
    Flow {
        workflow: Workflow {
            name: "test".into(),
            ..Workflow::default()
        },
        params: BTreeMap::new(),
        around: Surroundings {
            cpus: 4,
            memory_bytes: 1 << 30,
            ..Surroundings::default()
        },
        selection: Selection::default(),
        placing: Placing::default(),
    }
}

/// A command stage with one output, `out`.
pub fn command(name: &str, script: &str) -> Stage {
    Stage {
        outputs: [("out".to_owned(), output())].into_iter().collect(),
        ..Stage::new(
            name,
            Action::Run(Command::Shell {
                shell: vec!["/bin/sh".into(), "-c".into()],
                script: Template::new(script),
            }),
        )
    }
}

/// A stage whose script is its name, so that different stages have different meanings.
pub fn stage(name: &str) -> Stage {
    command(name, name)
}

pub fn output() -> Output {
    Output {
        format: sunward_workflows::OutputFormat::Arrow,
        schema: None,
        ext: None,
        span: Span::default(),
        ..Output::default()
    }
}

pub fn reads(from: Reference) -> Input {
    Input {
        csv: Default::default(),
        schema: None,
        from: vec![from],
        form: Form::Arrow,
        columns: Vec::new(),
        variable: None,
        rows: Default::default(),
        span: Span::default(),
        ..Input::default()
    }
}

/// Short ways to shape a stage.
pub trait Shape: Sized {
    fn edit(self, edit: impl FnOnce(&mut Stage)) -> Self;

    /// A number of tasks, each of which reads its `item`.
    fn range(self, count: u32) -> Self {
        self.edit(|stage| {
            stage.scatter = Scatter::Range(Value::Int(count.into()));
            stage
                .env
                .insert("ITEM".into(), Template::new("${{ item }}"));
        })
    }

    fn items(self, items: &[i64]) -> Self {
        let items = items.iter().copied().map(Value::Int).collect();
        self.edit(|stage| {
            stage.scatter = Scatter::Items(Value::List(items));
            stage
                .env
                .insert("ITEM".into(), Template::new("${{ item }}"));
        })
    }

    fn scatter(self, scatter: Scatter) -> Self {
        self.edit(|stage| stage.scatter = scatter)
    }

    /// An input port that reads another stage's `out`.
    fn from(self, port: &str, other: &str) -> Self {
        self.edit(|stage| {
            let reference = Reference::Port {
                stage: other.into(),
                port: "out".into(),
            };
            stage.inputs.insert(port.into(), reads(reference));
        })
    }

    fn file(self, port: &str, path: &str) -> Self {
        self.edit(|stage| {
            let reference = Reference::Path(path.into());
            stage.inputs.insert(port.into(), reads(reference));
        })
    }

    /// Its output is a file.
    fn writes_file(self) -> Self {
        self.edit(|stage| {
            if let Some(output) = stage.outputs.get_mut("out") {
                output.format = sunward_workflows::OutputFormat::File;
            }
        })
    }

    /// One task for each file that another stage writes.
    fn each_file_of(self, port: &str, other: &str) -> Self {
        let slicing = Slicing::Row;
        let one = self.writes_file().from(port, other).sliced(port, slicing);
        one.edit(|stage| stage.inputs[port].form = Form::File)
    }

    fn sliced(self, port: &str, slicing: Slicing) -> Self {
        self.scatter(Scatter::Input {
            port: port.into(),
            slicing,
        })
    }

    fn needs(self, other: &str) -> Self {
        self.edit(|stage| stage.needs.push(other.into()))
    }

    fn when(self, condition: &str) -> Self {
        self.edit(|stage| stage.condition = Some(Template::new(condition)))
    }

    fn uncached(self) -> Self {
        self.edit(|stage| stage.cache.enabled = false)
    }

    fn retries(self, max_attempts: u32, backoff_ms: u64, on: RetryOn) -> Self {
        self.edit(|stage| {
            stage.retry = Retry {
                max_attempts,
                backoff_ms,
                on: vec![on],
                scale_memory: None,
            };
        })
    }
}

impl Shape for Stage {
    fn edit(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }
}

impl Flow {
    pub fn stage(mut self, stage: Stage) -> Self {
        self.workflow.stages.insert(stage.name.clone(), stage);
        self
    }

    pub fn param(mut self, name: &str, value: Value) -> Self {
        self.params.insert(name.into(), value);
        self
    }

    pub fn select(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    pub fn try_spec(&self) -> Result<RunSpec, sunward_core::PlanError> {
        Ok(RunSpec {
            path: "/w/workflow.yaml".into(),
            source: String::new(),
            plan: plan(&self.workflow, &self.params, &self.around, &self.selection)?,
            workflow: self.workflow.clone(),
            params: self.params.clone(),
            placing: self.placing.clone(),
            limits: self.workflow.limits.clone(),
        })
    }

    pub fn spec(&self) -> RunSpec {
        self.try_spec().unwrap()
    }
}
