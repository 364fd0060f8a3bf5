//! Reports panics. Code that catches a panic reports it once, as an error of its own work. The
//! place in the source goes to the trace (`SUNWARD_LOG`). A panic that nobody caught ends the
//! process here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use crate::exit::Exit;
use crate::render;

/// The message of the latest panic, with its place in the source.
static LATEST: Mutex<Option<String>> = Mutex::new(None);

/// Runs the program. A panic becomes one error message and the exit code for infrastructure.
pub(crate) fn guarded(program: impl FnOnce() -> ExitCode) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.to_string();
        let thread = std::thread::current();
        tracing::error!(thread = thread.name().unwrap_or("unnamed"), "{said}");
        *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
    }));
    catch_unwind(AssertUnwindSafe(program)).unwrap_or_else(|_| {
        let said = LATEST.lock().unwrap_or_else(PoisonError::into_inner).take();
        render::say(&format!(
            "error: this is a bug in Sunward: {}; please report it with the command and its input",
            said.unwrap_or_else(|| "it panicked".to_owned())
        ));
        Exit::Infrastructure.into()
    })
}
