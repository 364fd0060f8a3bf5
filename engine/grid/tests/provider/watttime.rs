//! `WattTime`: regions by place, and what an account may ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_grid::provider::{
    Client, GridSignal, Limits, Options, Point, Points, Provider, SignalError,
};

use crate::server::{Reply, Request, Server};
use crate::sites::{FROM, KEY, NOW, SITES, Site, Twist};

const SITE: Site = SITES[1];

/// The access of a new account, in the shape of the documentation.
const ACCESS: &str = r#"{"signal_types":[
    {"signal_type":"co2_moer","regions":[
        {"region":"CAISO_NORTH","region_full_name":"California ISO Northern","parent":"CAISO","data_point_period_seconds":300,
         "endpoints":[
            {"endpoint":"v3/forecast","models":[{"model":"2023-03-01","data_start":"2022-01-01","train_start":null,"train_end":null}]},
            {"endpoint":"v3/historical","models":[{"model":"2023-03-01","data_start":"2020-01-01","train_start":null,"train_end":null,"type":"binned_regression"}]}]}]},
    {"signal_type":"health_damage","regions":[
        {"region":"PJM_NJ","region_full_name":"PJM New Jersey","parent":"PJM","data_point_period_seconds":300,
         "endpoints":[{"endpoint":"v3/historical","models":[]}]}]}]}"#;

fn signal(server: &Server, named: &[(&str, (f64, f64))]) -> Box<dyn GridSignal> {
    let named: BTreeMap<String, Point> = named
        .iter()
        .map(|(zone, (north, east))| ((*zone).to_owned(), Point::at(*north, *east).unwrap()))
        .collect();
    let options = Options {
        points: Points::new(named),
        ..Options::default()
    };
    let client = Client::new(Limits::default(), Box::new(|_| {})).unwrap();
    let access = SITE.access(server, Some(KEY)).with(options);
    access
        .signal(Provider::WattTime, &Arc::new(client))
        .unwrap()
}

/// Answers about any region, and looks up `region` for any place.
fn answer(request: &Request, region: &str) -> Reply {
    if request.target.starts_with("/v3/region-from-loc") {
        return Reply::ok(format!(
            r#"{{"region":"{region}","region_full_name":"x","signal_type":"co2_moer"}}"#
        ));
    }
    if request.target.starts_with("/v3/my-access") {
        return Reply::ok(ACCESS);
    }
    let asked = request.parameter("region").unwrap_or_default().to_owned();
    let mut reply = SITE.answer(request, Twist::Nothing);
    reply.body = reply.body.replace("CAISO_NORTH", &asked);
    reply
}

fn paths(server: &Server) -> Vec<String> {
    let requests = server.requests().into_iter();
    requests
        .map(|one| one.target.split('?').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_zone_is_looked_up_by_its_place_once() {
    let server = Server::start(|request| answer(request, "DE"));
    let signal = signal(&server, &[]);
    for _ in 0..2 {
        let series = signal.history("DE", FROM, NOW, NOW).unwrap();
        assert_eq!(series.zone, "DE");
    }
    assert_eq!(
        paths(&server),
        [
            "/login",
            "/v3/region-from-loc",
            "/v3/historical",
            "/v3/historical"
        ]
    );
    let asked = &server.requests()[1];
    assert_eq!(asked.parameter("latitude"), Some("52.520"));
    assert_eq!(asked.parameter("longitude"), Some("13.410"));
    assert_eq!(asked.parameter("signal_type"), Some("co2_moer"));
}

#[test]
fn a_place_may_be_named_or_be_the_zone_itself_and_other_names_are_regions() {
    for (zone, named, latitude) in [
        ("DE", Some((48.1, 11.6)), Some("48.100")),
        ("37.77,-122.42", None, Some("37.770")),
        ("PJM_NJ", None, None),
    ] {
        let server = Server::start(|request| answer(request, "SOMEWHERE"));
        let named: Vec<(&str, (f64, f64))> = named.map(|point| (zone, point)).into_iter().collect();
        let signal = signal(&server, &named);
        signal.history(zone, FROM, NOW, NOW).unwrap();
        let requests = server.requests();
        let lookup = requests
            .iter()
            .find(|one| one.target.starts_with("/v3/region-from-loc"));
        let told = lookup.map(|one| one.parameter("latitude").unwrap());
        assert_eq!(told, latitude, "{zone}");
        let region = requests.last().unwrap().parameter("region").unwrap();
        let expected = if latitude.is_some() {
            "SOMEWHERE"
        } else {
            zone
        };
        assert_eq!(region, expected);
    }
}

#[test]
fn a_place_without_a_region_is_told_with_what_to_do() {
    for status in [400, 404] {
        let server = Server::start(move |request| {
            if request.target.starts_with("/v3/region-from-loc") {
                return Reply::status(
                    status,
                    r#"{"error":"Coordinates not found","message":"Coordinates not found"}"#,
                );
            }
            answer(request, "")
        });
        let error = signal(&server, &[])
            .history("ZA", FROM, NOW, NOW)
            .unwrap_err();
        let SignalError::NoZone { zone, what } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(zone, "ZA");
        assert!(what.contains("Coordinates not found"), "{what}");
    }
}

#[test]
fn a_region_outside_the_plan_is_told_with_what_the_plan_covers() {
    let server = Server::start(|request| {
        if request.parameter("region").is_some() {
            return Reply::status(403, r#"{"error":"INVALID_SCOPE","message":"no access"}"#);
        }
        answer(request, "DE")
    });
    let signal = signal(&server, &[]);
    let error = signal.history("DE", FROM, NOW, NOW).unwrap_err();
    let told = error.to_string();
    for part in [
        "/v3/historical for region DE knows the key",
        "its plan does not cover this request: no access",
        "it covers only the region CAISO_NORTH",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("hush"), "{told}");
}

#[test]
fn what_an_account_may_ask_for_is_told_in_words() {
    let server = Server::start(|request| answer(request, "DE"));
    let covers = signal(&server, &[]).covers(NOW).unwrap();
    assert_eq!(covers.as_deref(), Some("only the region CAISO_NORTH"));
    assert_eq!(paths(&server), ["/login", "/v3/my-access"]);
    // Regions that may be asked for their past alone.
    let server = Server::start(|request| {
        let mut reply = answer(request, "DE");
        reply.body = reply.body.replace("v3/forecast", "v3/maps");
        reply
    });
    let covers = signal(&server, &[]).covers(NOW).unwrap();
    assert_eq!(
        covers.as_deref(),
        Some("only the region CAISO_NORTH for the past, and no region for forecasts")
    );
}

#[test]
fn a_wrong_password_is_told_whatever_its_status() {
    for status in [401, 403] {
        let server = Server::start(move |_| Reply::status(status, r#"{"error":"forbidden"}"#));
        let error = signal(&server, &[])
            .history("DE", FROM, NOW, NOW)
            .unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with("$SUNWARD_WATTTIME_KEY: "), "{told}");
        assert!(told.contains("expected user:password"), "{told}");
        assert!(!told.contains("hush"), "{told}");
    }
}
