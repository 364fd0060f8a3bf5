//! Builds an environment from its lock entry, once for each host, with every byte checked.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use sunward_files::private;
use sunward_workflows::Python;

use super::error::PythonError;
use super::lock::{Entry, Package};
use super::pip::{Tools, name_of};
use super::uv::{self, Installer};
use crate::environments::Built;

/// Returns the folder of the environment for a lock entry, and builds it if it is missing.
/// Downloaded packages are kept beside it, so that another environment, or the same one after it
/// was deleted, needs no network for them.
///
/// # Errors
///
/// Fails if a package cannot be downloaded, differs from the lock, or cannot be installed.
pub fn environment(tools: &Tools<'_>, entry: &Entry) -> Result<PathBuf, PythonError> {
    held_environment(tools, entry, &mut || {}).map(|built| built.folder)
}

/// As [`environment`], but nobody deletes it while the returned value lives. `begins` is called if
/// it has to be built.
pub(super) fn held_environment(
    tools: &Tools<'_>,
    entry: &Entry,
    begins: &mut dyn FnMut(),
) -> Result<Built, PythonError> {
    tools.cache().get(&digest(entry), tools.stop(), |folder| {
        begins();
        build(tools, entry, folder)
    })
}

fn build(tools: &Tools<'_>, entry: &Entry, folder: &Path) -> Result<(), PythonError> {
    let python = Python {
        version: Some(entry.python.clone()).filter(|version| !version.is_empty()),
        ..Python::default()
    };
    let interpreter = tools.interpreter(&python)?;
    let words: Vec<&OsStr> = ["-m", "venv", "--without-pip"]
        .into_iter()
        .map(OsStr::new)
        .chain([folder.as_os_str()])
        .collect();
    let made = tools.run(&interpreter, &words)?;
    made.expect_success("making a Python environment (Debian: apt install python3-venv)")?;
    if entry.packages.is_empty() {
        return Ok(());
    }
    let list = folder.join("requirements.txt");
    let lines: String = entry.packages.iter().map(Package::line).collect();
    private::write(&list, lines).map_err(PythonError::io("write", &list))?;
    match tools.installer()? {
        Installer::Uv(uv) => uv::install(tools, &uv, &python, &folder.join("bin/python"), &list),
        Installer::Pip => install(tools, &python, &folder.join("bin/python"), &list),
    }
}

fn install(
    tools: &Tools<'_>,
    python: &Python,
    inner: &Path,
    list: &Path,
) -> Result<(), PythonError> {
    let (pip, _in_use) = tools.pip(python)?;
    let downloads = tools.cache().downloads("wheels", tools.stop())?;
    let wheels = &downloads.folder;
    let run = |command: &[&str], what: &str| {
        let mut words: Vec<&OsStr> = vec!["-m".as_ref(), "pip".as_ref()];
        words.extend(command.iter().map(OsStr::new));
        words.extend(
            [
                "--quiet",
                "--require-hashes",
                "--no-deps",
                "--prefer-binary",
            ]
            .map(OsStr::new),
        );
        words.extend([OsStr::new("--find-links"), wheels.as_os_str()]);
        words.extend([OsStr::new("--requirement"), list.as_os_str()]);
        tools.run(&pip, &words)?.expect_success(what)
    };
    let target = sunward_files::as_value(inner);
    let kept = sunward_files::as_value(wheels);
    let install = ["--python", &target, "install"];
    let offline = [&install[..], &["--no-index"]].concat();
    match run(&offline, "installing packages") {
        Err(PythonError::Tool { .. } | PythonError::Registry { .. }) => {
            run(&["download", "--dest", &kept], "fetching packages")?;
            run(&install, "installing packages")?;
            Ok(())
        }
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

/// The name of the environment: the digest of everything that determines its content.
fn digest(entry: &Entry) -> String {
    let mut fields = vec![entry.platform.as_str(), entry.python.as_str()];
    for package in &entry.packages {
        fields.extend([package.name.as_str(), &package.version]);
        fields.extend(package.digests());
    }
    let hex = name_of("python environment", &fields).to_hex();
    // Half of the digest, so that the first lines of scripts stay within the kernel's limit.
    format!("python-{}", &hex[..32])
}
