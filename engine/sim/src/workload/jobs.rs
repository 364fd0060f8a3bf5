//! `jobs.json`: a list of jobs, one stage each.
//!
//! ```json
//! [{ "arrival": "2023-03-01T05:00:00Z", "length_h": 6, "power_kw": 3.2, "slack_h": 24, "home": "DE",
//!    "allowed": ["DE", "NO"], "interruptible": true, "input_gb": 40, "gpus": 2,
//!    "project": "climate", "priority": 1, "user": "ada", "name": "train" }]
//! ```
//! - `power_kw` is IT power of the whole job. The job takes one device unless `gpus` states more.
//! - `home` and `allowed` are zones; without `allowed` the job may go everywhere.
//! - The job starts at `arrival` or later and ends within its length and slack, or within
//!   `deadline_h`. Without `slack_h` and `deadline_h` it does not wait.
//! - An interruptible job may pause and move after each hour. If its length is not a whole number of
//!   hours, it is divided into equal parts of at most an hour.
//! - An elastic job is divided into `tasks` equal parts, of which up to `width` (all) run at the same
//!   time, each with `gpus` devices and `power_kw`. `length_h` is how long it takes one at a time;
//!   its slack counts from how long it takes at full width.
//! - `user` and `name` say which earlier jobs are expected to take as long, where lengths are not
//!   known. Without either, those with as many devices do.
//! - Where machines are scarce, projects take turns by their use relative to their weights. Within a
//!   project, the higher `priority` goes first.

use serde_json::Value;
use sunward_core::Fleet;
use sunward_grid::whole;
use sunward_workflows::quoted;

use super::fields::Fields;
use super::{Arrival, Lengths, Mistakes, zones_text};
use crate::draft::{RunDraft, StageDraft};
use crate::submission::milliwatts;

/// The keys of a job.
const KEYS: [&str; 16] = [
    "arrival",
    "length_h",
    "power_kw",
    "slack_h",
    "home",
    "allowed",
    "interruptible",
    "input_gb",
    "gpus",
    "project",
    "priority",
    "tasks",
    "width",
    "deadline_h",
    "user",
    "name",
];

const HOUR_MS: f64 = 3_600_000.0;

/// The longest job: ten years, in hours.
const MOST_HOURS: f64 = 87_600.0;

/// Reads a list of jobs for a fleet. Their order does not matter.
///
/// # Errors
///
/// Returns all mistakes, each with its place.
pub fn read_jobs(
    text: &str,
    fleet: &Fleet,
    per_gb: u64,
    lengths: Lengths,
) -> Result<Vec<Arrival>, Mistakes> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Mistakes(vec![format!(
            "this is not JSON: {error}; expected a list of jobs"
        )])
    })?;
    let Value::Array(list) = &value else {
        let what = "expected a list of jobs, for example [{ \"arrival\": …, \"length_h\": … }]";
        return Err(Mistakes(vec![what.to_owned()]));
    };
    let mut mistakes = Vec::new();
    let mut arrivals = Vec::new();
    for (at, job) in list.iter().enumerate() {
        let place = format!("jobs[{at}]");
        let Value::Object(map) = job else {
            mistakes.push(format!(
                "{place}: expected a job, for example {{ \"arrival\": … }}, not {job}"
            ));
            continue;
        };
        let fields = Fields::new(place, map, &KEYS, &mut mistakes);
        arrivals.extend(read_job(fields, fleet, per_gb, lengths));
    }
    if list.is_empty() {
        mistakes.push("the list of jobs is empty".to_owned());
    }
    Mistakes::check(mistakes)?;
    arrivals.sort_by_key(|arrival: &Arrival| arrival.at);
    Ok(arrivals)
}

fn read_job(
    mut fields: Fields<'_>,
    fleet: &Fleet,
    per_gb: u64,
    lengths: Lengths,
) -> Option<Arrival> {
    let at = fields.moment("arrival");
    let length_h = fields.number("length_h", (0.001, MOST_HOURS));
    let power_kw = fields.number("power_kw", (0.0, 1e6));
    let slack_h = fields.number("slack_h", (0.0, MOST_HOURS));
    let input_gb = fields.number("input_gb", (0.0, 1e9)).unwrap_or(0.0);
    let gpus = fields.whole("gpus").unwrap_or(1);
    let shape = shape(&mut fields, lengths);
    let deadline_h = fields.number("deadline_h", (0.001, MOST_HOURS));
    if deadline_h.is_some() && slack_h.is_some() {
        fields.wrong(
            "deadline_h",
            "expected either slack_h or deadline_h, not both",
        );
    }
    let class = class(&mut fields, gpus);
    let project = fields.text("project").map(str::to_owned);
    let priority = fields.level("priority").unwrap_or(0);
    let home = fields.text("home");
    let allowed = fields.texts("allowed");
    let zones = home.iter().map(|home| ("home", *home));
    for (key, zone) in zones.chain(allowed.iter().map(|zone| ("allowed", *zone))) {
        if !fleet.pools.iter().any(|pool| pool.zone == zone) {
            let there = zones_text(fleet);
            fields.wrong(
                key,
                &format!(
                    "no pool of the fleet is in zone {}; its zones are {there}",
                    quoted(zone)
                ),
            );
        }
    }
    let at = fields.needed("arrival", at);
    let length_h = fields.needed("length_h", length_h);
    let power_kw = fields.needed("power_kw", power_kw);
    let home = fields.needed("home", home);
    let (at, length_h, power_kw, home) = (at?, length_h?, power_kw?, home?);
    let (parts, width) = match shape {
        Shape::Whole => (1, 1),
        Shape::Hourly => (u32::try_from(whole(length_h.ceil())).unwrap_or(1).max(1), 1),
        Shape::Elastic { tasks, width } => (tasks, width),
    };
    let task_ms = (whole(length_h * HOUR_MS) / u64::from(parts)).max(1);
    let length_ms = task_ms * u64::from(parts.div_ceil(width));
    let slack_ms = slack_h.map(|slack| whole(slack * HOUR_MS));
    let stated_ms = deadline_h.map(|deadline| whole(deadline * HOUR_MS));
    let draft = RunDraft {
        name: "job".to_owned(),
        home: Some(home.to_owned()),
        allowed: allowed.into_iter().map(str::to_owned).collect(),
        deadline_ms: stated_ms.or(slack_ms.map(|slack_ms| length_ms + slack_ms)),
        slack_ms,
        project,
        priority,
        transfer_milliwatt_hours_per_gb: per_gb,
        stages: vec![StageDraft {
            name: "job".to_owned(),
            class,
            tasks: parts,
            width: (width < parts).then_some(width),
            task_ms,
            milliwatts: milliwatts(power_kw * 1000.0),
            gpus,
            cpus: 1,
            input_bytes: whole(input_gb * 1e9),
            ..StageDraft::default()
        }],
        ..RunDraft::default()
    };
    Some(Arrival { at, draft })
}

/// How a job is divided.
enum Shape {
    /// Not at all.
    Whole,
    /// Into parts of an hour, one after the other.
    Hourly,
    /// Into tasks, with this many at most at the same time.
    Elastic { tasks: u32, width: u32 },
}

fn shape(fields: &mut Fields<'_>, lengths: Lengths) -> Shape {
    let is_hourly = fields.flag("interruptible");
    let tasks = fields.whole("tasks");
    let width = fields.whole("width");
    for (key, count) in [("tasks", tasks), ("width", width)] {
        if count == Some(0) {
            fields.wrong(key, "expected 1 or more");
        }
    }
    if is_hourly && tasks.is_some() {
        fields.wrong("tasks", "expected either interruptible or tasks, not both");
    } else if is_hourly && lengths != Lengths::Known {
        let what = "the number of its hourly parts would tell its length, which is not known here; \
                    give `tasks` instead";
        fields.wrong("interruptible", what);
    } else if width.is_some() && tasks.is_none() {
        fields.wrong("width", "expected `tasks` beside it");
    }
    match tasks {
        Some(tasks) => {
            let tasks = tasks.max(1);
            let width = width.unwrap_or(tasks).clamp(1, tasks);
            Shape::Elastic { tasks, width }
        }
        None if is_hourly => Shape::Hourly,
        None => Shape::Whole,
    }
}

/// What stands for the earlier jobs that are expected to take as long.
fn class(fields: &mut Fields<'_>, gpus: u32) -> String {
    match (fields.text("user"), fields.text("name")) {
        (None, None) => format!("{gpus} devices"),
        (user, name) => format!("{}/{}", user.unwrap_or(""), name.unwrap_or("")),
    }
}

#[cfg(test)]
mod tests {
    use sunward_core::{Fleet, Pool};

    use super::read_jobs;
    use crate::workload::Lengths;

    fn fleet() -> Fleet {
        let pool = |zone: &str| Pool {
            zone: zone.into(),
            ..Pool::default()
        };
        Fleet {
            pools: vec![pool("DE"), pool("NO")],
        }
    }

    #[test]
    fn a_job_is_one_stage_and_an_interruptible_one_has_a_part_an_hour() {
        let text = r#"[
            {"arrival":"2023-03-01T06:00:00Z","length_h":6,"power_kw":3.2,"slack_h":24,"home":"DE",
             "allowed":["DE","NO"],"interruptible":true,"input_gb":40},
            {"arrival":"2023-03-01T05:00:00Z","length_h":1.5,"power_kw":0.7,"home":"NO","gpus":4,
             "project":"climate","priority":-2}
        ]"#;
        let jobs = read_jobs(text, &fleet(), 2000, Lengths::Known).unwrap();
        let [first, second] = jobs.as_slice() else {
            panic!("two jobs, the earlier one first");
        };
        let stage = &first.draft.stages[0];
        assert_eq!(
            (stage.task_ms, stage.gpus, stage.milliwatts),
            (5_400_000, 4, 700_000)
        );
        assert_eq!(first.draft.deadline_ms, None);
        assert_eq!(first.draft.project.as_deref(), Some("climate"));
        assert_eq!((first.draft.priority, second.draft.priority), (-2, 0));
        let stage = &second.draft.stages[0];
        assert_eq!(
            (stage.tasks, stage.width, stage.task_ms),
            (6, Some(1), 3_600_000)
        );
        assert_eq!(stage.input_bytes, 40_000_000_000);
        assert_eq!(second.draft.deadline_ms, Some(30 * 3_600_000));
    }

    #[test]
    fn an_elastic_job_is_an_array_whose_slack_counts_from_its_full_width() {
        let text = r#"[
            {"arrival":"2023-03-01T06:00:00Z","length_h":10,"power_kw":1,"slack_h":24,"home":"DE",
             "tasks":5,"width":2,"user":"ada","name":"train"},
            {"arrival":"2023-03-01T06:00:00Z","length_h":3,"power_kw":1,"deadline_h":9,"home":"DE","tasks":3}
        ]"#;
        let jobs = read_jobs(text, &fleet(), 0, Lengths::History).unwrap();
        let of = |at: usize| (&jobs[at].draft, &jobs[at].draft.stages[0]);
        let (draft, stage) = of(0);
        assert_eq!(
            (
                stage.tasks,
                stage.width,
                stage.task_ms,
                stage.class.as_str()
            ),
            (5, Some(2), 2 * 3_600_000, "ada/train")
        );
        assert_eq!(draft.deadline_ms, Some((6 + 24) * 3_600_000));
        assert_eq!(draft.slack_ms, Some(24 * 3_600_000));
        let (draft, stage) = of(1);
        assert_eq!(
            (stage.tasks, stage.width, stage.class.as_str()),
            (3, None, "1 devices")
        );
        assert_eq!(
            (draft.deadline_ms, draft.slack_ms),
            (Some(9 * 3_600_000), None)
        );
    }

    #[test]
    fn shapes_that_contradict_each_other_are_refused() {
        let text = r#"[
            {"arrival":"2023-03-01T06:00Z","length_h":2,"power_kw":1,"home":"DE","interruptible":true},
            {"arrival":"2023-03-01T06:00Z","length_h":2,"power_kw":1,"home":"DE","width":2},
            {"arrival":"2023-03-01T06:00Z","length_h":2,"power_kw":1,"home":"DE","tasks":0,"slack_h":1,"deadline_h":4},
            {"arrival":"2023-03-01T06:00Z","length_h":2,"power_kw":1,"home":"DE","tasks":2,"interruptible":true}
        ]"#;
        let mistakes = read_jobs(text, &fleet(), 0, Lengths::History).unwrap_err();
        insta::assert_snapshot!(mistakes, @r"
        jobs[0].interruptible: the number of its hourly parts would tell its length, which is not known here; give `tasks` instead
        jobs[1].width: expected `tasks` beside it
        jobs[2].tasks: expected 1 or more
        jobs[2].deadline_h: expected either slack_h or deadline_h, not both
        jobs[3].tasks: expected either interruptible or tasks, not both
        ");
    }

    #[test]
    fn all_mistakes_are_told_with_their_places() {
        let text = r#"[
            {"arrival":"tomorrow","length_h":-1,"power_kw":"3","slack_h":24,"home":"SE","lenght_h":3},
            {"length_h":2,"interruptible":"yes","allowed":"DE","gpus":1.5,"priority":1e9},
            7
        ]"#;
        let mistakes = read_jobs(text, &fleet(), 2000, Lengths::Known).unwrap_err();
        insta::assert_snapshot!(mistakes, @r#"
        jobs[0]: unknown key `lenght_h`; known are arrival, length_h, power_kw, slack_h, home, allowed, interruptible, input_gb, gpus, project, priority, tasks, width, deadline_h, user, name
        jobs[0].arrival: `tomorrow` is not a time; expected one such as 2023-03-01T05:00Z
        jobs[0].length_h: expected a number from 0.001 to 87600, not -1
        jobs[0].power_kw: expected a number from 0 to 1000000, not "3"
        jobs[0].home: no pool of the fleet is in zone `SE`; its zones are DE, NO
        jobs[1].gpus: expected a whole number, not 1.5
        jobs[1].interruptible: expected true or false, not "yes"
        jobs[1].priority: expected a whole number from -1000 to 1000, not 1000000000.0
        jobs[1].allowed: expected a list of texts, not "DE"
        jobs[1].arrival: is missing
        jobs[1].power_kw: is missing
        jobs[1].home: is missing
        jobs[2]: expected a job, for example { "arrival": … }, not 7
        "#);
        assert!(
            read_jobs("[]", &fleet(), 0, Lengths::Known)
                .unwrap_err()
                .to_string()
                .contains("empty")
        );
        assert!(
            read_jobs("{}", &fleet(), 0, Lengths::Known)
                .unwrap_err()
                .to_string()
                .contains("a list of jobs")
        );
    }
}
