//! Chains of providers.

use sunward_grid::provider::{Chain, Kept, SignalError};

use crate::server::{Reply, Server};
use crate::sites::{FROM, HOUR_MS, NOW, SITES, Site, Twist};

const UK: Site = SITES[2];
const SDK: Site = SITES[3];

fn good(site: Site) -> Server {
    Server::start(move |request| site.answer(request, Twist::Nothing))
}

/// A server that answers for any zone, as a Carbon Aware SDK does.
fn sdk() -> Server {
    Server::start(|request| {
        let mut reply = SDK.answer(request, Twist::Nothing);
        reply.body = reply.body.replace("westus", "GB");
        reply
    })
}

#[test]
fn the_first_that_answers_is_told_with_those_that_did_not() {
    let (down, up) = (Server::start(|_| Reply::status(500, "")), sdk());
    let chain = Chain::new(vec![UK.ask(&down).signal, SDK.ask(&up).signal]);
    let answer = chain.outlook("GB", FROM, NOW).unwrap();
    assert_eq!(answer.history.provider, "carbon-aware-sdk");
    assert_eq!(answer.history.fetched_at, NOW);
    assert_eq!(answer.forecast.unwrap().provider, "carbon-aware-sdk");
    let [(name, SignalError::Refused { status: 500, .. })] = answer.failed.as_slice() else {
        panic!("{:?}", answer.failed);
    };
    assert_eq!(*name, "uk");
}

#[test]
fn when_nobody_answers_all_reasons_are_told() {
    let (one, two) = (
        Server::start(|_| Reply::status(500, "")),
        Server::start(|_| Reply::ok("<html>")),
    );
    let chain = Chain::new(vec![UK.ask(&one).signal, SDK.ask(&two).signal]);
    let error = chain.history("GB", FROM, NOW, NOW).unwrap_err().to_string();
    assert!(
        error.contains("uk: ") && error.contains("carbon-aware-sdk: "),
        "{error}"
    );
}

#[test]
fn a_forecast_that_fails_leaves_the_past() {
    let server = Server::start(|request| {
        if request.target.contains("fw48h") {
            return Reply::status(400, "no");
        }
        UK.answer(request, Twist::Nothing)
    });
    let chain = Chain::new(vec![UK.ask(&server).signal]);
    let answer = chain.outlook("GB", FROM, NOW).unwrap();
    assert!(answer.forecast.is_none());
    assert_eq!(answer.failed.len(), 1);
}

#[test]
fn who_answers_afresh_goes_before_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let midnight = sunward_core::Timestamp(FROM.0 - 6 * HOUR_MS);
    let first = good(UK);
    let kept = Kept::new(UK.ask(&first).signal, "here", folder.path());
    // Cached as a whole day is, from midnight on.
    std::fs::create_dir_all(folder.path().join("uk@here/GB")).unwrap();
    let mut series =
        sunward_grid::provider::GridSignal::history(&kept, "GB", FROM, NOW, NOW).unwrap();
    series.first = midnight;
    series.fetched_at = midnight;
    std::fs::write(
        folder.path().join("uk@here/GB/2024-03-02.json"),
        serde_json::to_vec(&series).unwrap(),
    )
    .unwrap();
    let down = Server::start(|_| Reply::status(503, ""));
    let old = || Box::new(Kept::new(UK.ask(&down).signal, "here", folder.path()));
    let up = sdk();
    let both = Chain::new(vec![old(), SDK.ask(&up).signal]);
    let answer = both.history("GB", midnight, NOW, NOW).unwrap();
    assert_eq!(answer.history.provider, "carbon-aware-sdk");
    let alone = Chain::new(vec![old(), UK.ask(&down).signal]);
    let answer = alone.history("GB", midnight, NOW, NOW).unwrap();
    assert!(answer.history.stale);
    assert_eq!(answer.history.fetched_at, midnight);
    assert_eq!(answer.failed.len(), 1);
}
