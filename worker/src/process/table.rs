//! What `/proc` says of processes: whose child, which group, how much memory.

use std::fs;

use rustix::process::Pid;

/// One process, as far as it concerns us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessEntry {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
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
            started_ticks: words.get(19)?.parse().ok()?,
        })
    }

    /// All processes there are.
    pub(crate) fn all() -> Vec<Self> {
        fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(Pid::from_raw)
            .filter_map(Self::read)
            .collect()
    }

    /// Memory that is this process's own, in bytes: pages of files that it maps are not counted,
    /// since the system can take them back.
    fn own_memory(self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        own_memory(&status)
    }
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

/// Memory of all processes in a group, in bytes.
pub(crate) fn group_memory(group: Pid) -> u64 {
    let group = group.as_raw_nonzero().get();
    ProcessEntry::all()
        .into_iter()
        .filter(|process| process.group == group)
        .map(ProcessEntry::own_memory)
        .sum()
}

/// Children and children's children of a process, wherever they put themselves.
pub(crate) fn descendants(root: Pid) -> Vec<Pid> {
    let all = ProcessEntry::all();
    let mut found = vec![root.as_raw_nonzero().get()];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        found.extend(all.iter().filter(|p| p.parent == parent).map(|p| p.pid));
        at += 1;
    }
    found
        .into_iter()
        .skip(1)
        .filter_map(Pid::from_raw)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_is_no_obstacle() {
        let stat = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 1234 5 6";
        let entry = ProcessEntry::parse(42, stat).unwrap();
        assert_eq!(
            (entry.parent, entry.group, entry.started_ticks),
            (7, 42, 1234)
        );
    }

    #[test]
    fn mapped_files_are_not_a_process_s_own_memory() {
        let status = "VmRSS:\t 900 kB\nRssAnon:\t 100 kB\nRssFile:\t 790 kB\nRssShmem:\t 10 kB\n";
        assert_eq!(own_memory(status), 110 * 1024);
    }

    #[test]
    fn this_process_is_in_the_table() {
        let us = rustix::process::getpid();
        let parent = ProcessEntry::read(us).unwrap().parent;
        assert!(descendants(Pid::from_raw(parent).unwrap()).contains(&us));
        let group = Pid::from_raw(ProcessEntry::read(us).unwrap().group).unwrap();
        assert!(group_memory(group) > 100_000);
    }
}
