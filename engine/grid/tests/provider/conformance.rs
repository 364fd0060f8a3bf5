//! The tests that every provider must pass: it gives correct figures or an error with the reason,
//! and never shows a key.

use std::time::Duration;

use sunward_core::ledger::{Basis, Factors, Flow};
use sunward_core::place::SignalKind;
use sunward_grid::provider::{Provider, Series, SignalError};

use crate::server::{Reply, Request, Server};
use crate::sites::{Asked, FROM, HOUR_MS, NOW, SITES, Site, Twist};

fn history(site: &Site, asked: &Asked) -> Result<Series, SignalError> {
    asked.signal.history(site.zone, FROM, NOW, NOW)
}

/// The result for figures with one mistake.
fn twisted(site: &Site, twist: Twist) -> Result<Series, SignalError> {
    let site = *site;
    let server = Server::start(move |request| site.answer(request, twist));
    history(&site, &site.ask(&server))
}

/// The result if every request after the login gets the same answer.
fn failing(
    site: &Site,
    mut reply: impl FnMut(&Request) -> Reply + Send + 'static,
) -> (SignalError, Vec<Duration>, usize) {
    let site = *site;
    let server = Server::start(move |request| {
        if request.target == "/login" {
            return site.answer(request, Twist::Nothing);
        }
        reply(request)
    });
    let asked = site.ask(&server);
    let error = history(&site, &asked).unwrap_err();
    let waits = asked.waits.lock().unwrap().clone();
    let shown = format!("{error} {error:?} {:?}", asked.signal);
    assert!(!shown.contains("hush"), "a key is shown: {shown}");
    let tries = server
        .requests()
        .iter()
        .filter(|request| request.target != "/login")
        .count();
    (error, waits, tries)
}

#[test]
fn figures_are_what_the_documented_answer_says() {
    for site in SITES {
        let server = Server::start(move |request| site.answer(request, Twist::Nothing));
        let asked = site.ask(&server);
        let series = history(&site, &asked).unwrap_or_else(|error| panic!("{site:?}: {error}"));
        assert_eq!(series.provider, site.provider.word());
        assert!(!series.is_estimated() && !series.stale, "{site:?}");
        let hourly = series.hourly();
        assert_eq!((hourly.first, hourly.end()), (FROM, NOW), "{site:?}");
        for (hour, step) in (0..).zip(&hourly.steps) {
            assert_eq!(step.average_mg_per_kwh, site.expected(hour), "{site:?}");
        }
        let is_marginal = site.provider == Provider::WattTime;
        assert_eq!(series.kind == SignalKind::Marginal, is_marginal);
        assert_eq!(hourly.steps[0].marginal_mg_per_kwh.is_some(), is_marginal);
        for request in server.requests() {
            assert!(site.lets_in(&request), "{site:?}: {request:?}");
        }
    }
}

/// What each provider's figures count.
const fn basis(provider: Provider) -> Basis {
    let (factors, flow) = match provider {
        Provider::ElectricityMaps => (Factors::LifeCycle, Flow::Consumption),
        Provider::WattTime => (Factors::Direct, Flow::Unstated),
        Provider::Uk => (Factors::Direct, Flow::Consumption),
        Provider::CarbonAwareSdk | Provider::OpenAdr => (Factors::Unstated, Flow::Unstated),
        Provider::EntsoE | Provider::Eia => (Factors::LifeCycle, Flow::Generation),
    };
    Basis { factors, flow }
}

#[test]
fn the_past_and_the_forecast_say_what_they_count() {
    for site in SITES {
        let server = Server::start(move |request| site.answer(request, Twist::Nothing));
        let asked = site.ask(&server);
        let expected = basis(site.provider);
        assert_eq!(history(&site, &asked).unwrap().basis, expected, "{site:?}");
        if let Some(forecast) = asked.signal.forecast(site.zone, NOW).unwrap() {
            assert_eq!(forecast.basis, expected, "{site:?}");
        }
    }
}

#[test]
fn a_forecast_begins_now_or_there_is_none() {
    for site in SITES {
        let server = Server::start(move |request| site.answer(request, Twist::Nothing));
        let asked = site.ask(&server);
        let forecast = asked.signal.forecast(site.zone, NOW).unwrap();
        let is_silent = matches!(site.provider, Provider::EntsoE | Provider::Eia);
        assert_eq!(forecast.is_none(), is_silent, "{site:?}");
        if let Some(series) = forecast {
            let hourly = series.hourly();
            assert_eq!((hourly.first, hourly.steps.len()), (NOW, 6), "{site:?}");
            assert_eq!(hourly.steps[0].average_mg_per_kwh, site.expected(6));
            assert_eq!(series.at(NOW.after_ms(90 * 60_000)), Some(&hourly.steps[1]));
        }
    }
}

#[test]
fn a_forecast_of_two_days_ago_is_none() {
    for site in SITES {
        let server = Server::start(move |request| site.answer(request, Twist::Old));
        match site.ask(&server).signal.forecast(site.zone, NOW) {
            Ok(None) | Err(SignalError::Stale { .. }) => {}
            other => panic!("{site:?}: {other:?}"),
        }
    }
}

#[test]
fn a_missing_key_names_its_variable() {
    for site in SITES {
        let server = Server::start(move |request| site.answer(request, Twist::Nothing));
        let needs_none = matches!(site.provider, Provider::Uk | Provider::CarbonAwareSdk);
        match site.ask_with(&server, None) {
            Ok(asked) => {
                assert!(needs_none, "{site:?}");
                assert!(history(&site, &asked).is_ok());
            }
            Err(error) => {
                assert!(!needs_none, "{site:?}");
                let variable = site.provider.variable("KEY");
                assert_eq!(error, SignalError::NoKey { variable });
            }
        }
    }
}

#[test]
fn a_refusal_says_the_status_and_what_was_said_but_no_key() {
    for site in SITES {
        let (error, _, _) = failing(&site, |request| {
            Reply::status(
                401,
                format!(r#"{{"error":"bad key in {}"}}"#, request.target),
            )
        });
        let SignalError::Refused { status, said, .. } = &error else {
            panic!("{site:?}: {error:?}");
        };
        assert_eq!(*status, 401);
        assert!(said.contains("bad key"), "{said}");
        assert!(error.to_string().contains("key is right"), "{error}");
    }
}

#[test]
fn a_zone_that_nobody_knows_is_named() {
    for site in SITES {
        let (error, _, tries) = failing(&site, |_| Reply::status(404, r#"{"message":"no zone"}"#));
        let SignalError::NoZone { zone, what } = &error else {
            panic!("{site:?}: {error:?}");
        };
        assert_eq!((zone.as_str(), tries), (site.zone, 1));
        assert!(what.ends_with("no zone"), "{what}");
    }
}

#[test]
fn who_was_asked_too_often_is_left_alone_for_as_long_as_he_says() {
    for site in SITES {
        let busy = |seconds: &'static str| {
            move |_: &Request| Reply::status(429, "").with("retry-after", seconds)
        };
        let (error, waits, tries) = failing(&site, busy("7"));
        assert_eq!(waits, [Duration::from_secs(7); 2], "{site:?}");
        assert_eq!(tries, 3);
        assert!(matches!(
            error,
            SignalError::TooOften {
                retry_after_ms: Some(7000),
                ..
            }
        ));
        let (error, waits, tries) = failing(&site, busy("600"));
        assert!(waits.is_empty(), "longer than anybody's patience");
        assert_eq!(tries, 1);
        assert!(error.to_string().contains("600 s"), "{error}");
        let (_, waits, _) = failing(&site, busy("Sat, 02 Mar 2024 12:00:09 GMT"));
        assert_eq!(waits, [Duration::from_secs(9); 2], "{site:?}");
    }
}

#[test]
fn trouble_of_the_providers_own_is_waited_out_a_few_times() {
    for site in SITES {
        let (error, waits, tries) = failing(&site, |_| Reply::status(500, "oops"));
        assert!(matches!(error, SignalError::Refused { status: 500, .. }));
        assert!(error.is_passing());
        assert_eq!((waits.len(), tries), (2, 3), "{site:?}");
        // If the failure passes, the answer is used.
        let mut count = 0;
        let server = Server::start(move |request| {
            count += 1;
            if count == 1 {
                return Reply::status(503, "");
            }
            site.answer(request, Twist::Nothing)
        });
        assert!(history(&site, &site.ask(&server)).is_ok(), "{site:?}");
    }
}

#[test]
fn a_web_page_is_no_answer() {
    for site in SITES {
        let (error, _, tries) = failing(&site, |_| {
            Reply::ok("<!DOCTYPE html><html><p>Log in</html>").with("content-type", "text/html")
        });
        assert!(matches!(error, SignalError::NotJson { .. }), "{error:?}");
        assert!(error.to_string().contains("a web page"), "{error}");
        assert_eq!(tries, 1);
    }
}

#[test]
fn half_an_answer_is_none() {
    for site in SITES {
        let whole = move |request: &Request| site.answer(request, Twist::Nothing);
        let (error, _, tries) = failing(&site, move |request| {
            let mut reply = whole(request);
            reply.body.truncate(reply.body.len() / 2);
            reply
        });
        assert!(matches!(error, SignalError::Schema { .. }), "{error:?}");
        assert!(error.to_string().contains("in the middle"), "{error}");
        assert_eq!(tries, 1);
        let (error, _, tries) = failing(&site, move |request| Reply {
            cut_bytes: 9,
            ..whole(request)
        });
        assert!(matches!(error, SignalError::Down { .. }), "{error:?}");
        assert_eq!(tries, 3, "the line was cut: it may do better");
    }
}

#[test]
fn no_more_is_read_than_a_true_answer_has() {
    for site in SITES {
        let (error, _, tries) = failing(&site, |_| Reply::ok("[".repeat(200_000)));
        assert!(
            matches!(
                error,
                SignalError::TooLarge {
                    limit_bytes: 60_000,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(tries, 1);
    }
}

#[test]
fn nobody_is_followed_elsewhere() {
    for site in SITES {
        let other = Server::start(|_| Reply::ok("{}"));
        let address = other.address();
        let (error, _, tries) = failing(&site, move |_| {
            Reply::status(302, "").with("location", &address)
        });
        let SignalError::Elsewhere { target, .. } = &error else {
            panic!("{site:?}: {error:?}");
        };
        assert_eq!((target.as_str(), tries), ("127.0.0.1", 1));
        assert!(other.requests().is_empty());
    }
}

#[test]
fn nobody_there_is_said_with_his_host() {
    for site in SITES {
        let server = Server::start(|_| Reply::ok(""));
        let address = server.address();
        let asked = site.ask(&server);
        drop(server);
        let error = history(&site, &asked).unwrap_err();
        assert!(matches!(error, SignalError::Down { .. }), "{error:?}");
        assert!(error.to_string().contains(&address[7..]), "{error}");
    }
}

#[test]
fn an_answer_about_two_days_ago_is_stale() {
    for site in SITES {
        let error = twisted(&site, Twist::Old).unwrap_err();
        let SignalError::Stale { newest } = error else {
            panic!("{site:?}: {error:?}");
        };
        assert_eq!(newest.unwrap().0, NOW.0 - 48 * HOUR_MS, "{site:?}");
    }
}

#[test]
fn another_shape_or_unit_is_refused() {
    for site in SITES {
        for twist in [Twist::Renamed, Twist::Unit] {
            let error = twisted(&site, twist).unwrap_err();
            assert!(
                matches!(error, SignalError::Schema { .. }),
                "{site:?} {twist:?}: {error:?}"
            );
        }
    }
}

#[test]
fn figures_beyond_reason_are_refused() {
    for site in SITES {
        for twist in [Twist::Absurd, Twist::Negative] {
            let error = twisted(&site, twist).unwrap_err();
            assert!(
                matches!(error, SignalError::Absurd { .. }),
                "{site:?} {twist:?}: {error:?}"
            );
        }
    }
}

#[test]
fn a_short_gap_is_filled_and_flagged() {
    for site in SITES {
        let hourly = twisted(&site, Twist::Gap).unwrap().hourly();
        let flags: Vec<bool> = hourly.steps.iter().map(|step| step.estimated).collect();
        assert_eq!(flags, [false, false, false, true, false, false], "{site:?}");
        let filled = hourly.steps[3].average_mg_per_kwh;
        // It is between its neighbors. Five-minute figures are filled from nearer ones.
        let (low, high) = (site.expected(2), site.expected(4));
        assert!((low..=high).contains(&filled), "{site:?}: {filled}");
    }
}

#[test]
fn what_the_provider_estimated_is_flagged() {
    for site in SITES {
        let hourly = twisted(&site, Twist::Estimated).unwrap().hourly();
        let flags: Vec<bool> = hourly.steps.iter().map(|step| step.estimated).collect();
        // A Carbon Aware SDK does not report this.
        let says = site.provider != Provider::CarbonAwareSdk;
        assert_eq!(flags, [false, says, false, false, false, false], "{site:?}");
    }
}
