//! The variables of an environment's commands: those that activating it sets.
//!
//! Packages such as PROJ and GDAL set variables in scripts in `etc/conda/activate.d`. They are run
//! once for each stage, and not for each command.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::environments::cache::Built;
use crate::environments::error::EnvironmentError;
use crate::environments::kind::Layer;
use crate::environments::runner::words;
use crate::environments::shell_changes::ShellChanges;
use crate::environments::site::Site;
use crate::host::find_program;
use crate::process::environment::Environment;

/// Reads the scripts in the folder `$1`, and prints all variables.
const ACTIVATE: &str = r#"
for one in "$1"/*.sh; do [ ! -f "$one" ] || . "$one" >&2; done
printf '\0'
env -0
"#;

/// An environment that is ready.
pub(super) struct Active {
    built: Built,
    changes: ShellChanges,
}

/// Runs the scripts of a built environment.
pub(super) fn of(site: &Site<'_>, built: Built) -> Result<Active, EnvironmentError> {
    let prefix = super::build::prefix(&built.folder);
    let scripts = prefix.join("etc/conda/activate.d");
    let changes = match scripts.is_dir() {
        true => changes(site, &prefix, &scripts)?,
        false => ShellChanges::default(),
    };
    Ok(Active { built, changes })
}

fn changes(
    site: &Site<'_>,
    prefix: &Path,
    scripts: &Path,
) -> Result<ShellChanges, EnvironmentError> {
    let host = site.runner.host();
    let bash = find_program(OsStr::new("bash"), host.path()).ok_or_else(|| {
        EnvironmentError::input(
            "packages of its conda environment set variables by scripts of bash; install bash",
        )
    })?;
    let path = first_in(prefix, host.path());
    let own = [
        ("PATH".as_ref(), path.as_os_str()),
        ("CONDA_PREFIX".as_ref(), prefix.as_os_str()),
        ("CONDA_DEFAULT_ENV".as_ref(), prefix.as_os_str()),
        ("CONDA_SHLVL".as_ref(), OsStr::new("1")),
    ];
    let mut line = words(["--noprofile", "--norc", "-c", ACTIVATE, "activate"]);
    line.push(scripts.as_os_str());
    let said = site
        .runner
        .run(&bash, &line, &["BASH_ENV"], &own)
        .map_err(EnvironmentError::of_tool(&bash))?;
    if !said.succeeded {
        return Err(EnvironmentError::input(format!(
            "the scripts in {} failed: {}",
            sunward_files::shown(scripts),
            said.last_words()
        )));
    }
    let printed = said.stdout.split('\0').skip(1);
    Ok(ShellChanges::between(host, printed).without("PATH"))
}

/// A search path with the environment's programs first.
fn first_in(prefix: &Path, path: &OsStr) -> OsString {
    let mut whole = prefix.join("bin").into_os_string();
    whole.push(":");
    whole.push(path);
    whole
}

impl Layer for Active {
    fn change_base(&self, environment: &mut Environment) {
        let prefix = super::build::prefix(&self.built.folder);
        self.changes.apply(environment);
        let path = first_in(&prefix, environment.get("PATH").unwrap_or_default());
        environment.set_base("PATH", path);
        environment.set_base("CONDA_PREFIX", &prefix);
        environment.set_base("CONDA_DEFAULT_ENV", &prefix);
    }
}
