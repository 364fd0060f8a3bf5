//! Which programs of environments are on this machine.

use std::ffi::OsStr;

use super::runner::Runner;
use crate::host::{Host, find_program};

/// A program of this machine, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name of the program.
    pub name: &'static str,
    /// The first line of its version; `None` if it does not start.
    pub version: Option<String>,
}

/// Those of the programs `names` that are on the `PATH`, in this order.
pub(super) fn found(host: &Host, names: impl IntoIterator<Item = &'static str>) -> Vec<Found> {
    let runner = Runner::new(host);
    let there = names.into_iter().filter_map(|name| {
        let program = find_program(OsStr::new(name), host.path())?;
        Some((name, program))
    });
    there
        .map(|(name, program)| {
            let said = runner.run(&program, &[OsStr::new("--version")], &[], &[]);
            let version = said.ok().filter(|said| said.succeeded);
            Found {
                name,
                version: version
                    .and_then(|said| Some(said.stdout.lines().next()?.trim().to_owned())),
            }
        })
        .collect()
}
