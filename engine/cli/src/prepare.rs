//! Prepares what is submitted: checks the workflow's file, binds its parameters and expands it.
//! Only [`Prepared::lock`] creates files.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use sunward_core::{Placing, Plan, RunSpec, Selection, Surroundings, plan};
use sunward_data::{FileMemory, NoMemory, remembered_digest};
use sunward_drive::{FileRecall, IgnoredRecords, Listed, foreseen};
use sunward_state::{FileRecord, SqliteReader};
use sunward_worker::environments::{EnvironmentError, Site};
use sunward_worker::{Host, Space, secret_problem};
use sunward_workflows::{Action, Command, Reference, Sources, Stage, Value, Workflow};

use crate::context::Context;
use crate::device::Device;
use crate::exit::wrong_input;
use crate::forms;
use crate::machine::Machine;
use crate::named_files;
use crate::notify;
use crate::params::{ParamArgs, bind_again};
use crate::render;
use crate::workflow_file::Read;

/// Which stages are meant.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SelectionArgs {
    /// Run only this stage and the stages before it; may be given more than once
    #[arg(long, value_name = "STAGE")]
    until: Vec<String>,
    /// Run only this stage, with its inputs from the cache; may be given more than once
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// Run this stage even if its results are cached; may be given more than once
    #[arg(long, value_name = "STAGE")]
    force: Vec<String>,
}

/// A workflow that is ready to be submitted.
pub(crate) struct Prepared {
    /// The workflow's file.
    pub(crate) path: PathBuf,
    /// The run's spec.
    pub(crate) spec: Arc<RunSpec>,
    selection: Selection,
    /// The cores, memory and devices that tasks may use. GPUs are included if a stage needs one.
    pub(crate) machine: Machine,
    /// The contents of files that were read. The caller records them in the state.
    pub(crate) files: Vec<FileRecord>,
    /// The texts of the workflow and of the files that it uses.
    sources: Sources,
    /// What the workflow's patterns matched when it was checked.
    pub(crate) listed: Listed,
}

/// Checks a file, binds its parameters and expands it.
///
/// # Errors
/// Fails if the file has mistakes, which are already printed, if the parameters do, or if a stage
/// cannot run here.
pub(crate) fn prepare(
    context: &Context,
    file: &Path,
    params: &ParamArgs,
    selection: &SelectionArgs,
    machine: Machine,
    device: Device,
) -> anyhow::Result<Prepared> {
    let read = Read::file_given(context, file, params.names(context)?)?;
    let mut workflow = read.checked(context)?;
    let machine = machine.with_gpus_for(&workflow, device);
    let params = params.bind(context, &workflow, &read.path)?;
    let folder = read.path.parent().unwrap_or_else(|| Path::new("/"));
    forms::settle(&mut workflow, &params, folder);
    let selection = Selection {
        until: selection.until.clone(),
        only: selection.only.clone(),
        force: selection.force.clone(),
    };
    let home = context.home_beside(&read.path)?;
    let (around, files) = surroundings(
        &workflow,
        &params,
        (&read.path, &read.sources),
        &home,
        machine,
        &render::say,
    )?;
    let plan = expand(&workflow, &params, &around, &selection)?;
    let selected = plan.stages.iter().filter(|planned| planned.selected);
    // What does not depend on parameters was told by the check.
    for stage in selected.map(|planned| &planned.stage).filter(reads_params) {
        if let Some(why) = foreseen(&workflow, &params, (folder, &Listed::new()), stage) {
            return Err(wrong_input(format!("stage {}: {why}", stage.name)));
        }
    }
    let limits = read.limits_of(&workflow);
    let spec = RunSpec {
        path: read.path.to_string_lossy().into_owned(),
        source: read.text,
        workflow,
        params,
        plan,
        placing: Placing::default(),
        limits,
    };
    Ok(Prepared {
        path: read.path,
        sources: read.sources,
        spec: Arc::new(spec),
        selection,
        machine,
        files,
        listed: read.listed,
    })
}

/// Prepares a finished run again, with its file and all files that it names as they are now. The
/// parameters and the selected stages stay the same.
///
/// # Errors
/// Fails if the file has mistakes, which are already printed, if the parameters do, or if a stage
/// cannot run here.
pub(crate) fn prepare_again(
    context: &Context,
    home: &Path,
    before: &RunSpec,
    machine: Machine,
    device: Device,
) -> anyhow::Result<Prepared> {
    let names = before.params.keys().cloned().collect();
    let read = Read::file_given(context, Path::new(&before.path), names)?;
    let mut workflow = read.checked(context)?;
    let machine = machine.with_gpus_for(&workflow, device);
    let params = bind_again(&workflow, &read.path, &before.params)?;
    let folder = read.path.parent().unwrap_or_else(|| Path::new("/"));
    forms::settle(&mut workflow, &params, folder);
    let (around, files) = surroundings(
        &workflow,
        &params,
        (&read.path, &read.sources),
        home,
        machine,
        &render::say,
    )?;
    let mut selection = Selection::default();
    for planned in &before.plan.stages {
        let name = &planned.stage.name;
        if planned.selected && workflow.stages.contains_key(name) {
            selection.only.push(name.clone());
        }
    }
    if before.plan.stages.iter().all(|planned| planned.selected) {
        selection.only.clear();
    }
    let plan = expand(&workflow, &params, &around, &selection)?;
    let limits = read.limits_of(&workflow);
    let spec = RunSpec {
        path: before.path.clone(),
        source: read.text,
        workflow,
        params,
        plan,
        placing: before.placing.clone(),
        limits,
    };
    Ok(Prepared {
        path: read.path,
        sources: read.sources,
        spec: Arc::new(spec),
        selection,
        machine,
        files,
        listed: read.listed,
    })
}

impl Prepared {
    /// Checks that every secret that a selected stage names exists. So a missing one is reported
    /// now, and not when its stage starts. Warns about missing secrets of messages.
    ///
    /// # Errors
    /// Fails if some are missing. The message says how to provide each.
    pub(crate) fn find_secrets(&self, host: &Host) -> anyhow::Result<()> {
        let stages = self.spec.plan.stages.iter();
        let names: BTreeSet<(&str, &str)> = stages
            .filter(|planned| planned.selected)
            .map(|planned| &planned.stage)
            .flat_map(|stage| {
                let secrets = stage.secrets.iter();
                secrets.map(|name| (name.as_str(), stage.name.as_str()))
            })
            .collect();
        let problems: Vec<String> = names
            .into_iter()
            .filter_map(|(name, stage)| {
                Some(format!("stage {stage}: {}", secret_problem(host, name)?))
            })
            .collect();
        // A message that cannot be sent is no reason not to run.
        for problem in notify::secret_problems(&self.spec.workflow.notify, host) {
            render::say(&format!("warning: {problem}"));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(wrong_input(problems.join("\nerror: ")))
        }
    }

    /// Checks that the shell of every selected stage exists. So a missing one is reported before
    /// any task runs.
    ///
    /// # Errors
    /// Fails if some are missing. The message names them, their stages and the remedy.
    pub(crate) fn find_shells(&self, host: &Host) -> anyhow::Result<()> {
        let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for planned in self.spec.plan.stages.iter().filter(|stage| stage.selected) {
            let Action::Run(Command::Shell { shell, .. }) = &planned.stage.action else {
                continue;
            };
            let Some(program) = shell.first().map(String::as_str) else {
                continue;
            };
            // A stage's environment may contain more programs, and a container has its own.
            let stage = &planned.stage;
            let own = stage.python.is_some() || stage.conda.is_some();
            let more = own || !stage.modules.is_empty() || stage.setup.is_some();
            let elsewhere = stage.container.is_some() || more && !SHELLS.contains(&program);
            if !elsewhere && !host.has_program(program) {
                missing
                    .entry(program)
                    .or_default()
                    .push(&planned.stage.name);
            }
        }
        let lines: Vec<String> = missing
            .into_iter()
            .map(|(program, stages)| no_shell(program, &stages))
            .collect();
        match lines.is_empty() {
            true => Ok(()),
            false => Err(anyhow::Error::msg(lines.join("\nerror: "))),
        }
    }

    /// Completes the lock file beside the workflow for stages with an environment, and makes a new
    /// plan if that changed the file. Fetches the images of containers. Because this creates files,
    /// it is called only before a run.
    ///
    /// # Errors
    /// Fails if an environment cannot be resolved, or cannot be had on this machine.
    pub(crate) fn lock(self, home: &Path, host: &Host) -> anyhow::Result<Self> {
        let plan = &self.spec.plan;
        let folders = Folders::of(&self.spec.workflow, &self.path);
        let sites = folders.sites(host, home, &NoMemory, &render::say);
        let mut wrote = false;
        for planned in plan.stages.iter().filter(|planned| planned.selected) {
            let stage = &planned.stage;
            if let Some(site) = sites.get(&*stage.folder) {
                wrote |= site
                    .resolve(stage)
                    .map_err(|error| no_environment(error, stage, &self.sources))?;
            }
        }
        if !wrote {
            return Ok(self);
        }
        render::say(
            "what the environments were resolved to was written to the lock file beside the workflow",
        );
        let mut spec = RunSpec::clone(&self.spec);
        // The first look has told what there is to tell.
        let (path, machine) = (&self.path, self.machine);
        let (around, files) = surroundings(
            &spec.workflow,
            &spec.params,
            (path, &self.sources),
            home,
            machine,
            &|_| {},
        )?;
        spec.plan = expand(&spec.workflow, &spec.params, &around, &self.selection)?;
        Ok(Self {
            spec: Arc::new(spec),
            files,
            ..self
        })
    }
}

/// Whether parameters determine the files of a stage, or how its outputs are called.
fn reads_params(stage: &&Stage) -> bool {
    let mut sources = stage.inputs.values().flat_map(|input| &input.from);
    let mut names = stage
        .outputs
        .values()
        .filter_map(|output| output.name.as_ref());
    sources.any(|source| matches!(source, Reference::Param(_)))
        || names.any(|name| !name.uses().params.is_empty())
}

/// Shells that come from the system, not from an environment.
const SHELLS: &[&str] = &["bash", "sh", "/bin/sh", "/bin/bash"];

/// The message that a shell is missing, with the remedy. At most three stages are named.
fn no_shell(program: &str, stages: &[&str]) -> String {
    let few = 3;
    let mut names = stages
        .iter()
        .take(few)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if stages.len() > few {
        names.push_str(&format!(" and {} more", stages.len() - few));
    }
    let remedy = match program {
        "bash" | "/bin/bash" => {
            "install it, or write `shell: sh` in the stage or under `defaults:` to use /bin/sh"
        }
        _ => "install it, correct `shell:`, or write `run` as a list of words",
    };
    format!(
        "`{program}` is not on this machine, and the scripts of these stages need it: {names}; {remedy}"
    )
}

fn expand(
    workflow: &Workflow,
    params: &BTreeMap<String, Value>,
    around: &Surroundings,
    selection: &Selection,
) -> anyhow::Result<Plan> {
    plan(workflow, params, around, selection).map_err(|error| {
        if error.is_infrastructure() {
            anyhow::Error::new(error)
        } else {
            wrong_input(error.to_string())
        }
    })
}

/// The folders of a workflow's file and of the files that it uses, by [`Stage::folder`]. The lock file and
/// the images of a stage are in its file's folder.
struct Folders(BTreeMap<String, PathBuf>);

impl Folders {
    fn of(workflow: &Workflow, file: &Path) -> Self {
        let own = file.parent().unwrap_or_else(|| Path::new("/"));
        let stages = workflow.stages.values();
        let folders = stages.map(|stage| (stage.folder.clone(), own.join(&stage.folder)));
        Self(folders.collect())
    }

    fn sites<'s>(
        &'s self,
        host: &'s Host,
        home: &Path,
        memory: &'s dyn FileMemory,
        tell: &'s dyn Fn(&str),
    ) -> BTreeMap<&'s str, Site<'s>> {
        let site = |(name, folder): (&'s String, &'s PathBuf)| {
            let site = Site::new(host, home, folder, memory, tell);
            (name.as_str(), site)
        };
        self.0.iter().map(site).collect()
    }
}

/// The message that a stage cannot have its environment, with the place in the workflow's file.
fn no_environment(error: EnvironmentError, stage: &Stage, sources: &Sources) -> anyhow::Error {
    let container = stage.container.as_ref().map(|one| one.span);
    let conda = stage.conda.as_ref().map(|one| one.span);
    let span = container.or(conda).unwrap_or(stage.span);
    let (file, line) = sources.line(span);
    let message = format!("{file}:{line}: stage {}: {error}", stage.name);
    if error.is_the_users() {
        wrong_input(message)
    } else {
        anyhow::Error::new(error).context(message)
    }
}

/// The facts about this machine that a plan depends on: the digests of staged files and locks,
/// cores, memory, GPUs, and the disk that holds (or would hold) `home`. Large files that have not
/// changed are not read again. Also returns the contents of files, to be recorded in the state.
fn surroundings(
    workflow: &Workflow,
    params: &BTreeMap<String, Value>,
    (file, sources): (&Path, &Sources),
    home: &Path,
    machine: Machine,
    tell: &dyn Fn(&str),
) -> anyhow::Result<(Surroundings, Vec<FileRecord>)> {
    // An error while opening the state is reported later, when the state is used.
    let state = SqliteReader::open(home).ok();
    let recall = state.as_ref().map(|state| FileRecall::new(state));
    let memory: &dyn FileMemory = match &recall {
        Some(recall) => recall,
        None => &NoMemory,
    };
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    let mut file_digests = BTreeMap::new();
    let host = Host::of_this_process();
    let folders = Folders::of(workflow, file);
    let sites = folders.sites(&host, home, memory, tell);
    let mut locks = BTreeMap::new();
    for stage in workflow.stages.values() {
        for name in stage.files.iter().map(|name| stage.path(name)) {
            let Entry::Vacant(unknown) = file_digests.entry(name) else {
                continue;
            };
            let path = folder.join(unknown.key());
            let digest = remembered_digest(&path, memory).map_err(|error| {
                let name = unknown.key();
                wrong_input(format!(
                    "stage {}: {name} cannot be staged: {error}",
                    stage.name
                ))
            })?;
            unknown.insert(digest);
        }
        let Some(site) = sites.get(&*stage.folder) else {
            continue;
        };
        let digests = site
            .digests(stage)
            .map_err(|error| no_environment(error, stage, sources))?;
        locks.insert(stage.name.clone(), digests);
    }
    let inherited = workflow.stages.values().flat_map(Stage::inherited);
    let mut environment = BTreeMap::new();
    for name in inherited {
        match std::env::var(name) {
            Ok(value) => {
                environment.insert(name.to_owned(), value);
            }
            // The plan says so.
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(wrong_input(format!(
                    "`env: {{ {name}: inherit }}`, but the value of {name} is not UTF-8; export it as UTF-8, or write its value"
                )));
            }
        }
    }
    let around = Surroundings {
        environment,
        file_digests,
        named: named_files::digests(workflow, params, folder, home, memory)?,
        locks,
        cpus: machine.cpus,
        memory_bytes: machine.memory_bytes,
        disk_bytes: Space::at(home)
            .filter(|_| machine.has_disk)
            .map(|space| space.total_bytes),
        gpus: machine.gpus.unwrap_or(0),
    };
    let files = recall.map(FileRecall::finish).transpose()?;
    let ignored = state.and_then(|state| IgnoredRecords::default().news(&state));
    if let Some(line) = ignored {
        tell(&line);
    }
    Ok((around, files.unwrap_or_default()))
}
