//! Runs one piece of work on its own thread.

use std::thread::JoinHandle;

use crate::error::DataError;

/// Work in progress. Dropping it waits for the work, so nothing continues unnoticed.
#[derive(Debug)]
pub(crate) struct Beside<T> {
    what: &'static str,
    thread: Option<JoinHandle<Result<T, DataError>>>,
}

impl<T: Send + 'static> Beside<T> {
    /// Starts the work; errors name it as `what`.
    ///
    /// # Errors
    ///
    /// Fails if the system has no more threads.
    pub(crate) fn start(
        what: &'static str,
        work: impl FnOnce() -> Result<T, DataError> + Send + 'static,
    ) -> Result<Self, DataError> {
        let thread = std::thread::Builder::new()
            .name("sunward-beside".into())
            .spawn(work)
            .map_err(DataError::io("start a thread for", what.as_ref()))?;
        Ok(Self {
            what,
            thread: Some(thread),
        })
    }

    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// Returns the work's error.
    pub(crate) fn finish(mut self) -> Result<T, DataError> {
        let lost = || ended_early(self.what);
        match self.thread.take() {
            Some(thread) => thread.join().unwrap_or_else(|_| Err(lost())),
            None => Err(lost()),
        }
    }
}

/// The error if the thread is gone.
pub(crate) fn ended_early(what: &str) -> DataError {
    DataError::Unsupported(format!("{what} ended early; see the error above"))
}

impl<T> Drop for Beside<T> {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
