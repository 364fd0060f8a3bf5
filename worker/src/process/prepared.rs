//! What is the same for all tasks of a command stage, worked out once; and one task's order from it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sunward_protocol::Job;
use sunward_workflows::expr::{CompiledTemplate, Scope};
use sunward_workflows::{Action, Gpus};

use super::environment::{Environment, port_variable};
use super::spawn::Order;
use crate::batch::{Batch, Stop};
use crate::fault::Fault;
use crate::inputs::CommandInputs;
use crate::outputs;
use crate::python;
use crate::render::{CompiledCommand, Surroundings, compile, failed};
use crate::room::Room;
use crate::secrets::{self, Redactor};
use crate::slices::Share;
use crate::staged::Staged;
use crate::worker::House;

/// Tells folders of staged files apart, also of a stage that is prepared twice.
static STAGED: AtomicU64 = AtomicU64::new(0);

/// A command stage, ready for its tasks.
pub(crate) struct PreparedCommand {
    command: CompiledCommand,
    environment: Environment,
    env: Vec<(String, CompiledTemplate)>,
    secrets: Vec<(String, String)>,
    redactor: Redactor,
    surroundings: Surroundings,
    inputs: CommandInputs,
    staged: Option<Staged>,
}

impl PreparedCommand {
    pub(crate) fn new(house: &House, job: &Job, stop: &Stop) -> Result<Self, Fault> {
        let stage = &job.stage;
        let Action::Run(command) = &stage.action else {
            return Err(Fault::infrastructure("the stage is no command"));
        };
        if stage.resources.gpus != Gpus::None {
            house.notice(format!(
                "no GPU here: stage {} runs without one, as `optional: true` allows",
                stage.name
            ));
        }
        let secrets = stage
            .secrets
            .iter()
            .map(|name| Ok((name.clone(), secrets::find(&house.options.host, name)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        let env = stage
            .env
            .iter()
            .map(|(name, template)| Ok((name.clone(), compile("env", template)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        let venv = python::for_stage(house, job, stop)?;
        Ok(Self {
            command: CompiledCommand::new(command)?,
            environment: Environment::of_host(&house.options.host, venv.as_deref()),
            env,
            redactor: Redactor::new(secrets.iter().map(|(_, value)| value.as_str())),
            secrets,
            surroundings: Surroundings::new(job),
            inputs: CommandInputs::prepare(&house.options.store, job)?,
            staged: stage_files(house, job)?,
        })
    }

    /// Hides this stage's secrets.
    pub(crate) fn redactor(&self) -> Redactor {
        self.redactor.clone()
    }

    /// What is to be started for one task, with everything it finds in its room.
    pub(crate) fn order(
        &self,
        house: &House,
        room: &Room,
        batch: &Batch,
        index: u32,
    ) -> Result<Order, Fault> {
        let job = &batch.job.job;
        let share = Share::of(job, index)?;
        if let Some(staged) = &self.staged {
            staged.place(room.work())?;
        }
        let mut scope = self.surroundings.scope(batch, &share);
        scope.inputs = self.inputs.of_task(&house.options.store, &share)?;
        let outputs = if job.stage.outputs.is_empty() {
            Vec::new()
        } else {
            outputs::paths(&job.stage, room.outputs()?)
        };
        for (port, path) in &outputs {
            scope.outputs.insert(port.clone(), text(path)?);
        }
        Ok(Order {
            index,
            words: self.command.words(&scope)?,
            environment: self.environment(&scope, room)?,
            outputs,
        })
    }

    fn environment(&self, scope: &Scope, room: &Room) -> Result<Environment, Fault> {
        let mut environment = self.environment.clone();
        environment.set("TMPDIR", room.temporary());
        for (port, input) in &scope.inputs {
            environment.set(port_variable("INPUT", port), &input.path);
        }
        for (port, path) in &scope.outputs {
            environment.set(port_variable("OUTPUT", port), path);
        }
        for (name, template) in &self.env {
            let value = template.render_text(scope).map_err(|e| failed("env", &e))?;
            if value.contains('\0') {
                return Err(Fault::input(format!(
                    "`env: {name}` renders to a value with a zero byte, which no environment can hold"
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

fn stage_files(house: &House, job: &Job) -> Result<Option<Staged>, Fault> {
    if job.stage.files.is_empty() {
        return Ok(None);
    }
    let number = STAGED.fetch_add(1, Ordering::Relaxed);
    let folder = house.scratch.folder().join(format!("files{number}"));
    Staged::copy(&job.stage.files, Path::new(&job.folder), folder).map(Some)
}

/// A path as an expression can hold it.
fn text(path: &Path) -> Result<String, Fault> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Fault::infrastructure(format!(
            "the state folder's path {} is not UTF-8; choose another with --home",
            path.display()
        ))
    })
}
