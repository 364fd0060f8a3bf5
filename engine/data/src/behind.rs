//! A file whose bytes are sent to the disk while more of them are being written.
//!
//! The system keeps written bytes in memory for some seconds. Without this, a large file that must
//! be durable at the end would wait for nearly all of them then, although the disk was idle before.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};

/// The disk starts after this many bytes. Smaller files need no thread.
const STEP_BYTES: usize = 32 << 20;

/// A file, and a thread that tells the disk to start writing. This alone makes nothing durable and
/// reports no error; [`WriteBehind::sync`] does.
#[derive(Debug)]
pub(crate) struct WriteBehind {
    file: File,
    step_bytes: usize,
    /// Bytes written since the disk was last told to start.
    fresh_bytes: usize,
    /// Wakes the thread, which ends when this is dropped.
    wake: Option<SyncSender<()>>,
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
            wake: None,
        }
    }

    /// Makes everything written durable.
    ///
    /// # Errors
    ///
    /// Fails if the disk did not accept it, now or earlier.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn begin(&mut self) -> io::Result<()> {
        let wake = match &self.wake {
            Some(wake) => wake,
            None => self.wake.insert(start(self.file.try_clone()?)?),
        };
        // One waiting message suffices: its receiver will find these bytes too.
        let _ = wake.try_send(());
        Ok(())
    }
}

/// Starts the thread.
fn start(file: File) -> io::Result<SyncSender<()>> {
    let (wake, woken) = sync_channel(1);
    std::thread::Builder::new()
        .name("sunward-disk".into())
        .spawn(move || woken.iter().for_each(|()| start_write(&file)))?;
    Ok(wake)
}

/// Tells the disk to start writing, without waiting. It is a hint: if it has no effect, `sync`
/// takes longer.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a system call that has no safe wrapper")]
fn start_write(file: &File) {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open as long as `file` lives, and no memory is passed. Disk errors
    // stay with the file until it is synced.
    unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

/// Other systems have no such call.
#[cfg(not(target_os = "linux"))]
fn start_write(_: &File) {}

impl Write for WriteBehind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.fresh_bytes += written;
        if self.fresh_bytes >= self.step_bytes {
            self.fresh_bytes = 0;
            self.begin()?;
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
        assert!(behind.wake.is_some());
        behind.sync().unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), bytes);
    }

    #[test]
    fn a_small_file_needs_no_thread() {
        let mut behind = WriteBehind::with_step(tempfile::tempfile().unwrap(), 1000);
        behind.write_all(&[7; 999]).unwrap();
        assert!(behind.wake.is_none());
        behind.sync().unwrap();
    }

    #[test]
    fn what_the_disk_cannot_make_durable_is_told() {
        // A device that takes every byte and cannot be synced.
        let null = File::options().write(true).open("/dev/null").unwrap();
        let mut behind = WriteBehind::with_step(null, 1000);
        behind.write_all(&[7; 1000]).unwrap();
        assert!(behind.sync().is_err());
    }
}
