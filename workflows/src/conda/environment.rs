//! `environment.yml`
//! (<https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html#create-env-file-manually>).

use super::{CondaWanted, Source, channel, spec};
use crate::names::nearest;
use crate::yaml::{Data, Node};

/// Its keys. `name` and `prefix` say where an author's environment is, and not what is in it.
const KEYS: [&str; 4] = ["name", "prefix", "channels", "dependencies"];

/// The word for "no other channels than these", which always holds here.
const NO_DEFAULTS: &str = "nodefaults";

pub(super) fn read(file: &Source<'_>) -> Result<CondaWanted, String> {
    let Data::Map(entries) = &file.root.data else {
        return Err(file.at(
            &file.root,
            "it is not a map; expected `channels:` and `dependencies:`",
        ));
    };
    for entry in entries {
        let key = entry.key.as_str();
        if KEYS.contains(&key) {
            continue;
        }
        let refused = |why: String| Err(file.on(entry.key_span.start, why));
        if key == "variables" {
            return refused("`variables` is not read; write them under `env:` of the stage".into());
        }
        let near = match nearest(key, KEYS) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        return refused(format!(
            "`{key}` is not a key of an environment.yml, which has {}{near}",
            KEYS.join(", ")
        ));
    }
    let channels = channels(file)?;
    let mut packages = packages(file)?;
    packages.sort();
    packages.dedup();
    Ok(CondaWanted { channels, packages })
}

fn channels(file: &Source<'_>) -> Result<Vec<String>, String> {
    let mut channels: Vec<String> = Vec::new();
    for node in file
        .root
        .get("channels")
        .map(Node::items)
        .unwrap_or_default()
    {
        let text = node
            .text()
            .ok_or_else(|| file.at(node, "a channel is text, such as conda-forge"))?;
        channel::check(text).map_err(|why| file.at(node, why))?;
        if text != NO_DEFAULTS && !channels.iter().any(|known| known == text) {
            channels.push(text.to_owned());
        }
    }
    match channels.is_empty() {
        true => Err("it names no channels, and those of a machine's settings are not used, since they may differ; write `channels: [conda-forge]`".to_owned()),
        false => Ok(channels),
    }
}

fn packages(file: &Source<'_>) -> Result<Vec<String>, String> {
    let mut packages = Vec::new();
    let listed = file.root.get("dependencies").map(Node::items);
    for node in listed.unwrap_or_default() {
        if node.get("pip").is_some() {
            return Err(file.at(
                node,
                "packages of pip are not installed with `conda`, because its tools record no digests of them; take them from a channel (conda-forge has most), or give that stage `python:`",
            ));
        }
        let text = node
            .text()
            .ok_or_else(|| file.at(node, "a dependency is text, such as numpy=1.26"))?;
        packages.push(spec::canonical(text).map_err(|why| file.at(node, why))?);
    }
    match packages.is_empty() {
        true => Err("it names no packages; list them under `dependencies:`".to_owned()),
        false => Ok(packages),
    }
}

#[cfg(test)]
mod tests {
    use crate::conda::{CondaFile, CondaWanted, read_conda};

    fn read(text: &str) -> Result<CondaWanted, String> {
        match read_conda("./environment.yml", text)? {
            CondaFile::Wanted(wanted) => Ok(wanted),
            CondaFile::Locked(_) => Err("a lock".to_owned()),
        }
    }

    #[test]
    fn only_what_is_wanted_counts() {
        let text = "name: mine\nprefix: /home/me/envs/mine\nchannels:\n  - conda-forge\n  - nodefaults\n  - bioconda\n\
                    dependencies:\n  - samtools >=1.20\n  - cdo=2.4   # operators\n  - pip\n";
        let wanted = read(text).unwrap();
        assert_eq!(wanted.channels, ["conda-forge", "bioconda"]);
        assert_eq!(wanted.packages, ["cdo=2.4", "pip", "samtools>=1.20"]);
        let other = "\u{feff}channels: [conda-forge, bioconda]\ndependencies: [pip, 'samtools>=1.20', cdo=2.4, pip]\n";
        assert_eq!(read(other).unwrap(), wanted);
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_line() {
        for (text, says) in [
            ("", "empty"),
            ("a: [", "line 1"),
            ("- numpy\n", "line 1: it is not a map"),
            ("channels: [a]\ndependencis: [b]\n", "line 2: `dependencis`"),
            (
                "channels: [a]\ndependencis: [b]\n",
                "did you mean `dependencies`",
            ),
            (
                "channels: [a]\nvariables: {X: 1}\n",
                "line 2: `variables` is not read",
            ),
            ("dependencies: [numpy]\n", "no channels"),
            (
                "channels: [nodefaults]\ndependencies: [numpy]\n",
                "no channels",
            ),
            ("channels: [a]\n", "no packages"),
            (
                "channels: [a]\ndependencies:\n  - b\n  - pip: [six]\n",
                "line 4: packages of pip",
            ),
            (
                "channels: [a]\ndependencies: [1.5]\n",
                "a dependency is text",
            ),
            ("channels: [1]\ndependencies: [b]\n", "a channel is text"),
            ("channels: [--json]\ndependencies: [b]\n", "not a channel"),
            (
                "channels: [a]\ndependencies: ['-c x']\n",
                "`-c x` is not a package",
            ),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
        for (name, says) in [
            ("pixi.toml", "`pixi lock`"),
            ("requirements.txt", "python: { requirements"),
            ("conda-lock.yml", "a pixi.lock"),
            ("explicit.txt", "a pixi.lock"),
        ] {
            let why = read_conda(name, "a: b").unwrap_err();
            assert!(why.contains(says), "{name}: {why}");
        }
    }
}
