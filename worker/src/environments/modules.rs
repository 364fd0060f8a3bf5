//! Modules of a cluster: Lmod, or Environment Modules.
//!
//! They are loaded once for each stage, in a shell that has Sunward's own environment. What that
//! changes is set for every command of the stage.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use sunward_core::{Digest, Hasher};

use super::error::EnvironmentError;
use super::kind::{Kind, Layer};
use super::runner::words;
use super::shell_changes::ShellChanges;
use super::site::Site;
use crate::host::{Host, find_program};
use crate::process::environment::Environment;

/// `modules:` of a stage.
pub(super) struct Modules<'s>(pub(super) &'s [String]);

/// What loaded modules change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loaded {
    /// Their full names, in the order in which they were loaded, dependencies included.
    names: Vec<String>,
    variables: ShellChanges,
}

/// Where distributions put the program behind `module`.
const PROGRAMS: &[&str] = &[
    "/usr/share/lmod/lmod/libexec/lmod",
    "/opt/apps/lmod/lmod/libexec/lmod",
    "/usr/lib/x86_64-linux-gnu/modulecmd.tcl",
    "/usr/share/Modules/libexec/modulecmd.tcl",
    "/usr/lib64/environment-modules/libexec/modulecmd.tcl",
];

/// Loads the modules `$2…` by the program `$1`, and prints their names and all variables.
const LOAD: &str = r#"
command=$1; shift
code=$("$command" bash load "$@") || exit 3
eval "$code" >&2 || exit 3
for one in "$@"; do
  code=$("$command" bash is-loaded "$one") || exit 4
  eval "$code" >&2 || exit 4
done
printf '%s\0' "$LOADEDMODULES"
env -0
"#;

impl Kind for Modules<'_> {
    fn ingredient(&self) -> Option<&'static str> {
        Some("loaded modules")
    }

    fn digest(&self, site: &Site<'_>) -> Result<Digest, EnvironmentError> {
        load(site, self.0).map(|loaded| digest(&loaded))
    }

    fn resolve(&self, site: &Site<'_>) -> Result<bool, EnvironmentError> {
        load(site, self.0).map(|_| false)
    }

    fn prepare(
        &self,
        site: &Site<'_>,
        keyed: Option<Digest>,
    ) -> Result<Box<dyn Layer>, EnvironmentError> {
        let loaded = load(site, self.0)?;
        if keyed.is_some_and(|keyed| keyed != digest(&loaded)) {
            return Err(EnvironmentError::input(format!(
                "its modules are now {}, and were others when the run began; `sunward retry` runs the remaining tasks with the new ones",
                loaded.names.join(", ")
            )));
        }
        Ok(Box::new(loaded))
    }
}

impl Layer for Loaded {
    fn change_base(&self, environment: &mut Environment) {
        self.variables.apply(environment);
    }
}

impl Loaded {
    /// The search path for programs, if modules change it.
    pub(super) fn path(&self) -> Option<&OsStr> {
        self.variables.get("PATH")
    }
}

fn digest(loaded: &Loaded) -> Digest {
    let mut hasher = Hasher::new("loaded modules");
    for name in &loaded.names {
        hasher.field("name", name.as_bytes());
    }
    hasher.finish()
}

/// What modules change. It is asked once for each list of names.
pub(super) fn load(site: &Site<'_>, names: &[String]) -> Result<Loaded, EnvironmentError> {
    site.with_loaded(names, || ask(site, names))
}

fn ask(site: &Site<'_>, names: &[String]) -> Result<Loaded, EnvironmentError> {
    let listed = names.join(", ");
    let host = site.runner.host();
    let program = program(host).ok_or_else(|| {
        EnvironmentError::input(format!(
            "`modules: [{listed}]`: neither Lmod nor Environment Modules was found (no $LMOD_CMD or $MODULES_CMD, and none where distributions put them); run on a machine with modules, or give the stage another environment"
        ))
    })?;
    let bash = find_program(OsStr::new("bash"), host.path()).ok_or_else(|| {
        EnvironmentError::input(format!("`modules: [{listed}]` needs bash; install it"))
    })?;
    let mut line = words(["--noprofile", "--norc", "-c", LOAD, "modules"]);
    line.push(program.as_os_str());
    line.extend(names.iter().map(OsStr::new));
    let said = site
        .runner
        .run(&bash, &line, &["BASH_ENV"], &[])
        .map_err(EnvironmentError::of_tool(&bash))?;
    if !said.succeeded {
        return Err(EnvironmentError::input(format!(
            "`modules: [{listed}]` cannot be loaded: {}; `module spider NAME` lists what there is",
            said.last_words()
        )));
    }
    Ok(read(&said.stdout, host))
}

/// The program behind `module`.
pub(crate) fn program(host: &Host) -> Option<PathBuf> {
    let named = ["LMOD_CMD", "MODULES_CMD"].into_iter();
    let named = named.filter_map(|name| host.get(name)).map(PathBuf::from);
    let usual = PROGRAMS.iter().map(PathBuf::from);
    named.chain(usual).find(|path| path.is_file())
}

/// Reads what [`LOAD`] prints: names, separated by colons, and variables, each ended by a zero byte.
fn read(said: &str, host: &Host) -> Loaded {
    let mut parts = said.split('\0');
    let names = parts.next().unwrap_or_default().split(':');
    let names = names.filter(|name| !name.is_empty()).map(str::to_owned);
    Loaded {
        names: names.collect(),
        variables: ShellChanges::between(host, parts),
    }
}

/// The name of a program behind `module`, for messages.
pub(crate) fn name_of(program: &Path) -> &'static str {
    match program.file_name().and_then(OsStr::to_str) {
        Some("lmod") => "Lmod",
        _ => "Environment Modules",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_modules_set_and_unset_is_the_difference_to_the_host() {
        let host: Host = [("A", "1"), ("B", "2"), ("PATH", "/bin"), ("PWD", "/x")]
            .into_iter()
            .collect();
        let said = "gcc/13:cdo/2.1\0A=1\0PATH=/opt/cdo:/bin\0NEW=two\nlines\0PWD=/y\0SHLVL=1\0";
        let loaded = read(said, &host);
        assert_eq!(loaded.names, ["gcc/13", "cdo/2.1"]);
        let variables: Vec<(&str, Option<&str>)> = loaded
            .variables
            .0
            .iter()
            .map(|(name, value)| {
                let value = value.as_ref().map(|value| value.to_str().unwrap());
                (name.to_str().unwrap(), value)
            })
            .collect();
        assert_eq!(
            variables,
            [
                ("NEW", Some("two\nlines")),
                ("PATH", Some("/opt/cdo:/bin")),
                ("B", None)
            ]
        );
        assert_eq!(loaded.path(), Some(OsStr::new("/opt/cdo:/bin")));
    }
}
