//! A small world for tests of the loop: workflows, a resolver that reads nothing, simulated
//! workers, and a journal that may fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use sunward_core::{
    Capacity, Dataset, Digest, Energy, Fact, Failure, FailureKind, Hasher, Lease, Outcome, PartRef,
    Placing, RunId, RunSpec, RunStatus, Selection, State, Surroundings, TaskEnd, TaskId,
    TaskResult, Tasks, Timestamp, WorkerId, plan,
};
use sunward_drive::{
    Clock, DemandFeed, DriveError, Ended, Event, ForecastFeed, Inbox, InputResolver, Limits, Line,
    Resolution, ResolveRequest, Setup, Start, SystemClock, Transport, inbox, run,
};
use sunward_protocol::{Envelope, FromWorker, Job, ToWorker};
use sunward_state::{
    CancelRequest, FileStamp, Group, Journal, OpenReader, Position, Reader, RunRow, Scope, Sqlite,
    StateError,
};
use sunward_workflows::{
    Action, Command, Form, Input, Output, OutputFormat, Reference, Scatter, Slicing, Span, Stage,
    Template, Value, Workflow,
};

pub const WORKER: WorkerId = WorkerId(1);

pub fn stage(name: &str) -> Stage {
    let output = Output {
        format: OutputFormat::Arrow,
        schema: None,
        ext: None,
        span: Span::default(),
        ..Output::default()
    };
    Stage {
        outputs: [("out".to_owned(), output)].into_iter().collect(),
        ..Stage::new(
            name,
            Action::Run(Command::Argv(vec![Template {
                source: format!("/bin/{name}"),
                span: Span::default(),
            }])),
        )
    }
}

pub trait StageExt: Sized {
    fn reads(self, port: &str, from: &str) -> Self;
    fn range(self, count: i64) -> Self;
    fn rows_of(self, port: &str, rows: u64) -> Self;
    fn uncached(self) -> Self;
}

impl StageExt for Stage {
    fn reads(mut self, port: &str, from: &str) -> Self {
        let input = Input {
            from: vec![Reference::Port {
                stage: from.to_owned(),
                port: "out".to_owned(),
            }],
            form: Form::Arrow,
            columns: Vec::new(),
            variable: None,
            rows: sunward_workflows::model::GridRows::Time,
            csv: Default::default(),
            schema: None,
            span: Span::default(),
            ..Input::default()
        };
        self.inputs.insert(port.to_owned(), input);
        self
    }

    fn range(mut self, count: i64) -> Self {
        self.scatter = Scatter::Range(Value::Int(count));
        // The command depends on the item, because otherwise all tasks have the same key.
        self.action = Action::Run(Command::Argv(vec![Template {
            source: format!("/bin/{} ${{{{ item }}}}", self.name),
            span: Span::default(),
        }]));
        self
    }

    fn rows_of(mut self, port: &str, rows: u64) -> Self {
        self.scatter = Scatter::Input {
            port: port.to_owned(),
            slicing: Slicing::Rows(rows),
        };
        self
    }

    fn uncached(mut self) -> Self {
        self.cache.enabled = false;
        self
    }
}

pub fn spec(stages: Vec<Stage>) -> Arc<RunSpec> {
    let last = stages.last().unwrap().name.clone();
    let workflow = Workflow {
        name: "story".to_owned(),
        stages: stages
            .into_iter()
            .map(|stage| (stage.name.clone(), stage))
            .collect(),
        outputs: [(
            "result".to_owned(),
            Reference::Port {
                stage: last,
                port: "out".to_owned(),
            },
        )]
        .into_iter()
        .collect(),
        ..Workflow::default()
    };
    let around = Surroundings {
        cpus: 4,
        memory_bytes: 1 << 30,
        ..Surroundings::default()
    };
    let params = BTreeMap::new();
    let plan = plan(&workflow, &params, &around, &Selection::default()).unwrap();
    Arc::new(RunSpec {
        path: "/story/workflow.yaml".to_owned(),
        source: String::new(),
        workflow,
        params,
        plan,
        placing: Placing::default(),
        limits: Default::default(),
    })
}

/// A resolver that gathers by digest and counts rows, but reads nothing.
pub struct Counting {
    /// Whether it answers from a thread of its own, as if files had to be read.
    pub slow: bool,
    /// Whether it panics when asked.
    pub clumsy: bool,
}

impl Counting {
    fn answer(request: &ResolveRequest) -> Resolution {
        let planned = request.spec.plan.stage(request.stage).unwrap();
        let inputs: Vec<Dataset> = request
            .sources
            .iter()
            .map(|sources| {
                let mut hasher = Hasher::new("gather");
                let mut gathered = Dataset::default();
                let written = sources.iter().filter_map(|source| source.written.as_ref());
                for dataset in written.flat_map(|one| &one.datasets) {
                    hasher.field("content", &dataset.content.0);
                    gathered.rows += dataset.rows;
                    gathered.parts.extend_from_slice(&dataset.parts);
                }
                gathered.content = hasher.finish();
                gathered
            })
            .collect();
        let tasks = match (&planned.tasks, &planned.stage.scatter) {
            (Some(tasks), _) => tasks.clone(),
            (
                None,
                Scatter::Input {
                    port,
                    slicing: Slicing::Rows(rows_per_task),
                },
            ) => {
                let at = planned.stage.inputs.get_index_of(port).unwrap();
                Tasks::Rows {
                    port: port.clone(),
                    rows_per_task: *rows_per_task,
                    rows: inputs[at].rows,
                    digests: Vec::new(),
                }
            }
            other => panic!("no story scatters so: {other:?}"),
        };
        Resolution::known(inputs, tasks)
    }
}

impl InputResolver for Counting {
    fn glance(
        &self,
        request: &ResolveRequest,
        _: &dyn Reader,
    ) -> Result<Option<Resolution>, StateError> {
        Ok((!self.slow && !self.clumsy).then(|| Self::answer(request)))
    }

    fn resolve(&self, request: &ResolveRequest, _: &dyn Reader) -> Result<Resolution, StateError> {
        assert!(!self.clumsy, "clumsy resolver");
        Ok(Self::answer(request))
    }

    fn holds(&self, _: &TaskResult) -> bool {
        true
    }
}

/// The reaction of a simulated worker to a lease.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// The tasks succeed at once.
    Eager,
    /// The tasks never end.
    Stuck,
    /// The tasks fail.
    Failing,
    /// The tasks fail the first time.
    FailingOnce,
    /// The worker leaves.
    Leaving,
    /// The worker panics on the loop's own thread.
    Panicking,
}

/// The number of attempts of each task that began.
pub type Begun = Arc<Mutex<BTreeMap<(String, u32), u32>>>;

/// A worker inside the transport. Its results depend only on the messages.
pub struct Pretender {
    line: Line,
    mood: Mood,
    jobs: BTreeMap<sunward_core::StageId, Arc<Job>>,
    held: Vec<Lease>,
    begun: Begun,
}

impl Pretender {
    pub fn new(line: Line, mood: Mood, begun: Begun) -> Self {
        say(
            &line,
            FromWorker::Hello {
                capacity: Capacity {
                    cpus: 4,
                    memory_bytes: 1 << 30,
                    gpus: 0,
                },
            },
        );
        Self {
            line,
            mood,
            jobs: BTreeMap::new(),
            held: Vec::new(),
            begun,
        }
    }

    fn end(&self, lease: Lease, outcome: impl Fn(u32) -> Outcome) {
        let ends = (lease.first..lease.first + lease.count)
            .map(|index| TaskEnd {
                task: TaskId {
                    run: lease.run,
                    stage: lease.stage,
                    index,
                },
                generation: lease.generation,
                started_ms: 1,
                wall_us: 10,
                cpu_us: 10,
                energy: Energy::Missing,
                outcome: outcome(index),
            })
            .collect();
        say(&self.line, FromWorker::Ended { ends });
    }

    fn work(&mut self, lease: Lease) {
        let job = self.jobs.get(&lease.stage).expect("told of the job first");
        assert_eq!(job.stage_id, lease.stage);
        let name = job.stage.name.clone();
        for index in lease.first..lease.first + lease.count {
            *self
                .begun
                .lock()
                .unwrap()
                .entry((name.clone(), index))
                .or_default() += 1;
        }
        match self.mood {
            Mood::Eager => self.end(lease, |index| Outcome::Succeeded(compute(job, index))),
            Mood::Stuck => self.held.push(lease),
            Mood::FailingOnce if lease.attempt > 1 => {
                self.end(lease, |index| Outcome::Succeeded(compute(job, index)));
            }
            Mood::Failing | Mood::FailingOnce => {
                self.end(lease, |_| Outcome::Failed(failure(FailureKind::Exit(3))))
            }
            Mood::Leaving => say(&self.line, FromWorker::Goodbye),
            Mood::Panicking => panic!("the transport fell over"),
        }
    }
}

fn say(line: &Line, message: FromWorker) {
    line.worker(Envelope {
        worker: WORKER,
        message,
    });
}

fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        message: "it pretended".to_owned(),
        log_tail: String::new(),
        ran_on: None,
    }
}

/// A result that depends only on the stage, the index and the inputs.
fn compute(job: &Job, index: u32) -> TaskResult {
    let mut hasher = Hasher::new("compute");
    hasher.field("stage", job.stage.name.as_bytes());
    hasher.field("index", &index.to_le_bytes());
    for input in job.inputs.values() {
        hasher.field("input", &input.content.0);
    }
    let content = hasher.finish();
    TaskResult::of_cpu(vec![Dataset {
        written: None,
        files: None,
        content,
        rows: 10,
        parts: vec![PartRef {
            digest: content,
            bytes: 100,
            rows: 10,
        }],
        ..Dataset::default()
    }])
}

impl Transport for Pretender {
    fn send(&mut self, to: WorkerId, message: ToWorker) {
        assert_eq!(to, WORKER);
        match message {
            ToWorker::Job(job) => {
                self.jobs.insert(job.stage_id, job);
            }
            ToWorker::Files { .. } => {}
            ToWorker::Lease(lease) => self.work(lease),
            ToWorker::Revoke { .. } => {
                for lease in std::mem::take(&mut self.held) {
                    self.end(lease, |_| Outcome::Failed(failure(FailureKind::Cancelled)));
                }
            }
            ToWorker::Yield { tasks, .. } => {
                let (gone, kept): (Vec<Lease>, Vec<Lease>) = std::mem::take(&mut self.held)
                    .into_iter()
                    .partition(|lease| {
                        (lease.run, lease.stage) == (tasks.run, tasks.stage)
                            && (lease.first..lease.first + lease.count)
                                .any(|index| tasks.holds(index))
                    });
                self.held = kept;
                for lease in gone {
                    self.end(lease, |_| Outcome::Failed(failure(FailureKind::Preempted)));
                }
            }
            ToWorker::Forget { .. } => self.jobs.clear(),
            ToWorker::Stop => {}
        }
    }
}

/// A journal that accepts a number of groups and then fails, as on a full disk.
pub struct Breaking {
    inner: Sqlite,
    groups_left: u32,
}

macro_rules! pass_on {
    ($(fn $name:ident(&self $(, $arg:ident: $kind:ty)*) -> $out:ty;)*) => {
        $(fn $name(&self $(, $arg: $kind)*) -> $out { self.inner.$name($($arg),*) })*
    };
}

impl Reader for Breaking {
    pass_on! {
        fn place(&self) -> &Path;
        fn replay(&self, scope: Scope, each: &mut dyn FnMut(Fact)) -> Result<(), StateError>;
        fn fold(&self) -> Result<State, StateError>;
        fn newest_position(&self) -> Result<Position, StateError>;
        fn runs(&self) -> Result<Vec<RunRow>, StateError>;
        fn run(&self, run: RunId) -> Result<Option<RunRow>, StateError>;
        fn newest_run(&self) -> Result<Option<RunRow>, StateError>;
        fn unfinished(&self, path: &str, params: Digest) -> Result<Vec<RunRow>, StateError>;
        fn next_run_id(&self) -> Result<RunId, StateError>;
        fn lookup_results(&self, keys: &[Digest]) -> Result<Vec<Option<TaskResult>>, StateError>;
        fn each_result(&self, each: &mut dyn FnMut(Digest, TaskResult, Timestamp)) -> Result<(), StateError>;
        fn recall_files(&self, asked: &[(FileStamp, Digest)]) -> Result<Vec<Option<Dataset>>, StateError>;
        fn ignored_records(&self) -> u64;
        fn cancel_requests(&self) -> Result<Vec<CancelRequest>, StateError>;
    }
}

impl Journal for Breaking {
    fn append(&mut self, group: &Group) -> Result<Position, StateError> {
        if self.groups_left == 0 {
            return Err(StateError::Full {
                doing: "append to the journal",
                path: self.place().to_path_buf(),
            });
        }
        self.groups_left -= 1;
        self.inner.append(group)
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StateError> {
        self.inner.reader()
    }

    fn opener(&self) -> Box<OpenReader> {
        self.inner.opener()
    }

    fn snapshot(&mut self, state: &State) -> Result<(), StateError> {
        self.inner.snapshot(state)
    }

    fn archive(&mut self, run: RunId) -> Result<(), StateError> {
        self.inner.archive(run)
    }

    fn forget_results(&mut self, keys: &[Digest]) -> Result<(), StateError> {
        self.inner.forget_results(keys)
    }

    fn forget_memory(&mut self) -> Result<(), StateError> {
        self.inner.forget_memory()
    }

    fn take_cancel_requests(&mut self) -> Result<Vec<CancelRequest>, StateError> {
        self.inner.take_cancel_requests()
    }
}

/// The setup of one drive.
pub struct Drive<'a> {
    pub home: &'a Path,
    pub mood: Mood,
    pub begun: Begun,
    pub slow_hands: bool,
    pub clumsy_hands: bool,
    pub groups_left: u32,
    pub clock: Box<dyn Clock>,
    pub feed: Option<Box<dyn ForecastFeed>>,
    pub demand: Option<Box<dyn DemandFeed>>,
    pub inbox: (Inbox, Line),
}

impl<'a> Drive<'a> {
    pub fn new(home: &'a Path) -> Self {
        Self {
            home,
            mood: Mood::Eager,
            begun: Begun::default(),
            slow_hands: false,
            clumsy_hands: false,
            groups_left: u32::MAX,
            clock: Box::new(SystemClock),
            feed: None,
            demand: None,
            inbox: inbox(),
        }
    }

    pub fn line(&self) -> Line {
        self.inbox.1.clone()
    }

    pub fn run(self, start: Start) -> Result<Ended, DriveError> {
        self.watch(start, &mut |_, _| {})
    }

    pub fn watch(
        self,
        start: Start,
        observer: &mut dyn FnMut(&Event<'_>, &State),
    ) -> Result<Ended, DriveError> {
        let (inbox, line) = self.inbox;
        let setup = Setup {
            journal: Box::new(Breaking {
                inner: Sqlite::open(self.home).unwrap(),
                groups_left: self.groups_left,
            }),
            clock: self.clock,
            transport: Box::new(Pretender::new(line, self.mood, self.begun)),
            resolver: Arc::new(Counting {
                slow: self.slow_hands,
                clumsy: self.clumsy_hands,
            }),
            feed: self.feed,
            demand: self.demand,
            inbox,
            limits: Limits::default(),
        };
        run(setup, start, observer)
    }
}

/// The outputs of the last stage, in task order.
pub fn output(ended: &Ended) -> Vec<Digest> {
    let run = ended.state.run(ended.run).unwrap();
    let (_, stage, port) = run.outputs().next().unwrap();
    let gathered = run.gathered(stage, port).unwrap();
    gathered.iter().map(|dataset| dataset.content).collect()
}

/// Continues the newest unfinished run, or starts a new one, as `sunward run` does.
pub fn again(home: &Path, spec: &Arc<RunSpec>) -> Start {
    let engine = Sqlite::open(home).unwrap();
    let params = sunward_state::digest_params(&spec.params).unwrap();
    let unfinished = engine.unfinished(&spec.path, params).unwrap();
    match unfinished.first() {
        Some(row) => Start::Resume {
            run: row.run,
            spec: Arc::clone(spec),
        },
        None => Start::Submit(Arc::clone(spec)),
    }
}

/// Checks that the journal folds to the live state.
pub fn assert_replayed(home: &Path, ended: &Ended) {
    let engine = Sqlite::open(home).unwrap();
    let folded = engine.load_run(ended.run).unwrap();
    assert_eq!(folded.run(ended.run), ended.state.run(ended.run));
    let row = engine.run(ended.run).unwrap().unwrap();
    assert_eq!(row.status, ended.status);
    let finished = [
        RunStatus::Succeeded,
        RunStatus::Failed,
        RunStatus::Cancelled,
    ];
    if finished.contains(&ended.status) {
        assert!(
            engine.fold().unwrap().run(ended.run).is_none(),
            "a finished run is archived"
        );
    }
}
