//! An HTTP server that stands in for a bucket, or for a grid operator's server, and gives the same
//! answer to every request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

/// The time limit for each read from a connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most bytes of a request that are read. A longer request uploads a part, which is discarded.
const REQUEST_BYTES: usize = 64 << 10;

/// A running server. It stops when this is dropped.
pub(super) struct Bucket {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bucket {
    /// Starts a server on a free port of the loopback interface. It answers with these bytes.
    pub(super) fn start(answer: Vec<u8>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listening for requests")?;
        let address = listener.local_addr().context("listening for requests")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for request in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                // Errors are ignored: a client that has closed the connection needs no answer.
                let _ = request.and_then(|request| reply(request, &answer));
            }
        });
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// The environment variables that make the program use this server.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", "fuzz".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "fuzz".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("SUNWARD_OPENADR_URL", format!("http://{}", self.address)),
            ("NO_PROXY", "127.0.0.1".to_owned()),
        ]
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The thread waits for a connection. One more lets it see that it must stop.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn reply(mut request: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    request.set_read_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while head.len() < REQUEST_BYTES && !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match request.read(&mut chunk)? {
            0 => break,
            read => head.extend_from_slice(&chunk[..read]),
        }
    }
    request.write_all(answer)?;
    request.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_gets_the_same_bytes() {
        let bucket = Bucket::start(b"HTTP/1.1 200 OK\r\n\r\nyes".to_vec()).unwrap();
        for _ in 0..2 {
            let mut client = TcpStream::connect(bucket.address).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            let mut told = String::new();
            client.read_to_string(&mut told).unwrap();
            assert!(told.ends_with("yes"), "{told}");
        }
    }
}
