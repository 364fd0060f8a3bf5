//! A provider on the loopback interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server that answers by the target of a request, and writes all targets down.
pub(crate) struct Site {
    /// Its address, with the scheme.
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Starts it. It runs until the test's process ends. `answer` gives status and body. A request
    /// to a proxy has the whole address as its target, and one for a tunnel is refused.
    pub(crate) fn start(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // Errors are ignored: a client that has closed the connection needs no answer.
                let _ = stream.and_then(|stream| serve(&stream, &noted, &answer));
            }
        });
        Self { address, asked }
    }

    /// The targets of all requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: &TcpStream,
    noted: &Mutex<Vec<String>>,
    answer: &impl Fn(&str) -> (u16, String),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    // A body that is not read would break the connection.
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    noted.lock().unwrap().push(target.clone());
    let (status, body) = match first.starts_with("CONNECT ") {
        true => (502, String::new()),
        false => answer(&target),
    };
    stream.write_all(
        format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    )
}
