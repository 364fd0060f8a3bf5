//! Builds an environment from a list of exact packages.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sunward_core::FailureKind;
use sunward_files::private;
use sunward_workflows::CondaPackage;

use super::archives;
use super::packages::{digest, platform};
use super::tool::{Family, Tool};
use crate::environments::error::EnvironmentError;
use crate::environments::site::Site;

/// The name of the environment: the digest of its packages.
pub(super) fn name(packages: &[CondaPackage]) -> String {
    // Half of the digest, so that the first lines of scripts stay within the kernel's limit.
    format!("conda-{}", &digest(packages).to_hex()[..32])
}

/// The environment itself, in its folder of the cache.
pub(super) fn prefix(folder: &Path) -> PathBuf {
    folder.join("env")
}

/// Builds an environment in an empty folder. Downloads are kept beside it, so that another one, or
/// the same one after it was deleted, needs no network for them.
pub(super) fn build(
    site: &Site<'_>,
    tool: &Tool,
    packages: &[CondaPackage],
    folder: &Path,
) -> Result<(), EnvironmentError> {
    let downloads = site.cache.downloads("conda-packages", site.runner.stop())?;
    archives::of_folders(packages)?;
    let words = match tool.family {
        Family::Mamba | Family::Conda => explicit(tool, packages, folder)?,
        Family::Pixi => workspace(packages, folder)?,
    };
    let said = tool.run(site, &words, &downloads.folder)?;
    if !said.succeeded {
        return Err(tool.failed(&said, |words| {
            EnvironmentError::new(
                FailureKind::Permanent,
                format!(
                    "building its conda environment by {} failed: {words}; correct that and run again",
                    tool.name
                ),
            )
        }));
    }
    archives::kept(packages, &downloads.folder.join("pkgs"))?;
    if tool.family == Family::Pixi {
        let made = Path::new(".pixi/envs/default");
        let link = prefix(folder);
        std::os::unix::fs::symlink(made, &link).map_err(EnvironmentError::io("link", &link))?;
    }
    compare(packages, &prefix(folder), tool)
}

/// A list that `create` installs as it is
/// (<https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html#building-identical-conda-environments>).
fn explicit(
    tool: &Tool,
    packages: &[CondaPackage],
    folder: &Path,
) -> Result<Vec<OsString>, EnvironmentError> {
    let list = folder.join("packages.txt");
    let mut text = format!("# platform: {}\n@EXPLICIT\n", platform());
    for one in packages {
        text.push_str(&format!("{}#{}\n", one.url, one.sha256));
    }
    private::write(&list, text).map_err(EnvironmentError::io("write", &list))?;
    let mut words: Vec<OsString> = ["create", "--yes", "--quiet"].map(OsString::from).into();
    if tool.family == Family::Conda {
        words.push("--no-default-packages".into());
    }
    words.extend(["--prefix".into(), prefix(folder).into()]);
    words.extend(["--file".into(), list.into()]);
    Ok(words)
}

/// A workspace of pixi whose lock has these packages. pixi compares the lock with nothing.
fn workspace(packages: &[CondaPackage], folder: &Path) -> Result<Vec<OsString>, EnvironmentError> {
    let manifest = folder.join("pixi.toml");
    let text = format!(
        "[workspace]\nname = \"sunward\"\nchannels = []\nplatforms = [\"{}\"]\n",
        platform()
    );
    private::write(&manifest, text).map_err(EnvironmentError::io("write", &manifest))?;
    let urls = packages
        .iter()
        .map(|one| serde_json::json!({ "conda": one.url }));
    let records = packages
        .iter()
        .map(|one| serde_json::json!({ "conda": one.url, "sha256": one.sha256 }));
    let lock = serde_json::json!({
        "version": 6,
        "environments": { "default": {
            "channels": [],
            "packages": { platform(): urls.collect::<Vec<_>>() },
        } },
        "packages": records.collect::<Vec<_>>(),
    });
    let path = folder.join("pixi.lock");
    private::write(&path, lock.to_string()).map_err(EnvironmentError::io("write", &path))?;
    let install = ["install", "--frozen", "--manifest-path"].map(OsString::from);
    Ok(install.into_iter().chain([manifest.into()]).collect())
}

/// One installed package, as `conda-meta` records it.
#[derive(Deserialize)]
struct Installed {
    name: String,
    version: String,
    build: String,
}

/// Checks that an environment has these packages and no others.
fn compare(packages: &[CondaPackage], prefix: &Path, tool: &Tool) -> Result<(), EnvironmentError> {
    let folder = prefix.join("conda-meta");
    let read = EnvironmentError::io("read", &folder);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(read)?,
        Err(error) => return Err(read(error)),
    };
    let mut installed = BTreeSet::new();
    for path in entries.into_iter().map(|entry| entry.path()) {
        if path.extension().is_some_and(|suffix| suffix == "json") {
            let text = fs::read_to_string(&path).map_err(EnvironmentError::io("read", &path))?;
            if let Ok(one) = serde_json::from_str::<Installed>(&text) {
                installed.insert((one.name, one.version, one.build));
            }
        }
    }
    let asked = packages.iter();
    let asked = asked.map(|one| (one.name.clone(), one.version.clone(), one.build.clone()));
    let asked: BTreeSet<_> = asked.collect();
    match asked.symmetric_difference(&installed).next() {
        None => Ok(()),
        Some((name, version, build)) => Err(EnvironmentError::new(
            FailureKind::Permanent,
            format!(
                "{} did not install exactly the packages that it was given: {name} {version} {build} differs; try another tool with `SUNWARD_CONDA`",
                tool.name
            ),
        )),
    }
}
