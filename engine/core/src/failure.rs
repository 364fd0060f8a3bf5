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
    /// The worker or machine failed: disk full, store away, program not startable by our fault.
    Infrastructure,
    /// It was cancelled.
    Cancelled,
    /// The machine's owner took it back, or it leaves: the attempt is nobody's fault and not counted.
    Preempted,
}
