//! A site's OpenADR server: its tokens, its pages, and answers that have not changed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sunward_core::{Measure, Timestamp};
use sunward_grid::provider::openadr::Vtn;
use sunward_grid::provider::{Access, Client, Limits, OpenAdrOptions, Options, SignalError};

use crate::server::{Reply, Request, Server};

/// 2026-03-01T12:00:00Z.
const NOW: Timestamp = Timestamp(1_772_366_400_000);

const PROGRAMS: &str = r#"[{"id":"p1","programName":"site-dr"}]"#;

fn vtn(server: &Server, key: Option<&str>, options: OpenAdrOptions) -> Vtn {
    let address = server.address();
    let access = Access::read(|name| match name {
        "SUNWARD_OPENADR_KEY" => key.map(str::to_owned),
        "SUNWARD_OPENADR_URL" => Some(format!("{address}/openadr3/3.1.0/")),
        _ => None,
    });
    let access = access.unwrap().with(Options {
        openadr: options,
        ..Options::default()
    });
    let limits = Limits {
        tries: 1,
        ..Limits::default()
    };
    let client = Client::new(limits, Box::new(|_| {})).unwrap();
    access.vtn(&Arc::new(client)).unwrap()
}

fn event(id: usize) -> String {
    format!(
        r#"{{"id":"e{id}","programID":"p1","intervals":[{{"payloads":[{{"type":"IMPORT_CAPACITY_LIMIT","values":[{}]}}]}}]}}"#,
        1000 - id
    )
}

fn path(request: &Request) -> &str {
    let target = request.target.split('?').next().unwrap_or_default();
    target.strip_prefix("/openadr3/3.1.0").unwrap_or(target)
}

#[test]
fn all_pages_are_read() {
    let events: Vec<String> = (0..120).map(event).collect();
    let server = Server::start(move |request| match path(request) {
        "/programs" => Reply::ok(PROGRAMS),
        "/events" => {
            let number = |name| request.parameter(name).unwrap().parse::<usize>().unwrap();
            let (skip, limit) = (number("skip"), number("limit"));
            let page: Vec<&str> = events
                .iter()
                .skip(skip)
                .take(limit)
                .map(String::as_str)
                .collect();
            Reply::ok(format!("[{}]", page.join(",")))
        }
        other => panic!("{other}"),
    });
    let told = vtn(&server, None, OpenAdrOptions::default())
        .events(NOW)
        .unwrap();
    // Of equally urgent limits without end, the least counts.
    let [one] = told.asked.as_slice() else {
        panic!("{:?}", told.asked);
    };
    let milliwatts = 881_000_000;
    assert_eq!(one.measure, Measure::Cap { milliwatts });
    assert_eq!((one.program.as_str(), one.until), ("site-dr", None));
    let targets: Vec<String> = server
        .requests()
        .iter()
        .map(|one| path(one).to_owned())
        .collect();
    assert_eq!(targets, ["/events", "/events", "/events", "/programs"]);
}

#[test]
fn a_list_that_has_not_changed_is_not_sent_again() {
    let tag = Arc::new(Mutex::new("\"1\""));
    let current = Arc::clone(&tag);
    let server = Server::start(move |request| {
        let tag = *current.lock().unwrap();
        match path(request) {
            "/programs" => Reply::ok(PROGRAMS),
            _ if request.has_header(&format!("if-none-match: {tag}")) => Reply::status(304, ""),
            _ if tag == "\"1\"" => Reply::ok(format!("[{}]", event(1))).with("etag", tag),
            _ => Reply::ok("[]").with("etag", tag),
        }
    });
    let vtn = vtn(&server, Some("secret-token"), OpenAdrOptions::default());
    for _ in 0..3 {
        assert_eq!(vtn.events(NOW).unwrap().asked.len(), 1);
    }
    *tag.lock().unwrap() = "\"2\"";
    assert_eq!(vtn.events(NOW).unwrap().asked.len(), 0, "deleted");
    let requests = server.requests();
    assert_eq!(requests.len(), 5, "the programs are asked for once");
    let bearer = "authorization: Bearer secret-token";
    assert!(requests.iter().all(|one| one.has_header(bearer)));
}

#[test]
fn a_client_gets_a_token_where_the_server_says_and_a_new_one_when_that_is_taken_back() {
    let given = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&given);
    let server = Server::start(move |request| {
        let newest = counts.load(Ordering::SeqCst);
        match path(request) {
            "/auth/server" => Reply::ok(r#"{"tokenURL":"/oauth/token"}"#),
            "/oauth/token" => {
                let number = counts.fetch_add(1, Ordering::SeqCst) + 1;
                Reply::ok(format!(
                    r#"{{"access_token":"t{number}","expires_in":3600}}"#
                ))
            }
            // The first token is taken back at once.
            _ if newest < 2 || !request.has_header("authorization: Bearer t2") => {
                Reply::status(401, "")
            }
            "/programs" => Reply::ok(PROGRAMS),
            _ => Reply::ok("[]"),
        }
    });
    let vtn = vtn(&server, Some("lab-7:hush"), OpenAdrOptions::default());
    for _ in 0..2 {
        vtn.events(NOW).unwrap();
    }
    assert_eq!(given.load(Ordering::SeqCst), 2);
    // An hour later it has expired.
    let later = NOW.after_ms(3_600_000);
    assert!(vtn.events(later).is_err(), "the third is refused too");
    assert!(given.load(Ordering::SeqCst) > 2);
}

#[test]
fn credentials_are_sent_to_another_host_only_over_an_encrypted_connection() {
    let server = Server::start(|request| match path(request) {
        "/auth/server" => Reply::ok(r#"{"tokenURL":"http://elsewhere.example/token"}"#),
        other => panic!("{other}"),
    });
    let vtn = vtn(&server, Some("lab-7:hush"), OpenAdrOptions::default());
    let error = vtn.events(NOW).unwrap_err();
    assert!(matches!(error, SignalError::Elsewhere { .. }), "{error}");
    assert!(!error.to_string().contains("hush"));
}

#[test]
fn a_program_that_is_not_there_is_told_with_those_that_are() {
    let server = Server::start(|request| match path(request) {
        "/programs" => Reply::ok(PROGRAMS),
        _ => Reply::ok("[]"),
    });
    let options = OpenAdrOptions {
        program: Some("peaks".to_owned()),
        ..OpenAdrOptions::default()
    };
    let error = vtn(&server, None, options)
        .events(NOW)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has no program peaks; it has site-dr"),
        "{error}"
    );
}

#[test]
fn a_server_that_answers_nonsense_is_an_error_and_never_a_panic() {
    for body in [
        "",
        "{}",
        "[[]",
        "<html>",
        "null",
        "[1, null, {}]",
        "[{\"id\":3}]",
    ] {
        let server = Server::start(move |_| Reply::ok(body));
        let vtn = vtn(&server, None, OpenAdrOptions::default());
        if let Ok(told) = vtn.events(NOW) {
            assert!(told.asked.is_empty() && !told.mistakes.is_empty(), "{body}");
        }
    }
}
