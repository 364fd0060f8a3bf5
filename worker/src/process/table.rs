//! Reads from `/proc` what is known about processes: parents, groups, memory and open files.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::clock::timespec;

/// The properties of one process that the worker uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessEntry {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    /// Whether it has a controlling terminal, so that a person may be using it.
    pub(crate) has_terminal: bool,
    /// Whether it has ended but was not reaped yet.
    pub(crate) has_ended: bool,
    pub(crate) started_ticks: u64,
    /// Processor time of the process and of the children that it has waited for.
    pub(crate) cpu_ticks: u64,
}

impl ProcessEntry {
    /// Reads the entry of one process, or `None` if it no longer exists.
    pub(crate) fn read(pid: Pid) -> Option<Self> {
        let pid = pid.as_raw_nonzero().get();
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(pid, &text)
    }

    /// Parses `/proc/PID/stat`. The second field is the name in parentheses, which may itself
    /// contain spaces and parentheses.
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
            cpu_ticks: words
                .get(11..15)?
                .iter()
                .map(|ticks| ticks.parse().unwrap_or(0))
                .fold(0, u64::saturating_add),
        })
    }

    /// Reads the entries of all processes.
    pub(crate) fn all() -> Vec<Self> {
        let pids = all_pids().filter_map(Pid::from_raw);
        pids.filter_map(Self::read).collect()
    }

    /// The name of its program, for messages.
    pub(crate) fn name(self) -> String {
        let name = fs::read_to_string(format!("/proc/{}/comm", self.pid)).unwrap_or_default();
        name.trim_end().to_owned()
    }

    /// Its number and name, for messages: `123 (sleep)`.
    pub(crate) fn shown(self) -> String {
        format!("{} ({})", self.pid, self.name())
    }

    /// The process's own memory in bytes. Mapped pages of files are not counted, since the system
    /// can reclaim them.
    pub(crate) fn own_memory(self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        own_memory(&status)
    }

    /// A variable of the environment that the process's program was started with. It is `None` if
    /// the variable is not set, the program overwrote its environment, or this user may not read
    /// it.
    pub(crate) fn variable(self, name: &str) -> Option<String> {
        let bytes = fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        bytes
            .split(|byte| *byte == 0)
            .filter_map(|entry| str::from_utf8(entry).ok()?.split_once('='))
            .find_map(|(found, value)| (found == name).then(|| value.to_owned()))
    }

    /// Whether the process's working folder is in `folder`, or it has a file below `folder` open
    /// for writing.
    pub(crate) fn works_in(self, folder: &Path) -> bool {
        let stands = fs::read_link(format!("/proc/{}/cwd", self.pid));
        stands.is_ok_and(|found| found.starts_with(folder))
            || self.open_files().iter().any(|number| {
                fs::read_link(self.descriptor(number)).is_ok_and(|file| file.starts_with(folder))
                    && self.writes(number)
            })
    }

    /// The descriptor numbers of the process's open files. The list is empty if this user may not
    /// read it.
    pub(crate) fn open_files(self) -> Vec<String> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid)).into_iter();
        let names = entries.flatten().flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.into_string().ok()).collect()
    }

    /// The path in `/proc` of one of its open files.
    pub(crate) fn descriptor(self, number: &str) -> PathBuf {
        format!("/proc/{}/fd/{number}", self.pid).into()
    }

    /// Whether one of its open files is open for writing.
    pub(crate) fn writes(self, number: &str) -> bool {
        let info = fs::read_to_string(format!("/proc/{}/fdinfo/{number}", self.pid));
        info.is_ok_and(|info| opened_for_writing(&info))
    }

    /// Sends a signal to the process. It never reaches another process that got the same process id
    /// meanwhile.
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

/// The process ids of all processes.
fn all_pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether the content of a file in `fdinfo` says that the file is open for writing. The last octal
/// digit of its flags is 0 for reading, 1 for writing and 2 for both.
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

/// Returns the processes of `all` that are in `roots` or descend from them, whatever their group.
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

/// Waits until all these processes have ended, but at most for `patience`.
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

/// Lists processes for a message, for example `123 (sleep), 124 (sh)`.
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
