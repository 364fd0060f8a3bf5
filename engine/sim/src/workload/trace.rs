//! Reads a trace of jobs from CSV, with one job in each row.
//!
//! | column | meaning |
//! | --- | --- |
//! | `arrival` | a time such as `2023-03-01T05:00Z`, or hours since the trace began |
//! | `length_h` | the job's length in hours |
//! | `gpus`, `cpus` | devices and cores; if absent, no device and one core |
//! | `power_kw` | IT power; if absent, 350 W per device, or else 10 W per core |
//! | `slack_h` | how many hours the job may wait; 24 if absent |
//! | `home` | its zone; if absent, the fleet's zones in rotation |
//! | `user`, `name` | which earlier jobs are expected to take as long; if absent, those with as many devices and cores |
//!
//! Two published traces are read as they are:
//!
//! - GAIA's (`arrival_time,length,cpus`): hours since the trace began, hours, and cores.
//! - Alibaba's of 2023 (`cpu_milli,num_gpu,creation_time,scheduled_time,deletion_time`): thousandths
//!   of a core, devices, and seconds since the trace began. A job's length is from scheduled to
//!   deleted. Jobs that were never scheduled are left out and counted. Its names are of single pods,
//!   so they are ignored.
//!
//! Other columns are ignored.

use csv::StringRecord;
use sunward_core::{Fleet, Timestamp};
use sunward_grid::whole;
use sunward_workflows::quoted;

use super::{Arrival, Mistakes, zones_text};
use crate::draft::{RunDraft, StageDraft};
use crate::scenario::moment;
use crate::submission::milliwatts;

const HOUR_MS: f64 = 3_600_000.0;

/// Watts of a device and of a core under load, if the trace states none.
const WATTS: (f64, f64) = (350.0, 10.0);

/// How long a job may wait if the trace states nothing, in hours.
const SLACK_H: f64 = 24.0;

/// The longest job: ten years, in hours.
const MOST_HOURS: f64 = 87_600.0;

/// A trace of jobs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceOfJobs {
    /// The jobs, ordered by arrival.
    pub arrivals: Vec<Arrival>,
    /// Rows that never ran and were left out.
    pub left_out: u32,
}

/// The position of each column, by its meaning.
#[derive(Clone, Debug)]
struct Columns {
    arrival: usize,
    /// Hours in one unit of a relative arrival.
    arrival_hours: f64,
    length: Length,
    gpus: Option<usize>,
    cpus: Option<usize>,
    /// Cores in one unit of the column.
    cpu_cores: f64,
    power: Option<usize>,
    slack: Option<usize>,
    home: Option<usize>,
    user: Option<usize>,
    name: Option<usize>,
}

/// How the trace states a job's length.
#[derive(Clone, Copy, Debug)]
enum Length {
    /// A column of hours.
    Hours(usize),
    /// Two columns of seconds: the start and the end.
    Between(usize, usize),
}

/// Reads a trace for a fleet. Relative arrivals count from `begin`.
///
/// # Errors
///
/// Returns all mistakes, each with its line.
pub fn read_trace_of_jobs(
    text: &str,
    fleet: &Fleet,
    begin: Timestamp,
    per_gb: u64,
) -> Result<TraceOfJobs, Mistakes> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|error| Mistakes(vec![format!("line 1: {error}")]))?;
    let columns = columns(header).map_err(|mistake| Mistakes(vec![mistake]))?;
    let zones = crate::clear::zones_of(fleet);
    let mut trace = TraceOfJobs::default();
    let mut mistakes = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let turn = zones.get(number % zones.len().max(1));
        let home = turn.map_or("", String::as_str);
        let read = record
            .map_err(|error| error.to_string())
            .and_then(|record| {
                let line = record.position().map_or(0, csv::Position::line);
                row(&record, &columns, home, fleet, begin)
                    .map_err(|mistake| format!("line {line}: {mistake}"))
            });
        match read {
            Ok(Some((at, mut draft))) => {
                draft.transfer_milliwatt_hours_per_gb = per_gb;
                trace.arrivals.push(Arrival { at, draft });
            }
            Ok(None) => trace.left_out += 1,
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if trace.arrivals.is_empty() && mistakes.is_empty() {
        mistakes.push("none of its rows ran".to_owned());
    }
    Mistakes::check(mistakes)?;
    trace.arrivals.sort_by_key(|arrival| arrival.at);
    Ok(trace)
}

fn columns(header: &StringRecord) -> Result<Columns, String> {
    let find = |name: &str| header.iter().position(|column| column.trim() == name);
    let (arrival, arrival_hours) = [
        ("arrival", 1.0),
        ("arrival_time", 1.0),
        ("creation_time", 1.0 / 3600.0),
    ]
    .into_iter()
    .find_map(|(name, hours)| Some((find(name)?, hours)))
    .ok_or_else(|| missing("arrival", header))?;
    let length = find("length_h")
        .or_else(|| find("length"))
        .map(Length::Hours)
        .or_else(|| {
            Some(Length::Between(
                find("scheduled_time")?,
                find("deletion_time")?,
            ))
        })
        .ok_or_else(|| missing("length_h", header))?;
    let (cpus, cpu_cores) = match (find("cpus"), find("cpu_milli")) {
        (None, Some(milli)) => (Some(milli), 0.001),
        (cpus, _) => (cpus, 1.0),
    };
    Ok(Columns {
        arrival,
        arrival_hours,
        length,
        gpus: find("gpus").or_else(|| find("num_gpu")),
        cpus,
        cpu_cores,
        power: find("power_kw"),
        slack: find("slack_h"),
        home: find("home"),
        user: find("user"),
        // A pod's name is its own.
        name: find("name").filter(|_| find("creation_time").is_none()),
    })
}

fn missing(name: &str, header: &StringRecord) -> String {
    let there: Vec<&str> = header.iter().collect();
    format!(
        "line 1: there is no column {name}; the columns are {}. Required are arrival and length_h; optional are gpus, cpus, power_kw, slack_h and home",
        there.join(", ")
    )
}

/// Reads one row; `None` if its job never ran.
fn row(
    record: &StringRecord,
    columns: &Columns,
    turn: &str,
    fleet: &Fleet,
    begin: Timestamp,
) -> Result<Option<(Timestamp, RunDraft)>, String> {
    let text = |at: Option<usize>| {
        let field = at.and_then(|at| record.get(at)).unwrap_or("").trim();
        (!field.is_empty()).then_some(field)
    };
    let number = |at: Option<usize>, what: &str, most: f64| -> Result<Option<f64>, String> {
        let Some(field) = text(at) else {
            return Ok(None);
        };
        match field.parse::<f64>() {
            Ok(value) if (0.0..=most).contains(&value) => Ok(Some(value)),
            Ok(_) | Err(_) => Err(format!(
                "{what} is {}; expected a number from 0 to {most}",
                quoted(field)
            )),
        }
    };
    let length_h = match columns.length {
        Length::Hours(at) => {
            number(Some(at), "its length", MOST_HOURS)?.ok_or("its length is missing")?
        }
        Length::Between(from, to) => {
            let most = MOST_HOURS * 3600.0;
            match (
                number(Some(from), "its begin", most)?,
                number(Some(to), "its end", most)?,
            ) {
                (Some(from), Some(to)) if to > from => (to - from) / 3600.0,
                (Some(_), Some(_)) => return Err("it ends before it begins".to_owned()),
                (_, None) | (None, _) => return Ok(None),
            }
        }
    };
    let arrival = text(Some(columns.arrival)).ok_or("its arrival is missing")?;
    let at = match arrival.parse::<f64>() {
        Ok(units) if (0.0..=MOST_HOURS / columns.arrival_hours).contains(&units) => {
            begin.after_ms(whole(units * columns.arrival_hours * HOUR_MS))
        }
        Ok(_) => {
            return Err(format!(
                "its arrival {} is negative or beyond {MOST_HOURS:.0} hours",
                quoted(arrival)
            ));
        }
        Err(_) => moment(arrival)?,
    };
    let gpus = number(columns.gpus, "its devices", 1e6)?.unwrap_or(0.0);
    let cpus = number(columns.cpus, "its cores", 1e9)?.unwrap_or(0.0) * columns.cpu_cores;
    let cpus = cpus.max(1.0);
    let watts = match number(columns.power, "its power", 1e6)? {
        Some(kilowatts) => kilowatts * 1000.0,
        None if gpus > 0.0 => gpus * WATTS.0,
        None => cpus * WATTS.1,
    };
    let slack_h = number(columns.slack, "its slack", MOST_HOURS)?.unwrap_or(SLACK_H);
    let home = text(columns.home).unwrap_or(turn);
    if !fleet.pools.iter().any(|pool| pool.zone == home) {
        return Err(format!(
            "no pool of the fleet is in its home {}; the zones are {}",
            quoted(home),
            zones_text(fleet)
        ));
    }
    let task_ms = whole(length_h * HOUR_MS).max(1);
    let slack_ms = whole(slack_h * HOUR_MS);
    let class = match (text(columns.user), text(columns.name)) {
        (None, None) => format!("{gpus} devices, {cpus} cores"),
        (user, name) => format!("{}/{}", user.unwrap_or(""), name.unwrap_or("")),
    };
    let draft = RunDraft {
        name: "job".to_owned(),
        home: Some(home.to_owned()),
        deadline_ms: Some(task_ms + slack_ms),
        slack_ms: Some(slack_ms),
        stages: vec![StageDraft {
            name: "job".to_owned(),
            class,
            tasks: 1,
            task_ms,
            milliwatts: milliwatts(watts),
            gpus: small(gpus),
            cpus: small(cpus.ceil()),
            ..StageDraft::default()
        }],
        ..RunDraft::default()
    };
    Ok(Some((at, draft)))
}

fn small(value: f64) -> u32 {
    u32::try_from(whole(value)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use sunward_core::{Fleet, Pool, Timestamp};

    use super::{TraceOfJobs, read_trace_of_jobs};

    const BEGIN: Timestamp = Timestamp(1_677_628_800_000);
    const HOUR_MS: u64 = 3_600_000;

    fn read(text: &str) -> Result<TraceOfJobs, String> {
        let pool = |zone: &str| Pool {
            zone: zone.into(),
            ..Pool::default()
        };
        let fleet = Fleet {
            pools: vec![pool("DE"), pool("NO")],
        };
        read_trace_of_jobs(text, &fleet, BEGIN, 2000).map_err(|error| error.to_string())
    }

    #[test]
    fn our_own_columns() {
        let trace = read("arrival,length_h,gpus,power_kw,slack_h,home\n2023-03-01T05:00Z,1.5,2,1.2,6,NO\n3,1,,,,\n").unwrap();
        let [late, early] = [&trace.arrivals[1], &trace.arrivals[0]];
        assert_eq!(early.at, BEGIN.after_ms(3 * HOUR_MS));
        assert_eq!(
            early.draft.home.as_deref(),
            Some("NO"),
            "the second in turn"
        );
        assert_eq!(early.draft.deadline_ms, Some(25 * HOUR_MS));
        let stage = &late.draft.stages[0];
        assert_eq!(
            (stage.gpus, stage.milliwatts, stage.task_ms),
            (2, 1_200_000, 5_400_000)
        );
    }

    #[test]
    fn published_traces_are_read_as_they_are() {
        let gaia = read("arrival_time,length,cpus\n0.0,25.41,1\n19.51,15.92,4\n").unwrap();
        let stage = &gaia.arrivals[1].draft.stages[0];
        assert_eq!((stage.cpus, stage.gpus, stage.milliwatts), (4, 0, 40_000));
        let alibaba = read(
            "name,cpu_milli,memory_mib,num_gpu,creation_time,deletion_time,scheduled_time\n\
             a,12000,16384,1,0,7200,3600.0\nb,6000,1,1,5,9,\n",
        )
        .unwrap();
        assert_eq!(alibaba.left_out, 1);
        let stage = &alibaba.arrivals[0].draft.stages[0];
        assert_eq!(
            (stage.task_ms, stage.cpus, stage.milliwatts),
            (HOUR_MS, 12, 350_000)
        );
    }

    #[test]
    fn mistakes_are_told_with_their_lines() {
        let told =
            read("arrival,length_h,home\nsoon,1,DE\n1,long,DE\n1,1,SE\n-1,1,DE\n").unwrap_err();
        for part in [
            "line 2: `soon` is not a time",
            "line 3: its length is `long`",
            "line 4: no pool",
            "line 5: its arrival `-1`",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        assert!(
            read("a,b\n1,2\n")
                .unwrap_err()
                .contains("no column arrival; the columns are a, b")
        );
        let none = read("arrival,length_h\n").unwrap_err();
        assert!(none.contains("none of its rows ran"), "{none}");
    }
}
