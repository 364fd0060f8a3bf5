//! The one worker of a pool: it runs leased tasks up to its capacity and queues the rest.

use std::collections::{BTreeMap, VecDeque};

use sunward_core::{Lease, RunId, Span, Timestamp};

use crate::capacity::Open;
use crate::group::Group;
use crate::submission::Needs;

/// Leased tasks that have not started.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    lease: Lease,
    needs: Needs,
}

/// One pool's worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worker {
    open: Open,
    taken: Open,
    waiting: VecDeque<Waiting>,
    running: BTreeMap<u64, Group>,
    begun: u64,
}

/// The length of a task in milliseconds, from its lease, its index and the expected length.
pub(crate) type Pace<'a> = &'a dyn Fn(&Lease, u32, u64) -> u64;

impl Worker {
    /// The open capacity.
    pub(crate) const fn open(&self) -> Open {
        self.open
    }

    /// The capacity that is taken.
    pub(crate) const fn taken(&self) -> Open {
        self.taken
    }

    /// Changes the capacity. Running tasks continue until [`Worker::evict`].
    pub(crate) const fn set_open(&mut self, open: Open) {
        self.open = open;
    }

    /// Adds a lease to the queue.
    pub(crate) fn offer(&mut self, lease: Lease, needs: Needs) {
        self.waiting.push_back(Waiting { lease, needs });
    }

    /// Starts what fits, in order of arrival; smaller tasks may pass those that do not fit. Returns
    /// the numbers of the groups that started.
    pub(crate) fn start(&mut self, now: Timestamp, pace: Pace<'_>) -> Vec<u64> {
        let mut begun = Vec::new();
        for mut one in std::mem::take(&mut self.waiting) {
            let room = self.room(one.needs).min(one.lease.count);
            if room > 0 {
                self.begin(&one, room, now, pace, &mut begun);
                one.lease.first += room;
                one.lease.count -= room;
            }
            if one.lease.count > 0 {
                self.waiting.push_back(one);
            }
        }
        begun
    }

    /// How many tasks of this size fit now. A task larger than the fully open pool gets all of it;
    /// a closed pool runs none.
    fn room(&self, needs: Needs) -> u32 {
        let cpus = self.open.cpus.saturating_sub(self.taken.cpus);
        let gpus = self.open.gpus.saturating_sub(self.taken.gpus);
        let by_cpus = cpus.checked_div(needs.cpus).unwrap_or(u32::MAX);
        let by_gpus = gpus.checked_div(needs.gpus).unwrap_or(u32::MAX);
        by_cpus.min(by_gpus)
    }

    fn begin(
        &mut self,
        one: &Waiting,
        room: u32,
        now: Timestamp,
        pace: Pace<'_>,
        begun: &mut Vec<u64>,
    ) {
        let (first, end) = (one.lease.first, one.lease.first + room);
        let mut from = first;
        while from < end {
            let task_ms = pace(&one.lease, from, one.needs.task_ms);
            let mut to = from + 1;
            while to < end && pace(&one.lease, to, one.needs.task_ms) == task_ms {
                to += 1;
            }
            self.running.insert(
                self.begun,
                Group {
                    lease: one.lease,
                    first: from,
                    count: to - from,
                    needs: one.needs,
                    started: now,
                    ends: now.after_ms(task_ms),
                },
            );
            begun.push(self.begun);
            self.begun += 1;
            from = to;
        }
        self.taken.gpus += one.needs.gpus * room;
        self.taken.cpus += one.needs.cpus * room;
    }

    /// The running group of this number.
    pub(crate) fn group(&self, number: u64) -> Option<&Group> {
        self.running.get(&number)
    }

    /// Removes a group that has ended; `None` if it was stopped before.
    pub(crate) fn end(&mut self, number: u64) -> Option<Group> {
        let group = self.running.remove(&number)?;
        self.release(&group);
        Some(group)
    }

    fn release(&mut self, group: &Group) {
        self.taken.gpus -= group.needs.gpus * group.count;
        self.taken.cpus -= group.needs.cpus * group.count;
    }

    /// Stops tasks beyond the capacity, the latest starts first.
    pub(crate) fn evict(&mut self) -> Vec<Group> {
        let mut stopped = Vec::new();
        while self.taken.gpus > self.open.gpus || self.taken.cpus > self.open.cpus {
            let Some(mut last) = self.running.last_entry() else {
                return stopped;
            };
            let group = last.get_mut();
            let gpus =
                (self.taken.gpus.saturating_sub(self.open.gpus)).div_ceil(group.needs.gpus.max(1));
            let cpus =
                (self.taken.cpus.saturating_sub(self.open.cpus)).div_ceil(group.needs.cpus.max(1));
            let out = gpus.max(cpus).clamp(1, group.count);
            group.count -= out;
            let mut gone = *group;
            gone.first += gone.count;
            gone.count = out;
            if group.count == 0 {
                last.remove();
            }
            self.release(&gone);
            stopped.push(gone);
        }
        stopped
    }

    /// Stops everything: returns the groups that ran, and empties the queue.
    pub(crate) fn lose(&mut self) -> Vec<Group> {
        self.waiting.clear();
        self.taken = Open::default();
        std::mem::take(&mut self.running).into_values().collect()
    }

    /// Removes the waiting leases of some tasks, and stops the groups that run some of them if `stops`
    /// is set. A lease or a group makes way as a whole.
    pub(crate) fn make_way(&mut self, tasks: Span, stops: bool) -> (Vec<Group>, Vec<Lease>) {
        let beyond = tasks.first.saturating_add(tasks.count);
        let meets = |lease: &Lease, first: u32, count: u32| {
            (lease.run, lease.stage) == (tasks.run, tasks.stage)
                && first < beyond
                && tasks.first < first.saturating_add(count)
        };
        let running = self.running.iter().filter(|_| stops);
        let numbers: Vec<u64> = running
            .filter(|(_, group)| meets(&group.lease, group.first, group.count))
            .map(|(number, _)| *number)
            .collect();
        let groups = numbers.into_iter().filter_map(|number| self.end(number));
        let groups = groups.collect();
        let (gone, kept) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|one| meets(&one.lease, one.lease.first, one.lease.count));
        self.waiting = kept;
        (groups, gone.into_iter().map(|one| one.lease).collect())
    }

    /// Stops the groups of a run and removes its waiting leases.
    pub(crate) fn revoke(&mut self, run: RunId) -> (Vec<Group>, Vec<Lease>) {
        let numbers: Vec<u64> = self
            .running
            .iter()
            .filter(|(_, group)| group.lease.run == run)
            .map(|(number, _)| *number)
            .collect();
        let groups = numbers.into_iter().filter_map(|number| self.end(number));
        let groups = groups.collect();
        let (gone, kept) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|one| one.lease.run == run);
        self.waiting = kept;
        (groups, gone.into_iter().map(|one| one.lease).collect())
    }
}

#[cfg(test)]
mod tests {
    use sunward_core::{Generation, Lease, RunId, StageId, Timestamp};

    use super::{Needs, Open, Worker};

    fn lease(run: u64, first: u32, count: u32) -> Lease {
        Lease {
            run: RunId(run),
            stage: StageId(0),
            first,
            count,
            generation: Generation(1),
            attempt: 1,
        }
    }

    const GPU: Needs = Needs {
        task_ms: 1000,
        milliwatts: 1,
        gpus: 1,
        cpus: 0,
    };

    fn as_expected(_: &Lease, _: u32, expected_ms: u64) -> u64 {
        expected_ms
    }

    #[test]
    fn what_fits_begins_and_the_rest_waits_its_turn() {
        let mut worker = Worker::default();
        worker.set_open(Open { gpus: 4, cpus: 0 });
        worker.offer(lease(1, 0, 6), GPU);
        let begun = worker.start(Timestamp(0), &as_expected);
        assert_eq!(begun.len(), 1);
        assert_eq!(worker.group(begun[0]).map(|group| group.count), Some(4));
        assert!(worker.start(Timestamp(1), &as_expected).is_empty());
        worker.end(begun[0]).unwrap();
        let rest = worker.start(Timestamp(1000), &as_expected);
        let rest = worker.group(rest[0]).unwrap();
        assert_eq!((rest.first, rest.count), (4, 2));
    }

    #[test]
    fn when_the_owner_is_back_what_began_last_leaves_first() {
        let mut worker = Worker::default();
        worker.set_open(Open { gpus: 4, cpus: 0 });
        worker.offer(lease(1, 0, 2), GPU);
        worker.start(Timestamp(0), &as_expected);
        worker.offer(lease(2, 0, 2), GPU);
        let late = worker.start(Timestamp(5), &as_expected);
        worker.set_open(Open { gpus: 1, cpus: 0 });
        let gone = worker.evict();
        let gone: Vec<_> = gone
            .iter()
            .map(|one| (one.lease.run.0, one.count))
            .collect();
        assert_eq!(gone, [(2, 2), (1, 1)]);
        assert!(worker.end(late[0]).is_none(), "it was stopped");
        assert_eq!(worker.taken().gpus, 1);
    }

    #[test]
    fn a_task_that_does_not_fit_lets_smaller_ones_pass() {
        let mut worker = Worker::default();
        worker.set_open(Open { gpus: 2, cpus: 0 });
        worker.offer(lease(1, 0, 1), Needs { gpus: 3, ..GPU });
        worker.offer(lease(2, 0, 1), GPU);
        let begun = worker.start(Timestamp(0), &as_expected);
        assert_eq!(
            worker.group(begun[0]).map(|group| group.lease.run),
            Some(RunId(2))
        );
        let (_, waiting) = worker.revoke(RunId(1));
        assert_eq!(waiting, [lease(1, 0, 1)]);
    }
}
