//! Reports panics. Code that catches a panic reports it once, as an error of its own work. The
//! place in the source goes to the trace (`SUNWARD_LOG`). A panic that nobody caught ends the
//! process here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use crate::exit::Exit;
use crate::render;

/// The message of the latest panic, without its place in the source.
static LATEST: Mutex<Option<String>> = Mutex::new(None);

/// Runs the program. A panic becomes one error message and the exit code for infrastructure.
pub(crate) fn guarded(program: impl FnOnce() -> ExitCode) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        tracing::error!(thread = thread.name().unwrap_or("unnamed"), "{panic}");
        let payload = panic.payload();
        let said = payload.downcast_ref::<String>().cloned();
        let said = said.or_else(|| payload.downcast_ref::<&str>().map(|&said| said.to_owned()));
        *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = said;
    }));
    catch_unwind(AssertUnwindSafe(program)).unwrap_or_else(|_| {
        let said = LATEST.lock().unwrap_or_else(PoisonError::into_inner).take();
        render::say(&format!(
            "error: this is a bug in Sunward: {}; please report it with the command, its input, and the place that SUNWARD_LOG=error shows",
            said.unwrap_or_else(|| "it panicked".to_owned())
        ));
        Exit::Infrastructure.into()
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    use super::*;

    /// The program of [`told`]: this test again, in a process of its own, since the hook and the
    /// trace are the process's.
    const CHILD: &str = "panics::tests::a_program_that_panics";
    const CASE: &str = "SUNWARD_TEST_PANICS";
    const WORDS: &str = "the story's panic";

    #[test]
    #[ignore = "the program that other tests start"]
    fn a_program_that_panics() {
        let Ok(case) = std::env::var(CASE) else {
            return;
        };
        if std::env::var_os("TRACED").is_some() {
            tracing_subscriber::fmt()
                .with_writer(std::io::stderr)
                .with_ansi(false)
                .init();
        }
        let caught = || catch_unwind(|| panic!("{WORDS}")).is_err();
        let code = guarded(|| match case.as_str() {
            "uncaught" => panic!("{WORDS}"),
            "of no text" => std::panic::panic_any(7_u8),
            "caught" => {
                assert!(caught());
                Exit::Done.into()
            }
            "caught on a thread" => {
                assert!(std::thread::spawn(|| panic!("{WORDS}")).join().is_err());
                Exit::Done.into()
            }
            "caught, then another" => {
                assert!(caught());
                panic!("another one");
            }
            other => unreachable!("{other}"),
        });
        let expected: ExitCode = match case.as_str() {
            "caught" | "caught on a thread" => Exit::Done.into(),
            _ => Exit::Infrastructure.into(),
        };
        assert_eq!(format!("{code:?}"), format!("{expected:?}"));
    }

    /// What a program says on standard error.
    fn told(case: &str, is_traced: bool) -> String {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([CHILD, "--exact", "--ignored", "--nocapture"]);
        command.env(CASE, case).env_remove("RUST_BACKTRACE");
        command.envs(is_traced.then_some(("TRACED", "1")));
        let Output { status, stderr, .. } = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        assert!(status.success(), "{case}: {stderr}");
        stderr
    }

    #[test]
    fn a_caught_panic_says_nothing_by_itself() {
        assert_eq!(told("caught", false), "");
        assert_eq!(told("caught on a thread", false), "");
    }

    #[test]
    fn a_panic_that_nobody_caught_is_one_error_that_asks_for_a_report() {
        for (case, words) in [
            ("uncaught", WORDS),
            ("caught, then another", "another one"),
            ("of no text", "panicked"),
        ] {
            let told = told(case, false);
            assert!(
                told.starts_with("error: this is a bug in Sunward: "),
                "{told}"
            );
            assert!(told.contains(words), "{case}: {told}");
            assert!(told.contains("please report it"), "{told}");
            assert_eq!(told.matches("bug in Sunward").count(), 1, "{told}");
            assert!(!told.contains("RUST_BACKTRACE"), "{told}");
            assert!(!told.contains(".rs:"), "{told}");
        }
    }

    #[test]
    fn the_trace_has_the_place_of_every_panic() {
        for case in ["uncaught", "caught", "caught on a thread"] {
            let told = told(case, true);
            assert!(told.contains("ERROR"), "{case}: {told}");
            assert!(told.contains("panics.rs:"), "{case}: {told}");
            assert!(told.contains(WORDS), "{case}: {told}");
        }
    }
}
