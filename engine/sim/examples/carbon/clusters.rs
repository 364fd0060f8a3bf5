//! Tables in which other policies are at home: elastic jobs in one cluster, and jobs whose lengths
//! nobody knows.

use sunward_sim::limit::{UnderLoad, under_load};
use sunward_sim::workload::Arrival;
use sunward_sim::{Lengths, Random, RunDraft, StageDraft, limit};

use crate::cells::Cell;
use crate::tables::PLENTY;
use crate::world::{HOUR_MS, Row, Study, ZONES};

/// A job of one user.
struct Job {
    user: String,
    tasks: u32,
    width: u32,
    task_ms: u64,
    slack_ms: u64,
    /// Whether its deadline is stated by itself, and does not follow from its length.
    is_stated: bool,
}

impl Job {
    fn draft(&self, home: &str) -> RunDraft {
        let rounds = u64::from(self.tasks.div_ceil(self.width));
        RunDraft {
            name: "job".into(),
            home: Some(home.into()),
            deadline_ms: Some(rounds * self.task_ms + self.slack_ms),
            slack_ms: (!self.is_stated).then_some(self.slack_ms),
            stages: vec![StageDraft {
                name: "job".into(),
                class: self.user.clone(),
                tasks: self.tasks,
                width: Some(self.width),
                task_ms: self.task_ms,
                milliwatts: 1_000_000,
                gpus: 1,
                cpus: 1,
                ..StageDraft::default()
            }],
            ..RunDraft::default()
        }
    }
}

/// An elastic job of a day's work, of which four hours can be done at a time.
const DAY_OF_WORK: (u32, u32) = (24, 4);

/// The days for which a cluster is watched: long enough for CarbonFlex to learn.
const WATCHED_H: u64 = 28 * 24;

/// Elastic jobs: from every home with machines in plenty, and in one cluster at half load.
pub(crate) fn elastic() -> Vec<Cell> {
    let mut cells = vec![Cell::new(everywhere)];
    for zone in ["DE", "GB", "US-CAL-CISO"] {
        cells.push(Cell::new(move |study| cluster(study, zone, Lengths::Known)));
    }
    for zone in ["DE", "GB", "US-CAL-CISO"] {
        cells.push(Cell::new(move |study| {
            cluster(study, zone, Lengths::History)
        }));
    }
    cells
}

fn everywhere(study: &Study) -> Vec<Row> {
    let rows = |every_h: u64, only: &[&str]| {
        let (tasks, width) = DAY_OF_WORK;
        let job = Job {
            user: String::new(),
            tasks,
            width,
            task_ms: HOUR_MS,
            slack_ms: 24 * HOUR_MS,
            is_stated: false,
        };
        let moments = study.moments(Some(every_h), 30);
        let arrivals = moments.iter().flat_map(|at| {
            let job = &job;
            ZONES.iter().map(move |home| Arrival {
                at: *at,
                draft: job.draft(home),
            })
        });
        let setup = study.setup(arrivals.collect(), PLENTY);
        let bound = limit(&setup, HOUR_MS);
        let rows = study.rows("24 h, elastic", &setup, Some(&bound), only);
        stepped(rows, every_h)
    };
    study.beside_ours(|thin, only| rows(study.asked.every_h * thin, only))
}

/// Jobs of a day and a half at most, every other hour in one zone with 24 machines: half of them are
/// needed. If lengths are not known, those of a user are alike, and deadlines are stated.
fn cluster(study: &Study, zone: &'static str, lengths: Lengths) -> Vec<Row> {
    let [_, season, ..] = study.seasons();
    let (tasks, width) = DAY_OF_WORK;
    let arrivals = (0..WATCHED_H / 2).map(|number| {
        let task_ms = match lengths {
            Lengths::Known => HOUR_MS,
            Lengths::History => length_ms(number, 0, HOUR_MS),
        };
        let rounds = u64::from(tasks.div_ceil(width));
        let job = Job {
            user: format!("user-{}", number % USERS),
            tasks,
            width,
            task_ms,
            slack_ms: 36 * HOUR_MS - rounds * task_ms,
            is_stated: true,
        };
        Arrival {
            at: season.after_ms(number * 2 * HOUR_MS),
            draft: job.draft(zone),
        }
    });
    let setup = study.setup_with(&[zone], arrivals.collect(), 24, lengths);
    let free = limit(&setup, HOUR_MS);
    let bound = match under_load(&setup) {
        UnderLoad::Bound(loaded) if loaded.emissions > free.emissions => loaded,
        UnderLoad::Bound(_) | UnderLoad::Free | UnderLoad::TooLarge | UnderLoad::Impossible => free,
    };
    let told = match lengths {
        Lengths::Known => "",
        Lengths::History => ", lengths unknown",
    };
    let name = format!("a day's work, elastic, {zone} alone, half load{told}");
    study.rows(&name, &setup, Some(&bound), &[])
}

/// How many users there are where lengths are not known.
const USERS: u64 = 7;

/// The length of a job: a user's own, from a fourth of the usual one to double, give or take a fifth.
fn length_ms(number: u64, home: u64, usual_ms: u64) -> u64 {
    let user = number % USERS;
    let own = usual_ms / 4 + usual_ms * user * 7 / 4 / (USERS - 1);
    let drawn = Random::of(5, &[number, home]).between(800, 1200);
    own * drawn / 1000
}

/// Jobs of 1.5 to 12 hours, which no policy knows, from every home.
pub(crate) fn unknown() -> Vec<Cell> {
    let cell = |lengths| {
        Cell::new(move |study| {
            study
                .beside_ours(|thin, only| guessed(study, study.asked.every_h * thin, lengths, only))
        })
    };
    [Lengths::Known, Lengths::History]
        .into_iter()
        .map(cell)
        .collect()
}

fn guessed(study: &Study, every_h: u64, lengths: Lengths, only: &[&str]) -> Vec<Row> {
    let moments = study.moments(Some(every_h), 16 + 24);
    let mut arrivals = Vec::new();
    for (number, at) in (0..).zip(&moments) {
        for (place, home) in (0..).zip(&ZONES) {
            let job = Job {
                user: format!("user-{}", number % USERS),
                tasks: 1,
                width: 1,
                task_ms: length_ms(number, place, 6 * HOUR_MS),
                slack_ms: 24 * HOUR_MS,
                is_stated: false,
            };
            arrivals.push(Arrival {
                at: *at,
                draft: job.draft(home),
            });
        }
    }
    let setup = study.setup_with(&ZONES, arrivals, PLENTY, lengths);
    let bound = limit(&setup, HOUR_MS);
    let name = match lengths {
        Lengths::Known => "jobs of 1.5 to 12 h, lengths known",
        Lengths::History => "jobs of 1.5 to 12 h, lengths unknown",
    };
    stepped(study.rows(name, &setup, Some(&bound), only), every_h)
}

/// The rows, with the hours between two arrivals.
fn stepped(mut rows: Vec<Row>, every_h: u64) -> Vec<Row> {
    rows.iter_mut().for_each(|row| row.step_h = Some(every_h));
    rows
}
