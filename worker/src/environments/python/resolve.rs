//! Resolves requirements with the package index, and writes the result into the lock file.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use sunward_workflows::{Python, canonical_requirement};

use super::error::PythonError;
use super::lock::{Entry, LockFile, Package, lock_path, requirements};
use super::pip::{Outcome, Tools, could_not_fetch};
use super::uv::{self, Installer};

/// pip's report of a dry run.
#[derive(Deserialize)]
struct Report {
    install: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    download_info: Download,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Download {
    url: String,
    archive_info: Option<Archive>,
}

#[derive(Deserialize)]
struct Archive {
    #[serde(default)]
    hashes: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

/// Completes the lock files beside a workflow, so that they cover all these stages on this
/// platform. Existing entries stay; only missing ones are resolved. Returns true if something was
/// written.
///
/// # Errors
///
/// Fails if the index cannot be reached or lacks a package, there is no such Python, or a lock file
/// cannot be read or written.
pub fn resolve_lock<'p>(
    tools: &Tools<'_>,
    folder: &Path,
    stages: impl IntoIterator<Item = &'p Python>,
) -> Result<bool, PythonError> {
    let mut wrote = false;
    for python in stages {
        let path = lock_path(folder, python);
        let platform = tools.platform(python)?;
        let mut lock = LockFile::read(&path)?;
        if lock.find(python, &platform).is_none() {
            let elsewhere = lock.environments.iter().find(|entry| entry.answers(python));
            let entry = resolve(tools, python, platform, elsewhere)?;
            lock.add(entry);
            lock.write(&path)?;
            wrote = true;
        }
    }
    Ok(wrote)
}

/// Resolves one set of requirements. Versions that another platform locked are reused, so that the
/// file gives the same versions everywhere.
fn resolve(
    tools: &Tools<'_>,
    python: &Python,
    platform: String,
    elsewhere: Option<&Entry>,
) -> Result<Entry, PythonError> {
    let requires = requirements(python);
    let mut packages = Vec::new();
    if !requires.is_empty() {
        let constraints = constraints(tools, elsewhere)?;
        let constraints = constraints.as_ref().map(|file| file.path());
        packages = match tools.installer()? {
            Installer::Uv(uv) => uv::resolve(tools, &uv, python, &requires, constraints)?,
            Installer::Pip => {
                let said = ask(tools, python, &requires, constraints)?;
                parse(said.stdout(), &requires)?
            }
        };
    }
    packages.sort();
    Ok(Entry {
        python: python.version.clone().unwrap_or_default(),
        requires,
        platform,
        packages,
    })
}

fn constraints(
    tools: &Tools<'_>,
    elsewhere: Option<&Entry>,
) -> Result<Option<tempfile::NamedTempFile>, PythonError> {
    let Some(entry) = elsewhere else {
        return Ok(None);
    };
    let packages = entry.packages.iter();
    let lines = packages.map(|package| format!("{}=={}", package.name, package.version));
    in_file(tools, &lines.collect::<Vec<_>>()).map(Some)
}

/// A temporary file with these lines.
pub(super) fn in_file(
    tools: &Tools<'_>,
    lines: &[String],
) -> Result<tempfile::NamedTempFile, PythonError> {
    use std::io::Write;
    let io = |error| PythonError::io("write a list for pip in", tools.cache().folder())(error);
    let mut file = tempfile::NamedTempFile::new().map_err(io)?;
    for line in lines {
        writeln!(file, "{line}").map_err(io)?;
    }
    Ok(file)
}

fn ask(
    tools: &Tools<'_>,
    python: &Python,
    requires: &[String],
    constraints: Option<&Path>,
) -> Result<Outcome, PythonError> {
    let (pip, _in_use) = tools.pip(python)?;
    let mut words: Vec<&OsStr> = Vec::new();
    let fixed = "-m pip install --dry-run --ignore-installed --quiet --prefer-binary \
                 --progress-bar off --report -";
    words.extend(fixed.split(' ').map(OsStr::new));
    if let Some(file) = constraints {
        words.extend([OsStr::new("--constraint"), file.as_os_str()]);
    }
    // pip reports failed downloads only in its log if it must not retry (`PIP_RETRIES=0`). With a
    // log it also draws progress bars into its report, in spite of `--quiet`.
    let log = tempfile::NamedTempFile::new()
        .map_err(|error| PythonError::io("write pip's log in", tools.cache().folder())(error))?;
    words.extend([OsStr::new("--log"), log.path().as_os_str()]);
    // A hash can only be stated in a file. With one, pip wants the hashes of all packages.
    let listed = match requires.iter().any(|one| one.contains(" --hash=")) {
        true => Some(in_file(tools, requires)?),
        false => None,
    };
    if let Some(file) = &listed {
        words.extend([OsStr::new("--requirement"), file.path().as_os_str()]);
    } else {
        // After this word, pip treats nothing as an option.
        words.push(OsStr::new("--"));
        words.extend(requires.iter().map(OsStr::new));
    }
    let said = tools.run(&pip, &words)?;
    if said.succeeded() {
        return Ok(said);
    }
    let all = requires.join(", ");
    let unreached = || could_not_fetch(&fs::read_to_string(log.path()).unwrap_or_default());
    Err(if said.blames_network() || unreached() {
        PythonError::Registry {
            what: format!("resolving {all}"),
            said: said.last_words(),
        }
    } else {
        PythonError::Unresolvable {
            tool: "pip",
            requirements: all,
            said: said.last_words(),
        }
    })
}

fn parse(report: &str, requires: &[String]) -> Result<Vec<Package>, PythonError> {
    let report: Report = serde_json::from_str(report).map_err(|error| PythonError::Tool {
        what: format!("reading pip's report on {}", requires.join(", ")),
        said: format!("{error}; pip 22.2 or newer is needed"),
    })?;
    let lock = |item: Item| {
        let hashes = item
            .download_info
            .archive_info
            .map(|archive| archive.hashes);
        let sha256 = hashes.and_then(|mut hashes| hashes.remove("sha256"));
        sha256
            .map(|sha256| Package {
                // As uv writes them, so that the same packages have the same key.
                name: canonical_requirement(&item.metadata.name),
                version: plain_version(&item.metadata.version),
                sha256,
                also: Vec::new(),
            })
            .ok_or_else(|| PythonError::Unresolvable {
                tool: "pip",
                requirements: item.metadata.name,
                said: format!(
                    "{} has no SHA-256; only packages of an index or archives can be locked",
                    item.download_info.url
                ),
            })
    };
    report.install.into_iter().map(lock).collect()
}

/// A version without leading zeros, as indexes and uv write it
/// (<https://packaging.python.org/en/latest/specifications/version-specifiers/#normalization>).
fn plain_version(version: &str) -> String {
    let version = version.trim().to_ascii_lowercase();
    let version = version.strip_prefix('v').unwrap_or(&version);
    let plain = |step: &str| match step.bytes().all(|byte| byte.is_ascii_digit()) {
        true if !step.is_empty() => {
            let number = step.trim_start_matches('0');
            (if number.is_empty() { "0" } else { number }).to_owned()
        }
        _ => step.to_owned(),
    };
    version.split('.').map(plain).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_written_as_uv_writes_them() {
        let report = r#"{"install":[{"download_info":{"url":"x","archive_info":{"hashes":{"sha256":"ab"}}},"metadata":{"name":"Zope.Interface","version":"2023.07.00.post1"}}]}"#;
        let package = &parse(report, &[]).unwrap()[0];
        assert_eq!(
            (&*package.name, &*package.version),
            ("zope-interface", "2023.7.0.post1")
        );
    }

    #[test]
    fn a_report_is_read_and_what_has_no_hash_is_refused() {
        let item = |archive: &str| {
            format!(
                r#"{{"version":"1","install":[{{"download_info":{{"url":"https://x/six.whl"{archive}}},"metadata":{{"name":"six","version":"1.17.0"}}}}]}}"#
            )
        };
        let good = item(r#","archive_info":{"hash":"sha256=ab","hashes":{"sha256":"ab"}}"#);
        let package = &parse(&good, &[]).unwrap()[0];
        assert_eq!(
            (&*package.name, &*package.version, &*package.sha256),
            ("six", "1.17.0", "ab")
        );
        let error = parse(&item(r#","vcs_info":{}"#), &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("https://x/six.whl has no SHA-256"),
            "{error}"
        );
    }
}
