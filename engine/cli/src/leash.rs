//! Ties a run to the process that started it. That process holds a pipe to the standard input of the run.
//! When it ends, however that happens, the pipe closes, and the run stops as on SIGTERM.

use std::io::Read as _;

use anyhow::Context as _;
use rustix::process::{Signal, getpid, kill_process};

/// Starts to watch standard input.
///
/// # Errors
/// Fails if no thread can be started.
pub(crate) fn hold() -> anyhow::Result<()> {
    std::thread::Builder::new()
        .name("leash".to_owned())
        .spawn(|| {
            // Nothing is written into the pipe: reading ends when it closes.
            let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
            // Before signals are listened for, this ends the process at once.
            let _ = kill_process(getpid(), Signal::TERM);
        })
        .context("a thread for standard input cannot be started")?;
    Ok(())
}
