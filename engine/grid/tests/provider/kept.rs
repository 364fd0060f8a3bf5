//! Answers that are cached on disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sunward_core::Timestamp;
use sunward_grid::provider::{GridSignal, Kept};

use crate::server::{Reply, Server};
use crate::sites::{FROM, HOUR_MS, NOW, SITES, Site, Twist};

const UK: Site = SITES[2];

/// A server, a provider with a cache in a folder, and a switch that takes the server down.
fn kept(folder: &Path) -> (Server, Kept, Arc<AtomicBool>) {
    let down = Arc::new(AtomicBool::new(false));
    let is_down = Arc::clone(&down);
    let server = Server::start(move |request| {
        if is_down.load(Ordering::SeqCst) {
            return Reply::status(503, "");
        }
        UK.answer(request, Twist::Nothing)
    });
    let kept = Kept::new(UK.ask(&server).signal, "https://here", folder);
    (server, kept, down)
}

#[test]
fn what_is_fresh_is_not_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let (server, kept, _) = kept(folder.path());
    let first = kept.history("GB", FROM, NOW, NOW).unwrap();
    assert_eq!((first.first, first.end()), (FROM, NOW));
    assert_eq!(server.requests().len(), 1);
    kept.forecast("GB", NOW).unwrap().unwrap();
    assert_eq!(server.requests().len(), 2);
    let soon = NOW.after_ms(10 * 60_000);
    kept.forecast("GB", soon).unwrap().unwrap();
    assert_eq!(server.requests().len(), 2);
    let later = NOW.after_ms(16 * 60_000);
    kept.forecast("GB", later).unwrap().unwrap();
    assert_eq!(server.requests().len(), 3);
}

/// Answers with whole days, so that they are cached.
fn days(request: &crate::server::Request) -> Reply {
    let target = request.target.replace("/intensity/", "");
    let (from, to) = target.split_once('/').unwrap();
    let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let shown = |ms: i64| {
        let at = jiff::Timestamp::from_millisecond(ms).unwrap();
        at.strftime("%Y-%m-%dT%H:%MZ").to_string()
    };
    let rows: Vec<String> = (ms(from)..ms(to))
        .step_by(1_800_000)
        .map(|at| {
            format!(
                r#"{{"from":"{}","to":"{}","intensity":{{"forecast":9,"actual":100}}}}"#,
                shown(at),
                shown(at + 1_800_000)
            )
        })
        .collect();
    Reply::ok(format!(r#"{{"data":[{}]}}"#, rows.join(",")))
}

#[test]
fn days_are_kept_and_serve_while_nobody_answers() {
    let folder = tempfile::tempdir().unwrap();
    let down = Arc::new(AtomicBool::new(false));
    let is_down = Arc::clone(&down);
    let server = Server::start(move |request| {
        if is_down.load(Ordering::SeqCst) {
            return Reply::status(503, "");
        }
        days(request)
    });
    let kept = Kept::new(UK.ask(&server).signal, "https://here", folder.path());
    let from = Timestamp(NOW.0 - 7 * 24 * HOUR_MS);
    let whole = kept.history("GB", from, NOW, NOW).unwrap();
    assert_eq!(whole.steps.len(), 7 * 48);
    assert_eq!(server.requests().len(), 1);
    let folder_of_zone = folder.path().join("uk@here/GB");
    let mut names: Vec<_> = std::fs::read_dir(&folder_of_zone)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 8, "a file a day: {names:?}");
    assert_eq!(names[0], "2024-02-24.json");

    // The same request again needs no server.
    assert_eq!(kept.history("GB", from, NOW, NOW).unwrap(), whole);
    assert_eq!(server.requests().len(), 1);

    // An hour later, days that may be corrected are requested again.
    let later = NOW.after_ms(HOUR_MS);
    let series = kept.history("GB", from, later, later).unwrap();
    assert_eq!(series.end(), later);
    let last = server.requests().pop().unwrap().target;
    assert!(last.starts_with("/intensity/2024-02-29T00:00Z/"), "{last}");

    // If the server is down, the cached figures are used and marked as stale.
    down.store(true, Ordering::SeqCst);
    let much_later = NOW.after_ms(9 * HOUR_MS);
    let series = kept.history("GB", from, much_later, much_later).unwrap();
    assert!(series.stale);
    assert_eq!(series.end(), later);
    assert_eq!(series.fetched_at, later);

    // An unreadable file is ignored.
    std::fs::write(folder_of_zone.join("2024-03-02.json"), "{").unwrap();
    let series = kept.history("GB", from, much_later, much_later).unwrap();
    assert!(series.stale && series.end() < later);
    for name in names {
        std::fs::remove_file(folder_of_zone.join(name)).unwrap();
    }
    assert!(kept.history("GB", from, much_later, much_later).is_err());
}

#[test]
fn a_day_of_which_nothing_is_told_yet_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    // The answer always ends two hours ago.
    let server = Server::start(|request| {
        let (head, until) = request.target.rsplit_once('/').unwrap();
        let until: jiff::Timestamp = until.parse().unwrap();
        let known = until - jiff::SignedDuration::from_hours(2);
        let mut asked = request.clone();
        asked.target = format!("{head}/{}", known.strftime("%Y-%m-%dT%H:%MZ"));
        days(&asked)
    });
    let kept = Kept::new(UK.ask(&server).signal, "https://here", folder.path());
    let midnight = Timestamp(NOW.0 + 12 * HOUR_MS);
    let from = Timestamp(midnight.0 - 5 * 24 * HOUR_MS);
    // Yesterday is complete and cached. There is nothing of today.
    for minutes in [120, 140] {
        let now = midnight.after_ms(minutes * 60_000);
        let series = kept.history("GB", from, now, now).unwrap();
        assert!(!series.stale, "{minutes} min after midnight");
        assert_eq!(
            (series.first, series.end().0 / HOUR_MS),
            (from, midnight.0 / HOUR_MS)
        );
    }
}

#[test]
fn a_forecast_serves_as_long_as_it_reaches_beyond_now() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, kept, down) = kept(folder.path());
    kept.forecast("GB", NOW).unwrap().unwrap();
    down.store(true, Ordering::SeqCst);
    let later = NOW.after_ms(2 * HOUR_MS);
    let series = kept.forecast("GB", later).unwrap().unwrap();
    assert!(series.stale);
    assert_eq!((series.first, series.fetched_at), (later, NOW));
    assert!(kept.forecast("GB", NOW.after_ms(7 * HOUR_MS)).is_err());
}
