//! The flag that ends whatever runs under it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Becomes true once, to end everything that runs under it.
pub(crate) type Stop = Arc<AtomicBool>;
