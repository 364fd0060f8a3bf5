//! The tables.

use sunward_core::Timestamp;
use sunward_sim::clairvoyant::{Crowd, Job as Crowded};
use sunward_sim::report::Report;
use sunward_sim::workload::{Arrival, Terms, read_wfcommons};
use sunward_sim::{Random, RunDraft, limit};

use crate::cells::Cell;
use crate::clusters::{elastic, unknown};
use crate::sites::sites;
use crate::world::{ALONE, DIRTY, HOUR_MS, Job, Row, Study, ZONES, arrival};

type Cells = fn() -> Vec<Cell>;

pub(crate) const ALL: [(&str, Cells); 11] = [
    ("jobs", jobs),
    ("alone", alone),
    ("dirty", dirty),
    ("pausable", pausable),
    ("crowded", crowded),
    ("data", data),
    ("week", week),
    ("graphs", graphs),
    ("elastic", elastic),
    ("unknown", unknown),
    ("sites", sites),
];

/// More machines than are needed.
pub(crate) const PLENTY: u32 = 1_000_000;

const PLAIN: Job = Job {
    hours: 6,
    slack_h: 24,
    pausable: false,
    input_gb: 0,
    watts: 1000,
};

/// Jobs of 1, 6 and 24 hours from every home, with a day of slack.
fn jobs() -> Vec<Cell> {
    let cell = |hours| free(format!("{hours} h"), &ZONES, Job { hours, ..PLAIN });
    [1, 6, 24].into_iter().map(cell).collect()
}

/// Jobs in a single zone, where time alone can save.
fn alone() -> Vec<Cell> {
    let cells = [6, 24].into_iter().flat_map(|hours| {
        ALONE.iter().map(move |zone| {
            let job = Job { hours, ..PLAIN };
            free(
                format!("{hours} h, {zone} alone"),
                std::slice::from_ref(zone),
                job,
            )
        })
    });
    cells.collect()
}

/// Jobs in six zones of which none is clean for long.
fn dirty() -> Vec<Cell> {
    let cell = |hours| {
        let job = Job { hours, ..PLAIN };
        free(format!("{hours} h, six dirty zones"), &DIRTY, job)
    };
    [6, 24].into_iter().map(cell).collect()
}

/// The same jobs, which may pause after each hour.
fn pausable() -> Vec<Cell> {
    let cell = |hours| {
        let job = Job {
            hours,
            pausable: true,
            ..PLAIN
        };
        free(format!("{hours} h, pausable"), &ZONES, job)
    };
    [6, 24].into_iter().map(cell).collect()
}

/// Jobs that move 100 GB at 0.01 kWh/GB: over all zones, and over those that are dirty together.
fn data() -> Vec<Cell> {
    let job = Job {
        input_gb: 100,
        watts: 700,
        ..PLAIN
    };
    vec![
        free("6 h, 100 GB".to_owned(), &ZONES, job),
        free("6 h, 100 GB, six dirty zones".to_owned(), &DIRTY, job),
    ]
}

/// Jobs that may wait for a week.
fn week() -> Vec<Cell> {
    let cell = |hours| {
        let job = Job {
            hours,
            slack_h: 168,
            ..PLAIN
        };
        free(format!("{hours} h, a week of slack"), &ZONES, job)
    };
    [6, 24].into_iter().map(cell).collect()
}

/// Jobs from each of these zones equally, with more machines than are needed.
fn free(name: String, zones: &'static [&'static str], job: Job) -> Cell {
    Cell::new(move |study| {
        // Jobs that wait for long are many at any time, so they come more rarely. All hours of the
        // day have their turn.
        let every_h = if job.slack_h > 24 {
            23
        } else {
            study.asked.every_h
        };
        let rows = |every_h: u64, only: &[&str]| {
            let moments = study.moments(Some(every_h), job.hours + job.slack_h);
            let arrivals = moments
                .iter()
                .flat_map(|at| zones.iter().map(|home| arrival(*at, home, job)));
            let setup = study.setup_in(zones, arrivals.collect(), PLENTY);
            let bound = limit(&setup, HOUR_MS);
            let mut rows = study.rows(&name, &setup, Some(&bound), only);
            for row in &mut rows {
                row.step_h = Some(every_h);
            }
            rows
        };
        // A single zone or rare arrivals are too few to leave some out.
        let is_many = zones.len() > 1 && job.slack_h <= 24;
        study.beside_ours(|thin, only| rows(if is_many { every_h * thin } else { every_h }, only))
    })
}

/// Fleets by their load in percent: the devices of each region, and the jobs that arrive each hour.
const LOADS: [(u32, u32, usize); 4] = [(15, 4, 1), (30, 2, 1), (60, 1, 1), (80, 3, 4)];

/// Four days in each of four seasons, in which machines are scarce. Jobs of six hours run as one
/// block, or may pause after each hour.
fn crowded() -> Vec<Cell> {
    let cell = |fleet| Cell::new(move |study| loaded(study, fleet));
    LOADS.into_iter().map(cell).collect()
}

fn loaded(study: &Study, (load, devices, hourly): (u32, u32, usize)) -> Vec<Row> {
    let mut random = Random::of(11, &[]);
    let hour = |season: Timestamp| (0..96).map(move |hour| season.after_ms(hour * HOUR_MS));
    let hours = study.seasons().into_iter().flat_map(hour);
    let moments: Vec<Timestamp> = hours
        .flat_map(|at| std::iter::repeat_n(at, hourly))
        .collect();
    let homes: Vec<usize> = moments
        .iter()
        .map(|_| usize::try_from(random.between(0, 9)).expect("ten zones"))
        .collect();
    let setup = |job: Job| {
        let arrivals = moments.iter().zip(&homes);
        let arrivals = arrivals.map(|(at, home)| arrival(*at, ZONES[*home], job));
        study.setup(arrivals.collect(), devices)
    };
    let jobs = moments.iter().map(|at| Crowded {
        arrival_h: at.since_ms(study.begin()) / HOUR_MS,
        hours: PLAIN.hours,
        slack_h: PLAIN.slack_h,
        watts: PLAIN.watts,
    });
    let jobs: Vec<Crowded> = jobs.collect();
    let crowd = Crowd::new(&setup(PLAIN), study.begin(), devices);
    let bound = crowd.preemptive_bound(&jobs).expect("room for all");
    let whole = crowd.bound(jobs);
    let whole = Report::of(&setup(PLAIN), &[], Some(&whole)).bound;
    let mut rows = Vec::new();
    for (pausable, name) in [(false, "6 h"), (true, "6 h, pausable")] {
        let job = Job { pausable, ..PLAIN };
        let name = format!("{name}, fleet load {load} %");
        rows.extend(study.rows(&name, &setup(job), Some(&bound), &[]));
    }
    for row in &mut rows {
        row.clairvoyant_saved_percent = whole.as_ref().map(|bound| bound.saved_percent);
    }
    rows
}

/// Recorded workflows, with hours in place of minutes, from each home in turn. They run anywhere,
/// or at home only. Our policy also runs with the time that PCAPS took for each.
fn graphs() -> Vec<Cell> {
    let ways = [12, 20, 40].into_iter();
    let ways = ways.flat_map(|tenths| [(tenths, false), (tenths, true)]);
    let cell = |(tenths, at_home)| Cell::new(move |study| graph(study, tenths, at_home));
    ways.map(cell).collect()
}

fn graph(study: &Study, tenths: u64, at_home: bool) -> Vec<Row> {
    let arrivals = executed(study, &instances(study), tenths, at_home);
    let setup = study.setup(arrivals.clone(), PLENTY);
    let bound = limit(&setup, HOUR_MS);
    let factor = format!("{}.{}", tenths / 10, tenths % 10);
    let place = if at_home { ", at home only" } else { "" };
    let name = format!("graphs, deadline {factor}{place}");
    let mut rows = study.rows(&name, &setup, Some(&bound), &[]);
    let name = format!("graphs, as soon as PCAPS at {factor}{place}");
    rows.extend(as_soon_as_pcaps(study, &name, arrivals));
    rows
}

/// PCAPS's row, and ours with PCAPS's time as the deadline of each run.
fn as_soon_as_pcaps(study: &Study, name: &str, mut arrivals: Vec<Arrival>) -> Vec<Row> {
    let setup = study.setup(arrivals.clone(), PLENTY);
    let mut rows = study.rows(name, &setup, None, &["pcaps"]);
    for arrival in &mut arrivals {
        let alone = study.setup(vec![arrival.clone()], PLENTY);
        arrival.draft.deadline_ms = Some(study.makespan_ms(&alone, "pcaps"));
    }
    let setup = study.setup(arrivals, PLENTY);
    let ours = study.rows(name, &setup, None, &["sunward"]);
    rows.extend(ours.into_iter().filter(|row| row.policy.name == "sunward"));
    rows
}

fn instances(study: &Study) -> Vec<RunDraft> {
    let mut files: Vec<_> = std::fs::read_dir(study.data.join("workflows/wfcommons"))
        .expect("recorded workflows")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let mut drafts = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a readable file");
        drafts.push(read_wfcommons(&text, 60).unwrap_or_else(|error| panic!("{error}")));
    }
    drafts
}

/// Each workflow every two months, from each home in turn, with a deadline in tenths of its
/// critical path.
fn executed(study: &Study, drafts: &[RunDraft], tenths: u64, at_home: bool) -> Vec<Arrival> {
    let terms = Terms {
        homes: ZONES.map(str::to_owned).to_vec(),
        deadline_permille: tenths * 100,
        transfer_milliwatt_hours_per_gb: RunDraft::default().transfer_milliwatt_hours_per_gb,
    };
    let mut arrivals = Vec::new();
    for (number, draft) in drafts.iter().enumerate() {
        for (turn, at) in study.moments(Some(24 * 61), 24 * 30).iter().enumerate() {
            let mut draft = terms.apply(number + turn, draft);
            if at_home {
                draft.allowed = draft.home.iter().cloned().collect();
            }
            let at = at.after_ms(u64::try_from(number).unwrap_or(0) * 5 * HOUR_MS);
            arrivals.push(Arrival { at, draft });
        }
    }
    arrivals.sort_by_key(|one| one.at);
    arrivals
}
