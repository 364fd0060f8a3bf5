//! Clocks and units of time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Hundredths of a second since boot, the unit of start times in `/proc`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks(pub(crate) u64);

impl Ticks {
    pub(crate) fn now() -> Self {
        Self(since_boot_us() / 10_000)
    }
}

/// Microseconds since boot.
pub(crate) fn since_boot_us() -> u64 {
    timespec_us(clock_gettime(ClockId::Boottime))
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// Processor time of the calling thread so far, in microseconds.
pub(crate) fn thread_cpu_us() -> u64 {
    timespec_us(clock_gettime(ClockId::ThreadCPUTime))
}

/// Processor time of this whole process so far, in microseconds.
pub(crate) fn process_cpu_us() -> u64 {
    timespec_us(clock_gettime(ClockId::ProcessCPUTime))
}

/// Microseconds of a duration.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Converts a duration for system calls.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// A point in time as microseconds.
fn timespec_us(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000 + nanos / 1_000
}
