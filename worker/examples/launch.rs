//! How many attempts a second a worker alone gets through, beside `xargs`: somebody feeds it leases
//! and counts ends. `cargo run --release -p sunward-worker --example launch`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a benchmark prints, and stops where it cannot go on"
)]

use std::collections::BTreeMap;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use sunward_core::{Generation, Lease, Outcome, RunId, StageId, Tasks};
use sunward_data::Store;
use sunward_protocol::{FromWorker, Job, ToWorker};
use sunward_worker::{Host, Options, Worker};
use sunward_workflows::{Action, Command, Stage, Template};

const PROCESSES: u32 = 10_000;
const KERNELS: u32 = 2_000_000;
const ROUNDS: usize = 5;
const CHAIN: u32 = 300;

fn main() {
    let cpus = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(2);
    let program = Action::Run(Command::Argv(vec![Template::new("/bin/true")]));
    let kernel = Action::Kernel {
        name: "noop".into(),
        version: sunward_kernels::library()
            .get("noop")
            .unwrap()
            .entry()
            .version,
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(rate(PROCESSES, xargs(cpus)));
        ours.push(rate(PROCESSES, leases(cpus, &program, PROCESSES)));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "{PROCESSES} x /bin/true on {cpus} cores: {ours:.0} tasks/s; xargs {theirs:.0}/s; ratio {:.2}",
        ours / theirs
    );
    let kernels = (0..ROUNDS).map(|_| rate(KERNELS, leases(cpus, &kernel, KERNELS)));
    println!("{KERNELS} x noop: {:.0} tasks/s", median(kernels.collect()));
    for (name, action) in [("/bin/true", &program), ("noop", &kernel)] {
        let hop = chain(cpus, action) / CHAIN;
        println!("chain of {name}: {} us a hop", hop.as_micros());
    }
}

fn rate(tasks: u32, took: Duration) -> f64 {
    f64::from(tasks) / took.as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn xargs(cpus: u32) -> Duration {
    let mut numbers = Process::new("seq")
        .arg(PROCESSES.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = Process::new("xargs")
        .args([&format!("-P{cpus}"), "-n1", "/bin/true"])
        .stdin(numbers.stdout.take().unwrap())
        .status()
        .unwrap();
    assert!(status.success() && numbers.wait().unwrap().success());
    started.elapsed()
}

/// All tasks in one lease.
fn leases(cpus: u32, action: &Action, tasks: u32) -> Duration {
    drive(cpus, action, tasks, tasks)
}

/// One task after the other, each leased when the one before it has ended.
fn chain(cpus: u32, action: &Action) -> Duration {
    drive(cpus, action, CHAIN, 1)
}

fn drive(cpus: u32, action: &Action, tasks: u32, at_once: u32) -> Duration {
    let home = tempfile::tempdir_in(".").unwrap();
    let options = Options::new(
        cpus,
        1 << 30,
        home.path().canonicalize().unwrap(),
        Store::open(home.path(), None).unwrap(),
        sunward_kernels::library(),
        Host::of_this_process(),
    );
    let (outbox, inbox) = channel();
    let worker = Worker::start(options, move |message| drop(outbox.send(message))).unwrap();
    worker.tell(ToWorker::Job(Arc::new(job(action, tasks))));
    let started = Instant::now();
    let mut done = 0;
    while done < tasks {
        worker.tell(ToWorker::Lease(Lease {
            run: RunId(1),
            stage: StageId(0),
            first: done,
            count: at_once,
            generation: Generation(1),
            attempt: 1,
        }));
        let until = done + at_once;
        while done < until {
            if let FromWorker::Ended { ends } = inbox.recv().unwrap() {
                assert!(
                    ends.iter()
                        .all(|e| matches!(e.outcome, Outcome::Succeeded(_)))
                );
                done += u32::try_from(ends.len()).unwrap();
            }
        }
    }
    started.elapsed()
}

fn job(action: &Action, tasks: u32) -> Job {
    Job {
        run: RunId(1),
        workflow: "throughput".into(),
        stage_id: StageId(0),
        stage: Stage::new("tasks", action.clone()),
        params: BTreeMap::new(),
        inputs: BTreeMap::new(),
        tasks: Tasks::Range(tasks),
        statuses: BTreeMap::new(),
        folder: "/".into(),
        staged: Default::default(),
    }
}
