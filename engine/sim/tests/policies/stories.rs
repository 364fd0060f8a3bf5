//! Cases in which each policy differs from the others.

use sunward_core::place::{Ask, Problem};
use sunward_core::{PoolId, StageId};
use sunward_sim::{Locales, contender};

use crate::small::{AWAY, HOME, HOUR_MS, ask, problem};

/// The pool and hour in which each stage begins.
fn begins(policy: &str, problem: &Problem) -> Vec<(PoolId, u64)> {
    let mut contender = contender(policy, &Locales::default()).expect("a known policy");
    let solution = contender.placer.solve(problem);
    let first = |placement: &sunward_core::place::Placement| {
        let first = placement.segments.first().expect("a segment");
        (first.pool, first.start.0 / HOUR_MS)
    };
    let placements = solution.placements.iter();
    placements
        .map(|one| first(one.as_ref().expect("a placement")))
        .collect()
}

/// Home is cleanest at hour 4. Away is clean now, dirty later, and has the dirtier mean.
const HOME_GRAMS: [u32; 8] = [300, 280, 260, 120, 100, 140, 300, 300];
const AWAY_GRAMS: [u32; 8] = [90, 400, 700, 700, 700, 700, 700, 80];

#[test]
fn those_that_never_wait_differ_in_what_they_hold_to_be_clean() {
    let two_hours = problem(&HOME_GRAMS, &AWAY_GRAMS, 4, vec![ask(1, 1, 1, 2, 8)]);
    assert_eq!(begins("static-best", &two_hours), [(HOME, 0)]);
    assert_eq!(begins("now-best", &two_hours), [(AWAY, 0)]);
    assert_eq!(begins("spatial", &two_hours), [(AWAY, 0)]);
    let three_hours = problem(&HOME_GRAMS, &AWAY_GRAMS, 4, vec![ask(1, 1, 1, 3, 8)]);
    assert_eq!(begins("now-best", &three_hours), [(AWAY, 0)]);
    assert_eq!(begins("spatial", &three_hours), [(HOME, 0)]);
}

#[test]
fn moving_inputs_counts_for_the_spatial_one() {
    let heavy = Ask {
        data: vec![(HOME, 500_000_000_000)],
        ..ask(1, 1, 1, 1, 8)
    };
    let problem = problem(&HOME_GRAMS, &AWAY_GRAMS, 4, vec![heavy]);
    assert_eq!(begins("spatial", &problem), [(HOME, 0)]);
    assert_eq!(begins("now-best", &problem), [(AWAY, 0)]);
}

#[test]
fn those_that_wait_do_so_at_home() {
    let one = problem(&HOME_GRAMS, &AWAY_GRAMS, 4, vec![ask(1, 1, 1, 2, 8)]);
    for policy in ["temporal", "wait-awhile", "gaia-lowest-window"] {
        assert_eq!(begins(policy, &one), [(HOME, 3)], "{policy}");
    }
    let soon = problem(&HOME_GRAMS, &AWAY_GRAMS, 4, vec![ask(1, 1, 1, 2, 4)]);
    assert_eq!(begins("wait-awhile", &soon), [(HOME, 2)]);
}

#[test]
fn gaia_knows_only_the_mean_length_of_what_is_asked_together() {
    // Windows of one and three hours are cleanest at 4 and 3. The mean is two hours: at 3.
    let mixed = vec![ask(1, 1, 1, 1, 8), ask(2, 1, 1, 3, 8)];
    let mixed = problem(&HOME_GRAMS, &AWAY_GRAMS, 4, mixed);
    assert_eq!(begins("wait-awhile", &mixed), [(HOME, 4), (HOME, 3)]);
    assert_eq!(begins("gaia-lowest-window", &mixed), [(HOME, 3), (HOME, 3)]);
}

#[test]
fn gaia_goes_by_the_mean_of_what_came_before() {
    let alone = |run, hours| problem(&HOME_GRAMS, &AWAY_GRAMS, 4, vec![ask(run, 1, 1, hours, 8)]);
    let mut gaia = contender("gaia-lowest-window", &Locales::default()).unwrap();
    let mut begin = |problem: &Problem| {
        let placements = gaia.placer.solve(problem).placements;
        placements[0].as_ref().unwrap().segments[0].start.0 / HOUR_MS
    };
    assert_eq!(begin(&alone(1, 1)), 4, "all there is to know");
    assert_eq!(begin(&alone(1, 1)), 4, "asked again it is no other");
    assert_eq!(begin(&alone(2, 3)), 3, "two hours in the mean");
    assert_eq!(begin(&alone(3, 1)), 3, "an hour and 40 minutes");
}

#[test]
fn equal_jobs_of_one_stage_are_all_the_same_to_those_that_look_at_lengths_or_importance() {
    let jobs = (1..4).map(|run| ask(run, 1, 1, 2, 8)).collect();
    let equal = problem(&HOME_GRAMS, &AWAY_GRAMS, 4, jobs);
    let published = [
        "wait-awhile",
        "wait-awhile-interruptible",
        "gaia-lowest-window",
        "carbonscaler",
    ];
    for policy in published {
        assert_eq!(begins(policy, &equal), [(HOME, 3); 3], "{policy}");
    }
    assert_eq!(
        begins("pcaps", &equal),
        [(HOME, 0); 3],
        "each is a bottleneck"
    );
}

#[test]
fn pcaps_compares_with_what_may_begin_and_not_with_what_must_wait() {
    let short = ask(1, 1, 1, 1, 20);
    // It waits for a stage that runs until noon.
    let long = Ask {
        ready_at: sunward_core::Timestamp(12 * HOUR_MS),
        ..ask(2, 1, 1, 6, 40)
    };
    let home = problem(&HOME_GRAMS, &AWAY_GRAMS, 4, vec![short, long]);
    assert_eq!(begins("pcaps", &home)[0], (HOME, 0));
}

#[test]
fn carbon_time_does_not_wait_long_for_little() {
    let home = [300, 150, 300, 300, 300, 300, 140, 300];
    let one = problem(&home, &AWAY_GRAMS, 4, vec![ask(1, 1, 1, 1, 8)]);
    assert_eq!(begins("wait-awhile", &one), [(HOME, 6)]);
    assert_eq!(begins("gaia-carbon-time", &one), [(HOME, 1)]);
}

#[test]
fn an_array_is_interrupted_or_scaled() {
    let home = [300, 100, 300, 120, 300, 90, 300, 300];
    let array = |width| problem(&home, &AWAY_GRAMS, 8, vec![ask(1, 4, width, 1, 8)]);
    let hours = |policy: &str, width| {
        let mut contender = contender(policy, &Locales::default()).unwrap();
        let placements = contender.placer.solve(&array(width)).placements;
        let segments = placements[0].as_ref().unwrap().segments.iter();
        let told = segments.map(|one| (one.start.0 / HOUR_MS, one.tasks));
        told.collect::<Vec<_>>()
    };
    // The three clean hours, and the first of the others.
    assert_eq!(
        hours("wait-awhile-interruptible", 1),
        [(0, 2), (3, 1), (5, 1)]
    );
    assert_eq!(hours("carbonscaler", 2), [(1, 2), (5, 2)]);
    assert_eq!(hours("carbonscaler", 4), [(5, 4)]);
}

#[test]
fn pcaps_holds_back_what_little_waits_for() {
    let critical = ask(1, 1, 1, 3, 20);
    let trifle = Ask {
        id: sunward_core::place::AskId {
            stage: StageId(1),
            ..critical.id
        },
        task_ms: HOUR_MS / 4,
        ..critical.clone()
    };
    let home = problem(&HOME_GRAMS, &AWAY_GRAMS, 4, vec![critical, trifle]);
    let begun = begins("pcaps", &home);
    assert_eq!(begun[0], (HOME, 0), "a bottleneck runs whatever the grid");
    assert_eq!(begun[1], (HOME, 3), "the first hour in the cleaner half");
    let begun = begins("pcaps-anywhere", &home);
    assert_eq!(begun[0], (AWAY, 0), "it runs at once, and somewhere clean");
    // Of 80 to 700 g, the less important half runs below 390 g, which both places are now.
    assert_eq!(begun[1], (AWAY, 0));
}

#[test]
fn cucumber_waits_for_surplus_and_for_nothing_else() {
    let windy = [300, 280, 260, 40, 30, 200, 300, 300];
    let admitted = problem(
        &windy,
        &AWAY_GRAMS,
        1,
        vec![ask(2, 1, 1, 2, 8), ask(1, 1, 1, 2, 7)],
    );
    // The stage with the earlier deadline takes the surplus. The other is placed as before.
    assert_eq!(begins("cucumber", &admitted), [(HOME, 0), (HOME, 3)]);
    let calm = problem(&HOME_GRAMS, &AWAY_GRAMS, 1, vec![ask(1, 1, 1, 2, 8)]);
    assert_eq!(begins("cucumber", &calm), [(HOME, 0)]);
}

/// The hours and numbers of tasks of the first stage's segments.
fn pieces(policy: &str, problem: &Problem) -> Vec<(u64, u32)> {
    let mut contender = contender(policy, &Locales::default()).expect("a known policy");
    let placements = contender.placer.solve(problem).placements;
    let segments = &placements[0].as_ref().expect("a placement").segments;
    let piece = |one: &sunward_core::place::Segment| (one.start.0 / HOUR_MS, one.tasks);
    segments.iter().map(piece).collect()
}

#[test]
fn lacs_scales_by_the_intensity_now_and_leaves_the_rest_for_the_end() {
    // L = 100, U = 500: a = 1.89, phi(0) = 264 g, phi(0.25) = 231 g, phi(0.5) = 193 g.
    let home = |now| [now, 500, 100, 300, 300, 300, 300, 300];
    let array = |now| problem(&home(now), &AWAY_GRAMS, 8, vec![ask(1, 4, 4, 1, 8)]);
    assert_eq!(pieces("lacs", &array(266)), [(7, 4)]);
    assert_eq!(pieces("lacs", &array(262)), [(0, 1), (7, 3)]);
    assert_eq!(pieces("lacs", &array(200)), [(0, 2), (7, 2)]);
    assert_eq!(pieces("lacs", &array(100)), [(0, 4)]);
    // Beside a job of twice its length, it may be as long: less of it is done, so four tasks are
    // clean enough. The mean of two and four begins.
    let asks = vec![ask(1, 4, 4, 1, 8), ask(2, 8, 8, 1, 8)];
    let beside = problem(&home(200), &AWAY_GRAMS, 12, asks);
    assert_eq!(pieces("lacs", &beside), [(0, 3), (7, 1)]);
    // What is due runs, however dirty it is.
    let due = problem(&home(500), &AWAY_GRAMS, 8, vec![ask(1, 4, 2, 1, 2)]);
    assert_eq!(pieces("lacs", &due), [(0, 2), (1, 2)]);
}

#[test]
fn tasks_of_minutes_follow_one_another_until_the_next_decision() {
    let home = [100, 500, 300, 300, 300, 300, 300, 300];
    let short = Ask {
        task_ms: HOUR_MS / 4,
        ..ask(1, 20, 2, 1, 8)
    };
    let short = problem(&home, &AWAY_GRAMS, 8, vec![short]);
    let lacs = pieces("lacs", &short);
    assert_eq!(lacs[0], (0, 8), "four rounds of two: {lacs:?}");
    assert_eq!(lacs.iter().map(|(_, tasks)| tasks).sum::<u32>(), 20);
}
