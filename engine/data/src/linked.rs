//! Large parts that tasks see through hard links, and checks whether their bytes have changed.
//!
//! A link is cheap and shares its bytes with the store, so a task with enough permissions can
//! change them. They are compared after each attempt. The metadata of the file is compared first.
//! The digest is compared only if the metadata changed in a way that our own linking does not
//! explain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sunward_core::Digest;

use crate::incoming::fresh_path;
use crate::staged::content;

/// The metadata of a part's file after we last changed its number of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    size: u64,
    mode: u32,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            inode: (found.dev(), found.ino()),
            size: found.size(),
            mode: found.mode(),
            mtime: (found.mtime(), found.mtime_nsec()),
            ctime: (found.ctime(), found.ctime_nsec()),
        })
    }
}

#[derive(Debug)]
struct Known {
    /// Our own link to the file, in the store's folder of incoming files. It preserves the file for
    /// comparison and its inode number, even if a task moved its link away and the part was deleted
    /// or replaced.
    own: PathBuf,
    stamp: Stamp,
    /// The part's original mode.
    mode: u32,
    users: u32,
    /// Whether something other than our linking touched the file since its bytes were last
    /// compared.
    doubtful: bool,
    /// Whether the bytes were found to differ from the digest.
    changed: bool,
}

/// A link that an attempt holds.
#[derive(Debug)]
pub(crate) struct Link {
    inode: (u64, u64),
    digest: Digest,
    part: PathBuf,
    /// The path of the link in the task's folder.
    pub(crate) name: PathBuf,
}

/// All currently linked parts.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    /// The linked parts by device and inode number.
    known: Mutex<BTreeMap<(u64, u64), Known>>,
    /// Parts that a task changed through a link. They are not linked again: a stage that changes
    /// its input usually does so every time, and parts that other tasks need would be made again
    /// and changed again forever.
    harmed: Mutex<BTreeSet<Digest>>,
}

impl Linked {
    /// Whether no task has changed a part with this digest through a link.
    pub(crate) fn may_link(&self, digest: &Digest) -> bool {
        let harmed = self.harmed.lock().unwrap_or_else(PoisonError::into_inner);
        !harmed.contains(digest)
    }

    /// Creates a link to a part at `name`. `folder` is for our own link. It must be on the same
    /// file system, and out of reach of tasks.
    pub(crate) fn link(
        &self,
        part: &Path,
        digest: Digest,
        name: &Path,
        folder: &Path,
    ) -> io::Result<Link> {
        let mut all = self.lock();
        let before = Stamp::of(part)?;
        fs::hard_link(part, name)?;
        let linked = note(&mut all, before, name, folder);
        if let Err(error) = linked {
            drop(fs::remove_file(name));
            return Err(error);
        }
        Ok(Link {
            inode: before.inode,
            digest,
            part: part.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Whether the bytes behind a link still match the part's digest. This also works if the part
    /// was deleted or replaced in the meantime. If they do not match, the part is deleted from the
    /// store, so that it is fetched or made again.
    pub(crate) fn is_whole(&self, link: &Link) -> bool {
        let (own, mode) = {
            let all = self.lock();
            let Some(known) = all.get(&link.inode) else {
                return false;
            };
            if known.changed {
                return false;
            }
            if !known.doubtful && Stamp::of(&known.own).is_ok_and(|now| now == known.stamp) {
                return true;
            }
            (known.own.clone(), known.mode)
        };
        let is_it = |path: &&Path| Stamp::of(path).is_ok_and(|found| found.inode == link.inode);
        let names = [own.as_path(), &link.name, &link.part];
        // If no name is left, the bytes that the task saw cannot be compared.
        let Some(held) = names.into_iter().find(is_it) else {
            return false;
        };
        // A changed mode is harmless and is restored.
        if Stamp::of(held).is_ok_and(|found| found.mode & 0o7777 != mode) {
            drop(fs::set_permissions(held, fs::Permissions::from_mode(mode)));
        }
        let before = Stamp::of(held);
        let same = content(held).is_ok_and(|found| found == link.digest.0);
        let after = Stamp::of(held);
        if !same {
            let mut harmed = self.harmed.lock().unwrap_or_else(PoisonError::into_inner);
            harmed.insert(link.digest);
        }
        // If the part was replaced, the new file is not the one that was changed, so it stays.
        if !same && is_it(&link.part.as_path()) {
            drop(fs::remove_file(&link.part));
        }
        if let Some(known) = self.lock().get_mut(&link.inode) {
            known.changed |= !same;
            if let (true, Ok(before), Ok(after)) = (same, before, after) {
                // If the file was touched while it was read, the next check reads it again.
                known.doubtful = after != before;
                known.stamp = after;
            }
        }
        same
    }

    /// Removes the link.
    pub(crate) fn release(&self, link: &Link) {
        let mut all = self.lock();
        let Some(known) = all.get_mut(&link.inode) else {
            return;
        };
        let before = Stamp::of(&known.own);
        // The task may have put something else at this path, or replaced its folder by a symbolic
        // link to a folder of the user. Only our own link is removed.
        if Stamp::of(&link.name).is_ok_and(|found| found.inode == link.inode) {
            drop(fs::remove_file(&link.name));
        }
        known.users = known.users.saturating_sub(1);
        if known.users == 0 {
            drop(fs::remove_file(&known.own));
            all.remove(&link.inode);
            return;
        }
        match (before, Stamp::of(&known.own)) {
            (Ok(before), Ok(after)) => {
                known.doubtful |= known.stamp != before;
                known.stamp = after;
            }
            _ => known.doubtful = true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(u64, u64), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records another name of a file whose metadata was `before`.
fn note(
    all: &mut BTreeMap<(u64, u64), Known>,
    before: Stamp,
    name: &Path,
    folder: &Path,
) -> io::Result<()> {
    let now = Stamp::of(name)?;
    if now.inode != before.inode {
        return Err(io::Error::other(
            "the part was replaced while it was linked; link it again or copy it",
        ));
    }
    if let Some(known) = all.get_mut(&now.inode) {
        known.doubtful |= known.stamp != before;
        known.stamp = now;
        known.users += 1;
        return Ok(());
    }
    let own = fresh_path(folder, "-linked");
    fs::hard_link(name, &own)?;
    let known = Known {
        stamp: Stamp::of(&own)?,
        own,
        mode: before.mode & 0o555 | 0o444,
        users: 1,
        doubtful: false,
        changed: false,
    };
    all.insert(now.inode, known);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
        part: PathBuf,
        digest: Digest,
        linked: Linked,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let part = folder.path().join("part");
            fs::write(&part, "whole").unwrap();
            fs::set_permissions(&part, fs::Permissions::from_mode(0o444)).unwrap();
            Self {
                digest: Digest::of(b"whole"),
                linked: Linked::default(),
                part,
                folder,
            }
        }

        fn link(&self, name: &str) -> Link {
            let folder = self.folder.path();
            let name = folder.join(name);
            let link = self.linked.link(&self.part, self.digest, &name, folder);
            link.unwrap()
        }

        /// Deletes the part, as `prune` does, or a reader that finds it damaged. With `again`, the
        /// same bytes are then written to a new file.
        fn lose(&self, again: bool) {
            fs::remove_file(&self.part).unwrap();
            if again {
                fs::write(&self.part, "whole").unwrap();
            }
        }
    }

    /// Writes regardless of permissions, as root can, and restores the modification time.
    fn overwrite(path: &Path, text: &str) {
        let found = fs::metadata(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(path, text).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(found.modified().unwrap()).unwrap();
        fs::set_permissions(path, found.permissions()).unwrap();
    }

    #[test]
    fn links_of_others_raise_no_doubt_and_changed_bytes_of_the_same_size_and_time_are_found() {
        let bench = Bench::new();
        let (one, two) = (bench.link("one"), bench.link("two"));
        assert!(bench.linked.is_whole(&one));
        bench.linked.release(&one);
        assert!(bench.linked.is_whole(&two));
        let three = bench.link("three");
        overwrite(&two.name, "WHOLE");
        let four = bench.link("four");
        for link in [&two, &three, &four] {
            assert!(!bench.linked.is_whole(link), "{link:?}");
        }
        assert!(!bench.part.exists(), "what was changed is made again");
        assert!(!bench.linked.may_link(&bench.digest));
        assert!(bench.linked.may_link(&Digest::of(b"another")));
    }

    #[test]
    fn what_does_not_change_the_bytes_is_no_harm() {
        let bench = Bench::new();
        let (one, two) = (bench.link("one"), bench.link("two"));
        fs::set_permissions(&one.name, fs::Permissions::from_mode(0o666)).unwrap();
        fs::remove_file(&one.name).unwrap();
        assert!(bench.linked.is_whole(&one) && bench.linked.is_whole(&two));
        let mode = fs::metadata(&bench.part).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o444);
        bench.linked.release(&one);
        bench.linked.release(&two);
        assert!(bench.linked.lock().is_empty());
    }

    #[test]
    fn what_a_task_saw_is_compared_also_where_the_part_is_gone_or_replaced() {
        for (again, moves) in [(false, false), (false, true), (true, false), (true, true)] {
            for harmed in [false, true] {
                let bench = Bench::new();
                let (one, two) = (bench.link("one"), bench.link("two"));
                if harmed {
                    overwrite(&one.name, "WHOLE");
                }
                if moves {
                    fs::rename(&one.name, bench.folder.path().join("away")).unwrap();
                }
                bench.lose(again);
                let case = format!("again {again}, moves {moves}, harmed {harmed}");
                for link in [&one, &two, &one] {
                    assert_eq!(bench.linked.is_whole(link), !harmed, "{case}");
                }
                assert_eq!(bench.part.exists(), again, "{case}");
                bench.linked.release(&one);
                bench.linked.release(&two);
                assert!(bench.linked.lock().is_empty());
                let left = fs::read_dir(bench.folder.path()).unwrap().count();
                assert_eq!(left, usize::from(again) + usize::from(moves), "{case}");
            }
        }
    }

    #[test]
    fn only_our_own_name_is_taken_away() {
        let bench = Bench::new();
        let inputs = bench.folder.path().join("inputs");
        let users = bench.folder.path().join("users");
        fs::create_dir(&inputs).unwrap();
        fs::create_dir(&users).unwrap();
        fs::write(users.join("x"), "theirs").unwrap();
        let link = bench.link("inputs/x");
        fs::remove_dir_all(&inputs).unwrap();
        std::os::unix::fs::symlink(&users, &inputs).unwrap();
        assert!(bench.linked.is_whole(&link));
        bench.linked.release(&link);
        assert_eq!(fs::read_to_string(users.join("x")).unwrap(), "theirs");
    }

    #[test]
    fn a_part_that_may_be_executed_stays_so() {
        let bench = Bench::new();
        fs::set_permissions(&bench.part, fs::Permissions::from_mode(0o555)).unwrap();
        let link = bench.link("one");
        fs::set_permissions(&link.name, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(bench.linked.is_whole(&link));
        let mode = fs::metadata(&bench.part).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o555);
    }
}
