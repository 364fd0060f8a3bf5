//! `notify`: webhooks, e-mails and commands that tell how a run went.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scene::{Scene, Told};

/// The secret of these tests.
const SECRET: (&str, &str) = ("HOOK_KEY", "correct-horse-battery");

/// A workflow whose only command is this, with these messages.
fn workflow(run: &str, notify: &str) -> Scene {
    Scene::with(&format!(
        "name: demo\nnotify:\n{notify}stages:\n  work: {{ run: '{run}' }}\n"
    ))
}

/// Runs it, with the secret.
fn run(scene: &Scene) -> Told {
    let mut command = scene.command(&["run", "workflow.yaml", "--json"]);
    command.env(SECRET.0, SECRET.1);
    Told::of(&command.output().unwrap())
}

/// One request: the headers in lower case, and the body.
struct Request {
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A web server that answers every request with this status. Returns its address.
fn web(status: u16) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (send, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Errors are ignored: a client that has closed the connection needs no answer.
            let _ = stream.and_then(|stream| answer(&stream, status, &send));
        }
    });
    (address, requests)
}

fn answer(mut stream: &TcpStream, status: u16, send: &Sender<Request>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut headers = Vec::new();
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        target: first.split(' ').nth(1).unwrap().to_owned(),
        headers,
        body: Vec::new(),
    };
    let length: usize = request.header("content-length").unwrap().parse().unwrap();
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    send.send(request).unwrap();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
}

/// A mail server that takes one letter, and returns all lines that it was sent.
fn mail() -> (u16, Receiver<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, letters) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        send.send(take_letter(&stream)).unwrap();
    });
    (port, letters)
}

fn take_letter(mut stream: &TcpStream) -> Vec<String> {
    let reader = BufReader::new(stream);
    let mut said = Vec::new();
    let mut in_letter = false;
    stream.write_all(b"220 test\r\n").unwrap();
    for line in reader.lines() {
        let line = line.unwrap();
        let answer = match line.split(' ').next().unwrap_or_default() {
            _ if in_letter && line != "." => "",
            "." => "250 taken\r\n",
            "EHLO" => "250-test\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 welcome\r\n",
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "250 fine\r\n",
        };
        in_letter = match line.as_str() {
            "DATA" => true,
            "." => false,
            _ => in_letter,
        };
        let is_last = line == "QUIT";
        said.push(line);
        stream.write_all(answer.as_bytes()).unwrap();
        if is_last {
            break;
        }
    }
    said
}

#[test]
fn a_webhook_gets_a_signed_message_about_a_failed_run() {
    let (address, requests) = web(204);
    let scene = workflow(
        "exit 3",
        &format!(
            "  - {{ webhook: \"{address}/hook?a=1\", sign: HOOK_KEY, on: [failure, hold] }}\n"
        ),
    );
    let told = run(&scene).expect(1).json();
    let request = requests.recv().unwrap();
    assert_eq!(request.target, "/hook?a=1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("sunward-event"), Some("failure"));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.1.as_bytes());
    let tag = ring::hmac::sign(&key, &request.body);
    let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let signature = format!("sha256={hex}");
    assert_eq!(
        request.header("sunward-signature"),
        Some(signature.as_str())
    );
    let message = request.json();
    assert_eq!(message["version"], 1);
    assert_eq!(message["event"], "failure");
    assert_eq!(message["workflow"], "demo");
    assert_eq!(message["run"], "r1");
    assert_eq!(message["status"], "failed");
    assert_eq!(message["stages"]["work"]["failed"], 1);
    assert_eq!(message["failures"][0]["stage"], "work");
    let text = message["text"].as_str().unwrap();
    assert!(text.starts_with("demo: r1 failed after "), "{text}");
    assert!(text.contains("work/0, attempt 1: "), "{text}");
    let sent = &told["notifications"][0];
    assert_eq!(sent["sent"], true, "{told}");
    assert_eq!(
        sent["by"],
        format!("webhook {}", address.trim_start_matches("http://"))
    );
    assert!(!told.to_string().contains(SECRET.1));
}

#[test]
fn messages_are_sent_only_on_the_occasions_that_they_name() {
    let (address, requests) = web(200);
    let each = ["end", "failure", "hold", "[end, failure]"];
    let each = each.map(|on| format!("  - {{ webhook: \"{address}/{on}\", on: {on} }}\n"));
    let notify = each.concat().replace("/[end, failure]", "/both");
    let notify = format!("{notify}  - {{ webhook: \"{address}/usual\" }}\n");
    let targets = |script: &str, code: i32| {
        run(&workflow(script, &notify)).expect(code);
        let mut targets: Vec<String> = requests.try_iter().map(|one| one.target).collect();
        targets.sort();
        targets
    };
    assert_eq!(targets("echo fine", 0), ["/both", "/end", "/usual"]);
    assert_eq!(
        targets("exit 1", 1),
        ["/both", "/end", "/failure", "/usual"]
    );
}

#[test]
fn a_run_that_is_held_tells_so() {
    let (address, requests) = web(200);
    let scene = Scene::with(&format!(
        "name: hungry
budget: {{ kwh: 0.000000001 }}
notify: {{ webhook: \"{address}\", on: hold }}
stages:
  eat: {{ run: sleep 0.1 }}
  more: {{ run: echo, needs: eat }}
"
    ));
    let told = run(&scene).expect(3).json();
    assert_eq!(told["status"], "held");
    let message = requests.recv().unwrap().json();
    assert_eq!(message["event"], "hold");
    assert_eq!(message["status"], "held");
    assert!(message["over_budget"].is_string(), "{message}");
}

#[test]
fn a_message_that_cannot_be_sent_changes_nothing_but_a_warning() {
    let (busy, requests) = web(503);
    let (moved, _moved) = web(301);
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let closed = nobody.local_addr().unwrap();
    drop(nobody);
    let scene = workflow(
        "echo fine",
        &format!(
            "  - {{ webhook: \"{busy}\" }}
  - {{ webhook: \"{moved}\" }}
  - {{ webhook: \"http://{closed}/secret-path\" }}
  - {{ email: {{ to: a@b.org, from: a@b.org, server: \"smtp://{closed}\" }} }}
  - {{ command: [./gone.sh] }}
  - {{ command: 'echo \"no: $HOOK_KEY\" >&2; exit 4', secrets: [HOOK_KEY] }}
  - {{ webhook: {{ secret: ADDRESS_NOT_SET }} }}
"
        ),
    );
    let mut command = scene.command(&["run", "workflow.yaml", "--json"]);
    command.env(SECRET.0, SECRET.1).env("SUNWARD_LOG", "warn");
    let told = Told::of(&command.output().unwrap()).expect(0);
    assert_eq!(
        requests.try_iter().count(),
        3,
        "a busy server is asked again"
    );
    let sent = told.json()["notifications"].as_array().unwrap().clone();
    let errors: Vec<&str> = sent
        .iter()
        .map(|one| one["error"].as_str().unwrap())
        .collect();
    assert!(errors[0].contains("503"), "{errors:?}");
    assert!(errors[1].contains("301"), "{errors:?}");
    assert!(errors[2].contains("cannot be reached"), "{errors:?}");
    assert!(!errors[2].contains("secret-path"), "{errors:?}");
    assert!(errors[4].contains("./gone.sh"), "{errors:?}");
    assert!(errors[5].ends_with("4: no: ***"), "{errors:?}");
    assert!(errors[6].contains("ADDRESS_NOT_SET"), "{errors:?}");
    assert!(!told.err.contains(SECRET.1) && !told.out.contains(SECRET.1));
    let warned = "warning: the message by command ./gone.sh was not sent: ";
    assert!(told.err.contains(warned), "{}", told.err);
    assert!(
        told.err.contains("a message about the run was not sent"),
        "the trace says so: {}",
        told.err
    );
    let early = "warning: notify: webhook ADDRESS_NOT_SET: secret ADDRESS_NOT_SET is not set";
    let begun = told.err.find(early).expect("a warning before the run");
    assert!(begun < told.err.find("work: done").unwrap(), "{}", told.err);
}

#[test]
fn an_email_reaches_the_server_with_the_users_password() {
    let (port, letters) = mail();
    let scene = workflow(
        "exit 5",
        &format!(
            "  email: {{ to: [lab@example.org, \"Ada <ada@example.org>\"], from: \"Sunward <run@example.org>\", server: \"smtp://me@here@127.0.0.1:{port}\", password: HOOK_KEY }}\n"
        ),
    );
    let told = run(&scene).expect(1).json();
    assert_eq!(told["notifications"][0]["sent"], true, "{told}");
    let said = letters.recv().unwrap();
    let pass = format!("\0me@here\0{}", SECRET.1);
    let auth = format!("AUTH PLAIN {}", STANDARD.encode(pass));
    assert!(said.contains(&auth), "{said:?}");
    for line in [
        "MAIL FROM:<run@example.org>",
        "RCPT TO:<lab@example.org>",
        "RCPT TO:<ada@example.org>",
        "Subject: [sunward] demo r1 failed",
    ] {
        assert!(
            said.iter().any(|one| one.starts_with(line)),
            "{line}: {said:?}"
        );
    }
    let letter = said.join("\n");
    assert!(letter.contains("demo: r1 failed after "), "{letter}");
    assert!(letter.contains("  work/0, attempt 1: "), "{letter}");
}

#[test]
fn a_command_gets_values_in_its_environment_and_never_as_script() {
    let scene = workflow(
        "echo fine",
        "  - { command: 'printf \"%s|\" \"$SUNWARD_EVENT\" \"$SUNWARD_RUN\" \"$SUNWARD_STATUS\" \"$SUNWARD_WORKFLOW\" \"$SUNWARD_FILE\" \"$HOOK_KEY\" > told.txt; cat > told.json', secrets: [HOOK_KEY] }
  - { command: [env, '-0'] }
",
    );
    let told = run(&scene).expect(0).json();
    assert_eq!(told["notifications"][0]["sent"], true, "{told}");
    let file = scene.path().canonicalize().unwrap().join("workflow.yaml");
    assert_eq!(
        scene.text("told.txt"),
        format!("end|r1|succeeded|demo|{}|{}|", file.display(), SECRET.1)
    );
    let message: serde_json::Value = serde_json::from_str(&scene.text("told.json")).unwrap();
    assert_eq!(message["stages"]["work"]["ran"], 1);
    let refused = workflow("echo", "  - { command: 'echo ${{ run.id }}' }\n");
    let told = refused.sunward(&["check", "workflow.yaml"]).expect(2);
    assert!(told.out.contains("SW0213"), "{}", told.out);
}

#[test]
fn a_retried_run_tells_how_it_went_too() {
    let (address, requests) = web(200);
    let scene = workflow(
        "test -e /proc/self && exit 1",
        &format!("  - {{ webhook: \"{address}\" }}\n"),
    );
    run(&scene).expect(1);
    scene.sunward(&["retry"]).expect(1);
    let events: Vec<_> = requests.try_iter().map(|one| one.json()).collect();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event["run"] == "r1"));
}
