//! The baseline `now-home`: every run starts when it arrives, in its home pool. It has a closed
//! form because capacity does not limit it.

use sunward_core::at_home::course;
use sunward_core::{Fleet, Pool, PoolId, StageId, Timestamp};

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
    let mut at_home = AtHome {
        end: submission.at,
        ..AtHome::default()
    };
    for round in rounds(submission, home, fleet, truth) {
        let needs = &round.needs;
        let ms = u128::from(round.tasks) * u128::from(needs.task_ms);
        at_home.taken.0 += u128::from(needs.gpus) * ms;
        at_home.taken.1 += u128::from(needs.cpus) * ms;
        at_home.used.add(&round.used);
        at_home.end = at_home.end.max(round.span.1);
    }
    at_home
}

/// Tasks of one stage that run together under the baseline.
pub(crate) struct Round {
    pub(crate) stage: StageId,
    pub(crate) needs: Needs,
    pub(crate) tasks: u32,
    pub(crate) milliwatts: u128,
    pub(crate) span: (Timestamp, Timestamp),
    pub(crate) used: Used,
}

/// The rounds of one run under the baseline.
pub(crate) fn rounds(
    submission: &Submission,
    home: PoolId,
    fleet: &Fleet,
    truth: &Truth,
) -> Vec<Round> {
    let pool = fleet.get(home);
    let zone = pool.and_then(|pool| truth.zones.get(&pool.zone));
    let pue_permille = pool.map_or(1000, |pool| pool.pue_permille);
    let stages = stages(submission, pool);
    let timed = stages.iter().map(|stage| {
        let before = stage.before.iter().copied();
        (submission.at, before, stage.length_ms())
    });
    let course = course(timed);
    let mut rounds = Vec::new();
    for ((id, stage), (start, _)) in (0..).zip(&stages).zip(&course) {
        let (mut left, mut start) = (stage.tasks, *start);
        while left > 0 {
            let tasks = left.min(stage.width);
            let end = start.after_ms(stage.needs.task_ms);
            let milliwatts = u128::from(stage.needs.milliwatts) * u128::from(tasks);
            let mut used = Used::default();
            if let Some(zone) = zone {
                used.run(zone, pue_permille, milliwatts, (start, end));
            }
            rounds.push(Round {
                stage: StageId(id),
                needs: stage.needs,
                tasks,
                milliwatts,
                span: (start, end),
                used,
            });
            (start, left) = (end, left - tasks);
        }
    }
    rounds
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
