//! Clocks: real time, and scaled time for demonstrations on recorded grids.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sunward_core::{RunClock, Timestamp};

/// Tells the time. Tests and replays provide their own clock.
pub trait Clock: Send {
    /// The current moment.
    fn now(&self) -> Timestamp;

    /// Called when the loop has nothing to do before `due` unless a message arrives: none of its
    /// own threads is at work. A clock of virtual time moves on here.
    fn idle_until(&self, _due: Timestamp) {}

    /// The real time in which `virtual_ms` milliseconds of this clock pass.
    fn real(&self, virtual_ms: u64) -> Duration {
        Duration::from_millis(virtual_ms)
    }

    /// What this clock showed when the machine's clock showed `system_ms` milliseconds since the
    /// epoch. Workers report in the machine's time.
    fn at(&self, system_ms: u64) -> Timestamp {
        Timestamp(system_ms)
    }

    /// The microseconds of this clock that pass in `real_us` real microseconds.
    fn stretch_us(&self, real_us: u64) -> u64 {
        real_us
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(system_ms())
    }
}

/// A clock that starts at another moment and runs faster, to replay a recorded grid.
#[derive(Clone, Copy, Debug)]
pub struct ScaledClock(RunClock);

impl ScaledClock {
    /// A clock that shows `as_of` now and runs `scale` times as fast as the machine's.
    #[must_use]
    pub fn new(as_of: Timestamp, scale: NonZeroU32) -> Self {
        Self(RunClock {
            as_of,
            scale,
            began: Timestamp(system_ms()),
        })
    }

    /// The clock of a run.
    #[must_use]
    pub const fn of(clock: RunClock) -> Self {
        Self(clock)
    }

    /// How many times faster than the machine's clock it runs.
    #[must_use]
    pub const fn scale(&self) -> NonZeroU32 {
        self.0.scale
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        self.at(system_ms())
    }

    fn real(&self, virtual_ms: u64) -> Duration {
        // Rounded up, because waking too early means waking twice.
        let us = virtual_ms
            .saturating_mul(1000)
            .div_ceil(u64::from(self.0.scale.get()));
        Duration::from_micros(us)
    }

    fn at(&self, system_ms: u64) -> Timestamp {
        self.0.shows(Timestamp(system_ms))
    }

    fn stretch_us(&self, real_us: u64) -> u64 {
        real_us.saturating_mul(u64::from(self.0.scale.get()))
    }
}

fn system_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_clock_begins_when_it_is_told_and_waits_accordingly() {
        let scale = NonZeroU32::new(3600).unwrap();
        let clock = ScaledClock::new(Timestamp(1_000), scale);
        assert_eq!(clock.at(clock.0.began.0), Timestamp(1_000));
        assert_eq!(clock.at(clock.0.began.0 + 1_000), Timestamp(3_601_000));
        assert_eq!(
            clock.at(clock.0.began.0 - 5),
            Timestamp(1_000),
            "never before it began"
        );
        assert_eq!(clock.real(3_600_000), Duration::from_secs(1));
        assert_eq!(clock.real(1), Duration::from_micros(1));
        assert_eq!(clock.stretch_us(2), 7_200);
        assert!(clock.now() >= Timestamp(1_000));
    }
}
