//! A grid operator's OpenADR server restricts this machine while real tasks run: the built binary with
//! a server on the loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use std::path::Path;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use scene::site::Site;
use scene::vtn::{Events, command, event, told, vtn};
use scene::{Running, Scene};
use serde_json::{Value, json};

/// Two steps with a checkpoint after each; a stage that cannot stop; and one after that.
const WORK: &str = "\
name: work
params: { mark: { type: string } }
stages:
  long:
    checkpoint: true
    cache: false
    run: |
      mark=${{ params.mark }}
      for step in 1 2 3; do
        if [ -e \"$SUNWARD_CHECKPOINT/$step\" ]; then continue; fi
        if [ $step = 3 ] && [ ! -e \"$mark.go\" ]; then
          touch $mark.long
          while :; do sleep 0.05; done
        fi
        echo $step >> $mark.trace
        touch \"$SUNWARD_CHECKPOINT/$step\"
      done
      cat $mark.trace > ${{ outputs.out }}
    outputs: { out: { format: file } }
  fixed:
    cache: false
    run: |
      touch ${{ params.mark }}.fixed
      while [ ! -e ${{ params.mark }}.release ]; do sleep 0.05; done
  after:
    cache: false
    needs: fixed
    run: touch ${{ params.mark }}.after
outputs: { out: long.out }
";

/// The status, once a condition holds.
#[track_caller]
fn status_once(
    scene: &Scene,
    run: &mut Running,
    what: &str,
    holds: impl Fn(&Value) -> bool,
) -> Value {
    let found = Mutex::new(None);
    run.wait_until(what, |_| {
        // At first there is no run.
        let told = scene.sunward(&["status", "--json"]);
        if told.code != 0 {
            return false;
        }
        let status = told.json()["run"].clone();
        let is_so = holds(&status);
        if is_so {
            *found.lock().unwrap() = Some(status);
        }
        is_so
    });
    found.into_inner().unwrap().unwrap()
}

fn waits_for<'a>(status: &'a Value, stage: &str) -> Option<&'a Value> {
    let waits = status["waits"].as_array()?;
    waits.iter().find(|wait| wait["stage"] == stage)
}

fn is_in_emergency(status: &Value, stage: &str) -> bool {
    waits_for(status, stage).is_some_and(|wait| wait["waits_for"] == "grid_emergency")
}

#[test]
fn on_an_alert_what_can_stop_yields_and_goes_on_afterwards_without_a_loss() {
    let scene = Scene::with(WORK);
    let events: Events = Arc::new(Mutex::new(Some(Vec::new())));
    let site = vtn(&events);
    let mark = |name: &str| scene.path().join(format!("m.{name}"));
    let param = format!("mark={}", scene.path().join("m").display());
    let words = [
        "run",
        "workflow.yaml",
        "--json",
        "-j",
        "4",
        "--out",
        "out",
        "-p",
        &param,
    ];
    let mut run = scene.start_command(command(&scene, &site, "", &words));
    run.wait_for("m.long");
    run.wait_for("m.fixed");

    let raised = Timestamp::now();
    let until = raised + SignedDuration::from_hours(1);
    let alert = event("e1", "ALERT_GRID_EMERGENCY", json!("line 4 is down"), until);
    *events.lock().unwrap() = Some(vec![alert]);
    let status = status_once(&scene, &mut run, "yielding", |status| {
        is_in_emergency(status, "long")
    });
    let wait = waits_for(&status, "long").unwrap();
    assert_eq!(wait["told_by"], "site-dr");
    let text = wait["text"].as_str().unwrap();
    assert!(text.contains("for the end of a grid emergency"), "{text}");
    assert!(text.ends_with("told by site-dr"), "{text}");
    assert_eq!(
        status["stages"]["fixed"]["running"], 1,
        "it cannot stop, so it runs on"
    );

    std::fs::write(mark("release"), "").unwrap();
    let status = status_once(&scene, &mut run, "waiting", |status| {
        is_in_emergency(status, "after")
    });
    assert_eq!(status["stages"]["fixed"]["status"], "succeeded");
    let explained = scene.sunward(&["explain", "after"]).expect(0);
    assert!(
        explained
            .out
            .contains("a grid emergency, told by site-dr, until 2"),
        "{}",
        explained.out
    );

    // The last word stays in force while the server is down.
    *events.lock().unwrap() = None;
    let is_silent = |status: &Value| !status["demand_response"]["silent_since"].is_null();
    let status = status_once(&scene, &mut run, "silence", is_silent);
    assert!(is_in_emergency(&status, "long") && is_in_emergency(&status, "after"));
    assert!(!mark("after").exists());

    std::fs::write(mark("go"), "").unwrap();
    *events.lock().unwrap() = Some(Vec::new());
    let ended = run.end().expect(0);
    assert!(
        ended.err.contains("site-dr: grid emergency"),
        "{}",
        ended.err
    );
    assert!(!ended.err.contains("hush"));
    assert_eq!(ended.json()["status"], "succeeded");
    assert_eq!(
        scene.text("m.trace"),
        "1\n2\n3\n",
        "no step is lost, and none is done again"
    );
    assert_eq!(read(&scene.path().join("out"), "out"), "1\n2\n3\n");
    assert!(mark("after").exists());

    let report = scene.sunward(&["report", "--json"]).expect(0).json();
    assert_eq!(report["stages"]["long"]["failed"], 0);
    assert_eq!(report["failures_total"], 0, "no attempt counts as failed");
    let used = report["entries"]["used"].as_array().unwrap();
    let outcomes: Vec<&Value> = used
        .iter()
        .filter(|row| row["stage"] == "long")
        .map(|row| &row["outcome"])
        .collect();
    assert!(outcomes.contains(&&json!("preempted")) && outcomes.contains(&&json!("succeeded")));
    let sum: f64 = used
        .iter()
        .filter_map(|row| row["energy_joules"].as_f64())
        .sum();
    let whole = report["ledger"]["energy_joules"].as_f64().unwrap();
    assert!(
        (sum - whole).abs() < 0.01 && whole > 0.0,
        "{sum} J of {whole} J"
    );
    let yields = report["demand_response"]["yields"].as_array().unwrap();
    assert_eq!(yields.len(), 1, "{yields:?}");
    assert_eq!(
        (&yields[0]["stage"], &yields[0]["tasks"]),
        (&json!("long"), &json!(1))
    );

    // The first attempt of `long` ended within ten seconds of the alert.
    let attempts = report["attempts"].as_array().unwrap();
    let first = attempts
        .iter()
        .find(|one| one["task"] == "long/0" && one["outcome"] != "succeeded")
        .unwrap();
    let started: Timestamp = first["started"].as_str().unwrap().parse().unwrap();
    let wall = SignedDuration::from_secs_f64(first["wall_seconds"].as_f64().unwrap());
    assert!(
        started + wall <= raised + SignedDuration::from_secs(10),
        "{first}"
    );
}

/// One stage that waits in its second attempt, alone on the machine.
const METERED: &str = "\
name: metered
params: { mark: { type: string } }
stages:
  long:
    checkpoint: true
    cache: false
    run: |
      mark=${{ params.mark }}
      # Meters do not tell shorter attempts apart.
      for i in 1 2 3 4 5; do sleep 0.05; done
      if [ -e \"$SUNWARD_CHECKPOINT/half\" ]; then
        touch $mark.again
        while [ ! -e \"$mark.go\" ]; do sleep 0.05; done
        exit
      fi
      touch \"$SUNWARD_CHECKPOINT/half\" $mark.half
      while :; do sleep 0.05; done
";

/// Sets the counter of a processor package, in joules.
fn count(scene: &Scene, joules: u64) {
    let zone = "sys/intel-rapl:0";
    scene.file(&format!("{zone}/name"), "package-0\n");
    scene.file(&format!("{zone}/max_energy_range_uj"), "262143328850\n");
    // Renamed, so that nobody reads half a number.
    let new = scene.file("sys/new", format!("{}\n", joules * 1_000_000));
    std::fs::rename(new, scene.path().join(format!("{zone}/energy_uj"))).unwrap();
}

#[test]
fn the_joules_of_an_attempt_that_made_way_are_counted_once() {
    let scene = Scene::with(METERED);
    let events: Events = Arc::new(Mutex::new(Some(Vec::new())));
    let site = vtn(&events);
    count(&scene, 1000);
    // Nobody else is busy.
    scene.file("stat", "cpu 10 0 0 90 0 0 0 0 0 0\n");
    let meters = "meters: { powercap: ../sys, stat: ../stat }\n";
    let param = format!("mark={}", scene.path().join("m").display());
    let words = ["run", "workflow.yaml", "--json", "-j", "1", "-p", &param];
    let mut run = scene.start_command(command(&scene, &site, meters, &words));
    run.wait_for("m.half");
    count(&scene, 1500);
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    let alert = event("e1", "ALERT_GRID_EMERGENCY", json!("line 4 is down"), until);
    *events.lock().unwrap() = Some(vec![alert]);
    status_once(&scene, &mut run, "yielding", |status| {
        is_in_emergency(status, "long")
    });
    // What the machine takes meanwhile is no attempt's.
    count(&scene, 8500);
    *events.lock().unwrap() = Some(Vec::new());
    run.wait_for("m.again");
    count(&scene, 8800);
    std::fs::write(scene.path().join("m.go"), "").unwrap();
    run.end().expect(0);

    let report = scene.sunward(&["report", "--json"]).expect(0).json();
    let used = report["entries"]["used"].as_array().unwrap();
    let joules = |outcome: &str| -> f64 {
        let own = used.iter().filter(|row| row["outcome"] == outcome);
        own.map(|row| {
            assert_eq!(row["energy_source"], "measured", "{row}");
            row["energy_joules"].as_f64().unwrap()
        })
        .sum()
    };
    assert_eq!(joules("preempted"), 500.0, "{used:?}");
    assert_eq!(joules("succeeded"), 300.0, "{used:?}");
    assert_eq!(report["ledger"]["energy_joules"], 800.0);
}

/// A stage that may not start in time.
const HASTY: &str = "\
name: hasty
place: { deadline: 1s }
stages:
  train: { cache: false, run: 'true', expect: { time: 1s } }
";

#[test]
fn a_run_that_an_emergency_made_late_says_so_in_words_and_in_json() {
    let scene = Scene::with(HASTY);
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    let alert = event("e1", "ALERT_GRID_EMERGENCY", json!("line 4 is down"), until);
    let events: Events = Arc::new(Mutex::new(Some(vec![alert])));
    let site = vtn(&events);
    let words = ["run", "workflow.yaml", "--json"];
    let mut run = scene.start_command(command(&scene, &site, "", &words));
    let waits = status_once(&scene, &mut run, "lateness", |status| {
        // The limit is a second, and the work takes another one.
        status["late"]["cause_seconds"].as_f64() > Some(3.0)
    });
    let is_told = |late: &Value| {
        assert_eq!(late["cause"], "curtailed", "{late}");
        assert_eq!(
            (&late["stage"], &late["measure"]),
            (&json!("train"), &json!("emergency"))
        );
        assert_eq!(late["told_by"], "site-dr");
    };
    is_told(&waits["late"]);
    *events.lock().unwrap() = Some(Vec::new());
    let ended = run.end().expect(0).json();
    is_told(&ended["late"]);
    let text = ended["late"]["text"].as_str().unwrap();
    assert!(text.starts_with("it ended "), "{text}");
    assert!(text.contains("stage train lost "), "{text}");
    assert!(
        text.ends_with(" to a grid emergency, told by site-dr"),
        "{text}"
    );
    let told = scene.sunward(&["status", "r1"]).expect(0).out;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(text), "{told}");
}

/// The only file of an output.
fn read(folder: &Path, name: &str) -> String {
    let mut files = std::fs::read_dir(folder).unwrap();
    let path = files.find_map(|entry| {
        let path = entry.unwrap().path();
        path.file_name()?
            .to_str()?
            .starts_with(name)
            .then_some(path)
    });
    std::fs::read_to_string(path.unwrap()).unwrap()
}

/// Four tasks of twenty watts, none of which may run beside another.
const ALONE: &str = "\
name: alone
params: { lock: { type: string } }
stages:
  each:
    cache: false
    scatter: { over: { range: 4 } }
    expect: { time: 1m, power: 20W }
    run: |
      mkdir ${{ params.lock }}
      echo ${{ item }} >> ${{ params.lock }}.trace
      rmdir ${{ params.lock }}
";

#[test]
fn under_a_cap_no_more_tasks_run_than_it_has_power_for() {
    let scene = Scene::with(ALONE);
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    let cap = event("e1", "IMPORT_CAPACITY_LIMIT", json!(0.03), until);
    let broken = json!({ "id": "e2", "programID": "p1", "intervals": [
        { "payloads": [{ "type": "IMPORT_CAPACITY_LIMIT", "values": ["little"] }] }] });
    let events: Events = Arc::new(Mutex::new(Some(vec![cap, broken])));
    let site = vtn(&events);
    let param = format!("lock={}", scene.path().join("lock").display());
    let words = ["run", "workflow.yaml", "--json", "-j", "4", "-p", &param];
    let run = told(command(&scene, &site, "", &words)).expect(0);
    assert!(run.err.contains("site-dr: at most 30 W"), "{}", run.err);
    assert!(
        run.err
            .contains("event e2: IMPORT_CAPACITY_LIMIT is `\"little\"`, but a number was expected"),
        "{}",
        run.err
    );
    assert_eq!(run.json()["stages"]["each"]["ran"], 4);
    assert_eq!(scene.text("lock.trace").lines().count(), 4);
    let asked = site.asked();
    let first: Vec<&str> = asked
        .iter()
        .take(4)
        .map(|one| one.split('?').next().unwrap())
        .collect();
    assert_eq!(
        first,
        ["/auth/server", "/auth/token", "/events", "/programs"]
    );
}

/// The finding of `doctor` about the server.
fn finding(scene: &Scene, site: &Site, more: &str) -> Value {
    let diagnosis = told(command(scene, site, more, &["doctor", "--json"])).json();
    let all = diagnosis["findings"].as_array().unwrap();
    all.iter()
        .find(|one| one["check"] == "openadr")
        .unwrap()
        .clone()
}

#[test]
fn doctor_says_what_is_asked_now_and_tells_a_wrong_key_from_a_wrong_program() {
    let scene = Scene::new();
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    let cap = event("e1", "DISPATCH_SETPOINT", json!(1500), until);
    let events: Events = Arc::new(Mutex::new(Some(vec![cap])));
    let site = vtn(&events);
    let good = finding(&scene, &site, "zone: DE\n");
    assert_eq!(good["grade"], "good", "{good}");
    let found = good["found"].as_str().unwrap();
    assert!(
        found.contains("answers, and asks: site-dr: at most 1.5 MW from "),
        "{found}"
    );
    let asked = site.asked();
    assert_eq!(asked.len(), 4, "a token, and one question: {asked:?}");
    *events.lock().unwrap() = Some(vec![json!({ "id": "e1" })]);
    let broken = finding(&scene, &site, "");
    assert_eq!(broken["grade"], "note");
    assert!(
        broken["found"]
            .as_str()
            .unwrap()
            .contains("event e1: `programID` is missing")
    );

    let refuses = Site::start(|_| (401, r#"{"title":"Unauthorized"}"#.to_owned()));
    let wrong = finding(&scene, &refuses, "");
    assert_eq!(wrong["grade"], "problem");
    assert!(
        wrong["found"].as_str().unwrap().contains("gave no token"),
        "{wrong}"
    );
    assert!(
        wrong["mend"]
            .as_str()
            .unwrap()
            .contains("$SUNWARD_OPENADR_KEY")
    );

    let other = Site::start(|target| match target.split('?').next() {
        Some("/auth/token") => (200, r#"{"access_token":"t"}"#.to_owned()),
        Some("/programs") => (200, r#"[{"id":"9","programName":"peaks"}]"#.to_owned()),
        Some("/events") => (200, "[]".to_owned()),
        _ => (404, String::new()),
    });
    let astray = finding(&scene, &Site::start(|_| (404, String::new())), "");
    assert!(
        astray["found"]
            .as_str()
            .unwrap()
            .contains("has no /auth/token there"),
        "{astray}"
    );
    assert!(astray["mend"].as_str().unwrap().contains("`openadr.url`"));
    let lacking = finding(&scene, &other, "");
    let found = lacking["found"].as_str().unwrap();
    assert!(
        found.contains("has no program site-dr; it has peaks"),
        "{found}"
    );
}

#[test]
fn prices_and_intensities_of_its_events_feed_the_forecast() {
    let scene = Scene::new();
    let hour = Timestamp::from_second(Timestamp::now().as_second() / 3600 * 3600).unwrap();
    let start = hour - SignedDuration::from_hours(24);
    let intervals: Vec<Value> = (0..72)
        .map(|nth| {
            json!({ "id": nth, "payloads": [
            { "type": "GHG", "values": [if nth == 30 { 50 } else { 400 }] },
            { "type": "PRICE", "values": [0.08] }] })
        })
        .collect();
    let series = json!({ "id": "e1", "programID": "p1", "createdDateTime": start.to_string(),
        "intervalPeriod": { "start": start.to_string(), "duration": "PT1H" }, "intervals": intervals });
    let site = vtn(&Arc::new(Mutex::new(Some(vec![series]))));
    let words = ["grid", "--grid", "openadr", "--json"];
    let grid = told(command(&scene, &site, "zone: DE\n", &words))
        .expect(0)
        .json();
    let zone = &grid["zones"][0];
    assert_eq!(
        zone["kind"], "marginal",
        "as the specification says: {zone}"
    );
    assert_eq!(zone["now_gco2e_per_kwh"], 400.0);
    let cleanest: Timestamp = zone["cleanest_at"].as_str().unwrap().parse().unwrap();
    // Hours are counted from now, which may be any minute of one.
    let clean = hour + SignedDuration::from_hours(6);
    assert!(cleanest >= clean && cleanest < clean + SignedDuration::from_hours(1));
    assert_eq!(zone["cleanest_gco2e_per_kwh"], 50.0);
    // Another zone than the site's gets nothing from it.
    let elsewhere = told(command(
        &scene,
        &site,
        "zone: DE\n",
        &["grid", "FR", "--grid", "openadr"],
    ));
    assert_eq!(elsewhere.code, 2, "{}", elsewhere.err);
    assert!(
        elsewhere.err.contains("those of the site, which is in DE"),
        "{}",
        elsewhere.err
    );
}
