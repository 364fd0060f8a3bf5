//! RAPL: the processors' own energy counters, one file for each package (socket).
//!
//! A counter wraps to zero after some hundred kilojoules, about ten minutes of a busy server. So it
//! is also read regularly when no attempt asks, and its gains are summed here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often counters are read regularly: several times before one can wrap, which at 1 kW takes
/// four minutes (262,144 J).
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why the processors' energy cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMeter {
    /// There is no counter: the processor has none, or this is a virtual machine.
    #[error("no counter of a processor's energy below {}", sunward_files::shown(.0))]
    Absent(PathBuf),
    /// Many systems restrict it to the administrator.
    #[error("{} cannot be read", sunward_files::shown(.0))]
    Unreadable(PathBuf),
    /// The thread that reads counters regularly could not be started.
    #[error("no thread for it could be started: {0}")]
    NoThread(String),
}

/// The packages of this machine.
pub(super) struct Packages {
    inner: Arc<Inner>,
}

struct Inner {
    zones: Vec<Zone>,
    sum: Mutex<Sum>,
    closing: Condvar,
}

/// One package.
struct Zone {
    energy: PathBuf,
    /// The largest value of its counter, in microjoules.
    range_uj: u64,
}

/// The sum of the counters' gains, and their last values; `None` once one could not be read.
struct Sum {
    last_uj: Option<Vec<u64>>,
    gained_uj: u64,
    closed: bool,
}

impl Packages {
    /// All packages below the folder of power capping zones.
    pub(super) fn find(powercap: &Path) -> Result<Self, NoMeter> {
        let zones = zones(powercap)?;
        let last_uj = read(&zones);
        let inner = Arc::new(Inner {
            zones,
            sum: Mutex::new(Sum {
                last_uj,
                gained_uj: 0,
                closed: false,
            }),
            closing: Condvar::new(),
        });
        let looked_at = Arc::clone(&inner);
        let thread = std::thread::Builder::new().name("meter".into());
        // Without regular reading, a long attempt could miss a wrap.
        match thread.spawn(move || looked_at.look()) {
            Ok(_) => Ok(Self { inner }),
            Err(error) => Err(NoMeter::NoThread(error.to_string())),
        }
    }

    /// Energy of all packages since some fixed moment, in microjoules; `None` once a counter could
    /// not be read.
    pub(super) fn microjoules(&self) -> Option<u64> {
        self.inner.advance(&mut self.inner.sum())
    }
}

impl Drop for Packages {
    fn drop(&mut self) {
        self.inner.sum().closed = true;
        self.inner.closing.notify_all();
    }
}

impl Inner {
    fn sum(&self) -> MutexGuard<'_, Sum> {
        self.sum.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, sum: &mut Sum) -> Option<u64> {
        let last = sum.last_uj.take()?;
        let now = read(&self.zones)?;
        for ((zone, last), now) in self.zones.iter().zip(last).zip(&now) {
            sum.gained_uj = sum
                .gained_uj
                .saturating_add(gained(last, *now, zone.range_uj));
        }
        sum.last_uj = Some(now);
        Some(sum.gained_uj)
    }

    fn look(&self) {
        let mut sum = self.sum();
        while !sum.closed {
            let woken = self.closing.wait_timeout(sum, LOOK_EVERY);
            sum = woken.unwrap_or_else(PoisonError::into_inner).0;
            // After one failure it fails for everybody.
            self.advance(&mut sum);
        }
    }
}

/// All packages, each of which can be read now.
fn zones(powercap: &Path) -> Result<Vec<Zone>, NoMeter> {
    let mut zones = Vec::new();
    for entry in fs::read_dir(powercap).into_iter().flatten().flatten() {
        let folder = entry.path();
        if !is_package(&folder) {
            continue;
        }
        let [range, energy] = ["max_energy_range_uj", "energy_uj"].map(|file| folder.join(file));
        let readable = |file: &Path| number(file).ok_or_else(|| NoMeter::Unreadable(file.into()));
        let range_uj = readable(&range)?;
        readable(&energy)?;
        zones.push(Zone { energy, range_uj });
    }
    match zones.is_empty() {
        true => Err(NoMeter::Absent(powercap.into())),
        false => Ok(zones),
    }
}

/// How many packages can be metered.
pub(super) fn count(powercap: &Path) -> Result<usize, NoMeter> {
    zones(powercap).map(|zones| zones.len())
}

/// Accepts `intel-rapl:0`, and no zone within it. The same packages also appear as
/// `intel-rapl-mmio:0`.
fn is_package(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.strip_prefix("intel-rapl:"));
    let is_outer = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let is_called = |name: String| name.trim().starts_with("package");
    is_outer && fs::read_to_string(folder.join("name")).is_ok_and(is_called)
}

/// The counters' values; `None` if one cannot be read.
fn read(zones: &[Zone]) -> Option<Vec<u64>> {
    zones.iter().map(|zone| number(&zone.energy)).collect()
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The gain of a counter that wrapped at most once.
fn gained(before: u64, now: u64, range: u64) -> u64 {
    match now.checked_sub(before) {
        Some(gained) => gained,
        None => range.saturating_sub(before).saturating_add(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(root: &Path, folder: &str, name: &str, energy: &str) {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("name"), format!("{name}\n")).unwrap();
        fs::write(folder.join("max_energy_range_uj"), "1000\n").unwrap();
        fs::write(folder.join("energy_uj"), energy).unwrap();
    }

    #[test]
    fn packages_count_once_each_and_parts_of_them_and_the_platform_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let all = [
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:1", "package-1"),
            ("intel-rapl:2", "psys"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl-mmio:0", "package-0"),
        ];
        for (folder, name) in all {
            zone(root.path(), folder, name, "10");
        }
        let packages = Packages::find(root.path()).unwrap();
        assert_eq!(packages.microjoules(), Some(0));
        for (folder, name) in all {
            zone(root.path(), folder, name, "45");
        }
        assert_eq!(packages.microjoules(), Some(70));
        // One begins again, the other goes on.
        zone(root.path(), "intel-rapl:0", "package-0", "5");
        zone(root.path(), "intel-rapl:1", "package-1", "46");
        assert_eq!(packages.microjoules(), Some(70 + (1000 - 45 + 5) + 1));
    }

    #[test]
    fn a_counter_that_cannot_be_read_is_no_meter_then_or_later() {
        let root = tempfile::tempdir().unwrap();
        let error = |powercap: &Path| Packages::find(powercap).err().unwrap();
        let nowhere = root.path().join("nowhere");
        assert_eq!(error(&nowhere), NoMeter::Absent(nowhere));
        assert_eq!(error(root.path()), NoMeter::Absent(root.path().into()));
        zone(root.path(), "intel-rapl:0", "package-0", "10");
        zone(root.path(), "intel-rapl:1", "package-1", "not a number");
        let unreadable = root.path().join("intel-rapl:1/energy_uj");
        assert_eq!(error(root.path()), NoMeter::Unreadable(unreadable.clone()));
        zone(root.path(), "intel-rapl:1", "package-1", "10");
        let packages = Packages::find(root.path()).unwrap();
        fs::remove_file(unreadable).unwrap();
        assert_eq!(packages.microjoules(), None);
        // What was gained meanwhile is lost, so it stays unknown.
        zone(root.path(), "intel-rapl:1", "package-1", "20");
        assert_eq!(packages.microjoules(), None);
    }
}
