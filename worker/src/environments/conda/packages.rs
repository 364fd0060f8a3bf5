//! The exact packages of a conda environment, as far as they are known.

use sunward_core::{Digest, Hasher};
use sunward_workflows::{Conda, CondaFile, CondaPackage, CondaWanted, Python, read_conda};

use crate::environments::error::EnvironmentError;
use crate::environments::python::{LockFile, LockedConda, lock_path};
use crate::environments::site::Site;

/// What a file resolves to on this machine.
pub(super) enum Packages {
    /// These packages, sorted.
    Known(Vec<CondaPackage>),
    /// Nothing yet.
    Unresolved(CondaWanted),
}

impl Packages {
    /// What counts in keys.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Known(packages) => digest(packages),
            Self::Unresolved(wanted) => {
                let mut hasher = Hasher::new("unresolved conda packages");
                for channel in &wanted.channels {
                    hasher.field("channel", channel.as_bytes());
                }
                for package in &wanted.packages {
                    hasher.field("package", package.as_bytes());
                }
                hasher.finish()
            }
        }
    }
}

/// What exact packages count as in keys. Where they come from does not count.
pub(super) fn digest(packages: &[CondaPackage]) -> Digest {
    let mut hasher = Hasher::new("conda packages");
    for one in packages {
        hasher.field("name", one.name.as_bytes());
        hasher.field("version", one.version.as_bytes());
        hasher.field("build", one.build.as_bytes());
        hasher.field("sha256", one.sha256.as_bytes());
    }
    hasher.finish()
}

/// The platform of this machine, as conda calls it.
pub(super) const fn platform() -> &'static str {
    if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        "osx-arm64"
    } else if cfg!(target_os = "macos") {
        "osx-64"
    } else if cfg!(target_arch = "aarch64") {
        "linux-aarch64"
    } else if cfg!(target_arch = "powerpc64") {
        "linux-ppc64le"
    } else {
        "linux-64"
    }
}

/// The packages of an environment: those of a `pixi.lock`, or those in the lock file.
pub(super) fn of(site: &Site<'_>, conda: &Conda) -> Result<Packages, EnvironmentError> {
    let path = site.folder.join(&conda.file);
    let unusable =
        |why: String| EnvironmentError::input(format!("{}: {why}; correct `conda`", conda.file));
    let text = sunward_files::read_text(&path)
        .map_err(|error| unusable(format!("it cannot be read: {error}")))?;
    match read_conda(&conda.file, &text).map_err(unusable)? {
        CondaFile::Locked(lock) => {
            let packages = lock.packages(&conda.environment, platform());
            packages.map(Packages::Known).map_err(unusable)
        }
        CondaFile::Wanted(wanted) => {
            let lock = LockFile::read(&lock_path(site.folder, &Python::default()))
                .map_err(EnvironmentError::of_lock)?;
            let found = lock.find_conda(&wanted, platform());
            Ok(match found {
                Some(entry) => Packages::Known(entry.packages.clone()),
                None => Packages::Unresolved(wanted),
            })
        }
    }
}

/// Writes what an `environment.yml` was resolved to into the lock file.
pub(super) fn record(
    site: &Site<'_>,
    wanted: CondaWanted,
    packages: Vec<CondaPackage>,
) -> Result<(), EnvironmentError> {
    let path = lock_path(site.folder, &Python::default());
    let mut lock = LockFile::read(&path).map_err(EnvironmentError::of_lock)?;
    lock.add_conda(LockedConda {
        channels: wanted.channels,
        requires: wanted.packages,
        platform: platform().to_owned(),
        packages,
    });
    lock.write(&path).map_err(EnvironmentError::of_lock)
}
