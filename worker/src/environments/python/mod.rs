//! Python environments. They are resolved once into a lock file, and built once on each host.
//!
//! [`resolve_lock`] resolves a stage's requirements with the package index and records the result.
//! [`lock_digest`] is the part of a task's key. [`environment`] builds the folder that commands run
//! with. uv resolves and installs where it is on the `PATH`, and else pip: unless the interpreter has
//! a recent one, from a separate environment. Nothing is installed into the user's Python.

mod build;
mod error;
mod lock;
mod pip;
mod resolve;
mod stage;
mod uv;

pub use build::environment;
pub use error::PythonError;
pub use lock::{Entry, LockFile, LockedConda, LockedImage, Package, lock_digest, lock_path};
pub use pip::Tools;
pub use resolve::resolve_lock;
pub(super) use stage::InPython;
