//! How and why a command ended.

use std::process::ExitStatus;

/// Why a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It ended by itself, or something other than the worker killed it.
    Itself,
    /// It reached its `timeout`.
    Timeout,
    /// It used this many bytes of memory, more than its limit.
    Memory(u64),
    /// It kept this many bytes in its folders, more than its limit.
    Disk(u64),
    /// Its run was revoked, or the worker stops.
    Cancelled,
}

/// How a command ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommandExit {
    pub(crate) status: ExitStatus,
    pub(crate) cause: Cause,
    pub(crate) cpu_us: u64,
    /// The most memory that one of its processes used, in bytes.
    pub(crate) peak_bytes: u64,
    /// A process of it may still be running, outside its group or not dead yet.
    pub(crate) left_processes: bool,
}
