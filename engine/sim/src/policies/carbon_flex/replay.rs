//! The offline oracle of CarbonFlex: the cleanest hours of the past, for the jobs that had come.

use std::collections::BTreeMap;

use sunward_core::place::Ask;

use super::cases::State;

const HOUR_MS: u64 = 3_600_000;

/// What was seen at one home in an hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) intensity: u64,
    /// Open devices and cores.
    pub(super) devices: u64,
    pub(super) cores: u64,
    pub(super) state: State,
}

/// A job that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// The hour in which it came, and the first hour in which it must not run.
    came_h: u64,
    pub(super) due_h: u64,
    /// Its work in milliseconds of single tasks, and how many of those may run at the same time.
    work_ms: u64,
    width: u64,
    /// Devices or cores of one task.
    needs: u64,
    has_devices: bool,
}

impl Job {
    pub(super) fn of(ask: &Ask, now_ms: u64) -> Self {
        let work_ms = ask.task_ms.max(1).saturating_mul(ask.tasks.into());
        let has_devices = ask.gpus > 0;
        let needs = if has_devices { ask.gpus } else { ask.cpus };
        let due_ms = ask.finish_by.map_or(now_ms, |by| by.0);
        Self {
            came_h: now_ms.max(ask.ready_at.0) / HOUR_MS,
            due_h: due_ms / HOUR_MS,
            work_ms,
            width: u64::from(ask.width.min(ask.tasks).max(1)),
            needs: u64::from(needs.max(1)),
            has_devices,
        }
    }
}

/// What the oracle runs: by hour in which work waited, the share of its width, in thousandths.
///
/// Hours are filled from the cleanest on. Within an hour jobs come by their deadlines, and get what
/// is left of the machines, up to their width. Jobs may pause and move after each hour.
pub(super) fn replay(moments: &BTreeMap<u64, Moment>, mut jobs: Vec<Job>) -> BTreeMap<u64, u64> {
    jobs.sort_by_key(|job| (job.due_h, job.came_h));
    let mut left_ms: Vec<u64> = jobs.iter().map(|job| job.work_ms).collect();
    let mut ran: Vec<BTreeMap<u64, u64>> = vec![BTreeMap::new(); jobs.len()];
    let mut hours: Vec<(u64, u64)> = moments
        .iter()
        .map(|(hour, moment)| (moment.intensity, *hour))
        .collect();
    hours.sort_unstable();
    for (_, hour) in hours {
        let Some(moment) = moments.get(&hour) else {
            continue;
        };
        let (mut devices, mut cores) = (moment.devices, moment.cores);
        for ((job, left_ms), ran) in jobs.iter().zip(&mut left_ms).zip(&mut ran) {
            if *left_ms == 0 || hour < job.came_h || hour >= job.due_h {
                continue;
            }
            let room = if job.has_devices {
                &mut devices
            } else {
                &mut cores
            };
            let tasks = (*room / job.needs)
                .min(job.width)
                .min(left_ms.div_ceil(HOUR_MS));
            if tasks > 0 {
                *room -= tasks * job.needs;
                *left_ms = left_ms.saturating_sub(tasks * HOUR_MS);
                ran.insert(hour, tasks);
            }
        }
    }
    shares(moments, &jobs, &ran)
}

/// By hour: the tasks that ran, of those that could have. A job waits from when it came until its
/// last task has run.
fn shares(
    moments: &BTreeMap<u64, Moment>,
    jobs: &[Job],
    ran: &[BTreeMap<u64, u64>],
) -> BTreeMap<u64, u64> {
    let mut sums: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (job, ran) in jobs.iter().zip(ran) {
        let Some((last, _)) = ran.last_key_value() else {
            continue;
        };
        for (hour, _) in moments.range(job.came_h..=*last) {
            let sum = sums.entry(*hour).or_default();
            sum.0 += ran.get(hour).copied().unwrap_or(0);
            sum.1 += job.width;
        }
    }
    let share = |(some, all): (u64, u64)| (some * 1000).checked_div(all).unwrap_or(0);
    sums.into_iter()
        .map(|(hour, sum)| (hour, share(sum)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{HOUR_MS, Job, Moment, replay};
    use crate::policies::carbon_flex::cases::State;

    fn job(came_h: u64, due_h: u64, hours: u64, width: u64) -> Job {
        Job {
            came_h,
            due_h,
            work_ms: hours * HOUR_MS,
            width,
            needs: 1,
            has_devices: true,
        }
    }

    fn shares(grams: &[u64], devices: u64, jobs: Vec<Job>) -> Vec<(u64, u64)> {
        let moments: BTreeMap<u64, Moment> = (0..)
            .zip(grams)
            .map(|(hour, grams)| {
                let moment = Moment {
                    intensity: *grams,
                    devices,
                    cores: 0,
                    state: State::default(),
                };
                (hour, moment)
            })
            .collect();
        replay(&moments, jobs).into_iter().collect()
    }

    #[test]
    fn the_cleanest_hours_of_each_job_are_filled_up_to_the_machines() {
        // Three task-hours, two at once: both in hour 2, the third in hour 3.
        let grams = [400, 300, 100, 200, 400];
        assert_eq!(
            shares(&grams, 8, vec![job(0, 5, 3, 2)]),
            [(0, 0), (1, 0), (2, 1000), (3, 500)]
        );
        // One machine: the job that is due first takes hour 2, the other one hours 3 and 1.
        let both = vec![job(0, 5, 2, 2), job(1, 3, 1, 1)];
        assert_eq!(
            shares(&grams, 1, both),
            [(0, 0), (1, 333), (2, 333), (3, 500)]
        );
    }
}
