//! Values that are computed once and then shared.

use std::sync::{Arc, Mutex, PoisonError};

use crate::fault::Fault;

/// A value that is computed once, by the first caller while others wait. A failure is not kept,
/// because it may not occur again.
pub(crate) struct Memo<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Memo<T> {
    pub(crate) fn get_or_make(
        &self,
        make: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<Arc<T>, Fault> {
        let mut memo = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*memo {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(make()?);
        *memo = Some(Arc::clone(&made));
        Ok(made)
    }
}
