//! `pixi.lock`, versions 4 to 7 (<https://pixi.sh/latest/workspace/lockfile/>).

use std::collections::BTreeMap;

use super::{CondaPackage, Source, check_conda_package, check_package_address};
use crate::names::{nearest, one_of};
use crate::yaml::{Data, Node};

/// The versions that are read. Older ones have no named environments.
const VERSIONS: std::ops::RangeInclusive<i64> = 4..=7;

/// The exact packages of all environments and platforms in a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CondaLock {
    environments: BTreeMap<String, BTreeMap<String, Packages>>,
}

/// The packages of an environment on a platform, sorted, or why they cannot be used.
type Packages = Result<Vec<CondaPackage>, String>;

impl CondaLock {
    /// Checks that the lock has an environment.
    ///
    /// # Errors
    /// Says which ones it has.
    pub fn has(&self, environment: &str) -> Result<(), String> {
        self.of(environment).map(|_| ())
    }

    /// The packages of an environment on a platform, for example `linux-64`.
    ///
    /// # Errors
    /// Fails if the lock has none, or some that cannot be used.
    pub fn packages(&self, environment: &str, platform: &str) -> Packages {
        let platforms = self.of(environment)?;
        platforms.get(platform).cloned().unwrap_or_else(|| {
            let listed: Vec<&str> = platforms.keys().map(String::as_str).collect();
            Err(format!(
                "it is for {}, and this machine is {platform}; `pixi workspace platform add {platform}` adds it to the lock",
                listed.join(" and ")
            ))
        })
    }

    fn of(&self, environment: &str) -> Result<&BTreeMap<String, Packages>, String> {
        self.environments.get(environment).ok_or_else(|| {
            let names = || self.environments.keys().map(String::as_str);
            let near = nearest(environment, names());
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!(
                "it has no environment `{environment}`, but {}{near}",
                one_of(names())
            )
        })
    }
}

pub(super) fn read(file: &Source<'_>) -> Result<CondaLock, String> {
    let root = &file.root;
    let version = root.get("version");
    if !version
        .and_then(Node::whole)
        .is_some_and(|one| VERSIONS.contains(&one))
    {
        let written = version.and_then(|node| node.written(file.text));
        return Err(format!(
            "it is not a pixi.lock of a version from {} to {}, but {}; `pixi lock` with a recent pixi writes one",
            VERSIONS.start(),
            VERSIONS.end(),
            written.map_or_else(
                || "has no version".to_owned(),
                |one| format!("of version {one}")
            )
        ));
    }
    let mut digests: BTreeMap<&str, String> = BTreeMap::new();
    for package in root.get("packages").map(Node::items).unwrap_or_default() {
        let url = package.get("conda").or_else(|| package.get("url"));
        let digest = package
            .get("sha256")
            .and_then(|node| node.written(file.text));
        if let (Some(url), Some(digest)) = (url.and_then(Node::text), digest) {
            digests.insert(url, digest);
        }
    }
    let Some(Data::Map(environments)) = root.get("environments").map(|node| &node.data) else {
        return Err("it has no `environments`".to_owned());
    };
    let mut lock = CondaLock::default();
    for environment in environments {
        let platforms = environment.value.get("packages");
        let platforms = platforms.map(Node::entries).unwrap_or_default();
        let packages = platforms.iter().map(|platform| {
            let items = platform.value.items().iter();
            let packages = items.map(|item| package(file, item, &digests));
            let packages: Packages = packages.collect();
            let sorted = packages.map(|mut all| {
                all.sort();
                all
            });
            (platform.key.clone(), sorted)
        });
        lock.environments
            .insert(environment.key.clone(), packages.collect());
    }
    Ok(lock)
}

fn package(
    file: &Source<'_>,
    item: &Node,
    digests: &BTreeMap<&str, String>,
) -> Result<CondaPackage, String> {
    let Some(url) = item.get("conda").and_then(Node::text) else {
        let pypi = item.get("pypi").and_then(Node::text).unwrap_or("a package");
        return Err(file.at(
            item,
            format!("{pypi} is not a package of conda: those of PyPI are not installed with `conda`; take it from a channel (conda-forge has most), or give that stage `python:`"),
        ));
    };
    check_package_address(url).map_err(|why| {
        file.at(item, format!("{why}; packages that are built from sources, or come from elsewhere, cannot be used"))
    })?;
    let broken = |why: &str| file.at(item, format!("{url}: {why}"));
    let name = url.rsplit('/').next().unwrap_or_default();
    let stem = name
        .strip_suffix(".conda")
        .or_else(|| name.strip_suffix(".tar.bz2"));
    let mut parts = stem.unwrap_or_default().rsplitn(3, '-');
    let (Some(build), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(broken("its file is not called NAME-VERSION-BUILD"));
    };
    if !check_conda_package(name, version, build) {
        return Err(broken("its file is not called NAME-VERSION-BUILD"));
    }
    let sha256 = digests.get(url).map(|digest| digest.to_ascii_lowercase());
    let is_digest = |text: &String| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let Some(sha256) = sha256.filter(is_digest) else {
        return Err(broken(
            "the lock has no SHA-256 of it; `pixi lock` writes it again",
        ));
    };
    Ok(CondaPackage {
        name: name.to_owned(),
        version: version.to_owned(),
        build: build.to_owned(),
        url: url.to_owned(),
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use crate::conda::{CondaFile, CondaLock, read_conda};

    fn read(text: &str) -> Result<CondaLock, String> {
        match read_conda("./pixi.lock", text)? {
            CondaFile::Locked(lock) => Ok(lock),
            CondaFile::Wanted(_) => Err("no lock".to_owned()),
        }
    }

    const URL: &str = "https://conda.anaconda.org/conda-forge/linux-64/cdo-2.4.4-h35a4a19_0.conda";

    fn lock(version: u8, package: &str) -> String {
        format!(
            "version: {version}\nenvironments:\n  default:\n    channels:\n    - url: https://conda.anaconda.org/conda-forge/\n    \
             packages:\n      linux-64:\n      - conda: {URL}\n      osx-arm64:\n      - pypi: https://files.example/six.whl\n\
             packages:\n- {package}\n  sha256: {}\n  md5: x\n",
            "0".repeat(64)
        )
    }

    #[test]
    fn the_packages_of_a_platform_are_exact_in_all_versions() {
        let old = format!("kind: conda\n  name: cdo\n  url: {URL}");
        let new = format!("conda: {URL}");
        for text in [lock(5, &old), lock(6, &new), lock(7, &new)] {
            let lock = read(&text).unwrap();
            let all = lock.packages("default", "linux-64").unwrap();
            let [one] = all.as_slice() else {
                panic!("{all:?}")
            };
            assert_eq!(
                (&*one.name, &*one.version, &*one.build),
                ("cdo", "2.4.4", "h35a4a19_0")
            );
            assert_eq!(
                (one.url.as_str(), one.sha256.as_str()),
                (URL, "0".repeat(64).as_str())
            );
        }
    }

    #[test]
    fn what_a_lock_lacks_is_told() {
        let good = lock(6, &format!("conda: {URL}"));
        let lock = read(&good).unwrap();
        let why =
            |environment: &str, platform: &str| lock.packages(environment, platform).unwrap_err();
        assert!(why("default", "win-64").contains("it is for linux-64 and osx-arm64"));
        assert!(why("default", "osx-arm64").contains("six.whl is not a package of conda"));
        assert!(why("defalt", "linux-64").contains("did you mean `default`"));
        for (text, says) in [
            (good.replace("version: 6", "version: 2"), "but of version 2"),
            (good.replace("version: 6\n", ""), "but has no version"),
            (
                good.replace("environments", "environment"),
                "no `environments`",
            ),
        ] {
            let why = read(&text).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
        for (from, to, says) in [
            ("sha256", "sha512", "no SHA-256"),
            (
                ".conda\n      osx",
                "\n      osx",
                "not a .conda or .tar.bz2",
            ),
            ("conda: https", "conda: http", "line 8: "),
            ("cdo-2.4.4-h35a4a19_0", "cdo", "NAME-VERSION-BUILD"),
            ("h35a4a19_0", "h3 5", "not a plain address"),
        ] {
            let lock = read(&good.replace(from, to)).unwrap();
            let why = lock.packages("default", "linux-64").unwrap_err();
            assert!(why.contains(says), "{from}: {why}");
        }
    }
}
