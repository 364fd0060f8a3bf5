//! The reasons why a checked workflow cannot be planned here and now.

use sunward_workflows::units::size_text;

/// The reasons why a checked workflow cannot be planned here and now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An option names a stage that is not in the workflow.
    #[error("{flag} {name}: the workflow has no stage of that name; its stages are {}", stages.join(", "))]
    NoSuchStage {
        /// The option, as written on the command line.
        flag: &'static str,
        /// The name that the option gives.
        name: String,
        /// The names of all stages of the workflow.
        stages: Vec<String>,
    },
    /// A stage refers to a stage that the workflow does not have.
    #[error("stage {stage} waits for {upstream}, which the workflow does not have")]
    NoUpstream {
        /// The name of the stage.
        stage: String,
        /// The name that it refers to.
        upstream: String,
    },
    /// Stages wait for each other.
    #[error("these stages depend on each other: {}; remove one of these links", stages.join(" -> "))]
    Cycle {
        /// The stages of one cycle, in the order in which they wait; the first is repeated at the
        /// end.
        stages: Vec<String>,
    },
    /// A `repeat` is not a number of times.
    #[error("stage {stage}: its `repeat` is not a number of times: {message}")]
    Repeat {
        /// The stage.
        stage: String,
        /// The reason.
        message: String,
    },
    /// A scatter does not expand to a list, a range or a matrix.
    #[error("stage {stage}: its `scatter` cannot be expanded: {message}")]
    Scatter {
        /// The name of the stage.
        stage: String,
        /// What was found and what was expected.
        message: String,
    },
    /// A condition is neither true nor false.
    #[error("stage {stage}: its `if` cannot be evaluated: {message}")]
    Condition {
        /// The name of the stage.
        stage: String,
        /// What was found and what was expected.
        message: String,
    },
    /// A value of `with:` cannot be rendered.
    #[error("stage {stage}: `with.{name}` cannot be evaluated: {message}")]
    With {
        /// The name of the stage.
        stage: String,
        /// The name of the value.
        name: String,
        /// The reason.
        message: String,
    },
    /// The digest of a staged file was not given, because the file could not be read.
    #[error(
        "stage {stage}: the file {file} could not be read to stage it; check that it exists and is readable"
    )]
    Unstaged {
        /// The name of the stage.
        stage: String,
        /// The path of the file, as the stage gives it.
        file: String,
    },
    /// A variable that a stage inherits is not set.
    #[error(
        "stage {stage}: `env: {{ {name}: inherit }}`, but {name} is not set; export it before you start \
         sunward, or write its value"
    )]
    NotInherited {
        /// The name of the stage.
        stage: String,
        /// The name of the variable.
        name: String,
    },
    /// A task asks for more memory than the machine has.
    #[error(
        "stage {stage} asks for {} of memory per task, and this machine has {}; lower \
         `resources.memory`, or run it on a larger machine",
        size_text(*asked_bytes),
        size_text(*machine_bytes)
    )]
    Memory {
        /// The name of the stage.
        stage: String,
        /// The memory that each task asks for, in bytes.
        asked_bytes: u64,
        /// The memory of the machine, in bytes.
        machine_bytes: u64,
    },
    /// A task asks for more space than the whole disk has.
    #[error(
        "stage {stage} asks for {} of disk per task, and the disk that it would use has {} in all; \
         lower `resources.disk`, or keep the state on a larger disk (--home)",
        size_text(*asked_bytes),
        size_text(*disk_bytes)
    )]
    Disk {
        /// The name of the stage.
        stage: String,
        /// The space that each task asks for, in bytes.
        asked_bytes: u64,
        /// The size of the disk in bytes, used space included.
        disk_bytes: u64,
    },
    /// A command asks for more GPUs than there are.
    #[error(
        "stage {stage} asks for more GPUs than this machine has ({}); \
         `resources: {{ optional: true }}` lets it run without one",
        match have { 0 => "none".to_owned(), some => format!("{some}") }
    )]
    Gpu {
        /// The name of the stage.
        stage: String,
        /// The number of GPUs.
        have: u32,
    },
}

impl PlanError {
    /// Whether the machine is the cause, and not what the user wrote: exit code 3 rather than 2.
    #[must_use]
    pub const fn is_infrastructure(&self) -> bool {
        match self {
            Self::Memory { .. } | Self::Disk { .. } | Self::Gpu { .. } => true,
            Self::NoSuchStage { .. }
            | Self::NoUpstream { .. }
            | Self::Cycle { .. }
            | Self::Repeat { .. }
            | Self::Scatter { .. }
            | Self::Condition { .. }
            | Self::With { .. }
            | Self::Unstaged { .. }
            | Self::NotInherited { .. } => false,
        }
    }
}
