//! The lock file: the exact packages of each set of requirements, and the digests of images.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sunward_core::{Digest, Hasher};
use sunward_workflows::{
    CondaPackage, CondaWanted, Python, canonical_requirement, check_conda_package,
    check_package_address, quoted,
};

use super::error::PythonError;

/// The name of the lock file, unless a stage names another.
const NAME: &str = "sunward.lock";

/// The version of the file's format.
const VERSION: u32 = 1;

/// A lock file. It is indented JSON, so that diffs are readable, and is meant to be committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockFile {
    /// The version of the file's format.
    pub version: u32,
    /// One entry for each set of requirements and platform.
    pub environments: Vec<Entry>,
    /// One entry for each image that was written without a digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<LockedImage>,
    /// One entry for each conda environment and platform.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conda: Vec<LockedConda>,
}

/// The packages of a conda environment on one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedConda {
    /// The channels of the `environment.yml`, the preferred one first.
    pub channels: Vec<String>,
    /// The packages that it asks for, sorted.
    pub requires: Vec<String>,
    /// The platform, for example `linux-64`.
    pub platform: String,
    /// All packages, including dependencies, sorted by name.
    pub packages: Vec<CondaPackage>,
}

impl LockedConda {
    /// Whether this is what an `environment.yml` was resolved to on a platform.
    pub(crate) fn answers(&self, wanted: &CondaWanted, platform: &str) -> bool {
        self.platform == platform
            && self.channels == wanted.channels
            && self.requires == wanted.packages
    }
}

/// What the tag of an image was resolved to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedImage {
    /// The image with its tag, for example `docker.io/library/debian:13`.
    pub image: String,
    /// Its digest, `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// The packages of one set of requirements on one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The Python version that the stage asks for; empty if it names none.
    pub python: String,
    /// The requirements, sorted.
    pub requires: Vec<String>,
    /// The interpreter and machine for which this was resolved, for example
    /// `cpython-3.11-linux-x86_64`.
    pub platform: String,
    /// All packages, including dependencies, sorted by name.
    pub packages: Vec<Package>,
}

/// One package of an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// The SHA-256 of the file to install, in hex.
    pub sha256: String,
    /// Those of other files of this version that may be installed instead. uv tells all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

impl Default for LockFile {
    fn default() -> Self {
        Self {
            version: VERSION,
            environments: Vec::new(),
            images: Vec::new(),
            conda: Vec::new(),
        }
    }
}

/// Returns the path of a stage's lock file. `folder` is the workflow's folder.
#[must_use]
pub fn lock_path(folder: &Path, python: &Python) -> PathBuf {
    folder.join(python.lock.as_deref().unwrap_or(NAME))
}

/// The part of a task's key for a stage's environment. See [`LockFile::digest`].
///
/// # Errors
///
/// Fails if there is a lock file and it cannot be read.
pub fn lock_digest(folder: &Path, python: &Python) -> Result<Digest, PythonError> {
    Ok(LockFile::read(&lock_path(folder, python))?.digest(python))
}

/// A stage's requirements, which do not depend on how they were written.
pub(super) fn requirements(python: &Python) -> Vec<String> {
    in_order(&python.packages)
}

fn in_order(packages: &[String]) -> Vec<String> {
    let canonical = packages
        .iter()
        .map(|package| canonical_requirement(package));
    let mut requires: Vec<String> = canonical.collect();
    requires.sort();
    requires.dedup();
    requires
}

impl Package {
    /// The SHA-256 of all files that may be installed.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.sha256)
            .chain(&self.also)
            .map(String::as_str)
    }

    /// The line of a file of requirements that asks for exactly this.
    pub(super) fn line(&self) -> String {
        let hashes = self.digests().map(|one| format!(" --hash=sha256:{one}"));
        format!(
            "{}=={}{}\n",
            self.name,
            self.version,
            hashes.collect::<String>()
        )
    }

    /// Whether name, version and hash are plain. They become words of a command, so none may be an
    /// option or contain a blank.
    fn is_plain(&self) -> bool {
        let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let version = |c: char| name(c) || matches!(c, '+' | '!');
        begins(&self.name)
            && self.name.chars().all(name)
            && begins(&self.version)
            && self.version.chars().all(version)
            && self.digests().all(is_sha256)
    }
}

/// Whether a package of conda is plain, for the same reason.
fn is_plain(package: &CondaPackage) -> bool {
    check_conda_package(&package.name, &package.version, &package.build)
        && check_package_address(&package.url).is_ok()
        && is_sha256(&package.sha256)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Entry {
    /// Whether this is an entry for the stage's requirements, on any platform.
    pub(super) fn answers(&self, python: &Python) -> bool {
        self.python == python.version.as_deref().unwrap_or("")
            && in_order(&self.requires) == requirements(python)
    }
}

impl LockFile {
    /// Reads a lock file. A missing file is read as an empty one.
    ///
    /// # Errors
    ///
    /// Fails if the file exists and cannot be read or is not a lock file.
    pub fn read(path: &Path) -> Result<Self, PythonError> {
        let text = match sunward_files::read_text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(PythonError::io("read", path)(error)),
        };
        let broken = |problem: String| PythonError::Lock {
            path: path.to_owned(),
            problem,
        };
        let lock: Self = serde_json::from_str(&text).map_err(|error| {
            broken(format!("it cannot be read: {error}; restore it from version control, or delete it to resolve the packages again"))
        })?;
        if lock.version == VERSION {
            let packages = lock.environments.iter().flat_map(|entry| &entry.packages);
            let odd = packages.into_iter().find(|package| !package.is_plain());
            let odd = odd.map(|one| (&one.name, &one.version));
            let packages = lock.conda.iter().flat_map(|entry| &entry.packages);
            let odd_conda = packages.into_iter().find(|package| !is_plain(package));
            match odd.or(odd_conda.map(|one| (&one.name, &one.version))) {
                None => Ok(lock),
                Some((name, version)) => Err(broken(format!(
                    "its package {}, version {}, cannot be requested from an index; restore it from version control, or delete it to resolve the packages again",
                    quoted(name),
                    quoted(version)
                ))),
            }
        } else {
            Err(broken(format!(
                "it has version {}, and this Sunward reads version {VERSION}; use the Sunward that wrote it, or delete it to resolve the packages again",
                lock.version
            )))
        }
    }

    /// The part of a task's key for a stage's environment. It covers the names and versions of all
    /// packages, so that platforms that lock the same versions share results. As long as nothing is
    /// locked, it covers the requirements.
    #[must_use]
    pub fn digest(&self, python: &Python) -> Digest {
        let answers = self.environments.iter().filter(|e| e.answers(python));
        let versions = |entry: &Entry| -> Vec<(String, String)> {
            let packages = entry.packages.iter();
            packages
                .map(|one| (one.name.clone(), one.version.clone()))
                .collect()
        };
        let locked: BTreeSet<Vec<(String, String)>> = answers.map(versions).collect();
        let mut hasher = Hasher::new("python environment");
        hasher.field("python", python.version.as_deref().unwrap_or("").as_bytes());
        if locked.is_empty() {
            for requirement in requirements(python) {
                hasher.field("unresolved", requirement.as_bytes());
            }
        }
        for packages in &locked {
            hasher.field("packages", &packages.len().to_le_bytes());
            for (name, version) in packages {
                hasher.field("name", name.as_bytes());
                hasher.field("version", version.as_bytes());
            }
        }
        hasher.finish()
    }

    /// Returns the entry for a stage's requirements on a platform, if there is one.
    #[must_use]
    pub fn find(&self, python: &Python, platform: &str) -> Option<&Entry> {
        let mut entries = self.environments.iter();
        entries.find(|entry| entry.platform == platform && entry.answers(python))
    }

    /// Adds or replaces an entry. Entries are sorted, which keeps diffs small.
    pub(super) fn add(&mut self, entry: Entry) {
        let key = |e: &Entry| (e.python.clone(), e.requires.clone(), e.platform.clone());
        let new = key(&entry);
        self.environments.retain(|old| key(old) != new);
        self.environments.push(entry);
        self.environments.sort_by_key(key);
    }

    /// The packages of a conda environment on a platform, if they are known.
    pub(crate) fn find_conda(&self, wanted: &CondaWanted, platform: &str) -> Option<&LockedConda> {
        let mut entries = self.conda.iter();
        entries.find(|entry| entry.answers(wanted, platform))
    }

    /// Adds an entry of a conda environment. Entries are sorted, which keeps diffs small.
    pub(crate) fn add_conda(&mut self, entry: LockedConda) {
        let key = |e: &LockedConda| (e.requires.clone(), e.channels.clone(), e.platform.clone());
        let new = key(&entry);
        self.conda.retain(|old| key(old) != new);
        self.conda.push(entry);
        self.conda.sort_by_key(key);
    }

    /// Writes the file atomically.
    pub(crate) fn write(&self, path: &Path) -> Result<(), PythonError> {
        let io = |error| PythonError::io("write", path)(error);
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
        let text = serde_json::to_string_pretty(self).map_err(|error| io(error.into()))?;
        writeln!(file, "{text}").map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        // Temporary files are private, but this one belongs to the project.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode).map_err(io)?;
        file.persist(path).map_err(|error| io(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(packages: &[&str]) -> Python {
        Python {
            packages: packages.iter().map(|p| (*p).to_owned()).collect(),
            ..Python::default()
        }
    }

    fn entry(platform: &str, version: &str) -> Entry {
        Entry {
            python: String::new(),
            requires: vec!["a".into(), "b>1".into()],
            platform: platform.into(),
            packages: vec![Package {
                name: "a".into(),
                version: version.into(),
                sha256: sunward_core::Digest::of(platform.as_bytes()).to_hex(),
                also: Vec::new(),
            }],
        }
    }

    #[test]
    fn the_order_of_requirements_does_not_matter_and_the_platform_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let mut lock = LockFile::default();
        lock.add(entry("linux", "1"));
        lock.write(&path).unwrap();
        let lock = LockFile::read(&path).unwrap();
        assert!(lock.find(&python(&["b>1", " a"]), "linux").is_some());
        assert!(lock.find(&python(&["b>1", "a"]), "mac").is_none());
        assert!(lock.find(&python(&["a"]), "linux").is_none());
    }

    #[test]
    fn the_key_sees_versions_and_not_platforms() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let wanted = python(&["a", "b>1"]);
        let unresolved = lock_digest(folder.path(), &wanted).unwrap();
        let digest_of = |entry: Entry| {
            let mut lock = LockFile::default();
            lock.add(entry);
            lock.write(&path).unwrap();
            lock_digest(folder.path(), &wanted).unwrap()
        };
        let first = digest_of(entry("linux", "1"));
        assert_eq!(first, digest_of(entry("mac", "1")));
        assert_ne!(first, digest_of(entry("linux", "2")));
        assert_ne!(first, unresolved);
        // The versions of every platform count, not only those of the first entry in the file.
        let of_two = |mac: &str, linux: &str| {
            let mut lock = LockFile::default();
            lock.add(entry("linux", linux));
            lock.add(entry("mac", mac));
            lock.digest(&wanted)
        };
        assert_eq!(of_two("1", "1"), first);
        assert_ne!(of_two("1", "1"), of_two("1", "2"));
        assert_ne!(of_two("1", "1"), of_two("2", "1"));
    }

    #[test]
    fn a_lock_file_that_is_none_is_refused_with_advice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        for text in ["", "{", "[]", r#"{"version": 9, "environments": []}"#] {
            std::fs::write(&path, text).unwrap();
            let error = lock_digest(folder.path(), &python(&[]))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("delete it to resolve the packages again"),
                "{error}"
            );
        }
    }
}
