//! The kinds of environments, and what each can do.

use std::collections::BTreeMap;
use std::path::Path;

use sunward_core::Digest;
use sunward_workflows::Stage;

use super::conda::InConda;
use super::container::InContainer;
use super::error::EnvironmentError;
use super::modules::Modules;
use super::python::InPython;
use super::setup::Setup;
use super::site::Site;
use crate::fault::Fault;
use crate::process::environment::Environment;
use crate::process::spawn::Order;

/// One part of a stage's environment.
pub(crate) trait Kind {
    /// The name of its digest in a key; `None` if its text says everything.
    fn ingredient(&self) -> Option<&'static str>;

    /// What it resolves to, as far as that is known without resolving it.
    fn digest(&self, site: &Site<'_>) -> Result<Digest, EnvironmentError>;

    /// Resolves it if it is not in the lock file yet, and looks whether it can be had here. Returns
    /// whether the lock file was written.
    fn resolve(&self, site: &Site<'_>) -> Result<bool, EnvironmentError>;

    /// Makes it ready on this machine. `keyed` is the digest in the tasks' keys; what has become
    /// another one meanwhile is refused.
    fn prepare(
        &self,
        site: &Site<'_>,
        keyed: Option<Digest>,
    ) -> Result<Box<dyn Layer>, EnvironmentError>;
}

/// An environment that is ready, as it changes commands. Nobody deletes it while this lives.
pub(crate) trait Layer: Send + Sync {
    /// Changes the variables that every command gets from the host.
    fn change_base(&self, _environment: &mut Environment) {}

    /// Changes how a command is started.
    fn wrap(&self, _order: &mut Order, _task: &TaskPlaces<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// The folders and devices of one attempt.
pub(crate) struct TaskPlaces<'t> {
    /// The folder that contains all others but the checkpoint.
    pub(crate) whole: &'t Path,
    /// Where the command starts.
    pub(crate) work: &'t Path,
    pub(crate) temporary: &'t Path,
    /// Folders within `whole` that the command may not write to.
    pub(crate) read_only: Vec<&'t Path>,
    pub(crate) checkpoint: Option<&'t Path>,
    pub(crate) has_gpus: bool,
    /// The worker's scratch folder.
    pub(crate) scratch: &'t Path,
}

/// The parts of a stage's environment, the innermost last but one: each wraps those before it.
pub(crate) fn kinds(stage: &Stage) -> Vec<Box<dyn Kind + '_>> {
    let mut kinds: Vec<Box<dyn Kind + '_>> = Vec::new();
    if !stage.modules.is_empty() {
        kinds.push(Box::new(Modules(&stage.modules)));
    }
    if let Some(python) = &stage.python {
        kinds.push(Box::new(InPython {
            stage: &stage.name,
            python,
        }));
    }
    if let Some(conda) = &stage.conda {
        kinds.push(Box::new(InConda { stage, conda }));
    }
    if let Some(lines) = &stage.setup {
        kinds.push(Box::new(Setup {
            lines,
            action: &stage.action,
        }));
    }
    if let Some(container) = &stage.container {
        kinds.push(Box::new(InContainer { stage, container }));
    }
    kinds
}

/// The environment of a stage, ready on this machine.
pub(crate) struct Ready {
    layers: Vec<Box<dyn Layer>>,
}

impl Ready {
    /// Makes all parts of a stage's environment ready. `keyed` are the digests in its tasks' keys.
    pub(crate) fn prepare(
        site: &Site<'_>,
        stage: &Stage,
        keyed: &BTreeMap<String, Digest>,
    ) -> Result<Self, EnvironmentError> {
        let layers = kinds(stage).into_iter().map(|kind| {
            let name = kind.ingredient();
            let keyed = name.and_then(|name| keyed.get(name).copied());
            kind.prepare(site, keyed)
        });
        Ok(Self {
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn change_base(&self, environment: &mut Environment) {
        for layer in &self.layers {
            layer.change_base(environment);
        }
    }

    pub(crate) fn wrap(&self, order: &mut Order, task: &TaskPlaces<'_>) -> Result<(), Fault> {
        self.layers
            .iter()
            .try_for_each(|layer| layer.wrap(order, task))
    }
}
