//! Checks the file system of the state, and that a journal and a store work on it.

use std::path::Path;

use sunward_core::{Fact, Timestamp};
use sunward_data::Store;
use sunward_state::{Group, Journal, Reader, Sqlite, SqliteReader};

use super::Finding;
use crate::machine::now;

/// Network file systems, by the kernel's number. SQLite's write-ahead log does not work on them,
/// because it needs memory shared by all processes that use the file.
const NETWORK: &[(i64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x1983_0326, "BeeGFS"),
    (0x0102_1997, "9P"),
    (0x6573_5546, "FUSE"),
];

/// Checks the kind of file system.
pub(crate) fn file_system(folder: &Path) -> Finding {
    let stat = match rustix::fs::statfs(folder) {
        Ok(stat) => stat,
        Err(error) => {
            return Finding::problem(
                "file system",
                format!(
                    "{} cannot be examined ({error})",
                    sunward_files::shown(folder)
                ),
                "choose another place with --home or $SUNWARD_HOME",
            );
        }
    };
    // Some kernels return a signed number.
    let kind = stat.f_type & 0xffff_ffff;
    match NETWORK.iter().find(|(number, _)| *number == kind) {
        None => Finding::good(
            "file system",
            format!("{} is on a local file system", sunward_files::shown(folder)),
        ),
        Some((_, "FUSE")) => Finding::note(
            "file system",
            format!(
                "{} is on a FUSE file system, which may reach over a network",
                sunward_files::shown(folder)
            ),
            "if runs fail to open their state, keep it on a local disk: --home DIR or $SUNWARD_HOME",
        ),
        Some((_, name)) => Finding::problem(
            "file system",
            format!(
                "{} is on {name}, a network file system, where the journal's write-ahead log is not safe",
                sunward_files::shown(folder)
            ),
            "keep the state on a local disk: --home DIR or $SUNWARD_HOME",
        ),
    }
}

/// Checks that a journal works here: creates one in a temporary folder, writes to it, and reads it
/// with a second connection while the first is open.
pub(crate) fn journal(folder: &Path) -> Finding {
    match try_journal(folder) {
        Ok(()) => Finding::good("state", "a journal can be written and read here"),
        Err(why) => Finding::problem(
            "state",
            format!(
                "a journal cannot be kept in {}: {why}",
                sunward_files::shown(folder)
            ),
            "keep the state on a local disk that you may write to: --home DIR or $SUNWARD_HOME",
        ),
    }
}

fn try_journal(folder: &Path) -> anyhow::Result<()> {
    let scratch = tempfile::Builder::new()
        .prefix(".sunward-doctor-")
        .tempdir_in(folder)?;
    let mut journal = Sqlite::open(scratch.path())?;
    let before = journal.newest_position()?;
    journal.append(&Group {
        at: now(),
        facts: vec![Fact::EngineStarted { at: Timestamp(0) }],
        ..Group::default()
    })?;
    let after = SqliteReader::open(scratch.path())?.newest_position()?;
    anyhow::ensure!(after > before, "what was written cannot be read back");
    Ok(())
}

/// Checks that a store accepts a part and returns it. Leaves one small part in the store.
pub(crate) fn store(url: &str) -> Finding {
    match try_store(url) {
        Ok(()) => Finding::good(
            "store",
            format!("parts can be written to {url} and read back"),
        ),
        Err(why) => Finding::problem(
            "store",
            format!("{url} cannot be used: {why:#}"),
            "check the address and the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL)",
        ),
    }
}

fn try_store(url: &str) -> anyhow::Result<()> {
    let (here, there) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let file = here.path().join("probe");
    std::fs::write(&file, "sunward doctor was here\n")?;
    // The second upload finds the part in the store, which must not be an error.
    let dataset = Store::open(here.path(), Some(url))?.blob(&file)?;
    let other = tempfile::tempdir()?;
    Store::open(other.path(), Some(url))?.blob(&file)?;
    Store::open(there.path(), Some(url))?.fetch(&dataset)?;
    Ok(())
}
