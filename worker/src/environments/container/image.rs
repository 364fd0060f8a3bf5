//! What an image is: the digest that counts in keys, and how a tag is resolved to one.

use std::ffi::OsStr;

use sunward_core::Digest;
use sunward_data::remembered_digest;
use sunward_workflows::{Image, Python};

use super::runtime::{Engine, Runtime};
use crate::environments::error::EnvironmentError;
use crate::environments::python::{LockFile, LockedImage, lock_path};
use crate::environments::runner::words;
use crate::environments::site::Site;
use sunward_core::FailureKind;

/// What an image counts as in a key: its digest, or the digest of its file. As long as a tag is not
/// resolved, its text.
pub(super) fn digest(site: &Site<'_>, image: &Image) -> Result<Digest, EnvironmentError> {
    match image {
        Image::Archive(path) | Image::Sif(path) => {
            let place = site.folder.join(path);
            remembered_digest(&place, site.memory).map_err(|error| {
                EnvironmentError::input(format!(
                    "the image {} cannot be read: {error}; correct `container`",
                    sunward_files::shown(&place)
                ))
            })
        }
        Image::Registry { .. } => {
            let text = match pinned(site, image)? {
                Some(digest) => digest,
                None => format!("unresolved {image}"),
            };
            Ok(Digest::of(text.as_bytes()))
        }
    }
}

/// The digest of an image of a registry: the one that is written, or the one in the lock file.
pub(super) fn pinned(site: &Site<'_>, image: &Image) -> Result<Option<String>, EnvironmentError> {
    let Image::Registry { digest, .. } = image else {
        return Ok(None);
    };
    if digest.is_some() {
        return Ok(digest.clone());
    }
    let path = lock_path(site.folder, &Python::default());
    let lock = LockFile::read(&path).map_err(EnvironmentError::of_lock)?;
    let name = image.to_string();
    let found = lock.images.into_iter().find(|one| one.image == name);
    match found {
        Some(one) if !is_digest(&one.digest) => Err(EnvironmentError::input(format!(
            "the lock file {} has {:?} as the digest of {name}; restore it from version control, or delete the entry to resolve the tag again",
            sunward_files::shown(&path),
            one.digest
        ))),
        found => Ok(found.map(|one| one.digest)),
    }
}

/// Resolves a tag, by fetching its image, and adds it to the lock file. Returns whether the file was
/// written.
pub(super) fn resolve(
    site: &Site<'_>,
    runtime: &Runtime,
    stage: &str,
    image: &Image,
) -> Result<bool, EnvironmentError> {
    let Image::Registry { name, .. } = image else {
        return Ok(false);
    };
    if pinned(site, image)?.is_some() {
        return Ok(false);
    }
    if runtime.engine == Engine::Apptainer {
        return Err(EnvironmentError::input(format!(
            "container {image}: {} does not tell the digest of a tag; write the image as {name}@sha256:…, or resolve it once on a machine with Podman or Docker and commit sunward.lock",
            runtime.name()
        )));
    }
    let text = image.to_string();
    let is_local = name.starts_with("localhost/");
    if !is_local {
        site.tell(&format!("stage {stage}: fetching the image {text}"));
        let said = runtime.run(site, &words(["pull", "--quiet", &text]))?;
        if !said.succeeded {
            return Err(not_fetched(image, &said.last_words()));
        }
    }
    let ask = [
        "image",
        "inspect",
        "--format",
        "{{json .RepoDigests}}",
        &text,
    ];
    let said = runtime.run(site, &words(ask))?;
    if !said.succeeded {
        return Err(not_fetched(image, &said.last_words()));
    }
    let digest = digest_of(&said.stdout, name).ok_or_else(|| {
        EnvironmentError::input(format!(
            "container {image}: {} knows no digest for it, since it comes from no registry; save it as a file ({} save --output image.tar {text}) and write `container: ./image.tar`",
            runtime.name(),
            runtime.name()
        ))
    })?;
    let path = lock_path(site.folder, &Python::default());
    let mut lock = LockFile::read(&path).map_err(EnvironmentError::of_lock)?;
    lock.images.retain(|one| one.image != text);
    lock.images.push(LockedImage {
        image: text,
        digest,
    });
    lock.images.sort();
    lock.write(&path).map_err(EnvironmentError::of_lock)?;
    Ok(true)
}

/// The digest under which an image is known in its repository, from a list such as
/// `["docker.io/library/debian@sha256:…"]`. Docker leaves out its own registry.
fn digest_of(list: &str, name: &str) -> Option<String> {
    let short = name.strip_prefix("docker.io/");
    let short = short.map(|name| name.strip_prefix("library/").unwrap_or(name));
    let known: Option<Vec<String>> = serde_json::from_str(list.trim()).ok()?;
    let mut digests: Vec<String> = known?
        .iter()
        .filter_map(|one| one.split_once('@'))
        .filter(|(of, digest)| (*of == name || Some(*of) == short) && is_digest(digest))
        .map(|(_, digest)| digest.to_owned())
        .collect();
    digests.sort();
    digests.into_iter().next()
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Why an image could not be fetched. A registry that answers that it does not have the image, or
/// not for this user, will answer the same again.
pub(super) fn not_fetched(image: &Image, said: &str) -> EnvironmentError {
    const ABSENT: &[&str] = &[
        "manifest unknown",
        "not found",
        "name unknown",
        "no such image",
        "No such image",
        "image not known",
        "denied",
        "unauthorized",
        "authentication required",
    ];
    let absent = ABSENT.iter().any(|sign| said.contains(sign));
    let (kind, remedy) = if absent {
        (
            FailureKind::Input,
            "correct `container`, or log in to the registry",
        )
    } else {
        (
            FailureKind::Infrastructure,
            "try again when the registry can be reached",
        )
    };
    EnvironmentError::new(
        kind,
        format!("container {image}: the image cannot be fetched: {said}; {remedy}"),
    )
}

/// The image by its digest, as runtimes are asked for it.
pub(super) fn by_digest(image: &Image, digest: &str) -> String {
    match image {
        Image::Registry { name, .. } => format!("{name}@{digest}"),
        Image::Archive(path) | Image::Sif(path) => path.clone(),
    }
}

/// Whether the runtime has an image.
pub(super) fn is_there(
    site: &Site<'_>,
    runtime: &Runtime,
    reference: &OsStr,
) -> Result<bool, EnvironmentError> {
    let ask = words(["image", "inspect", "--format", "{{.Id}}"]);
    let ask: Vec<&OsStr> = ask.into_iter().chain([reference]).collect();
    Ok(runtime.run(site, &ask)?.succeeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_same_repository() {
        let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
        let list = format!(
            r#"["quay.io/other/x@{}","docker.io/library/debian@{}"]"#,
            digest("a"),
            digest("b")
        );
        let of = |list: &str| digest_of(list, "docker.io/library/debian");
        assert_eq!(of(&list), Some(digest("b")));
        assert_eq!(
            of(&format!(r#"["debian@{}"]"#, digest("c"))),
            Some(digest("c"))
        );
        for none in ["[]", "null", "", r#"["debian@sha256:12"]"#, r#"["debian"]"#] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn an_absent_image_is_told_from_a_registry_that_cannot_be_reached() {
        let image = Image::parse("a.b/c:1").unwrap();
        let users = |said: &str| not_fetched(&image, said).is_the_users();
        assert!(users(
            "Error: reading manifest 1 in a.b/c: manifest unknown"
        ));
        assert!(users("requested access to the resource is denied"));
        assert!(!users("dial tcp: lookup a.b: no such host"));
    }
}
