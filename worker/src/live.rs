//! The worker's scratch folder, and what a dead worker left running.
//!
//! A process that is killed (`kill -9`) takes none of its children with it. So a worker holds a lock
//! on a file in its scratch folder as long as it lives, and each slot notes there the process group
//! that it started last. Who gets that lock later knows that the worker is dead: it ends what still
//! runs and removes the folder. That is the worker's supervisor at once (see [`crate::supervisor`]),
//! else whoever looks at the same state next. What belongs to the dead worker tells its group, the
//! variable [`VARIABLE`] in its environment, or the folder that it works in.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::getpid;
use rustix::time::{ClockId, clock_gettime};

use crate::process::table::{ProcessEntry, with_descendants};
use crate::process::tree::{VARIABLE, end_all};
use crate::task_folder::remove_tree;

/// Bytes of one note; the first is the boot's id, then one for each slot.
const NOTE: usize = 64;

/// The file in a worker's folder that it holds a lock on.
const NOTES: &str = "live";

/// After nothing was found, this is waited before the last look: a process that was about to start
/// its program has no name yet.
const LAST_LOOK_AFTER: Duration = Duration::from_millis(20);

/// The folder of one worker, locked while it lives.
pub(crate) struct Scratch {
    folder: PathBuf,
    notes: File,
}

impl Scratch {
    /// Clears what dead workers left below `home` and makes a folder of its own.
    pub(crate) fn claim(home: &Path) -> io::Result<Self> {
        let all = home.join("scratch");
        // As private as the state's folder.
        let mode = fs::metadata(home).map_or(0o700, |found| found.permissions().mode()) & 0o770;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&all)?;
        // One at a time, or a folder that is not locked yet would look like a dead worker's.
        let door = File::create(door(&all))?;
        flock(&door, FlockOperation::LockExclusive)?;
        sweep_folders(&all, true);
        let folder = create_numbered(&all)?;
        let notes = File::create(folder.join(NOTES))?;
        flock(&notes, FlockOperation::NonBlockingLockExclusive)?;
        notes.write_all_at(format!("{:<63}\n", boot_id()).as_bytes(), 0)?;
        Ok(Self { folder, notes })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its name, which no other worker has while this computer is up.
    pub(crate) fn name(&self) -> &str {
        name_of(&self.folder)
    }

    /// How the names of all scratch folders of this process begin.
    pub(crate) fn prefix() -> String {
        format!("w{}-", std::process::id())
    }

    /// Notes the group that the slot `place` started between two moments.
    pub(crate) fn note(&self, place: usize, group: u32, before: Ticks, after: Ticks) {
        let note = format!("{group:>20} {:>20} {:>20} \n", before.0, after.0);
        let at = (place as u64 + 1) * NOTE as u64;
        // Without the note a crash may leave this one process running; nothing else depends on it.
        drop(self.notes.write_all_at(note.as_bytes(), at));
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_tree(&self.folder);
    }
}

/// Hundredths of a second since boot: the unit of start times in `/proc`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks(pub(crate) u64);

impl Ticks {
    pub(crate) fn now() -> Self {
        Self(crate::meter::timespec_us(clock_gettime(ClockId::Boottime)) / 10_000)
    }
}

/// Who takes this lock may look for dead workers.
fn door(all: &Path) -> PathBuf {
    all.join("lock")
}

fn name_of(folder: &Path) -> &str {
    let name = folder.file_name();
    name.and_then(|name| name.to_str()).unwrap_or_default()
}

/// The time in the name tells it from that of an earlier process with the same number.
fn create_numbered(all: &Path) -> io::Result<PathBuf> {
    let up = crate::meter::timespec_us(clock_gettime(ClockId::Boottime));
    for number in up..u64::MAX {
        let folder = all.join(format!("{}{number:x}", Scratch::prefix()));
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(folder),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// A process of a dead worker that could not be ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeftRunning {
    /// Its number.
    pub pid: u32,
    /// The name of its program.
    pub name: String,
}

impl LeftRunning {
    fn of(process: ProcessEntry) -> Self {
        Self {
            pid: u32::try_from(process.pid).unwrap_or(0),
            name: process.name(),
        }
    }
}

/// Ends what dead workers of this state left running, and gives what could not be ended. Where nobody
/// died, that is one look into a folder. A state that may not be written is left alone.
#[must_use]
pub fn sweep(home: &Path) -> Vec<LeftRunning> {
    let all = home.join("scratch");
    let entries = fs::read_dir(&all).into_iter().flatten().flatten();
    if !entries.into_iter().any(|entry| entry.path().is_dir()) {
        return Vec::new();
    }
    let Ok(door) = File::open(door(&all)) else {
        return Vec::new();
    };
    if flock(&door, FlockOperation::LockExclusive).is_err() {
        return Vec::new();
    }
    sweep_folders(&all, false)
}

/// What the supervisor of a worker does once that is dead.
pub(crate) fn clear(folder: &Path) {
    let Some(all) = folder.parent() else {
        return;
    };
    // Locks are waited for where there are files to lock: somebody may have removed the state.
    let locked = |path: PathBuf| {
        let file = File::open(path).ok()?;
        flock(&file, FlockOperation::LockExclusive).ok()?;
        Some(file)
    };
    let _door = locked(door(all));
    // This one comes with the worker's very end, a moment after its pipes are closed.
    let _notes = locked(folder.join(NOTES));
    if end_leftovers(folder).is_empty() {
        remove_tree(folder);
    }
}

/// With `all_machines`, also folders go whose worker was on another machine, or before this one was
/// started anew; that is for who holds the state alone.
fn sweep_folders(all: &Path, all_machines: bool) -> Vec<LeftRunning> {
    let mut left = Vec::new();
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let folder = entry.path();
        if !folder.is_dir() {
            continue;
        }
        let Ok(notes) = File::open(folder.join(NOTES)) else {
            if all_machines {
                remove_tree(&folder);
            }
            continue;
        };
        if flock(&notes, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        if !is_of_this_boot(&folder) {
            if all_machines {
                remove_tree(&folder);
            }
            continue;
        }
        let found = end_leftovers(&folder);
        if found.is_empty() {
            remove_tree(&folder);
        }
        left.extend(found);
    }
    left
}

fn is_of_this_boot(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join(NOTES)).unwrap_or_default();
    text.lines().next().map(str::trim_end) == Some(boot_id().as_str())
}

/// Ends all that a dead worker left, and gives what could not be ended.
fn end_leftovers(folder: &Path) -> Vec<LeftRunning> {
    let groups = noted_groups(folder);
    let find = || {
        let found = leftovers(folder, &groups);
        if !found.is_empty() {
            tracing::info!("{} processes were left by a worker that died", found.len());
        }
        found
    };
    let mut left = end_all(find);
    if left.is_empty() {
        std::thread::sleep(LAST_LOOK_AFTER);
        left = end_all(find);
    }
    left.into_iter().map(LeftRunning::of).collect()
}

/// A process group that a slot started, and between which moments.
struct Noted {
    group: i32,
    started: std::ops::RangeInclusive<u64>,
}

fn noted_groups(folder: &Path) -> Vec<Noted> {
    let text = fs::read_to_string(folder.join(NOTES)).unwrap_or_default();
    let noted = |line: &str| {
        let words: Option<Vec<u64>> = line
            .trim_matches('\0')
            .split_whitespace()
            .map(|word| word.parse().ok())
            .collect();
        match words?[..] {
            [group, before, after] => Some(Noted {
                group: group.try_into().ok()?,
                started: before.saturating_sub(1)..=after + 1,
            }),
            _ => None,
        }
    };
    text.lines().skip(1).filter_map(noted).collect()
}

/// What runs of a dead worker, with the groups that such processes lead; never who looks for it.
/// Start times tell a leftover from a stranger with its number.
fn leftovers(folder: &Path, groups: &[Noted]) -> Vec<ProcessEntry> {
    let all = ProcessEntry::all();
    let ours = format!("{}:", name_of(folder));
    let is_noted = |process: &ProcessEntry| {
        groups.iter().any(|noted| {
            process.pid == noted.group
                && process.group == noted.group
                && noted.started.contains(&process.started_ticks)
        })
    };
    let is_root = |process: &&ProcessEntry| {
        is_noted(process)
            || match process.variable(VARIABLE) {
                Some(name) => name.starts_with(&ours),
                None => !process.has_terminal && process.works_in(folder),
            }
    };
    let mut roots: BTreeSet<i32> = all.iter().filter(is_root).map(|p| p.pid).collect();
    let led = |process: &ProcessEntry| process.pid == process.group && roots.contains(&process.pid);
    let groups: BTreeSet<i32> = all.iter().filter(|p| led(p)).map(|p| p.group).collect();
    roots.extend(
        all.iter()
            .filter(|p| groups.contains(&p.group))
            .map(|p| p.pid),
    );
    let us = getpid().as_raw_nonzero().get();
    let mut found = with_descendants(&all, &roots);
    found.retain(|process| !process.has_ended && process.pid != us);
    found
}

fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    fn sleeper(attempt: Option<&str>) -> std::process::Child {
        let mut command = Command::new("/bin/sleep");
        command.arg("1000").process_group(0);
        command.envs(attempt.map(|name| (VARIABLE, name)));
        command.spawn().unwrap()
    }

    #[test]
    fn the_next_worker_ends_what_a_dead_one_left_and_no_strangers() {
        let home = tempfile::tempdir().unwrap();
        let scratch = Scratch::claim(home.path()).unwrap();
        let before = Ticks::now();
        let (mut ours, stranger) = (sleeper(None), sleeper(None));
        let named = format!("{}:3", scratch.name());
        let mut of_name = sleeper(Some(&named));
        let other = sleeper(Some("w1-0:3"));
        scratch.note(0, ours.id(), before, Ticks::now());
        scratch.note(2, stranger.id(), Ticks(5), Ticks(6));
        let folder = scratch.folder().to_owned();
        // A living worker's children are left alone.
        let second = Scratch::claim(home.path()).unwrap();
        assert!(sweep(home.path()).is_empty());
        assert!(ours.try_wait().unwrap().is_none() && folder.exists());
        assert!(of_name.try_wait().unwrap().is_none());
        // What a dead worker leaves: the lock is gone, the folder is not.
        let name = scratch.name().to_owned();
        drop(second);
        let aside = home.path().join("aside");
        fs::rename(&folder, &aside).unwrap();
        let copy = home.path().join("scratch").join(&name);
        fs::create_dir(&copy).unwrap();
        fs::copy(aside.join("live"), copy.join("live")).unwrap();
        // A process without a name that works there, and none of any terminal.
        let mut works = Command::new("/bin/sleep");
        let mut works = works
            .arg("1000")
            .current_dir(&copy)
            .process_group(0)
            .spawn()
            .unwrap();
        assert_eq!(sweep(home.path()), []);
        for mut gone in [ours, of_name] {
            assert_eq!(gone.wait().unwrap().signal(), Some(9));
        }
        let has_terminal = ProcessEntry::read(getpid()).unwrap().has_terminal;
        assert_eq!(works.try_wait().unwrap().is_none(), has_terminal);
        for mut left in [stranger, other] {
            assert!(left.try_wait().unwrap().is_none());
            left.kill().unwrap();
            left.wait().unwrap();
        }
        works.kill().unwrap();
        works.wait().unwrap();
        assert!(!copy.exists() || has_terminal);
        fs::rename(&aside, &folder).unwrap();
        drop(scratch);
        assert!(!folder.exists());
    }
}
