//! What an attempt used.

use std::time::Instant;

use sunward_core::{Energy, RanOn};

use crate::clock::now_ms;

/// The readings of one attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) started_ms: u64,
    pub(crate) wall_us: u64,
    pub(crate) cpu_us: u64,
    pub(crate) energy: Energy,
}

impl Default for Reading {
    /// The reading of an attempt that never started, now.
    fn default() -> Self {
        Self {
            started_ms: now_ms(),
            wall_us: 0,
            cpu_us: 0,
            energy: Energy::Missing,
        }
    }
}

/// What the processes of an attempt used until it ended, also if it failed before its command
/// started.
#[derive(Clone, Default)]
pub(crate) struct Spent {
    pub(crate) cpu_us: u64,
    /// The processor or devices that it ran on, once its command has ended.
    pub(crate) ran_on: Option<RanOn>,
    /// The energy that its GPUs used, if it had any.
    pub(crate) gpus: Option<Energy>,
}

/// When an attempt started, on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) at: Instant,
    pub(crate) ms: u64,
}

impl Started {
    pub(crate) fn now() -> Self {
        Self {
            at: Instant::now(),
            ms: now_ms(),
        }
    }
}
