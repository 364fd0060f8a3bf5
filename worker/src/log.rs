//! The log of one attempt: created with its first byte, limited in size, and readable while it
//! grows.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sunward_files::private;

use crate::secrets::Redactor;
use crate::tail;

/// How much of the end of a long log is kept in memory until the attempt ends. It is small, because
/// every running task may hold this much.
const END_AT_MOST: u64 = 1 << 20;

/// How much is kept to quote in a failure: enough for the last lines, with escapes still in them.
const QUOTE_BYTES: usize = 16 << 10;

/// Standard output and error of one attempt, in the order of arrival.
///
/// Up to the limit everything is written at once. Of what comes after, the last bytes are kept and
/// written at the end, after a line that says how much was cut.
pub(crate) struct AttemptLog {
    path: PathBuf,
    redactor: Redactor,
    file: Option<File>,
    left: u64,
    end: Last,
    quote: Last,
    cut: u64,
    cap: u64,
    problem: Option<io::Error>,
}

impl AttemptLog {
    pub(crate) fn new(path: PathBuf, cap: u64, redactor: Redactor) -> Self {
        let end = END_AT_MOST.min(cap / 4);
        Self {
            path,
            redactor,
            file: None,
            left: cap - end,
            end: Last::new(usize::try_from(end).unwrap_or(0)),
            quote: Last::new(QUOTE_BYTES),
            cut: 0,
            cap,
            problem: None,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds bytes. If they cannot be written, they count as lost and the attempt continues.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if self.redactor.is_idle() {
            self.keep(bytes);
        } else {
            let clean = self.redactor.pass(bytes);
            self.keep(&clean);
        }
    }

    /// Writes what was held back. Nothing may be added after it.
    pub(crate) fn finish(&mut self) {
        let rest = self.redactor.finish();
        self.keep(&rest);
        if self.end.is_empty() {
            return;
        }
        let end = self.end.take();
        if self.cut > 0 {
            let cap_mib = self.cap >> 20;
            let line = format!(
                "\n[sunward: {} bytes were cut here; a log is kept up to {cap_mib} MiB]\n",
                self.cut
            );
            self.write(line.as_bytes());
        }
        self.write(&end);
    }

    /// The last lines, as text that is safe to show.
    pub(crate) fn quote(&self) -> String {
        tail::last_lines(self.quote.bytes())
    }

    /// Why the log is incomplete, if it is.
    pub(crate) fn problem(&self) -> Option<&io::Error> {
        self.problem.as_ref()
    }

    fn keep(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.quote.push(bytes);
        let fits = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (head, rest) = bytes.split_at(fits);
        self.left -= head.len() as u64;
        self.write(head);
        self.cut += self.end.push(rest) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.problem.is_some() {
            return;
        }
        if let Err(error) = self.try_write(bytes) {
            self.problem = Some(error);
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(create(&self.path)?),
        };
        file.write_all(bytes)
    }
}

fn create(path: &Path) -> io::Result<File> {
    // The log is as private as the state's folder, because a command's output may be confidential.
    match private::create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                private::create_folders(folder)?;
            }
            private::create(path)
        }
        other => other,
    }
}

/// The last bytes of what is pushed.
struct Last {
    bytes: Vec<u8>,
    size: usize,
}

impl Last {
    fn new(size: usize) -> Self {
        Self {
            bytes: Vec::new(),
            size,
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds bytes and returns how many older ones were dropped. It drops in large steps, so that
    /// each byte is moved at most once.
    fn push(&mut self, bytes: &[u8]) -> usize {
        if bytes.len() >= self.size {
            let forgotten = self.bytes.len() + bytes.len() - self.size;
            self.bytes.clear();
            self.bytes
                .extend_from_slice(&bytes[bytes.len() - self.size..]);
            return forgotten;
        }
        let mut forgotten = 0;
        if self.bytes.len() + bytes.len() > 2 * self.size {
            forgotten = self.bytes.len() + bytes.len() - self.size;
            self.bytes.drain(..forgotten);
        }
        self.bytes.extend_from_slice(bytes);
        forgotten
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn log(folder: &Path, cap: u64) -> AttemptLog {
        AttemptLog::new(folder.join("a/b/0.1.log"), cap, Redactor::default())
    }

    #[test]
    fn the_file_appears_with_the_first_byte() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), 1 << 20);
        log.add(b"");
        assert!(!log.path().exists());
        log.add(b"hello\n");
        assert_eq!(fs::read(log.path()).unwrap(), b"hello\n");
    }

    #[test]
    fn a_log_beyond_its_cap_keeps_head_and_end_and_says_how_much_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), 4000);
        log.add(b"first line\n");
        for i in 0..10_000_u32 {
            log.add(format!("line {i}\n").as_bytes());
        }
        log.add(b"last line\n");
        log.finish();
        let text = fs::read_to_string(log.path()).unwrap();
        assert!(text.starts_with("first line\nline 0\n"));
        assert!(text.ends_with("line 9999\nlast line\n"));
        assert!(text.len() < 6000, "{} bytes", text.len());
        let total = 11
            + 10
            + (0..10_000)
                .map(|i: u32| format!("line {i}\n").len())
                .sum::<usize>();
        let note = text.lines().find(|l| l.starts_with("[sunward: ")).unwrap();
        let cut: usize = note.split(' ').nth(1).unwrap().parse().unwrap();
        let kept = text.len() - note.len() - 2;
        assert_eq!(kept + cut, total);
        assert!(log.quote().ends_with("line 9999\nlast line"));
    }
}
