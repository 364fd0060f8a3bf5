//! Equal simulations give equal results, byte for byte, and the future does not affect the past.

use std::sync::Arc;

use proptest::prelude::*;
use sunward_core::PoolId;
use sunward_core::ledger::{Account, Actuals, Intensities, QUARTER_MS, Quarter};
use sunward_grid::{Foresight, Grid, Step, Trace};
use sunward_sim::meter::{Truth, ZoneTruth};
use sunward_sim::{
    Fault, FaultKind, Locales, Random, RecordedFeed, Report, RunDraft, StageDraft, contender,
    simulate,
};

use crate::world::{BEGIN, Draft, HOUR_MS, hour, job, stage, starts};

/// Two zones with some weather, and a run every hour.
fn busy(seed: u64, spoiled_after: Option<u64>) -> Draft {
    let mut random = Random::new(11);
    let mut zone = |spoil: u32| -> Vec<u32> {
        (0..96)
            .map(|hour| {
                let value = u32::try_from(random.between(50, 600)).unwrap();
                if spoiled_after.is_some_and(|after| hour >= after) {
                    value * spoil
                } else {
                    value
                }
            })
            .collect()
    };
    let mut world = Draft::default()
        .zone("DE", &zone(7), 3)
        .zone("NO", &zone(0), 3);
    for at in 0..40 {
        world = world.run(
            at,
            job(if at % 2 == 0 { "DE" } else { "NO" }, 1 + at % 3, 4),
        );
    }
    world.seed = seed;
    world
}

fn report(world: &Draft) -> String {
    let played = world.play();
    let report = Report::of(&world.setup(), std::slice::from_ref(&played), None);
    format!(
        "{}\n{:?}",
        serde_json::to_string(&report).unwrap(),
        starts(&played)
    )
}

#[test]
fn the_same_input_and_seed_give_the_same_bytes() {
    let mut world = busy(1, None);
    assert_eq!(report(&world), report(&world));
    world.scenario.runtime_error_permille = 200;
    let shaken = report(&world);
    assert_eq!(shaken, report(&world));
    let mut other = busy(2, None);
    other.scenario.runtime_error_permille = 200;
    assert_ne!(shaken, report(&other), "another seed shakes otherwise");
}

#[test]
fn what_lies_beyond_the_outlook_changes_no_decision_before() {
    // An outlook of two days. Changes after hour 60 are not visible in the first twelve hours.
    let before = |world: &Draft| -> Vec<String> {
        let played = world.play();
        let early = played
            .tally
            .starts
            .iter()
            .filter(|one| one.at < hour(12))
            .count();
        starts(&played).into_iter().take(early).collect()
    };
    let (clean, spoiled) = (before(&busy(1, None)), before(&busy(1, Some(60))));
    assert!(clean.len() > 5);
    assert_eq!(clean, spoiled);
}

#[test]
fn the_account_is_the_sum_of_what_ran() {
    let world = busy(1, None);
    let played = world.play();
    let truth: &Truth = &world.setup().truth;
    let zone = |pool: usize| -> &ZoneTruth { &truth.zones[["DE", "NO"][pool]] };
    let sum: u128 = played
        .tally
        .starts
        .iter()
        .map(|one| {
            // One kilowatt, minute by minute.
            let minutes = one.length_ms / 60_000;
            (0..minutes)
                .map(|minute| {
                    let at = one.at.after_ms(minute * 60_000);
                    u128::from(zone(one.pool).at(at)) * 60_000 * 1_000_000 * 1000
                })
                .sum::<u128>()
        })
        .sum();
    assert_eq!(played.tally.used.average, sum);
    assert!(BEGIN.0.is_multiple_of(HOUR_MS));
}

/// Simulates the busy world with forecasts from the past alone, and returns what began before an
/// hour. The truth is unchanged, but the feed's record is changed from that hour on.
fn begun_before(spoiled_from: u64, spoils: bool) -> Vec<String> {
    let mut world = busy(1, None);
    for (at, _) in world.runs.iter_mut() {
        *at += 30;
    }
    let setup = world.setup();
    let mut grid = Grid::default();
    for (zone, truth) in &setup.truth.zones {
        let step = |hour: u64| Step {
            average_mg_per_kwh: match spoils && hour >= spoiled_from {
                true => 1_999_000 - truth.at(self::hour(hour)),
                false => truth.at(self::hour(hour)),
            },
            ..Step::default()
        };
        let trace = Trace {
            zone: zone.clone(),
            basis: sunward_core::ledger::Basis::default(),
            first: BEGIN,
            step_ms: HOUR_MS,
            steps: (0..96).map(step).collect(),
            ahead: Vec::new(),
            weather: sunward_grid::Weather::default(),
        };
        grid.zones.insert(zone.clone(), trace);
    }
    let mut feed = RecordedFeed::new(Arc::new(grid), &setup, Foresight::Past, HOUR_MS / 4, 192);
    let ours = contender("sunward", &Locales::default()).unwrap();
    let played = simulate(&setup, &mut feed, vec![ours]).unwrap().remove(0);
    let early = played
        .tally
        .starts
        .iter()
        .filter(|one| one.at < hour(spoiled_from));
    let early = early.count();
    starts(&played).into_iter().take(early).collect()
}

#[test]
fn garbage_in_a_trace_after_a_moment_changes_no_decision_before_it() {
    for moment in [36, 47, 60] {
        let clean = begun_before(moment, false);
        assert!(!clean.is_empty());
        assert_eq!(
            clean,
            begun_before(moment, true),
            "spoiled from hour {moment} on"
        );
    }
}

/// The true intensities of the world's grids, in the form in which the core gets measurements.
fn known(truth: &Truth) -> Intensities {
    let mut known = Intensities::default();
    for (zone, truth) in &truth.zones {
        let quarters = (0..96 * 4).map(|quarter| {
            let at = BEGIN.after_ms(quarter * QUARTER_MS);
            (truth.at(at), None, false)
        });
        let actuals = Actuals {
            zone: zone.clone(),
            source: "trace".into(),
            first: Quarter::of(BEGIN),
            values: quarters.collect(),
        };
        known.learn(&actuals, None, BEGIN);
    }
    known
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The core's ledger equals the world's own count to the last unit, with tasks of any length
    /// and owners that return while they run.
    #[test]
    fn the_ledger_agrees_with_the_world(
        de in prop::collection::vec(20_u32..900, 48),
        no in prop::collection::vec(20_u32..900, 48),
        jobs in prop::collection::vec((0_u64..20, 1_u64..300, 0_u64..12, 1_u32..4), 1..12),
        owner in 0_u64..30,
    ) {
        let mut world = Draft::default().zone("DE", &de, 4).zone("NO", &no, 4).fault(Fault {
            from: hour(owner),
            to: hour(owner + 5),
            kind: FaultKind::OwnerBack { pool: PoolId(1), gpus: 1, cpus: 0, notice_ms: 600_000 },
        });
        let mut arrivals = jobs.clone();
        arrivals.sort_unstable();
        for (at, minutes, slack_h, tasks) in arrivals {
            let draft = RunDraft {
                deadline_ms: Some(minutes * 60_000 + slack_h * HOUR_MS),
                stages: vec![StageDraft {
                    task_ms: minutes * 60_000,
                    ..stage("work", tasks, 0)
                }],
                ..job("DE", 1, 0)
            };
            world = world.run(at, draft);
        }
        let setup = world.setup();
        let tally = world.play().tally;
        prop_assert_eq!(tally.unfinished, 0);
        let account = Account::of(&tally.ledger, &setup.fleet, &known(&setup.truth));
        prop_assert_eq!(u128::from(account.millijoules) * 1000, tally.used.microjoules);
        prop_assert_eq!(account.carbon.total().0 * 1000, tally.used.average);
    }
}

#[test]
fn what_was_leased_begins_as_soon_as_there_is_room() {
    let urgent = || RunDraft {
        deadline_ms: None,
        stages: vec![stage("work", 5, 1)],
        ..job("DE", 1, 0)
    };
    let played = Draft::default()
        .zone("DE", &[100], 2)
        .run(0, urgent())
        .run(0, urgent())
        .play();
    assert_eq!((played.tally.succeeded, played.tally.unfinished), (2, 0));
    let last = played.tally.starts.last().map(|one| one.at);
    assert_eq!(last, Some(hour(4)), "ten hours of work on two machines");
}
