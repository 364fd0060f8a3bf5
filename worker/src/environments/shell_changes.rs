//! Which variables a shell changed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use crate::host::Host;
use crate::process::environment::Environment;

/// Variables that say how a shell was started.
const OF_THE_SHELL: &[&str] = &["_", "PWD", "OLDPWD", "SHLVL"];

/// The variables that differ from the host's, with their values; `None` for those that are unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShellChanges(pub(super) Vec<(OsString, Option<OsString>)>);

impl ShellChanges {
    /// Compares the variables that `env -0` printed with the host's.
    pub(super) fn between<'s>(host: &Host, printed: impl Iterator<Item = &'s str>) -> Self {
        let now: BTreeMap<&OsStr, &OsStr> = printed
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (OsStr::new(name), OsStr::new(value)))
            .collect();
        let is_of_the_shell = |name: &OsStr| {
            OF_THE_SHELL.iter().any(|one| name == *one)
                || name.as_bytes().starts_with(b"BASH_FUNC_")
        };
        let set = now.iter().filter(|(name, value)| {
            !is_of_the_shell(name) && name.to_str().and_then(|name| host.get(name)) != Some(value)
        });
        let unset = host
            .variables()
            .filter(|(name, _)| !now.contains_key(name) && !is_of_the_shell(name));
        let set = set.map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
        Self(
            set.chain(unset.map(|(name, _)| (name.to_owned(), None)))
                .collect(),
        )
    }

    /// The value of a variable that was set.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        let one = self.0.iter().find(|(known, _)| known == name)?;
        one.1.as_deref()
    }

    /// The same without one variable.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    /// Changes the variables that every command gets from the host.
    pub(super) fn apply(&self, environment: &mut Environment) {
        for (name, value) in &self.0 {
            match value {
                Some(value) => environment.set_base(name, value),
                None => environment.unset_base(name),
            }
        }
    }
}
