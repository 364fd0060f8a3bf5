//! The software environments of commands.
//!
//! A [`Site`] resolves the environment of a stage once, into the lock file and what counts in a key.
//! It is built once for each machine, in the user's cache ([`EnvironmentCache`]), which all homes
//! share. Then it changes how each command of the stage is started (`kind`).

mod cache;
mod conda;
mod container;
mod error;
mod found;
pub(crate) mod kind;
mod modules;
pub mod python;
mod runner;
mod setup;
mod shell_changes;
mod site;

pub(crate) use cache::Built;
pub use cache::{Cached, EnvironmentCache, Freed};
pub use conda::found_conda_tools;
pub(crate) use container::leftover;
pub use container::{forget_image, found_runtimes};
pub use error::EnvironmentError;
pub use found::Found;
pub use site::Site;

use crate::host::Host;

/// The name of the system of modules on this machine, if there is one.
#[must_use]
pub fn found_modules(host: &Host) -> Option<&'static str> {
    modules::program(host).map(|program| modules::name_of(&program))
}
