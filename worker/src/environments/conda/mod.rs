//! Conda environments: micromamba, mamba, conda or pixi, whichever is there.
//!
//! An `environment.yml` is resolved to exact packages once, into the lock file; a `pixi.lock` lists
//! them itself ([`packages`]). In keys they count by name, version, build and SHA-256. The tools
//! only resolve and install ([`tool`]): all of them install the same list ([`build`]). A command
//! then starts in the environment as if it had been activated ([`activation`]).

mod activation;
mod archives;
mod build;
mod packages;
mod resolve;
mod tool;

use sunward_core::Digest;
use sunward_workflows::{Conda, CondaPackage, Stage};

use super::error::EnvironmentError;
use super::kind::{Kind, Layer};
use super::site::Site;
use packages::Packages;

pub use tool::found_conda_tools;

/// `conda:` of a stage.
pub(super) struct InConda<'s> {
    pub(super) stage: &'s Stage,
    pub(super) conda: &'s Conda,
}

impl InConda<'_> {
    fn tool(&self, site: &Site<'_>) -> Result<tool::Tool, EnvironmentError> {
        let path = site.path_with(&self.stage.modules)?;
        tool::choose(&path, site.runner.host())
    }

    /// The packages, resolved if the lock file does not have them yet, and whether it was written.
    fn locked(&self, site: &Site<'_>) -> Result<(Vec<CondaPackage>, bool), EnvironmentError> {
        let wanted = match packages::of(site, self.conda)? {
            Packages::Known(known) => return Ok((known, false)),
            Packages::Unresolved(wanted) => wanted,
        };
        let tool = self.tool(site)?;
        let (stage, name) = (&self.stage.name, tool.name);
        site.tell(&format!(
            "stage {stage}: resolving its conda packages by {name}"
        ));
        let found = resolve::resolve(site, &tool, &self.conda.file, &wanted)?;
        packages::record(site, wanted, found.clone())?;
        Ok((found, true))
    }
}

impl Kind for InConda<'_> {
    fn ingredient(&self) -> Option<&'static str> {
        Some("conda packages")
    }

    fn digest(&self, site: &Site<'_>) -> Result<Digest, EnvironmentError> {
        Ok(packages::of(site, self.conda)?.digest())
    }

    fn resolve(&self, site: &Site<'_>) -> Result<bool, EnvironmentError> {
        let (packages, wrote) = self.locked(site)?;
        // A missing tool is told before anything runs, unless nothing has to be built.
        if !site.cache.has(&build::name(&packages)) {
            self.tool(site)?;
        }
        Ok(wrote)
    }

    fn prepare(
        &self,
        site: &Site<'_>,
        keyed: Option<Digest>,
    ) -> Result<Box<dyn Layer>, EnvironmentError> {
        let (packages, _) = self.locked(site)?;
        if keyed.is_some_and(|keyed| keyed != packages::digest(&packages)) {
            return Err(EnvironmentError::input(format!(
                "what {} resolves to has changed since the run began, and a run uses only one version of it; `sunward retry` runs the remaining tasks with the new one",
                self.conda.file
            )));
        }
        let name = build::name(&packages);
        let built = site.cache.get(&name, site.runner.stop(), |folder| {
            let tool = self.tool(site)?;
            let (stage, count, with) = (&self.stage.name, packages.len(), tool.name);
            site.tell(&format!(
                "stage {stage}: building its conda environment of {count} package{} by {with}",
                if count == 1 { "" } else { "s" }
            ));
            build::build(site, &tool, &packages, folder)
        })?;
        let active = activation::of(site, built)?;
        Ok(Box::new(active))
    }
}
