//! Ctrl-C, SIGTERM, SIGQUIT and SIGHUP. The first signal stops cleanly, the second at once. Both
//! leave the run resumable. If SIGHUP was ignored at the start, as by `nohup`, it stays ignored.
//!
//! SIGXFSZ has a handler, so that a write beyond `ulimit -f` fails instead of ending the process
//! without a word. Commands start with its default, because a handler does not outlive `exec`.

use std::path::Path;

use anyhow::Context as _;
use sunward_drive::{Control, Line};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::render;

/// Starts a thread that listens for signals and passes the requests on.
///
/// # Errors
/// Fails if the thread or its signal handlers cannot be set up.
pub(crate) fn listen(line: Line) -> anyhow::Result<()> {
    let mut first = true;
    each(move || {
        pass_on(first, &line);
        first = false;
    })
}

/// Starts a thread that listens for signals and calls `told` for each.
///
/// # Errors
/// Fails if the thread or its signal handlers cannot be set up.
pub(crate) fn each(mut told: impl FnMut() + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("signal handlers cannot be installed")?;
    // The handlers are installed before this returns, so that an immediate signal is not lost.
    let (mut interrupt, mut terminate, mut quit, mut hangup) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt()).context("the handler of Ctrl-C cannot be installed")?,
            signal(SignalKind::terminate())
                .context("the handler of SIGTERM cannot be installed")?,
            signal(SignalKind::quit()).context("the handler of SIGQUIT cannot be installed")?,
            if ignores_hangup() {
                None
            } else {
                Some(
                    signal(SignalKind::hangup())
                        .context("the handler of SIGHUP cannot be installed")?,
                )
            },
        )
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                loop {
                    let some = tokio::select! {
                        some = interrupt.recv() => some,
                        some = terminate.recv() => some,
                        some = quit.recv() => some,
                        some = next(&mut hangup) => some,
                    };
                    if some.is_none() {
                        return;
                    }
                    told();
                }
            });
        })
        .context("a thread for signals cannot be started")?;
    Ok(())
}

/// Lets writes beyond `ulimit -f` fail, instead of ending the process by SIGXFSZ. If that is
/// impossible, the system's default stays.
pub(crate) fn let_large_writes_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    if let Ok(runtime) = runtime {
        let _inside = runtime.enter();
        let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        // The handler stays for the life of the process, even if nobody listens.
        drop(signal(kind));
    }
}

/// Waits for the next signal; for ever if this signal is ignored.
async fn next(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

/// True if the parent started this process with SIGHUP ignored.
fn ignores_hangup() -> bool {
    let status = sunward_files::read_text(Path::new("/proc/self/status")).unwrap_or_default();
    ignores_first_signal(&status)
}

/// True if the mask of ignored signals in `/proc/PID/status` has the lowest bit, which is SIGHUP's.
fn ignores_first_signal(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

fn pass_on(first: bool, line: &Line) {
    if first {
        render::say(
            "stopping: running tasks are ended, and the run can be resumed (press Ctrl-C again to stop at once)",
        );
        line.control(Control::Interrupt);
    } else {
        line.control(Control::Stop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_hangup_is_seen() {
        assert!(ignores_first_signal(
            "Name:\tx\nSigIgn:\t0000000000001001\n"
        ));
        assert!(!ignores_first_signal("SigIgn:\t0000000000001000\n"));
        assert!(!ignores_first_signal(""));
    }
}
