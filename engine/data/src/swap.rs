//! Puts a folder in the place of another, if possible without a moment in which neither is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Moves `new` to `place`. Returns where the former content of `place` is now, if there was any.
/// `aside` is a free path, for file systems that cannot exchange two names.
///
/// # Errors
///
/// Fails if it cannot be moved. Then `place` is as it was.
pub(crate) fn swap(new: &Path, place: &Path, aside: &Path) -> io::Result<Option<PathBuf>> {
    match renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(Some(new.to_owned())),
        Err(Errno::NOENT) => fs::rename(new, place).map(|()| None),
        // The kernel or the file system has no exchange.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            one_after_the_other(new, place, aside).map(Some)
        }
        Err(error) => Err(error.into()),
    }
}

fn one_after_the_other(new: &Path, place: &Path, aside: &Path) -> io::Result<PathBuf> {
    fs::rename(place, aside)?;
    match fs::rename(new, place) {
        Ok(()) => Ok(aside.to_owned()),
        Err(error) => {
            let _ = fs::rename(aside, place);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_is_replaced_with_and_without_an_exchange() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let make = |name: &str| {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join(name), "x").unwrap();
        };
        make("first");
        assert_eq!(
            swap(&at("first"), &at("place"), &at("aside")).unwrap(),
            None
        );
        make("second");
        let old = swap(&at("second"), &at("place"), &at("aside")).unwrap();
        assert!(old.unwrap().join("first").exists());
        assert!(at("place/second").exists());
        make("third");
        let old = one_after_the_other(&at("third"), &at("place"), &at("aside")).unwrap();
        assert!(old.join("second").exists() && at("place/third").exists());
    }

    #[test]
    fn a_failure_leaves_the_old_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("place")).unwrap();
        assert!(swap(&at("absent"), &at("place"), &at("aside")).is_err());
        assert!(one_after_the_other(&at("absent"), &at("place"), &at("aside")).is_err());
        assert!(at("place").is_dir() && !at("aside").exists());
    }
}
