//! Measures placement on one core: a new plan of 1 000 waiting stages, 20 pools and 192 slots, a
//! plan after one zone's forecast changed, and one array that has just become ready. Prints one
//! JSON object. `cargo run --release -p sunward-core --example placing`
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a measurement prints, and reads the clock"
)]

#[path = "../tests/place/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sunward_core::place::{
    Ask, Demand, Outlook, Placer, PoolOutlook, Problem, Reserved, Sunward, ZoneOutlook,
};
use sunward_core::{Fleet, Pool, PoolId, RunId, Timestamp};
use world::ask;

const POOLS: u32 = 20;
const SLOTS: u64 = 192;
const SLOT_MS: u64 = 900_000;
const STAGES: u64 = 1_000;
const REPEATS: usize = 15;

/// A pseudorandom generator, which gives the same world on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn zone(pool: u32, random: &mut Random) -> ZoneOutlook {
    let mean = 50 + random.below(600);
    let grams = |slot: u64| {
        let sun = (slot % 96).abs_diff(48) * mean / 96;
        (mean / 2 + sun + random.below(20)) as u32 * 1000
    };
    ZoneOutlook {
        zone: format!("Z{pool:02}"),
        intensity_mg_per_kwh: (0..SLOTS).map(grams).collect(),
        error_permille: vec![100; SLOTS as usize],
        surplus: vec![false; SLOTS as usize],
        ..ZoneOutlook::default()
    }
}

fn outlook(gpus: u32, random: &mut Random) -> Outlook {
    Outlook {
        issued_at: Timestamp(0),
        slot_ms: SLOT_MS,
        first_slot: 0,
        zones: (0..POOLS).map(|pool| zone(pool, random)).collect(),
        pools: (0..POOLS)
            .map(|_| PoolOutlook {
                gpus: vec![gpus; SLOTS as usize],
                cpus: vec![0; SLOTS as usize],
            })
            .collect(),
    }
}

/// A stage of 1 to 6 hours that may wait for a day.
fn stage(run: u64, random: &mut Random) -> Ask {
    let hours = 1 + random.below(6);
    let mut stage = ask(run, hours, Some(hours + 24), POOLS);
    stage.task_milliwatts = 500_000;
    stage.ready_at = Timestamp(random.below(SLOT_MS));
    stage.home = PoolId(random.below(u64::from(POOLS)) as u32);
    stage
}

fn problem(gpus: u32, stages: u64) -> Problem {
    let mut random = Random(7);
    let pool = |pool: u32| Pool {
        name: format!("P{pool:02}"),
        zone: format!("Z{pool:02}"),
        pue_permille: 1100,
        ..Pool::default()
    };
    Problem {
        now: Timestamp(0),
        fleet: Arc::new(Fleet {
            pools: (0..POOLS).map(pool).collect(),
        }),
        outlook: Arc::new(outlook(gpus, &mut random)),
        reserved: Arc::new(Reserved::default()),
        curtailments: Arc::default(),
        asks: (1..=stages).map(|run| stage(run, &mut random)).collect(),
        transfer_milliwatt_hours_per_gb: 2000,
        shares: BTreeMap::new(),
        demand: Demand::default(),
    }
}

/// The same problem after the forecast of one zone changed.
fn one_zone_changed(problem: &Problem, nth: u32) -> Problem {
    let mut changed = problem.clone();
    let outlook = Arc::make_mut(&mut changed.outlook);
    outlook.issued_at = Timestamp(u64::from(nth) + 1);
    for intensity in &mut outlook.zones[(nth % POOLS) as usize].intensity_mg_per_kwh {
        *intensity += 7_000;
    }
    changed
}

/// The median time of solving problems one after the other, in milliseconds.
fn median_ms(placer: &mut Sunward, problems: &[Problem]) -> f64 {
    let mut times: Vec<f64> = problems
        .iter()
        .map(|problem| {
            let begun = Instant::now();
            let placed = placer.solve(problem).placements;
            assert!(placed.len() == problem.asks.len() && placed.iter().all(Option::is_some));
            begun.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The times of a new plan and of a plan after a zone changed, in milliseconds.
fn replan(gpus: u32) -> (f64, f64) {
    let whole = problem(gpus, STAGES);
    let anew: Vec<f64> = (0..REPEATS)
        .map(|_| median_ms(&mut Sunward::default(), std::slice::from_ref(&whole)))
        .collect();
    let mut anew = anew;
    anew.sort_by(f64::total_cmp);
    let mut placer = Sunward::default();
    let mut changes = vec![whole];
    for nth in 0..REPEATS {
        let last = &changes[nth];
        changes.push(one_zone_changed(last, nth as u32));
    }
    median_ms(&mut placer, &changes[..1]);
    let changed = median_ms(&mut placer, &changes[1..]);
    (anew[REPEATS / 2], changed)
}

fn main() {
    let (free_ms, free_changed_ms) = replan(10_000);
    let (scarce_ms, scarce_changed_ms) = replan(8);
    let one = problem(10_000, 1);
    let arrays: Vec<Problem> = (1..=200)
        .map(|run| {
            let mut array = one.clone();
            (array.asks[0].tasks, array.asks[0].width) = (100, 100);
            array.asks[0].id.run = RunId(run);
            array
        })
        .collect();
    let one_ms = median_ms(&mut Sunward::default(), &arrays);
    println!(
        "{}",
        serde_json::json!({
            "replan_ms": free_ms,
            "replan_one_zone_changed_ms": free_changed_ms,
            "replan_scarce_ms": scarce_ms,
            "replan_scarce_one_zone_changed_ms": scarce_changed_ms,
            "one_array_us": one_ms * 1000.0,
        })
    );
}
