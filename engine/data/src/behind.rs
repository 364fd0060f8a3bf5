//! A file whose bytes go to the disk while more of them are being written.
//!
//! A system keeps what is written in memory for some seconds; a large file that must be durable when
//! it ends would wait for nearly all of it then, with the disk idle until that moment.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// After so many bytes the disk takes what there is. Smaller files have no thread.
const STEP_BYTES: usize = 32 << 20;

/// A file, and beside it a thread that makes durable what is there.
#[derive(Debug)]
pub(crate) struct WriteBehind {
    file: File,
    step_bytes: usize,
    /// Written since the disk was last asked.
    fresh_bytes: usize,
    syncer: Option<Syncer>,
}

#[derive(Debug)]
struct Syncer {
    ask: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl WriteBehind {
    pub(crate) fn new(file: File) -> Self {
        Self::with_step(file, STEP_BYTES)
    }

    fn with_step(file: File, step_bytes: usize) -> Self {
        Self {
            file,
            step_bytes,
            fresh_bytes: 0,
            syncer: None,
        }
    }

    /// Makes all that was written durable. An error of an earlier attempt is told here at the
    /// latest: a system tells it once, so the last attempt alone could not vouch for it.
    ///
    /// # Errors
    /// When the disk did not take it.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.end()?;
        self.file.sync_all()
    }

    fn ask(&mut self) -> io::Result<()> {
        let syncer = match &self.syncer {
            Some(syncer) => syncer,
            None => self.syncer.insert(Syncer::start(self.file.try_clone()?)?),
        };
        match syncer.ask.try_send(()) {
            // One that waits already will see these bytes too.
            Ok(()) | Err(TrySendError::Full(())) => Ok(()),
            Err(TrySendError::Disconnected(())) => self.end(),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(Syncer { ask, thread }) = self.syncer.take() else {
            return Ok(());
        };
        drop(ask);
        let lost = |_| Err(io::Error::other("the thread that syncs it ended early"));
        thread.join().unwrap_or_else(lost)
    }
}

impl Syncer {
    fn start(file: File) -> io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("sunward-sync".into())
            .spawn(move || asked.iter().try_for_each(|()| file.sync_data()))?;
        Ok(Self { ask, thread })
    }
}

impl Write for WriteBehind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.fresh_bytes += written;
        if self.fresh_bytes >= self.step_bytes {
            self.fresh_bytes = 0;
            self.ask()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_while_the_disk_works_is_there_in_the_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut behind = WriteBehind::with_step(file.reopen().unwrap(), 1000);
        let bytes: Vec<u8> = (0..=250).cycle().take(10_000).collect();
        for piece in bytes.chunks(300) {
            behind.write_all(piece).unwrap();
        }
        assert!(behind.syncer.is_some());
        behind.sync().unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), bytes);
    }

    #[test]
    fn a_small_file_needs_no_thread() {
        let mut behind = WriteBehind::with_step(tempfile::tempfile().unwrap(), 1000);
        behind.write_all(&[7; 999]).unwrap();
        assert!(behind.syncer.is_none());
        behind.sync().unwrap();
    }

    #[test]
    fn what_the_disk_refused_earlier_is_told() {
        // A device that takes every byte and cannot be synced.
        let null = File::options().write(true).open("/dev/null").unwrap();
        let mut behind = WriteBehind::with_step(null, 1000);
        behind.write_all(&[7; 1000]).unwrap();
        let error = behind.end().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
