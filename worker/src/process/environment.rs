//! The environment of a command. It contains only the documented variables.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::fault::Fault;
use crate::host::Host;

/// Variables in the order in which they were set. A later one replaces an earlier one of the same
/// name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: Vec<(OsString, OsString)>,
}

impl Environment {
    /// The variables that every command gets from the host: `PATH`, `HOME`, `LANG` and, if the
    /// engine itself is traced, `TRACEPARENT`. A Python environment comes first in `PATH`.
    pub(crate) fn of_host(host: &Host, python: Option<&Path>) -> Self {
        let mut environment = Self::default();
        let mut path = OsString::new();
        if let Some(python) = python {
            path.push(python.join("bin"));
            path.push(":");
            environment.set("VIRTUAL_ENV", python);
        }
        path.push(host.path());
        environment.set("PATH", path);
        environment.set("HOME", host.get("HOME").unwrap_or_else(|| OsStr::new("/")));
        environment.set(
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
        let mut environment = Self::of_host(host, None);
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

    /// Sets one variable.
    pub(crate) fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.variables.push((name.into(), value.into()));
    }

    /// The value of a variable that the command will see.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        let mut found = self.variables.iter().rev();
        found
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_os_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables
            .iter()
            .map(|(n, v)| (n.as_os_str(), v.as_os_str()))
    }
}
