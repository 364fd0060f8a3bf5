//! Why a checked workflow cannot be planned here and now.

/// Why a checked workflow cannot be planned here and now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An option names a stage that is not in the workflow.
    #[error("{flag} {name}: the workflow has no stage of that name; it has {}", stages.join(", "))]
    NoSuchStage {
        /// The option.
        flag: &'static str,
        /// What it named.
        name: String,
        /// What there is.
        stages: Vec<String>,
    },
    /// A stage refers to one that is not there.
    #[error("stage {stage} waits for {upstream}, which the workflow does not have")]
    NoUpstream {
        /// The stage.
        stage: String,
        /// What it names.
        upstream: String,
    },
    /// Stages wait for each other.
    #[error("these stages wait for each other: {}; remove one of these links", stages.join(" -> "))]
    Cycle {
        /// In the order in which they wait, the first one again at the end.
        stages: Vec<String>,
    },
    /// A scatter is no list, number or product.
    #[error("stage {stage}: its scatter cannot be expanded: {message}")]
    Scatter {
        /// The stage.
        stage: String,
        /// What was found and what was expected.
        message: String,
    },
    /// A value of `with:` does not render.
    #[error("stage {stage}: with.{name} cannot be rendered: {message}")]
    With {
        /// The stage.
        stage: String,
        /// The parameter.
        name: String,
        /// Why not.
        message: String,
    },
    /// A staged file's digest was not given.
    #[error(
        "stage {stage}: the file {file} could not be read to stage it; see that it exists and is readable"
    )]
    Unstaged {
        /// The stage.
        stage: String,
        /// The file.
        file: String,
    },
    /// A variable that a stage inherits is not set.
    #[error(
        "stage {stage}: `env: {{ {name}: inherit }}`, but {name} is not set; export it before you start \
         sunward, or write its value"
    )]
    NotInherited {
        /// The stage.
        stage: String,
        /// The variable.
        name: String,
    },
    /// A task asks for more memory than there is.
    #[error(
        "stage {stage} asks for {asked_bytes} bytes of memory a task, this machine has \
         {machine_bytes}; lower resources.memory or run it on a larger machine"
    )]
    Memory {
        /// The stage.
        stage: String,
        /// What it asks for.
        asked_bytes: u64,
        /// What there is.
        machine_bytes: u64,
    },
    /// A task asks for more space than the disk has in all.
    #[error(
        "stage {stage} asks for {asked_bytes} bytes of disk a task, the disk that it would work on \
         has {disk_bytes} in all; lower resources.disk or keep the state on a larger disk (--home)"
    )]
    Disk {
        /// The stage.
        stage: String,
        /// What it asks for.
        asked_bytes: u64,
        /// What there is, used or free.
        disk_bytes: u64,
    },
    /// A command asks for a device that is not there.
    #[error(
        "stage {stage} asks for a GPU and this machine has {}; \
         `resources: {{ optional: true }}` lets it run without one",
        match have { 0 => "none".to_owned(), some => format!("{some}") }
    )]
    Gpu {
        /// The stage.
        stage: String,
        /// How many there are.
        have: u32,
    },
}

impl PlanError {
    /// True when the machine is at fault and not what the user wrote (exit code 3 rather than 2).
    #[must_use]
    pub const fn is_infrastructure(&self) -> bool {
        match self {
            Self::Memory { .. } | Self::Disk { .. } | Self::Gpu { .. } => true,
            Self::NoSuchStage { .. }
            | Self::NoUpstream { .. }
            | Self::Cycle { .. }
            | Self::Scatter { .. }
            | Self::With { .. }
            | Self::Unstaged { .. }
            | Self::NotInherited { .. } => false,
        }
    }
}
