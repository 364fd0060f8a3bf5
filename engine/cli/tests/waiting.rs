//! A laptop that waits: what its status says, and what it is compared with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use scene::patient::{AT_NIGHT, PATIENT, world};

#[test]
fn the_status_of_a_waiting_run_says_until_when_and_for_what_by_its_own_clock() {
    let scene = world();
    let mut run = scene.start(&AT_NIGHT);
    run.wait_for_word("waits until");
    let status = || scene.sunward(&["status", "r1", "--json"]).expect(0).json();
    // It waits once its result is known not to be in the cache.
    let mut looks = std::iter::repeat_with(status).take(200);
    let status = looks.find(|status| status["run"]["waits"][0]["waits_for"] != "lookup");
    let status = status.expect("a look-up ends");
    let run_view = &status["run"];
    assert!(
        run_view["now"]
            .as_str()
            .unwrap()
            .starts_with("2023-01-09T02:"),
        "{run_view}"
    );
    assert!(run_view["seconds"].as_f64().unwrap() < 3600.0, "{run_view}");
    let (search, merge) = (&run_view["waits"][0], &run_view["waits"][1]);
    assert_eq!(search["stage"], "search");
    assert_eq!(search["waits_for"], "clean_power");
    assert_eq!(search["until"], "2023-01-09T10:00:00Z");
    assert_eq!(
        (&search["pool"], &search["zone"]),
        (&"here".into(), &"DE".into())
    );
    assert_eq!(merge["waits_for"], "stages");
    assert_eq!(merge["stages"][0], "search");
    let page = scene.sunward(&["status"]).expect(0).out;
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = "waits until 2023-01-09T10:00:00Z for clean hours in pool here (DE)";
    assert!(page.contains(words), "{page}");
    assert!(
        page.contains("waits for search, expected to end at 2023-01-09T12:00:00Z"),
        "{page}"
    );
    run.signal("INT");
    run.end().expect(130);
    let status = scene.sunward(&["status", "r1", "--json"]).expect(0).json();
    assert_eq!(status["run"]["waits"], serde_json::json!([]));
    let now = &status["run"]["now"];
    assert!(
        now.as_str().unwrap().starts_with("2023-01-09T02:"),
        "it stands still: {now}"
    );
}

#[test]
fn a_home_elsewhere_is_told_to_have_no_effect_on_one_machine() {
    let scene = world();
    let plan = [&["plan"], &AT_NIGHT[1..]].concat();
    let told = scene.sunward(&plan).expect(0);
    assert!(!told.err.contains("home:"), "{}", told.err);
    scene.file(
        "workflow.yaml",
        PATIENT.replace("deadline: 24h", "deadline: 24h, home: FR"),
    );
    let told = scene.sunward(&plan).expect(0);
    let words = "home: FR is not the zone of this machine (DE), so savings are compared with";
    assert!(told.err.contains(words), "{}", told.err);
}
