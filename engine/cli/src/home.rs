//! Creates the home, the folder of the state, and prepares this process to work in it.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::settings::{Settings, Shared};

/// The mode of a home that only its owner can read.
const PRIVATE: u32 = 0o700;
/// The mode of a home that its group shares. Files created in it belong to the group too.
const OF_GROUP: u32 = 0o2770;
/// The highest limit of open files that is set. Some programs visit every number up to the limit.
const OPEN_FILES: u64 = 65_536;

/// Open files that an engine needs besides its tasks: journal, signals, logs and what it reads.
const FILES_OF_ENGINE: u64 = 40;
/// Open files that each task needs.
const FILES_OF_TASK: u64 = 8;

/// Creates the home if it does not exist. Only its owner has access, unless the settings share it.
/// An existing home keeps its permissions.
///
/// # Errors
/// Fails if it cannot be created, or if its path is not UTF-8 and so cannot be given to commands.
pub(crate) fn create(home: &Path, settings: &Settings) -> anyhow::Result<()> {
    if home.to_str().is_none() {
        anyhow::bail!(
            "the state folder's path {} is not UTF-8, so that commands cannot be told where their files are; choose another with --home",
            sunward_files::shown(home)
        );
    }
    let group = settings.shared == Some(Shared::Group);
    if group {
        // Files that commands and the engine create are open to the group, and to nobody else.
        rustix::process::umask(Mode::from_raw_mode(0o007));
    }
    if home.exists() {
        return Ok(());
    }
    let mode = if group { OF_GROUP } else { PRIVATE };
    let failed = |error| {
        anyhow::anyhow!(
            "cannot create the state folder {}: {error}; choose another with --home",
            sunward_files::shown(home)
        )
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(mode & 0o777);
    builder.create(home).map_err(failed)?;
    // The builder does not set the set-group-ID bit, and the umask may have cleared other bits.
    std::fs::set_permissions(home, std::fs::Permissions::from_mode(mode)).map_err(failed)
}

/// Raises the limit of open files as far as the machine allows. A failure is ignored, because
/// opening one file too many is reported anyway.
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

/// Checks that the limit of open files suffices for `jobs` tasks at once. Each task has pipes, a
/// log and a process to watch.
///
/// # Errors
/// Fails if the limit is too low. The message names the limit and how many files are needed.
pub(crate) fn expect_open_files(jobs: u32) -> anyhow::Result<()> {
    let Some(allowed) = getrlimit(Resource::Nofile).current else {
        return Ok(());
    };
    let needed = FILES_OF_ENGINE + FILES_OF_TASK * u64::from(jobs);
    if allowed >= needed {
        return Ok(());
    }
    anyhow::bail!(
        "too few files may be open at once: the limit is {allowed}, but {jobs} tasks at a time need {needed}; raise it (`ulimit -n {needed}`), or lower `-j`"
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
