//! The protocol between a worker and a child process that serves it.
//!
//! The assignment is a file, because it may be long. Requests and responses are a few bytes over a
//! socket pair, of which the child has one end as its standard input. So its outputs are free for a
//! kernel's messages, and it exits by itself when its worker is gone.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sunward_core::Rejects;
use sunward_protocol::Job;

use crate::fault::Fault;

/// The assignment of a child: one stage's tasks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Assignment {
    /// The state folder. The store below it contains all inputs.
    pub(super) home: PathBuf,
    pub(super) job: Job,
    /// Threads that a kernel may use beside the device.
    pub(super) threads: u32,
}

/// The request for one task.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) index: u32,
    pub(super) attempt: u32,
    /// An empty folder for its outputs: `PORT.arrow` each.
    pub(super) outputs: PathBuf,
}

/// How it went, and what the kernel rejected.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Response {
    pub(super) result: Result<Vec<Rejects>, Fault>,
    /// Processor time that the child used since its last answer, or since it began.
    pub(super) cpu_us: u64,
}

/// The longest message. A fault with a compiler's whole log is far shorter.
const LONGEST: u32 = 16 << 20;

/// Sends a message.
pub(super) fn send<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let body = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    to.write_all(&[length.to_le_bytes().as_slice(), &body].concat())
}

/// Receives a message; `None` if the other end is closed.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    from.read_exact(&mut body)?;
    postcard::from_bytes(&body)
        .map(Some)
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use sunward_core::FailureKind;

    use super::*;

    #[test]
    fn what_is_said_is_heard_and_what_is_cut_short_is_not() {
        let answer = |cpu_us| Response {
            result: Err(Fault::new(FailureKind::Memory, "17 bytes")),
            cpu_us,
        };
        let mut line = Vec::new();
        send(&mut line, &answer(1)).unwrap();
        send(&mut line, &answer(u64::MAX)).unwrap();
        let mut from = line.as_slice();
        let mut next = || receive::<Response>(&mut from).unwrap().map(|a| a.cpu_us);
        assert_eq!([next(), next(), next()], [Some(1), Some(u64::MAX), None]);
        assert!(receive::<Response>(&mut &line[..9]).is_err());
        assert!(receive::<Response>(&mut [255_u8; 9].as_slice()).is_err());
    }
}
