//! The worker's scratch folder, and cleanup after a dead worker.
//!
//! A process that is killed (`kill -9`) does not take its children with it. So a worker holds a
//! lock on a file in its scratch folder as long as it lives, and each slot notes in that file the
//! process group that it started last. Whoever gets the lock later knows that the worker is dead,
//! ends the processes that it left, and removes the folder. Usually the worker's supervisor does
//! this at once (see [`crate::supervisor`]); otherwise the next process that opens the same state
//! does it.
//!
//! A process belongs to the dead worker if it is in a noted group or has the worker's name in
//! [`attempt_name::VARIABLE`]. Without that variable, it also belongs to the worker if it has no
//! terminal and works in the scratch folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::getpid;
use sunward_files::private;

use crate::clock::{Ticks, since_boot_us};
use crate::environments::leftover;
use crate::process::attempt_name;
use crate::process::table::{ProcessEntry, with_descendants};
use crate::process::tree::end_all;
use crate::task_folder::remove_tree;

/// Bytes of one record in the notes. The first record is the boot id; then follows one for each
/// slot.
const NOTE: usize = 64;

/// The file in a scratch folder that the worker keeps its notes in, and holds a lock on.
const NOTES: &str = "live";

/// The delay before the last search, once a search found nothing. A process that has not yet
/// started its program cannot be recognized.
const LAST_LOOK_AFTER: Duration = Duration::from_millis(20);

/// The scratch folder of one worker, locked while the worker lives.
pub(crate) struct Scratch {
    folder: PathBuf,
    notes: File,
}

impl Scratch {
    /// Cleans up after dead workers below `home`, and creates a new scratch folder.
    pub(crate) fn claim(home: &Path) -> io::Result<Self> {
        let all = home.join("scratch");
        private::create_folders(&all)?;
        // Only one process at a time does this. Otherwise a new folder that is not locked yet would
        // look like that of a dead worker.
        let sweep_lock = private::create(&sweep_lock(&all))?;
        flock(&sweep_lock, FlockOperation::LockExclusive)?;
        sweep_folders(&all, true);
        let folder = create_numbered(&all)?;
        let notes = private::create(&folder.join(NOTES))?;
        flock(&notes, FlockOperation::NonBlockingLockExclusive)?;
        notes.write_all_at(format!("{:<63}\n", boot_id()).as_bytes(), 0)?;
        Ok(Self { folder, notes })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder's name. No other worker has the same name until the computer restarts.
    pub(crate) fn name(&self) -> &str {
        name_of(&self.folder)
    }

    /// Notes that the slot `place` started the process group `group` between two moments.
    pub(crate) fn note(&self, place: usize, group: u32, before: Ticks, after: Ticks) {
        let note = format!("{group:>20} {:>20} {:>20} \n", before.0, after.0);
        let at = (place as u64 + 1) * NOTE as u64;
        // If this fails, a crash may leave this one process running. Nothing else depends on the
        // note.
        drop(self.notes.write_all_at(note.as_bytes(), at));
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_tree(&self.folder);
    }
}

/// The lock file of the scratch folders. Its holder may search for dead workers.
fn sweep_lock(all: &Path) -> PathBuf {
    all.join("lock")
}

fn name_of(folder: &Path) -> &str {
    let name = folder.file_name();
    name.and_then(|name| name.to_str()).unwrap_or_default()
}

/// Creates a scratch folder. The time in its name distinguishes it from the folder of an earlier
/// process with the same process id.
fn create_numbered(all: &Path) -> io::Result<PathBuf> {
    let prefix = attempt_name::workers_prefix();
    for number in since_boot_us()..u64::MAX {
        let folder = all.join(format!("{prefix}{number:x}"));
        match private::create_folder(&folder) {
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
    /// The process id.
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

/// Ends the processes that dead workers of this state left running, and returns those that could
/// not be ended. If there are no scratch folders, this only lists one folder. A state whose lock
/// file cannot be opened is left alone.
#[must_use]
pub fn sweep(home: &Path) -> Vec<LeftRunning> {
    let all = home.join("scratch");
    let entries = fs::read_dir(&all).into_iter().flatten().flatten();
    if !entries.into_iter().any(|entry| entry.path().is_dir()) {
        return Vec::new();
    }
    let Ok(sweep_lock) = File::open(sweep_lock(&all)) else {
        return Vec::new();
    };
    if flock(&sweep_lock, FlockOperation::LockExclusive).is_err() {
        return Vec::new();
    }
    sweep_folders(&all, false)
}

/// Cleans up after a dead worker. The worker's supervisor calls this.
pub(crate) fn clear(folder: &Path) {
    let Some(all) = folder.parent() else {
        return;
    };
    // Waits for a lock if its file exists. The state may have been removed meanwhile.
    let locked = |path: PathBuf| {
        let file = File::open(path).ok()?;
        flock(&file, FlockOperation::LockExclusive).ok()?;
        Some(file)
    };
    let _sweep_lock = locked(sweep_lock(all));
    // The worker's lock is released a moment after its pipes are closed.
    let _notes = locked(folder.join(NOTES));
    let left = end_leftovers(folder);
    leftover::remove_noted(folder);
    if left.is_empty() {
        remove_tree(folder);
    }
}

/// Cleans up all scratch folders of dead workers. With `all_machines`, it also removes folders from
/// other machines and from before the last restart of this one. Only the exclusive owner of the
/// state may ask for that.
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
        leftover::remove_noted(&folder);
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

/// Ends the processes that a dead worker left, and returns those that could not be ended.
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

/// A process group that a slot started, and the range of its start time in ticks.
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

/// The running processes of a dead worker, and the members of the groups that they lead. The
/// calling process is never among them. Start times distinguish a leftover process from an
/// unrelated one with the same process id.
fn leftovers(folder: &Path, groups: &[Noted]) -> Vec<ProcessEntry> {
    let all = ProcessEntry::all();
    let is_noted = |process: &ProcessEntry| {
        groups.iter().any(|noted| {
            process.pid == noted.group
                && process.group == noted.group
                && noted.started.contains(&process.started_ticks)
        })
    };
    let is_root = |process: &&ProcessEntry| {
        is_noted(process)
            || match process.variable(attempt_name::VARIABLE) {
                Some(name) => attempt_name::is_of_worker(&name, name_of(folder)),
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

    use crate::process::attempt_name::VARIABLE;

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
        // The children of a living worker are left alone.
        let second = Scratch::claim(home.path()).unwrap();
        assert!(sweep(home.path()).is_empty());
        assert!(ours.try_wait().unwrap().is_none() && folder.exists());
        assert!(of_name.try_wait().unwrap().is_none());
        // This imitates a dead worker: its folder exists, but its lock is released.
        let name = scratch.name().to_owned();
        drop(second);
        let aside = home.path().join("aside");
        fs::rename(&folder, &aside).unwrap();
        let copy = home.path().join("scratch").join(&name);
        fs::create_dir(&copy).unwrap();
        fs::copy(aside.join("live"), copy.join("live")).unwrap();
        // A process that works there without the variable, and without a terminal.
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
