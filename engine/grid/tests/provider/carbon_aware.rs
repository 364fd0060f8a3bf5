//! A Carbon Aware SDK whose source is `WattTime`.

use sunward_core::ledger::Factors;
use sunward_core::place::SignalKind;
use sunward_grid::provider::{Chain, SignalError};

use crate::server::{Reply, Request, Server};
use crate::sites::{FROM, HOUR_MS, NOW, SITES, Site, Twist};

const SITE: Site = SITES[3];

const FIVE_MS: u64 = HOUR_MS / 12;

fn moment(ms: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// Figures every five minutes under the region's name, as the SDK passes them on.
fn watttime(request: &Request, duration: &str) -> Reply {
    if request.target.contains("forecast") {
        let points: Vec<String> = (0..24)
            .map(|step| {
                format!(
                    r#"{{"location":"CAISO_NORTH","timestamp":"{}","duration":5,"value":{}}}"#,
                    moment(NOW.0 + step * FIVE_MS),
                    400 + step
                )
            })
            .collect();
        return Reply::ok(format!(
            r#"[{{"generatedAt":"{0}","requestedAt":"{0}","location":"westus","dataStartAt":"{0}","dataEndAt":"{0}","windowSize":5,"optimalDataPoints":[],"forecastData":[{1}]}}]"#,
            moment(NOW.0),
            points.join(",")
        ));
    }
    let rows: Vec<String> = (0..72)
        .map(|step| {
            format!(
                r#"{{"location":"CAISO_NORTH","time":"{}","rating":{},"duration":"{duration}"}}"#,
                moment(FROM.0 + step * FIVE_MS),
                300 + step
            )
        })
        .collect();
    Reply::ok(format!("[{}]", rows.join(",")))
}

#[test]
fn figures_under_the_name_of_a_region_are_watttimes_and_marginal() {
    let server = Server::start(|request| watttime(request, "00:05:00"));
    let signal = SITE.ask(&server).signal;
    let series = signal.history("westus", FROM, NOW, NOW).unwrap();
    assert_eq!(
        (series.kind, series.basis.factors, series.step_ms),
        (SignalKind::Marginal, Factors::Direct, FIVE_MS)
    );
    assert_eq!(series.zone, "westus");
    assert_eq!(series.steps[0].marginal_mg_per_kwh, Some(300_000));
    let forecast = signal.forecast("westus", NOW).unwrap().unwrap();
    assert!(forecast.counts_as(&series));
    assert_eq!(forecast.step_ms, FIVE_MS);
}

#[test]
fn durations_of_zero_follow_from_the_times_and_a_single_figure_has_the_sources_step() {
    let server = Server::start(|request| watttime(request, "00:00:00"));
    let series = SITE
        .ask(&server)
        .signal
        .history("westus", FROM, NOW, NOW)
        .unwrap();
    assert_eq!((series.step_ms, series.steps.len()), (FIVE_MS, 72));
    let last = NOW.0 - HOUR_MS;
    for (location, step_ms) in [("CAISO_NORTH", FIVE_MS), ("westus", HOUR_MS)] {
        let server = Server::start(move |_| {
            Reply::ok(format!(
                r#"[{{"location":"{location}","time":"{}","rating":321.5,"duration":"00:00:00"}}]"#,
                moment(last)
            ))
        });
        let signal = SITE.ask(&server).signal;
        let series = signal.history("westus", FROM, NOW, NOW).unwrap();
        assert_eq!((series.step_ms, series.steps.len()), (step_ms, 1));
        assert_eq!(series.steps[0].average_mg_per_kwh, 321_500);
    }
}

#[test]
fn figures_of_two_places_are_refused() {
    let server = Server::start(|request| {
        let mut reply = watttime(request, "00:05:00");
        reply.body = reply.body.replacen("CAISO_NORTH", "PJM_NJ", 1);
        reply
    });
    let error = SITE
        .ask(&server)
        .signal
        .history("westus", FROM, NOW, NOW)
        .unwrap_err();
    assert!(matches!(error, SignalError::Schema { .. }), "{error:?}");
    assert!(
        error.to_string().contains("PJM_NJ and CAISO_NORTH"),
        "{error}"
    );
}

#[test]
fn a_forecast_that_counts_otherwise_is_left_out() {
    let server = Server::start(|request| {
        if request.target.contains("forecast") {
            return watttime(request, "");
        }
        SITE.answer(request, Twist::Nothing)
    });
    let chain = Chain::new(vec![SITE.ask(&server).signal]);
    let answer = chain.outlook("westus", FROM, NOW).unwrap();
    assert_eq!(answer.forecast, None);
    let [(name, error)] = answer.failed.as_slice() else {
        panic!("{:?}", answer.failed);
    };
    assert_eq!(*name, "carbon-aware-sdk");
    assert!(
        error
            .to_string()
            .contains("its forecast is marginal (direct emissions), but its past is average (basis not stated)"),
        "{error}"
    );
}

#[test]
fn what_the_source_behind_it_refuses_is_a_matter_of_its_settings() {
    let body = r#"{"type":null,"title":"WattTimeClientHttpException","status":403,"detail":"Error requesting v3/historical?region=PJM_NJ&signal_type=co2_moer","traceId":"00-x","errors":{}}"#;
    for status in [401, 403] {
        let server = Server::start(move |_| Reply::status(status, body));
        let error = SITE
            .ask(&server)
            .signal
            .history("westus", FROM, NOW, NOW)
            .unwrap_err();
        let told = error.to_string();
        for part in [
            "/emissions/bylocation: the SDK's own source refused it",
            "Error requesting v3/historical?region=PJM_NJ",
            "check the account in the SDK's settings",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
    // An error that the SDK does not explain, and a source without forecasts.
    let server = Server::start(|request| {
        if request.target.contains("forecast") {
            return Reply::status(
                501,
                r#"{"title":"NotImplementedException","status":501,"detail":"x","errors":{}}"#,
            );
        }
        Reply::status(
            500,
            r#"{"title":"InternalServerError","status":500,"errors":{}}"#,
        )
    });
    let signal = SITE.ask(&server).signal;
    assert_eq!(signal.forecast("westus", NOW).unwrap(), None);
    let error = signal.history("westus", FROM, NOW, NOW).unwrap_err();
    assert!(error.is_passing(), "{error:?}");
    assert!(error.to_string().contains("InternalServerError"), "{error}");
}
