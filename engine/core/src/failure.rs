//! Why an attempt failed, in a form that a user can act on.

use serde::{Deserialize, Serialize};

use crate::ran_on::RanOn;

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind; decides whether it is tried again.
    pub kind: FailureKind,
    /// What happened, what was expected, what to do: one or two sentences.
    pub message: String,
    /// The end of the attempt's log, escapes and control characters removed; may be empty.
    pub log_tail: String,
    /// On what it ran; nothing where it did not come so far.
    pub ran_on: Option<RanOn>,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The command exited with this code.
    Exit(i32),
    /// The command was ended by this signal, not by us.
    Signal(i32),
    /// It ran out of time.
    Timeout,
    /// It ran out of memory.
    Memory,
    /// It gave no output, or not what was declared.
    Output,
    /// Its input or parameters could not be used (a kernel's refusal, a template that does not render).
    Input,
    /// The worker or machine failed in a way that may pass: disk full, store away.
    Infrastructure,
    /// It was cancelled.
    Cancelled,
    /// The machine's owner took it back, or it leaves: the attempt is nobody's fault and not counted.
    Preempted,
    /// The machine, the network or the store refuses in a way that no waiting mends; the message says
    /// what would.
    Permanent,
    /// A part that it reads is gone or damaged: what made it has to run again first.
    InputLost,
}

/// Whose a failure is. Every decision about retrying, charging and exit codes follows from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The user's: their command, file or parameters. Tried again only when they ask for it.
    User,
    /// The machine's, for a while: tried again for some minutes.
    Passing,
    /// The machine's, until somebody mends it: never tried again.
    Permanent,
    /// The store's: an input is lost and is computed again.
    Lost,
    /// Nobody's: it was stopped.
    Nobody,
}

impl Blame {
    /// The kind of a failure whose this is; `mine` where it is the user's.
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
    /// Whose a failure of this kind is.
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
