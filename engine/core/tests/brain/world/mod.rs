//! A small world around the core. It keeps the journal, answers orders, runs leases on virtual
//! workers, and checks invariants after every fact.
pub mod flow;
pub mod grids;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use sunward_core::place::{self, Placer, Problem, Solution};
use sunward_core::{
    Capacity, Dataset, DatasetKind, Digest, Energy, Fact, Failure, FailureKind, FileGroups,
    FileRows, Generation, Grouping, Input, Lease, Order, Outcome, PartRef, PoolId, RunId, RunSpec,
    RunStatus, Span, StageId, State, Step, TaskEnd, TaskId, TaskResult, TaskStatus, Tasks,
    Timestamp, WorkerId, advance, apply, decide,
};
use sunward_workflows::{Form, Reference, Scatter, Slicing, Value};

/// Decides the outcome of each attempt.
pub type Fate = Box<dyn FnMut(&str, u32, u32) -> Outcome>;

/// An attempt that a worker holds.
#[derive(Clone, Debug)]
pub struct Flight {
    pub worker: WorkerId,
    pub task: TaskId,
    pub generation: Generation,
    pub attempt: u32,
}

pub struct World {
    pub state: State,
    pub now: Timestamp,
    pub journal: Vec<Fact>,
    pub orders: VecDeque<Order>,
    pub flights: Vec<Flight>,
    /// The cached results.
    pub cache: BTreeMap<Digest, TaskResult>,
    /// The outcome by stage, task and attempt.
    pub fate: Fate,
    /// The number of executed attempts, by stage and task.
    pub executed: BTreeMap<(String, u32), u32>,
    /// How often tasks were looked up since the run was last started or resumed.
    pub looked_up: BTreeMap<(RunId, StageId, u32), u32>,
    pub closed: Vec<(RunId, RunStatus)>,
    /// Chooses which flight ends next.
    pub picks: Box<dyn FnMut(usize) -> usize>,
    /// The placer.
    pub placer: Box<dyn FnMut(&Problem) -> Solution>,
    /// Wall time of one attempt in microseconds.
    pub wall_us: u64,
    /// The most leases at the same time.
    pub most_flights: usize,
    /// How many of a worker's tasks have begun; the others wait in its queue.
    pub begun: usize,
    /// How long an attempt has run that makes way, in microseconds.
    pub made_way_us: u64,
}

/// The result of a task. It is the same for every attempt.
pub fn gives(stage: &str, index: u32, ports: usize) -> TaskResult {
    let port = |port: usize| {
        let digest = Digest::of(format!("{stage}/{index}/{port}").as_bytes());
        Dataset {
            content: digest,
            rows: 10,
            parts: vec![PartRef {
                digest,
                bytes: 100,
                rows: 10,
            }],
            ..Dataset::default()
        }
    };
    TaskResult::of_cpu((0..ports).map(port).collect())
}

pub fn fails(kind: FailureKind) -> Outcome {
    Outcome::Failed(Failure {
        kind,
        message: "as the test wants it".into(),
        log_tail: String::new(),
        ran_on: None,
    })
}

impl Default for World {
    fn default() -> Self {
        Self {
            state: State::default(),
            now: Timestamp(1_000_000),
            journal: Vec::new(),
            orders: VecDeque::new(),
            flights: Vec::new(),
            cache: BTreeMap::new(),
            fate: Box::new(|stage, index, _| Outcome::Succeeded(gives(stage, index, 1))),
            executed: BTreeMap::new(),
            looked_up: BTreeMap::new(),
            closed: Vec::new(),
            picks: Box::new(|_| 0),
            placer: Box::new(|problem| place::Sunward::default().solve(problem)),
            wall_us: 10_000,
            most_flights: 0,
            begun: 1,
            made_way_us: 500,
        }
    }
}

impl World {
    /// A world with one worker of `cpus` cores.
    pub fn with_cores(cpus: u32) -> Self {
        let mut world = Self::default();
        world.join(1, cpus);
        world
    }

    pub fn join(&mut self, worker: u32, cpus: u32) {
        self.give(Input::WorkerJoined {
            worker: WorkerId(worker),
            capacity: Capacity {
                cpus,
                memory_bytes: 1 << 30,
                gpus: 0,
            },
            pool: PoolId::default(),
        });
    }

    pub fn submit(&mut self, spec: RunSpec) -> RunId {
        let run = self.state.next_run();
        self.give(Input::Submit {
            run,
            spec: Arc::new(spec),
        });
        run
    }

    /// Decides, applies, and advances until nothing more follows.
    pub fn give(&mut self, input: Input) {
        let step = decide(&self.state, self.now, input);
        self.take(step);
        for _ in 0..100_000 {
            let step = advance(&self.state, self.now);
            if step == Step::default() {
                return;
            }
            self.take(step);
        }
        panic!("advancing never ends");
    }

    fn take(&mut self, step: Step) {
        for fact in step.facts {
            self.check_before(&fact);
            apply(&mut self.state, &fact).unwrap_or_else(|illegal| {
                panic!("the brain decided what it then refuses: {illegal}\n{fact:?}")
            });
            self.check_after(&fact);
            self.journal.push(fact);
        }
        self.orders.extend(step.orders);
    }

    fn check_before(&self, fact: &Fact) {
        if let Fact::Leased { lease, .. } = fact {
            let run = self.state.run(lease.run).unwrap();
            let stage = run.stage(lease.stage).unwrap();
            for upstream in &stage.planned.upstream {
                assert!(
                    run.stage(*upstream).unwrap().end().is_some() || stage.takes_files_one_by_one(),
                    "{} leased before its upstream ended",
                    stage.name()
                );
            }
            for index in lease.first..lease.first + lease.count {
                let files = stage.files_of(index);
                assert!(
                    files.iter().all(|(_, _, part)| !part.is_awaited()),
                    "{}/{index} leased before its files came",
                    stage.name()
                );
            }
            assert!(!run.is_stopping(), "leased while stopping");
            if let (Some(placement), Fact::Leased { worker, .. }) = (stage.placement(), fact) {
                let pool = self.state.pool_of(*worker);
                assert!(
                    placement.segments.iter().any(|one| Some(one.pool) == pool),
                    "{} leased where it was not placed",
                    stage.name()
                );
            }
        }
    }

    fn check_after(&mut self, fact: &Fact) {
        match fact {
            Fact::Leased { lease, worker, at } => {
                let pool = self.state.pool_of(*worker).unwrap();
                let level = self.state.curtailments().level(pool, *at);
                assert!(!level.halted, "leased in a pool where nothing starts");
                if let Some(cap) = level.cap_milliwatts {
                    let power = self.state.power_held(pool);
                    assert!(power <= cap, "{power} mW in a pool with a cap of {cap}");
                }
                let run = self.state.run(lease.run).unwrap();
                let stage = run.stage(lease.stage).unwrap();
                if let Some(limit) = stage.planned.stage.max_parallel {
                    assert!(
                        stage.counts().of(TaskStatus::Active) <= limit,
                        "max_parallel exceeded"
                    );
                }
                let units = self.state.units();
                for (name, asked) in &stage.planned.stage.resources.shared {
                    let Some(one) = units.get(name.as_str()) else {
                        continue;
                    };
                    // A task that asks for more than there is runs alone.
                    let alone = one.in_use == u64::from(*asked);
                    assert!(
                        one.in_use <= one.limit || alone,
                        "{} of {} units of {name} in use",
                        one.in_use,
                        one.limit
                    );
                }
                let active = stage
                    .statuses()
                    .iter()
                    .filter(|status| **status == TaskStatus::Active)
                    .count();
                assert_eq!(active, stage.counts().of(TaskStatus::Active) as usize);
            }
            Fact::LookupRequested {
                run,
                stage,
                first,
                count,
            } => {
                for index in *first..first + count {
                    let times = self.looked_up.entry((*run, *stage, index)).or_default();
                    *times += 1;
                    assert_eq!(*times, 1, "{stage:?}/{index} looked up again");
                }
            }
            Fact::Resumed { .. } | Fact::Reopened { .. } | Fact::EngineStarted { .. } => {
                self.looked_up.clear();
            }
            Fact::ResultsLost { run, stages } => {
                self.looked_up
                    .retain(|(of, stage, _), _| of != run || !stages.contains(stage));
            }
            _ => {}
        }
    }

    /// Answers the next order; false if there is none.
    pub fn answer_one(&mut self) -> bool {
        let Some(order) = self.orders.pop_front() else {
            return false;
        };
        match order {
            Order::Resolve { run, stage } => {
                let answer = Ok(self.resolve(run, stage));
                self.give(Input::Resolved { run, stage, answer });
            }
            Order::Lookup {
                run,
                stage,
                first,
                keys,
            } => {
                let count = u32::try_from(keys.len()).unwrap();
                let hits = (first..)
                    .zip(&keys)
                    .filter_map(|(index, key)| Some((index, self.cache.get(key)?.clone())))
                    .collect();
                self.give(Input::LookedUp {
                    run,
                    stage,
                    first,
                    count,
                    hits,
                });
            }
            Order::Solve { problem } => {
                let solution = (self.placer)(&problem);
                let asks = problem.asks.iter().map(|ask| ask.id).collect();
                drop(problem);
                self.give(Input::Solved { asks, solution });
            }
            Order::Dispatch { worker, lease } => self.fly(worker, lease),
            Order::Revoke { worker, run } => {
                let (revoked, kept): (Vec<Flight>, Vec<Flight>) = std::mem::take(&mut self.flights)
                    .into_iter()
                    .partition(|flight| flight.worker == worker && flight.task.run == run);
                self.flights = kept;
                let ends = revoked
                    .iter()
                    .enumerate()
                    .map(|(nth, flight)| {
                        // The first task was running, the others had not begun.
                        let wall_us = if nth == 0 { 500 } else { 0 };
                        self.end_of(flight, fails(FailureKind::Cancelled), wall_us)
                    })
                    .collect();
                self.give(Input::Ended { worker, ends });
            }
            Order::Yield {
                worker,
                tasks,
                stops,
            } => self.make_way(worker, tasks, stops),
            Order::Close { run, status } => {
                assert!(
                    !self.flights.iter().any(|flight| flight.task.run == run),
                    "closed while tasks fly"
                );
                self.closed.push((run, status));
            }
        }
        true
    }

    /// Ends those of some tasks that stop or have not begun. Of a worker's tasks, as many have begun
    /// as `begun` says.
    fn make_way(&mut self, worker: WorkerId, tasks: Span, stops: bool) {
        let mut ends = Vec::new();
        let mut kept = Vec::new();
        let mut nth = 0;
        for flight in std::mem::take(&mut self.flights) {
            if flight.worker != worker {
                kept.push(flight);
                continue;
            }
            let has_begun = nth < self.begun;
            nth += 1;
            let own = (flight.task.run, flight.task.stage) == (tasks.run, tasks.stage);
            if !own || !tasks.holds(flight.task.index) || (has_begun && !stops) {
                kept.push(flight);
                continue;
            }
            let wall_us = if has_begun { self.made_way_us } else { 0 };
            let mut end = self.end_of(&flight, fails(FailureKind::Preempted), wall_us);
            end.started_ms -= wall_us / 1000;
            ends.push(end);
        }
        self.flights = kept;
        self.give(Input::Ended { worker, ends });
    }

    fn fly(&mut self, worker: WorkerId, lease: Lease) {
        for index in lease.first..lease.first + lease.count {
            self.flights.push(Flight {
                worker,
                task: TaskId {
                    run: lease.run,
                    stage: lease.stage,
                    index,
                },
                generation: lease.generation,
                attempt: lease.attempt,
            });
        }
        self.most_flights = self.most_flights.max(self.flights.len());
    }

    pub fn end_of(&self, flight: &Flight, outcome: Outcome, wall_us: u64) -> TaskEnd {
        TaskEnd {
            task: flight.task,
            generation: flight.generation,
            started_ms: self.now.0,
            wall_us,
            cpu_us: wall_us,
            energy: Energy::Modelled { millijoules: 7 },
            outcome,
        }
    }

    pub fn stage_name(&self, task: TaskId) -> String {
        let run = self.state.run(task.run).unwrap();
        run.stage(task.stage).unwrap().name().to_owned()
    }

    /// Ends one flight; false if there is none.
    pub fn land_one(&mut self) -> bool {
        if self.flights.is_empty() {
            return false;
        }
        let pick = (self.picks)(self.flights.len()) % self.flights.len();
        let flight = self.flights.remove(pick);
        let name = self.stage_name(flight.task);
        *self
            .executed
            .entry((name.clone(), flight.task.index))
            .or_default() += 1;
        let outcome = (self.fate)(&name, flight.task.index, flight.attempt);
        let end = self.end_of(&flight, outcome, self.wall_us);
        self.now = self.now.after_ms(1);
        self.give(Input::Ended {
            worker: flight.worker,
            ends: vec![end],
        });
        true
    }

    /// Lets time pass until the next wake-up; false if nothing waits for time.
    pub fn sleep(&mut self) -> bool {
        let Some(due) = self.state.next_wakeup() else {
            return false;
        };
        self.now = self.now.max(due);
        self.give(Input::Tick);
        true
    }

    /// Continues until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..1_000_000 {
            if !(self.answer_one() || self.land_one() || self.sleep()) {
                return;
            }
        }
        panic!("the world never comes to rest");
    }

    /// Simulates `kill -9`: folds the state from the journal, and drops all flights.
    pub fn crash(&mut self) {
        self.flights.clear();
        self.orders.clear();
        self.state = self.folded();
        self.give(Input::Start);
    }

    /// Folds the journal. Each fact and the state are encoded and decoded on the way.
    pub fn folded(&self) -> State {
        let mut state = State::default();
        for (at, fact) in self.journal.iter().enumerate() {
            let bytes = postcard::to_allocvec(fact).unwrap();
            let back: Fact = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(&back, fact);
            apply(&mut state, &back).unwrap();
            if at == self.journal.len() / 2 {
                let snapshot = postcard::to_allocvec(&state).unwrap();
                state = postcard::from_bytes(&snapshot).unwrap();
            }
        }
        state
    }

    pub fn assert_replays(&self) {
        assert_eq!(
            self.folded(),
            self.state,
            "the journal folds to another state"
        );
    }

    /// Adds every result to the cache under its key, as a finished run does.
    pub fn remember_all(&mut self, run: RunId) {
        let run = self.state.run(run).unwrap();
        for stage in run.stages() {
            let Some(tasks) = stage.tasks() else { continue };
            let keys = sunward_core::TaskKeys::new(stage.planned, stage.inputs(), tasks);
            for index in 0..tasks.count() {
                if let Some(result) = stage.result(index) {
                    self.cache.insert(keys.key(index), result);
                }
            }
        }
    }

    fn resolve(&self, run: RunId, id: StageId) -> (Vec<Dataset>, Tasks) {
        let run = self.state.run(run).unwrap();
        let stage = run.stage(id).unwrap();
        let mut inputs = Vec::new();
        for input in stage.planned.stage.inputs.values() {
            let mut parts = Vec::new();
            for reference in &input.from {
                match reference {
                    Reference::Port { stage, port } => {
                        let upstream = run.find(stage).unwrap();
                        let datasets = run.given(upstream.id, port).unwrap().datasets;
                        for dataset in datasets {
                            parts.extend(dataset.parts);
                        }
                    }
                    Reference::Param(name)
                    | Reference::Path(name)
                    | Reference::Pattern(name)
                    | Reference::Url(name)
                    | Reference::Item(name) => {
                        parts.push(PartRef {
                            digest: Digest::of(name.as_bytes()),
                            bytes: 100,
                            rows: 25,
                        });
                    }
                }
            }
            if input.form == Form::File {
                let files = FileRows::unnamed("f".into(), parts.len());
                inputs.push(Dataset::of_files(DatasetKind::File, parts, files));
                continue;
            }
            let text: Vec<String> = parts.iter().map(|part| part.digest.to_hex()).collect();
            inputs.push(Dataset {
                content: Digest::of(text.join(" ").as_bytes()),
                rows: parts.iter().map(|part| part.rows).sum(),
                parts,
                ..Dataset::default()
            });
        }
        let tasks = stage.planned.tasks.clone().unwrap_or_else(|| {
            let Scatter::Input { port, slicing } = &stage.planned.stage.scatter else {
                panic!("only a scatter over data is unknown when planned");
            };
            let at = stage.planned.stage.inputs.get_index_of(port).unwrap();
            let rows = inputs[at].rows;
            if inputs[at].files.is_some() {
                return Tasks::Files(FileGroups {
                    count: u32::try_from(inputs[at].parts.len()).unwrap(),
                    ports: vec![(port.clone(), Grouping::Each)],
                    by: None,
                    zipped: false,
                });
            }
            match slicing {
                Slicing::Rows(rows_per_task) => Tasks::Rows {
                    port: port.clone(),
                    rows_per_task: *rows_per_task,
                    rows,
                    digests: Vec::new(),
                },
                Slicing::Parts | Slicing::By(_) => Tasks::Parts {
                    port: port.clone(),
                    count: u32::try_from(inputs[at].parts.len()).unwrap(),
                },
                Slicing::Row => Tasks::Items(
                    (0..rows)
                        .map(|row| Value::Int(i64::try_from(row).unwrap()))
                        .collect(),
                ),
            }
        });
        (inputs, tasks)
    }

    /// `stage: status` of each stage, for short assertions.
    pub fn statuses(&self, run: RunId) -> Vec<String> {
        let run = self.state.run(run).unwrap();
        run.stages()
            .map(|stage| format!("{}: {}", stage.name(), stage.status_word()))
            .collect()
    }

    pub fn status(&self, run: RunId) -> RunStatus {
        self.state.run(run).unwrap().status
    }

    /// The number of tasks of a stage with this status.
    pub fn count(&self, run: RunId, stage: &str, status: TaskStatus) -> u32 {
        let run = self.state.run(run).unwrap();
        run.find(stage).unwrap().counts().of(status)
    }

    /// The number of executed attempts of a stage.
    pub fn ran(&self, stage: &str) -> u32 {
        self.executed
            .iter()
            .filter(|((name, _), _)| name == stage)
            .map(|(_, times)| times)
            .sum()
    }

    /// The tasks that were executed at least once.
    pub fn touched(&self) -> BTreeSet<(String, u32)> {
        self.executed.keys().cloned().collect()
    }
}
