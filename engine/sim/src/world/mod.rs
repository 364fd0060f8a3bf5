//! One world under one policy: it gives the core its inputs, on virtual time.

mod flights;
mod orders;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sunward_core::place::{Outlook, Placer};
use sunward_core::{
    Capacity, Energy, Failure, FailureKind, Input, Lease, Order, Outcome, PoolId, State, Step,
    TaskEnd, TaskId, TaskResult, Timestamp, WorkerId, advance, apply, decide,
};

use crate::capacity::Open;
use crate::group::Group;
use crate::queue::Queue;
use crate::random::Random;
use crate::scenario::FaultKind;
use crate::setup::{Contender, Setup, SimError};
use crate::submission::Needs;
use crate::tally::{Played, Tally};
use flights::Flights;
pub(crate) use flights::home_of;
use worker::Worker;

/// The most rounds of decisions at one moment. A correct core comes to rest after a few rounds for
/// each batch into which it divides its work.
const ROUNDS: u32 = 1_000_000;

/// Memory of a pool's worker: unlimited, since fleets state none.
const MEMORY_BYTES: u64 = 1 << 50;

/// The events of a world.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A group of tasks ends.
    GroupEnds { pool: usize, number: u64 },
    /// A pool's open capacity changes.
    Opening(usize),
    /// Tasks beyond a pool's capacity must leave now.
    Evict { pool: usize },
    /// A fault begins or ends.
    Fault { at: usize, begins: bool },
    /// A new outlook is due.
    Look,
    /// A run arrives.
    Arrival(usize),
}

impl Event {
    /// The order of events at one moment: ends come first, arrivals last.
    const fn rank(self) -> u8 {
        match self {
            Self::GroupEnds { .. } => 0,
            Self::Opening(_) => 1,
            Self::Fault { .. } => 2,
            Self::Evict { .. } => 3,
            Self::Look => 4,
            Self::Arrival(_) => 5,
        }
    }
}

/// One world under one policy.
pub(crate) struct World {
    name: String,
    source: String,
    setup: Setup,
    placer: Box<dyn Placer>,
    state: State,
    now: Timestamp,
    queue: Queue<Event>,
    /// By pool: its open capacity by its rules, before faults.
    rules: Vec<Open>,
    workers: Vec<Worker>,
    /// By pool: how many faults hold its worker lost now.
    lost: Vec<u32>,
    /// Limits by owners who are back: the pool, and the capacity that remains.
    caps: Vec<(PoolId, Open)>,
    flights: Flights,
    /// The core's orders that are not answered yet.
    orders: Vec<Order>,
    /// Pools in which tasks may start now.
    freed: BTreeSet<usize>,
    /// The newest outlook.
    outlook: Option<Arc<Outlook>>,
    /// How many runs were put into the queue.
    arrived: usize,
    /// When the next run arrives.
    next_arrival: Option<Timestamp>,
    tally: Tally,
}

impl World {
    /// A world before its first event.
    pub(crate) fn new(setup: &Setup, contender: Contender) -> Result<Self, SimError> {
        let pools = setup.fleet.pools.len();
        let begin = setup.begin();
        let mut world = Self {
            name: contender.name,
            source: contender.source,
            placer: contender.placer,
            state: State::default(),
            now: begin,
            queue: Queue::default(),
            rules: vec![Open::default(); pools],
            workers: vec![Worker::default(); pools],
            lost: vec![0; pools],
            caps: Vec::new(),
            flights: Flights::default(),
            orders: Vec::new(),
            freed: BTreeSet::new(),
            outlook: None,
            arrived: 0,
            next_arrival: None,
            tally: Tally::new(pools, begin),
            setup: setup.clone(),
        };
        for (at, opening) in setup.openings.iter().enumerate() {
            world.put(opening.at.max(begin), Event::Opening(at));
        }
        for (at, fault) in setup.scenario.faults.iter().enumerate() {
            world.put(fault.from, Event::Fault { at, begins: true });
            world.put(fault.to, Event::Fault { at, begins: false });
        }
        world.await_arrival();
        world.give(Input::Fleet {
            fleet: Arc::clone(&setup.fleet),
        })?;
        for pool in 0..pools {
            world.join(pool)?;
        }
        Ok(world)
    }

    fn put(&mut self, at: Timestamp, event: Event) {
        self.queue.put(at, event.rank(), event);
    }

    /// Puts the next arrival into the queue. Only one is there at a time, because there are many.
    fn await_arrival(&mut self) {
        self.next_arrival = self.setup.submissions.get(self.arrived).map(|next| next.at);
        if let Some(at) = self.next_arrival {
            self.put(at, Event::Arrival(self.arrived));
            self.arrived += 1;
        }
    }

    /// When the world needs an outlook: now if a run is in progress, else at the next arrival;
    /// `None` if nothing will happen any more.
    pub(crate) fn busy_at(&self) -> Option<Timestamp> {
        if self.flights.is_empty() {
            self.next_arrival
        } else {
            Some(self.now)
        }
    }

    /// Schedules a new outlook at a future moment.
    pub(crate) fn expect(&mut self, at: Timestamp, outlook: &Arc<Outlook>) {
        self.outlook = Some(Arc::clone(outlook));
        self.put(at, Event::Look);
    }

    /// Handles all events before a moment.
    pub(crate) fn run_until(&mut self, until: Timestamp) -> Result<(), SimError> {
        let last = Timestamp(until.0.saturating_sub(1));
        loop {
            let wakeup = self.state.next_wakeup().filter(|at| *at > self.now);
            let next = match (self.queue.next_at(), wakeup) {
                (Some(event), Some(wakeup)) => event.min(wakeup),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => break,
            };
            if next > last {
                break;
            }
            self.now = self.now.max(next);
            let mut ends: BTreeMap<usize, Vec<TaskEnd>> = BTreeMap::new();
            let mut happened = false;
            while let Some((_, event)) = self.queue.take_until(next) {
                happened = true;
                match event {
                    Event::GroupEnds { pool, number } => {
                        let group = self.workers.get_mut(pool).and_then(|one| one.end(number));
                        if let Some(group) = group {
                            self.ended(pool, &group, ends.entry(pool).or_default());
                        }
                    }
                    other => {
                        self.tell(std::mem::take(&mut ends))?;
                        self.happen(other)?;
                    }
                }
            }
            self.tell(ends)?;
            if !happened || wakeup == Some(next) {
                self.give(Input::Tick)?;
            }
            self.settle()?;
        }
        Ok(())
    }

    /// Reports ended attempts to the core, pool by pool.
    fn tell(&mut self, ends: BTreeMap<usize, Vec<TaskEnd>>) -> Result<(), SimError> {
        for (pool, ends) in ends {
            self.give(Input::Ended {
                worker: worker_of(pool),
                ends,
            })?;
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), SimError> {
        match event {
            Event::GroupEnds { .. } => Ok(()),
            Event::Opening(at) => {
                let Some(opening) = self.setup.openings.get(at).copied() else {
                    return Ok(());
                };
                if let Some(rule) = self.rules.get_mut(opening.pool.place()) {
                    *rule = opening.open;
                }
                self.change(opening.pool, opening.notice_ms)
            }
            Event::Evict { pool } => {
                let gone = self.workers.get_mut(pool).map(Worker::evict);
                self.evicted(pool, gone.unwrap_or_default())
            }
            Event::Fault { at, begins } => self.fault(at, begins),
            Event::Look => self.look(),
            Event::Arrival(at) => self.arrive(at),
        }
    }

    /// Reports the grids' outlook to the core, and the pools as their workers are now. How long a
    /// loss or an owner's return lasts is not known.
    fn look(&mut self) -> Result<(), SimError> {
        let Some(mut outlook) = self.outlook.clone() else {
            return Ok(());
        };
        let is_whole = self.caps.is_empty() && self.lost.iter().all(|lost| *lost == 0);
        if !is_whole {
            let seen = Arc::make_mut(&mut outlook);
            for (at, pool) in seen.pools.iter_mut().enumerate() {
                let gone = self.lost.get(at).is_some_and(|lost| *lost > 0);
                let caps = self.caps.iter().filter(|(of, _)| of.place() == at);
                let cap = caps.map(|(_, cap)| *cap).chain(gone.then(Open::default));
                for cap in cap {
                    pool.gpus
                        .iter_mut()
                        .for_each(|gpus| *gpus = cap.gpus.min(*gpus));
                    pool.cpus
                        .iter_mut()
                        .for_each(|cpus| *cpus = cap.cpus.min(*cpus));
                }
            }
        }
        self.give(Input::Outlook { outlook })
    }

    fn fault(&mut self, at: usize, begins: bool) -> Result<(), SimError> {
        let Some(fault) = self.setup.scenario.faults.get(at).cloned() else {
            return Ok(());
        };
        match fault.kind {
            FaultKind::Lost(pool) => {
                self.lose(pool.place(), begins)?;
                self.look()
            }
            FaultKind::OwnerBack {
                pool,
                gpus,
                cpus,
                notice_ms,
            } => {
                let cap = (pool, Open { gpus, cpus });
                if begins {
                    self.caps.push(cap);
                } else if let Some(at) = self.caps.iter().position(|one| *one == cap) {
                    self.caps.remove(at);
                }
                self.change(pool, notice_ms)?;
                self.look()
            }
            // These faults are applied by the feed.
            FaultKind::ProviderDown(_) | FaultKind::ForecastError { .. } => Ok(()),
        }
    }

    fn lose(&mut self, pool: usize, begins: bool) -> Result<(), SimError> {
        let Some(lost) = self.lost.get_mut(pool) else {
            return Ok(());
        };
        if !begins {
            *lost = lost.saturating_sub(1);
            return if *lost == 0 { self.join(pool) } else { Ok(()) };
        }
        *lost += 1;
        if *lost > 1 {
            return Ok(());
        }
        let gone = self.workers.get_mut(pool).map(Worker::lose);
        for group in gone.unwrap_or_default() {
            self.meter(pool, &group);
        }
        self.give(Input::WorkerLost {
            worker: worker_of(pool),
        })
    }

    /// A pool's open capacity now, by its rules and its owners' limits.
    fn open(&self, pool: PoolId) -> Open {
        let rule = self.rules.get(pool.place()).copied().unwrap_or_default();
        self.caps
            .iter()
            .filter(|(of, _)| *of == pool)
            .fold(rule, |open, (_, cap)| Open {
                gpus: open.gpus.min(cap.gpus),
                cpus: open.cpus.min(cap.cpus),
            })
    }

    fn join(&mut self, pool: usize) -> Result<(), SimError> {
        let id = PoolId(u32::try_from(pool).unwrap_or(u32::MAX));
        let open = self.open(id);
        if let Some(worker) = self.workers.get_mut(pool) {
            worker.set_open(open);
        }
        self.give(Input::WorkerJoined {
            worker: worker_of(pool),
            capacity: capacity(open),
            pool: id,
        })
    }

    /// Updates a pool whose open capacity may have changed.
    fn change(&mut self, pool: PoolId, notice_ms: u64) -> Result<(), SimError> {
        let open = self.open(pool);
        let at = pool.place();
        let gone = self.lost.get(at).is_some_and(|lost| *lost > 0);
        let Some(worker) = self.workers.get_mut(at) else {
            return Ok(());
        };
        if gone || worker.open() == open {
            return Ok(());
        }
        self.tally.open_until(at, worker.open(), self.now);
        worker.set_open(open);
        self.freed.insert(at);
        let taken = worker.taken();
        if taken.gpus > open.gpus || taken.cpus > open.cpus {
            self.put(self.now.after_ms(notice_ms), Event::Evict { pool: at });
        }
        self.give(Input::WorkerCapacity {
            worker: worker_of(at),
            capacity: capacity(open),
        })
    }

    fn arrive(&mut self, at: usize) -> Result<(), SimError> {
        self.await_arrival();
        let Some(submission) = self.setup.submissions.get(at).cloned() else {
            return Ok(());
        };
        let run = self.state.next_run();
        self.flights.begin(
            run,
            submission.clone(),
            &self.setup.fleet,
            &self.setup.truth,
        );
        self.give(Input::Submit {
            run,
            spec: submission.spec,
        })
    }

    /// Gives the core an input, and applies the facts that follow at once.
    fn give(&mut self, input: Input) -> Result<(), SimError> {
        let step = decide(&self.state, self.now, input);
        self.take(step)
    }

    fn take(&mut self, step: Step) -> Result<(), SimError> {
        for fact in &step.facts {
            apply(&mut self.state, fact).map_err(|illegal| SimError::Illegal {
                policy: self.name.clone(),
                illegal,
            })?;
        }
        self.orders.extend(step.orders);
        Ok(())
    }

    /// Answers orders until there are none.
    fn settle(&mut self) -> Result<(), SimError> {
        for _ in 0..ROUNDS {
            self.answer_orders()?;
            for pool in std::mem::take(&mut self.freed) {
                self.start(pool);
            }
            let step = advance(&self.state, self.now);
            if step == Step::default() {
                return Ok(());
            }
            self.take(step)?;
        }
        Err(SimError::Stuck {
            policy: self.name.clone(),
            at_ms: self.now.0,
            limit: ROUNDS,
        })
    }

    /// Starts the waiting tasks that fit on a worker.
    fn start(&mut self, pool: usize) {
        let Some(worker) = self.workers.get_mut(pool) else {
            return;
        };
        let error = u64::from(self.setup.scenario.runtime_error_permille);
        let seed = self.setup.seed;
        let pace = |lease: &Lease, index: u32, expected_ms: u64| {
            if error == 0 {
                return expected_ms;
            }
            let parts = [lease.run.0, lease.stage.0.into(), index.into()];
            let drawn = Random::of(seed, &parts).between(1000 - error, 1000 + error);
            (expected_ms.saturating_mul(drawn) / 1000).max(1)
        };
        let begun: Vec<(u64, Group)> = worker
            .start(self.now, &pace)
            .into_iter()
            .filter_map(|number| Some((number, *worker.group(number)?)))
            .collect();
        for (number, group) in begun {
            self.flights
                .starts(&group, pool, &self.setup, &mut self.tally);
            self.put(group.ends, Event::GroupEnds { pool, number });
        }
    }

    /// Counts what a group used until now, or until its end.
    fn meter(&mut self, pool: usize, group: &Group) {
        self.tally
            .ran(&self.setup, pool, group, self.now.min(group.ends));
    }

    /// Records the end of a group, which succeeded.
    fn ended(&mut self, pool: usize, group: &Group, ends: &mut Vec<TaskEnd>) {
        self.freed.insert(pool);
        self.meter(pool, group);
        let ports = self.flights.outputs(group, pool);
        self.report(group, ends, |index| {
            Outcome::Succeeded(TaskResult::of_cpu(ports(index)))
        });
    }

    /// Reports groups that had to leave early; leases that wait in the pool are given back as well.
    fn evicted(&mut self, pool: usize, groups: Vec<Group>) -> Result<(), SimError> {
        self.freed.insert(pool);
        let mut ends = Vec::new();
        for group in groups {
            self.meter(pool, &group);
            self.report(&group, &mut ends, |_| {
                stopped(
                    FailureKind::Preempted,
                    "the pool's owner took the machine back",
                )
            });
        }
        self.give(Input::Ended {
            worker: worker_of(pool),
            ends,
        })
    }

    fn report(&self, group: &Group, ends: &mut Vec<TaskEnd>, outcome: impl Fn(u32) -> Outcome) {
        let wall_ms = self.now.min(group.ends).since_ms(group.started);
        let millijoules = u128::from(group.needs.milliwatts) * u128::from(wall_ms) / 1000;
        let millijoules = u64::try_from(millijoules).unwrap_or(u64::MAX);
        ends.extend(
            (group.first..group.first + group.count).map(|index| TaskEnd {
                task: TaskId {
                    run: group.lease.run,
                    stage: group.lease.stage,
                    index,
                },
                generation: group.lease.generation,
                started_ms: group.started.0,
                wall_us: wall_ms.saturating_mul(1000),
                cpu_us: 0,
                energy: Energy::Modelled { millijoules },
                outcome: outcome(index),
            }),
        );
    }

    /// Reports leases that ended before any of their tasks started.
    fn dropped(&self, leases: &[Lease], ends: &mut Vec<TaskEnd>) {
        for lease in leases {
            let nothing = Group {
                lease: *lease,
                first: lease.first,
                count: lease.count,
                needs: Needs::default(),
                started: self.now,
                ends: self.now,
            };
            self.report(&nothing, ends, |_| {
                stopped(FailureKind::Cancelled, "the run was stopped")
            });
        }
    }

    /// Ends the simulation: running tasks count up to now, and unfinished runs are recorded.
    pub(crate) fn finish(mut self, now: Timestamp) -> Played {
        // If nothing was in progress, the world ended with its last event.
        if !self.flights.is_empty() {
            self.now = now;
        }
        let now = self.now;
        for pool in 0..self.workers.len() {
            let Some(worker) = self.workers.get_mut(pool) else {
                continue;
            };
            self.tally.open_until(pool, worker.open(), now);
            for group in worker.lose() {
                self.meter(pool, &group);
            }
        }
        self.flights.give_up(now, &mut self.tally);
        Played {
            name: self.name,
            source: self.source,
            tally: self.tally,
        }
    }
}

/// The outcome of an attempt that was stopped.
fn stopped(kind: FailureKind, why: &str) -> Outcome {
    Outcome::Failed(Failure {
        kind,
        message: why.to_owned(),
        log_tail: String::new(),
        ran_on: None,
    })
}

fn worker_of(pool: usize) -> WorkerId {
    WorkerId(u32::try_from(pool).unwrap_or(u32::MAX).saturating_add(1))
}

fn capacity(open: Open) -> Capacity {
    Capacity {
        cpus: open.cpus,
        memory_bytes: MEMORY_BYTES,
        gpus: open.gpus,
    }
}

fn pool_of(worker: WorkerId) -> usize {
    usize::try_from(worker.0.saturating_sub(1)).unwrap_or(usize::MAX)
}
