//! Deadlines of runs that arrive together and compete for machines, under forecasts that change.

use proptest::prelude::*;
use sunward_core::place::Sunward;
use sunward_sim::RunDraft;

use crate::world::{Draft, HOUR_MS, job, starts};

/// One run: its hours, whether it may pause after each, and its slack in hours.
#[derive(Clone, Copy, Debug)]
struct Job {
    hours: u64,
    pauses: bool,
    slack: u64,
}

fn draft(one: &Job) -> RunDraft {
    let mut run = job("DE", one.hours, one.slack);
    if one.pauses {
        let work = &mut run.stages[0];
        (work.tasks, work.width) = (u32::try_from(one.hours).unwrap(), Some(1));
        work.task_ms = HOUR_MS;
    }
    run
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
        let goes_on = |job: usize| !jobs[job].pauses && left[job] < jobs[job].hours;
        order.sort_by_key(|job| (!goes_on(*job), jobs[*job].hours + jobs[*job].slack, *job));
        for job in order.into_iter().take(machines) {
            left[job] -= 1;
            ended[job] = hour + 1;
        }
    }
    let mut jobs = jobs.iter().zip(ended);
    jobs.all(|(job, end)| end <= job.hours + job.slack)
}

/// The deadlines that are missed, and the starts.
fn missed(jobs: &[Job], machines: u32, grams: &[u32]) -> (u64, Vec<String>) {
    let mut world = Draft::default().zone("DE", grams, machines);
    for one in jobs {
        world = world.run(0, draft(one));
    }
    let played = world.play_with(Box::new(Sunward::default()));
    (played.tally.deadlines_missed, starts(&played))
}

#[test]
fn two_runs_share_one_machine_in_time_whether_they_may_pause_or_not() {
    let grams = [500, 400, 300, 200, 100, 100, 100, 100, 100, 500];
    for pauses in [true, false] {
        let jobs = [4, 6].map(|slack| Job {
            hours: 3,
            pauses,
            slack,
        });
        let (missed, starts) = missed(&jobs, 1, &grams);
        assert_eq!(missed, 0, "{starts:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_in_time_if_nothing_waits_is_in_time(
        grams in prop::collection::vec(1_u32..900, 30),
        jobs in prop::collection::vec((1_u64..5, any::<bool>(), 0_u64..12), 2..6),
        machines in 1_u32..4,
    ) {
        let jobs: Vec<Job> = jobs
            .into_iter()
            .map(|(hours, pauses, slack)| Job { hours, pauses, slack })
            .collect();
        prop_assume!(are_met(&jobs, machines as usize));
        let (missed, starts) = missed(&jobs, machines, &grams);
        prop_assert_eq!(missed, 0, "{:#?}", starts);
    }
}
