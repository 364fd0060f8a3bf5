//! The span of an attempt, and its energy.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sunward_core::Energy;

use super::meters::Meters;
use super::presence::Alone;
use super::reading::{Reading, Spent, Started};
use crate::clock::micros;

/// Attempts shorter than this are not metered. Processor time shows whether an attempt had the
/// machine to itself, and it is reported in hundredths of a second.
const SHORTEST: Duration = Duration::from_millis(100);

/// The share of the machine's busy time, in percent, that must be the attempt's own for the
/// packages' energy to count as its own. An idle system's services stay below the rest.
const OWN_PERCENT: u64 = 90;

/// Microseconds of one tick of the system's processor times, which Linux reports in hundredths of a
/// second on every kernel (`USER_HZ`).
const TICK_US: u64 = 10_000;

/// An attempt in progress.
pub(crate) struct Span<'m> {
    meters: &'m Meters,
    pub(crate) started: Started,
    before: Option<Before>,
}

/// Readings at the begin, if the attempt was alone then.
struct Before {
    alone: Alone,
    package_uj: u64,
    busy_us: u64,
}

impl<'m> Span<'m> {
    /// Begins an attempt, or several that are metered together.
    pub(crate) fn begin(meters: &'m Meters) -> Self {
        Self {
            before: before(meters),
            ..Self::begin_short(meters)
        }
    }

    /// Begins an attempt that is too short for meters.
    pub(crate) fn begin_short(meters: &'m Meters) -> Self {
        Self {
            meters,
            started: Started::now(),
            before: None,
        }
    }

    /// The processors' energy until `now`, for an attempt that used so much of their time.
    pub(crate) fn energy(&self, now: Instant, cpu_us: u64) -> Energy {
        let took = now.saturating_duration_since(self.started.at);
        match self.measured(took, cpu_us) {
            Some(millijoules) => Energy::Measured { millijoules },
            None => self.modelled(cpu_us),
        }
    }

    /// The modelled energy.
    pub(crate) fn modelled(&self, cpu_us: u64) -> Energy {
        self.meters.modelled(cpu_us)
    }

    /// The readings at the end of the attempt.
    pub(crate) fn reading(&self, now: Instant, spent: &Spent) -> Reading {
        let Spent { cpu_us, gpus, .. } = *spent;
        let energy = self.energy(now, cpu_us);
        Reading {
            started_ms: self.started.ms,
            wall_us: micros(now.saturating_duration_since(self.started.at)),
            cpu_us,
            energy: gpus.map_or(energy, |gpus| energy.plus(gpus)),
        }
    }

    fn measured(&self, took: Duration, cpu_us: u64) -> Option<u64> {
        let before = self.before.as_ref()?;
        if took < SHORTEST || !self.meters.presence.still(before.alone) {
            return None;
        }
        let packages = self.meters.packages.as_ref()?;
        let took_uj = packages.microjoules()?.checked_sub(before.package_uj)?;
        let busy_us = busy_us(&self.meters.stat)?.checked_sub(before.busy_us)?;
        is_own(cpu_us, busy_us).then_some(took_uj.div_ceil(1000))
    }
}

fn before(meters: &Meters) -> Option<Before> {
    let packages = meters.packages.as_ref()?;
    Some(Before {
        alone: meters.presence.alone()?,
        package_uj: packages.microjoules()?,
        busy_us: busy_us(&meters.stat)?,
    })
}

/// Whether this processor time is nearly all of the machine's.
fn is_own(cpu_us: u64, busy_us: u64) -> bool {
    cpu_us > 0 && cpu_us.saturating_mul(100) >= busy_us.saturating_mul(OWN_PERCENT)
}

/// Processor time of all cores since boot: `cpu user nice system idle iowait irq softirq steal …`
/// in ticks (proc(5)). Time of guests is within `user`.
fn busy_us(stat: &Path) -> Option<u64> {
    let text = fs::read_to_string(stat).ok()?;
    let mut words = text.lines().next()?.split_ascii_whitespace();
    if words.next() != Some("cpu") {
        return None;
    }
    let ticks: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = ticks[..] else {
        return None;
    };
    Some((user + nice + system + irq + softirq).saturating_mul(TICK_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_is_all_but_idling_and_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let stat = folder.path().join("stat");
        fs::write(
            &stat,
            "cpu  1 20 300 4000 50000 6 70 8 9 10\ncpu0 1 1 1 1\n",
        )
        .unwrap();
        assert_eq!(busy_us(&stat), Some((1 + 20 + 300 + 6 + 70) * 10_000));
        fs::write(&stat, "intr 1 2 3 4 5 6 7 8\n").unwrap();
        assert_eq!(busy_us(&stat), None);
        fs::write(&stat, "cpu 1 2 3\n").unwrap();
        assert_eq!(busy_us(&stat), None);
    }

    #[test]
    fn what_others_used_makes_it_nobodys_own() {
        assert!(is_own(1000, 1000) && is_own(900, 1000) && is_own(1100, 1000));
        assert!(!is_own(899, 1000) && !is_own(0, 0));
    }
}
