//! The queue of batches: admission by cores, memory, GPUs and disk space, first come first served.
//!
//! A task that does not fit yet may be overtaken by smaller ones, but at most [`OVERTAKEN_AT_MOST`]
//! times; then nothing starts before it. If it waits only for GPUs, it blocks only tasks that take
//! GPUs as well, so that cores do not stay idle for it.
//!
//! GPUs are only counted here, so that no slot is taken by a task that would have to wait for one.
//! [`crate::devices`] decides which GPUs a task gets; other engines of the machine may still hold
//! them.
//!
//! Disk space is shared with other programs. So it is measured whenever a task that declared some
//! might start, and what running tasks declared is subtracted, although they may have written part
//! of it already. That errs on the safe side. A task that waits for space which no running task
//! holds waits for other programs, and blocks no other task meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sunward_core::{Lease, RunId, Span, StageId};
use sunward_protocol::ArrivedFile;

use crate::attempt::declared_memory;
use crate::batch::{Batch, Need};
use crate::job::JobState;
use crate::space::Space;
use crate::stop::BatchStop;

/// How many batches may overtake an older one that does not fit yet: high enough to keep cores busy
/// beside a large waiting task, low enough that it waits only for a few small ones.
const OVERTAKEN_AT_MOST: u32 = 16;

/// Measures the free space where tasks work; `None` if unknown.
pub(crate) type Measure = Box<dyn Fn() -> Option<Space> + Send>;

/// The state of admission. It has no thread and no clock.
pub(crate) struct Queue {
    total: Need,
    /// Free cores, memory and GPUs, and the disk space that running tasks declared.
    free: Free,
    measure: Measure,
    jobs: BTreeMap<(RunId, StageId), Arc<JobState>>,
    /// What slots work on, by a number.
    running: BTreeMap<u64, Running>,
    next_batch: u64,
    waiting: VecDeque<Waiting>,
    leaving: bool,
}

/// A batch that a slot works on.
struct Running {
    tasks: Span,
    stop: BatchStop,
}

struct Waiting {
    job: Arc<JobState>,
    lease: Lease,
    need: Need,
    overtaken: u32,
}

/// The free resources.
struct Free {
    cpus: u32,
    memory_bytes: u64,
    gpus: u32,
    promised_disk_bytes: u64,
}

/// A task that could start if the disk had the space that it declared.
pub(crate) struct Shortage {
    pub(crate) job: Arc<JobState>,
    pub(crate) need_bytes: u64,
    pub(crate) space: Space,
}

/// Whether a task fits the free resources.
enum Fit {
    Fits,
    /// Running tasks hold what it needs.
    Later,
    /// Running tasks hold the GPUs that it needs; everything else is free.
    LaterOnGpus,
    /// The disk is too full, and no running task declared the space.
    Outside(Space),
}

/// What a slot does next.
pub(crate) enum Next {
    Work(Batch),
    Wait,
    Leave,
}

/// Why a lease cannot be queued.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownStage;

impl Queue {
    pub(crate) fn new(total: Need, measure: Measure) -> Self {
        Self {
            total,
            free: Free {
                cpus: total.cpus,
                memory_bytes: total.memory_bytes,
                gpus: total.gpus,
                promised_disk_bytes: 0,
            },
            measure,
            jobs: BTreeMap::new(),
            running: BTreeMap::new(),
            next_batch: 0,
            waiting: VecDeque::new(),
            leaving: false,
        }
    }

    pub(crate) fn add_job(&mut self, job: JobState) {
        let key = (job.job.run, job.job.stage_id);
        self.jobs.insert(key, Arc::new(job));
    }

    /// Adds files that a job lacks. A stage that is not known any more needs none.
    pub(crate) fn add_files(&mut self, stage: (RunId, StageId), files: Vec<ArrivedFile>) {
        if let Some(job) = self.jobs.get(&stage) {
            job.arrived.add(files);
        }
    }

    /// Queues a lease. A task that asks for more cores or memory than exist takes all of them.
    pub(crate) fn add_lease(&mut self, lease: Lease) -> Result<(), UnknownStage> {
        let job = self
            .jobs
            .get(&(lease.run, lease.stage))
            .cloned()
            .ok_or(UnknownStage)?;
        let need = Need {
            cpus: job.job.stage.resources.cpus.clamp(1, self.total.cpus),
            memory_bytes: declared_memory(&job.job.stage, lease.attempt)
                .unwrap_or(0)
                .min(self.total.memory_bytes),
            disk_bytes: job.job.stage.resources.disk_bytes.unwrap_or(0),
            gpus: job.gpus.min(self.total.gpus),
        };
        if lease.count > 0 && !self.leaving {
            self.waiting.push_back(Waiting {
                job,
                lease,
                need,
                overtaken: 0,
            });
        }
        Ok(())
    }

    /// Takes the next work for a slot, and reserves its cores, memory and GPUs.
    pub(crate) fn next(&mut self) -> Next {
        if self.leaving {
            return Next::Leave;
        }
        let Some(place) = self.first_that_fits() else {
            return Next::Wait;
        };
        for older in self.waiting.iter_mut().take(place) {
            older.overtaken += 1;
        }
        let Some(entry) = self.waiting.get_mut(place) else {
            return Next::Wait;
        };
        let count = entry.job.chunk(entry.lease.count, self.total.cpus);
        let number = self.next_batch;
        let batch = Batch {
            number,
            job: Arc::clone(&entry.job),
            first: entry.lease.first,
            count,
            generation: entry.lease.generation,
            attempt: entry.lease.attempt,
            need: entry.need,
            stop: BatchStop::default(),
        };
        let running = Running {
            tasks: Span {
                run: entry.lease.run,
                stage: entry.lease.stage,
                first: batch.first,
                count,
            },
            stop: batch.stop.clone(),
        };
        entry.lease.first += count;
        entry.lease.count -= count;
        if entry.lease.count == 0 {
            self.waiting.remove(place);
        }
        self.next_batch += 1;
        self.running.insert(number, running);
        self.free.cpus -= batch.need.cpus;
        self.free.memory_bytes -= batch.need.memory_bytes;
        self.free.gpus -= batch.need.gpus;
        self.free.promised_disk_bytes += batch.need.disk_bytes;
        Next::Work(batch)
    }

    fn first_that_fits(&self) -> Option<usize> {
        let mut gpus_are_barred = false;
        for (place, entry) in self.waiting.iter().enumerate() {
            let is_barred = gpus_are_barred && entry.need.gpus > 0;
            let its_turn = entry.overtaken >= OVERTAKEN_AT_MOST;
            match self.fit(entry.need) {
                Fit::Fits if !is_barred => return Some(place),
                Fit::Later if its_turn && !is_barred => return None,
                Fit::LaterOnGpus if its_turn => gpus_are_barred = true,
                Fit::Fits | Fit::Later | Fit::LaterOnGpus | Fit::Outside(_) => {}
            }
        }
        None
    }

    fn fit(&self, need: Need) -> Fit {
        if need.cpus > self.free.cpus || need.memory_bytes > self.free.memory_bytes {
            return Fit::Later;
        }
        if need.gpus > self.free.gpus {
            return Fit::LaterOnGpus;
        }
        if need.disk_bytes == 0 {
            return Fit::Fits;
        }
        let Some(space) = (self.measure)() else {
            return Fit::Fits;
        };
        let promised = self.free.promised_disk_bytes;
        match need.disk_bytes <= space.free_bytes.saturating_sub(promised) {
            true => Fit::Fits,
            false if promised > 0 => Fit::Later,
            false => Fit::Outside(space),
        }
    }

    /// The first task that waits for space held by other programs. No event reports new space, so
    /// it must be checked again.
    pub(crate) fn shortage(&self) -> Option<Shortage> {
        self.waiting
            .iter()
            .find_map(|entry| match self.fit(entry.need) {
                Fit::Fits | Fit::Later | Fit::LaterOnGpus => None,
                Fit::Outside(space) => Some(Shortage {
                    job: Arc::clone(&entry.job),
                    need_bytes: entry.need.disk_bytes,
                    space,
                }),
            })
    }

    /// Releases what a batch reserved, when its tasks have ended.
    pub(crate) fn release(&mut self, batch: &Batch) {
        let need = batch.need;
        self.running.remove(&batch.number);
        self.free.cpus += need.cpus;
        self.free.memory_bytes += need.memory_bytes;
        self.free.gpus += need.gpus;
        self.free.promised_disk_bytes -= need.disk_bytes;
    }

    /// Whether a slot would find work now; if so, another slot should be woken.
    pub(crate) fn has_work(&self) -> bool {
        self.leaving || self.first_that_fits().is_some()
    }

    /// Removes a run's waiting leases and tells its running tasks to end. Returns the removed
    /// leases.
    pub(crate) fn revoke(&mut self, run: RunId) -> Vec<Lease> {
        let running = self.running.values();
        running
            .filter(|one| one.tasks.run == run)
            .for_each(|one| one.stop.end());
        let (dropped, kept) = self
            .waiting
            .drain(..)
            .partition::<Vec<_>, _>(|entry| entry.lease.run == run);
        self.waiting = kept.into();
        dropped.into_iter().map(|entry| entry.lease).collect()
    }

    /// Removes those of some tasks that wait, and tells those that run to make way if `stops` is
    /// set. A batch makes way as a whole. Returns the tasks that waited, as leases.
    pub(crate) fn make_way(&mut self, tasks: Span, stops: bool) -> Vec<Lease> {
        let (from, beyond) = (tasks.first, tasks.first.saturating_add(tasks.count));
        let is_its = |run, stage| (run, stage) == (tasks.run, tasks.stage);
        for one in self.running.values().filter(|_| stops) {
            let own = one.tasks;
            let meets = own.first < beyond && from < own.first.saturating_add(own.count);
            if is_its(own.run, own.stage) && meets {
                one.stop.make_way();
            }
        }
        let mut given_back = Vec::new();
        let mut kept = VecDeque::new();
        for mut entry in self.waiting.drain(..) {
            let lease = entry.lease;
            let end = lease.first.saturating_add(lease.count);
            let (first, last) = (lease.first.max(from), end.min(beyond));
            if !is_its(lease.run, lease.stage) || first >= last {
                kept.push_back(entry);
                continue;
            }
            given_back.push(Lease {
                first,
                count: last - first,
                ..lease
            });
            let rest = Waiting {
                job: Arc::clone(&entry.job),
                lease: Lease {
                    first: last,
                    count: end - last,
                    ..lease
                },
                ..entry
            };
            entry.lease.count = first - lease.first;
            kept.extend([entry, rest].into_iter().filter(|one| one.lease.count > 0));
        }
        self.waiting = kept;
        given_back
    }

    /// Forgets a run's stages.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.jobs.retain(|(of, _), _| *of != run);
    }

    /// Stops everything: nothing starts any more.
    pub(crate) fn leave(&mut self) {
        self.leaving = true;
        self.waiting.clear();
        self.running.values().for_each(|one| one.stop.end());
    }
}

#[cfg(test)]
mod tests;
