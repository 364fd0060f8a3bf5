//! Python environments. They are resolved once into a lock file, and built once on each host.
//!
//! [`resolve_lock`] resolves a stage's requirements with the package index and records the result.
//! [`lock_digest`] is the part of a task's key. [`environment`] builds the folder that commands run
//! with. Unless the interpreter has a recent pip, pip runs from a separate environment. Nothing is
//! installed into the user's Python.

mod build;
mod error;
mod lock;
mod pip;
mod resolve;
mod stage;

pub use build::environment;
pub use error::PythonError;
pub use lock::{Entry, LockFile, LockedImage, Package, lock_digest, lock_path};
pub use pip::Tools;
pub use resolve::resolve_lock;
pub(super) use stage::InPython;
