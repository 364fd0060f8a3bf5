//! A generated year of runs for measurements and trials. Runs arrive at all hours; each is one
//! scatter.

use std::collections::BTreeMap;

use sunward_core::{Fleet, PlanError, Timestamp};

use crate::draft::{RunDraft, StageDraft};
use crate::random::Random;
use crate::submission::{Specified, Submission};
use crate::workload::Lengths;

/// The parameters of the generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The number of runs.
    pub runs: u32,
    /// The number of tasks in each run.
    pub tasks: u32,
    /// The earliest arrival.
    pub begin: Timestamp,
    /// No run arrives after this moment.
    pub end: Timestamp,
    /// The largest slack in hours. Each run has a slack between zero and this.
    pub slack_h: u32,
    /// The seed; equal seeds give equal years.
    pub seed: u64,
}

/// Lengths of tasks in minutes: whole quarters of an hour, short ones more often.
const LENGTHS_MIN: [u64; 8] = [15, 15, 30, 30, 45, 60, 120, 240];

const MINUTE_MS: u64 = 60_000;

/// IT power of a task in milliwatts. A task takes one device.
const TASK_MILLIWATTS: u64 = 500_000;

/// Generates runs: each is a scatter with one device a task. Homes rotate over the fleet's zones;
/// lengths and slacks are random. Equal runs share one spec.
///
/// # Errors
///
/// Fails if a run cannot be planned, which does not happen for runs of one stage.
pub fn generate(what: Generated, fleet: &Fleet) -> Result<Vec<Submission>, PlanError> {
    let mut zones: Vec<&str> = fleet.iter().map(|(_, pool)| pool.zone.as_str()).collect();
    zones.sort_unstable();
    zones.dedup();
    let span_min = what.end.since_ms(what.begin) / MINUTE_MS;
    let mut made: BTreeMap<(usize, u64, u64), Specified> = BTreeMap::new();
    let mut submissions = Vec::new();
    for number in 0..what.runs {
        let mut random = Random::of(what.seed, &[number.into()]);
        let at = what.begin.after_ms(random.below(span_min) * MINUTE_MS);
        let length = usize::try_from(random.below(8)).unwrap_or(0);
        let minutes = LENGTHS_MIN.get(length).copied().unwrap_or(15);
        let slack_h = random.below(u64::from(what.slack_h) + 1);
        let turn = sunward_core::ids::place(number) % zones.len().max(1);
        let key = (turn, minutes, slack_h);
        let (spec, bytes) = match made.get(&key) {
            Some(known) => known.clone(),
            None => {
                let home = zones.get(turn).copied().unwrap_or_default();
                let new = draft(what, home, minutes, slack_h).spec()?;
                made.insert(key, new.clone());
                new
            }
        };
        submissions.push(Submission::new(at, (spec, bytes), Lengths::Known));
    }
    submissions.sort_by_key(|submission| submission.at);
    Ok(submissions)
}

fn draft(what: Generated, home: &str, minutes: u64, slack_h: u64) -> RunDraft {
    let task_ms = minutes * MINUTE_MS;
    RunDraft {
        name: format!("generated-{minutes}m"),
        home: Some(home.to_owned()),
        deadline_ms: (slack_h > 0).then_some(task_ms + slack_h * 60 * MINUTE_MS),
        stages: vec![StageDraft {
            name: "work".to_owned(),
            tasks: what.tasks,
            task_ms,
            milliwatts: TASK_MILLIWATTS,
            gpus: 1,
            cpus: 1,
            ..StageDraft::default()
        }],
        ..RunDraft::default()
    }
}
