//! The container of a command.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::Span;

/// A container that a command runs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its image.
    pub image: Image,
    /// Folders of the machine that it sees, read-only, under their own paths.
    pub mounts: Vec<String>,
    /// The image's place in the workflow's file.
    pub span: Span,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Image {
    /// An image of a registry.
    Registry {
        /// Registry and repository, for example `docker.io/library/debian`.
        name: String,
        /// The tag; `latest` if neither a tag nor a digest is written.
        tag: Option<String>,
        /// The digest, `sha256:` and 64 hexadecimal digits.
        digest: Option<String>,
    },
    /// An archive made by `podman save` or `docker save`, as written.
    Archive(String),
    /// An Apptainer image, as written.
    Sif(String),
}

/// The longest reference to an image.
const LONGEST: usize = 512;

impl Image {
    /// Reads an image: a path that ends in `.sif` or `.tar`, or the name of an image of a registry.
    /// Short names are completed as Docker does it.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_path = ["./", "../", "/"]
            .iter()
            .any(|start| text.starts_with(start));
        if is_path {
            return match text.rsplit_once('.').map(|(_, suffix)| suffix) {
                Some("sif") => Ok(Self::Sif(text.to_owned())),
                Some("tar") => Ok(Self::Archive(text.to_owned())),
                _ => Err("a file of an image ends in .sif or .tar".to_owned()),
            };
        }
        if text.ends_with(".sif") || text.ends_with(".tar") {
            return Err(format!("a file of an image is written as ./{text}"));
        }
        let text = text.strip_prefix("docker://").unwrap_or(text);
        if text.len() > LONGEST {
            return Err(format!("the name has more than {LONGEST} characters"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        if let Some(digest) = digest {
            let hex = digest.strip_prefix("sha256:").unwrap_or_default();
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            if hex.len() != 64 || !hex.bytes().all(is_hex) {
                return Err(
                    "a digest is `@sha256:` and 64 digits from 0 to 9 and a to f".to_owned(),
                );
            }
        }
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[slash..].split_once(':') {
            Some((last, tag)) => (&rest[..slash + last.len()], Some(tag)),
            None => (rest, None),
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(format!("`{tag}` is not a tag"));
        }
        Ok(Self::Registry {
            name: full_name(name)?,
            tag: tag
                .map(str::to_owned)
                .or_else(|| digest.is_none().then(|| "latest".to_owned())),
            digest: digest.map(str::to_owned),
        })
    }

    /// The path of an image that is a file, as written.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Archive(path) | Self::Sif(path) => Some(path),
            Self::Registry { .. } => None,
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(path) | Self::Sif(path) => f.write_str(path),
            Self::Registry { name, tag, digest } => {
                f.write_str(name)?;
                if let Some(tag) = tag {
                    write!(f, ":{tag}")?;
                }
                digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
            }
        }
    }
}

/// A name with its registry. Without one, the registry is Docker's.
fn full_name(name: &str) -> Result<String, String> {
    let mut steps: Vec<&str> = name.split('/').collect();
    let first = steps.first().copied().unwrap_or_default();
    let has_registry = steps.len() > 1 && (first.contains(['.', ':']) || first == "localhost");
    if !has_registry {
        if steps.len() == 1 {
            steps.insert(0, "library");
        }
        steps.insert(0, "docker.io");
    }
    let (registry, path) = steps.split_first().ok_or("it has no name")?;
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, port),
        None => (*registry, "0"),
    };
    let is_host = !host.is_empty()
        && host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if !is_host || !is_port {
        return Err(format!("`{registry}` is not the name of a registry"));
    }
    let step = |step: &&str| {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        step.starts_with(letter)
            && step.ends_with(letter)
            && step
                .chars()
                .all(|c| letter(c) || matches!(c, '.' | '_' | '-'))
    };
    match path.iter().find(|one| !step(one)) {
        Some(&"") => Err("it has no name".to_owned()),
        Some(bad) => Err(format!(
            "`{bad}` is not a name of an image, which has small letters, digits, `.`, `_` and `-`"
        )),
        None => Ok(steps.join("/")),
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128
        && tag.starts_with(word)
        && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn names_are_completed_as_docker_does_it() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, full) in [
            ("debian", "docker.io/library/debian:latest".to_owned()),
            ("debian:13", "docker.io/library/debian:13".to_owned()),
            (
                "biocontainers/bwa",
                "docker.io/biocontainers/bwa:latest".to_owned(),
            ),
            (
                "docker://quay.io/a/b:1.0--x_1",
                "quay.io/a/b:1.0--x_1".to_owned(),
            ),
            ("localhost/x", "localhost/x:latest".to_owned()),
            ("localhost:5000/x:1", "localhost:5000/x:1".to_owned()),
            (&format!("a.b/c@{digest}"), format!("a.b/c@{digest}")),
            (&format!("a.b/c:1@{digest}"), format!("a.b/c:1@{digest}")),
            ("./a b.sif", "./a b.sif".to_owned()),
            ("/x/y.tar", "/x/y.tar".to_owned()),
        ] {
            assert_eq!(Image::parse(text).map(|image| image.to_string()), Ok(full));
        }
    }

    #[test]
    fn no_word_that_is_an_option_or_something_else_is_taken_for_an_image() {
        for text in [
            "",
            "-x",
            "--rm",
            "a b",
            "A/b",
            "a//b",
            "/",
            "./x",
            "./x.img",
            "x.sif",
            "a:",
            "a:-b",
            "a@sha256:12",
            "a@md5:12",
            "a$(b)",
            "a:b:c",
            "-a/b",
            "a.b:x/c",
            "a/-b",
            "a\n",
            "a/b/",
            "${{ params.image }}",
        ] {
            assert!(Image::parse(text).is_err(), "{text:?}");
        }
    }
}
