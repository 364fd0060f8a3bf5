//! A report of a run on one page: tasks, times, devices, results and cost.

pub(crate) mod entries;
mod entries_html;
mod entries_text;
pub(crate) mod html;
pub(crate) mod pictures;
pub(crate) mod timeline;
mod timeline_svg;

use std::collections::BTreeMap;

use serde::Serialize;
use sunward_core::RanOn;

use crate::graph::GraphView;
use crate::view::RunView;
use entries::Entries;
use pictures::Gallery;
use timeline::Timeline;

/// The most attempts that are listed. Nobody reads a page with a million rows.
pub(crate) const ATTEMPTS_LISTED: usize = 1000;
/// The most failures that are shown with their logs.
pub(crate) const FAILURES_LISTED: usize = 50;

/// Everything a report shows.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The version of this format.
    pub(crate) version: u32,
    /// The run, its stages, outputs and ledger.
    #[serde(flatten)]
    pub(crate) run: RunView,
    /// The rows behind the ledger.
    pub(crate) entries: Entries,
    pub(crate) graph: GraphView,
    /// The outputs that are pictures.
    pub(crate) gallery: Gallery,
    pub(crate) timeline: Timeline,
    /// The slowest attempts, slowest first, at most [`ATTEMPTS_LISTED`].
    pub(crate) attempts: Vec<AttemptView>,
    pub(crate) attempts_total: usize,
    /// The newest failed attempts, newest first, at most [`FAILURES_LISTED`].
    pub(crate) failures: Vec<FailureView>,
    pub(crate) failures_total: usize,
    /// Warnings about how results were made, such as files that were not kept.
    pub(crate) warnings: Vec<String>,
    /// The text of the workflow's file at submission.
    pub(crate) source: String,
    /// The version, system and time with which the report was written.
    pub(crate) environment: BTreeMap<&'static str, String>,
}

/// One attempt.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AttemptView {
    /// `STAGE/INDEX`.
    pub(crate) task: String,
    /// The number of the task's lease.
    pub(crate) attempt: u32,
    pub(crate) started: String,
    pub(crate) wall_seconds: f64,
    /// Processor time.
    pub(crate) cpu_seconds: f64,
    /// Its energy, if known.
    pub(crate) energy_joules: Option<f64>,
    /// The source of `energy_joules`.
    pub(crate) energy_source: &'static str,
    /// The device it ran on; `None` if it ended before it had one.
    pub(crate) ran_on: Option<RanOn>,
    /// `succeeded`, `failed`, `tried again`, `made way` for a curtailment or an owner, or `cut off` by
    /// the end of its engine or worker.
    pub(crate) outcome: &'static str,
}

/// One failed attempt.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FailureView {
    /// `STAGE/INDEX`, or the stage's name when it could not start.
    pub(crate) task: String,
    /// The number of the task's lease; 0 if there was none.
    pub(crate) attempt: u32,
    pub(crate) message: String,
    /// The last lines of its log.
    pub(crate) log: String,
    /// Whether another attempt followed.
    pub(crate) tried_again: bool,
}
