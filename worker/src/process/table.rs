//! What `/proc` says of processes: whose child, which group, how much memory, what is open.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::timespec;

/// One process, as far as it concerns us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessEntry {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    /// Whether a person may sit before it.
    pub(crate) has_terminal: bool,
    /// Whether it has ended, and only its parent has not looked yet.
    pub(crate) has_ended: bool,
    pub(crate) started_ticks: u64,
}

impl ProcessEntry {
    /// Reads one; nothing when it is gone.
    pub(crate) fn read(pid: Pid) -> Option<Self> {
        let pid = pid.as_raw_nonzero().get();
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(pid, &text)
    }

    /// The name, second and in brackets, may hold anything, brackets and spaces included.
    fn parse(pid: i32, stat: &str) -> Option<Self> {
        let (_, after_name) = stat.rsplit_once(')')?;
        let words: Vec<&str> = after_name.split_whitespace().collect();
        Some(Self {
            pid,
            parent: words.get(1)?.parse().ok()?,
            group: words.get(2)?.parse().ok()?,
            has_terminal: *words.get(4)? != "0",
            has_ended: matches!(*words.first()?, "Z" | "X" | "x"),
            started_ticks: words.get(19)?.parse().ok()?,
        })
    }

    /// All processes there are.
    pub(crate) fn all() -> Vec<Self> {
        let pids = all_pids().filter_map(Pid::from_raw);
        pids.filter_map(Self::read).collect()
    }

    /// Its name, for messages.
    pub(crate) fn name(self) -> String {
        let name = fs::read_to_string(format!("/proc/{}/comm", self.pid)).unwrap_or_default();
        name.trim_end().to_owned()
    }

    /// Its number and name, for messages: `123 (sleep)`.
    pub(crate) fn shown(self) -> String {
        format!("{} ({})", self.pid, self.name())
    }

    /// Memory that is this process's own, in bytes: pages of files that it maps are not counted,
    /// since the system can take them back.
    pub(crate) fn own_memory(self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        own_memory(&status)
    }

    /// A variable of the environment that its program was started with. Nothing where it is not set,
    /// where the program wrote over it, and where this user may not look.
    pub(crate) fn variable(self, name: &str) -> Option<String> {
        let bytes = fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        bytes
            .split(|byte| *byte == 0)
            .filter_map(|entry| str::from_utf8(entry).ok()?.split_once('='))
            .find_map(|(found, value)| (found == name).then(|| value.to_owned()))
    }

    /// Whether it stands in a folder, or has a file below it open for writing.
    pub(crate) fn works_in(self, folder: &Path) -> bool {
        let stands = fs::read_link(format!("/proc/{}/cwd", self.pid));
        stands.is_ok_and(|found| found.starts_with(folder))
            || self.open_files().iter().any(|number| {
                fs::read_link(self.descriptor(number)).is_ok_and(|file| file.starts_with(folder))
                    && self.writes(number)
            })
    }

    /// The numbers of its open files; none where this user may not look.
    pub(crate) fn open_files(self) -> Vec<String> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid)).into_iter();
        let names = entries.flatten().flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.into_string().ok()).collect()
    }

    /// Where one of its open files is looked at.
    pub(crate) fn descriptor(self, number: &str) -> PathBuf {
        format!("/proc/{}/fd/{number}", self.pid).into()
    }

    /// Whether an open file is open for writing.
    pub(crate) fn writes(self, number: &str) -> bool {
        let info = fs::read_to_string(format!("/proc/{}/fdinfo/{number}", self.pid));
        info.is_ok_and(|info| opened_for_writing(&info))
    }

    /// Sends it a signal; never another process that got its number meanwhile.
    pub(crate) fn signal(self, signal: Signal) -> io::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(());
        };
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        match Self::read(pid) {
            Some(now) if now.started_ticks == self.started_ticks => {
                Ok(pidfd_send_signal(&handle, signal)?)
            }
            _ => Ok(()),
        }
    }
}

/// The numbers of all processes.
fn all_pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The last octal digit of the flags is how a file was opened: 0 for reading, 1 for writing, 2 for both.
fn opened_for_writing(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 3 != 0)
}

fn own_memory(status: &str) -> u64 {
    let kib: u64 = status
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            let number = rest.split_whitespace().next()?;
            let counts = matches!(name, "RssAnon" | "RssShmem");
            counts.then(|| number.parse::<u64>().ok())?
        })
        .sum();
    kib * 1024
}

/// Those of `all` that are in `roots` or descend from them, wherever they put themselves.
pub(crate) fn with_descendants(all: &[ProcessEntry], roots: &BTreeSet<i32>) -> Vec<ProcessEntry> {
    let mut found: Vec<i32> = roots.iter().copied().collect();
    let mut known = roots.clone();
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        let children = all.iter().filter(|process| process.parent == parent);
        found.extend(children.map(|p| p.pid).filter(|pid| known.insert(*pid)));
        at += 1;
    }
    let is_known = |process: &&ProcessEntry| known.contains(&process.pid);
    all.iter().filter(is_known).copied().collect()
}

/// Waits until processes have ended, for so long at most.
pub(crate) fn await_ends(processes: &[ProcessEntry], patience: Duration) {
    let until = Instant::now() + patience;
    for process in processes {
        let pid = Pid::from_raw(process.pid);
        let Some(Ok(handle)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) else {
            continue;
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&handle, PollFlags::IN)];
            match poll(&mut fds, Some(&timespec(left))) {
                Err(Errno::INTR) => {}
                _ => break,
            }
        }
    }
}

/// Processes for a message: `123 (sleep), 124 (sh)`.
pub(crate) fn named(processes: &[ProcessEntry]) -> String {
    const NAMED: usize = 5;
    let first = processes.iter().take(NAMED);
    let mut names: Vec<String> = first.map(|process| process.shown()).collect();
    if processes.len() > NAMED {
        names.push(format!("and {} more", processes.len() - NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> ProcessEntry {
        ProcessEntry::read(rustix::process::getpid()).unwrap()
    }

    #[test]
    fn a_name_with_brackets_and_spaces_is_no_obstacle() {
        let stat = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 1234 5 6";
        let entry = ProcessEntry::parse(42, stat).unwrap();
        assert_eq!(
            (entry.parent, entry.group, entry.started_ticks),
            (7, 42, 1234)
        );
        assert!(!entry.has_ended && !entry.has_terminal);
        let stat = stat.replace(" S 7 42 42 0", " Z 7 42 42 34816");
        let entry = ProcessEntry::parse(42, &stat).unwrap();
        assert!(entry.has_ended && entry.has_terminal);
    }

    #[test]
    fn mapped_files_are_not_a_process_s_own_memory() {
        let status = "VmRSS:\t 900 kB\nRssAnon:\t 100 kB\nRssFile:\t 790 kB\nRssShmem:\t 10 kB\n";
        assert_eq!(own_memory(status), 110 * 1024);
        assert!(us().own_memory() > 100_000);
    }

    #[test]
    fn this_process_is_in_the_table() {
        let below = with_descendants(&ProcessEntry::all(), &[us().parent].into());
        assert!(below.contains(&us()));
        assert!(!us().name().is_empty());
        let path = std::env::var("PATH").unwrap();
        assert_eq!(us().variable("PATH"), Some(path));
        assert_eq!(us().variable("PAT"), None);
    }

    #[test]
    fn a_file_that_is_open_for_writing_is_told_from_one_that_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let written = fs::File::create(&path).unwrap();
        assert!(us().works_in(folder.path()));
        drop(written);
        let _read = fs::File::open(&path).unwrap();
        assert!(!us().works_in(folder.path()));
        for (flags, writes) in [("0100000", false), ("0100001", true), ("02100002", true)] {
            assert_eq!(
                opened_for_writing(&format!("pos:\t0\nflags:\t{flags}\n")),
                writes
            );
        }
    }
}
