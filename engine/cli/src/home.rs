//! The state's folder as it is created, and what the process needs to work in it.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::settings::{Settings, Shared};

/// Only its owner may look into it.
const PRIVATE: u32 = 0o700;
/// Its group may work in it, and what is created there belongs to the group too.
const OF_GROUP: u32 = 0o2770;
/// Open files are raised to so many at most: some programs look at every number up to the limit.
const OPEN_FILES: u64 = 65_536;

/// Open files that an engine needs beside its tasks: journal, signals, logs, what it reads.
const FILES_OF_ENGINE: u64 = 40;
/// Open files that a task needs.
const FILES_OF_TASK: u64 = 8;

/// Creates the state's folder where it is missing: its owner's alone, unless the settings share it.
/// One that is there keeps its permissions.
///
/// # Errors
/// When it cannot be created, or commands could not be told its name.
pub(crate) fn create(home: &Path, settings: &Settings) -> anyhow::Result<()> {
    if home.to_str().is_none() {
        anyhow::bail!(
            "the state folder's path {} is not UTF-8, so that commands cannot be told where their files are; choose another with --home",
            home.display()
        );
    }
    let group = settings.shared == Some(Shared::Group);
    if group {
        // What commands and the engine create stays open to the group, and closed to all others.
        rustix::process::umask(Mode::from_raw_mode(0o007));
    }
    if home.exists() {
        return Ok(());
    }
    let mode = if group { OF_GROUP } else { PRIVATE };
    let failed = |error| {
        anyhow::anyhow!(
            "cannot create the state's folder {}: {error}; choose another with --home",
            home.display()
        )
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(mode & 0o777);
    builder.create(home).map_err(failed)?;
    // The builder does not set the bit that hands the group on, and the mask may have taken others.
    std::fs::set_permissions(home, std::fs::Permissions::from_mode(mode)).map_err(failed)
}

/// Lets this process have as many files open as the machine allows it. Where that cannot be had,
/// the first file too many says so.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if limit.current.is_some_and(|now| now < allowed) {
        let raised = Rlimit {
            current: Some(allowed),
            maximum: limit.maximum,
        };
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// Refuses to begin where so many tasks at once would have too few open files: each has pipes, a
/// log and a process to watch.
///
/// # Errors
/// How many there are, and how many are needed.
pub(crate) fn expect_open_files(jobs: u32) -> anyhow::Result<()> {
    let Some(allowed) = getrlimit(Resource::Nofile).current else {
        return Ok(());
    };
    let needed = FILES_OF_ENGINE + FILES_OF_TASK * u64::from(jobs);
    if allowed >= needed {
        return Ok(());
    }
    anyhow::bail!(
        "too few files may be open at once: {allowed}, expected {needed} for {jobs} tasks at a time; raise the limit (`ulimit -n {needed}`), or lower `-j`"
    )
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn mode_of(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_new_home_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("a/home");
        create(&home, &Settings::default()).unwrap();
        assert_eq!(mode_of(&home), PRIVATE);
    }

    #[test]
    fn a_home_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        create(folder.path(), &Settings::default()).unwrap();
        assert_eq!(mode_of(folder.path()), 0o755);
    }

    #[test]
    fn a_name_that_no_command_can_be_told_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(OsStr::from_bytes(b"h\xff"));
        let error = create(&home, &Settings::default()).unwrap_err();
        assert!(error.to_string().contains("--home"), "{error}");
        assert!(!home.exists());
    }
}
