//! Kernels in child processes: how many tasks each child serves, and every way to end.
//!
//! A worker starts its own program again for a child. So this file is a program without the usual
//! harness. As a child it serves toy kernels. Otherwise it runs the tests below, with the arguments
//! of the harness that `cargo test` and nextest use.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    clippy::allow_attributes,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "tests stop where they cannot go on, say what did not run, and share one scene"
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use sunward_core::{FailureKind, RunId, TaskEnd, Tasks};
use sunward_kernels::device::{Cache, Device, Source};
use sunward_kernels::{Context, Inputs, Kernel, KernelError, Library, Outputs, Params, Table};
use sunward_protocol::{FromWorker, ToWorker};
use sunward_worker::device::{Choice, VERB, serve};
use sunward_workflows::{KernelEntry, OutputFormat, ParamSpec, ParamType, Stage, Value};
use support::{Scene, failure, giving, kernel, kind, result, succeeded};

/// The tests by name.
const TESTS: &[(&str, fn())] = &[
    (
        "one_child_serves_task_after_task_and_another_after_a_failure",
        one_child_serves_task_after_task_and_another_after_a_failure,
    ),
    (
        "a_child_that_dies_is_told_as_a_command_is_with_its_log",
        a_child_that_dies_is_told_as_a_command_is_with_its_log,
    ),
    (
        "a_child_that_hangs_is_ended_by_timeout_or_by_the_run_s_end",
        a_child_that_hangs_is_ended_by_timeout_or_by_the_run_s_end,
    ),
    (
        "a_child_beyond_its_memory_is_ended",
        a_child_beyond_its_memory_is_ended,
    ),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if let [verb, _, errand] = &words[..]
        && verb == VERB
    {
        let device = Device::host(1 << 30, Cache::of_user());
        return serve(Path::new(errand), toys(), device).expect("a worker that asks");
    }
    if has("--list") {
        let names = TESTS.iter().filter(|_| !has("--ignored"));
        return names.for_each(|(name, _)| println!("{name}: test"));
    }
    if let Err(error) = Device::host(0, Cache::of_user()) {
        return eprintln!("NOT RUN: {error}");
    }
    let filters: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, test) in TESTS {
        if filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())) {
            println!("{name}");
            test();
        }
    }
}

/// A kernel whose parameter `k` decides what it does.
struct Toy(KernelEntry);

impl Kernel for Toy {
    fn entry(&self) -> &KernelEntry {
        &self.0
    }

    fn sources(&self) -> Vec<Source> {
        vec![Source::new("toy.cu", "", &[])]
    }

    fn run(&self, _: &Inputs, with: &Params, context: &Context) -> Result<Outputs, KernelError> {
        assert!(context.device().is_some());
        let is = |word: &&&str| {
            let value = Value::String((**word).to_owned());
            Params::resolve(&self.0, [("k", value)]).unwrap() == *with
        };
        let words = ["who", "refuses", "panics", "exits", "vanishes", "grows"];
        match *words.iter().find(is).unwrap_or(&"hangs") {
            "who" => Ok(Outputs::new().with("out", table(std::process::id().into()))),
            "refuses" => Err(KernelError::TooLarge {
                what: "the toy".into(),
                found: 2,
                limit: 1,
            }),
            "panics" => panic!("row {} is odd", 7),
            "exits" => {
                println!("about to leave");
                std::process::exit(3)
            }
            "vanishes" => std::process::exit(0),
            "grows" => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 16 << 20]);
                    std::thread::yield_now();
                    if all.len() == 64 {
                        all.clear();
                    }
                }
            }
            _ => loop {
                std::thread::yield_now();
            },
        }
    }
}

fn table(number: i64) -> Table {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let column = Arc::new(Int64Array::from(vec![number]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    Table::new(schema, vec![batch])
}

fn toys() -> &'static Library {
    let param = ParamSpec {
        name: "k".into(),
        kind: ParamType::String,
        default: None,
        min: None,
        max: None,
        choices: Vec::new(),
        unit: String::new(),
        doc: String::new(),
    };
    let entry = KernelEntry {
        name: "toy".into(),
        version: 1,
        params: vec![param],
        ..KernelEntry::default()
    };
    let library: Library = [Box::new(Toy(entry)) as Box<dyn Kernel>]
        .into_iter()
        .collect();
    Box::leak(Box::new(library))
}

/// A worker of one slot, whose kernels run in children.
fn scene() -> Scene {
    Scene::with(|options| {
        options.cpus = 1;
        options.kernels = toys();
        options.device = Choice::Host;
        options.host = ["PATH", "HOME"]
            .into_iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)))
            .collect();
    })
}

fn toy(k: &str) -> Stage {
    let mut stage = giving(kernel("toy"), "out", OutputFormat::Arrow);
    stage.with.insert("k".into(), Value::String(k.into()));
    stage
}

/// Runs a task for each of these words.
fn each(scene: &mut Scene, words: &[&str]) -> Vec<TaskEnd> {
    let items = words.iter().map(|word| Value::String((*word).into()));
    let job = scene.job(toy("${{ item }}"), Tasks::Items(items.collect()));
    scene.run(job)
}

/// The process that ran a task.
fn who(scene: &Scene, end: TaskEnd) -> i64 {
    let table = result(end).ports.remove(0);
    let rows = scene.store.table(&table).unwrap().read(None).unwrap();
    let column = rows.column(0).as_any().downcast_ref::<Int64Array>();
    column.unwrap().value(0)
}

fn one_child_serves_task_after_task_and_another_after_a_failure() {
    let mut scene = scene();
    let words = ["who", "who", "refuses", "who", "panics", "who", "who"];
    let mut ends = each(&mut scene, &words);
    let panicked = failure(ends.remove(4));
    assert_eq!(panicked.kind, FailureKind::Input);
    assert!(panicked.message.contains("panicked: row 7 is odd"));
    let refused = failure(ends.remove(2));
    assert_eq!(refused.kind, FailureKind::Input);
    assert!(
        refused
            .message
            .starts_with("work/2 (refuses), attempt 1: the toy has 2")
    );
    assert!(ends.iter().all(|end| end.cpu_us > 0));
    let by: Vec<i64> = ends.into_iter().map(|end| who(&scene, end)).collect();
    let [first, also, second, third, last] = by[..] else {
        panic!("{by:?}");
    };
    assert_eq!((first, third), (also, last));
    let mut different = vec![first, second, third, std::process::id().into()];
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 4, "{by:?}");
}

fn a_child_that_dies_is_told_as_a_command_is_with_its_log() {
    let mut scene = scene();
    let mut ends = each(&mut scene, &["exits", "vanishes", "who"]);
    assert!(succeeded(&ends.remove(2)));
    let vanished = failure(ends.remove(1));
    assert_eq!(vanished.kind, FailureKind::Infrastructure);
    assert!(vanished.message.contains("without an answer"));
    let exited = failure(ends.remove(0));
    assert_eq!(exited.kind, FailureKind::Exit(3));
    assert_eq!(exited.log_tail, "about to leave");
    assert_eq!(scene.log_text("work"), "about to leave\n");
}

fn a_child_that_hangs_is_ended_by_timeout_or_by_the_run_s_end() {
    let mut scene = scene();
    let mut stage = toy("hangs");
    stage.timeout_ms = Some(200);
    assert_eq!(scene.failure(stage).kind, FailureKind::Timeout);
    let job = scene.job(toy("hangs"), Tasks::Range(2));
    scene.start(job);
    while !matches!(scene.message(), FromWorker::Started { .. }) {}
    scene.worker.tell(ToWorker::Revoke { run: RunId(1) });
    let ends = scene.ends(2).into_iter();
    assert!(ends.map(kind).all(|kind| kind == FailureKind::Cancelled));
}

fn a_child_beyond_its_memory_is_ended() {
    let mut scene = scene();
    let mut stage = toy("grows");
    stage.resources.memory_bytes = Some(256 << 20);
    let failure = scene.failure(stage);
    assert_eq!(failure.kind, FailureKind::Memory);
    assert!(failure.message.contains("256 MiB"), "{}", failure.message);
}
