//! Which processes belong to an attempt, wherever they put themselves.
//!
//! This process is the subreaper of all that it starts: what loses its parent becomes its child, so
//! that nothing which a command started is out of reach. Whose such an orphan is, this tells: by its
//! group, by the variable [`VARIABLE`] in its environment, by the folder that it works in; and by when
//! it began, where it has shed all of these. One that several running attempts may have started is
//! left alone until a single one of them, or none, is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, getpid, kill_process_group, set_child_subreaper,
    waitid,
};

use super::table::{ProcessEntry, await_ends, with_descendants};
use crate::live::{Scratch, Ticks};

/// Names the attempt in the environment of all that it starts.
pub(crate) const VARIABLE: &str = "SUNWARD_ATTEMPT";

/// How long processes may take to end once they were killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long is waited before it is looked who is left.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The processes of one attempt, from before its command is started until this is dropped.
#[derive(Debug)]
pub(crate) struct ProcessTree {
    number: u64,
    name: String,
}

/// Processes that this one started for itself, as long as this lives.
#[derive(Debug)]
pub(crate) struct OwnChild(i32);

/// Attempts of all workers of this process, as a subreaper is a whole process.
static TREES: Mutex<Trees> = Mutex::new(Trees {
    next: 0,
    since: None,
    known: BTreeMap::new(),
    own_children: BTreeSet::new(),
    given_up: BTreeSet::new(),
});

struct Trees {
    next: u64,
    /// When the first began. Children that are older came with this process.
    since: Option<Ticks>,
    known: BTreeMap<u64, Known>,
    own_children: BTreeSet<i32>,
    /// What withstood its end, by number and start. It is not tried again after each attempt.
    given_up: BTreeSet<(i32, u64)>,
}

struct Known {
    name: String,
    folder: PathBuf,
    since: Ticks,
    leader: Option<i32>,
}

/// Whose an orphan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Attempt(u64),
    /// An attempt's that is over.
    Nobody,
    /// One of several.
    Unclear,
}

impl ProcessTree {
    /// Of an attempt that is about to start in a folder.
    pub(crate) fn begin(scratch: &Scratch, folder: &Path) -> Self {
        let mut trees = lock();
        let now = Ticks::now();
        if trees.since.is_none() {
            trees.since = Some(now);
            // Where that is not to be had, what leaves its group is found by its environment alone.
            set_child_subreaper(Some(getpid())).ok();
        }
        let number = trees.next;
        trees.next += 1;
        let name = format!("{}:{number}", scratch.name());
        let known = Known {
            name: name.clone(),
            folder: folder.to_owned(),
            since: now,
            leader: None,
        };
        trees.known.insert(number, known);
        Self { number, name }
    }

    /// The value of [`VARIABLE`].
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its first process has started.
    pub(crate) fn is_led_by(&self, leader: Pid) {
        if let Some(known) = lock().known.get_mut(&self.number) {
            known.leader = Some(leader.as_raw_nonzero().get());
        }
    }

    /// All of its processes that run.
    pub(crate) fn members(&self) -> Vec<ProcessEntry> {
        let roots = {
            let trees = lock();
            let mut roots = trees.orphans_of(self.number);
            roots.extend(trees.known.get(&self.number).and_then(|k| k.leader));
            roots
        };
        // All of `/proc` is read without the lock, which every attempt takes as it starts and ends.
        living(&roots)
    }

    /// Signals all of its processes.
    pub(crate) fn signal(&self, leader: Pid, signal: Signal) {
        let members = self.members();
        kill_process_group(leader, signal).ok();
        let group = leader.as_raw_nonzero().get();
        // Members of the group have been told already, those who may not be signaled stay.
        let others = members.iter().filter(|process| process.group != group);
        others.for_each(|process| drop(process.signal(signal)));
    }

    /// Kills all of its processes and waits until they have ended. The first must not have been reaped:
    /// until then its number belongs to nobody else.
    pub(crate) fn kill(&self, leader: Pid) {
        self.signal(leader, Signal::KILL);
        let leading: Vec<ProcessEntry> = ProcessEntry::read(leader).into_iter().collect();
        await_ends(&leading, PATIENCE);
        self.end(leader);
    }

    /// Ends what its first process left behind when it ended, and gives what could not be ended.
    /// At the usual end nothing is left, and one file of `/proc` is read.
    pub(crate) fn end(&self, leader: Pid) -> Vec<ProcessEntry> {
        let mut left_any = false;
        let left = end_all(|| {
            kill_process_group(leader, Signal::KILL).ok();
            let roots = lock().orphans_of(self.number);
            left_any |= !roots.is_empty();
            living(&roots)
        });
        if left_any {
            reap();
        }
        let identities = left
            .iter()
            .map(|process| (process.pid, process.started_ticks));
        lock().given_up.extend(identities);
        left
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        lock().known.remove(&self.number);
    }
}

impl OwnChild {
    /// A process that no attempt started.
    pub(crate) fn process(pid: u32) -> Self {
        let pid = i32::try_from(pid).unwrap_or(0);
        lock().own_children.insert(pid);
        Self(pid)
    }
}

impl Drop for OwnChild {
    fn drop(&mut self) {
        lock().own_children.remove(&self.0);
    }
}

/// Ends what attempts left that are over, once none is to come.
pub(crate) fn end_the_rest() {
    end_all(|| {
        let trees = lock();
        let roots = trees.orphans().into_iter();
        let roots = roots.filter(|orphan| trees.owner(orphan) == Owner::Nobody);
        living(&roots.map(|orphan| orphan.pid).collect())
    });
    reap();
}

/// Looks after orphans that have ended, which would be kept in the system's table otherwise.
pub(crate) fn reap() {
    lock().orphans();
}

/// Kills what is found until nothing is; gives what withstood.
pub(crate) fn end_all(mut find: impl FnMut() -> Vec<ProcessEntry>) -> Vec<ProcessEntry> {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = find();
        if found.is_empty() || Instant::now() >= until {
            return found;
        }
        for process in &found {
            process.signal(Signal::KILL).ok();
        }
        await_ends(&found, LOOK_EVERY);
    }
}

fn lock() -> MutexGuard<'static, Trees> {
    TREES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// These and all that descends from them, as far as it runs.
fn living(roots: &BTreeSet<i32>) -> Vec<ProcessEntry> {
    if roots.is_empty() {
        return Vec::new();
    }
    let mut found = with_descendants(&ProcessEntry::all(), roots);
    found.retain(|process| !process.has_ended);
    found
}

impl Trees {
    /// Orphans that belong to an attempt, or to none that is running.
    fn orphans_of(&self, number: u64) -> BTreeSet<i32> {
        let mine = |orphan: &ProcessEntry| match self.owner(orphan) {
            Owner::Attempt(owner) => owner == number,
            Owner::Nobody => true,
            Owner::Unclear => false,
        };
        let orphans = self.orphans().into_iter();
        orphans.filter(mine).map(|orphan| orphan.pid).collect()
    }

    /// Processes that lost their parents and run. Those that have ended are reaped, under this lock,
    /// since the list of children is only whole while none is taken from it.
    fn orphans(&self) -> Vec<ProcessEntry> {
        let (pids, are_adopted) = children();
        let leaders: BTreeSet<i32> = self.known.values().filter_map(|k| k.leader).collect();
        let mut orphans = Vec::new();
        for pid in pids {
            if leaders.contains(&pid) || self.own_children.contains(&pid) {
                continue;
            }
            let Some((pid, entry)) =
                Pid::from_raw(pid).and_then(|p| Some((p, ProcessEntry::read(p)?)))
            else {
                continue;
            };
            if self.came_with_us(&entry) {
                continue;
            }
            if !entry.has_ended {
                if !self.given_up.contains(&(entry.pid, entry.started_ticks)) {
                    orphans.push(entry);
                }
            } else if are_adopted {
                let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
                waitid(WaitId::Pid(pid), how).ok();
            }
        }
        orphans
    }

    /// Whether a child was there before any attempt, or is a tool that this process runs for itself:
    /// those stay in its group, which no command is in.
    fn came_with_us(&self, child: &ProcessEntry) -> bool {
        child.group == getpgrp().as_raw_nonzero().get()
            || self
                .since
                .is_none_or(|since| child.started_ticks + 1 < since.0)
    }

    fn owner(&self, orphan: &ProcessEntry) -> Owner {
        let is_of =
            |found: Option<(&u64, &Known)>| found.map(|(number, _)| Owner::Attempt(*number));
        let mut known = self.known.iter();
        if let Some(owner) = is_of(known.find(|(_, k)| k.leader == Some(orphan.group))) {
            return owner;
        }
        let name = orphan.variable(VARIABLE);
        if let Some(name) = &name {
            let mut known = self.known.iter();
            if let Some(owner) = is_of(known.find(|(_, k)| k.name == *name)) {
                return owner;
            }
            if name.starts_with(&Scratch::prefix()) {
                return Owner::Nobody;
            }
        }
        let mut known = self.known.iter();
        if let Some(owner) = is_of(known.find(|(_, k)| orphan.works_in(&k.folder))) {
            return owner;
        }
        self.by_time(orphan)
    }

    /// The attempt that was running when an orphan began. The first process of a system gets others'
    /// orphans, too.
    fn by_time(&self, orphan: &ProcessEntry) -> Owner {
        if getpid().is_init() {
            return Owner::Unclear;
        }
        let known = self.known.iter();
        let mut running = known.filter(|(_, known)| known.since.0 <= orphan.started_ticks + 1);
        match (running.next(), running.next()) {
            (None, _) => Owner::Nobody,
            (Some((number, _)), None) => Owner::Attempt(*number),
            (Some(_), Some(_)) => Owner::Unclear,
        }
    }
}

/// Children of this process among which all orphans are, and whether no others are among them.
///
/// The system gives orphans to the first thread that lives, which is the main one. No attempt is
/// started from there.
fn children() -> (Vec<i32>, bool) {
    let us = getpid().as_raw_nonzero().get();
    match fs::read_to_string(format!("/proc/self/task/{us}/children")) {
        Ok(list) => {
            let pids = list.split_whitespace();
            (pids.filter_map(|pid| pid.parse().ok()).collect(), true)
        }
        Err(_) => {
            let all = ProcessEntry::all().into_iter();
            let ours = all.filter(|process| process.parent == us);
            (ours.map(|process| process.pid).collect(), false)
        }
    }
}
