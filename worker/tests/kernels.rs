//! Kernels under leases: many short ones, one that panics, and one that does not end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "tests stop where they cannot go on, and share one scene"
)]

mod support;

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use sunward_core::{FailureKind, RunId, Tasks};
use sunward_kernels::{Context, Inputs, Kernel, KernelError, Library, Outputs, Params};
use sunward_protocol::ToWorker;
use sunward_workflows::{
    Form, Gpus, GridRows, Input, KernelEntry, OutputFormat, ParamSpec, ParamType, Span, Stage,
    Value,
};
use support::{Scene, failure, giving, kernel, kind, result, succeeded};

/// A kernel for tests, whose work is a function.
struct Toy {
    entry: KernelEntry,
    work: fn(&Inputs, &Params, &Context) -> Result<Outputs, KernelError>,
}

impl Kernel for Toy {
    /// One of them panics here, on a slot's thread. This is a panic of the worker's own code,
    /// outside the part that it guards as a kernel's.
    fn entry(&self) -> &KernelEntry {
        let thread = std::thread::current();
        let is_slot = thread.name().is_some_and(|name| name.starts_with("slot"));
        assert!(
            !(is_slot && self.entry.name == "unnamed"),
            "no entry on a slot"
        );
        &self.entry
    }

    fn run(&self, i: &Inputs, p: &Params, c: &Context) -> Result<Outputs, KernelError> {
        (self.work)(i, p, c)
    }
}

fn toys() -> &'static Library {
    let toy = |name: &str, work| {
        let param = ParamSpec {
            name: "k".into(),
            kind: ParamType::Int,
            default: Some(Value::Int(0)),
            min: None,
            max: None,
            choices: Vec::new(),
            unit: String::new(),
            doc: String::new(),
        };
        let entry = KernelEntry {
            name: name.into(),
            version: 1,
            params: vec![param],
            ..KernelEntry::default()
        };
        Box::new(Toy { entry, work }) as Box<dyn Kernel>
    };
    let library: Library = [
        toy("copy", |inputs, _, _| {
            Ok(Outputs::new().with("out", inputs.get("table").unwrap().clone()))
        }),
        toy("panics", |_, _, _| panic!("row {} is odd", 7)),
        toy("endless", |_, _, context| {
            loop {
                context.check()?;
                std::thread::yield_now();
            }
        }),
        toy("unnamed", |_, _, _| Ok(Outputs::new())),
        toy("forgets", |_, _, _| Ok(Outputs::new())),
    ]
    .into_iter()
    .collect();
    Box::leak(Box::new(library))
}

fn scene() -> Scene {
    Scene::with(|options| options.kernels = toys())
}

fn reading(mut stage: Stage, port: &str) -> Stage {
    let input = Input {
        from: Vec::new(),
        form: Form::Arrow,
        columns: Vec::new(),
        variable: None,
        rows: GridRows::Time,
        csv: Default::default(),
        schema: None,
        span: Span::default(),
        ..Input::default()
    };
    stage.inputs.insert(port.into(), input);
    stage
}

fn numbers(from: i64, to: i64) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    RecordBatch::try_new(
        schema,
        vec![Arc::new(Int64Array::from_iter_values(from..to))],
    )
    .unwrap()
}

#[test]
fn a_hundred_thousand_short_tasks_end_once_each_and_their_times_add_up() {
    let mut scene = Scene::new();
    let job = scene.job(kernel("noop"), Tasks::Range(100_000));
    let ends = scene.run(job);
    assert!(ends.iter().all(succeeded));
    for (index, end) in (0_u32..).zip(&ends) {
        assert_eq!(end.task.index, index);
    }
    assert!(ends.iter().map(|end| end.wall_us).sum::<u64>() > 0);
}

#[test]
fn a_panic_in_a_kernel_fails_its_task_and_not_the_worker() {
    let mut scene = scene();
    let failure = scene.failure(kernel("panics"));
    assert_eq!(failure.kind, FailureKind::Input);
    assert!(
        failure
            .message
            .contains("kernel panics panicked: row 7 is odd"),
        "{}",
        failure.message
    );
    assert!(scene.failure(kernel("panics")).message.contains("row 7"));
}

#[test]
fn a_panic_outside_a_kernel_fails_the_tasks_and_the_slots_go_on() {
    let mut scene = scene();
    for _ in 0..2 {
        let mut stage = kernel("unnamed");
        // It takes all of the worker's cores. If they were not returned, nothing could start.
        stage.resources.cpus = 2;
        let job = scene.job(stage, Tasks::Range(7));
        for end in scene.run(job) {
            let failure = failure(end);
            assert!(
                failure.message.contains("no entry on a slot"),
                "{}",
                failure.message
            );
            assert!(
                failure.message.contains("bug in Sunward"),
                "{}",
                failure.message
            );
        }
    }
    let mut stage = kernel("panics");
    stage.resources.cpus = 2;
    assert!(scene.failure(stage).message.contains("row 7"));
}

#[test]
fn a_kernel_that_takes_too_long_or_is_cancelled_is_stopped() {
    let mut scene = scene();
    let mut stage = kernel("endless");
    stage.timeout_ms = Some(50);
    assert_eq!(scene.failure(stage.clone()).kind, FailureKind::Timeout);
    stage.timeout_ms = Some(3_600_000);
    let job = scene.job(stage, Tasks::Range(5));
    scene.start(job);
    while !matches!(
        scene.message(),
        sunward_protocol::FromWorker::Started { .. }
    ) {}
    scene.worker.tell(ToWorker::Revoke { run: RunId(1) });
    assert!(
        scene
            .ends(5)
            .into_iter()
            .all(|end| kind(end) == FailureKind::Cancelled)
    );
    let job = scene.job(kernel("endless"), Tasks::One);
    scene.start(job);
    while !matches!(
        scene.message(),
        sunward_protocol::FromWorker::Started { .. }
    ) {}
    scene.worker.tell(ToWorker::Revoke { run: RunId(1) });
    assert_eq!(kind(scene.ends(1).remove(0)), FailureKind::Cancelled);
}

#[test]
fn tables_go_in_by_slices_and_come_out_durable() {
    let mut scene = scene();
    let batches = [numbers(0, 7), numbers(7, 10)];
    let dataset = scene
        .store
        .write_table(batches[0].schema(), &batches)
        .unwrap();
    let stage = giving(reading(kernel("copy"), "table"), "out", OutputFormat::Arrow);
    let tasks = Tasks::Rows {
        port: "table".into(),
        rows_per_task: 4,
        rows: 10,
        digests: Vec::new(),
    };
    let mut job = scene.job(stage, tasks);
    job.inputs.insert("table".into(), dataset);
    let mut seen = Vec::new();
    for end in scene.run(job) {
        let table = result(end).ports.remove(0);
        let rows = scene.store.table(&table).unwrap().read(None).unwrap();
        let column = rows
            .column(0)
            .as_any()
            .downcast_ref::<Int64Array>()
            .unwrap()
            .clone();
        seen.push(column.values().to_vec());
    }
    assert_eq!(seen, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
}

#[test]
fn what_is_wrong_with_a_kernel_s_stage_is_said() {
    let mut scene = scene();
    let stage = giving(kernel("forgets"), "out", OutputFormat::Arrow);
    assert_eq!(scene.failure(stage).kind, FailureKind::Output);
    let mut stage = kernel("forgets");
    stage
        .with
        .insert("k".into(), Value::String("${{ item }}".into()));
    let items = Tasks::Items(vec![Value::Int(1), Value::String("x".into())]);
    let job = scene.job(stage, items);
    let mut ends = scene.run(job);
    let second = failure(ends.remove(1));
    assert!(succeeded(&ends[0]), "{:?}", ends[0]);
    assert!(
        second
            .message
            .starts_with("work/1 (x), attempt 1: parameter `k`"),
        "{}",
        second.message
    );
    let failure = scene.failure(kernel("nonsense"));
    assert!(
        failure.message.contains("no kernel `nonsense`"),
        "{}",
        failure.message
    );
}

#[test]
fn a_stage_that_asks_for_a_gpu_says_once_that_there_is_none() {
    let mut scene = Scene::new();
    let mut stage = kernel("noop");
    stage.resources.gpus = Gpus::Count(1);
    let job = scene.job(stage, Tasks::Range(1000));
    assert!(scene.run(job).iter().all(succeeded));
    assert_eq!(
        scene.notices,
        ["this machine has no GPU: noop runs its CPU twin"]
    );
}
