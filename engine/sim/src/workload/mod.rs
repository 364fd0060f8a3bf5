//! The workload: readers of job lists and traces. Each gives runs as numbers, ordered by arrival.

mod fields;
mod jobs;
mod lengths;
mod terms;
mod trace;
mod wfcommons;

use sunward_core::{Fleet, PlanError, Timestamp};

use crate::draft::RunDraft;
use crate::submission::Submission;

pub use jobs::read_jobs;
pub use lengths::Lengths;
pub use terms::Terms;
pub use trace::{TraceOfJobs, read_trace_of_jobs};
pub use wfcommons::read_wfcommons;

/// How many mistakes of one file are listed; the rest are counted.
const TOLD: usize = 20;

/// A run that will arrive, described by numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// The moment of arrival.
    pub at: Timestamp,
    /// The run.
    pub draft: RunDraft,
}

/// All mistakes in a file, each with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

impl Mistakes {
    /// Succeeds if there are no mistakes; else returns the first of them and the number of the
    /// rest.
    pub(crate) fn check(mut mistakes: Vec<String>) -> Result<(), Self> {
        if mistakes.is_empty() {
            return Ok(());
        }
        if mistakes.len() > TOLD {
            let more = mistakes.len() - TOLD;
            mistakes.truncate(TOLD);
            mistakes.push(format!("and {more} more"));
        }
        Err(Self(mistakes))
    }
}

/// Runs as they will be submitted, ordered by arrival. Equal runs share one spec.
///
/// # Errors
///
/// Fails if the stages of a run form a cycle.
pub fn submissions(arrivals: Vec<Arrival>, lengths: Lengths) -> Result<Vec<Submission>, PlanError> {
    let mut made: Vec<(RunDraft, Submission)> = Vec::new();
    let mut all = Vec::with_capacity(arrivals.len());
    for Arrival { at, draft } in arrivals {
        // Neighbors in the list are often alike, so only recent specs are kept for reuse.
        let known = made
            .iter()
            .rev()
            .take(64)
            .find(|(known, _)| *known == draft);
        let made = match known {
            Some((_, made)) => made.clone(),
            None => {
                let (spec, bytes) = draft.spec()?;
                let told = lengths.told(&spec, draft.slack_ms);
                let new = Submission {
                    at,
                    spec,
                    told,
                    bytes,
                };
                made.push((draft, new.clone()));
                new
            }
        };
        all.push(Submission { at, ..made });
    }
    all.sort_by_key(|submission| submission.at);
    Ok(all)
}

/// The zones of a fleet, for messages.
pub(crate) fn zones_text(fleet: &Fleet) -> String {
    crate::clear::zones_of(fleet).join(", ")
}
