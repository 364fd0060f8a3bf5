//! The environment of the worker's own process: read once, and passed on sparingly.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A snapshot of environment variables.
#[derive(Clone, Debug, Default)]
pub struct Host {
    variables: BTreeMap<OsString, OsString>,
}

impl Host {
    /// The current environment of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        std::env::vars_os().collect()
    }

    /// One variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
    }

    /// Whether a program that a command names is to be had, as the command itself would look for
    /// it. A path that is relative to the command's own folder is not looked for.
    #[must_use]
    pub fn has_program(&self, program: &str) -> bool {
        let found = find_program(OsStr::new(program), self.path());
        found.is_some_and(|path| path.is_relative() || path.exists())
    }

    /// All variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let all = self.variables.iter();
        all.map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The search path for programs.
    pub(crate) fn path(&self) -> &OsStr {
        self.get("PATH")
            .unwrap_or_else(|| OsStr::new("/usr/local/bin:/usr/bin:/bin"))
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Host {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}

/// The file of a program: the name itself if it contains a slash (relative to the folder in which
/// the command starts), else the first executable file on `path`.
pub(crate) fn find_program(program: &OsStr, path: &OsStr) -> Option<PathBuf> {
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(program));
    }
    std::env::split_paths(path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
