//! How the process ends: the five exit codes, and the errors that lead to them.

use std::process::ExitCode;

use sunward_data::DataError;

/// The exit codes that scripts may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked is done.
    Done,
    /// The run failed or was cancelled.
    RunFailed,
    /// What the user gave is wrong; nothing was created.
    WrongInput,
    /// The machine, the store or another engine stood in the way; or the run is held.
    Infrastructure,
    /// A signal stopped it; the run is resumable.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::RunFailed => 1,
            Exit::WrongInput => 2,
            Exit::Infrastructure => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// An error that is the user's to mend: exit 2. Every other error is the machine's: exit 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongInput(pub(crate) String);

/// Stops with exit 2 and a message that says what was expected.
pub(crate) fn wrong_input(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(WrongInput(message.into()))
}

/// Everything that had to be said was said already: only the exit code is left.
#[derive(Debug, thiserror::Error)]
#[error("said already")]
pub(crate) struct SaidAlready(pub(crate) Exit);

/// The exit code that an error deserves, and whether there is still something to say.
pub(crate) fn of_error(error: &anyhow::Error) -> (Exit, bool) {
    if let Some(said) = error.downcast_ref::<SaidAlready>() {
        return (said.0, false);
    }
    if error.downcast_ref::<WrongInput>().is_some() {
        return (Exit::WrongInput, true);
    }
    let data = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<DataError>());
    if data.is_some_and(|fault| !fault.is_infrastructure()) {
        // The data is at fault, not the machine.
        return (Exit::WrongInput, true);
    }
    let broken_pipe = error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if broken_pipe {
        // Whoever read our answer has heard enough; that is no failure.
        return (Exit::Done, false);
    }
    (Exit::Infrastructure, true)
}
