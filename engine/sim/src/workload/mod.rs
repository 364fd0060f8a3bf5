//! What arrives: readers of job lists and traces, each giving runs in numbers, in order of arrival.

mod fields;
mod jobs;
mod terms;
mod trace;
mod wfcommons;

use sunward_core::{Fleet, PlanError, Timestamp};

use crate::draft::RunDraft;
use crate::submission::{Specified, Submission};

pub use jobs::read_jobs;
pub use terms::Terms;
pub use trace::{TraceOfJobs, read_trace_of_jobs};
pub use wfcommons::read_wfcommons;

/// Mistakes of one file that are told; more are counted.
const TOLD: usize = 20;

/// A run that will arrive, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When.
    pub at: Timestamp,
    /// What.
    pub draft: RunDraft,
}

/// All that is wrong with a file, each mistake with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

impl Mistakes {
    /// Nothing when there are none; else the first of them, and how many more there are.
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

/// Arrivals as they would be submitted, in order of time. Runs that mean the same share one
/// specification.
///
/// # Errors
/// When stages of a run wait for one another.
pub fn submissions(arrivals: Vec<Arrival>) -> Result<Vec<Submission>, PlanError> {
    let mut made: Vec<(RunDraft, Specified)> = Vec::new();
    let mut all = Vec::with_capacity(arrivals.len());
    for Arrival { at, draft } in arrivals {
        // What arrives in a row is often alike; what was made long ago is made again.
        let known = made
            .iter()
            .rev()
            .take(64)
            .find(|(known, _)| *known == draft);
        let (spec, bytes) = match known {
            Some((_, made)) => made.clone(),
            None => {
                let new = draft.spec()?;
                made.push((draft, new.clone()));
                new
            }
        };
        all.push(Submission { at, spec, bytes });
    }
    all.sort_by_key(|submission| submission.at);
    Ok(all)
}

/// The zones of a fleet, for messages.
pub(crate) fn zones_text(fleet: &Fleet) -> String {
    crate::clear::zones_of(fleet).join(", ")
}
