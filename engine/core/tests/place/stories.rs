//! Expectations of scientists and hosts, in small worlds.

use sunward_core::place::{Placement, Prefer, Problem, Why};
use sunward_core::{PoolId, RunId, Timestamp};

use crate::world::{HOUR, ask, places, solve, taken, world};

const MANY: [u32; 8] = [100; 8];

#[test]
fn without_a_deadline_nothing_waits_and_the_cleanest_pool_that_is_open_gets_it() {
    let mut problem = world(&[
        ("DE", &[400, 100, 100, 100], &[9, 9, 9, 9]),
        ("NO", &[30, 20, 20, 20], &[0, 9, 9, 9]),
        ("FR", &[80, 500, 500, 500], &[9, 9, 9, 9]),
    ]);
    problem.asks = vec![ask(1, 1, None, 3)];
    let placed = &solve(&problem)[0];
    assert_eq!(places(placed), [(2, 0, 1)]);
    assert_eq!(placed.why, Why::AtOnce);
    let at_home = sunward_core::at_home::of_problem(&problem);
    assert_eq!(at_home, [400_000_000], "at once in the first pool");
    assert_eq!(placed.expected_micrograms, 80_000_000);
}

#[test]
fn with_a_deadline_it_goes_to_the_cleanest_window_that_ends_in_time() {
    let grams = [400, 300, 100, 90, 80, 10, 10, 10];
    let mut problem = world(&[("DE", &grams, &MANY)]);
    problem.asks = vec![ask(1, 2, Some(5), 1)];
    let placed = &solve(&problem)[0];
    assert_eq!(places(placed), [(0, 3, 1)], "hours 5 to 7 end too late");
    assert_eq!(placed.why, Why::Cleanest);
    let other = placed.alternative.expect("running at once");
    assert_eq!(
        (other.start, other.expected_micrograms),
        (Timestamp(0), 700_000_000)
    );
}

#[test]
fn the_last_safe_start_is_kept_however_dirty_and_a_lost_deadline_means_at_once() {
    let mut problem = world(&[("DE", &[900, 10, 10, 10], &MANY[..4])]);
    problem.asks = vec![ask(1, 2, Some(2), 1), ask(2, 3, Some(2), 1)];
    let placed = solve(&problem);
    assert_eq!(
        (places(&placed[0]), placed[0].why),
        (vec![(0, 0, 1)], Why::LastSafeStart)
    );
    assert_eq!(
        (places(&placed[1]), placed[1].why),
        (vec![(0, 0, 1)], Why::Late)
    );
}

#[test]
fn data_stays_unless_the_move_pays_for_itself_by_more_than_the_forecast_may_err() {
    let mut problem = world(&[("DE", &[300; 4], &MANY[..4]), ("NO", &[298; 4], &MANY[..4])]);
    let mut near = ask(1, 1, Some(4), 2);
    near.data = vec![(PoolId(0), 1_000_000_000)];
    problem.asks = vec![near.clone()];
    assert_eq!(
        places(&solve(&problem)[0])[0].0,
        0,
        "2 g of 300 are less than the margin for an error of 10 %"
    );
    let mut far = world(&[("DE", &[300; 4], &MANY[..4]), ("NO", &[30; 4], &MANY[..4])]);
    far.asks = vec![near.clone()];
    let placed = &solve(&far)[0];
    assert_eq!(places(placed)[0].0, 1);
    assert_eq!(
        placed.transfer_micrograms, 330_000,
        "2 Wh at the mean of both ends"
    );
    near.data = vec![(PoolId(0), 1_000_000_000_000)];
    far.asks = vec![near];
    assert_eq!(
        places(&solve(&far)[0])[0].0,
        0,
        "a terabyte costs more than it saves"
    );
}

#[test]
fn who_has_nowhere_else_to_go_chooses_first() {
    let mut problem = world(&[("NO", &[20; 2], &[1, 1]), ("DE", &[400; 2], &[9, 9])]);
    let mut bound = ask(2, 2, Some(2), 1);
    bound.allowed = vec![PoolId(0)];
    problem.asks = vec![ask(1, 2, Some(2), 2), bound];
    let placed = solve(&problem);
    assert_eq!(places(&placed[0])[0].0, 1);
    assert_eq!(places(&placed[1])[0].0, 0);
}

#[test]
fn an_array_is_decided_whole_and_split_only_when_room_is_short() {
    let mut problem = world(&[
        ("NO", &[20, 20, 20], &[4, 4, 4]),
        ("DE", &[400; 3], &[9; 3]),
    ]);
    let mut array = ask(1, 1, Some(3), 2);
    (array.tasks, array.width) = (4, 4);
    problem.asks = vec![array.clone()];
    assert_eq!(places(&solve(&problem)[0]), [(0, 0, 4)]);
    (array.tasks, array.width) = (14, 14);
    problem.asks = vec![array];
    let placed = solve(&problem);
    let tasks: u32 = placed[0].segments.iter().map(|one| one.tasks).sum();
    assert_eq!(tasks, 14);
    assert!(
        taken(&problem, &placed)
            .iter()
            .all(|((pool, _), gpus)| *gpus <= [4, 9][*pool as usize])
    );
    let north = placed[0]
        .segments
        .iter()
        .filter(|one| one.pool == PoolId(0));
    assert_eq!(
        north.map(|one| one.tasks).sum::<u32>(),
        12,
        "all that is clean"
    );
}

#[test]
fn a_clean_pool_that_is_too_slow_for_all_tasks_takes_those_that_it_can() {
    let mut problem = world(&[("NO", &[100; 8], &[2; 8]), ("DE", &[300; 8], &[100; 8])]);
    let mut array = ask(1, 1, Some(4), 2);
    (array.tasks, array.width) = (10, 10);
    problem.asks = vec![array];
    let placed = &solve(&problem)[0];
    assert_eq!(
        placed.expected_micrograms,
        1_400_000_000,
        "{:?}",
        places(placed)
    );
    let clean = places(placed)
        .iter()
        .filter(|one| one.0 == 0)
        .map(|one| one.2)
        .sum::<u32>();
    assert_eq!(clean, 8, "two at a time for four hours");
}

#[test]
fn tasks_spread_over_clean_hours_though_all_would_fit_into_a_dirty_one() {
    let mut problem = world(&[("DE", &[500, 100, 500, 100], &[4, 2, 4, 2])]);
    let mut array = ask(1, 1, Some(4), 1);
    (array.tasks, array.width) = (4, 4);
    problem.asks = vec![array];
    assert_eq!(places(&solve(&problem)[0]), [(0, 1, 2), (0, 3, 2)]);
}

#[test]
fn where_others_will_need_the_clean_hours_the_earliest_of_them_is_as_good_as_any() {
    let grams = [200, 300, 300, 100, 300, 300, 300, 300, 300, 400, 400, 400];
    let mut problem = world(&[("DE", &grams, &[1; 12])]);
    problem.asks = vec![ask(7, 1, Some(10), 1)];
    let start = |problem: &Problem| places(&solve(problem)[0])[0].1;
    assert_eq!(start(&problem), 3, "the cleanest, when nobody else comes");
    problem.demand.all.gpu_ms = 7 * HOUR;
    assert_eq!(
        start(&problem),
        0,
        "it is cleaner than the day's seventh hour"
    );
    problem.demand.own.insert(RunId(7), problem.demand.all);
    assert_eq!(start(&problem), 3, "nobody competes with itself");
}

#[test]
fn rounds_pause_while_power_is_dirty() {
    let grams = [100, 500, 500, 100, 500, 100, 500, 500];
    let mut problem = world(&[("DE", &grams, &MANY)]);
    let mut series = ask(1, 1, Some(8), 1);
    (series.tasks, series.width) = (3, 1);
    problem.asks = vec![series];
    let placed = &solve(&problem)[0];
    assert_eq!(places(placed), [(0, 0, 1), (0, 3, 1), (0, 5, 1)]);
    assert_eq!(placed.expected_micrograms, 300_000_000);
}

#[test]
fn rounds_pause_while_power_is_dirty_also_where_others_need_the_cleanest_hours() {
    let grams = [200, 600, 200, 600, 200, 600, 200, 600, 400, 400, 400, 400];
    let mut problem = world(&[("DE", &grams, &[1; 12])]);
    let mut series = ask(1, 1, Some(12), 1);
    (series.tasks, series.width) = (4, 1);
    problem.asks = vec![series];
    problem.demand.all.gpu_ms = 6 * HOUR;
    assert_eq!(
        places(&solve(&problem)[0]),
        [(0, 0, 1), (0, 2, 1), (0, 4, 1), (0, 6, 1)],
        "the mean of four hours in a row is no more than the day's sixth hour, but two of them are"
    );
}

#[test]
fn rounds_that_pause_begin_by_when_they_must() {
    let grams = [500, 500, 500, 100, 500, 100, 500, 500];
    let mut problem = world(&[("DE", &grams, &MANY)]);
    let mut series = ask(1, 1, Some(8), 1);
    (series.tasks, series.width) = (2, 1);
    series.start_by = Some(Timestamp(HOUR));
    problem.asks = vec![series];
    assert_eq!(places(&solve(&problem)[0]), [(0, 0, 1), (0, 3, 1)]);
}

#[test]
fn surplus_and_time_are_preferences_too() {
    let mut problem = world(&[("DE", &[100, 90, 200, 300], &MANY[..4])]);
    let outlook = std::sync::Arc::make_mut(&mut problem.outlook);
    outlook.zones[0].surplus = vec![false, false, true, false];
    let mut surplus = ask(1, 1, Some(4), 1);
    surplus.prefer = vec![Prefer::Surplus];
    let mut time = ask(2, 1, Some(4), 1);
    time.prefer = vec![Prefer::Time];
    problem.asks = vec![surplus, time];
    let placed = solve(&problem);
    assert_eq!((places(&placed[0])[0].1, placed[0].why), (2, Why::Surplus));
    assert_eq!((places(&placed[1])[0].1, placed[1].why), (0, Why::Earliest));
}

#[test]
fn projects_share_what_is_scarce_by_weight_and_use() {
    let mut problem = world(&[("NO", &[20; 4], &[2; 4]), ("DE", &[400; 4], &[9; 4])]);
    problem.asks = (1..=4)
        .map(|run| {
            let mut one = ask(run, 4, Some(4), 2);
            one.project = if run <= 3 { "greedy" } else { "modest" }.to_owned();
            one
        })
        .collect();
    problem.shares.insert("greedy".into(), (1000, 100 * HOUR));
    let placed = solve(&problem);
    assert_eq!(
        places(&placed[3])[0].0,
        0,
        "who used nothing yet chooses first"
    );
    let north = placed.iter().filter(|one| places(one)[0].0 == 0).count();
    assert_eq!(north, 2);
}

#[test]
fn a_project_of_twice_the_weight_gets_twice_as_much_of_what_is_scarce() {
    let mut problem = world(&[("NO", &[20; 4], &[3; 4]), ("DE", &[400; 4], &[9; 4])]);
    problem.asks = (1..=8)
        .map(|run| {
            let mut one = ask(run, 4, Some(4), 2);
            one.finish_by = Some(Timestamp(5 * HOUR));
            one.project = if run <= 4 { "heavy" } else { "light" }.to_owned();
            one
        })
        .collect();
    problem.shares.insert("heavy".into(), (2000, 0));
    problem.shares.insert("light".into(), (1000, 0));
    let placed = solve(&problem);
    let north = |runs: std::ops::Range<usize>| {
        let some = placed[runs].iter();
        some.filter(|one| places(one)[0].0 == 0).count()
    };
    assert_eq!((north(0..4), north(4..8)), (2, 1));
}

#[test]
fn what_cannot_wait_chooses_before_a_project_that_is_owed_more() {
    let mut problem = world(&[("NO", &[20; 4], &[1; 4]), ("DE", &[400; 4], &[9; 4])]);
    let mut urgent = ask(1, 2, None, 2);
    urgent.project = "greedy".to_owned();
    let mut patient = ask(2, 4, Some(4), 2);
    patient.finish_by = Some(Timestamp(5 * HOUR));
    patient.project = "modest".to_owned();
    problem.asks = vec![urgent, patient];
    problem.shares.insert("greedy".into(), (1000, 100 * HOUR));
    let placed = solve(&problem);
    assert_eq!(places(&placed[0])[0], (0, 0, 1), "the clean place, at once");
    assert_eq!(places(&placed[1])[0].0, 1);
}

/// Which of two runs of an hour, which cannot wait, gets the first hour of one device.
fn first_of(one: (i32, u64), other: (i32, u64)) -> u64 {
    let mut problem = world(&[("DE", &[300; 200], &[1; 200])]);
    problem.now = Timestamp(100 * HOUR);
    problem.asks = [(1, one), (2, other)]
        .map(|(run, (priority, hours))| {
            let mut ask = ask(run, 1, None, 1);
            ask.priority = priority;
            ask.since = Timestamp((100 - hours) * HOUR);
            ask.ready_at = problem.now;
            ask
        })
        .to_vec();
    let placed = solve(&problem);
    let begins = |one: &Placement| one.start() == Some(problem.now);
    let first = placed.iter().position(begins).unwrap();
    problem.asks[first].id.run.0
}

#[test]
fn a_day_of_waiting_makes_up_for_four_levels_of_priority() {
    assert_eq!(first_of((0, 0), (1, 0)), 2, "the higher priority");
    assert_eq!(first_of((0, 23), (4, 0)), 2, "not yet");
    assert_eq!(
        first_of((0, 25), (4, 0)),
        1,
        "it has waited for long enough"
    );
}

#[test]
fn of_what_can_wait_age_takes_nothing_from_who_has_most_to_lose() {
    // Both may use the one clean device. The newer run has no other place that is nearly as clean.
    let mut problem = world(&[("NO", &[20; 8], &[1; 8]), ("DE", &[400; 8], &[9; 8])]);
    problem.now = Timestamp(2 * HOUR);
    let mut old = ask(1, 4, Some(8), 2);
    (old.since, old.task_milliwatts) = (Timestamp(0), 100_000);
    let mut new = ask(2, 4, Some(8), 2);
    (new.since, new.task_milliwatts) = (problem.now, 900_000);
    for one in [&mut old, &mut new] {
        one.ready_at = problem.now;
        one.finish_by = Some(Timestamp(7 * HOUR));
    }
    problem.asks = vec![old, new];
    let placed = solve(&problem);
    assert_eq!(places(&placed[1])[0].0, 0, "the clean place");
    assert_eq!(places(&placed[0])[0].0, 1);
}

#[test]
fn a_power_limit_is_a_capacity_like_any_other() {
    let mut problem = world(&[("NO", &[20; 2], &[9; 2]), ("DE", &[400; 2], &[9; 2])]);
    std::sync::Arc::make_mut(&mut problem.fleet).pools[0].power_limit_milliwatts = Some(1_500_000);
    problem.asks = vec![ask(1, 2, Some(2), 2), ask(2, 2, Some(2), 2)];
    let placed = solve(&problem);
    let pools: Vec<u32> = placed.iter().map(|one| places(one)[0].0).collect();
    assert_eq!(pools, [0, 1]);
}

#[test]
fn where_nothing_is_open_nothing_is_promised() {
    let mut problem = world(&[("NO", &[20; 2], &[0; 2])]);
    problem.asks = vec![ask(1, 1, None, 1)];
    let placed = &solve(&problem)[0];
    assert_eq!((placed.why, placed.segments.len()), (Why::NoCapacity, 0));
}

#[test]
fn what_would_be_late_chooses_before_what_can_wait() {
    // One device is open in two nights. The first run loses most without the first night's clean
    // hour, but has time for the second night. The second run has only the first night.
    let mut problem = world(&[("A", &[500, 10, 500, 500, 60, 60], &[0, 1, 0, 0, 1, 1])]);
    problem.asks = vec![ask(1, 1, Some(6), 1), ask(2, 1, Some(2), 1)];
    let placements = solve(&problem);
    assert_eq!(places(&placements[0])[0].1, 4);
    assert_eq!(places(&placements[1])[0].1, 1);
}

#[test]
fn where_that_only_makes_others_late_who_must_begin_first_chooses_first() {
    // One device has four hours. By regret, runs one and two take the best hours, which three and
    // four need. If four goes before them, two takes the other hour that three needs.
    let mut problem = world(&[("A", &[25, 10, 20, 30], &[1, 1, 1, 1])]);
    problem.asks = vec![
        ask(1, 1, Some(3), 1),
        ask(2, 1, Some(4), 1),
        ask(3, 1, Some(2), 1),
        ask(4, 1, Some(2), 1),
    ];
    let placements = solve(&problem);
    let starts: Vec<u64> = placements.iter().map(|one| places(one)[0].1).collect();
    assert_eq!(starts, [2, 3, 0, 1]);
}
