//! Events as servers send them: units, defaults of times, overlaps, and what is not valid.

use serde_json::{Value, json};
use sunward_core::{Measure, Timestamp};

use super::{Audience, Events, Program, read};

const HOUR: u64 = 3_600_000;

/// 2026-03-01T00:00:00Z.
const DAY: u64 = 1_772_323_200_000;

fn programs() -> Vec<Program> {
    let list = json!([
        { "id": "7", "programName": "site-dr", "payloadDescriptors": [
            { "objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": "PRICE", "units": "KWH", "currency": "EUR" } ] },
        { "id": "8", "programName": "other", "payloadDescriptors": null },
    ]);
    let list = list.as_array().unwrap().iter();
    list.map(|one| Program::read(one).unwrap()).collect()
}

/// What one event says at noon; its defaults are those of an event of the program `site-dr`.
fn told(event: Value) -> Events {
    told_to(&[event], &Audience::default())
}

fn told_to(events: &[Value], audience: &Audience) -> Events {
    let events: Vec<Value> = events
        .iter()
        .map(|event| {
            let mut whole =
                json!({ "id": "e1", "programID": "7", "createdDateTime": "2026-03-01T11:30:00Z" });
            let own = event.as_object().unwrap().clone();
            whole.as_object_mut().unwrap().extend(own);
            whole
        })
        .collect();
    read(&events, &programs(), audience, Timestamp(DAY + 12 * HOUR))
}

fn payload(kind: &str, value: impl Into<Value>) -> Value {
    json!([{ "id": 0, "payloads": [{ "type": kind, "values": [value.into()] }] }])
}

fn period(start: &str, duration: &str) -> Value {
    json!({ "start": start, "duration": duration })
}

/// What is asked, in hours of the day and kilowatts; an emergency is 0 and an alert -1.
fn asked(events: &Events) -> Vec<(f64, Option<f64>, f64)> {
    let hours = |at: Timestamp| (at.0 as f64 - DAY as f64) / HOUR as f64;
    let all = events.asked.iter();
    all.map(|one| {
        let kilowatts = match one.measure {
            Measure::Emergency => 0.0,
            Measure::Alert => -1.0,
            Measure::Cap { milliwatts } => milliwatts as f64 / 1e6,
        };
        (hours(one.from), one.until.map(hours), kilowatts)
    })
    .collect()
}

#[test]
fn times_have_the_defaults_of_the_specification() {
    let limit = || payload("IMPORT_CAPACITY_LIMIT", 30.0);
    let three = json!([
        { "id": 0, "payloads": [{ "type": "IMPORT_CAPACITY_LIMIT", "values": [3] }] },
        { "id": 1, "payloads": [{ "type": "IMPORT_CAPACITY_LIMIT", "values": [2] }],
          "intervalPeriod": { "duration": "PT3H" } },
        { "id": 2, "payloads": [{ "type": "IMPORT_CAPACITY_LIMIT", "values": [1] }] },
    ]);
    let own = json!([
        { "id": 0, "intervalPeriod": { "start": "2026-03-01T20:00:00Z", "duration": "PT2H" },
          "payloads": [{ "type": "IMPORT_CAPACITY_LIMIT", "values": [4] }] },
    ]);
    let noon = || period("2026-03-01T12:00:00Z", "PT1H");
    let cases = [
        (
            json!({ "intervalPeriod": noon(), "intervals": limit() }),
            vec![(12.0, Some(13.0), 30.0)],
        ),
        // Nothing, or the first moment of all, is when the event was created.
        (json!({ "intervals": limit() }), vec![(11.5, None, 30.0)]),
        (
            json!({ "intervalPeriod": period("0001-01-01T00:00:00Z", "PT1H"), "intervals": limit() }),
            vec![(11.5, Some(12.5), 30.0)],
        ),
        // Without that moment it has begun, and lasts until it is deleted.
        (
            json!({ "createdDateTime": null, "intervalPeriod": period("0001-01-01T00:00:00Z", "PT1H"), "intervals": limit() }),
            vec![(-(DAY as f64) / HOUR as f64, None, 30.0)],
        ),
        // Without end.
        (
            json!({ "intervalPeriod": period("2026-03-01T13:00:00Z", "P9999Y"), "intervals": limit() }),
            vec![(13.0, None, 30.0)],
        ),
        (
            json!({ "intervalPeriod": period("2026-03-01T13:00:00Z", "PT0S"), "intervals": limit() }),
            vec![(13.0, None, 30.0)],
        ),
        // Intervals follow each other, with a duration of their own or the event's.
        (
            json!({ "intervalPeriod": noon(), "intervals": three }),
            vec![
                (12.0, Some(13.0), 3.0),
                (13.0, Some(16.0), 2.0),
                (16.0, Some(17.0), 1.0),
            ],
        ),
        (
            json!({ "intervalPeriod": noon(), "intervals": own }),
            vec![(20.0, Some(22.0), 4.0)],
        ),
        // They repeat for the duration of the event, which also ends them.
        (
            json!({ "duration": "PT150M", "intervalPeriod": noon(), "intervals": limit() }),
            vec![(12.0, Some(14.5), 30.0)],
        ),
        // What has ended is not asked any more.
        (
            json!({ "intervalPeriod": period("2026-03-01T10:00:00Z", "PT1H"), "intervals": limit() }),
            vec![],
        ),
        (json!({ "intervals": null }), vec![]),
    ];
    for (event, expected) in cases {
        let told = told(event.clone());
        assert_eq!(asked(&told), expected, "{event}");
        assert_eq!(told.mistakes, Vec::<String>::new(), "{event}");
    }
}

#[test]
fn units_come_from_the_event_or_its_program() {
    let units = |units: &str| json!([{ "payloadType": "DISPATCH_SETPOINT", "units": units }]);
    for (descriptors, kilowatts) in [
        (json!(null), 5.0),
        (units("KW"), 5.0),
        (units("kw"), 5.0),
        (units("W"), 0.005),
        (units("MW"), 5000.0),
    ] {
        let told = told(json!({
            "payloadDescriptors": descriptors, "intervals": payload("DISPATCH_SETPOINT", 5) }));
        assert_eq!(asked(&told), [(11.5, None, kilowatts)], "{descriptors}");
    }
    let prices = |descriptors: Value, value: f64| {
        let told = told(json!({
            "payloadDescriptors": descriptors, "intervals": payload("PRICE", value) }));
        let prices: Vec<i64> = told
            .prices
            .iter()
            .map(|one| one.milli_eur_per_mwh)
            .collect();
        (prices, told.mistakes)
    };
    let says = |units: &str, currency: &str| json!([{ "payloadType": "PRICE", "units": units, "currency": currency }]);
    assert_eq!(
        prices(json!(null), 0.17).0,
        [170_000],
        "as the program says"
    );
    assert_eq!(prices(says("KWH", "EUR"), -0.05).0, [-50_000]);
    assert_eq!(prices(says("MWH", "EUR"), 80.0).0, [80_000]);
    let (none, mistakes) = prices(says("KWH", "USD"), 0.17);
    assert!(none.is_empty());
    assert!(
        mistakes[0].contains("event e1: the currency of PRICE is USD"),
        "{mistakes:?}"
    );
    let told = told(json!({ "intervals": payload("GHG", 312.5) }));
    assert_eq!(told.intensities[0].mg_per_kwh, 312_500);
}

#[test]
fn alerts_stop_what_they_concern_and_others_are_told() {
    for (kind, expected) in [
        ("ALERT_GRID_EMERGENCY", Some(Measure::Emergency)),
        ("ALERT_BLACK_START", Some(Measure::Emergency)),
        ("ALERT_FLEX_ALERT", Some(Measure::Alert)),
        ("ALERT_POSSIBLE_OUTAGE", Some(Measure::Alert)),
        ("ALERT_FIRE", None),
        ("SIMPLE", None),
        ("CHARGE_STATE_SETPOINT", None),
        ("PRIVATE", None),
    ] {
        let told = told(json!({ "intervals": payload(kind, "line 4 is down") }));
        let measures: Vec<Measure> = told.asked.iter().map(|one| one.measure).collect();
        assert_eq!(measures, expected.into_iter().collect::<Vec<_>>(), "{kind}");
        assert_eq!(told.mistakes, Vec::<String>::new());
        let warns = kind == "ALERT_FIRE";
        assert_eq!(
            told.warnings.len(),
            usize::from(warns),
            "{:?}",
            told.warnings
        );
        if let Some(one) = told.asked.first() {
            assert_eq!(
                (one.program.as_str(), one.text.as_deref()),
                ("site-dr", Some("line 4 is down"))
            );
        }
    }
}

#[test]
fn the_most_urgent_event_counts_but_no_alert_is_lost() {
    let event = |priority: Value, kind: &str, value: Value| {
        json!({ "priority": priority, "intervals": payload(kind, value),
                "intervalPeriod": period("2026-03-01T12:00:00Z", "PT1H") })
    };
    let limit = "IMPORT_CAPACITY_LIMIT";
    let both = |a: Value, b: Value| asked(&told_to(&[a, b], &Audience::default()));
    let five = event(json!(0), limit, json!(5));
    assert_eq!(
        both(five.clone(), event(json!(1), limit, json!(3))),
        [(12.0, Some(13.0), 5.0)]
    );
    assert_eq!(
        both(five.clone(), event(json!(null), limit, json!(3))),
        [(12.0, Some(13.0), 5.0)]
    );
    assert_eq!(
        both(five.clone(), event(json!(0), limit, json!(3))),
        [(12.0, Some(13.0), 3.0)]
    );
    // A limit and a setpoint both hold.
    let set = event(json!(9), "DISPATCH_SETPOINT", json!(4));
    assert_eq!(both(five.clone(), set).len(), 2);
    let alert = event(json!(9), "ALERT_GRID_EMERGENCY", json!(""));
    assert_eq!(
        both(five, alert),
        [(12.0, Some(13.0), 0.0), (12.0, Some(13.0), 5.0)]
    );
}

#[test]
fn events_for_others_do_not_count_in_either_version() {
    let limit = |targets: Value| json!({ "targets": targets, "intervals": payload("ALERT_BLACK_START", "") });
    let old = |name: &str| json!([{ "type": "VEN_NAME", "values": ["x", name] }]);
    let ours = Audience {
        program: None,
        names: vec!["lab-7".to_owned(), "group-a".to_owned()],
    };
    for (targets, counts) in [
        (json!(null), true),
        (json!([]), true),
        (json!(["group-a", "b"]), true),
        (json!(["group-b"]), false),
        (old("lab-7"), true),
        (old("lab-8"), false),
    ] {
        let told = told_to(&[limit(targets.clone())], &ours);
        assert_eq!(told.asked.len(), usize::from(counts), "{targets}");
    }
    // Without names, the server has selected.
    assert_eq!(told(limit(json!(["group-b"]))).asked.len(), 1);
    for (program, counts) in [
        ("7", true),
        ("site-dr", true),
        ("other", false),
        ("8", false),
    ] {
        let audience = Audience {
            program: Some(program.to_owned()),
            names: Vec::new(),
        };
        let told = told_to(&[limit(json!(null))], &audience);
        assert_eq!(told.asked.len(), usize::from(counts), "{program}");
    }
}

#[test]
fn what_is_not_valid_is_told_with_event_and_field_and_leaves_the_rest_in_force() {
    let limit = |value: Value| json!({ "intervals": payload("IMPORT_CAPACITY_LIMIT", value) });
    let cases = [
        (
            json!({ "programID": null }),
            "event e1: `programID` is missing",
        ),
        (
            json!({ "eventName": "peak", "programID": 7 }),
            "event e1 (peak): `programID` is `7`, but text was expected",
        ),
        (
            json!({ "id": null }),
            "event number 1 of the list: `id` is missing",
        ),
        (json!({ "priority": -1 }), "`priority` is `-1`"),
        (
            json!({ "intervals": 3 }),
            "`intervals` is `3`, but a list was expected",
        ),
        (json!({ "intervals": [3] }), "intervals[0] is not an object"),
        (
            json!({ "intervals": [{ "payloads": {} }] }),
            "`intervals[0].payloads` is `{}`",
        ),
        (
            json!({ "intervalPeriod": { "start": "soon" } }),
            "`intervalPeriod.start` is `\"soon\"`",
        ),
        (
            json!({ "intervals": [{ "intervalPeriod": { "duration": "1h" } }] }),
            "`intervals[0].intervalPeriod.duration` is `\"1h\"`",
        ),
        (
            limit(json!("many")),
            "IMPORT_CAPACITY_LIMIT is `\"many\"`, but a number was expected",
        ),
        (limit(json!(-3)), "IMPORT_CAPACITY_LIMIT cannot be `-3`"),
        (limit(json!(1e300)), "IMPORT_CAPACITY_LIMIT cannot be"),
        (
            json!({ "intervals": [{ "payloads": [{ "type": "DISPATCH_SETPOINT", "values": [] }] }] }),
            "DISPATCH_SETPOINT has 0 values",
        ),
        (
            json!({ "intervals": payload("DISPATCH_SETPOINT", 3),
                    "payloadDescriptors": [{ "payloadType": "DISPATCH_SETPOINT", "units": "KVA" }] }),
            "the units of DISPATCH_SETPOINT are KVA",
        ),
        (
            json!({ "intervals": payload("GHG", 99_000) }),
            "GHG cannot be `99000` g/kWh",
        ),
        (
            json!({ "intervals": payload("PRICE", 1e9) }),
            "PRICE cannot be",
        ),
        (
            json!({ "programID": "8", "intervals": payload("PRICE", 1) }),
            "PRICE has no currency",
        ),
    ];
    let good = json!({ "id": "e2", "intervals": payload("DISPATCH_SETPOINT", "7.5") });
    for (event, expected) in cases {
        let told = told_to(&[event.clone(), good.clone()], &Audience::default());
        assert_eq!(asked(&told), [(11.5, None, 7.5)], "{event}");
        let [mistake] = told.mistakes.as_slice() else {
            panic!("{event}: {:?}", told.mistakes);
        };
        assert!(mistake.contains(expected), "{event}: {mistake}");
    }
}

#[test]
fn a_start_may_be_delayed_by_what_the_operator_allows_and_always_by_the_same() {
    let event = |id: &str| {
        json!({ "id": id, "intervals": payload("IMPORT_CAPACITY_LIMIT", 5),
            "intervalPeriod": { "start": "2026-03-01T13:00:00Z", "duration": "PT1H", "randomizeStart": "PT10M" } })
    };
    let starts: Vec<(f64, Option<f64>)> = ["a", "b", "c", "a"]
        .iter()
        .map(|id| asked(&told(event(id)))[0])
        .map(|(from, until, _)| (from, until))
        .collect();
    for (from, until) in &starts {
        assert!((13.0..13.0 + 1.0 / 6.0).contains(from), "{from}");
        assert!(
            (until.unwrap() - from - 1.0).abs() < 1e-6,
            "its length stays"
        );
    }
    assert_eq!(starts[0], starts[3]);
    assert!(starts[0] != starts[1] || starts[1] != starts[2]);
}
