//! What an attempt cost: wall time, processor time, energy.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use sunward_core::Energy;

/// What was read of one attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) started_ms: u64,
    pub(crate) wall_us: u64,
    pub(crate) cpu_us: u64,
    pub(crate) energy: Energy,
}

impl Default for Reading {
    /// Of an attempt that never began, now.
    fn default() -> Self {
        Self {
            started_ms: now_ms(),
            wall_us: 0,
            cpu_us: 0,
            energy: Energy::Missing,
        }
    }
}

impl Reading {
    /// Of an attempt that began at `started` and used so much processor time until `now`.
    pub(crate) fn modelled(
        started: Started,
        now: Instant,
        cpu_us: u64,
        milliwatts_per_core: u64,
    ) -> Self {
        Self {
            started_ms: started.ms,
            wall_us: micros(now.saturating_duration_since(started.at)),
            cpu_us,
            energy: modelled(cpu_us, milliwatts_per_core),
        }
    }
}

/// Processor time times what a busy core draws. Idle draw is nobody's attempt's and left out.
pub(crate) fn modelled(cpu_us: u64, milliwatts_per_core: u64) -> Energy {
    Energy::Modelled {
        millijoules: cpu_us
            .saturating_mul(milliwatts_per_core)
            .div_ceil(1_000_000),
    }
}

/// When an attempt began, on both clocks.
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

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// Microseconds of a duration.
pub(crate) fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Processor time of the calling thread so far, in microseconds.
pub(crate) fn thread_cpu_us() -> u64 {
    timespec_us(clock_gettime(ClockId::ThreadCPUTime))
}

/// Processor time of this whole process so far, in microseconds.
pub(crate) fn process_cpu_us() -> u64 {
    timespec_us(clock_gettime(ClockId::ProcessCPUTime))
}

/// A point in time as microseconds.
pub(crate) fn timespec_us(time: rustix::time::Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000 + nanos / 1_000
}

/// Watts as whole milliwatts.
pub(crate) fn milliwatts(watts: f64) -> u64 {
    let rounded = (watts * 1000.0).round().clamp(0.0, 1e9);
    // Through text, because a float has no checked conversion to an integer.
    format!("{rounded:.0}").parse().unwrap_or(0)
}
