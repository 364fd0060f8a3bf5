//! Electricity Maps: two versions, plans, kinds of factors, estimates and prices.

use std::sync::Arc;

use sunward_core::ledger::{Basis, Factors, Flow};
use sunward_grid::provider::{
    Access, ApiVersion, Client, ElectricityMapsOptions, GridSignal, Kept, Limits, Options,
    Provider, SignalError,
};

use crate::server::{Reply, Request, Server};
use crate::sites::{FROM, HOUR_MS, NOW, SITES, Site, Twist};

const SITE: Site = SITES[0];

/// The refusal of a key that is known, in the provider's words.
const NOT_COVERED: &str = r#"{"error":"Request unauthorized for zoneKey=DE,requestType=past-range,dataType=carbon-intensity.","message":"You do not have access to this specific endpoint for this specific zone. Please visit https://help.electricitymaps.com if this is a mistake"}"#;

/// The refusal of a key that nobody knows.
const WRONG_KEY: &str = r#"{"error":"Invalid auth-token"}"#;

fn signal(server: &Server, options: ElectricityMapsOptions) -> Box<dyn GridSignal> {
    let client = Client::new(Limits::default(), Box::new(|_| {})).unwrap();
    let options = Options {
        electricity_maps: options,
        ..Options::default()
    };
    let access = SITE.access(server, Some("hush")).with(options);
    access
        .signal(Provider::ElectricityMaps, &Arc::new(client))
        .unwrap()
}

fn usual() -> ElectricityMapsOptions {
    ElectricityMapsOptions::default()
}

fn answer(request: &Request) -> Reply {
    SITE.answer(request, Twist::Nothing)
}

#[test]
fn version_four_is_asked_by_default_and_three_if_it_is_chosen() {
    for (version, path) in [(ApiVersion::V4, "/v4/"), (ApiVersion::V3, "/v3/")] {
        let server = Server::start(answer);
        let options = ElectricityMapsOptions { version, ..usual() };
        let signal = signal(&server, options);
        signal.history("DE", FROM, NOW, NOW).unwrap();
        signal.forecast("DE", NOW).unwrap().unwrap();
        for request in server.requests() {
            assert!(request.target.starts_with(path), "{request:?}");
            assert_eq!(request.parameter("disableCallerLookup"), Some("true"));
            assert_eq!(request.parameter("temporalGranularity"), Some("hourly"));
            assert_eq!(request.parameter("emissionFactorType"), Some("lifecycle"));
        }
    }
    assert_eq!(usual().version, ApiVersion::V4);
}

#[test]
fn a_key_without_the_plan_is_told_apart_from_a_wrong_key() {
    for status in [401, 403] {
        let server = Server::start(move |_| Reply::status(status, NOT_COVERED));
        let error = signal(&server, usual())
            .history("DE", FROM, NOW, NOW)
            .unwrap_err();
        assert!(matches!(error, SignalError::NotCovered { .. }), "{error:?}");
        let told = error.to_string();
        for part in [
            "/v4/carbon-intensity/history knows the key, but its plan does not cover",
            "You do not have access to this specific endpoint",
            "use another plan",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!error.is_passing());
        // The last day is asked for before it gives up.
        assert_eq!(server.requests().len(), 2);
    }
    let server = Server::start(|_| Reply::status(401, WRONG_KEY));
    let error = signal(&server, usual())
        .history("DE", FROM, NOW, NOW)
        .unwrap_err();
    assert!(
        matches!(error, SignalError::Refused { status: 401, .. }),
        "{error:?}"
    );
    let told = error.to_string();
    assert!(told.contains("Invalid auth-token"), "{told}");
    assert!(told.contains("check that the key is right"), "{told}");
    assert_eq!(server.requests().len(), 1, "a wrong key is not tried again");
}

#[test]
fn a_plan_without_the_past_or_the_forecast_still_gives_the_last_day() {
    let server = Server::start(|request| {
        if request.target.contains("/history") {
            // Version 4 names no list as version 3 does, and states the granularity once.
            let mut reply = answer(request);
            reply.body = reply
                .body
                .replace(r#","temporalGranularity":"hourly""#, "")
                .replacen(
                    r#"{"zone":"DE","data""#,
                    r#"{"zone":"DE","temporalGranularity":"hourly","history""#,
                    1,
                );
            return reply;
        }
        Reply::status(401, NOT_COVERED)
    });
    let signal = signal(&server, usual());
    let from = sunward_core::Timestamp(NOW.0 - 30 * 24 * HOUR_MS);
    let series = signal.history("DE", from, NOW, NOW).unwrap();
    assert_eq!((series.first, series.end()), (FROM, NOW));
    assert_eq!(signal.forecast("DE", NOW).unwrap(), None);
    assert_eq!(signal.prices("DE", FROM, NOW, NOW).unwrap(), None);
}

#[test]
fn the_minimal_rows_of_a_forecast_suffice() {
    let server = Server::start(|request| {
        let rows: Vec<String> = (0..6)
            .map(|hour| {
                let at = jiff::Timestamp::from_millisecond(
                    i64::try_from(NOW.0 + hour * HOUR_MS).unwrap(),
                );
                format!(
                    r#"{{"carbonIntensity":{},"datetime":"{}"}}"#,
                    70 + hour,
                    at.unwrap()
                )
            })
            .collect();
        assert_eq!(request.parameter("horizonHours"), Some("72"));
        Reply::ok(format!(
            r#"{{"zone":"DE","forecast":[{}]}}"#,
            rows.join(",")
        ))
    });
    let series = signal(&server, usual()).forecast("DE", NOW).unwrap();
    let series = series.unwrap();
    assert_eq!((series.first, series.steps.len()), (NOW, 6));
    assert_eq!(series.issued_at, NOW);
    assert!(!series.is_estimated());
}

#[test]
fn direct_factors_are_asked_for_and_told() {
    let server = Server::start(|request| {
        assert_eq!(request.parameter("emissionFactorType"), Some("direct"));
        SITE.answer(request, Twist::Unit)
    });
    let options = ElectricityMapsOptions {
        is_direct: true,
        ..usual()
    };
    let signal = signal(&server, options);
    let expected = Basis {
        factors: Factors::Direct,
        flow: Flow::Consumption,
    };
    assert_eq!(
        signal.history("DE", FROM, NOW, NOW).unwrap().basis,
        expected
    );
    let forecast = signal.forecast("DE", NOW).unwrap().unwrap();
    assert_eq!(forecast.basis, expected);
    // Life-cycle figures are refused where direct ones were asked for.
    let other = Server::start(answer);
    let error = self::signal(&other, options)
        .history("DE", FROM, NOW, NOW)
        .unwrap_err();
    assert!(
        error.to_string().contains("direct was requested"),
        "{error}"
    );
}

#[test]
fn without_estimates_an_estimated_hour_is_missing() {
    let server = Server::start(|request| {
        assert_eq!(request.parameter("disableEstimations"), Some("true"));
        SITE.answer(request, Twist::Estimated)
    });
    let options = ElectricityMapsOptions {
        with_estimates: false,
        ..usual()
    };
    let signal = signal(&server, options);
    let series = signal.history("DE", FROM, NOW, NOW).unwrap();
    // It is filled in between its neighbors, and flagged.
    assert!(series.steps[1].estimated);
    assert_eq!(series.steps[1].average_mg_per_kwh, SITE.expected(1));
    assert_eq!(signal.kept_as(), "electricity-maps-v4-lifecycle-measured");
}

#[test]
fn finer_figures_than_hours_are_averaged_and_coarser_ones_refused() {
    let with = |granularity: &'static str| {
        let server = Server::start(move |request| {
            let mut reply = answer(request);
            reply.body = reply.body.replace("hourly", granularity);
            if granularity == "15_minutes" {
                for (hour, quarter) in [
                    ("07:00", "06:15"),
                    ("08:00", "06:30"),
                    ("09:00", "06:45"),
                    ("10:00", "07:00"),
                ] {
                    reply.body = reply.body.replace(
                        &format!(r#""datetime":"2024-03-02T{hour}"#),
                        &format!(r#""datetime":"2024-03-02T{quarter}"#),
                    );
                }
            }
            reply
        });
        let until = FROM.after_ms(HOUR_MS);
        signal(&server, usual()).history("DE", FROM, until, NOW)
    };
    let series = with("15_minutes").unwrap();
    assert_eq!(series.step_ms, HOUR_MS / 4);
    assert_eq!(series.hourly().steps[0].average_mg_per_kwh, 115_000);
    let error = with("daily").unwrap_err();
    assert!(
        error.to_string().contains("temporalGranularity is daily"),
        "{error}"
    );
}

#[test]
fn the_invented_figures_of_a_sandbox_key_are_refused() {
    let server = Server::start(|request| {
        let mut reply = answer(request);
        reply.body = reply.body.replace(
            r#""estimationMethod":null"#,
            r#""estimationMethod":"SANDBOX_MODE_DATA""#,
        );
        reply
    });
    let error = signal(&server, usual())
        .history("DE", FROM, NOW, NOW)
        .unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("$SUNWARD_ELECTRICITY_MAPS_KEY: is a sandbox key"),
        "{told}"
    );
}

#[test]
fn figures_of_another_choice_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| {
        let twist = match request.parameter("emissionFactorType") {
            Some("direct") => Twist::Unit,
            _ => Twist::Nothing,
        };
        SITE.answer(request, twist)
    });
    for is_direct in [false, true, false] {
        let options = ElectricityMapsOptions {
            is_direct,
            ..usual()
        };
        let kept = Kept::new(signal(&server, options), "here", folder.path());
        let series = kept.forecast("DE", NOW).unwrap().unwrap();
        let is_told = series.basis.factors == Factors::Direct;
        assert_eq!(is_told, is_direct);
    }
    assert_eq!(server.requests().len(), 2, "the third answer was kept");
}

#[test]
fn access_without_a_choice_is_that_of_the_documentation() {
    let access = Access::default();
    assert!(!access.names(Provider::ElectricityMaps));
    let server = Server::start(answer);
    assert!(SITE.access(&server, None).names(Provider::ElectricityMaps));
}
