//! Containers: Podman, Apptainer or Docker, whichever is there.
//!
//! An image's tag is resolved to a digest once, into the lock file ([`image`]). The image is fetched
//! or loaded once for each machine ([`store`]). A command is then started by the runtime, as the
//! user, with its own folder and nothing else of the machine ([`line`]); the network is the
//! machine's, as for other commands. What is killed is also removed from the runtime ([`leftover`]).

mod image;
pub(crate) mod leftover;
mod line;
mod runtime;
mod store;

use std::ffi::OsString;

use sunward_core::Digest;
use sunward_workflows::{Container, Image, Stage};

use super::cache::Built;
use super::error::EnvironmentError;
use super::kind::{Kind, Layer, TaskPlaces};
use super::site::Site;
use crate::fault::Fault;
use crate::process::spawn::Order;
use runtime::Runtime;

pub use leftover::forget_image;
pub use runtime::found_runtimes;

/// `container:` of a stage.
pub(super) struct InContainer<'s> {
    pub(super) stage: &'s Stage,
    pub(super) container: &'s Container,
}

/// An image that is ready.
struct ReadyImage {
    runtime: Runtime,
    /// As the runtime is asked for it.
    reference: OsString,
    mounts: Vec<String>,
    /// Cores that a task may use.
    cpus: u32,
    /// The limit of its memory, if the runtime must keep it.
    memory_bytes: Option<u64>,
    /// Variables of the host for the runtime itself.
    client: Vec<(OsString, OsString)>,
    _in_use: Built,
}

impl InContainer<'_> {
    fn runtime(&self, site: &Site<'_>) -> Result<Runtime, EnvironmentError> {
        let path = site.path_with(&self.stage.modules)?;
        runtime::choose(&self.container.image, &path, site.runner.host())
    }
}

impl Kind for InContainer<'_> {
    fn ingredient(&self) -> Option<&'static str> {
        Some("container image")
    }

    fn digest(&self, site: &Site<'_>) -> Result<Digest, EnvironmentError> {
        image::digest(site, &self.container.image)
    }

    fn resolve(&self, site: &Site<'_>) -> Result<bool, EnvironmentError> {
        let runtime = self.runtime(site)?;
        let image = &self.container.image;
        let wrote = image::resolve(site, &runtime, &self.stage.name, image)?;
        if let Image::Registry { .. } = image {
            // What cannot be fetched is told before anything runs.
            store::prepare(site, &runtime, &self.stage.name, image, None)?;
        }
        Ok(wrote)
    }

    fn prepare(
        &self,
        site: &Site<'_>,
        keyed: Option<Digest>,
    ) -> Result<Box<dyn Layer>, EnvironmentError> {
        let runtime = self.runtime(site)?;
        let name = &self.stage.name;
        let image = &self.container.image;
        let (reference, in_use) = store::prepare(site, &runtime, name, image, keyed)?;
        Ok(Box::new(ReadyImage {
            client: runtime.client_variables(site, &self.stage.modules)?,
            runtime,
            reference,
            mounts: self.container.mounts.clone(),
            cpus: self.stage.resources.cpus,
            memory_bytes: self.stage.resources.memory_bytes,
            _in_use: in_use,
        }))
    }
}

impl Layer for ReadyImage {
    fn wrap(&self, order: &mut Order, task: &TaskPlaces<'_>) -> Result<(), Fault> {
        line::wrap(self, order, task)
    }
}
