//! The attempts of a run, gathered from its facts: time, duration, cost and outcome. Also when each
//! stage was ready to begin.

use std::collections::{BTreeMap, BTreeSet};

use sunward_core::{
    Energy, Fact, Failure, Generation, Lease, PoolId, RanOn, RunId, StageId, Timestamp, WorkerId,
};

/// One attempt that has ended or was cut off.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) stage: StageId,
    /// The index of its task in the stage.
    pub(crate) index: u32,
    /// The number of the task's lease, from 1.
    pub(crate) generation: u32,
    /// The pool of its worker.
    pub(crate) pool: PoolId,
    /// When it began, in milliseconds since the epoch. If it was cut off, when it was leased.
    pub(crate) started_ms: u64,
    /// Its duration in microseconds. If it was cut off, the time until that was noticed.
    pub(crate) wall_us: u64,
    /// Processor time in microseconds; 0 if it was cut off.
    pub(crate) cpu_us: u64,
    pub(crate) energy: Energy,
    /// The device it ran on; `None` if it ended before it had one.
    pub(crate) ran_on: Option<RanOn>,
    pub(crate) end: AttemptEnd,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(crate) enum AttemptEnd {
    Succeeded,
    Failed {
        failure: Failure,
        /// Whether another attempt followed.
        tried_again: bool,
    },
    /// Its engine or worker was killed before it ended. Its energy is not known.
    CutOff,
}

impl Attempt {
    pub(crate) fn wall_seconds(&self) -> f64 {
        crate::render::units::float(self.wall_us) / 1e6
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        crate::render::units::float(self.cpu_us) / 1e6
    }

    /// When it ended, in milliseconds since the epoch.
    pub(crate) const fn ended_ms(&self) -> u64 {
        Timestamp(self.started_ms).after_us(self.wall_us).0
    }

    /// The failure, and whether another attempt followed; `None` if the attempt did not fail.
    pub(crate) const fn failure(&self) -> Option<(&Failure, bool)> {
        match &self.end {
            AttemptEnd::Failed {
                failure,
                tried_again,
            } => Some((failure, *tried_again)),
            AttemptEnd::Succeeded | AttemptEnd::CutOff => None,
        }
    }
}

/// Collects the attempts of one run. Call [`History::add`] with every fact, in order.
#[derive(Debug)]
pub(crate) struct History {
    run: RunId,
    /// Attempts in the order in which their end became known.
    pub(crate) attempts: Vec<Attempt>,
    /// When each stage was first ready to run: its inputs and tasks were known.
    pub(crate) ready: BTreeMap<StageId, Timestamp>,
    /// Remarks on how results were made, such as files that were not kept.
    pub(crate) remarks: BTreeSet<(StageId, String)>,
    /// Leases whose end is not known yet, by stage and task.
    open: BTreeMap<(StageId, u32), (Generation, Timestamp, WorkerId)>,
    /// The pools of workers. One that joined before the run is unknown; it is of the first pool.
    pools: BTreeMap<WorkerId, PoolId>,
    /// The latest time in any fact.
    latest: Timestamp,
}

impl History {
    /// The history of a run before its first fact.
    pub(crate) const fn new(run: RunId) -> Self {
        Self {
            run,
            attempts: Vec::new(),
            ready: BTreeMap::new(),
            remarks: BTreeSet::new(),
            open: BTreeMap::new(),
            pools: BTreeMap::new(),
            latest: Timestamp(0),
        }
    }

    /// Adds what one fact says about the run's attempts.
    pub(crate) fn add(&mut self, fact: &Fact) {
        match fact {
            // Everything that was leased ended with the engine before, at a time that nobody
            // recorded. The latest recorded time is the best known bound.
            Fact::EngineStarted { at } => {
                self.cut_off_all();
                self.note(*at);
            }
            Fact::Resumed { run, at, .. } if *run == self.run => {
                self.cut_off_all();
                self.note(*at);
            }
            Fact::Resolved { run, stage, at, .. } if *run == self.run => {
                self.note(*at);
                self.ready.entry(*stage).or_insert(*at);
            }
            Fact::WorkerJoined { worker, pool, .. } => {
                self.pools.insert(*worker, *pool);
            }
            Fact::Leased { lease, at, worker } if lease.run == self.run => {
                self.leased(lease, *at, *worker);
            }
            Fact::Lost {
                run,
                stage,
                indices,
            } if *run == self.run => {
                for index in indices {
                    self.cut_off(*stage, *index);
                }
            }
            // Nothing of these leases ran, so there is no attempt.
            Fact::GivenBack {
                run,
                stage,
                indices,
            } if *run == self.run => {
                for index in indices {
                    self.open.remove(&(*stage, *index));
                }
            }
            Fact::Finished { run, stage, .. } if *run == self.run => self.finished(*stage, fact),
            Fact::Failed { run, .. } if *run == self.run => self.failed(fact),
            _ => {}
        }
    }

    fn leased(&mut self, lease: &Lease, at: Timestamp, worker: WorkerId) {
        self.note(at);
        for index in lease.first..lease.first.saturating_add(lease.count) {
            self.open
                .insert((lease.stage, index), (lease.generation, at, worker));
        }
    }

    fn finished(&mut self, stage: StageId, fact: &Fact) {
        let Fact::Finished { successes, .. } = fact else {
            return;
        };
        for success in successes {
            let remarks = success.result.remarks.iter();
            self.remarks
                .extend(remarks.map(|remark| (stage, remark.clone())));
            let pool = self.closed(stage, success.index);
            self.push(Attempt {
                stage,
                index: success.index,
                generation: success.generation.0,
                pool,
                started_ms: success.started_ms,
                wall_us: success.wall_us,
                cpu_us: success.cpu_us,
                energy: success.energy,
                ran_on: Some(success.result.ran_on.clone()),
                end: AttemptEnd::Succeeded,
            });
        }
    }

    fn failed(&mut self, fact: &Fact) {
        let Fact::Failed {
            stage,
            index,
            generation,
            started_ms,
            wall_us,
            cpu_us,
            energy,
            failure,
            retry_at,
            ..
        } = fact
        else {
            return;
        };
        let pool = self.closed(*stage, *index);
        self.push(Attempt {
            stage: *stage,
            index: *index,
            generation: generation.0,
            pool,
            started_ms: *started_ms,
            wall_us: *wall_us,
            cpu_us: *cpu_us,
            energy: *energy,
            ran_on: failure.ran_on.clone(),
            end: AttemptEnd::Failed {
                failure: failure.clone(),
                tried_again: retry_at.is_some(),
            },
        });
    }

    /// Ends the lease of a task. Returns the pool of its worker.
    fn closed(&mut self, stage: StageId, index: u32) -> PoolId {
        let lease = self.open.remove(&(stage, index));
        let pool = lease.and_then(|(_, _, worker)| self.pools.get(&worker).copied());
        pool.unwrap_or_default()
    }

    fn push(&mut self, attempt: Attempt) {
        self.note(Timestamp(attempt.ended_ms()));
        self.attempts.push(attempt);
    }

    fn note(&mut self, at: Timestamp) {
        self.latest = self.latest.max(at);
    }

    fn cut_off_all(&mut self) {
        for (stage, index) in self.open.keys().copied().collect::<Vec<_>>() {
            self.cut_off(stage, index);
        }
    }

    fn cut_off(&mut self, stage: StageId, index: u32) {
        let Some((generation, leased, worker)) = self.open.remove(&(stage, index)) else {
            return;
        };
        self.attempts.push(Attempt {
            stage,
            index,
            generation: generation.0,
            pool: self.pools.get(&worker).copied().unwrap_or_default(),
            started_ms: leased.0,
            wall_us: self.latest.0.saturating_sub(leased.0).saturating_mul(1000),
            cpu_us: 0,
            energy: Energy::Missing,
            ran_on: None,
            end: AttemptEnd::CutOff,
        });
    }
}

#[cfg(test)]
mod tests {
    use sunward_core::{
        Energy, Fact, Generation, Lease, RunId, StageId, Success, TaskResult, Timestamp, WorkerId,
    };

    use super::{AttemptEnd, History};

    const RUN: RunId = RunId(1);

    fn leased(first: u32, count: u32, generation: u32, at: u64) -> Fact {
        Fact::Leased {
            worker: WorkerId(1),
            lease: Lease {
                run: RUN,
                stage: StageId(0),
                first,
                count,
                generation: Generation(generation),
                attempt: 1,
            },
            at: Timestamp(at),
        }
    }

    fn succeeded(index: u32, generation: u32, started_ms: u64) -> Fact {
        Fact::Finished {
            run: RUN,
            stage: StageId(0),
            successes: vec![Success {
                index,
                generation: Generation(generation),
                started_ms,
                wall_us: 5_000,
                cpu_us: 1_000,
                energy: Energy::Missing,
                result: TaskResult::of_cpu(Vec::new()),
            }],
        }
    }

    fn told(facts: &[Fact]) -> Vec<(u32, u32, u64, u64, bool)> {
        let mut history = History::new(RUN);
        facts.iter().for_each(|fact| history.add(fact));
        let attempts = history.attempts.iter();
        attempts
            .map(|one| {
                let cut_off = matches!(one.end, AttemptEnd::CutOff);
                (
                    one.index,
                    one.generation,
                    one.started_ms,
                    one.wall_us,
                    cut_off,
                )
            })
            .collect()
    }

    #[test]
    fn what_was_leased_when_its_engine_was_killed_is_cut_off_and_its_next_attempt_counts() {
        let started = |at| Fact::EngineStarted { at: Timestamp(at) };
        let facts = [
            started(10),
            leased(0, 2, 1, 20),
            succeeded(0, 1, 22),
            started(900),
            leased(1, 1, 2, 910),
            succeeded(1, 2, 911),
        ];
        // The latest recorded time is 27 ms, when the first task ended.
        let expected = [
            (0, 1, 22, 5_000, false),
            (1, 1, 20, 7_000, true),
            (1, 2, 911, 5_000, false),
        ];
        assert_eq!(told(&facts), expected);
    }

    #[test]
    fn what_its_worker_lost_is_cut_off_once() {
        let lost = Fact::Lost {
            run: RUN,
            stage: StageId(0),
            indices: vec![3],
        };
        let facts = [
            leased(3, 1, 1, 20),
            lost,
            Fact::EngineStarted { at: Timestamp(50) },
        ];
        assert_eq!(told(&facts), [(3, 1, 20, 0, true)]);
    }

    #[test]
    fn what_was_given_back_before_it_ran_is_no_attempt() {
        let given_back = Fact::GivenBack {
            run: RUN,
            stage: StageId(0),
            indices: vec![3],
        };
        let facts = [
            leased(3, 1, 1, 20),
            given_back,
            Fact::EngineStarted { at: Timestamp(50) },
        ];
        assert_eq!(told(&facts), []);
    }
}
