//! Resolves an `environment.yml` to exact packages.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use sunward_workflows::{
    CondaFile, CondaPackage, CondaWanted, check_conda_package, check_package_address, read_conda,
};

use super::packages::platform;
use super::tool::{Family, Tool, json};
use crate::environments::error::EnvironmentError;
use crate::environments::site::Site;

/// What `create --dry-run --json` answers.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    actions: Actions,
}

#[derive(Default, Deserialize)]
struct Actions {
    /// Packages that are not downloaded yet.
    #[serde(rename = "FETCH", default)]
    fetched: Vec<Record>,
    /// All packages of the environment.
    #[serde(rename = "LINK", default)]
    linked: Vec<Record>,
}

#[derive(Clone, Deserialize)]
struct Record {
    name: String,
    version: String,
    build_string: Option<String>,
    build: Option<String>,
    url: Option<String>,
    sha256: Option<String>,
}

/// Resolves what `file` asks for, without installing anything.
pub(super) fn resolve(
    site: &Site<'_>,
    tool: &Tool,
    file: &str,
    wanted: &CondaWanted,
) -> Result<Vec<CondaPackage>, EnvironmentError> {
    let scratch = tempfile::tempdir().map_err(|error| {
        EnvironmentError::io("create a folder in", &std::env::temp_dir())(error)
    })?;
    let scratch = scratch.path();
    let kept = site.cache.downloads("conda-packages", site.runner.stop())?;
    let downloads = match tool.family {
        // conda tells digests only of what it would download.
        Family::Conda => scratch,
        Family::Mamba | Family::Pixi => &kept.folder,
    };
    let unresolved = |words: &str| {
        EnvironmentError::input(format!(
            "{} cannot resolve {} from {}: {words}; correct {file}, or check that its channels have them for {}",
            tool.name,
            wanted.packages.join(", "),
            wanted.channels.join(", "),
            platform()
        ))
    };
    let mut packages = match tool.family {
        Family::Mamba | Family::Conda => {
            let said = tool.run(site, &dry_run(tool, scratch, wanted), downloads)?;
            if !said.succeeded {
                return Err(tool.failed(&said, unresolved));
            }
            of_answer(&said.stdout).map_err(|why| unresolved(&why))?
        }
        Family::Pixi => {
            let manifest = write_wanted(scratch, wanted)?;
            for words in lock_commands(scratch, &manifest) {
                let said = tool.run(site, &words, downloads)?;
                if !said.succeeded {
                    return Err(tool.failed(&said, unresolved));
                }
            }
            of_lock(&scratch.join("workspace/pixi.lock")).map_err(|why| unresolved(&why))?
        }
    };
    packages.sort();
    match packages.iter().find(|one| !is_for_this_platform(one)) {
        Some(other) => Err(unresolved(&format!("it chose {}", other.url))),
        None => Ok(packages),
    }
}

fn dry_run(tool: &Tool, scratch: &Path, wanted: &CondaWanted) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["create", "--dry-run", "--json", "--yes", "--no-pin"]
        .map(OsString::from)
        .into();
    if tool.family == Family::Conda {
        words.push("--no-default-packages".into());
    }
    words.extend(["--prefix".into(), scratch.join("env").into()]);
    words.push("--override-channels".into());
    for channel in &wanted.channels {
        words.extend(["--channel".into(), channel.into()]);
    }
    words.extend(wanted.packages.iter().map(OsString::from));
    words
}

/// An `environment.yml` with only what was checked. JSON is YAML.
fn write_wanted(
    scratch: &Path,
    wanted: &CondaWanted,
) -> Result<std::path::PathBuf, EnvironmentError> {
    let path = scratch.join("environment.yml");
    let text = serde_json::json!({
        "name": "sunward",
        "channels": wanted.channels,
        "dependencies": wanted.packages,
    });
    fs::write(&path, text.to_string()).map_err(EnvironmentError::io("write", &path))?;
    Ok(path)
}

fn lock_commands(scratch: &Path, manifest: &Path) -> [Vec<OsString>; 2] {
    let workspace = scratch.join("workspace");
    let toml = workspace.join("pixi.toml");
    let init = [
        "init".into(),
        "--import".into(),
        manifest.into(),
        workspace.into(),
    ];
    let lock = ["lock".into(), "--manifest-path".into(), toml.into()];
    [init.into(), lock.into()]
}

fn of_lock(path: &Path) -> Result<Vec<CondaPackage>, String> {
    let text = sunward_files::read_text(path).map_err(|error| format!("no lock: {error}"))?;
    match read_conda("pixi.lock", &text)? {
        CondaFile::Locked(lock) => lock.packages("default", platform()),
        CondaFile::Wanted(_) => Err("no lock".to_owned()),
    }
}

fn of_answer(stdout: &str) -> Result<Vec<CondaPackage>, String> {
    let answer = json(stdout).ok_or("its answer is not JSON")?;
    let answer: Answer =
        serde_json::from_value(answer).map_err(|error| format!("its answer is odd: {error}"))?;
    let Actions { fetched, linked } = answer.actions;
    let whole = |one: &&Record| one.url.is_some() && one.sha256.is_some();
    linked
        .iter()
        .map(|one| {
            let known = Some(one).filter(whole);
            let known = known.or_else(|| {
                let mut same = fetched.iter().filter(|other| other.name == one.name);
                same.find(whole)
            });
            known.and_then(package).ok_or_else(|| {
                format!(
                    "its channel tells no plain address and SHA-256 of {}",
                    one.name
                )
            })
        })
        .collect()
}

fn package(record: &Record) -> Option<CondaPackage> {
    let package = CondaPackage {
        name: record.name.clone(),
        version: record.version.clone(),
        build: record
            .build_string
            .clone()
            .or_else(|| record.build.clone())?,
        url: record.url.clone()?,
        sha256: record.sha256.as_ref()?.to_ascii_lowercase(),
    };
    let is_plain = check_conda_package(&package.name, &package.version, &package.build)
        && check_package_address(&package.url).is_ok();
    is_plain.then_some(package)
}

fn is_for_this_platform(package: &CondaPackage) -> bool {
    let folder = package.url.rsplit('/').nth(1);
    folder.is_some_and(|folder| folder == platform() || folder == "noarch")
}

#[cfg(test)]
mod tests {
    use super::of_answer;

    #[test]
    fn answers_of_all_tools_are_read_and_what_has_no_digest_is_refused() {
        let whole = r#"{"name":"a","version":"1","build_string":"h_0","url":"https://c/x/noarch/a-1-h_0.conda","sha256":"AB"}"#;
        let short = r#"{"name":"a","version":"1","build_string":"h_0","dist_name":"a-1-h_0"}"#;
        let read = |fetched: &str, linked: &str| {
            of_answer(&format!(
                "warning\n{{\"actions\":{{\"FETCH\":[{fetched}],\"LINK\":[{linked}],\"PREFIX\":\"/x\"}},\"success\":true}}\n"
            ))
        };
        for (fetched, linked) in [("", whole), (whole, short)] {
            let [one] = &*read(fetched, linked).unwrap() else {
                panic!()
            };
            assert_eq!((&*one.name, &*one.build, &*one.sha256), ("a", "h_0", "ab"));
        }
        for (fetched, linked) in [("", short), ("", &*whole.replace("\"a\"", "\"-c\""))] {
            assert!(read(fetched, linked).unwrap_err().contains("SHA-256 of"));
        }
        assert!(of_answer("").is_err() && of_answer("{\"actions\": 1}").is_err());
    }
}
