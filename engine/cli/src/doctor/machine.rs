//! Checks cores, memory, disk, clock and devices.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sunward_kernels::device::{Gpus, gpus};
use sunward_worker::NoMeter;

use super::Finding;
use crate::machine::memory_bytes;
use crate::render::units::bytes;
use crate::settings::Settings;

/// With less free space than this, a run soon stops.
const DISK_WANTED_BYTES: u64 = 1 << 30;
/// With less memory than this, the engine itself has too little.
const MEMORY_WANTED_BYTES: u64 = 256 << 20;
/// 2025-01-01T00:00Z in seconds since the epoch. An earlier clock is wrong: Sunward is newer.
const EARLIEST_CLOCK_SECS: u64 = 1_735_689_600;
/// The largest difference between a new file's time and the clock. Caches that rely on file times
/// go wrong beyond it.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// Checks how many cores this process may use.
pub(crate) fn cores() -> Finding {
    match std::thread::available_parallelism() {
        Ok(cores) => Finding::good("cores", format!("{cores} to use")),
        Err(error) => Finding::note(
            "cores",
            format!("their number is not known ({error})"),
            "give it yourself: `sunward run -j N`",
        ),
    }
}

/// Checks the memory, as limited by the machine and the container.
pub(crate) fn memory() -> Finding {
    let Some(total) = memory_bytes() else {
        return Finding::note(
            "memory",
            "its size is not known (no /proc/meminfo)",
            "give stages that need much memory `resources: { memory: … }`, and run fewer tasks at once with -j",
        );
    };
    let found = format!("{} to use", bytes(total));
    if total < MEMORY_WANTED_BYTES {
        return Finding::problem("memory", found, "give the machine or container more");
    }
    Finding::good("memory", found)
}

/// Checks the free space for the state.
pub(crate) fn disk(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Err(error) => Finding::problem(
            "disk",
            format!(
                "{} cannot be examined ({error})",
                sunward_files::shown(folder)
            ),
            "choose another place with --home or $SUNWARD_HOME",
        ),
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let found = format!("{} free at {}", bytes(free), sunward_files::shown(folder));
            if free < DISK_WANTED_BYTES {
                return Finding::problem(
                    "disk",
                    found,
                    "make room (`sunward cache prune --older 30d`), or choose another place with --home",
                );
            }
            Finding::good("disk", found)
        }
    }
}

/// Checks that the clock is plausible and agrees with the file system's.
pub(crate) fn clock(folder: &Path) -> Finding {
    let now = SystemTime::now();
    let mend =
        "set the clock (`timedatectl set-ntp true`): runs and caches use it to tell old from new";
    if now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
        < EARLIEST_CLOCK_SECS
    {
        return Finding::problem("clock", "it is set to a time before 2025", mend);
    }
    let written = tempfile::NamedTempFile::new_in(folder)
        .and_then(|file| file.as_file().metadata())
        .and_then(|meta| meta.modified());
    match written {
        Err(error) => Finding::note(
            "clock",
            format!("a file to compare with cannot be written ({error})"),
            "choose another place with --home",
        ),
        Ok(written) => {
            let apart = written
                .duration_since(now)
                .unwrap_or_else(|error| error.duration());
            if apart > CLOCK_SKEW {
                return Finding::problem(
                    "clock",
                    format!(
                        "files written here get times that are {} s off the clock",
                        apart.as_secs()
                    ),
                    mend,
                );
            }
            Finding::good("clock", "correct, and the times of files agree with it")
        }
    }
}

/// Checks for energy meters of the processors. Without them, energy is modelled.
pub(crate) fn energy(settings: &Settings) -> Finding {
    let modelled = "the energy of processors is modelled from an assumed draw per busy core";
    match settings.meters.files().packages() {
        Ok(1) => Finding::good("energy", "one package of processors is metered"),
        Ok(packages) => Finding::good("energy", format!("{packages} packages are metered")),
        Err(why @ NoMeter::Unreadable(_)) => Finding::note(
            "energy",
            format!("{why}: {modelled}"),
            "an administrator can allow it: `chmod a+r` on that file, after each start of the system",
        ),
        Err(why) => Finding::note(
            "energy",
            format!("{why}: {modelled}"),
            "nothing to do; `watts_per_core` in your settings sets the draw of a core",
        ),
    }
}

/// Checks for GPUs. Without them, kernels run as their CPU twins.
pub(crate) fn gpu() -> Finding {
    let cards = crate::machine::cards();
    if !cards.is_empty() {
        let cards = cards.iter();
        let cards: Vec<String> = cards
            .map(|card| format!("{} ({} GiB)", card.name, card.memory_bytes >> 30))
            .collect();
        return Finding::good("gpu", cards.join(", "));
    }
    let why = match gpus() {
        Gpus::None(why) => why,
        Gpus::Count(_) => "the driver does not describe its GPUs".to_owned(),
    };
    Finding::note(
        "gpu",
        format!("{why}: kernels run their CPU twins, with the same results within their tolerance"),
        "nothing to do unless this machine has a GPU; then install its driver",
    )
}
