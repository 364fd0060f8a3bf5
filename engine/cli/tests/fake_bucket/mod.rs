//! A server with the part of S3 that a store needs. It keeps objects in memory, and tests can
//! change them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

type Objects = BTreeMap<String, Vec<u8>>;

/// The server. It runs until the test's process ends.
pub(crate) struct FakeBucket {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    objects: Mutex<Objects>,
    /// Whether uploads are refused.
    busy: AtomicBool,
}

impl FakeBucket {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let serves = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serves);
                std::thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { port, shared }
    }

    /// Sets the environment variables of a client.
    pub(crate) fn tell(&self, command: &mut Command) {
        command
            .env(
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            )
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "us-east-1")
            .env("NO_PROXY", "127.0.0.1");
    }

    pub(crate) fn be_busy(&self, busy: bool) {
        self.shared.busy.store(busy, Ordering::Relaxed);
    }

    /// Changes the objects.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Objects)) {
        change(&mut self.shared.objects.lock().expect("no panic"));
    }
}

impl Shared {
    /// Serves one connection with one request.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|n| n.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let range = headers.get("range").map(String::as_str);
        let create = headers.contains_key("if-none-match");
        let answer = self.answer(&method, &target, range, create, body);
        let mut stream = stream;
        stream.write_all(&answer).ok()
    }

    fn answer(
        &self,
        method: &str,
        target: &str,
        range: Option<&str>,
        create: bool,
        body: Vec<u8>,
    ) -> Vec<u8> {
        let mut objects = self.objects.lock().expect("no panic");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match method {
            "GET" if query.contains("list-type") => respond(
                "200 OK",
                "",
                b"<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
            ),
            "PUT" if self.busy.load(Ordering::Relaxed) => respond("503 Slow Down", "", b"busy"),
            "PUT" if create && objects.contains_key(path) => {
                respond("412 Precondition Failed", "", b"")
            }
            "PUT" => {
                objects.insert(path.to_owned(), body);
                respond("200 OK", "", b"")
            }
            "GET" | "HEAD" => match objects.get(path) {
                None => respond("404 Not Found", "", b""),
                Some(bytes) if method == "HEAD" => {
                    let mut answer = respond("200 OK", "", bytes);
                    answer.truncate(answer.len() - bytes.len());
                    answer
                }
                Some(bytes) => ranged(bytes, range),
            },
            _ => respond("405 Method Not Allowed", "", b""),
        }
    }
}

fn ranged(bytes: &[u8], range: Option<&str>) -> Vec<u8> {
    let Some(range) = range.and_then(|range| range.strip_prefix("bytes=")) else {
        return respond("200 OK", "", bytes);
    };
    let (from, to) = range.split_once('-').unwrap_or(("0", ""));
    let from: usize = from.parse().unwrap_or(0);
    let to = to.parse().map_or(bytes.len(), |to: usize| to + 1);
    let to = to.min(bytes.len());
    if from >= to {
        return respond("416 Range Not Satisfiable", "", b"");
    }
    let header = format!("Content-Range: bytes {from}-{}/{}\r\n", to - 1, bytes.len());
    respond("206 Partial Content", &header, &bytes[from..to])
}

fn respond(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nETag: \"x\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
