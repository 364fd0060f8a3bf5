//! The baseline `now-home`: every run starts when it arrives, in its home pool. It has a closed
//! form because capacity does not limit it.

use sunward_core::at_home::course;
use sunward_core::{Fleet, Pool, PoolId, Timestamp};

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
    let pool = fleet.get(home);
    let zone = pool.and_then(|pool| truth.zones.get(&pool.zone));
    let pue_permille = pool.map_or(1000, |pool| pool.pue_permille);
    let stages = stages(submission, pool);
    let timed = stages.iter().map(|stage| {
        let before = stage.before.iter().copied();
        (submission.at, before, stage.length_ms())
    });
    let course = course(timed);
    let mut used = Used::default();
    let mut taken = (0, 0);
    for (stage, (start, _)) in stages.iter().zip(&course) {
        let needs = &stage.needs;
        let (mut left, mut start) = (stage.tasks, *start);
        while left > 0 {
            let round = left.min(stage.width);
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
    }
    let ends = course.iter().map(|(_, end)| *end);
    AtHome {
        used,
        taken,
        end: ends.max().unwrap_or(submission.at),
    }
}

/// One stage of a run.
struct Stage {
    needs: Needs,
    tasks: u32,
    /// The most tasks that run at the same time.
    width: u32,
    /// The stages that it waits for.
    before: Vec<usize>,
}

impl Stage {
    fn length_ms(&self) -> u64 {
        let rounds = u64::from(self.tasks.div_ceil(self.width));
        rounds.saturating_mul(self.needs.task_ms)
    }
}

/// The stages of a run. The number of tasks of a stage whose tasks come from another is guessed from
/// the stages before it.
fn stages(submission: &Submission, pool: Option<&Pool>) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for planned in &submission.spec.plan.stages {
        let before: Vec<usize> = planned.upstream.iter().map(|id| id.place()).collect();
        let parts = before.iter().filter_map(|at| stages.get(*at));
        let parts = parts.map(|stage| stage.tasks).max().unwrap_or(1);
        let tasks = planned.tasks.clone();
        let tasks = tasks.unwrap_or_else(|| guessed_tasks(planned, parts));
        stages.push(Stage {
            needs: Needs::of(planned, pool),
            tasks: tasks.count(),
            width: planned.stage.max_parallel.unwrap_or(u32::MAX).max(1),
            before,
        });
    }
    stages
}
