//! Lower bounds on emissions: each stage at its own best place and time, with the future known.
//!
//! [`limit()`] does not consider capacity, so it is loose where capacity is scarce; [`under_load`]
//! does. [`KINDS`] lists the bounds.

mod loaded;
mod paused;

use sunward_core::{Fleet, PlannedStage, Pool, RunSpec, Timestamp};

use crate::meter::{Emissions, Truth, Used, ZoneTruth};
use crate::report::Bound;
use crate::setup::Setup;
use crate::submission::{Needs, Submission, guessed_tasks};
use crate::tally::transfer_microjoules;
use crate::world::home_of;

pub use loaded::{LP, UnderLoad, under_load};
use paused::Rounds;

/// The names of the bounds, each with one line of explanation.
pub const KINDS: [(&str, &str); 4] = [
    (
        "st-cont",
        "runs of one stage in one block: the best region and start",
    ),
    (
        "st-dp",
        "the same, but work in rounds may pause and move after each round",
    ),
    (
        "st-free",
        "graphs: each stage by itself; moving data between stages is free",
    ),
    (
        LP,
        "under load: open machines are shared; pauses and moves are free",
    ),
];

/// A stage, as the bound sees it.
struct Block {
    needs: Needs,
    tasks: u32,
    width: u32,
    earliest: Timestamp,
    latest_end: Timestamp,
    input_bytes: u64,
}

impl Block {
    fn rounds(&self) -> u64 {
        u64::from(self.tasks.div_ceil(self.width.max(1)))
    }

    fn length_ms(&self) -> u64 {
        self.needs.task_ms.saturating_mul(self.rounds())
    }
}

/// The bound of a setup, with starts at multiples of `slot_ms`.
#[must_use]
pub fn limit(setup: &Setup, slot_ms: u64) -> Bound {
    let slot_ms = slot_ms.max(1);
    let mut emissions = 0;
    let (mut pauses, mut is_exact) = (false, true);
    for submission in setup.submissions.iter() {
        let blocks = blocks(submission, setup);
        let is_alone = blocks.len() == 1;
        is_exact &= is_alone;
        for block in &blocks {
            if block.rounds() <= 1 {
                emissions += best(block, submission, setup, slot_ms);
                continue;
            }
            pauses = true;
            let least = is_alone.then(|| least_paused(block, submission, setup, slot_ms));
            emissions += least.flatten().unwrap_or_else(|| {
                is_exact = false;
                let places = places(&submission.spec, &setup.fleet, &setup.truth);
                cleanest_time(block, &places, slot_ms)
            });
        }
    }
    let kind = match (is_exact, pauses) {
        (true, false) => "st-cont",
        (true, true) => "st-dp",
        (false, _) => "st-free",
    };
    Bound {
        kind: kind.to_owned(),
        emissions,
    }
}

/// The least that a stage in rounds can emit if it may pause and move after each round; `None` if
/// there are too many combinations to try.
fn least_paused(
    block: &Block,
    submission: &Submission,
    setup: &Setup,
    slot_ms: u64,
) -> Option<Emissions> {
    let home = setup.fleet.get(home_of(&submission.spec, &setup.fleet));
    let places = places(&submission.spec, &setup.fleet, &setup.truth);
    let per_gb = submission.spec.placing.transfer_milliwatt_hours_per_gb;
    let rounds = Rounds {
        places: &places,
        tasks: block.tasks,
        width: block.width,
        task_ms: block.needs.task_ms,
        milliwatts: block.needs.milliwatts,
        earliest: block.earliest,
        latest_end: block.latest_end,
        home: home.and_then(|pool| Some((pool, setup.truth.zones.get(&pool.zone)?))),
        moving_microjoules: transfer_microjoules(block.input_bytes, per_gb),
    };
    rounds.least(slot_ms)
}

/// The stages of a run, each with the span in which it must lie.
fn blocks(submission: &Submission, setup: &Setup) -> Vec<Block> {
    let plan = &submission.spec.plan;
    let pool = setup.fleet.get(home_of(&submission.spec, &setup.fleet));
    let mut blocks: Vec<Block> = Vec::with_capacity(plan.stages.len());
    for planned in &plan.stages {
        let before = planned
            .upstream
            .iter()
            .filter_map(|id| blocks.get(id.place()));
        let earliest = before
            .clone()
            .map(|one| one.earliest.after_ms(one.length_ms()));
        let parts = before.map(|one| one.tasks).max().unwrap_or(1);
        blocks.push(Block {
            needs: Needs::of(planned, pool),
            tasks: tasks(planned, parts),
            width: planned.stage.max_parallel.unwrap_or(u32::MAX),
            earliest: earliest.max().unwrap_or(submission.at),
            latest_end: Timestamp(u64::MAX),
            input_bytes: outside(planned, submission),
        });
    }
    let ends = blocks
        .iter()
        .map(|one| one.earliest.after_ms(one.length_ms()));
    let least = ends.max().unwrap_or(submission.at);
    let due = submission.spec.workflow.place.deadline_ms;
    // A stage without a deadline does not wait. One that cannot meet its deadline ends as early as
    // it can.
    let due = due
        .map_or(least, |ms| submission.at.after_ms(ms))
        .max(least);
    for (at, planned) in plan.stages.iter().enumerate().rev() {
        let Some(block) = blocks.get_mut(at) else {
            continue;
        };
        block.latest_end = block.latest_end.min(due);
        let begin = Timestamp(block.latest_end.0.saturating_sub(block.length_ms()));
        for id in &planned.upstream {
            if let Some(upstream) = blocks.get_mut(id.place()) {
                upstream.latest_end = upstream.latest_end.min(begin);
            }
        }
    }
    blocks
}

fn tasks(planned: &PlannedStage, parts: u32) -> u32 {
    let tasks = planned.tasks.clone();
    tasks
        .unwrap_or_else(|| guessed_tasks(planned, parts))
        .count()
}

/// Bytes that a stage reads from outside its run.
fn outside(planned: &PlannedStage, submission: &Submission) -> u64 {
    let name = &planned.stage.name;
    let ports = planned.stage.inputs.keys();
    ports.map(|port| submission.bytes.input(name, port)).sum()
}

/// The least that a stage can emit without a pause.
fn best(block: &Block, submission: &Submission, setup: &Setup, slot_ms: u64) -> Emissions {
    let home = setup.fleet.get(home_of(&submission.spec, &setup.fleet));
    let places = places(&submission.spec, &setup.fleet, &setup.truth);
    let latest = block.latest_end.0.saturating_sub(block.needs.task_ms);
    let mut costs: Vec<Emissions> = Vec::new();
    for start in starts(block.earliest, Timestamp(latest), slot_ms) {
        let end = start.after_ms(block.needs.task_ms);
        let one = places.iter().map(|(pool, zone)| {
            let mut used = Used::default();
            let tasks = u128::from(block.tasks.min(block.width));
            let milliwatts = u128::from(block.needs.milliwatts) * tasks;
            used.run(zone, pool.pue_permille, milliwatts, (start, end));
            if let Some(home) = home.filter(|home| home.region != pool.region)
                && let Some(from) = setup.truth.zones.get(&home.zone)
            {
                let per_gb = submission.spec.placing.transfer_milliwatt_hours_per_gb;
                let microjoules = transfer_microjoules(block.input_bytes, per_gb);
                used.transfer(microjoules, from.at(start), zone.at(start));
            }
            used.total()
        });
        costs.extend(one.min());
    }
    costs.into_iter().min().unwrap_or(0)
}

/// The least that several rounds in sequence can emit: the cleanest time between the earliest start
/// and the latest end, filled with as many tasks as may run at once.
fn cleanest_time(block: &Block, places: &[(&Pool, &ZoneTruth)], slot_ms: u64) -> Emissions {
    let mut pieces: Vec<(u128, u64)> = Vec::new();
    let mut from = block.earliest;
    while from < block.latest_end {
        let next = Timestamp((from.0 / slot_ms + 1) * slot_ms).min(block.latest_end);
        let weights = places.iter().map(|(pool, zone)| {
            u128::from(zone.integral(from, next)) * u128::from(pool.pue_permille)
        });
        pieces.extend(weights.min().map(|weight| (weight, next.since_ms(from))));
        from = next;
    }
    // Cleanest first. Weights per millisecond are compared by cross-multiplication, without
    // dividing.
    pieces.sort_by(|(a, a_ms), (b, b_ms)| (a * u128::from(*b_ms)).cmp(&(b * u128::from(*a_ms))));
    let width = u128::from(block.tasks.min(block.width).max(1));
    let mut left = u128::from(block.tasks) * u128::from(block.needs.task_ms);
    let mut sum = 0;
    for (weight, ms) in pieces {
        let room = width * u128::from(ms);
        let taken = left.min(room);
        sum += weight * taken / u128::from(ms.max(1));
        left -= taken;
    }
    sum * u128::from(block.needs.milliwatts)
}

/// The earliest start and the start of every later slot, up to the latest start.
fn starts(earliest: Timestamp, latest: Timestamp, slot_ms: u64) -> impl Iterator<Item = Timestamp> {
    let first = (earliest.0 / slot_ms + 1) * slot_ms;
    let slots = (0..).map(move |slot| Timestamp(first + slot * slot_ms));
    std::iter::once(earliest).chain(slots.take_while(move |at| *at <= latest))
}

/// The pools to which a run may go, each with the true intensities of its zone.
fn places<'a>(
    spec: &RunSpec,
    fleet: &'a Fleet,
    truth: &'a Truth,
) -> Vec<(&'a Pool, &'a ZoneTruth)> {
    let allowed = &spec.workflow.place.regions;
    let goes = |pool: &&Pool| {
        allowed.is_empty()
            || allowed
                .iter()
                .any(|word| [&pool.region, &pool.zone, &pool.name].contains(&word))
    };
    let pools = fleet.pools.iter().filter(goes);
    pools
        .filter_map(|pool| Some((pool, truth.zones.get(&pool.zone)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sunward_core::{Fleet, Pool, Timestamp};

    use super::limit;
    use crate::draft::{RunDraft, StageDraft};
    use crate::meter::{Truth, ZoneTruth, grams};
    use crate::scenario::Scenario;
    use crate::setup::Setup;
    use crate::submission::Submission;
    use crate::workload::Lengths;

    const HOUR_MS: u64 = 3_600_000;

    /// A job of one kilowatt at home in DE, beside NO.
    fn of(hours: u64, parts: u32, slack_h: u64, input_gb: u64) -> (String, f64) {
        let zone = |grams: &[u32]| {
            let steps: Vec<_> = grams.iter().map(|one| (one * 1000, None)).collect();
            ZoneTruth::new(Timestamp(0), HOUR_MS, &steps)
        };
        let pool = |zone: &str| Pool {
            zone: zone.into(),
            region: zone.into(),
            pue_permille: 1000,
            ..Pool::default()
        };
        let draft = RunDraft {
            home: Some("DE".into()),
            deadline_ms: Some((hours + slack_h) * HOUR_MS),
            transfer_milliwatt_hours_per_gb: 10_000,
            stages: vec![StageDraft {
                name: "job".into(),
                tasks: parts,
                width: Some(1),
                task_ms: hours * HOUR_MS / u64::from(parts),
                milliwatts: 1_000_000,
                input_bytes: input_gb * 1_000_000_000,
                ..StageDraft::default()
            }],
            ..RunDraft::default()
        };
        let (spec, bytes) = draft.spec().unwrap();
        let mut truth = Truth::default();
        truth
            .zones
            .insert("DE".into(), zone(&[400, 100, 400, 100, 400, 400]));
        truth
            .zones
            .insert("NO".into(), zone(&[90, 300, 90, 300, 90, 90]));
        let setup = Setup {
            fleet: Arc::new(Fleet {
                pools: vec![pool("DE"), pool("NO")],
            }),
            openings: Arc::default(),
            truth: Arc::new(truth),
            submissions: Arc::new(vec![Submission::new(
                Timestamp(0),
                (spec, bytes),
                Lengths::Known,
            )]),
            scenario: Scenario::default(),
            seed: 0,
            look_every_ms: HOUR_MS,
            keep_details: false,
        };
        let bound = limit(&setup, HOUR_MS / 4);
        (bound.kind, grams(bound.emissions))
    }

    #[test]
    fn one_round_has_its_best_place_and_start() {
        assert_eq!(of(1, 1, 3, 0), ("st-cont".to_owned(), 90.0));
        assert_eq!(of(2, 1, 4, 0), ("st-cont".to_owned(), 180.0));
        assert_eq!(of(2, 1, 0, 0), ("st-cont".to_owned(), 390.0));
    }

    #[test]
    fn moving_data_is_paid() {
        // 100 GB at 0.01 kWh each is a kilowatt hour at the mean of both ends.
        assert_eq!(of(1, 1, 3, 100), ("st-cont".to_owned(), 100.0));
    }

    #[test]
    fn rounds_take_the_cleanest_hours_wherever_they_are() {
        assert_eq!(of(4, 4, 0, 0), ("st-dp".to_owned(), 380.0));
        // 100 GB in NO are 245 g; what hours 0, 2 and 4 save there, and 5, is more.
        assert_eq!(of(4, 4, 2, 100), ("st-dp".to_owned(), 605.0));
    }
}
