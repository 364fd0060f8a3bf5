//! The worker's scratch folder, and what a dead worker left running.
//!
//! A process that is killed (`kill -9`) takes none of its children with it. So each slot notes the
//! process group it started last, with the time, in a file that its worker holds a lock on. Whoever
//! starts next on the same state and gets that lock knows that the worker is dead: it ends what
//! still runs and removes the folder. Start times tell a leftover from a stranger with its number.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::time::{ClockId, clock_gettime};

use crate::process::table::ProcessEntry;
use crate::task_folder::remove_tree;

/// Bytes of one note; the first is the boot's id, then one for each slot.
const NOTE: usize = 64;

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
        let door = File::create(all.join("lock"))?;
        flock(&door, FlockOperation::LockExclusive)?;
        sweep(&all);
        let folder = create_numbered(&all)?;
        let notes = File::create(folder.join("live"))?;
        flock(&notes, FlockOperation::NonBlockingLockExclusive)?;
        notes.write_all_at(format!("{:<63}\n", boot_id()).as_bytes(), 0)?;
        Ok(Self { folder, notes })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
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
pub(crate) struct Ticks(u64);

impl Ticks {
    pub(crate) fn now() -> Self {
        Self(crate::meter::timespec_us(clock_gettime(ClockId::Boottime)) / 10_000)
    }
}

fn create_numbered(all: &Path) -> io::Result<PathBuf> {
    let pid = std::process::id();
    for number in 0..u32::MAX {
        let folder = all.join(format!("w{pid}-{number}"));
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(folder),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let folder = entry.path();
        if !folder.is_dir() {
            continue;
        }
        let Ok(notes) = OpenOptions::new().read(true).open(folder.join("live")) else {
            remove_tree(&folder);
            continue;
        };
        if flock(&notes, FlockOperation::NonBlockingLockExclusive).is_ok() {
            end_leftovers(&folder.join("live"));
            remove_tree(&folder);
        }
    }
}

fn end_leftovers(notes: &Path) {
    let text = fs::read_to_string(notes).unwrap_or_default();
    let mut lines = text.lines();
    if lines.next().map(str::trim_end) != Some(boot_id().as_str()) {
        return;
    }
    for line in lines {
        let words: Vec<u64> = line
            .trim_matches('\0')
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        if let [group, before, after] = words[..] {
            end_if_ours(group, before, after);
        }
    }
}

fn end_if_ours(group: u64, before: u64, after: u64) {
    let Some(pid) = i32::try_from(group).ok().and_then(Pid::from_raw) else {
        return;
    };
    let ours = ProcessEntry::read(pid).is_some_and(|process| {
        let started = process.started_ticks;
        process.group == pid.as_raw_nonzero().get()
            && (before.saturating_sub(1)..=after + 1).contains(&started)
    });
    if ours {
        tracing::info!("ending process group {group}, left by a worker that died");
        kill_process_group(pid, Signal::KILL).ok();
    }
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

    fn sleeper() -> std::process::Child {
        Command::new("/bin/sleep")
            .arg("1000")
            .process_group(0)
            .spawn()
            .unwrap()
    }

    #[test]
    fn the_next_worker_ends_what_a_dead_one_left_and_no_strangers() {
        let home = tempfile::tempdir().unwrap();
        let scratch = Scratch::claim(home.path()).unwrap();
        let before = Ticks::now();
        let (mut ours, mut stranger) = (sleeper(), sleeper());
        scratch.note(0, ours.id(), before, Ticks::now());
        scratch.note(2, stranger.id(), Ticks(5), Ticks(6));
        let folder = scratch.folder().to_owned();
        // A living worker's children are left alone.
        let second = Scratch::claim(home.path()).unwrap();
        assert!(ours.try_wait().unwrap().is_none() && folder.exists());
        // What a dead worker leaves: the lock is gone, the folder is not.
        let copy = home.path().join("scratch/dead");
        fs::create_dir(&copy).unwrap();
        fs::copy(folder.join("live"), copy.join("live")).unwrap();
        drop(Scratch::claim(home.path()).unwrap());
        assert_eq!(ours.wait().unwrap().signal(), Some(9));
        assert!(stranger.try_wait().unwrap().is_none() && !copy.exists());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        drop((scratch, second));
        assert!(!folder.exists());
    }
}
