//! Failures of attempts, in a form that a user can act on.

use serde::{Deserialize, Serialize};

use crate::ran_on::RanOn;

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind. It decides whether the task is tried again.
    pub kind: FailureKind,
    /// What happened, what was expected and what to do, in one or two sentences.
    pub message: String,
    /// The end of the attempt's log without escapes and control characters. It may be empty.
    pub log_tail: String,
    /// The kind of device that it ran on; `None` if it failed before it ran.
    pub ran_on: Option<RanOn>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The command exited with this code.
    Exit(i32),
    /// This signal ended the command. It was not sent by Sunward.
    Signal(i32),
    /// It ran out of time.
    Timeout,
    /// It ran out of memory.
    Memory,
    /// An output is missing or not what was declared.
    Output,
    /// An input or parameter cannot be used: a kernel refused it, or a template does not render.
    Input,
    /// The worker or machine failed in a way that may pass: the disk is full, or the store is
    /// unreachable.
    Infrastructure,
    /// It was cancelled.
    Cancelled,
    /// The machine's owner took it back, or the machine is leaving. The attempt is not charged to
    /// the task.
    Preempted,
    /// The machine, the network or the store refuses, and waiting does not help. The message has
    /// the remedy.
    Permanent,
    /// A part that it reads is gone or damaged. The task that made the part must run again first.
    InputLost,
}

/// Who can fix a failure. Every decision about retries, charging and exit codes follows from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The user: it is their command, file or parameters. Retried only if they ask for it.
    User,
    /// The machine had a temporary problem. Retried for some minutes.
    Passing,
    /// The machine has a problem that somebody must fix. Never retried.
    Permanent,
    /// The store lost an input, which is computed again.
    Lost,
    /// There is nothing to fix: it was stopped.
    Nobody,
}

impl Blame {
    /// The kind of a failure with this blame; `mine` if it is the user's.
    #[must_use]
    pub const fn kind(self, mine: FailureKind) -> FailureKind {
        match self {
            Self::User => mine,
            Self::Passing => FailureKind::Infrastructure,
            Self::Permanent => FailureKind::Permanent,
            Self::Lost => FailureKind::InputLost,
            Self::Nobody => FailureKind::Cancelled,
        }
    }
}

impl FailureKind {
    /// The blame for a failure of this kind.
    #[must_use]
    pub const fn blame(self) -> Blame {
        match self {
            Self::Exit(_)
            | Self::Signal(_)
            | Self::Timeout
            | Self::Memory
            | Self::Output
            | Self::Input => Blame::User,
            Self::Infrastructure => Blame::Passing,
            Self::Permanent => Blame::Permanent,
            Self::InputLost => Blame::Lost,
            Self::Cancelled | Self::Preempted => Blame::Nobody,
        }
    }
}
