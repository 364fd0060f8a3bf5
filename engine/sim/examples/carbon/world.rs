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
    Contender, Lengths, Locale, Locales, Open, Opening, Played, RecordedFeed, RunDraft, Scenario,
    Setup, StageDraft, simulate, truth_of,
};

use crate::outlooks::{Outlooks, SharedFeed};

pub(crate) const HOUR_MS: u64 = 3_600_000;
const SLOT_MS: u64 = HOUR_MS / 4;

/// The name of our policy.
const OURS: &str = "sunward";

/// The time that the tables are about. Parameters are chosen on 2022 and judged on 2023.
#[derive(Clone, Copy)]
pub(crate) struct Year {
    begin: Timestamp,
    end: Timestamp,
    /// A day in each season, counted from the beginning.
    pub(crate) seasons: [u64; 4],
}

/// From 2023-01-02, a day after the beginning of the year, to 2024-01-01.
pub(crate) const JUDGED: Year = Year {
    begin: Timestamp(1_672_617_600_000),
    end: Timestamp(1_704_067_200_000),
    seasons: [18, 109, 200, 292],
};

/// From 2022-04-01, when the traces have a season of history, to 2023-01-01.
pub(crate) const CHOSEN_ON: Year = Year {
    begin: Timestamp(1_648_771_200_000),
    end: Timestamp(1_672_531_200_000),
    seasons: [18, 88, 158, 228],
};

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
        "NO" => "Europe/Oslo",
        "BR-CS" => "America/Sao_Paulo",
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
    /// The saving of a schedule of whole jobs that knows the future, where machines are scarce.
    pub(crate) clairvoyant_saved_percent: Option<f64>,
    pub(crate) runs: u64,
    /// The hours between two arrivals, where not all rows of a table have the same.
    pub(crate) step_h: Option<u64>,
    #[serde(flatten)]
    pub(crate) policy: PolicyReport,
}

/// The data that all tables share.
pub(crate) struct Study {
    pub(crate) data: PathBuf,
    grid: Arc<Grid>,
    truth: Arc<Truth>,
    pub(crate) asked: Asked,
    outlooks: Outlooks,
}

/// What the command line asks for.
#[derive(Clone)]
pub(crate) struct Asked {
    /// The hours between two arrivals.
    pub(crate) every_h: u64,
    pub(crate) year: Year,
    pub(crate) foresight: Foresight,
    /// The only policy to simulate; all if `None`.
    pub(crate) policy: Option<String>,
    /// How many times as far apart arrivals are for other policies than ours.
    pub(crate) thin: u64,
}

impl Study {
    /// The recorded grids of these zones.
    pub(crate) fn open(data: &Path, zones: &[&str], asked: Asked) -> Self {
        let zones: Vec<String> = zones.iter().map(|zone| (*zone).to_owned()).collect();
        let grid = Grid::open(&data.join("grid"), Some(&zones)).expect("recorded grids");
        Self {
            data: data.to_owned(),
            truth: Arc::new(truth_of(&grid)),
            grid: Arc::new(grid),
            asked,
            outlooks: Outlooks::default(),
        }
    }

    /// The moments of arrivals, `every_h` hours apart. The last one is early enough that everything
    /// ends within the year.
    pub(crate) fn moments(&self, every_h: Option<u64>, lasts_h: u64) -> Vec<Timestamp> {
        let Year { begin, end, .. } = self.asked.year;
        let step_ms = every_h.unwrap_or(self.asked.every_h) * HOUR_MS;
        let last = end.0 - (lasts_h + 1) * HOUR_MS;
        let count = (last - begin.0) / step_ms;
        (0..count).map(|n| begin.after_ms(n * step_ms)).collect()
    }

    /// The true intensities.
    pub(crate) fn truth(&self) -> Arc<Truth> {
        Arc::clone(&self.truth)
    }

    /// The first moment of the year.
    pub(crate) const fn begin(&self) -> Timestamp {
        self.asked.year.begin
    }

    /// The first moments of a few days in each season.
    pub(crate) fn seasons(&self) -> [Timestamp; 4] {
        let Year { begin, seasons, .. } = self.asked.year;
        seasons.map(|day| begin.after_ms(day * 24 * HOUR_MS))
    }

    /// A world of a pool in each of the ten zones, with `devices` devices and cores each.
    pub(crate) fn setup(&self, arrivals: Vec<Arrival>, devices: u32) -> Setup {
        self.setup_in(&ZONES, arrivals, devices)
    }

    /// A world of a pool in each of these zones, with `devices` devices and cores each.
    pub(crate) fn setup_in(&self, zones: &[&str], arrivals: Vec<Arrival>, devices: u32) -> Setup {
        self.setup_with(zones, arrivals, devices, Lengths::Known)
    }

    /// The same, with what policies are told of the lengths of jobs.
    pub(crate) fn setup_with(
        &self,
        zones: &[&str],
        arrivals: Vec<Arrival>,
        devices: u32,
        lengths: Lengths,
    ) -> Setup {
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
            submissions: Arc::new(submissions(arrivals, lengths).expect("sound runs")),
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
        let asked = self.asked.policy.as_deref();
        let chosen = |name: &&str| {
            (only.is_empty() || only.contains(name)) && asked.is_none_or(|asked| asked == *name)
        };
        // `temporal` is another name for `wait-awhile`.
        let played = names().into_iter();
        let played = played.filter(|name| ![NOW_HOME, "temporal"].contains(name));
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
            clairvoyant_saved_percent: None,
            runs,
            step_h: None,
            policy,
        };
        report.policies.into_iter().map(row).collect()
    }
}

impl Study {
    /// The rows of other policies, and ours after them. `rows` simulates these policies (all others,
    /// if none are named), with arrivals this many times as far apart.
    pub(crate) fn beside_ours(&self, rows: impl Fn(u64, &[&str]) -> Vec<Row>) -> Vec<Row> {
        let asked = self.asked.policy.as_deref();
        let others: Vec<&str> = names().into_iter().filter(|name| *name != OURS).collect();
        let mut all = Vec::new();
        if asked != Some(OURS) {
            all = rows(self.asked.thin, &others);
        }
        if asked.is_none_or(|asked| asked == OURS) {
            let ours = rows(1, &[OURS]);
            let is_alone = all.is_empty();
            all.extend(
                ours.into_iter()
                    .filter(|row| is_alone || row.policy.name != NOW_HOME),
            );
        }
        all
    }

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
        let longest = longest.filter_map(|one| {
            let place = &one.told.workflow.place;
            place.deadline_ms.max(place.max_delay_ms)
        });
        let slots = longest.max().unwrap_or(0).div_ceil(SLOT_MS) + 8;
        let slots = slots.max(192);
        let grid = Arc::clone(&self.grid);
        let mut feed = RecordedFeed::new(grid, setup, self.asked.foresight, SLOT_MS, slots);
        let shared = SharedFeed::new(feed.clone(), &self.outlooks, setup, slots);
        let played = match shared {
            Some(mut shared) => simulate(setup, &mut shared, contenders),
            None => simulate(setup, &mut feed, contenders),
        };
        played.expect("a sound world")
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
