//! One world under one policy: it gives the core its inputs, on virtual time.

mod ends;
mod event;
mod flights;
mod orders;
mod pools;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sunward_core::place::{Outlook, Placer};
use sunward_core::{
    Input, Lease, Order, PoolId, RunId, StageId, State, Step, TaskEnd, Timestamp, advance, apply,
    decide,
};

use crate::capacity::Open;
use crate::group::Group;
use crate::queue::Queue;
use crate::random::Random;
use crate::setup::{Contender, Setup, SimError};
use crate::tally::{Played, Tally};
use event::Event;
use flights::Flights;
pub(crate) use flights::home_of;
use pools::worker_of;
use worker::Worker;

/// The most rounds of decisions at one moment. A correct core comes to rest after a few rounds for
/// each batch into which it divides its work.
const ROUNDS: u32 = 1_000_000;

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
    /// What tasks have done before they had to make way, in milliseconds, where they keep it.
    kept: BTreeMap<(RunId, StageId, u32), u64>,
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
            kept: BTreeMap::new(),
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
            world.put(fault.announced_at(), Event::Fault { at, begins: true });
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

    /// Puts the next arrival into the queue. Only one is in it at a time, because there are many.
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
            spec: submission.told,
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
        let kept = &self.kept;
        let pace = |lease: &Lease, index: u32, expected_ms: u64| {
            let done = kept.get(&(lease.run, lease.stage, index));
            let left = |task_ms: u64| match done {
                Some(done) => task_ms.saturating_sub(*done).max(1),
                None => task_ms,
            };
            if error == 0 {
                return left(expected_ms);
            }
            let parts = [lease.run.0, lease.stage.0.into(), index.into()];
            let drawn = Random::of(seed, &parts).between(1000 - error, 1000 + error);
            left((expected_ms.saturating_mul(drawn) / 1000).max(1))
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
        self.tally.end = now;
        self.flights.give_up(now, &mut self.tally);
        Played {
            name: self.name,
            source: self.source,
            tally: self.tally,
        }
    }
}
