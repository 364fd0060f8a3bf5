//! Ctrl-C and SIGTERM: the first stops cleanly, the second at once; both leave the run resumable.

use anyhow::Context as _;
use sunward_drive::{Control, Line};
use tokio::signal::unix::{SignalKind, signal};

use crate::render;

/// Listens from now on, in a thread of its own, and passes on what is asked.
///
/// # Errors
/// When the thread or its signal handlers cannot be set up.
pub(crate) fn listen(line: Line) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("signal handlers cannot be installed")?;
    // Handlers are in place before this returns: a signal that comes at once is not lost.
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt()).context("the handler of Ctrl-C cannot be installed")?,
            signal(SignalKind::terminate())
                .context("the handler of SIGTERM cannot be installed")?,
        )
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let mut first = true;
                loop {
                    let some = tokio::select! {
                        some = interrupt.recv() => some,
                        some = terminate.recv() => some,
                    };
                    if some.is_none() {
                        return;
                    }
                    pass_on(first, &line);
                    first = false;
                }
            });
        })
        .context("a thread for signals cannot be started")?;
    Ok(())
}

fn pass_on(first: bool, line: &Line) {
    if first {
        render::say(
            "stopping: running tasks are ended, and the run can be resumed (press again to stop at once)",
        );
        line.control(Control::Interrupt);
    } else {
        line.control(Control::Stop);
    }
}
