//! Measures an attempt: wall time, processor time, energy.
//!
//! Energy is read from meters if a device was the attempt's alone: processors by RAPL (`package`),
//! GPUs by NVML (`gpu`). Otherwise it is modeled: busy cores by an assumed power, GPUs by their
//! rated power (`rated`). If neither is possible, it is missing.

mod gpu;
mod package;
mod presence;
mod rated;
mod span;

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use sunward_core::{Energy, RanOn};

pub(crate) use gpu::GpuSpan;
use gpu::Management;
pub use package::NoMeter;
use package::Packages;
use presence::Presence;
pub(crate) use presence::Present;
pub(crate) use span::Span;

use crate::devices::Held;

/// The locations of meters.
#[derive(Clone, Debug)]
pub struct MeterFiles {
    /// The system's power capping zones.
    pub powercap: PathBuf,
    /// Processor time of the whole machine.
    pub stat: PathBuf,
    /// NVIDIA's management library.
    pub nvml: PathBuf,
}

impl Default for MeterFiles {
    /// The usual locations on Linux.
    fn default() -> Self {
        Self {
            powercap: "/sys/class/powercap".into(),
            stat: "/proc/stat".into(),
            nvml: "libnvidia-ml.so.1".into(),
        }
    }
}

impl MeterFiles {
    /// How many processor packages (sockets) report their energy.
    ///
    /// # Errors
    ///
    /// Fails if one does not, or there is none.
    pub fn packages(&self) -> Result<usize, NoMeter> {
        package::count(&self.powercap)
    }
}

/// The meters of this machine.
pub(crate) struct Meters {
    packages: Option<Packages>,
    gpus: Management,
    presence: Presence,
    stat: PathBuf,
    milliwatts_per_core: u64,
}

impl Meters {
    /// The readable meters, and the assumed power of a busy core.
    pub(crate) fn new(files: MeterFiles, watts_per_core: f64) -> Self {
        Self {
            packages: Packages::find(&files.powercap)
                .inspect_err(|why| tracing::info!("no meter of processors: {why}"))
                .ok(),
            gpus: Management::at(files.nvml),
            presence: Presence::default(),
            stat: files.stat,
            milliwatts_per_core: milliwatts(watts_per_core),
        }
    }

    /// Records that a slot is working, until the returned value is dropped.
    pub(crate) fn enter(&self) -> Present<'_> {
        self.presence.enter()
    }

    /// Begins an attempt, or several that are metered together.
    pub(crate) fn begin(&self) -> Span<'_> {
        Span::begin(self)
    }

    /// Begins an attempt that is too short for meters.
    pub(crate) fn begin_short(&self) -> Span<'_> {
        Span::begin_short(self)
    }

    /// The models of these GPUs, and their driver.
    pub(crate) fn ran_on(&self, held: &Held) -> RanOn {
        let mut names: Vec<&str> = held.cards().iter().map(|card| card.name.as_str()).collect();
        let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
        names.dedup();
        RanOn::Gpu {
            name: names.join(" and ").into(),
            count,
            driver: self.gpus.driver(),
        }
    }

    /// Begins the use of GPUs.
    pub(crate) fn begin_gpus(&self, held: &Held) -> GpuSpan {
        GpuSpan::begin(&self.gpus, held)
    }

    /// Ends it and returns the GPUs' energy, if there are any.
    pub(crate) fn end_gpus(&self, span: GpuSpan) -> Option<Energy> {
        span.end(&self.gpus)
    }
}

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

/// Processor time times the power of a busy core. Idle power belongs to no attempt and is left out.
fn modelled(cpu_us: u64, milliwatts_per_core: u64) -> Energy {
    Energy::Modelled {
        millijoules: cpu_us
            .saturating_mul(milliwatts_per_core)
            .div_ceil(1_000_000),
    }
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

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
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
fn milliwatts(watts: f64) -> u64 {
    let rounded = (watts * 1000.0).round().clamp(0.0, 1e9);
    // Through text, because a float has no checked conversion to an integer.
    format!("{rounded:.0}").parse().unwrap_or(0)
}
