//! Measures the core: decide, apply and encode on one processor core.
//! `cargo run --release -p sunward-core --example throughput`
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    dead_code,
    unreachable_pub,
    reason = "a measurement prints, and reads the clock and its own memory"
)]

#[path = "../tests/brain/world/flow.rs"]
mod flow;

use std::sync::Arc;
use std::time::Instant;

use flow::{Shape, flow, stage};
use sunward_core::{
    Capacity, Dataset, Digest, Energy, Fact, Input, Lease, Order, Outcome, PartRef, PoolId, RunId,
    RunSpec, RunStatus, State, Step, TaskEnd, TaskId, TaskResult, Tasks, Timestamp, WorkerId,
    advance, apply, decide,
};

/// Attempts in one message.
const BATCH: usize = 512;

struct Bench {
    state: State,
    orders: Vec<Order>,
    bytes: usize,
    facts: usize,
    ended: usize,
    /// Seconds until the first lease.
    first: Option<f64>,
    begun: Instant,
}

impl Bench {
    fn take(&mut self, step: Step) {
        for fact in &step.facts {
            apply(&mut self.state, fact).unwrap();
            if matches!(fact, Fact::Leased { .. }) && self.first.is_none() {
                self.first = Some(self.begun.elapsed().as_secs_f64());
            }
        }
        self.facts += step.facts.len();
        self.bytes += postcard::to_allocvec(&step.facts).unwrap().len();
        self.orders.extend(step.orders);
    }

    fn give(&mut self, input: Input) {
        let now = Timestamp(1_700_000_000_000);
        let step = decide(&self.state, now, input);
        self.take(step);
        loop {
            let step = advance(&self.state, now);
            if step == Step::default() {
                return;
            }
            self.take(step);
        }
    }

    fn run(spec: RunSpec, cpus: u32, results: bool, wall_us: u64) -> Self {
        let mut bench = Self {
            state: State::default(),
            orders: Vec::new(),
            bytes: 0,
            facts: 0,
            ended: 0,
            first: None,
            begun: Instant::now(),
        };
        bench.give(Input::WorkerJoined {
            worker: WorkerId(1),
            capacity: Capacity {
                cpus,
                memory_bytes: 1 << 34,
                gpus: 0,
            },
            pool: PoolId::default(),
        });
        bench.give(Input::Submit {
            run: RunId(1),
            spec: Arc::new(spec),
        });
        while !bench.orders.is_empty() {
            for order in std::mem::take(&mut bench.orders) {
                bench.answer(order, results, wall_us);
            }
        }
        assert_eq!(
            bench.state.run(RunId(1)).unwrap().status,
            RunStatus::Succeeded
        );
        bench
    }

    fn answer(&mut self, order: Order, results: bool, wall_us: u64) {
        match order {
            Order::Dispatch { lease, .. } => self.work(lease, results, wall_us),
            Order::Resolve { run, stage } => {
                let planned = &self.state.run(run).unwrap().spec.plan.stages[stage.place()];
                let inputs = vec![Dataset::default(); planned.stage.inputs.len()];
                let tasks = planned.tasks.clone().unwrap_or(Tasks::One);
                self.give(Input::Resolved {
                    run,
                    stage,
                    answer: Ok((inputs, tasks)),
                });
            }
            Order::Lookup {
                run,
                stage,
                first,
                keys,
            } => self.give(Input::LookedUp {
                run,
                stage,
                first,
                count: u32::try_from(keys.len()).unwrap(),
                hits: Vec::new(),
            }),
            Order::Revoke { .. }
            | Order::Yield { .. }
            | Order::Close { .. }
            | Order::Solve { .. } => {}
        }
    }

    fn work(&mut self, lease: Lease, results: bool, wall_us: u64) {
        let indices: Vec<u32> = (lease.first..lease.first + lease.count).collect();
        for batch in indices.chunks(BATCH) {
            let ends = batch
                .iter()
                .map(|index| end(lease, *index, results, wall_us))
                .collect();
            self.ended += batch.len();
            self.give(Input::Ended {
                worker: WorkerId(1),
                ends,
            });
        }
    }
}

fn end(lease: Lease, index: u32, results: bool, wall_us: u64) -> TaskEnd {
    let digest = Digest([u8::try_from(index % 251).unwrap(); 32]);
    let port = Dataset {
        content: digest,
        rows: 10,
        parts: vec![PartRef {
            digest,
            bytes: 1000,
            rows: 10,
        }],
        ..Dataset::default()
    };
    TaskEnd {
        task: TaskId {
            run: lease.run,
            stage: lease.stage,
            index,
        },
        generation: lease.generation,
        started_ms: 1_700_000_000_000,
        wall_us,
        cpu_us: wall_us,
        energy: Energy::Modelled { millijoules: 3 },
        outcome: Outcome::Succeeded(TaskResult::of_cpu(if results {
            vec![port]
        } else {
            Vec::new()
        })),
    }
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn report(name: &str, bench: &Bench, before_kib: usize) {
    let seconds = bench.begun.elapsed().as_secs_f64();
    let tasks = f64::from(u32::try_from(bench.ended).unwrap());
    let memory = f64::from(u32::try_from(resident_kib().saturating_sub(before_kib)).unwrap());
    println!(
        "{name}: {:.0} tasks/s, {:.2} us a task, first lease after {:.1} ms, {} facts, \
         {:.1} journal bytes a task, {:.0} resident bytes a task",
        tasks / seconds,
        seconds * 1e6 / tasks,
        bench.first.unwrap_or(0.0) * 1e3,
        bench.facts,
        f64::from(u32::try_from(bench.bytes).unwrap()) / tasks,
        memory * 1024.0 / tasks,
    );
}

fn main() {
    let wide = |cached: bool| {
        let one = stage("noop").range(1_000_000);
        let begun = Instant::now();
        let spec = flow()
            .stage(if cached { one } else { one.uncached() })
            .spec();
        (spec, begun.elapsed())
    };
    for (name, cached, results) in [
        ("1 M tasks, no results, cache off", false, false),
        ("1 M tasks, one part each, cache off", false, true),
        ("1 M tasks, one part each, looked up", true, true),
    ] {
        let before = resident_kib();
        let (spec, planned) = wide(cached);
        let bench = Bench::run(spec, 2, results, 5);
        report(name, &bench, before);
        println!("  planned in {:.3} ms", planned.as_secs_f64() * 1e3);
    }
    let mut layers = flow();
    for layer in 0..50_u32 {
        for at in 0..100_u32 {
            let mut one = stage(&format!("s{layer}_{at}")).uncached();
            if layer > 0 {
                for step in 0..3 {
                    one = one.needs(&format!("s{}_{}", layer - 1, (at + step) % 100));
                }
            }
            layers = layers.stage(one);
        }
    }
    let begun = Instant::now();
    let spec = layers.spec();
    println!(
        "5 000 stages planned in {:.1} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
    let before = resident_kib();
    let bench = Bench::run(spec, 2, true, 400);
    report("5 000 stages in 50 layers, 3 parents each", &bench, before);
}
