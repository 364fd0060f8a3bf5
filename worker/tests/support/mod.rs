//! A scene for tests: a worker in a folder of its own, and a coordinator that leases tasks to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use sunward_core::{
    Dataset, Failure, FailureKind, Generation, Lease, Outcome, RunId, StageId, TaskEnd, TaskResult,
    Tasks,
};
use sunward_data::Store;
use sunward_protocol::{FromWorker, Job, ToWorker};
use sunward_worker::{Host, Options, Worker};
use sunward_workflows::{Action, Command, Output, OutputFormat, Span, Stage, Template};

/// Longer than any event takes on a busy machine. Only a test that hangs waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Scene {
    pub home: tempfile::TempDir,
    pub store: Store,
    pub worker: Worker,
    inbox: Receiver<FromWorker>,
    pub notices: Vec<String>,
    stages: u32,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A scene with changed options. The default is two cores, a second of grace, and an
    /// environment of PATH and HOME.
    pub fn with(change: impl FnOnce(&mut Options)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), None).unwrap();
        let host: Host = [("PATH", "/usr/bin:/bin"), ("HOME", "/home/someone")]
            .into_iter()
            .collect();
        let mut options = Options::new(
            2,
            1 << 30,
            home.path().to_owned(),
            store.clone(),
            sunward_kernels::library(),
            host,
        );
        options.grace = Duration::from_millis(200);
        // Tests must not depend on the meters of this machine.
        options.meters.powercap = home.path().join("no meter");
        change(&mut options);
        let (outbox, inbox) = channel();
        let worker = Worker::start(options, move |message| drop(outbox.send(message))).unwrap();
        Self {
            home,
            store,
            worker,
            inbox,
            notices: Vec::new(),
            stages: 0,
        }
    }

    /// Sends a stage to the worker and leases all of its tasks.
    pub fn start(&mut self, job: Job) -> Lease {
        let lease = Lease {
            run: job.run,
            stage: job.stage_id,
            first: 0,
            count: job.tasks.count(),
            generation: Generation(1),
            attempt: 1,
        };
        self.worker.tell(ToWorker::Job(Arc::new(job)));
        self.worker.tell(ToWorker::Lease(lease));
        lease
    }

    /// Runs a stage and returns its ends in task order.
    pub fn run(&mut self, job: Job) -> Vec<TaskEnd> {
        let lease = self.start(job);
        self.ends(lease.count)
    }

    /// Runs a stage of one task.
    pub fn one(&mut self, stage: Stage) -> TaskEnd {
        let job = self.job(stage, Tasks::One);
        self.run(job).remove(0)
    }

    /// Runs a stage of one task that must fail.
    pub fn failure(&mut self, stage: Stage) -> Failure {
        failure(self.one(stage))
    }

    /// How a stage fails at its `timeout`. The timeout doubles until the command had the time to
    /// come to where `is_ready` holds, so that a slow machine fails no test.
    pub fn timed_out(&mut self, stage: &Stage, is_ready: impl Fn(&Failure) -> bool) -> Failure {
        for timeout_ms in [300, 600, 1_200, 2_400, 4_800, 9_600, 19_200] {
            let mut stage = stage.clone();
            stage.timeout_ms = Some(timeout_ms);
            let failure = self.failure(stage);
            assert_eq!(failure.kind, FailureKind::Timeout, "{failure:?}");
            if is_ready(&failure) {
                return failure;
            }
        }
        panic!("it never came so far");
    }

    /// A job of run r1, with a stage id of its own.
    pub fn job(&mut self, stage: Stage, tasks: Tasks) -> Job {
        self.stages += 1;
        Job {
            run: RunId(1),
            workflow: "flow".into(),
            stage_id: StageId(self.stages),
            stage,
            params: BTreeMap::new(),
            inputs: BTreeMap::new(),
            tasks,
            statuses: BTreeMap::new(),
            folder: self.home.path().to_str().unwrap().into(),
            staged: Default::default(),
        }
    }

    /// The next `count` ends, in task order.
    pub fn ends(&mut self, count: u32) -> Vec<TaskEnd> {
        let count = usize::try_from(count).unwrap();
        let mut all = Vec::new();
        while all.len() < count {
            if let FromWorker::Ended { ends } = self.message() {
                all.extend(ends);
            }
        }
        assert_eq!(all.len(), count, "more ends than leases");
        all.sort_by_key(|end| end.task);
        all
    }

    /// Waits until a command has created a file.
    pub fn await_file(&self, path: &Path) {
        for _ in 0..6000 {
            if path.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} never appeared", path.display());
    }

    pub fn message(&mut self) -> FromWorker {
        match self.inbox.recv_timeout(PATIENCE) {
            Ok(message) => {
                if let FromWorker::Notice { line } = &message {
                    self.notices.push(line.clone());
                }
                message
            }
            Err(RecvTimeoutError::Timeout) => panic!("the worker fell silent"),
            Err(RecvTimeoutError::Disconnected) => panic!("the worker is gone"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn log(&self, stage: &str, name: &str) -> PathBuf {
        self.path("runs/r1/logs").join(stage).join(name)
    }

    pub fn log_text(&self, stage: &str) -> String {
        std::fs::read_to_string(self.log(stage, "0.1.log")).unwrap_or_default()
    }
}

/// A stage that runs a script.
pub fn shell(script: &str) -> Stage {
    stage(Action::Run(Command::Shell {
        shell: vec!["/bin/sh".into(), "-c".into()],
        script: Template::new(script),
    }))
}

/// A stage that runs a program.
pub fn argv(words: &[&str]) -> Stage {
    stage(Action::Run(Command::Argv(
        words.iter().map(|word| Template::new(*word)).collect(),
    )))
}

/// A stage that runs a kernel.
pub fn kernel(name: &str) -> Stage {
    let version = sunward_kernels::library()
        .get(name)
        .map_or(1, |k| k.entry().version);
    stage(Action::Kernel {
        name: name.into(),
        version,
    })
}

fn stage(action: Action) -> Stage {
    Stage::new("work", action)
}

/// The stage with an output.
pub fn giving(mut stage: Stage, port: &str, format: OutputFormat) -> Stage {
    let output = Output {
        format,
        schema: None,
        ext: None,
        span: Span::default(),
        ..Output::default()
    };
    stage.outputs.insert(port.into(), output);
    stage
}

pub fn result(end: TaskEnd) -> TaskResult {
    match end.outcome {
        Outcome::Succeeded(result) => result,
        Outcome::Failed(failure) => panic!("{failure:?}"),
    }
}

pub fn failure(end: TaskEnd) -> Failure {
    match end.outcome {
        Outcome::Failed(failure) => failure,
        Outcome::Succeeded(_) => panic!("it succeeded"),
    }
}

pub fn succeeded(end: &TaskEnd) -> bool {
    matches!(end.outcome, Outcome::Succeeded(_))
}

pub fn kind(end: TaskEnd) -> FailureKind {
    failure(end).kind
}

/// The bytes of a file dataset.
pub fn bytes(store: &Store, dataset: &Dataset) -> Vec<u8> {
    std::fs::read(store.part_path(&dataset.parts[0].digest)).unwrap()
}
