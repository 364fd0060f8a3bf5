//! The environment of a command. It contains only the documented variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::fault::Fault;
use crate::host::Host;

/// Variables in the order in which they were set. A later one replaces an earlier one of the same
/// name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// What comes from the host, and from what is installed on it.
    base: Vec<(OsString, OsString)>,
    /// What is set for the command.
    own: Vec<(OsString, OsString)>,
}

impl Environment {
    /// The variables that every command gets from the host: `PATH`, `HOME`, `LANG` and, if the
    /// engine itself is traced, `TRACEPARENT`.
    pub(crate) fn of_host(host: &Host) -> Self {
        let mut environment = Self::default();
        environment.set_base("PATH", host.path());
        environment.set_base("HOME", host.get("HOME").unwrap_or_else(|| OsStr::new("/")));
        environment.set_base(
            "LANG",
            host.get("LANG").unwrap_or_else(|| OsStr::new("C.UTF-8")),
        );
        if let Some(parent) = host.get("TRACEPARENT") {
            environment.set("TRACEPARENT", parent);
        }
        environment
    }

    /// The environment for this program itself when it works on a device. It also has the variables
    /// that name the compiler, libraries and the folder of compiled kernels.
    pub(crate) fn of_our_own(host: &Host) -> Self {
        let mut environment = Self::of_host(host);
        for name in ["CXX", "LD_LIBRARY_PATH", "XDG_CACHE_HOME"] {
            if let Some(value) = host.get(name) {
                environment.set(name, value);
            }
        }
        environment
    }

    /// Adds the variables `names` with the host's values. Fails if one of them is not set.
    pub(crate) fn inheriting<'n>(
        mut self,
        host: &Host,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Self, Fault> {
        for name in names {
            let value = host.get(name).ok_or_else(|| {
                Fault::input(format!(
                    "`env: {{ {name}: inherit }}`: {name} is not set; export it before you start Sunward"
                ))
            })?;
            self.set(name, value);
        }
        Ok(self)
    }

    /// Sets one variable for the command.
    pub(crate) fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.own.push((name.into(), value.into()));
    }

    /// Sets one variable of the host.
    pub(crate) fn set_base(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.base.push((name.into(), value.into()));
    }

    /// Removes a variable of the host.
    pub(crate) fn unset_base(&mut self, name: &OsStr) {
        self.base.retain(|(known, _)| known != name);
    }

    /// The value of a variable that the command will see.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        let mut found = self.own.iter().rev().chain(self.base.iter().rev());
        found
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_os_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.base
            .iter()
            .chain(&self.own)
            .map(|(n, v)| (n.as_os_str(), v.as_os_str()))
    }

    /// The variables that are set for the command, each once.
    pub(crate) fn own(&self) -> BTreeMap<&OsStr, &OsStr> {
        self.own
            .iter()
            .map(|(n, v)| (n.as_os_str(), v.as_os_str()))
            .collect()
    }
}
