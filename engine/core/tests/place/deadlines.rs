//! Deadlines of runs that compete for machines.

use proptest::prelude::*;
use sunward_core::Timestamp;
use sunward_core::place::{Ask, Why};

use crate::world::{HOUR, ask, places, solve, world};

/// One run: its hours, whether it may pause after each, and when it is due.
#[derive(Clone, Copy, Debug)]
struct Job {
    hours: u64,
    pauses: bool,
    due: u64,
    /// The hours that it leaves before that.
    margin: u64,
}

fn job() -> impl Strategy<Value = Job> {
    (1_u64..5, any::<bool>(), 0_u64..12, 0_u64..8).prop_map(|(hours, pauses, slack, margin)| Job {
        hours,
        pauses,
        due: hours + slack,
        margin,
    })
}

fn asks(jobs: &[Job], pools: u32) -> Vec<Ask> {
    let one = |(run, job): (u64, &Job)| {
        let mut one = ask(run, job.hours, Some(job.due), pools);
        one.margin_ms = job.margin * HOUR;
        if job.pauses {
            (one.tasks, one.width, one.task_ms) = (job.hours as u32, 1, HOUR);
        }
        one
    };
    (1..).zip(jobs).map(one).collect()
}

/// Whether all jobs end in time if on each machine, hour by hour, the one that is due first runs, and
/// nothing waits.
fn are_met(jobs: &[Job], machines: usize) -> bool {
    let mut left: Vec<u64> = jobs.iter().map(|job| job.hours).collect();
    let mut ended: Vec<u64> = vec![0; jobs.len()];
    for hour in 0.. {
        let mut order: Vec<usize> = (0..jobs.len()).filter(|job| left[*job] > 0).collect();
        if order.is_empty() {
            break;
        }
        // What has begun and may not pause goes on.
        let goes_on = |job: usize| !jobs[job].pauses && left[job] < jobs[job].hours;
        order.sort_by_key(|job| (!goes_on(*job), jobs[*job].due, *job));
        for job in order.into_iter().take(machines) {
            left[job] -= 1;
            ended[job] = hour + 1;
        }
    }
    jobs.iter().zip(ended).all(|(job, end)| end <= job.due)
}

#[test]
fn two_runs_that_may_pause_share_one_machine_in_time() {
    let grams = [500, 500, 400, 300, 200, 100, 100, 100, 100, 500, 500, 500];
    let mut problem = world(&[("DE", &grams, &[1; 12])]);
    for pauses in [true, false] {
        let job = |slack: u64| Job {
            hours: 3,
            pauses,
            due: 3 + slack,
            margin: 0,
        };
        problem.asks = asks(&[job(4), job(6)], 1);
        for (ask, one) in problem.asks.iter().zip(solve(&problem)) {
            assert!(one.end() <= ask.finish_by, "{:?}", places(&one));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn what_is_in_time_if_nothing_waits_is_in_time(
        grams in prop::collection::vec(1_u32..900, 30),
        jobs in prop::collection::vec(job(), 2..9),
        machines in 1_usize..4,
    ) {
        let mut problem = world(&[("DE", &grams, &[machines as u32; 30])]);
        problem.asks = asks(&jobs, 1);
        prop_assume!(are_met(&jobs, machines));
        for (ask, one) in problem.asks.iter().zip(solve(&problem)) {
            prop_assert!(one.end() <= ask.finish_by, "{:?}: {:?}", ask.id, places(&one));
        }
    }
}

/// The start of one job of `hours` hours that is due in `due`, where power is `grams` clean.
fn start(grams: &[u32], hours: u64, due: u64, margin_ms: u64) -> (u64, bool) {
    let mut problem = world(&[("DE", grams, &vec![1; grams.len()])]);
    let mut one = ask(1, hours, Some(due), 1);
    one.margin_ms = margin_ms;
    problem.asks = vec![one];
    let placed = solve(&problem).remove(0);
    let in_time = placed.end() <= problem.asks[0].finish_by;
    (placed.start().unwrap().0, in_time)
}

#[test]
fn a_margin_larger_than_the_slack_starts_at_once_and_is_not_late() {
    let grams: Vec<u32> = (0..30).map(|hour| 900 - 20 * hour).collect();
    assert_eq!(start(&grams, 2, 12, 0), (10 * HOUR, true));
    assert_eq!(start(&grams, 2, 12, 3 * HOUR), (7 * HOUR, true));
    assert_eq!(start(&grams, 2, 12, 99 * HOUR), (0, true));
    let mut problem = world(&[("DE", &grams, &[1; 30])]);
    problem.asks = vec![ask(1, 2, Some(12), 1)];
    problem.asks[0].margin_ms = 99 * HOUR;
    assert_eq!(solve(&problem)[0].why, Why::LastSafeStart);
    problem.asks[0].finish_by = problem.asks[0].finish_by.map(|_| Timestamp(HOUR));
    assert_eq!(solve(&problem)[0].why, Why::Late);
}

proptest! {
    #[test]
    fn where_power_only_gets_cleaner_a_smaller_margin_never_starts_earlier(
        hours in 1_u64..6,
        slack in 0_u64..20,
        margin_ms in 0_u64..30 * HOUR,
        less_ms in 0_u64..30 * HOUR,
    ) {
        let grams: Vec<u32> = (0..30).map(|hour| 900 - 20 * hour).collect();
        let due = hours + slack;
        let (cautious, met) = start(&grams, hours, due, margin_ms);
        let (bold, also) = start(&grams, hours, due, margin_ms.saturating_sub(less_ms));
        prop_assert!(met && also && bold >= cautious, "{bold} {cautious}");
        let latest = (slack * HOUR).saturating_sub(margin_ms);
        prop_assert!(cautious == latest, "the last safe start is {latest}, not {cautious}");
    }
}
