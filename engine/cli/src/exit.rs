//! The five exit codes, and the errors that lead to them.

use std::process::ExitCode;

use sunward_data::DataError;

/// The exit codes. Scripts may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The request was fulfilled.
    Done,
    /// The run failed or was cancelled, or an output of it cannot be written.
    RunFailed,
    /// The user's input is wrong, and nothing was created.
    WrongInput,
    /// The machine, the store or another engine prevented it, or the run is held.
    Infrastructure,
    /// A signal stopped it, and the run is resumable.
    Interrupted,
}

impl Exit {
    /// The code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::RunFailed => 1,
            Self::WrongInput => 2,
            Self::Infrastructure => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error of the user: exit 2. Every other error is the machine's: exit 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongInput(pub(crate) String);

/// An error that ends the process with exit 2. The message says what was expected.
pub(crate) fn wrong_input(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(WrongInput(message.into()))
}

/// An error whose message is already printed. Only its exit code matters.
#[derive(Debug, thiserror::Error)]
#[error("said already")]
pub(crate) struct SaidAlready(pub(crate) Exit);

/// The exit code for an error, and whether its message must still be printed.
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
        // The data is wrong, not the machine.
        return (Exit::WrongInput, true);
    }
    let broken_pipe = error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if broken_pipe {
        // The reader of the answer has closed the pipe, which is not a failure.
        return (Exit::Done, false);
    }
    (Exit::Infrastructure, true)
}
