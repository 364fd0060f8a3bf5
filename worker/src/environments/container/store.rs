//! Puts an image where its runtime finds it, once for each machine.
//!
//! Podman and Docker keep images themselves. Sunward's cache has a folder for each, with the name
//! under which to ask for it, so that it is listed, locked and deleted as other environments are.
//! Apptainer uses files, which are in that folder.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use sunward_core::Digest;
use sunward_data::{copy_tree, staged_digest};
use sunward_files::private;
use sunward_workflows::Image;

use super::image::{by_digest, is_there, not_fetched, pinned};
use super::runtime::{Engine, Runtime};
use crate::environments::cache::Built;
use crate::environments::error::EnvironmentError;
use crate::environments::runner::{Outcome, words};
use crate::environments::site::Site;

/// The file of an image that Apptainer uses.
const SIF: &str = "image.sif";

/// The file that has the engine, and the name under which it knows the image.
pub(super) const REFERENCE: &str = "reference";

/// The file that has the size of an image that the engine keeps, which the cache's list counts.
const SIZE: &str = "size";

/// Makes an image ready, and returns how the runtime is asked for it.
pub(super) fn prepare(
    site: &Site<'_>,
    runtime: &Runtime,
    stage: &str,
    image: &Image,
    keyed: Option<Digest>,
) -> Result<(OsString, Built), EnvironmentError> {
    let digest = super::image::digest(site, image)?;
    if keyed.is_some_and(|keyed| keyed != digest) {
        return Err(EnvironmentError::input(format!(
            "the image {image} has changed since the run began, and a run uses only one version of it; `sunward retry` runs the remaining tasks with the new one"
        )));
    }
    let hex = digest.to_hex();
    let name = match runtime.engine {
        Engine::Podman => format!("image-podman-{}", &hex[..32]),
        Engine::Docker => format!("image-docker-{}", &hex[..32]),
        Engine::Apptainer => format!("image-sif-{}", &hex[..32]),
    };
    let make = |folder: &Path| {
        let bytes = match image {
            Image::Registry { .. } => "fetching",
            Image::Archive(_) | Image::Sif(_) => "loading",
        };
        site.tell(&format!("stage {stage}: {bytes} the image {image}"));
        make(site, runtime, image, &digest, folder)
    };
    let built = site.cache.get(&name, site.runner.stop(), make)?;
    if runtime.engine == Engine::Apptainer {
        return Ok((built.folder.join(SIF).into_os_string(), built));
    }
    let reference = reference(&built.folder)?;
    if is_there(site, runtime, &reference)? {
        return Ok((reference, built));
    }
    // The engine's own store was emptied meanwhile.
    drop(built);
    site.cache
        .forget(&name)
        .map_err(EnvironmentError::io("delete", site.cache.folder()))?;
    let built = site.cache.get(&name, site.runner.stop(), make)?;
    Ok((reference, built))
}

/// The name under which the engine knows an image.
fn reference(folder: &Path) -> Result<OsString, EnvironmentError> {
    let path = folder.join(REFERENCE);
    let text = fs::read_to_string(&path).map_err(EnvironmentError::io("read", &path))?;
    Ok(text.lines().nth(1).unwrap_or_default().into())
}

fn make(
    site: &Site<'_>,
    runtime: &Runtime,
    image: &Image,
    digest: &Digest,
    folder: &Path,
) -> Result<(), EnvironmentError> {
    let short = &digest.to_hex()[..32];
    match (image, runtime.engine) {
        (Image::Registry { .. }, _) => {
            let pinned = pinned(site, image)?.ok_or_else(|| {
                EnvironmentError::input(format!(
                    "the image {image} is not in sunward.lock; run the workflow again, which resolves it"
                ))
            })?;
            fetch(site, runtime, image, &by_digest(image, &pinned), folder)
        }
        (Image::Sif(path), _) => copy(site, image, path, digest, &folder.join(SIF)),
        (Image::Archive(path), engine) => {
            let tar = folder.join("image.tar");
            copy(site, image, path, digest, &tar)?;
            match engine {
                Engine::Apptainer => convert(site, runtime, image, &tar, folder)?,
                Engine::Podman | Engine::Docker => {
                    let name = format!("localhost/sunward-image:{short}");
                    load(site, runtime, image, &tar, &name)?;
                    note(site, runtime, &name, folder)?;
                }
            }
            fs::remove_file(&tar).map_err(EnvironmentError::io("delete", &tar))
        }
    }
}

/// Fetches an image of a registry.
fn fetch(
    site: &Site<'_>,
    runtime: &Runtime,
    image: &Image,
    reference: &str,
    folder: &Path,
) -> Result<(), EnvironmentError> {
    if runtime.engine == Engine::Apptainer {
        let target = folder.join(SIF);
        let from = format!("docker://{reference}");
        let line = [OsStr::new("pull"), target.as_os_str(), OsStr::new(&from)];
        let said = runtime.run(site, &line)?;
        return succeeded(&said, || not_fetched(image, &said.last_words()));
    }
    if !is_there(site, runtime, OsStr::new(reference))? {
        let said = runtime.run(site, &words(["pull", "--quiet", reference]))?;
        succeeded(&said, || not_fetched(image, &said.last_words()))?;
    }
    note(site, runtime, reference, folder)
}

/// Copies the file of an image, and compares the copy with the digest.
fn copy(
    site: &Site<'_>,
    image: &Image,
    path: &str,
    digest: &Digest,
    target: &Path,
) -> Result<(), EnvironmentError> {
    let source = site.folder.join(path);
    copy_tree(&source, target).map_err(EnvironmentError::io("copy the image to", target))?;
    let found = staged_digest(target).map_err(EnvironmentError::io("read", target))?;
    if found == *digest {
        return Ok(());
    }
    Err(EnvironmentError::input(format!(
        "the image {image} changed while it was copied; run again when nothing writes to it"
    )))
}

/// Loads an archive into the engine's store, and gives the image a name.
fn load(
    site: &Site<'_>,
    runtime: &Runtime,
    image: &Image,
    tar: &Path,
    name: &str,
) -> Result<(), EnvironmentError> {
    let names = ["images", "--format", "{{.Repository}}:{{.Tag}}"];
    let before = runtime.run(site, &words(names))?;
    let line = [OsStr::new("load"), OsStr::new("--input"), tar.as_os_str()];
    let said = runtime.run(site, &line)?;
    let not_loaded = |said: &Outcome| {
        EnvironmentError::input(format!(
            "container {image}: {} cannot load it: {}; make it again with `{} save --output`",
            runtime.name(),
            said.last_words(),
            runtime.name()
        ))
    };
    succeeded(&said, || not_loaded(&said))?;
    let loaded = loaded_name(&said.stdout).ok_or_else(|| not_loaded(&said))?;
    let said = runtime.run(site, &words(["tag", loaded, name]))?;
    succeeded(&said, || not_loaded(&said))?;
    if !before.stdout.lines().any(|one| one == loaded) {
        // The archive's own name would keep the image when ours is deleted. If this fails, it does.
        drop(runtime.run(site, &words(["rmi", loaded]))?);
    }
    Ok(())
}

/// The image that `podman load` or `docker load` names: `Loaded image: NAME`, `Loaded image ID: ID`
/// or `Loaded image(s): NAME`.
fn loaded_name(said: &str) -> Option<&str> {
    let mut lines = said.lines().rev();
    let line = lines.find(|line| line.starts_with("Loaded image"))?;
    let name = line.split_once(": ")?.1.split([',', ' ']).next()?.trim();
    (!name.is_empty() && !name.starts_with('-')).then_some(name)
}

/// Makes a file for Apptainer of an archive, which may be of Docker's form or OCI's.
fn convert(
    site: &Site<'_>,
    runtime: &Runtime,
    image: &Image,
    tar: &Path,
    folder: &Path,
) -> Result<(), EnvironmentError> {
    let target = folder.join(SIF);
    let mut last = String::new();
    for form in ["docker-archive:", "oci-archive:"] {
        let mut from = OsString::from(form);
        from.push(tar);
        let line = [OsStr::new("build"), target.as_os_str(), from.as_os_str()];
        let said = runtime.run(site, &line)?;
        if said.succeeded {
            return Ok(());
        }
        last = said.last_words();
        fs::remove_file(&target).ok();
    }
    Err(EnvironmentError::input(format!(
        "container {image}: {} cannot read it: {last}; make it again with `podman save` or `docker save`",
        runtime.name()
    )))
}

/// Writes down how the engine knows an image, and its size.
fn note(
    site: &Site<'_>,
    runtime: &Runtime,
    reference: &str,
    folder: &Path,
) -> Result<(), EnvironmentError> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        private::write(&path, text).map_err(EnvironmentError::io("write", &path))
    };
    let program = sunward_files::as_value(&runtime.program);
    write(REFERENCE, &format!("{program}\n{reference}\n"))?;
    let ask = ["image", "inspect", "--format", "{{.Size}}", reference];
    let said = runtime.run(site, &words(ask))?;
    write(SIZE, said.stdout.trim())
}

fn succeeded(
    said: &Outcome,
    error: impl FnOnce() -> EnvironmentError,
) -> Result<(), EnvironmentError> {
    if said.succeeded { Ok(()) } else { Err(error()) }
}

#[cfg(test)]
mod tests {
    use super::loaded_name;

    #[test]
    fn the_loaded_image_is_what_the_engine_says() {
        for (said, name) in [
            ("Loaded image: localhost/x:1\n", Some("localhost/x:1")),
            ("Loaded image ID: sha256:ab\n", Some("sha256:ab")),
            ("Loaded image(s): a:1, b:1\n", Some("a:1")),
            ("Loaded image: -x\n", None),
            ("", None),
        ] {
            assert_eq!(loaded_name(said), name);
        }
    }
}
