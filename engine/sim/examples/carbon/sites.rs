//! Twenty sites that defer and assign the jobs of a published GPU trace, in the manner of
//! SustainCluster (HewlettPackard/sustain-cluster).
//!
//! The sites are in `sites.yaml`. Their devices stand ready and draw power when idle, so savings are
//! told with and without that. Jobs that need more devices than a site has, or more than two days,
//! are left out.

use std::sync::Arc;

use sunward_core::Timestamp;
use sunward_grid::knows_timezone;
use sunward_sim::limit::{UnderLoad, under_load};
use sunward_sim::workload::{Arrival, read_trace_of_jobs, submissions};
use sunward_sim::{Lengths, Scenario, Setup, fleet_of, limit, openings_of};
use sunward_workflows::check_fleet;

use crate::cells::Cell;
use crate::world::{HOUR_MS, Row, Study};

/// The fleet.
const SITES: &str = include_str!("sites.yaml");

/// The zones of its sites.
const ZONES: [&str; 12] = [
    "AU-NSW",
    "BR-CS",
    "DE",
    "ES",
    "GB",
    "IN-WE",
    "JP-TK",
    "NO",
    "US-CAL-CISO",
    "US-MIDA-PJM",
    "US-TEX-ERCO",
    "ZA",
];

/// The trace, in the shared data. Most of its jobs come in its last three weeks.
const TRACE: &str = "workflows/gpu_jobs/alibaba_gpu2023_openb_pods.csv";
const DAYS: (u64, u64) = (129, 149);

/// The longest job, in hours, and the most devices of one.
const MOST: (u64, u32) = (48, 4);

pub(crate) fn sites() -> Vec<Cell> {
    let cell = |lengths| Cell::new(move |study| of(study, lengths));
    [Lengths::Known, Lengths::History]
        .into_iter()
        .map(cell)
        .collect()
}

fn of(study: &Study, lengths: Lengths) -> Vec<Row> {
    let Ok(trace) = std::fs::read_to_string(study.data.join(TRACE)) else {
        eprintln!(
            "NOT RUN: twenty sites: no {TRACE} in {}",
            study.data.display()
        );
        return Vec::new();
    };
    let study = Study::open(&study.data, &ZONES, study.asked.clone());
    let setup = setup(&study, &trace, lengths);
    let free = limit(&setup, HOUR_MS / 4);
    let bound = match under_load(&setup) {
        UnderLoad::Bound(loaded) if loaded.emissions > free.emissions => loaded,
        UnderLoad::Bound(_) | UnderLoad::Free | UnderLoad::TooLarge | UnderLoad::Impossible => free,
    };
    let told = match lengths {
        Lengths::Known => "known",
        Lengths::History => "unknown",
    };
    let name = format!("twenty sites, GPU trace, lengths {told}");
    study.rows(&name, &setup, Some(&bound), &[])
}

fn setup(study: &Study, trace: &str, lengths: Lengths) -> Setup {
    let pools = check_fleet(SITES, &knows_timezone)
        .pools
        .expect("a sound fleet");
    let fleet = fleet_of(&pools);
    // The trace's busy weeks begin with the second season.
    let [_, season, ..] = study.seasons();
    let begin = Timestamp(season.0 - DAYS.0 * 24 * HOUR_MS);
    let trace = read_trace_of_jobs(trace, &fleet, begin, 2000).expect("a published trace");
    let until = begin.after_ms(DAYS.1 * 24 * HOUR_MS);
    let fits = |one: &Arrival| {
        let job = one.draft.stages.first().expect("one stage");
        let (hours, gpus) = MOST;
        let is_recent = one.at >= season && one.at < until;
        is_recent && (1..=gpus).contains(&job.gpus) && job.task_ms <= hours * HOUR_MS
    };
    let mut arrivals: Vec<Arrival> = trace.arrivals.into_iter().filter(fits).collect();
    for one in &mut arrivals {
        // A device comes with as many cores as it needs.
        one.draft.stages.iter_mut().for_each(|stage| stage.cpus = 1);
    }
    let span = (begin, until.after_ms(30 * 24 * HOUR_MS));
    Setup {
        openings: Arc::new(openings_of(&pools, span, HOUR_MS / 4)),
        fleet: Arc::new(fleet),
        truth: study.truth(),
        submissions: Arc::new(submissions(arrivals, lengths).expect("sound runs")),
        scenario: Scenario::default(),
        seed: 7,
        look_every_ms: HOUR_MS,
        keep_details: false,
    }
}
