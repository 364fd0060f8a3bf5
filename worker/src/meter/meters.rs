//! The meters of this machine.

use std::path::PathBuf;

use sunward_core::{Energy, RanOn};

use super::gpu::{GpuSpan, Management};
use super::package::{self, NoMeter, Packages};
use super::presence::{Presence, Present};
use crate::devices::HeldGpus;

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
    pub(super) packages: Option<Packages>,
    gpus: Management,
    pub(super) presence: Presence,
    pub(super) stat: PathBuf,
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

    /// The models of these GPUs, and their driver.
    pub(crate) fn ran_on(&self, held: &HeldGpus) -> RanOn {
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
    pub(crate) fn begin_gpus(&self, held: &HeldGpus) -> GpuSpan {
        GpuSpan::begin(&self.gpus, held)
    }

    /// Ends it and returns the GPUs' energy, if there are any.
    pub(crate) fn end_gpus(&self, span: GpuSpan) -> Option<Energy> {
        span.end(&self.gpus)
    }

    /// Processor time times the power of a busy core. Idle power belongs to no attempt and is left
    /// out.
    /// The modelled energy of so much processor time, in whole joules.
    pub(crate) fn joules(&self, cpu_us: u64) -> u64 {
        match self.modelled(cpu_us) {
            Energy::Modelled { millijoules } => millijoules.div_ceil(1000),
            _ => 0,
        }
    }

    pub(super) fn modelled(&self, cpu_us: u64) -> Energy {
        Energy::Modelled {
            millijoules: cpu_us
                .saturating_mul(self.milliwatts_per_core)
                .div_ceil(1_000_000),
        }
    }
}

/// Watts as whole milliwatts.
fn milliwatts(watts: f64) -> u64 {
    let rounded = (watts * 1000.0).round().clamp(0.0, 1e9);
    // Through text, because a float has no checked conversion to an integer.
    format!("{rounded:.0}").parse().unwrap_or(0)
}
