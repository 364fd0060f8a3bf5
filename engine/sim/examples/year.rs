//! Measures the simulation of a year: 20 pools with 10 000 devices, 100 000 runs, each a scatter of
//! 100. `cargo run --release -p sunward-sim --example year [RUNS] [TASKS]`
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement prints, and reads the clock and its own memory"
)]

use std::sync::Arc;
use std::time::Instant;

use sunward_core::place::Sunward;
use sunward_core::{Fleet, Pool, PoolId, Timestamp};
use sunward_sim::meter::{Truth, ZoneTruth};
use sunward_sim::{
    Contender, Generated, Open, Opening, PerfectFeed, Random, Report, Scenario, Setup, generate,
    simulate,
};

const HOUR_MS: u64 = 3_600_000;
/// 2023-01-01.
const BEGIN: Timestamp = Timestamp(1_672_531_200_000);
const HOURS: u64 = 8760;
const POOLS: u32 = 20;
const GPUS: u32 = 500;

/// A year of a grid whose power is clean at noon in its own time zone, by season and weather.
fn grid(number: u32) -> ZoneTruth {
    let mut random = Random::of(2023, &[number.into()]);
    let base = random.between(80_000, 600_000);
    let swing = random.between(5, 45);
    let phase = u64::from(number) * 24 / u64::from(POOLS);
    let mut weather = 0_u64;
    let steps: Vec<(u32, Option<u32>)> = (0..HOURS)
        .map(|hour| {
            weather = (weather * 19 + random.between(0, 20)) / 20;
            let from_noon = ((hour + phase) % 24).abs_diff(12);
            let share = 100 - swing + swing * from_noon / 12 + weather;
            (u32::try_from(base * share / 100).unwrap(), None)
        })
        .collect();
    ZoneTruth::new(BEGIN, HOUR_MS, &steps)
}

fn setup(runs: u32, tasks: u32) -> Setup {
    let pool = |number: u32| Pool {
        name: format!("pool-{number:02}"),
        region: format!("Z{number:02}"),
        zone: format!("Z{number:02}"),
        pue_permille: 1100,
        ..Pool::default()
    };
    let fleet = Fleet {
        pools: (0..POOLS).map(pool).collect(),
    };
    let what = Generated {
        runs,
        tasks,
        begin: BEGIN,
        end: BEGIN.after_ms((HOURS - 96) * HOUR_MS),
        slack_h: 24,
        seed: 7,
    };
    let submissions = generate(what, &fleet).unwrap();
    let opening = |number| Opening {
        at: BEGIN,
        pool: PoolId(number),
        open: Open {
            gpus: GPUS,
            cpus: GPUS,
        },
        notice_ms: 0,
    };
    Setup {
        openings: Arc::new((0..POOLS).map(opening).collect()),
        truth: Arc::new(Truth {
            zones: (0..POOLS).map(|n| (format!("Z{n:02}"), grid(n))).collect(),
        }),
        fleet: Arc::new(fleet),
        submissions: Arc::new(submissions),
        scenario: Scenario::default(),
        seed: 7,
        look_every_ms: HOUR_MS,
        keep_details: false,
    }
}

/// The peak memory of this process, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse().unwrap());
    let runs = numbers.next().unwrap_or(100_000);
    let tasks = numbers.next().unwrap_or(100);
    let begun = Instant::now();
    let setup = setup(runs, tasks);
    let generated = begun.elapsed().as_secs_f64();
    let mut feed = PerfectFeed::new(&setup, HOUR_MS / 4, 192);
    let ours = Contender {
        name: "sunward".to_owned(),
        source: String::new(),
        placer: Box::new(Sunward::default()),
    };
    let played = simulate(&setup, &mut feed, vec![ours]).expect("a sound world");
    let report = Report::of(&setup, &played, None);
    println!(
        "{}",
        serde_json::json!({
            "runs": runs,
            "tasks": played.iter().map(|one| one.tally.tasks).sum::<u64>(),
            "generate_seconds": generated,
            "seconds": begun.elapsed().as_secs_f64(),
            "peak_mib": peak_mib(),
            "ours": report.policy("sunward"),
        })
    );
}
