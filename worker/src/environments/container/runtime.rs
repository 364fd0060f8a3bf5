//! Which program runs containers on this machine.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use sunward_workflows::Image;

use crate::environments::error::EnvironmentError;
use crate::environments::found::{Found, found};
use crate::environments::modules;
use crate::environments::runner::{NoOutcome, Outcome, Runner};
use crate::environments::site::Site;
use crate::host::{Host, find_program};

/// The variable that names the runtime to use.
const CHOICE: &str = "SUNWARD_CONTAINER";

/// The engine of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Podman,
    /// Apptainer, or Singularity, its older name.
    Apptainer,
    Docker,
}

/// A program that runs containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Runtime {
    pub(super) engine: Engine,
    pub(super) program: PathBuf,
}

/// The programs by which engines are found, the preferred one first.
const PROGRAMS: &[(&str, Engine)] = &[
    ("podman", Engine::Podman),
    ("apptainer", Engine::Apptainer),
    ("singularity", Engine::Apptainer),
    ("docker", Engine::Docker),
];

/// All runtimes on the `PATH`, the preferred one first.
#[must_use]
pub fn found_runtimes(host: &Host) -> Vec<Found> {
    found(host, PROGRAMS.iter().map(|(name, _)| *name))
}

/// The runtime for an image: the one that `$SUNWARD_CONTAINER` names, or else the first on `path`
/// that can use the image.
pub(super) fn choose(
    image: &Image,
    path: &OsStr,
    host: &Host,
) -> Result<Runtime, EnvironmentError> {
    let choice = host.get(CHOICE).filter(|choice| !choice.is_empty());
    if let Some(choice) = choice
        && !PROGRAMS.iter().any(|(name, _)| choice == *name)
    {
        return Err(EnvironmentError::input(format!(
            "{CHOICE}={} names no runtime of containers; set it to podman, apptainer, singularity or docker, or unset it",
            sunward_files::shown(choice.as_ref())
        )));
    }
    let fits = |engine: Engine| match image {
        Image::Sif(_) => engine == Engine::Apptainer,
        Image::Archive(_) | Image::Registry { .. } => true,
    };
    let mut there = PROGRAMS
        .iter()
        .filter(|(name, engine)| fits(*engine) && choice.is_none_or(|choice| choice == *name))
        .filter_map(|(name, engine)| {
            let program = find_program(OsStr::new(name), path)?;
            Some(Runtime {
                engine: *engine,
                program,
            })
        });
    there.next().ok_or_else(|| missing(image, choice))
}

fn missing(image: &Image, choice: Option<&OsStr>) -> EnvironmentError {
    let wanted = match (image, choice) {
        (Image::Sif(_), _) => "neither apptainer nor singularity is",
        (_, Some(_)) => "the runtime that SUNWARD_CONTAINER names is not",
        (_, None) => "none of podman, apptainer, singularity and docker is",
    };
    let remedy = match image {
        Image::Sif(_) => {
            "install Apptainer, load its module with `modules:`, or use an image of a registry"
        }
        _ => {
            "install one (Debian: apt install podman), or load a module that has one with `modules:`"
        }
    };
    EnvironmentError::input(format!("container {image}: {wanted} on the PATH; {remedy}"))
}

impl Runtime {
    /// The program's name, for messages.
    pub(super) fn name(&self) -> String {
        let name = self.program.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Runs the runtime's own program.
    pub(super) fn run(
        &self,
        site: &Site<'_>,
        words: &[&OsStr],
    ) -> Result<Outcome, EnvironmentError> {
        site.runner
            .run(&self.program, words, &[], &[])
            .map_err(EnvironmentError::of_tool(&self.program))
    }

    /// As [`Runtime::run`], without a site.
    pub(super) fn run_by(
        &self,
        runner: &Runner<'_>,
        words: &[&OsStr],
    ) -> Result<Outcome, NoOutcome> {
        runner.run(&self.program, words, &[], &[])
    }

    /// The environment of the runtime itself: the host's, with what modules change.
    pub(super) fn client_variables(
        &self,
        site: &Site<'_>,
        modules: &[String],
    ) -> Result<Vec<(OsString, OsString)>, EnvironmentError> {
        let mut environment = crate::process::environment::Environment::default();
        for (name, value) in site.runner.host().variables() {
            environment.set_base(name, value);
        }
        if !modules.is_empty() {
            let loaded = modules::load(site, modules)?;
            crate::environments::kind::Layer::change_base(&loaded, &mut environment);
        }
        Ok(environment
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }

    /// Where Podman looks for the small init of containers.
    pub(super) fn has_init(&self) -> bool {
        const CATATONIT: &[&str] = &[
            "/usr/libexec/podman/catatonit",
            "/usr/lib/podman/catatonit",
            "/usr/local/libexec/podman/catatonit",
            "/usr/bin/catatonit",
        ];
        match self.engine {
            Engine::Docker => true,
            Engine::Podman => CATATONIT.iter().any(|path| Path::new(path).exists()),
            Engine::Apptainer => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn machine(programs: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in programs {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn chosen(programs: &[&str], image: &str, choice: Option<&str>) -> Result<String, String> {
        let folder = machine(programs);
        let host: Host = choice.into_iter().map(|choice| (CHOICE, choice)).collect();
        let image = Image::parse(image).unwrap();
        choose(&image, folder.path().as_os_str(), &host)
            .map(|runtime| runtime.name())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_runtime_that_can_use_the_image_is_taken() {
        for (programs, image, choice, expected) in [
            (&["podman", "docker", "apptainer"][..], "a", None, "podman"),
            (&["docker", "apptainer"], "./a.tar", None, "apptainer"),
            (&["docker"], "a", None, "docker"),
            (&["podman", "singularity"], "./a.sif", None, "singularity"),
            (&["podman", "docker"], "a", Some("docker"), "docker"),
            (&["podman", "docker"], "a", Some(""), "podman"),
        ] {
            assert_eq!(chosen(programs, image, choice).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_missing_runtime_is_told_with_what_to_install() {
        for (programs, image, choice, words) in [
            (
                &[][..],
                "a",
                None,
                &["none of podman", "apt install podman"][..],
            ),
            (
                &["podman"],
                "./a.sif",
                None,
                &["neither apptainer", "install Apptainer"],
            ),
            (
                &["podman"],
                "a",
                Some("docker"),
                &["that SUNWARD_CONTAINER names"],
            ),
            (
                &["podman"],
                "a",
                Some("rkt"),
                &["names no runtime", "podman"],
            ),
        ] {
            let error = chosen(programs, image, choice).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
