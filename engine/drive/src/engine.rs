//! The loop: handle arrivals, decide, apply, give the group to the journal, release its orders.

mod listen;
mod lookup;
mod mend;
mod wait;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sunward_core::place::Problem;
use sunward_core::{
    Digest, Input, Order, PoolId, RunId, RunStatus, StageId, State, Step, advance, apply, decide,
    next_wakeup,
};
use sunward_protocol::{Envelope, FromWorker, ToWorker};
use sunward_state::Reader;

use crate::clock::Clock;
use crate::demand::Demand;
use crate::error::DriveError;
use crate::event::Event;
use crate::feed::Watch;
use crate::guard::guarded;
use crate::history::earlier_times;
use crate::ignored::IgnoredRecords;
use crate::inbox::{Arrival, Control, Inbox, Seen, Solved};
use crate::losses::Losses;
use crate::observer::{Observer, ThrottledObserver};
use crate::pending::Pending;
use crate::questions::Questions;
use crate::registry::WorkerRegistry;
use crate::resolver::{Answer, Resolution};
use crate::setup::{Ended, Limits, Setup, Start};
use crate::solver::Solver;
use crate::view;
use crate::writer::Writer;

/// Keys that are looked up in one batch. Between two batches, arrivals are handled.
const LOOKUP_KEYS: usize = 4096;

/// The weight of facts after which an idle writer gets its group, even if more is arriving.
const EARLY_WEIGHT: usize = 8192;

/// How long the loop sleeps if nothing is due. This guards against a lost wake-up.
const IDLE: Duration = Duration::from_secs(60);

/// Drives one run until it ends or is interrupted. It returns once the last group is durable and
/// the workers were told to stop. `observer` is called on this thread between two decisions, so it
/// must be quick.
///
/// # Errors
///
/// Fails if the journal fails or no worker is left. What was acknowledged is durable, and the run
/// can be resumed.
pub fn run(setup: Setup, start: Start, observer: &mut Observer<'_>) -> Result<Ended, DriveError> {
    let (mut engine, begin) = Engine::open(setup, start, observer)?;
    let outcome = guarded(engine.run, || engine.drive(begin));
    engine.registry.stop_all();
    outcome.map(|status| Ended {
        run: engine.run,
        status,
        state: engine.state,
    })
}

/// A question of the core without an answer yet.
enum Question {
    Resolve {
        run: RunId,
        stage: StageId,
    },
    Lookup {
        run: RunId,
        stage: StageId,
        first: u32,
        keys: VecDeque<Digest>,
    },
    Solve(Arc<Problem>),
}

/// Whether the loop continues.
enum Course {
    On,
    Over(RunStatus),
}

struct Engine<'a, 'o> {
    run: RunId,
    state: State,
    clock: Box<dyn Clock>,
    inbox: Inbox,
    limits: Limits,
    registry: WorkerRegistry,
    reader: Box<dyn Reader>,
    writer: Writer,
    questions: Questions,
    /// Questions that are answered at once, before anything else that arrives.
    asked: VecDeque<Question>,
    solver: Solver,
    watch: Option<Watch>,
    demand: Option<Demand>,
    /// Arrivals during the first look at the feed.
    delayed: VecDeque<Arrival>,
    pending: Pending,
    losses: Losses,
    ignored: IgnoredRecords,
    /// Orders of the group that is being written.
    released: Vec<Order>,
    observer: ThrottledObserver<'a, 'o>,
    requests_looked_at: Instant,
    take_requests: bool,
    interrupted: bool,
    /// Set when the run has ended and only its archiving is left.
    closing: Option<RunStatus>,
}

impl<'a, 'o> Engine<'a, 'o> {
    fn open(
        setup: Setup,
        start: Start,
        observer: &'a mut Observer<'o>,
    ) -> Result<(Self, Input), DriveError> {
        let journal = setup.journal;
        let (run, state, begin) = view::beginning(&*journal, start)?;
        let reader = journal.reader()?;
        let opener = journal.opener();
        let line = setup.inbox.line();
        let watch = match setup.feed {
            Some(feed) => Some(Watch::start(feed, setup.clock.now(), line.clone())?),
            None => None,
        };
        let demand = match setup.demand {
            Some(feed) => Some(Demand::start(feed, line.clone())?),
            None => None,
        };
        let engine = Self {
            run,
            state,
            clock: setup.clock,
            limits: setup.limits,
            registry: WorkerRegistry::new(setup.transport),
            reader,
            writer: Writer::start(journal, line.clone())?,
            questions: Questions::new(
                setup.resolver,
                Arc::from(opener),
                line.clone(),
                setup.limits.questions.get(),
            ),
            inbox: setup.inbox,
            asked: VecDeque::new(),
            solver: Solver::new(line),
            watch,
            demand,
            delayed: VecDeque::new(),
            pending: Pending::default(),
            losses: Losses::default(),
            ignored: IgnoredRecords::default(),
            released: Vec::new(),
            observer: ThrottledObserver::new(run, observer, setup.limits.progress_every),
            requests_looked_at: Instant::now(),
            take_requests: false,
            interrupted: false,
            closing: None,
        };
        Ok((engine, begin))
    }

    fn drive(&mut self, begin: Input) -> Result<RunStatus, DriveError> {
        let span = view::run_span(&self.state, self.run, &begin);
        let _entered = span.enter();
        self.decide(Input::Start)?;
        self.decide(begin)?;
        let status = self.state.run(self.run).map(|run| run.status);
        if status != Some(RunStatus::Running) {
            return Err(DriveError::NotBegun {
                run: self.run,
                status,
            });
        }
        self.observer.began(&self.state);
        self.verify_outputs();
        self.listen()?;
        self.look_around()?;
        loop {
            if let Course::Over(status) = self.turn()? {
                return Ok(status);
            }
            if let Some(arrival) = self.wait()
                && let Course::Over(status) = self.take_in(arrival)?
            {
                return Ok(status);
            }
        }
    }

    /// Does everything that can be done without waiting.
    fn turn(&mut self) -> Result<Course, DriveError> {
        loop {
            self.mend()?;
            self.hand_over()?;
            if self.is_full() {
                return Ok(Course::On);
            }
            let delayed = self.delayed.pop_front();
            if let Some(arrival) = delayed.or_else(|| self.inbox.try_next()) {
                if let Course::Over(status) = self.take_in(arrival)? {
                    return Ok(Course::Over(status));
                }
            } else if !self.answer_one()? && !self.advance()? {
                break;
            }
        }
        self.look_for_requests()?;
        self.wake_brain()?;
        if let Some(watch) = &mut self.watch {
            watch.look_if_due(self.clock.now());
        }
        self.observer.progress(&self.state);
        self.hand_over()?;
        Ok(Course::On)
    }

    /// True if too much waits for the journal, so that no more arrivals are handled.
    fn is_full(&self) -> bool {
        self.writer.is_busy() && self.pending.weight() >= self.limits.waiting_facts
    }

    fn take_in(&mut self, arrival: Arrival) -> Result<Course, DriveError> {
        match arrival {
            Arrival::Worker(envelope) => self.hear(envelope)?,
            Arrival::Control(control) => return self.obey(control),
            Arrival::Answered(answer) => {
                self.questions.answered();
                self.take_answer(*answer)?;
            }
            Arrival::Seen(seen) => self.see(*seen)?,
            Arrival::Demanded(heard) => self.follow(*heard)?,
            Arrival::Solved(solved) => {
                self.solver.answered();
                self.place(*solved)?;
            }
            Arrival::Written(Ok(())) => return self.release(),
            Arrival::Written(Err(error)) => return Err(error.into()),
            Arrival::WriterGone => {
                return Err(DriveError::Broken {
                    what: "journal's writer",
                });
            }
        }
        Ok(Course::On)
    }

    fn hear(&mut self, envelope: Envelope) -> Result<(), DriveError> {
        let worker = envelope.worker;
        match envelope.message {
            FromWorker::Hello { capacity } => {
                self.registry.joined(worker);
                let pool = PoolId::default();
                self.decide(Input::WorkerJoined {
                    worker,
                    capacity,
                    pool,
                })
            }
            FromWorker::Started { tasks } => {
                self.observer
                    .tell(&Event::Executing { tasks: &tasks }, &self.state);
                Ok(())
            }
            FromWorker::Ended { mut ends } => {
                for end in &mut ends {
                    end.started_ms = self.clock.at(end.started_ms).0;
                    end.wall_us = self.clock.stretch_us(end.wall_us);
                }
                self.losses.among(self.run, &mut ends);
                self.decide(Input::Ended { worker, ends })
            }
            FromWorker::Notice { line } => {
                self.observer
                    .tell(&Event::Notice { line: &line }, &self.state);
                Ok(())
            }
            FromWorker::Goodbye => {
                self.registry.left(worker);
                self.decide(Input::WorkerLost { worker })?;
                if self.registry.is_deserted() && self.closing.is_none() && !self.interrupted {
                    return Err(DriveError::NoWorker);
                }
                Ok(())
            }
        }
    }

    fn obey(&mut self, control: Control) -> Result<Course, DriveError> {
        match control {
            Control::Interrupt if !self.interrupted => {
                self.interrupted = true;
                self.decide(Input::Interrupt)?;
            }
            Control::Interrupt | Control::Stop => return Ok(Course::Over(RunStatus::Interrupted)),
            Control::Cancel => self.decide(Input::Cancel { run: self.run })?,
        }
        Ok(Course::On)
    }

    fn take_answer(&mut self, answer: Answer) -> Result<(), DriveError> {
        let mut resolution = answer.resolution?;
        if let Err(failure) = &mut resolution.answer
            && self.losses.miss(answer.stage, failure)
        {
            return Ok(());
        }
        self.resolved(answer.run, answer.stage, resolution)
    }

    fn resolved(
        &mut self,
        run: RunId,
        stage: StageId,
        resolution: Resolution,
    ) -> Result<(), DriveError> {
        self.pending.group.files.extend(resolution.files);
        self.tell_ignored();
        self.decide(Input::Resolved {
            run,
            stage,
            answer: resolution.answer,
        })
    }

    /// Decides on an input, and applies the facts in memory.
    fn decide(&mut self, input: Input) -> Result<(), DriveError> {
        let step = decide(&self.state, self.clock.now(), input);
        self.take(step)
    }

    /// Lets the core take one step by itself. Returns false if there is nothing to do.
    fn advance(&mut self) -> Result<bool, DriveError> {
        let step = advance(&self.state, self.clock.now());
        let moved = !step.facts.is_empty() || !step.orders.is_empty();
        self.take(step)?;
        Ok(moved)
    }

    fn take(&mut self, step: Step) -> Result<(), DriveError> {
        let now = self.clock.now();
        for fact in step.facts {
            apply(&mut self.state, &fact).map_err(|why| DriveError::Illegal {
                run: self.run,
                why: why.to_string(),
            })?;
            view::remember_results(&self.state, &fact, &mut self.pending.group);
            self.observer.note(&fact, &self.state, now);
            self.pending.push(fact);
        }
        for order in step.orders {
            self.sort(order);
        }
        Ok(())
    }

    /// Sorts an order. Questions change nothing outside, so they do not wait for the journal. The
    /// facts in their answers are written after the facts that led to them. All other orders wait.
    fn sort(&mut self, order: Order) {
        match order {
            Order::Resolve { run, stage } => {
                self.asked.push_back(Question::Resolve { run, stage });
            }
            Order::Lookup {
                run,
                stage,
                first,
                keys,
            } => self.asked.push_back(Question::Lookup {
                run,
                stage,
                first,
                keys: keys.into(),
            }),
            Order::Solve { problem } => self.asked.push_back(Question::Solve(problem)),
            Order::Dispatch { .. }
            | Order::Revoke { .. }
            | Order::Yield { .. }
            | Order::Close { .. } => {
                self.pending.orders.push(order);
            }
        }
    }

    /// Answers one question or a part of it. Returns false if there is none.
    fn answer_one(&mut self) -> Result<bool, DriveError> {
        let Some(question) = self.asked.pop_front() else {
            return Ok(false);
        };
        match question {
            Question::Resolve { run, stage } => self.resolve(run, stage)?,
            Question::Lookup {
                run,
                stage,
                first,
                keys,
            } => self.look_up(run, stage, first, keys)?,
            Question::Solve(problem) => self.solver.ask(problem)?,
        }
        Ok(true)
    }

    /// Waits for the first look at the grids, so that no stage starts that should wait for power.
    fn look_around(&mut self) -> Result<(), DriveError> {
        let Some(watch) = &self.watch else {
            return Ok(());
        };
        let fleet = watch.fleet();
        self.decide(Input::Fleet { fleet })?;
        if let Some(run) = self.state.run(self.run) {
            let times = earlier_times(&*self.reader, Some(self.run), &run.spec)?;
            self.decide(Input::Times {
                times: Arc::new(times),
            })?;
        }
        loop {
            match self.inbox.next_within(IDLE) {
                Some(Arrival::Seen(seen)) => return self.see(*seen),
                Some(Arrival::Control(control)) => {
                    self.delayed.push_back(Arrival::Control(control));
                    return Ok(());
                }
                Some(arrival) => self.delayed.push_back(arrival),
                None => {}
            }
        }
    }

    /// Handles an answer of the placer. Invalid placements are dropped and reported.
    fn place(&mut self, solved: Solved) -> Result<(), DriveError> {
        for fault in &solved.solution.faults {
            let line = format!(
                "{fault}; the stage goes on without this placement. \
                 This is a bug in Sunward; please report it"
            );
            self.observer
                .tell(&Event::Notice { line: &line }, &self.state);
        }
        self.decide(Input::Solved {
            asks: solved.asks,
            solution: solved.solution,
        })
    }

    /// Handles an answer of the feed.
    fn see(&mut self, mut seen: Seen) -> Result<(), DriveError> {
        let Some(watch) = &mut self.watch else {
            return Ok(());
        };
        let measured = std::mem::take(&mut seen.measured);
        let signals = std::mem::take(&mut seen.signals);
        let news = watch.take(seen, self.state.outlook());
        if let Some(line) = &news.notice {
            self.observer.tell(&Event::Notice { line }, &self.state);
        }
        self.decide(Input::Figures { signals, measured })?;
        match news.outlook {
            Some(outlook) => self.decide(Input::Outlook { outlook }),
            None => Ok(()),
        }
    }

    fn resolve(&mut self, run: RunId, stage: StageId) -> Result<(), DriveError> {
        let Some(request) = view::resolve_request(&self.state, run, stage) else {
            return Ok(());
        };
        match self.questions.resolver().glance(&request, &*self.reader)? {
            Some(resolution) => self.resolved(run, stage, resolution),
            None => self.questions.ask(request),
        }
    }

    /// Gives the pending group to the writer, if the writer is idle and there is something to
    /// write.
    fn hand_over(&mut self) -> Result<(), DriveError> {
        let more_to_come = !self.asked.is_empty() && self.pending.weight() < EARLY_WEIGHT;
        if self.writer.is_busy() || self.pending.is_empty() || more_to_come {
            return Ok(());
        }
        while self.advance()? && self.pending.weight() < self.limits.waiting_facts {}
        let (group, orders) = self.pending.take(self.clock.now());
        self.questions.resolver().share(&group.results);
        self.released = orders;
        self.writer
            .append(group, std::mem::take(&mut self.take_requests))
    }

    /// Releases the orders of a group that is now durable.
    fn release(&mut self) -> Result<Course, DriveError> {
        self.writer.answered();
        if let Some(status) = self.closing {
            return Ok(Course::Over(status));
        }
        for order in std::mem::take(&mut self.released) {
            match order {
                Order::Dispatch { worker, lease } => {
                    self.registry.dispatch(&self.state, worker, lease);
                    self.observer
                        .tell(&Event::Leased { lease: &lease }, &self.state);
                }
                Order::Revoke { worker, run } => {
                    self.registry.send(worker, ToWorker::Revoke { run });
                }
                Order::Yield {
                    worker,
                    tasks,
                    stops,
                } => self.registry.send(worker, ToWorker::Yield { tasks, stops }),
                Order::Close { run, status } => return self.close(run, status),
                Order::Resolve { .. } | Order::Lookup { .. } | Order::Solve { .. } => {}
            }
        }
        Ok(Course::On)
    }

    /// Closes a run whose end is durable.
    fn close(&mut self, run: RunId, status: RunStatus) -> Result<Course, DriveError> {
        self.registry.forget(run);
        self.observer.ended(status, &self.state);
        match status {
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => {
                self.closing = Some(status);
                self.writer.archive(run)?;
                Ok(Course::On)
            }
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => {
                Ok(Course::Over(status))
            }
        }
    }

    /// Checks whether another process requested a cancel.
    fn look_for_requests(&mut self) -> Result<(), DriveError> {
        if self.requests_looked_at.elapsed() < self.limits.requests_every {
            return Ok(());
        }
        self.requests_looked_at = Instant::now();
        let requests = self.reader.cancel_requests()?;
        if requests.is_empty() {
            return Ok(());
        }
        // The group that holds the fact also removes the rows, so that no request is lost in
        // between.
        self.take_requests = true;
        if requests.iter().any(|request| request.run == self.run) {
            let run = self.run;
            self.observer
                .tell(&Event::CancelRequested { run }, &self.state);
            self.decide(Input::Cancel { run })?;
        }
        Ok(())
    }

    /// Tells the core that a moment it waited for has come.
    fn wake_brain(&mut self) -> Result<(), DriveError> {
        match next_wakeup(&self.state) {
            Some(at) if at <= self.clock.now() => self.decide(Input::Tick),
            Some(_) | None => Ok(()),
        }
    }
}
