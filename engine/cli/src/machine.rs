//! The cores, memory and GPUs of this machine that this process may use.

use std::fs;
use std::sync::LazyLock;

use sunward_core::Timestamp;
use sunward_kernels::device::Card;
use sunward_workflows::{Gpus, Workflow};

use crate::device::Device;
use crate::settings::Settings;

/// The name of this machine as a pool.
pub(crate) const HERE: &str = "here";

/// The assumed memory if the machine's is not known. It suffices for small tasks, and the system's
/// own limits still apply.
const MEMORY_ASSUMED_BYTES: u64 = 1 << 30;

/// The resources that all tasks together may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) cpus: u32,
    pub(crate) memory_bytes: u64,
    /// The number of GPUs; `None` if they have not been counted.
    pub(crate) gpus: Option<u32>,
    /// The draw of a busy core in watts, if the user gives it.
    pub(crate) watts_per_core: Option<f64>,
    /// Whether tasks use a disk of this machine and must fit on it.
    pub(crate) has_disk: bool,
}

impl Machine {
    /// This machine, or `-j` of its cores.
    pub(crate) fn find(jobs: Option<u32>) -> Self {
        Self {
            cpus: jobs.unwrap_or_else(cores),
            memory_bytes: memory_bytes().unwrap_or(MEMORY_ASSUMED_BYTES),
            gpus: None,
            watts_per_core: None,
            has_disk: true,
        }
    }

    /// This machine with the draw of a core from the settings.
    pub(crate) fn drawing(self, settings: &Settings) -> Self {
        Self {
            watts_per_core: settings.watts_per_core,
            ..self
        }
    }

    /// This machine with its GPUs counted, if a stage asks for any and may get it. Otherwise they
    /// are not counted, because the driver is slow to start.
    pub(crate) fn with_gpus_for(self, workflow: &Workflow, device: Device) -> Self {
        let mut stages = workflow.stages.values();
        if self.gpus.is_some()
            || !device.may_be_gpu()
            || stages.all(|stage| stage.resources.gpus == Gpus::None)
        {
            return self;
        }
        Self {
            gpus: Some(u32::try_from(cards().len()).unwrap_or(u32::MAX)),
            ..self
        }
    }
}

/// The GPUs that this process may use. They are found once.
pub(crate) fn cards() -> &'static [Card] {
    static CARDS: LazyLock<Vec<Card>> = LazyLock::new(sunward_kernels::device::cards);
    &CARDS
}

/// The number of cores that this process may use.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

/// The machine's memory, or the container's share of it.
pub(crate) fn memory_bytes() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .ok()?;
    let total = kib.saturating_mul(1024);
    let limit = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]
    .into_iter()
    .find_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    Some(limit.map_or(total, |limit| limit.min(total)))
}

/// The current time.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A time as text: `2026-11-24T03:01:08Z`.
pub(crate) fn shown(at: Timestamp) -> String {
    sunward_grid::moment_shown(at)
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, shown};

    #[test]
    fn a_moment_is_shown_in_utc_to_the_second() {
        assert_eq!(shown(Timestamp(1_795_489_268_999)), "2026-11-24T03:01:08Z");
    }
}
