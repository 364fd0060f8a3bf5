//! Compares archives of packages with their digests.
//!
//! Tools compare what they download, but not all of them compare what they find: archives of a
//! channel in a folder, and those that an earlier environment left.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use sunward_workflows::CondaPackage;

use crate::environments::error::EnvironmentError;

/// Compares the archives of channels in folders.
pub(super) fn of_folders(packages: &[CondaPackage]) -> Result<(), EnvironmentError> {
    let local = packages.iter().filter_map(|one| {
        let path = one.url.strip_prefix("file://")?;
        Some((one, PathBuf::from(decoded(path))))
    });
    for (package, path) in local {
        compare(package, &path)?;
    }
    Ok(())
}

/// Compares those archives that a tool has kept in a folder.
pub(super) fn kept(packages: &[CondaPackage], folder: &Path) -> Result<(), EnvironmentError> {
    for package in packages {
        let name = package.url.rsplit('/').next().unwrap_or_default();
        let path = folder.join(decoded(name));
        if path.is_file() {
            compare(package, &path)?;
        }
    }
    Ok(())
}

fn compare(package: &CondaPackage, path: &Path) -> Result<(), EnvironmentError> {
    let digest = sha256(path).map_err(EnvironmentError::io("read", path))?;
    match digest == package.sha256.to_ascii_lowercase() {
        true => Ok(()),
        false => Err(EnvironmentError::input(format!(
            "the package {} of its conda environment is not what the lock says it is: {} has another SHA-256; delete its entry in the lock so that it is resolved again, if you trust the channel",
            package.name,
            sunward_files::shown(path)
        ))),
    }
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        context.update(&buffer[..count]);
    }
    let digest = context.finish();
    Ok(digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The part of an address as it is on the disk: `%20` is a blank.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match (first, tail) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_digests_are_read() {
        assert_eq!(decoded("/a%20b/c%2"), "/a b/c%2");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x-1-0.conda");
        std::fs::write(&path, "abc").unwrap();
        let mut package = CondaPackage {
            name: "x".into(),
            version: "1".into(),
            build: "0".into(),
            url: format!("file://{}", path.display()),
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into(),
        };
        of_folders(std::slice::from_ref(&package)).unwrap();
        kept(std::slice::from_ref(&package), folder.path()).unwrap();
        package.sha256 = "0".repeat(64);
        for told in [
            of_folders(std::slice::from_ref(&package)),
            kept(std::slice::from_ref(&package), folder.path()),
        ] {
            assert!(
                told.unwrap_err()
                    .to_string()
                    .contains("not what the lock says")
            );
        }
    }
}
