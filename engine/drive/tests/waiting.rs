//! Runs with a forecast feed, which wait for the cleaner hour of a grid. Time is virtual: it moves on
//! only when the loop has nothing else to do, so the load of the machine changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "tests may panic; the world offers more than each test uses"
)]

mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sunward_core::ledger::{Actuals, Certainty, Quarter};
use sunward_core::place::{Outlook, PoolOutlook, ZoneOutlook};
use sunward_core::{Fact, Fleet, Pool, RunSpec, RunStatus, Timestamp};
use sunward_drive::{Clock, Control, Ended, Event, ForecastFeed, Start};
use sunward_state::{Reader, Scope, Sqlite};
use tempfile::TempDir;
use world::{Drive, assert_replayed, spec, stage};

const HOUR_MS: u64 = 3_600_000;

/// The hour at which these stories begin.
const DAWN: u64 = 480_000 * HOUR_MS;

/// A recorded grid with perfect forecasts, which may change.
struct Recorded {
    grams: Vec<u32>,
    /// Whether each look fails.
    fails: Vec<bool>,
    /// The measured intensity of the first hour, if there is one.
    measured: Option<u32>,
    looks: Arc<Mutex<Vec<Timestamp>>>,
}

impl Recorded {
    fn new(grams: &[u32]) -> Self {
        Self {
            grams: grams.to_vec(),
            fails: Vec::new(),
            measured: None,
            looks: Arc::default(),
        }
    }
}

impl ForecastFeed for Recorded {
    fn fleet(&self) -> Arc<Fleet> {
        Arc::new(Fleet {
            pools: vec![Pool {
                name: "laptop".to_owned(),
                region: "home".to_owned(),
                zone: "DE".to_owned(),
                pue_permille: 1000,
                ..Pool::default()
            }],
        })
    }

    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String> {
        let mut looks = self.looks.lock().unwrap();
        let fails = self.fails.get(looks.len()).copied().unwrap_or(false);
        looks.push(now);
        if fails {
            return Err("the story's provider is down".to_owned());
        }
        let first_slot = now.0 / HOUR_MS;
        let passed = usize::try_from(first_slot - DAWN / HOUR_MS).unwrap();
        let ahead: Vec<u32> = self.grams.iter().skip(passed).map(|g| g * 1000).collect();
        let slots = ahead.len();
        Ok(Arc::new(Outlook {
            issued_at: now,
            slot_ms: HOUR_MS,
            first_slot,
            zones: vec![ZoneOutlook {
                zone: "DE".to_owned(),
                source: "story".to_owned(),
                observed_until: now,
                intensity_mg_per_kwh: ahead,
                error_permille: vec![0; slots],
                ..ZoneOutlook::default()
            }],
            pools: vec![PoolOutlook {
                gpus: vec![0; slots],
                cpus: vec![8; slots],
            }],
        }))
    }

    fn measured(&self, _since: Timestamp, _now: Timestamp) -> Vec<Actuals> {
        let dawn = Timestamp(DAWN);
        let measured = self.measured.map(|grams| Actuals {
            zone: "DE".to_owned(),
            source: "meter".to_owned(),
            first: Quarter::of(dawn),
            values: vec![(grams * 1000, None, false); 4],
        });
        measured.into_iter().collect()
    }

    fn next_look(&self, now: Timestamp) -> Timestamp {
        Timestamp((now.0 / HOUR_MS + 1) * HOUR_MS)
    }
}

/// Virtual time. It jumps to the next moment at which the loop has something to do.
struct Virtual(AtomicU64);

impl Virtual {
    fn at_dawn() -> Box<Self> {
        Box::new(Self(AtomicU64::new(DAWN)))
    }
}

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    fn idle_until(&self, due: Timestamp) {
        self.0.fetch_max(due.0, Ordering::Relaxed);
    }

    fn at(&self, _: u64) -> Timestamp {
        self.now()
    }
}

/// One stage of half an hour, with a deadline.
fn patient(hours: u64) -> Arc<RunSpec> {
    let mut spec = spec(vec![{
        let mut one = stage("train");
        one.expect.time_ms = Some(HOUR_MS / 2);
        one.place.deadline_ms = Some(hours * HOUR_MS);
        one
    }]);
    Arc::make_mut(&mut spec).placing.home = Some("DE".to_owned());
    spec
}

fn hour_of(at: Timestamp) -> u64 {
    (at.0 - DAWN) / HOUR_MS
}

/// The planned hour of the start, which is also the hour of the first lease.
fn started_in(home: &TempDir, ended: &Ended) -> u64 {
    let run = ended.state.run(ended.run).unwrap();
    let placement = run.find("train").unwrap().placement().unwrap();
    let hour = hour_of(placement.start().unwrap());
    assert_eq!(leased_in(home, ended.run), hour);
    hour
}

/// The hour of the first lease.
fn leased_in(home: &TempDir, run: sunward_core::RunId) -> u64 {
    let mut hour = None;
    let engine = Sqlite::open(home.path()).unwrap();
    engine
        .replay(Scope::Run(run), &mut |fact| {
            if let Fact::Leased { at, .. } = fact {
                hour.get_or_insert(hour_of(at));
            }
        })
        .unwrap();
    hour.unwrap()
}

#[test]
fn a_run_with_a_deadline_waits_says_until_when_and_starts_then() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.clock = Virtual::at_dawn();
    drive.feed = Some(Box::new(Recorded::new(&[400, 300, 100, 300, 400, 400])));
    let mut told = Vec::new();
    let ended = drive
        .watch(Start::Submit(patient(6)), &mut |event, _| {
            if let Event::Deferred { until, .. } = event {
                told.push(hour_of(*until));
            }
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
    assert_eq!(told, [2], "told once, until the third hour");
    assert_eq!(started_in(&home, &ended), 2);
    assert_replayed(home.path(), &ended);
}

/// A clock that is set back by an hour, and later ahead by two. It holds the true time.
struct Jumping(AtomicU64);

impl Jumping {
    /// When it is set back and ahead, in true time.
    const JUMPS: [u64; 2] = [DAWN + 140 * HOUR_MS / 60, DAWN + 170 * HOUR_MS / 60];

    fn shown(truly: u64) -> Timestamp {
        Timestamp(match truly {
            early if early < Self::JUMPS[0] => early,
            back if back < Self::JUMPS[1] => back - HOUR_MS,
            ahead => ahead + HOUR_MS,
        })
    }
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Self::shown(self.0.load(Ordering::Relaxed))
    }

    /// Moves on until it shows `due`, or jumps.
    fn idle_until(&self, due: Timestamp) {
        let truly = self.0.load(Ordering::Relaxed);
        let then = truly + due.since_ms(Self::shown(truly));
        let jump = Self::JUMPS.into_iter().find(|jump| *jump > truly);
        let then = jump.map_or(then, |jump| then.min(jump));
        self.0.store(then, Ordering::Relaxed);
    }

    fn at(&self, _: u64) -> Timestamp {
        self.now()
    }
}

#[test]
fn a_clock_that_jumps_neither_loses_the_run_nor_its_hour() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.clock = Box::new(Jumping(AtomicU64::new(DAWN + 2 * HOUR_MS)));
    let grams = [400, 400, 400, 300, 300, 100, 400, 400, 400, 400];
    drive.feed = Some(Box::new(Recorded::new(&grams)));
    let ended = drive.run(Start::Submit(patient(6))).unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
    assert_eq!(started_in(&home, &ended), 5);
    let run = ended.state.run(ended.run).unwrap();
    assert!(run.ended_at.unwrap() > run.submitted_at);
    assert_replayed(home.path(), &ended);
}

#[test]
fn what_was_measured_takes_the_place_of_what_was_foreseen() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.clock = Virtual::at_dawn();
    let mut feed = Recorded::new(&[400, 300, 100, 300, 400, 400]);
    feed.measured = Some(777);
    drive.feed = Some(Box::new(feed));
    let ended = drive.run(Start::Submit(patient(6))).unwrap();
    let known = |hour: u64| {
        let quarter = Quarter::of(Timestamp(DAWN + hour * HOUR_MS));
        let known = ended.state.intensities().get("DE", quarter).unwrap();
        known.average.map(|one| (one.mg_per_kwh, one.certainty))
    };
    assert_eq!(known(0), Some((777_000, Certainty::Actual)));
    assert_eq!(known(2), Some((100_000, Certainty::Forecast)));
    assert_replayed(home.path(), &ended);
}

#[test]
fn now_waits_for_nothing() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.clock = Virtual::at_dawn();
    drive.feed = Some(Box::new(Recorded::new(&[400, 300, 100, 300, 400, 400])));
    let mut spec = patient(6);
    Arc::make_mut(&mut spec).placing.at_once = true;
    let mut deferred = 0;
    let ended = drive
        .watch(Start::Submit(spec), &mut |event, _| {
            deferred += u32::from(matches!(event, Event::Deferred { .. }));
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
    assert_eq!(deferred, 0);
}

#[test]
fn a_sky_that_clouds_over_is_told_of_once_and_what_was_known_stays() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.clock = Virtual::at_dawn();
    let mut feed = Recorded::new(&[400, 300, 300, 100, 400, 400]);
    feed.fails = vec![false, true, true, true];
    drive.feed = Some(Box::new(feed));
    let mut notices = Vec::new();
    let ended = drive
        .watch(Start::Submit(patient(6)), &mut |event, _| {
            if let Event::Notice { line } = event {
                notices.push((*line).to_owned());
            }
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("provider is down"), "{notices:?}");
    assert!(notices[0].contains("stays in force"), "{notices:?}");
    assert_eq!(started_in(&home, &ended), 3, "what was known still holds");
    let outlook = ended.state.outlook().unwrap();
    assert!(outlook.zones[0].stale, "and is flagged");
    assert_replayed(home.path(), &ended);
}

#[test]
fn a_sky_that_was_never_clear_delays_nothing() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.clock = Virtual::at_dawn();
    let mut feed = Recorded::new(&[400, 100]);
    feed.fails = vec![true; 100];
    drive.feed = Some(Box::new(feed));
    let ended = drive.run(Start::Submit(patient(6))).unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
    let run = ended.state.run(ended.run).unwrap();
    assert!(run.find("train").unwrap().placement().is_none());
}

#[test]
fn a_waiting_run_can_be_interrupted_and_goes_on_waiting_when_it_is_taken_up() {
    let home = TempDir::new().unwrap();
    let grams = [400, 300, 300, 100, 400, 400, 400, 400];
    let mut drive = Drive::new(home.path());
    drive.clock = Virtual::at_dawn();
    drive.feed = Some(Box::new(Recorded::new(&grams)));
    let line = drive.line();
    let ended = drive
        .watch(Start::Submit(patient(8)), &mut |event, _| {
            if matches!(event, Event::Deferred { .. }) {
                line.control(Control::Interrupt);
            }
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Interrupted);

    let mut drive = Drive::new(home.path());
    drive.clock = Virtual::at_dawn();
    drive.feed = Some(Box::new(Recorded::new(&grams)));
    let start = world::again(home.path(), &patient(8));
    let ended = drive.run(start).unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
    assert_eq!(started_in(&home, &ended), 3);
    assert_replayed(home.path(), &ended);
}
