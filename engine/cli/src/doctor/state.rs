//! The place where runs are kept: which file system it is on, and whether it keeps its promises.

use std::path::Path;

use super::Finding;

/// File systems that reach over a network, by the kernel's number for them, on which SQLite's
/// write-ahead log cannot work: it needs memory shared by all processes that use the file.
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

/// Which file system it is.
pub(crate) fn file_system(folder: &Path) -> Finding {
    let stat = match rustix::fs::statfs(folder) {
        Ok(stat) => stat,
        Err(error) => {
            return Finding::problem(
                "file system",
                format!("{} cannot be examined ({error})", folder.display()),
                "choose another place with --home or $SUNWARD_HOME",
            );
        }
    };
    let kind = i64::from(stat.f_type) & 0xffff_ffff;
    match NETWORK.iter().find(|(number, _)| *number == kind) {
        None => Finding::good(
            "file system",
            format!("{} is on a local one", folder.display()),
        ),
        Some((_, "FUSE")) => Finding::note(
            "file system",
            format!(
                "{} is on a FUSE file system, which may reach over a network",
                folder.display()
            ),
            "if runs fail to open their state, keep it on a local disk: --home DIR or $SUNWARD_HOME",
        ),
        Some((_, name)) => Finding::problem(
            "file system",
            format!(
                "{} is on {name}, a network file system, where the journal's write-ahead log is not safe",
                folder.display()
            ),
            "keep the state on a local disk: --home DIR or $SUNWARD_HOME",
        ),
    }
}
