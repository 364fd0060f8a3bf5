//! What grid operators ask of pools.

use proptest::prelude::*;
use sunward_core::place::Sunward;
use sunward_core::{Measure, PoolId};
use sunward_sim::{Fault, FaultKind, Played, RunDraft, StageDraft};

use crate::world::{Draft, HOUR_MS, hour, job, stage, starts};

/// What is asked of the first pool, a number of hours ahead.
fn asked(from: u64, to: u64, measure: Measure, notice_h: u64) -> Fault {
    Fault {
        from: hour(from),
        to: hour(to),
        kind: FaultKind::Curtailed {
            pool: PoolId(0),
            measure,
            notice_ms: notice_h * HOUR_MS,
        },
    }
}

fn play(world: Draft) -> Played {
    world.play_with(Box::new(Sunward::default()))
}

#[test]
fn an_announced_alert_is_avoided_and_one_that_comes_as_it_begins_is_waited_out() {
    let world = |notice_h| {
        let day = [400, 400, 400, 100, 100, 400, 300, 300, 400];
        let world = Draft::default().zone("DE", &day, 4);
        play(
            world
                .run(0, job("DE", 2, 10))
                .fault(asked(3, 5, Measure::Alert, notice_h)),
        )
    };
    let announced = world(3);
    assert_eq!(starts(&announced), ["06:00 r1 0 in pool 0 x 1"]);
    let sudden = world(0);
    assert_eq!(starts(&sudden), ["06:00 r1 0 in pool 0 x 1"]);
    assert_eq!(sudden.tally.deadlines_missed, 0);
}

#[test]
fn what_cannot_be_interrupted_runs_on_in_an_emergency() {
    let world = Draft::default().zone("DE", &[400], 4).zone("NO", &[500], 4);
    let urgent = RunDraft {
        deadline_ms: None,
        ..job("DE", 4, 0)
    };
    let played = play(world.run(0, urgent.clone()).run(2, urgent).fault(asked(
        1,
        3,
        Measure::Emergency,
        0,
    )));
    assert_eq!(
        starts(&played),
        ["00:00 r1 0 in pool 0 x 1", "02:00 r2 0 in pool 1 x 1"]
    );
}

#[test]
fn under_a_cap_no_more_tasks_run_than_it_has_power_for() {
    let array = RunDraft {
        deadline_ms: None,
        stages: vec![StageDraft {
            task_ms: HOUR_MS,
            ..stage("work", 4, 1)
        }],
        ..job("DE", 1, 0)
    };
    let each = array.stages[0].milliwatts;
    let cap = Measure::Cap {
        milliwatts: 2 * each,
    };
    let world = Draft::default().zone("DE", &[400], 8);
    let played = play(world.run(0, array).fault(asked(0, 9, cap, 0)));
    assert_eq!(
        starts(&played),
        ["00:00 r1 0 in pool 0 x 2", "01:00 r1 0 in pool 0 x 2"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_begins_in_a_pool_while_its_operator_forbids_it_and_all_ends(
        grams in proptest::collection::vec(50_u32..600, 48),
        jobs in proptest::collection::vec((0_u64..20, 1_u64..5, 0_u64..12), 1..8),
        events in proptest::collection::vec((0_u64..24, 1_u64..6, 0_u64..4, any::<bool>()), 1..4),
        by_rule in any::<bool>(),
    ) {
        let mut world = Draft::default().zone("DE", &grams, 3).zone("NO", &[350], 3);
        for (at, hours, slack) in &jobs {
            world = world.run(*at, job("DE", *hours, *slack));
        }
        for (from, hours, notice_h, is_alert) in &events {
            let measure = if *is_alert { Measure::Alert } else { Measure::Emergency };
            world = world.fault(asked(*from, from + hours, measure, *notice_h));
        }
        let played = if by_rule { world.play() } else { play(world) };
        prop_assert_eq!(played.tally.succeeded, jobs.len() as u64);
        for start in played.tally.starts.iter().filter(|start| start.pool == 0) {
            for (from, hours, ..) in &events {
                let is_inside = hour(*from) <= start.at && start.at < hour(from + hours);
                prop_assert!(!is_inside, "{start:?}");
            }
        }
    }
}
