//! A run on one page: what ran, when, on what, with what result and at what cost.

pub(crate) mod html;
pub(crate) mod pictures;
pub(crate) mod timeline;
mod timeline_svg;

use std::collections::BTreeMap;

use serde::Serialize;
use sunward_core::RanOn;

use crate::graph::GraphView;
use crate::view::RunView;
use pictures::Gallery;
use timeline::Timeline;

/// So many attempts are listed; a page with a million rows helps nobody.
pub(crate) const ATTEMPTS_LISTED: usize = 1000;
/// So many failures are shown with their logs.
pub(crate) const FAILURES_LISTED: usize = 50;

/// Everything a report shows.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Of this shape.
    pub(crate) version: u32,
    /// The run, its stages, outputs and ledger.
    #[serde(flatten)]
    pub(crate) run: RunView,
    /// Its graph.
    pub(crate) graph: GraphView,
    /// Pictures among what the stages gave.
    pub(crate) gallery: Gallery,
    /// When what ran.
    pub(crate) timeline: Timeline,
    /// Attempts, the slowest first, at most [`ATTEMPTS_LISTED`].
    pub(crate) attempts: Vec<AttemptView>,
    /// How many attempts there were in all.
    pub(crate) attempts_total: usize,
    /// Failed attempts, the newest first, at most [`FAILURES_LISTED`].
    pub(crate) failures: Vec<FailureView>,
    /// How many failed attempts there were in all.
    pub(crate) failures_total: usize,
    /// What is to be known of how results were made, as files that were not kept.
    pub(crate) warnings: Vec<String>,
    /// The workflow's file as it was.
    pub(crate) source: String,
    /// What wrote this page.
    pub(crate) environment: BTreeMap<&'static str, String>,
}

/// One attempt.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AttemptView {
    /// `STAGE/INDEX`.
    pub(crate) task: String,
    /// Which lease of the task.
    pub(crate) attempt: u32,
    /// When it began.
    pub(crate) started: String,
    /// How long it took.
    pub(crate) wall_seconds: f64,
    /// Processor time.
    pub(crate) cpu_seconds: f64,
    /// What it used, where that is known.
    pub(crate) energy_joules: Option<f64>,
    /// Where the figure comes from.
    pub(crate) energy_source: &'static str,
    /// On what it ran; none where it did not come so far.
    pub(crate) ran_on: Option<RanOn>,
    /// `succeeded`, `failed`, `tried again`, or `cut off` by the end of its engine or worker.
    pub(crate) outcome: &'static str,
}

/// One failed attempt.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FailureView {
    /// `STAGE/INDEX`, or the stage's name when it could not start.
    pub(crate) task: String,
    /// Which lease of the task; 0 when there was none.
    pub(crate) attempt: u32,
    /// What happened.
    pub(crate) message: String,
    /// The end of its log.
    pub(crate) log: String,
    /// Whether it was tried again.
    pub(crate) tried_again: bool,
}
