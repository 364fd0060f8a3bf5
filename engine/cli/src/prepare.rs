//! From a file and options to what is submitted: checked, parameters bound, expanded. Nothing is
//! created.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use sunward_core::{RunSpec, Selection, Surroundings, plan};
use sunward_workflows::Workflow;

use crate::context::Context;
use crate::exit::wrong_input;
use crate::machine::Machine;
use crate::params::ParamArgs;
use crate::workflow_file::Read;

/// Which stages are meant.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SelectionArgs {
    /// Run this stage and all it waits for, and no other; may be given more than once
    #[arg(long, value_name = "STAGE")]
    until: Vec<String>,
    /// Run this stage alone, with what it reads taken from the cache; may be given more than once
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// Run this stage although its results are known; may be given more than once
    #[arg(long, value_name = "STAGE")]
    force: Vec<String>,
}

/// What is submitted.
pub(crate) struct Prepared {
    /// The workflow's file.
    pub(crate) path: PathBuf,
    /// All a run needs to know.
    pub(crate) spec: Arc<RunSpec>,
}

/// Checks a file, binds its parameters and expands it.
///
/// # Errors
/// Mistakes in the file (all said already), in the parameters, or a stage that cannot run here.
pub(crate) fn prepare(
    context: &Context,
    file: &Path,
    params: &ParamArgs,
    selection: &SelectionArgs,
    machine: Machine,
) -> anyhow::Result<Prepared> {
    let read = Read::file(context, file)?;
    let workflow = read.checked(context)?;
    let params = params.bind(context, &workflow, &read.path)?;
    let around = surroundings(&workflow, &read.path, machine)?;
    let selection = Selection {
        until: selection.until.clone(),
        only: selection.only.clone(),
        force: selection.force.clone(),
    };
    let plan = plan(&workflow, &params, &around, &selection).map_err(|error| {
        if error.is_infrastructure() {
            anyhow::Error::new(error)
        } else {
            wrong_input(error.to_string())
        }
    })?;
    let spec = RunSpec {
        path: read.path.to_string_lossy().into_owned(),
        source: read.text,
        workflow,
        params,
        plan,
    };
    Ok(Prepared {
        path: read.path,
        spec: Arc::new(spec),
    })
}

/// What the plan must know of the world: digests of staged files and locks, and the machine.
fn surroundings(
    workflow: &Workflow,
    file: &Path,
    machine: Machine,
) -> anyhow::Result<Surroundings> {
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    let mut file_digests = BTreeMap::new();
    for stage in workflow.stages.values() {
        for name in &stage.files {
            if !file_digests.contains_key(name) {
                let path = folder.join(name);
                let digest = crate::staged::digest(&path).map_err(|error| {
                    wrong_input(format!(
                        "stage {}: {name} cannot be staged: {error}",
                        stage.name
                    ))
                })?;
                file_digests.insert(name.clone(), digest);
            }
        }
    }
    Ok(Surroundings {
        file_digests,
        locks: BTreeMap::new(),
        cpus: machine.cpus,
        memory_bytes: machine.memory_bytes,
        gpus: machine.gpus,
    })
}
