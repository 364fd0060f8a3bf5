//! Events in small worlds.

use sunward_core::{PoolId, Timestamp};
use sunward_sim::meter::grams;
use sunward_sim::{Fault, FaultKind, Played, RunDraft, StageDraft};

use crate::world::{Draft, HOUR_MS, hour, job, stage, starts};

fn fault(from: u64, to: u64, kind: FaultKind) -> Fault {
    Fault {
        from: hour(from),
        to: hour(to),
        kind,
    }
}

fn emitted(played: &Played) -> f64 {
    grams(played.tally.used.total())
}

#[test]
fn a_job_with_slack_waits_for_the_cleaner_hours() {
    let played = Draft::default()
        .zone("DE", &[400, 400, 400, 100, 100, 400], 4)
        .run(0, job("DE", 2, 6))
        .play();
    assert_eq!(starts(&played), ["03:00 r1 0 in pool 0 x 1"]);
    assert!((emitted(&played) - 200.0).abs() < 1e-9);
    assert_eq!(played.tally.delays_ms, [3 * HOUR_MS]);
    assert_eq!(played.tally.deadlines_missed, 0);
}

#[test]
fn without_a_deadline_nothing_waits() {
    let urgent = RunDraft {
        deadline_ms: None,
        ..job("DE", 1, 0)
    };
    let played = Draft::default()
        .zone("DE", &[400, 100], 4)
        .zone("NO", &[300, 20], 4)
        .run(0, urgent)
        .play();
    assert_eq!(starts(&played), ["00:00 r1 0 in pool 1 x 1"]);
}

#[test]
fn inputs_that_move_count_at_the_mean_of_both_ends_once_for_all_tasks() {
    let far = RunDraft {
        transfer_milliwatt_hours_per_gb: 10_000,
        stages: vec![StageDraft {
            input_bytes: 100_000_000_000,
            ..stage("work", 3, 1)
        }],
        ..job("DE", 1, 0)
    };
    let played = Draft::default()
        .zone("DE", &[400], 4)
        .zone("NO", &[20], 4)
        .run(0, far)
        .play();
    assert_eq!(starts(&played), ["00:00 r1 0 in pool 1 x 3"]);
    let moved = grams(played.tally.used.transfer);
    assert!((moved - 210.0).abs() < 1e-6, "1 kWh at 210 g: {moved}");
    assert!((emitted(&played) - 270.0).abs() < 1e-6);
}

#[test]
fn what_a_lost_worker_ran_is_run_again_and_both_tries_count() {
    let played = Draft::default()
        .zone("DE", &[400], 4)
        .zone("NO", &[20], 4)
        .run(0, job("DE", 4, 12))
        .fault(fault(2, 50, FaultKind::Lost(PoolId(1))))
        .play();
    assert_eq!(
        starts(&played),
        ["00:00 r1 0 in pool 1 x 1", "02:00 r1 0 in pool 0 x 1"]
    );
    assert_eq!(played.tally.succeeded, 1);
    let kwh = sunward_sim::meter::kilowatt_hours(played.tally.used.microjoules);
    assert!(
        (kwh - 6.0).abs() < 1e-9,
        "two hours lost, four hours done: {kwh}"
    );
}

#[test]
fn when_the_owner_is_back_tasks_leave_after_notice_and_go_on_elsewhere() {
    let owner = FaultKind::OwnerBack {
        pool: PoolId(1),
        gpus: 0,
        cpus: 0,
        notice_ms: HOUR_MS / 2,
    };
    let played = Draft::default()
        .zone("DE", &[400], 4)
        .zone("NO", &[20], 4)
        .run(0, job("DE", 4, 24))
        .fault(fault(1, 9, owner))
        .play();
    assert_eq!(
        starts(&played),
        ["00:00 r1 0 in pool 1 x 1", "01:30 r1 0 in pool 0 x 1"]
    );
    assert_eq!(played.tally.succeeded, 1);
    let kwh = sunward_sim::meter::kilowatt_hours(played.tally.used.microjoules);
    assert!(
        (kwh - 5.5).abs() < 1e-9,
        "an hour and a half was in vain: {kwh}"
    );
}

#[test]
fn a_provider_that_is_down_leaves_decisions_to_the_old_forecast() {
    let world = Draft::default()
        .zone("DE", &[400, 400, 400, 100, 400], 4)
        .run(0, job("DE", 1, 6));
    let blind = |permille| {
        Draft::default()
            .zone("DE", &[400, 400, 400, 100, 400], 4)
            .run(0, job("DE", 1, 6))
            .fault(fault(
                0,
                5,
                FaultKind::ForecastError {
                    zone: None,
                    permille,
                },
            ))
            .fault(fault(1, 5, FaultKind::ProviderDown(None)))
    };
    assert_eq!(starts(&world.play()), starts(&blind(0).play()));
    assert_eq!(starts(&world.play()), ["03:00 r1 0 in pool 0 x 1"]);
}

#[test]
fn stages_follow_one_another_and_their_data_goes_with_them() {
    let flow = RunDraft {
        deadline_ms: Some(24 * HOUR_MS),
        stages: vec![
            StageDraft {
                output_bytes: 1_000_000_000,
                ..stage("make", 2, 1)
            },
            StageDraft {
                reads: vec!["make".into()],
                ..stage("take", 1, 1)
            },
        ],
        ..job("DE", 1, 0)
    };
    let played = Draft::default()
        .zone("DE", &[20, 400], 4)
        .zone("NO", &[400, 20], 4)
        .run(0, flow)
        .play();
    assert_eq!(
        starts(&played),
        ["00:00 r1 0 in pool 0 x 2", "01:00 r1 1 in pool 1 x 1"]
    );
    assert_eq!(played.tally.succeeded, 1);
    let moved = played.tally.used.transfer;
    assert!(
        (grams(moved) - 0.004 * 210.0).abs() < 1e-9,
        "{}",
        grams(moved)
    );
}

#[test]
fn more_work_than_machines_is_done_in_turn_and_none_starves() {
    let mut world = Draft::default().zone("DE", &[400, 300, 200], 2);
    for at in 0..10 {
        let urgent = RunDraft {
            deadline_ms: None,
            ..job("DE", 2, 0)
        };
        world = world.run(at / 2, urgent);
    }
    let played = world.play();
    assert_eq!((played.tally.succeeded, played.tally.unfinished), (10, 0));
    let order: Vec<u64> = played
        .tally
        .starts
        .iter()
        .map(|start| start.run.0)
        .collect();
    assert_eq!(
        order,
        (1..=10).collect::<Vec<u64>>(),
        "first come, first served"
    );
    assert_eq!(played.tally.taken.0, u128::from(20 * HOUR_MS));
}

#[test]
fn a_pool_opens_by_its_hours() {
    let played = Draft::default()
        .zone("DE", &[100], 0)
        .opens(0, 3, 2)
        .opens(0, 8, 0)
        .run(0, job("DE", 2, 8))
        .play();
    assert_eq!(starts(&played), ["03:00 r1 0 in pool 0 x 1"]);
    assert_eq!(
        played.tally.open.0,
        u128::from(2 * 2 * HOUR_MS),
        "until the world is over"
    );
}

#[test]
fn what_has_not_ended_when_the_traces_do_is_told_and_what_it_used_counts() {
    let endless = RunDraft {
        deadline_ms: None,
        ..job("DE", 10, 0)
    };
    let played = Draft::default()
        .zone("DE", &[100], 1)
        .run(90, endless)
        .play();
    assert_eq!(played.tally.unfinished, 1);
    let kwh = sunward_sim::meter::kilowatt_hours(played.tally.used.microjoules);
    assert!((kwh - 6.0).abs() < 1e-9, "{kwh}");
    assert_eq!(
        played.tally.starts.first().map(|one| one.at),
        Some(Timestamp(hour(90).0))
    );
}
