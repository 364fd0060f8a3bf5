//! The plan: the expanded graph of a submission, in which everything is chosen.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use sunward_workflows::{ItemUse, Stage, Value, Workflow};

use crate::digest::Digest;
use crate::groups::FileGroups;
use crate::ids::{StageId, Timestamp};
use crate::ingredient::Ingredient;
use crate::staged::StagedFiles;

/// Everything that a run needs from its submission. The journal holds it once, as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Absolute path of the workflow's file.
    pub path: String,
    /// The file's text, for reports.
    pub source: String,
    /// The checked workflow.
    pub workflow: Workflow,
    /// The value of every param. Paths are absolute.
    pub params: BTreeMap<String, Value>,
    /// The expanded graph.
    pub plan: Plan,
    /// The project, and settings of place and time from outside the file.
    pub placing: Placing,
    /// How many units there are of what the stages share, by name: of the file's and the settings'
    /// limits the smaller one.
    pub limits: BTreeMap<String, u32>,
}

/// The project of a run, and the settings of place and time with which it was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placing {
    /// The project that is charged.
    pub project: String,
    /// The project's weight when capacity is scarce, in thousandths of an ordinary project's.
    pub weight_permille: u32,
    /// The priority within its project. Higher runs first.
    pub priority: i32,
    /// `--now`: nothing waits because of the file's deadlines and delays.
    pub at_once: bool,
    /// The home if the file names none: a region, zone or pool.
    pub home: Option<String>,
    /// The source of grid signals, so that it can be read again: a folder's path, or names of
    /// providers.
    pub grid: Option<String>,
    /// The clock of a run that replays recorded time; `None` for the machine's clock.
    pub clock: Option<RunClock>,
    /// The expected times are exact, as in a simulation, so that no margin is needed.
    pub times_are_exact: bool,
    /// The energy to move a gigabyte between regions, in milliwatt hours. 2000 is 0.002 kWh, the
    /// allocational figure for networks of 2024 extrapolated from Aslan et al. 2018.
    pub transfer_milliwatt_hours_per_gb: u64,
}

/// A clock that shows another time than the machine's. A run with it is a replay, and its ledger
/// says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunClock {
    /// The time at which it starts.
    pub as_of: Timestamp,
    /// Its speed, as a multiple of the machine's clock.
    pub scale: NonZeroU32,
    /// The machine's time at which it started.
    pub began: Timestamp,
}

impl RunClock {
    /// What it shows at a moment of the machine's clock.
    #[must_use]
    pub fn shows(self, machine: Timestamp) -> Timestamp {
        let since_ms = machine.since_ms(self.began);
        let scaled_ms = since_ms.saturating_mul(u64::from(self.scale.get()));
        self.as_of.after_ms(scaled_ms)
    }
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
            times_are_exact: false,
            transfer_milliwatt_hours_per_gb: 2000,
        }
    }
}

/// Stages in topological order, so that upstream stages come first. Ties keep the written order.
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
    /// Stages that must end first, ascending: those that it reads from, and those in `needs`.
    pub upstream: Vec<StageId>,
    /// The digest of the stage's meaning for task keys: kernel and version or command template,
    /// shell, env, secret names, lock, staged files, port formats and schemas, and used params.
    /// Inputs and items are not part of it.
    pub meaning: Digest,
    /// The ingredients of `meaning`, one by one, so that a change can be named.
    pub ingredients: Vec<Ingredient>,
    /// The files that its commands get, with their digests at planning.
    pub staged: StagedFiles,
    /// The variable values that its templates read.
    pub reads: Reads,
    /// False if `--until` or `--only` left it out. Then it is skipped.
    pub selected: bool,
    /// `--force`: cached results are not used.
    pub force: bool,
    /// How many times each task runs, if `repeat` says so.
    pub repeat: Option<u32>,
    /// Its tasks, if they are known before a run. Repetitions are counted.
    pub tasks: Option<Tasks>,
}

/// The variable values that the templates of a stage read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// What of `item` is part of the task key.
    pub item: ItemUse,
    /// `matrix`, which is then part of the task key.
    pub matrix: bool,
    /// `run.*`, `attempt` or another stage's status. Its results are then used by its run only.
    pub run: bool,
}

/// The tasks of a stage. They are described together, without an object for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tasks {
    /// One task without an `item`.
    One,
    /// This number of tasks, whose `item` is the index.
    Range(u32),
    /// One task for each of these values of `item`. A row is a map from column to value.
    Items(Vec<Value>),
    /// One task for each combination of these values of `matrix`. The first name varies slowest.
    Matrix(Vec<(String, Vec<Value>)>),
    /// One task for each slice of `rows_per_task` rows of the input `port`. The last slice may be
    /// shorter.
    Rows {
        /// The input that is divided.
        port: String,
        /// The rows of one slice.
        rows_per_task: u64,
        /// The number of all rows.
        rows: u64,
        /// The digest of each slice. Empty if the keys count the whole input and the range of rows
        /// instead, as in a simulation, which has no data.
        digests: Vec<Digest>,
    },
    /// One task for each group of files of one or several inputs.
    Files(FileGroups),
    /// One task for each part of the input `port`.
    Parts {
        /// The input that is divided.
        port: String,
        /// The number of parts.
        count: u32,
    },
    /// Each of these tasks several times in a row, as tasks of their own.
    Repeated {
        /// The tasks without repetitions.
        each: Box<Self>,
        /// How many times, at least 1.
        times: u32,
    },
    /// One task for each value of a column of the input `port`, with the rows that have it. The input
    /// is sorted, so that these rows follow one another.
    Groups {
        /// The input that is divided.
        port: String,
        /// The column.
        column: String,
        /// Its value in each task.
        values: Vec<Value>,
        /// Where the rows of each task end, and those of the next one begin.
        ends: Vec<u64>,
        /// The digest of the rows of each.
        digests: Vec<Digest>,
    },
    /// These tasks, each with files of its own of further inputs, which its rows name.
    Beside {
        /// The tasks without these files.
        each: Box<Self>,
        /// The files of each.
        files: FileGroups,
    },
}
