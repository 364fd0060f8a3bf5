//! The baseline `now-home`: every run starts when it arrives, in its home pool. It has a closed
//! form because capacity does not limit it.

use sunward_core::{Fleet, PoolId, Timestamp};

use crate::meter::{Truth, Used};
use crate::submission::{Needs, Submission, guessed_tasks};

/// The result of one run under the baseline: each stage starts as soon as the stages before it have
/// ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtHome {
    /// Energy and emissions of the run.
    pub used: Used,
    /// Device-milliseconds and core-milliseconds that the run takes.
    pub taken: (u128, u128),
    /// The moment at which the run ends.
    pub end: Timestamp,
}

/// Computes the baseline of one run. `home` is the pool that stands for the run's home; its
/// capacity is unlimited here. In a zone that the grid does not hold, only energy is counted.
#[must_use]
pub fn at_home(submission: &Submission, home: PoolId, fleet: &Fleet, truth: &Truth) -> AtHome {
    let plan = &submission.spec.plan;
    let pool = fleet.get(home);
    let zone = pool.and_then(|pool| truth.zones.get(&pool.zone));
    let pue_permille = pool.map_or(1000, |pool| pool.pue_permille);
    let mut used = Used::default();
    let mut taken = (0, 0);
    let mut ends = vec![submission.at; plan.stages.len()];
    let mut counts = vec![1_u32; plan.stages.len()];
    for (at, planned) in plan.stages.iter().enumerate() {
        let upstream = planned.upstream.iter();
        let ready = upstream
            .clone()
            .filter_map(|id| ends.get(id.place()))
            .max()
            .copied()
            .unwrap_or(submission.at);
        let parts = upstream.filter_map(|id| counts.get(id.place())).max();
        let tasks = planned
            .tasks
            .clone()
            .unwrap_or_else(|| guessed_tasks(planned, parts.copied().unwrap_or(1)));
        let needs = Needs::of(planned, pool);
        let width = planned.stage.max_parallel.unwrap_or(u32::MAX).max(1);
        let mut left = tasks.count();
        let mut start = ready;
        while left > 0 {
            let round = left.min(width);
            let end = start.after_ms(needs.task_ms);
            let ms = u128::from(round) * u128::from(needs.task_ms);
            taken.0 += u128::from(needs.gpus) * ms;
            taken.1 += u128::from(needs.cpus) * ms;
            if let Some(zone) = zone {
                let milliwatts = u128::from(needs.milliwatts) * u128::from(round);
                used.run(zone, pue_permille, milliwatts, (start, end));
            }
            (start, left) = (end, left - round);
        }
        if let (Some(end), Some(count)) = (ends.get_mut(at), counts.get_mut(at)) {
            (*end, *count) = (start, tasks.count());
        }
    }
    AtHome {
        used,
        taken,
        end: ends.into_iter().max().unwrap_or(submission.at),
    }
}
