//! A grid operator's OpenADR server on the loopback interface.

use std::process::Command;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::site::Site;
use super::{Scene, Told};

/// The key of a client. It must be shown nowhere.
const KEY: &str = "lab-7:hush-hush";

/// A server with these events; `None` does not answer.
pub(crate) type Events = Arc<Mutex<Option<Vec<Value>>>>;

const PROGRAMS: &str = r#"[{"id":"p1","programName":"site-dr","payloadDescriptors":[
    {"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"IMPORT_CAPACITY_LIMIT","units":"KW"},
    {"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"PRICE","units":"KWH","currency":"EUR"}]}]"#;

/// A server that knows the client and gives it a token.
pub(crate) fn vtn(events: &Events) -> Site {
    let events = Arc::clone(events);
    Site::start(move |target| {
        let Some(events) = events.lock().unwrap().clone() else {
            return (503, r#"{"title":"Service Unavailable"}"#.to_owned());
        };
        match target.split('?').next().unwrap_or_default() {
            "/auth/server" => (404, String::new()),
            "/auth/token" => (
                200,
                r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600}"#.to_owned(),
            ),
            "/programs" => (200, PROGRAMS.to_owned()),
            "/events" => (200, Value::Array(events).to_string()),
            other => panic!("nobody asks for {other}"),
        }
    })
}

/// An event of one value that is in force from a minute ago.
pub(crate) fn event(id: &str, kind: &str, value: Value, until: Timestamp) -> Value {
    let now = Timestamp::now();
    let start = now - SignedDuration::from_secs(60);
    let duration = format!("PT{}S", until.duration_since(start).as_secs() + 1);
    json!({
        "id": id, "programID": "p1", "createdDateTime": now.to_string(), "objectType": "EVENT",
        "intervalPeriod": { "start": start.to_string(), "duration": duration },
        "intervals": [{ "id": 0, "payloads": [{ "type": kind, "values": [value] }] }],
    })
}

/// A command with settings that name the server.
pub(crate) fn command(scene: &Scene, site: &Site, more: &str, words: &[&str]) -> Command {
    let settings = format!(
        "openadr: {{ url: '{}', program: site-dr }}\n{more}",
        site.address
    );
    let file = scene.file("config/config.yaml", settings);
    let mut command = scene.command(words);
    command.env("SUNWARD_CONFIG", file);
    command.env("XDG_CACHE_HOME", scene.path().join("cache"));
    command.env("SUNWARD_OPENADR_KEY", KEY);
    command
}

/// Runs a command, whose words must not show the key.
pub(crate) fn told(mut command: Command) -> Told {
    let told = Told::of(&command.output().unwrap());
    assert!(!told.out.contains("hush") && !told.err.contains("hush"));
    told
}
