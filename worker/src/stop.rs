//! The flag that ends whatever runs under it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Becomes true once, to end everything that runs under it.
pub(crate) type Stop = Arc<AtomicBool>;

/// The stops of one batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchStop {
    /// Ends the batch, for whatever reason.
    pub(crate) stop: Stop,
    /// Set before `stop` if its tasks make way and continue later.
    yields: Arc<AtomicBool>,
}

impl BatchStop {
    /// Ends the batch for good.
    pub(crate) fn end(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Ends the batch so that its tasks continue later. A batch that was ended for good stays so.
    pub(crate) fn make_way(&self) {
        if !self.stop.load(Ordering::SeqCst) {
            self.yields.store(true, Ordering::SeqCst);
            self.stop.store(true, Ordering::SeqCst);
        }
    }

    /// Whether its tasks make way.
    pub(crate) fn makes_way(&self) -> bool {
        self.yields.load(Ordering::SeqCst)
    }
}
