//! The plan: the expanded graph of a submission, with nothing left to choose.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use sunward_workflows::{Stage, Value, Workflow};

use crate::digest::Digest;
use crate::ids::{StageId, Timestamp};
use crate::ingredient::Ingredient;
use crate::staged::StagedFiles;

/// Everything that a run needs to know of its submission. The journal holds it once, as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Absolute path of the workflow's file.
    pub path: String,
    /// The file's text, for reports.
    pub source: String,
    /// The checked workflow.
    pub workflow: Workflow,
    /// Every param's value; paths are absolute.
    pub params: BTreeMap<String, Value>,
    /// The expanded graph.
    pub plan: Plan,
    /// The project, and what was said about place and time outside the file.
    pub placing: Placing,
}

/// The project of a run, and what was said about place and time when it was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placing {
    /// The project that is charged.
    pub project: String,
    /// The project's weight when capacity is scarce, in thousandths of an ordinary project's.
    pub weight_permille: u32,
    /// Within its project, higher first.
    pub priority: i32,
    /// `--now`: deadlines and delays of the file do not make anything wait.
    pub at_once: bool,
    /// Where it would have run, where the file names no home: a region, zone or pool.
    pub home: Option<String>,
    /// The source of grid signals, so that it can be read again: a folder's path, or names of
    /// providers.
    pub grid: Option<String>,
    /// The recorded time that it lives through, where its clock is not the machine's.
    pub clock: Option<RunClock>,
    /// Energy of moving a gigabyte between regions, in milliwatt hours: 2000 is 0.002 kWh, the
    /// allocational figure for networks of 2024 extrapolated from Aslan et al. 2018.
    pub transfer_milliwatt_hours_per_gb: u64,
}

/// A clock that shows another time than the machine's: a run under it is a replay, and its ledger
/// says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunClock {
    /// The moment that it shows first.
    pub as_of: Timestamp,
    /// How many times faster than the machine's clock it runs.
    pub scale: NonZeroU32,
}

impl Default for Placing {
    fn default() -> Self {
        Self {
            project: "default".to_owned(),
            weight_permille: 1000,
            priority: 0,
            at_once: false,
            home: None,
            grid: None,
            clock: None,
            transfer_milliwatt_hours_per_gb: 2000,
        }
    }
}

/// Stages in topological order (ties in the order written): a stage's upstream comes before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// All stages; a [`StageId`] is an index into it.
    pub stages: Vec<PlannedStage>,
}

/// One stage of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStage {
    /// The checked stage.
    pub stage: Stage,
    /// Stages that must end first, ascending: those it reads from and those it needs.
    pub upstream: Vec<StageId>,
    /// What the stage means, as far as task keys go: kernel and version or command template, shell,
    /// env, secret names, lock, staged files, port formats and schemas, params it uses; no inputs,
    /// no item.
    pub meaning: Digest,
    /// What `meaning` is the digest of, one by one, so that a change can be named.
    pub ingredients: Vec<Ingredient>,
    /// The files that its commands get, by what they held when this was planned.
    pub staged: StagedFiles,
    /// Which changing things its templates read.
    pub reads: Reads,
    /// False if `--until` or `--only` left it out; it is then skipped.
    pub selected: bool,
    /// `--force`: its cache is not looked up.
    pub force: bool,
    /// Its tasks, when that is known before anything ran.
    pub tasks: Option<Tasks>,
}

/// Which changing things the templates of a stage read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// `item`: part of the task key.
    pub item: bool,
    /// `matrix`: part of the task key.
    pub matrix: bool,
    /// `run.*`, `attempt` or another stage's status: its results belong to its run.
    pub run: bool,
}

/// How a stage is cut into tasks: an array or a range, never an object a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tasks {
    /// One task, no `item`.
    One,
    /// `item` is the index, for so many tasks.
    Range(u32),
    /// `item` is one of these. Rows scattered one by one are maps from column to value.
    Items(Vec<Value>),
    /// `matrix` is the cross product, first name slowest.
    Matrix(Vec<(String, Vec<Value>)>),
    /// Slices of `rows_per_task` rows of the input `port`, the last one shorter.
    Rows {
        /// The input that is cut.
        port: String,
        /// Rows of one slice.
        rows_per_task: u64,
        /// Rows in all.
        rows: u64,
    },
    /// One part of the input `port` a task.
    Parts {
        /// The input that is cut.
        port: String,
        /// How many.
        count: u32,
    },
}
