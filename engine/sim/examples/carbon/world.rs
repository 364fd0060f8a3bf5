//! The ten zones, their jobs, and a simulation of both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use sunward_core::{Fleet, Pool, PoolId, Timestamp};
use sunward_grid::{Foresight, Grid};
use sunward_sim::contenders::{contender, names};
use sunward_sim::meter::Truth;
use sunward_sim::report::{Bound, NOW_HOME, PolicyReport, Report};
use sunward_sim::workload::{Arrival, submissions};
use sunward_sim::{
    Contender, Locale, Locales, Open, Opening, Played, RecordedFeed, RunDraft, Scenario, Setup,
    StageDraft, simulate, truth_of,
};

pub(crate) const HOUR_MS: u64 = 3_600_000;
const SLOT_MS: u64 = HOUR_MS / 4;
/// 2023-01-02, a day after the beginning of the year.
pub(crate) const BEGIN: Timestamp = Timestamp(1_672_617_600_000);
/// 2024-01-01.
const END: Timestamp = Timestamp(1_704_067_200_000);
/// All recorded zones except NO and BR-CS, which are always clean.
pub(crate) const ZONES: [&str; 10] = [
    "AU-NSW",
    "DE",
    "ES",
    "GB",
    "IN-WE",
    "JP-TK",
    "US-CAL-CISO",
    "US-MIDA-PJM",
    "US-TEX-ERCO",
    "ZA",
];

/// The time zone of a grid zone.
fn clock(zone: &str) -> &'static str {
    match zone {
        "AU-NSW" => "Australia/Sydney",
        "DE" => "Europe/Berlin",
        "ES" => "Europe/Madrid",
        "GB" => "Europe/London",
        "IN-WE" => "Asia/Kolkata",
        "JP-TK" => "Asia/Tokyo",
        "US-CAL-CISO" => "America/Los_Angeles",
        "US-MIDA-PJM" => "America/New_York",
        "US-TEX-ERCO" => "America/Chicago",
        "ZA" => "Africa/Johannesburg",
        _ => "UTC",
    }
}

/// Zones of which none is clean for long.
pub(crate) const DIRTY: [&str; 6] = ["AU-NSW", "DE", "JP-TK", "US-MIDA-PJM", "US-TEX-ERCO", "ZA"];

/// Zones in which time alone can save.
pub(crate) const ALONE: [&str; 4] = ["DE", "GB", "US-TEX-ERCO", "US-CAL-CISO"];

/// A row of a table.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) table: String,
    pub(crate) bound: Option<String>,
    pub(crate) bound_saved_percent: Option<f64>,
    /// The saving of the same jobs if they may pause and move every hour at no cost.
    pub(crate) preemptive_saved_percent: Option<f64>,
    pub(crate) runs: u64,
    #[serde(flatten)]
    pub(crate) policy: PolicyReport,
}

/// The data that all tables share.
pub(crate) struct Study {
    pub(crate) data: PathBuf,
    grid: Arc<Grid>,
    truth: Arc<Truth>,
    every_h: u64,
}

impl Study {
    pub(crate) fn open(data: &Path, every_h: u64) -> Self {
        let zones = ZONES.map(str::to_owned);
        let grid = Grid::open(&data.join("grid"), Some(&zones)).expect("recorded grids");
        Self {
            data: data.to_owned(),
            truth: Arc::new(truth_of(&grid)),
            grid: Arc::new(grid),
            every_h,
        }
    }

    /// The moments of arrivals, `every_h` hours apart. The last one is early enough that everything
    /// ends within the year.
    pub(crate) fn moments(&self, every_h: Option<u64>, lasts_h: u64) -> Vec<Timestamp> {
        let step_ms = every_h.unwrap_or(self.every_h) * HOUR_MS;
        let last = END.0 - (lasts_h + 1) * HOUR_MS;
        let count = (last - BEGIN.0) / step_ms;
        (0..count).map(|n| BEGIN.after_ms(n * step_ms)).collect()
    }

    /// A world of a pool in each of the ten zones, with `devices` devices and cores each.
    pub(crate) fn setup(&self, arrivals: Vec<Arrival>, devices: u32) -> Setup {
        self.setup_in(&ZONES, arrivals, devices)
    }

    /// A world of a pool in each of these zones, with `devices` devices and cores each.
    pub(crate) fn setup_in(&self, zones: &[&str], arrivals: Vec<Arrival>, devices: u32) -> Setup {
        let pool = |zone: &str| Pool {
            name: zone.to_owned(),
            region: zone.to_owned(),
            zone: zone.to_owned(),
            pue_permille: 1000,
            ..Pool::default()
        };
        let opening = |number| Opening {
            at: Timestamp(0),
            pool: PoolId(number),
            open: Open {
                gpus: devices,
                cpus: devices,
            },
            notice_ms: 0,
        };
        Setup {
            fleet: Arc::new(Fleet {
                pools: zones.iter().map(|zone| pool(zone)).collect(),
            }),
            openings: Arc::new((0..).take(zones.len()).map(opening).collect()),
            truth: Arc::clone(&self.truth),
            submissions: Arc::new(submissions(arrivals).expect("sound runs")),
            scenario: Scenario::default(),
            seed: 7,
            look_every_ms: HOUR_MS,
            keep_details: false,
        }
    }

    /// Simulates all policies, or some, with forecasts from the past.
    pub(crate) fn rows(
        &self,
        table: &str,
        setup: &Setup,
        bound: Option<&Bound>,
        only: &[&str],
    ) -> Vec<Row> {
        let chosen = |name: &&str| only.is_empty() || only.contains(name);
        let played = names().into_iter().filter(|name| *name != NOW_HOME);
        let locales = self.locales(setup);
        let contenders = played.filter(chosen);
        let contenders = contenders.filter_map(|name| contender(name, &locales));
        let contenders = contenders.collect();
        let played = self.play(setup, contenders);
        let report = Report::of(setup, &played, bound);
        let (told, runs) = (report.bound, report.runs);
        let row = |policy| Row {
            table: table.to_owned(),
            bound: told.as_ref().map(|bound| bound.kind.clone()),
            bound_saved_percent: told.as_ref().map(|bound| bound.saved_percent),
            preemptive_saved_percent: None,
            runs,
            policy,
        };
        report.policies.into_iter().map(row).collect()
    }
}

impl Study {
    /// The duration of the only run of a setup under a policy.
    pub(crate) fn makespan_ms(&self, setup: &Setup, policy: &str) -> u64 {
        let contenders = contender(policy, &self.locales(setup))
            .into_iter()
            .collect();
        let played = self.play(setup, contenders);
        u64::try_from(played[0].tally.makespans_ms).expect("less than an age")
    }

    /// The places of a setup's pools.
    fn locales(&self, setup: &Setup) -> Locales {
        let pools = setup.fleet.pools.iter();
        let locale = |pool: &Pool| Locale::new(clock(&pool.zone), &pool.zone, &self.grid);
        pools.map(locale).collect()
    }

    fn play(&self, setup: &Setup, contenders: Vec<Contender>) -> Vec<Played> {
        let longest = setup.submissions.iter();
        let longest = longest.filter_map(|one| one.spec.workflow.place.deadline_ms);
        let slots = longest.max().unwrap_or(0).div_ceil(SLOT_MS) + 8;
        let slots = slots.max(192);
        let grid = Arc::clone(&self.grid);
        let mut feed = RecordedFeed::new(grid, setup, Foresight::Past, SLOT_MS, slots);
        simulate(setup, &mut feed, contenders).expect("a sound world")
    }
}

/// A job of a kilowatt.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) hours: u64,
    pub(crate) slack_h: u64,
    pub(crate) pausable: bool,
    pub(crate) input_gb: u64,
    pub(crate) watts: u64,
}

/// A job at a moment, at home in a zone.
pub(crate) fn arrival(at: Timestamp, home: &str, job: Job) -> Arrival {
    let parts = if job.pausable { job.hours } else { 1 };
    let tasks = u32::try_from(parts).expect("few hours");
    Arrival {
        at,
        draft: RunDraft {
            name: "job".into(),
            home: Some(home.into()),
            deadline_ms: Some((job.hours + job.slack_h) * HOUR_MS),
            transfer_milliwatt_hours_per_gb: 10_000,
            stages: vec![StageDraft {
                name: "job".into(),
                tasks,
                width: (tasks > 1).then_some(1),
                task_ms: job.hours * HOUR_MS / parts,
                milliwatts: job.watts * 1000,
                gpus: 1,
                cpus: 1,
                input_bytes: job.input_gb * 1_000_000_000,
                ..StageDraft::default()
            }],
            ..RunDraft::default()
        },
    }
}
