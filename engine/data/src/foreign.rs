//! Safeguards for reading files that others wrote. A panic of a library becomes an error that names
//! the file, and decompressed sizes are limited.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::error::DataError;

/// Every file may expand to this many bytes.
const EXPANDED_BYTES: u64 = 4 << 30;
/// A larger file may expand to this many times its size.
const EXPANDED_RATIO: u64 = 1000;

/// Runs `work`, which reads a file that others wrote. Libraries check what they read, but crafted
/// lengths may still make them index out of bounds and panic.
///
/// # Errors
///
/// Fails if `work` panics, because then the file is damaged.
pub(crate) fn guarded<T>(
    path: &Path,
    expected: &'static str,
    work: impl FnOnce() -> T,
) -> Result<T, DataError> {
    caught(work).map_err(|found| DataError::Format {
        path: path.to_owned(),
        expected,
        found: format!("it is damaged: {found}"),
        hint: "write it again, and close the writer before the program ends".into(),
    })
}

/// The result of `work`, or the message of its panic.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        match words {
            Some(words) => format!("its lengths contradict each other ({words})"),
            None => "its lengths contradict each other".to_owned(),
        }
    })
}

/// The most bytes that reading a file may produce.
pub(crate) fn limit(file_bytes: u64) -> u64 {
    EXPANDED_BYTES.max(file_bytes.saturating_mul(EXPANDED_RATIO))
}

/// The bytes that a file has expanded to so far.
#[derive(Debug)]
pub(crate) struct Expansion {
    path: PathBuf,
    bytes: u64,
    limit: u64,
}

impl Expansion {
    pub(crate) fn of(path: &Path) -> Result<Self, DataError> {
        let found = fs::metadata(path).map_err(DataError::io("read", path))?;
        Ok(Self {
            path: path.to_owned(),
            bytes: 0,
            limit: limit(found.len()),
        })
    }

    /// Counts bytes before they are allocated.
    ///
    /// # Errors
    ///
    /// Fails if the limit is exceeded.
    pub(crate) fn add(&mut self, bytes: u64) -> Result<(), DataError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.limit {
            return Ok(());
        }
        Err(DataError::Format {
            path: self.path.clone(),
            expected: "table",
            found: format!("its rows take more than {} GiB", self.limit >> 30),
            hint: format!(
                "a file may expand to {} GiB or {EXPANDED_RATIO} times its size; if the file is right, split it",
                EXPANDED_BYTES >> 30
            ),
        })
    }
}
