//! Prepares a command stage once for all its tasks, and derives each task's command from that.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sunward_core::names::file_name_of;
use sunward_data::Views;
use sunward_files::private;
use sunward_protocol::Job;
use sunward_workflows::expr::{CompiledTemplate, Scope};
use sunward_workflows::{
    Action, Command, Cuda, Gpus, OutputFormat, ParamValues, Preset, input_variable, output_variable,
};

use super::checkpoint::{self, Checkpoint};
use super::environment::Environment;
use super::spawn::Order;
use crate::attempt::Attempt;
use crate::context::WorkerContext;
use crate::device::{self, VISIBLE, cuda};
use crate::devices::HeldGpus;
use crate::environments::kind::{Ready, TaskPlaces};
use crate::fault::Fault;
use crate::host::Host;
use crate::inputs::{CommandInputs, TaskInputs};
use crate::named::NamedFiles;
use crate::outputs::{self, OutputNames, OutputPaths};
use crate::render::{CompiledCommand, Surroundings, compile, failed};
use crate::secrets::{self, Redactor};
use crate::slices::Share;
use crate::staged::Staged;
use crate::task_folder::{TaskFolder, path_text};

/// The number of the next folder of staged files. A stage that is prepared twice gets two folders.
static STAGED: AtomicU64 = AtomicU64::new(0);

/// A command stage, ready for its tasks.
pub(crate) struct PreparedCommand {
    command: CompiledCommand,
    environment: Environment,
    ready: Arc<Ready>,
    env: Vec<(String, CompiledTemplate)>,
    /// The names of outputs, by port.
    names: Vec<(String, CompiledTemplate)>,
    secrets: Vec<(String, String)>,
    redactor: Redactor,
    surroundings: Surroundings,
    inputs: CommandInputs,
    staged: Option<Staged>,
    named: Option<NamedFiles>,
}

/// One task's command, and the paths of its outputs.
pub(crate) struct TaskOrder {
    pub(crate) order: Order,
    pub(crate) outputs: OutputPaths,
    /// The views of its inputs.
    pub(crate) views: Views,
    /// The checkpoint folder, which outlives this attempt, if the stage has one.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// The task's GPUs. They are held until this is dropped.
    gpus: HeldGpus,
}

impl TaskOrder {
    /// The GPUs that the task has exclusively.
    pub(crate) fn gpus(&self) -> &HeldGpus {
        &self.gpus
    }
}

impl PreparedCommand {
    pub(crate) fn new(
        context: &WorkerContext,
        job: &Job,
        ready: Arc<Ready>,
    ) -> Result<Self, Fault> {
        let stage = &job.stage;
        let command = match &stage.action {
            Action::Run(command) => Cow::Borrowed(command),
            Action::Cuda(cuda) => Cow::Owned(own_kernel(cuda, job)?),
            Action::Kernel { .. } => {
                return Err(Fault::infrastructure(
                    "the stage is not a command; this is a bug in Sunward; please report it",
                ));
            }
        };
        if stage.resources.gpus != Gpus::None && context.devices.count() == 0 {
            context.outbox.notice(format!(
                "this machine has no suitable GPU: stage {} runs without one, as `optional: true` allows",
                stage.name
            ));
        }
        let secrets = stage
            .secrets
            .iter()
            .map(|name| Ok((name.clone(), secrets::find(&context.options.host, name)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        let env = stage
            .env
            .iter()
            .filter(|(_, template)| !template.is_inherited())
            .map(|(name, template)| Ok((name.clone(), compile("env", template)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        let names = stage
            .outputs
            .iter()
            .filter_map(|(port, output)| Some((port, output.name.as_ref()?)))
            .map(|(port, name)| Ok((port.clone(), compile("name", name)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        let mut environment = match &stage.action {
            Action::Cuda(_) => Environment::of_our_own(&context.options.host),
            _ => Environment::of_host(&context.options.host),
        };
        ready.change_base(&mut environment);
        Ok(Self {
            command: CompiledCommand::new(&command, &preset(job, &context.options.host))?,
            environment: environment.inheriting(&context.options.host, stage.inherited())?,
            ready,
            env,
            names,
            redactor: Redactor::new(secrets.iter().map(|(_, value)| value.as_str())),
            secrets,
            surroundings: Surroundings::new(job),
            inputs: CommandInputs::prepare(&context.options.store, job)?,
            staged: stage_files(context, job)?,
            named: NamedFiles::of(job),
        })
    }

    /// The stage's files, if it has any.
    pub(crate) const fn staged(&self) -> Option<&Staged> {
        self.staged.as_ref()
    }

    /// A redactor for this stage's secrets.
    pub(crate) fn redactor(&self) -> Redactor {
        self.redactor.clone()
    }

    /// Prepares one task: places its files and inputs into the task folder, renders its command,
    /// and takes its GPUs.
    pub(crate) fn order(
        &self,
        context: &WorkerContext,
        task_folder: &TaskFolder,
        attempt: &Attempt<'_>,
    ) -> Result<TaskOrder, Fault> {
        let job = attempt.job;
        let share = Share::with(job, attempt.arrived, attempt.index)?;
        if let Some(staged) = &self.staged {
            staged.place(task_folder.work())?;
        }
        let mut scope = self.surroundings.scope(attempt.number, &share);
        let store = &context.options.store.stopped_by(&attempt.stop.stop);
        let inputs = self.inputs.of_task(store, &share, task_folder)?;
        let TaskInputs { values, mut views } = inputs;
        if let Some(named) = &self.named {
            named.place(job, store, &mut views, task_folder, &mut scope)?;
        }
        scope.inputs = values;
        let outputs = if job.stage.outputs.is_empty() {
            Vec::new()
        } else {
            let names = self.names(&scope)?;
            outputs::paths(&job.stage, &names, task_folder.outputs()?)
        };
        for (port, path) in &outputs {
            if let Some(folder) = path.parent() {
                private::create_folders(folder)
                    .map_err(|error| Fault::io("create the folder", folder, &error))?;
            }
            let output = job.stage.outputs.get(port);
            if output.is_some_and(|output| output.format == OutputFormat::Files) {
                private::create_folders(path)
                    .map_err(|error| Fault::io("create the folder", path, &error))?;
            }
            scope.outputs.insert(port.clone(), path_text(path)?);
        }
        let command = self.command.render(&scope)?;
        let mut environment = self.environment(&scope, task_folder)?;
        // These come after all other variables, so that nothing replaces a variable that the script
        // refers to.
        for (name, value) in command.variables {
            environment.set(name, value);
        }
        let checkpoint = Checkpoint::of(&context.options.home, attempt)?;
        if let Some(checkpoint) = &checkpoint {
            environment.set(checkpoint::VARIABLE, checkpoint.path());
        }
        // The GPUs are taken last, so that no step that can fail delays another user of them.
        let gpus = context
            .devices
            .take(&job.stage.resources, &attempt.stop.stop)?;
        if job.stage.resources.gpus != Gpus::None {
            environment.set(VISIBLE, gpus.visible());
        }
        let mut order = Order {
            words: command.words,
            environment,
            container: None,
        };
        let (inputs, files) = (task_folder.path().join("inputs"), task_folder.files());
        let read_only = [inputs.as_path(), files.as_path()].into_iter();
        let places = TaskPlaces {
            whole: task_folder.path(),
            work: task_folder.work(),
            temporary: task_folder.temporary(),
            read_only: read_only.filter(|folder| folder.exists()).collect(),
            checkpoint: checkpoint.as_ref().map(Checkpoint::path),
            has_gpus: !gpus.cards().is_empty(),
            scratch: context.launcher.folder(),
        };
        self.ready.wrap(&mut order, &places)?;
        Ok(TaskOrder {
            order,
            outputs,
            views,
            checkpoint,
            gpus,
        })
    }

    /// The names of the outputs of one task, by port.
    fn names(&self, scope: &Scope) -> Result<OutputNames, Fault> {
        let name = |(port, template): &(String, CompiledTemplate)| {
            let text = template
                .render_text(scope)
                .map_err(|error| failed("name", &error))?;
            match file_name_of(&text) {
                Ok(name) => Ok((port.clone(), name.to_owned())),
                Err(why) => Err(Fault::input(format!("output {port}: {why}"))),
            }
        };
        self.names.iter().map(name).collect()
    }

    fn environment(&self, scope: &Scope, task_folder: &TaskFolder) -> Result<Environment, Fault> {
        let mut environment = self.environment.clone();
        environment.set("TMPDIR", task_folder.temporary());
        for (port, input) in &scope.inputs {
            environment.set(input_variable(port), &input.path);
        }
        for (port, path) in &scope.outputs {
            environment.set(output_variable(port), path);
        }
        for (name, template) in &self.env {
            let value = template.render_text(scope).map_err(|e| failed("env", &e))?;
            if value.contains('\0') {
                return Err(Fault::input(format!(
                    "`env: {name}` renders to a value with a zero byte, which an environment variable cannot hold"
                )));
            }
            environment.set(name, value);
        }
        for (name, value) in &self.secrets {
            environment.set(name, value);
        }
        Ok(environment)
    }
}

/// The variables that the stage's command finds.
fn preset(job: &Job, host: &Host) -> Preset {
    let param = |name: &str| ParamValues {
        values: job.params.get(name).into_iter().cloned().collect(),
        is_complete: true,
    };
    let inherited = |name: &str| Some(host.get(name)?.to_str()?.to_owned());
    Preset::of(&job.stage, param, inherited)
}

/// The command that runs the user's own kernel: this program with another verb.
fn own_kernel(kernel: &Cuda, job: &Job) -> Result<Command, Fault> {
    let program = device::program()?;
    let inputs: Vec<&str> = job.inputs.keys().map(String::as_str).collect();
    let outputs: Vec<&str> = job.stage.outputs.keys().map(String::as_str).collect();
    Ok(cuda::command(&program, kernel, &inputs, &outputs))
}

fn stage_files(context: &WorkerContext, job: &Job) -> Result<Option<Staged>, Fault> {
    if job.stage.files.is_empty() {
        return Ok(None);
    }
    let number = STAGED.fetch_add(1, Ordering::Relaxed);
    let folder = context.launcher.folder().join(format!("files{number}"));
    let digests = &job.staged.files;
    Staged::copy(&job.stage.files, digests, Path::new(&job.folder), folder).map(Some)
}
