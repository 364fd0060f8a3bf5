//! What environments need to know of their surroundings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sunward_core::Digest;
use sunward_data::FileMemory;
use sunward_workflows::Stage;

use super::cache::EnvironmentCache;
use super::error::EnvironmentError;
use super::kind::kinds;
use super::modules::Loaded;
use super::runner::Runner;
use crate::host::Host;
use crate::stop::Stop;

/// A machine and a workflow's folder, for which environments are resolved and made ready.
pub struct Site<'a> {
    pub(crate) cache: EnvironmentCache,
    pub(crate) runner: Runner<'a>,
    /// The workflow's folder.
    pub(crate) folder: &'a Path,
    pub(crate) memory: &'a dyn FileMemory,
    tell: &'a dyn Fn(&str),
    /// What modules set, by their names.
    pub(super) loaded: Mutex<BTreeMap<Vec<String>, Loaded>>,
}

impl<'a> Site<'a> {
    /// Environments are kept as [`EnvironmentCache::of`] says; `home` is the state folder. `folder`
    /// is the workflow's. Long steps are announced by `tell`.
    #[must_use]
    pub fn new(
        host: &'a Host,
        home: &Path,
        folder: &'a Path,
        memory: &'a dyn FileMemory,
        tell: &'a dyn Fn(&str),
    ) -> Self {
        Self {
            cache: EnvironmentCache::of(host, home),
            runner: Runner::new(host),
            folder,
            memory,
            tell,
            loaded: Mutex::default(),
        }
    }

    /// The same, but a running tool is killed once `stop` is set.
    pub(crate) fn stopped_by(mut self, stop: &'a Stop) -> Self {
        self.runner = self.runner.stopped_by(stop);
        self
    }

    /// What counts in the key of a stage's tasks besides its text: for each part of its
    /// environment, the digest of what it resolves to.
    ///
    /// # Errors
    ///
    /// Fails if a file of an image or a lock file cannot be read, or a module cannot be loaded.
    pub fn digests(&self, stage: &Stage) -> Result<BTreeMap<String, Digest>, EnvironmentError> {
        let digests = kinds(stage).into_iter().filter_map(|kind| {
            let name = kind.ingredient()?;
            Some(kind.digest(self).map(|digest| (name.to_owned(), digest)))
        });
        digests.collect()
    }

    /// Completes the lock file for a stage, and looks whether its environment can be had here.
    /// Returns whether the file was written.
    ///
    /// # Errors
    ///
    /// Fails if something cannot be resolved, or a program is missing.
    pub fn resolve(&self, stage: &Stage) -> Result<bool, EnvironmentError> {
        let mut wrote = false;
        for kind in kinds(stage) {
            wrote |= kind.resolve(self)?;
        }
        Ok(wrote)
    }

    pub(crate) fn tell(&self, line: &str) {
        (self.tell)(line);
    }

    pub(super) fn with_loaded(
        &self,
        names: &[String],
        load: impl FnOnce() -> Result<Loaded, EnvironmentError>,
    ) -> Result<Loaded, EnvironmentError> {
        let mut all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(names) {
            return Ok(known.clone());
        }
        let loaded = load()?;
        all.insert(names.to_vec(), loaded.clone());
        Ok(loaded)
    }

    /// The search path for programs, with these modules.
    pub(super) fn path_with(&self, modules: &[String]) -> Result<OsString, EnvironmentError> {
        let own = || self.runner.host().path().to_owned();
        if modules.is_empty() {
            return Ok(own());
        }
        let loaded = super::modules::load(self, modules)?;
        Ok(loaded.path().map_or_else(own, ToOwned::to_owned))
    }
}
