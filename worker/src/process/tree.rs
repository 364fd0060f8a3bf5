//! Finds the processes that belong to an attempt, even if they leave its process group.
//!
//! This process is the subreaper of everything that it starts: a process that loses its parent
//! becomes its child, so that everything that a command started stays within reach. The attempt of
//! such an orphan is found by its group, then by the variable [`VARIABLE`] in its environment, then
//! by its working folder and the files that it writes. An orphan without any of these is assigned
//! by its start time. If several running attempts may have started it, it is left alone until at
//! most one of them still runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, getpid, kill_process_group, set_child_subreaper,
    waitid,
};

use super::attempt_name::{self, VARIABLE};
use super::table::{ProcessEntry, await_ends, with_descendants};
use crate::clock::Ticks;

/// How long to wait until killed processes have ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// Microseconds of one tick of processor time (`USER_HZ`).
const TICK_US: u64 = 10_000;

/// The program of Podman that watches a container.
const MONITOR: &str = "conmon";

/// How long to wait before the next search for processes that are left.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The processes of one attempt. It exists from before the command starts until this is dropped.
#[derive(Debug)]
pub(crate) struct ProcessTree {
    number: u64,
    name: String,
}

/// A process that this program started for itself. It is no orphan of an attempt as long as this
/// value lives.
#[derive(Debug)]
pub(crate) struct OwnChild(i32);

/// The attempts of all workers in this process. They are global, because the whole process is one
/// subreaper.
static TREES: Mutex<Trees> = Mutex::new(Trees {
    next: 0,
    since: None,
    known: BTreeMap::new(),
    own_children: BTreeSet::new(),
    given_up: BTreeSet::new(),
    monitors: BTreeMap::new(),
});

struct Trees {
    next: u64,
    /// When the first attempt began. Older children existed before any attempt.
    since: Option<Ticks>,
    known: BTreeMap<u64, Known>,
    own_children: BTreeSet<i32>,
    /// Processes that could not be killed, by process id and start time. They are not tried again
    /// after each attempt.
    given_up: BTreeSet<(i32, u64)>,
    /// The processor time of processes that watched containers and have ended, in ticks.
    monitors: BTreeMap<i32, u64>,
}

struct Known {
    name: String,
    folder: PathBuf,
    since: Ticks,
    leader: Option<i32>,
}

/// The attempt that an orphan belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Attempt(u64),
    /// No running attempt: the one that started it is over.
    Nobody,
    /// One of several running attempts.
    Unclear,
}

impl ProcessTree {
    /// Registers an attempt of a worker that is about to start in `folder`.
    pub(crate) fn begin(worker: &str, folder: &Path) -> Self {
        let mut trees = lock();
        let now = Ticks::now();
        if trees.since.is_none() {
            trees.since = Some(now);
            // If this fails, a process that leaves its group is found only by its environment.
            set_child_subreaper(Some(getpid())).ok();
        }
        let number = trees.next;
        trees.next += 1;
        let name = attempt_name::of(worker, number);
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

    /// Records the attempt's first process, which leads its group.
    pub(crate) fn set_leader(&self, leader: Pid) {
        if let Some(known) = lock().known.get_mut(&self.number) {
            known.leader = Some(leader.as_raw_nonzero().get());
        }
    }

    /// Returns all running processes of the attempt.
    pub(crate) fn members(&self) -> Vec<ProcessEntry> {
        let roots = {
            let mut trees = lock();
            let mut roots = trees.orphans_of(self.number);
            roots.extend(trees.known.get(&self.number).and_then(|k| k.leader));
            roots
        };
        // All of `/proc` is read without the lock, which every attempt takes as it starts and ends.
        living(&roots)
    }

    /// Sends a signal to all processes of the attempt.
    pub(crate) fn signal(&self, leader: Pid, signal: Signal) {
        let members = self.members();
        kill_process_group(leader, signal).ok();
        let group = leader.as_raw_nonzero().get();
        // Members of the group already have the signal. Processes that may not be signaled are left
        // as they are.
        let others = members.iter().filter(|process| process.group != group);
        others.for_each(|process| drop(process.signal(signal)));
    }

    /// Kills all processes of the attempt and waits until they have ended. The first process must
    /// not have been reaped yet, because until then no other process can have its process id.
    pub(crate) fn kill(&self, leader: Pid) {
        self.signal(leader, Signal::KILL);
        let leading: Vec<ProcessEntry> = ProcessEntry::read(leader).into_iter().collect();
        await_ends(&leading, PATIENCE);
        self.end(leader);
    }

    /// Kills the processes that are left after the first process has ended, and returns those that
    /// could not be ended. Usually none is left, and this reads only one file of `/proc`.
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
    /// Registers a process that no attempt started.
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

/// Kills the orphans of attempts that are over. The last slot calls this, when no attempt can
/// follow.
pub(crate) fn end_the_rest() {
    end_all(|| {
        let mut trees = lock();
        let roots = trees.orphans().into_iter();
        let roots = roots.filter(|orphan| trees.owner(orphan) == Owner::Nobody);
        living(&roots.map(|orphan| orphan.pid).collect())
    });
    reap();
}

/// Reaps orphans that have ended, which would otherwise stay in the system's process table.
pub(crate) fn reap() {
    lock().orphans();
}

/// The processor time of a process that watched a container, in microseconds, with all processes of
/// the container. Waits for its end until `until`.
pub(crate) fn cpu_of_monitor(pid: i32, until: Instant) -> Option<u64> {
    loop {
        reap();
        if let Some(ticks) = lock().monitors.remove(&pid) {
            return Some(ticks.saturating_mul(TICK_US));
        }
        let entry = Pid::from_raw(pid).and_then(ProcessEntry::read)?;
        if Instant::now() >= until {
            return None;
        }
        await_ends(&[entry], LOOK_EVERY);
    }
}

/// Kills the processes that `find` returns until it returns none. Returns those that are left after
/// [`PATIENCE`].
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

/// Returns the running processes among these and all their descendants.
fn living(roots: &BTreeSet<i32>) -> Vec<ProcessEntry> {
    if roots.is_empty() {
        return Vec::new();
    }
    let mut found = with_descendants(&ProcessEntry::all(), roots);
    found.retain(|process| !process.has_ended);
    found
}

impl Trees {
    /// Returns the process ids of orphans that belong to this attempt or to no running one.
    fn orphans_of(&mut self, number: u64) -> BTreeSet<i32> {
        let all = self.orphans().into_iter();
        let mine = |orphan: &ProcessEntry| match self.owner(orphan) {
            Owner::Attempt(owner) => owner == number,
            Owner::Nobody => true,
            Owner::Unclear => false,
        };
        all.filter(mine).map(|orphan| orphan.pid).collect()
    }

    /// Returns the running orphans, and reaps those that have ended. Reaping needs the lock,
    /// because the list of children is complete only while no child is removed from it.
    fn orphans(&mut self) -> Vec<ProcessEntry> {
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
            if self.is_unrelated(&entry) {
                continue;
            }
            if !entry.has_ended {
                if !self.given_up.contains(&(entry.pid, entry.started_ticks)) {
                    orphans.push(entry);
                }
            } else if are_adopted {
                if entry.name() == MONITOR {
                    self.monitors.insert(entry.pid, entry.cpu_ticks);
                }
                let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
                waitid(WaitId::Pid(pid), how).ok();
            }
        }
        orphans
    }

    /// Whether a child is no orphan of an attempt. It either started before the first attempt, or
    /// is in this process's own group, like the tools that this process runs for itself. No command
    /// is in that group.
    fn is_unrelated(&self, child: &ProcessEntry) -> bool {
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
            if attempt_name::is_of_this_process(name) {
                return Owner::Nobody;
            }
        }
        let mut known = self.known.iter();
        if let Some(owner) = is_of(known.find(|(_, k)| orphan.works_in(&k.folder))) {
            return owner;
        }
        self.by_time(orphan)
    }

    /// Returns the attempt that was running when an orphan started. If this process is the init
    /// process, as in a container, that is unclear, because init also gets the orphans of other
    /// processes.
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

/// Returns children of this process, and whether all of them may be reaped as orphans. The children
/// include every orphan.
///
/// The system gives orphans to the first living thread, which is the main thread. No attempt is
/// started from the main thread. If the system lists no children for a thread, the list contains
/// all children of the process.
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
