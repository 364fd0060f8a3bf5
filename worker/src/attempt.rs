//! One attempt of a task: which it is, and what its stage declares for it.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use sunward_core::{Failure, Generation, TaskId};
use sunward_protocol::Job;
use sunward_workflows::{Stage, Value};

use crate::arrived::Arrived;
use crate::fault::Fault;
use crate::stop::BatchStop;

/// The most characters of an item's name in a message.
const NAME_CHARS: usize = 60;

/// One attempt of a task.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) job: &'a Job,
    /// Files of its inputs that came after the job.
    pub(crate) arrived: &'a Arrived,
    /// The task's index in its stage.
    pub(crate) index: u32,
    /// The attempt's number, from 1.
    pub(crate) number: u32,
    pub(crate) generation: Generation,
    /// Set when the run was revoked, the worker stops, or the task has to make way.
    pub(crate) stop: &'a BatchStop,
}

impl Attempt<'_> {
    /// The attempt's task.
    pub(crate) fn task(&self) -> TaskId {
        TaskId {
            run: self.job.run,
            stage: self.job.stage_id,
            index: self.index,
        }
    }

    /// The memory that the task declared for this attempt, if any.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        declared_memory(&self.job.stage, self.number)
    }

    /// The path of the attempt's log in the state folder `home`.
    pub(crate) fn log_path(&self, home: &Path) -> PathBuf {
        let mut path = home.join("runs");
        path.push(self.job.run.to_string());
        path.push("logs");
        path.push(&self.job.stage.name);
        path.push(format!("{}.{}.log", self.index, self.number));
        path
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.stop.load(Ordering::Relaxed)
    }

    /// The failure for the coordinator, with the attempt's name (`search/12 (liver_1.fq), attempt 2`)
    /// and the end of its log.
    pub(crate) fn failure(&self, fault: Fault, log_tail: String) -> Failure {
        let stage = &self.job.stage.name;
        let item = self.item_name().map(|name| format!(" ({name})"));
        let item = item.unwrap_or_default();
        let title = format!("{stage}/{}{item}, attempt {}", self.index, self.number);
        Failure {
            kind: fault.kind,
            message: format!("{title}: {}", fault.message),
            log_tail,
            ran_on: None,
        }
    }
}

impl Attempt<'_> {
    /// What the task's item is called: the name of its file, or of its first one, or its text.
    fn item_name(&self) -> Option<String> {
        let of_port = |port: &str| self.job.inputs.get(port);
        let mut item = self.job.tasks.item(self.index, of_port)?;
        while let Value::Map(mut entries) = item {
            let name = entries.iter().position(|(key, _)| key == "name");
            item = match name {
                Some(at) => entries.swap_remove(at).1,
                None => entries.into_iter().next()?.1,
            };
        }
        match item {
            Value::String(name) => {
                let mut text: String = name.chars().take(NAME_CHARS).collect();
                if text.len() < name.len() {
                    text.push('…');
                }
                Some(text)
            }
            _ => None,
        }
    }
}

/// The memory that a task of a stage declares. It grows with each attempt if the stage says so.
pub(crate) fn declared_memory(stage: &Stage, attempt: u32) -> Option<u64> {
    let declared = stage.resources.memory_bytes?;
    let Some(factor) = stage.retry.scale_memory else {
        return Some(declared);
    };
    // In steps of a thousandth, because a float has no checked conversion to an integer.
    let thousandths: u64 = format!("{:.0}", (factor * 1000.0).clamp(1000.0, 1e6))
        .parse()
        .unwrap_or(1000);
    let mut bytes = u128::from(declared);
    for _ in 1..attempt.min(64) {
        bytes = (bytes * u128::from(thousandths) / 1000).min(u128::from(u64::MAX));
    }
    Some(u64::try_from(bytes).unwrap_or(u64::MAX))
}
