//! Peculiarities of single providers.

use std::sync::Arc;
use std::time::Duration;

use sunward_core::Timestamp;
use sunward_grid::provider::{Access, Client, Limits, Provider, SignalError};

use crate::server::{Reply, Server};
use crate::sites::{FROM, HOUR_MS, NOW, SITES, Site, Twist};

fn site(provider: Provider) -> Site {
    SITES
        .into_iter()
        .find(|site| site.provider == provider)
        .unwrap()
}

#[test]
fn watttime_logs_in_once_and_again_when_its_token_ends() {
    let site = site(Provider::WattTime);
    let server = Server::start(move |request| site.answer(request, Twist::Nothing));
    let asked = site.ask(&server);
    let ask = |now: Timestamp| asked.signal.history(site.zone, FROM, NOW, now);
    ask(NOW).unwrap();
    ask(NOW.after_ms(24 * 60_000)).unwrap();
    let logins = || {
        let all = server.requests();
        all.iter().filter(|one| one.target == "/login").count()
    };
    assert_eq!(logins(), 1);
    ask(NOW.after_ms(26 * 60_000)).unwrap();
    assert_eq!(logins(), 2);
}

#[test]
fn watttime_logs_in_anew_when_the_token_is_refused() {
    let site = site(Provider::WattTime);
    let mut refused = false;
    let server = Server::start(move |request| {
        if request.target != "/login" && !refused {
            refused = true;
            return Reply::status(401, "");
        }
        site.answer(request, Twist::Nothing)
    });
    assert!(
        site.ask(&server)
            .signal
            .history(site.zone, FROM, NOW, NOW)
            .is_ok()
    );
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_free_key_of_electricity_maps_gives_the_last_day() {
    let site = site(Provider::ElectricityMaps);
    let server = Server::start(move |request| {
        if request.target.contains("past-range") {
            return Reply::status(403, "not in your plan");
        }
        site.answer(request, Twist::Nothing)
    });
    let from = Timestamp(NOW.0 - 30 * 24 * HOUR_MS);
    let asked = site.ask(&server);
    let series = asked.signal.history(site.zone, from, NOW, NOW).unwrap();
    assert_eq!(series.first, FROM);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn long_spans_are_asked_for_in_parts() {
    for (site, parts) in SITES.into_iter().zip([4, 1, 3, 4, 1, 4]) {
        let server = Server::start(move |request| site.answer(request, Twist::Nothing));
        let from = Timestamp(NOW.0 - 31 * 24 * HOUR_MS);
        let asked = site.ask(&server);
        asked.signal.history(site.zone, from, NOW, NOW).unwrap();
        let all = server.requests();
        let count = all.iter().filter(|one| one.target != "/login").count();
        assert_eq!(count, parts, "{site:?}");
    }
}

#[test]
fn the_united_kingdom_is_one_zone() {
    let site = site(Provider::Uk);
    let server = Server::start(move |request| site.answer(request, Twist::Nothing));
    let asked = site.ask(&server);
    let error = asked.signal.history("DE", FROM, NOW, NOW).unwrap_err();
    assert!(error.to_string().contains("covers only GB"), "{error}");
    assert!(server.requests().is_empty());
}

/// `quantities` with their positions in quarters of an hour, on a curve of a type.
fn entsoe(curve: &str, quantities: &[(u32, u32)]) -> String {
    let points: String = quantities
        .iter()
        .map(|(at, megawatts)| {
            format!("<Point><position>{at}</position><quantity>{megawatts}</quantity></Point>")
        })
        .collect();
    let series = |code: &str, points: &str| {
        format!(
            "<TimeSeries><inBiddingZone_Domain.mRID>x</inBiddingZone_Domain.mRID><quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>{curve}</curveType><MktPSRType><psrType>{code}</psrType></MktPSRType><Period><timeInterval><start>2024-03-02T10:00Z</start><end>2024-03-02T12:00Z</end></timeInterval><resolution>PT15M</resolution>{points}</Period></TimeSeries>"
        )
    };
    let steady: String = (1..9)
        .map(|at| format!("<Point><position>{at}</position><quantity>10</quantity></Point>"))
        .collect();
    format!(
        "<GL_MarketDocument>{}{}</GL_MarketDocument>",
        series("B04", &points),
        series("B19", &steady)
    )
}

#[test]
fn points_that_a_curve_leaves_out_are_as_the_one_before() {
    let site = site(Provider::EntsoE);
    // Gas stands at 10 MW for an hour and a half, then at 30.
    let server = Server::start(|_| Reply::ok(entsoe("A03", &[(1, 10), (7, 30)])));
    let series = site
        .ask(&server)
        .signal
        .history("DE", FROM, NOW, NOW)
        .unwrap();
    let values: Vec<u32> = series
        .steps
        .iter()
        .map(|step| step.average_mg_per_kwh)
        .collect();
    // (490 * 10 + 11 * 10) / 20, and (490 * 20 + 11 * 10) / 30.
    assert_eq!(values, [250_500, 330_333]);
    // On another curve these values are missing, and an hour without its gas is unknown.
    let server = Server::start(|_| Reply::ok(entsoe("A01", &[(1, 10), (7, 30)])));
    let error = site
        .ask(&server)
        .signal
        .history("DE", FROM, NOW, NOW)
        .unwrap_err();
    assert_eq!(error, SignalError::Stale { newest: None });
}

#[test]
fn entsoe_says_that_there_is_nothing_or_why_not() {
    let site = site(Provider::EntsoE);
    let told = |status: u16, text: &'static str| {
        let server = Server::start(move |_| {
            let body = format!(
                "<Acknowledgement_MarketDocument><Reason><code>999</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>"
            );
            Reply::status(status, body)
        });
        let asked = site.ask(&server);
        asked.signal.history("DE", FROM, NOW, NOW).unwrap_err()
    };
    for status in [200, 400] {
        assert_eq!(
            told(status, "No matching data found for Data item x"),
            SignalError::Stale { newest: None }
        );
        let error = told(status, "The period is too long");
        assert!(
            error.to_string().contains("The period is too long"),
            "{error}"
        );
    }
}

#[test]
fn who_is_silent_is_not_waited_for_without_end() {
    let site = site(Provider::Uk);
    // The system accepts connections, but there is never an answer.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let limits = Limits {
        total: Duration::from_millis(50),
        ..Limits::default()
    };
    let client = Arc::new(Client::new(limits, Box::new(|_| {})).unwrap());
    let access = Access::default().or_at(Provider::Uk, &address);
    let signal = access.signal(Provider::Uk, &client).unwrap();
    let error = signal.history(site.zone, FROM, NOW, NOW).unwrap_err();
    assert!(
        matches!(error, SignalError::Slow { limit_ms: 50, .. }),
        "{error:?}"
    );
    assert!(error.is_passing());
}

#[test]
fn who_speaks_no_tls_is_refused_and_nothing_panics() {
    let server = Server::start(|_| Reply::ok("{}"));
    let address = server.address().replace("http:", "https:");
    let client = Arc::new(Client::new(Limits::default(), Box::new(|_| {})).unwrap());
    let access = Access::default().or_at(Provider::Uk, &address);
    let signal = access.signal(Provider::Uk, &client).unwrap();
    let error = signal.history("GB", FROM, NOW, NOW).unwrap_err();
    assert!(matches!(error, SignalError::Down { .. }), "{error:?}");
}

#[test]
fn periods_without_end_are_refused() {
    let site = site(Provider::EntsoE);
    let server = Server::start(|_| {
        let text = entsoe("A03", &[(1, 10)]);
        Reply::ok(text.replace("<start>2024", "<start>1984"))
    });
    let asked = site.ask(&server);
    let error = asked.signal.history("DE", FROM, NOW, NOW).unwrap_err();
    assert!(error.to_string().contains("points"), "{error}");
}

#[test]
fn an_address_that_is_none_is_refused_with_its_variable() {
    let client = Arc::new(Client::new(Limits::default(), Box::new(|_| {})).unwrap());
    for address in [
        "here",
        "ftp://here",
        "https://me:hush@here",
        "https://here?key=hush",
    ] {
        let access = Access::default().or_at(Provider::Uk, address);
        let error = access
            .signal(Provider::Uk, &client)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("$SUNWARD_UK_URL: "), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    let error = Access::default().signal(Provider::CarbonAwareSdk, &client);
    assert!(error.unwrap_err().to_string().contains("no public address"));
}

#[test]
fn eia_is_read_page_by_page() {
    let site = site(Provider::Eia);
    let server = Server::start(move |request| {
        let mut reply = site.answer(request, Twist::Nothing);
        let text = reply.body.clone();
        let (head, rows) = text.split_once(r#""data":["#).unwrap();
        let (rows, tail) = rows.split_once(']').unwrap();
        let all: Vec<&str> = rows.split_inclusive("},").collect();
        let from: usize = request.parameter("offset").unwrap().parse().unwrap();
        let page = all[from..].iter().take(7).copied().collect::<String>();
        let page = page.trim_end_matches(',');
        reply.body = format!(r#"{head}"data":[{page}]{tail}"#);
        reply
    });
    let asked = site.ask(&server);
    let series = asked.signal.history(site.zone, FROM, NOW, NOW).unwrap();
    assert_eq!(series.steps.len(), 6);
    assert_eq!(server.requests().len(), 3, "18 rows by 7");
}
