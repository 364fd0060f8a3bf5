//! What is the same for all tasks of a kernel stage, prepared once, and the inputs of one task.

use std::borrow::Cow;

use sunward_data::Store;
use sunward_kernels::{Inputs, Kernel, Library, Params};
use sunward_protocol::Job;
use sunward_workflows::expr::{Scope, render_value, value_uses};
use sunward_workflows::{Action, Value};

use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::inputs::KernelInputs;
use crate::render::{Surroundings, failed};
use crate::slices::Share;

/// A kernel stage, ready for its tasks.
pub(crate) struct PreparedKernel {
    kernel: &'static dyn Kernel,
    inputs: KernelInputs,
    params: Parameters,
    trivial: bool,
}

enum Parameters {
    /// The same for every task.
    Fixed(Params),
    /// Rendered for each task.
    Rendered {
        with: Vec<(String, Value)>,
        surroundings: Surroundings,
    },
}

/// The input of one task.
pub(crate) struct Task<'a> {
    inputs: Cow<'a, Inputs>,
    params: Cow<'a, Params>,
}

impl Task<'_> {
    pub(crate) fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    pub(crate) fn params(&self) -> &Params {
        &self.params
    }
}

impl PreparedKernel {
    pub(crate) fn new(kernels: &'static Library, store: &Store, job: &Job) -> Result<Self, Fault> {
        let stage = &job.stage;
        let Action::Kernel { name, version } = &stage.action else {
            return Err(Fault::infrastructure(
                "the stage is not a kernel; this is a bug in Sunward; please report it",
            ));
        };
        let kernel = kernels.get(name).ok_or_else(|| {
            Fault::infrastructure(format!(
                "this worker has no kernel `{name}`; run `sunward kernels` to see those it has"
            ))
        })?;
        let ours = kernel.entry().version;
        if ours != *version {
            return Err(Fault::infrastructure(format!(
                "kernel `{name}` is version {ours} here, but the run was planned with version {version}; start a new run with `--fresh`"
            )));
        }
        Ok(Self {
            inputs: KernelInputs::prepare(store, job)?,
            params: Parameters::new(kernel, job)?,
            trivial: kernel.is_trivial(),
            kernel,
        })
    }

    pub(crate) fn kernel(&self) -> &'static dyn Kernel {
        self.kernel
    }

    /// True if a task costs less than handing it to a thread.
    pub(crate) fn is_trivial(&self) -> bool {
        self.trivial
    }

    /// The input of one task. Nothing is allocated if all tasks get the same.
    pub(crate) fn task(&self, store: &Store, attempt: &Attempt<'_>) -> Result<Task<'_>, Fault> {
        let (job, index) = (attempt.job, attempt.index);
        let params = match &self.params {
            Parameters::Fixed(params) => Cow::Borrowed(params),
            Parameters::Rendered { with, surroundings } => {
                let share = Share::of(job, index)?;
                let scope = surroundings.scope(attempt.number, &share);
                Cow::Owned(resolve(self.kernel, with, &scope)?)
            }
        };
        let inputs = self.inputs.of_task(store, job, index)?;
        Ok(Task { inputs, params })
    }
}

impl Parameters {
    fn new(kernel: &dyn Kernel, job: &Job) -> Result<Self, Fault> {
        let with: Vec<(String, Value)> = job
            .stage
            .with
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let surroundings = Surroundings::new(job);
        let varies = with.iter().any(|(_, value)| {
            let uses = value_uses(value);
            uses.item.is_read() || uses.matrix || uses.repeat || uses.attempt
        });
        if varies {
            return Ok(Self::Rendered { with, surroundings });
        }
        resolve(kernel, &with, &surroundings.shared()).map(Self::Fixed)
    }
}

fn resolve(kernel: &dyn Kernel, with: &[(String, Value)], scope: &Scope) -> Result<Params, Fault> {
    let rendered = with
        .iter()
        .map(|(name, value)| Ok((name.clone(), render_value(value, scope)?.plain())))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed("with", &error))?;
    Params::resolve(kernel.entry(), rendered).map_err(|error| Fault::input(error.to_string()))
}
