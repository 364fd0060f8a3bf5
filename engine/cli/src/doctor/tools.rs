//! Checks programs that some pipelines need: a shell, Python with pip and venv, runtimes of
//! containers, and modules.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use sunward_worker::Host;
use sunward_worker::environments::{Found, found_conda_tools, found_modules, found_runtimes};

use super::Finding;

/// Checks the shells that run scripts: bash, and /bin/sh for `shell: sh`.
pub(crate) fn shell(search_path: Option<&OsStr>) -> Finding {
    let bash = first_line(search_path, &["bash", "--version"]);
    let has_sh = Path::new("/bin/sh").exists();
    match (bash, has_sh) {
        (Some(version), true) => Finding::good("shell", format!("{version}; /bin/sh")),
        (Some(version), false) => Finding::note(
            "shell",
            format!("{version}; /bin/sh was not found: stages with `shell: sh` cannot start"),
            "install a POSIX shell where a pipeline says `shell: sh`",
        ),
        (None, true) => Finding::problem(
            "shell",
            "bash is not on the PATH: a `run` that is text cannot start",
            "install bash, or write `shell: sh` under `defaults:` to use /bin/sh",
        ),
        (None, false) => Finding::problem(
            "shell",
            "neither bash nor /bin/sh was found: a `run` that is text cannot start",
            "install bash, or write `run` as a list of words",
        ),
    }
}

/// Checks Python, for stages with `python:`.
pub(crate) fn python(search_path: Option<&OsStr>) -> Finding {
    let Some(version) = first_line(search_path, &["python3", "--version"]) else {
        return Finding::note(
            "python",
            "python3 is not on the PATH: stages with `python:` cannot run",
            "install it where needed: apt install python3 python3-venv python3-pip",
        );
    };
    let probes = [("pip", "import pip"), ("venv", "import venv, ensurepip")];
    let missing: Vec<_> = probes
        .into_iter()
        .filter(|(_, code)| first_line(search_path, &["python3", "-c", code]).is_none())
        .map(|(name, _)| name)
        .collect();
    if missing.is_empty() {
        let uv = first_line(search_path, &["uv", "--version"]);
        let uv = uv.map_or_else(String::new, |uv| format!("; {uv}"));
        return Finding::good("python", format!("{version}, with pip and venv{uv}"));
    }
    Finding::note(
        "python",
        format!(
            "{version}, without {}: stages with `python:` cannot build their environment",
            missing.join(" and ")
        ),
        "apt install python3-venv python3-pip",
    )
}

/// Checks runtimes of containers and systems of modules, for stages with `container:` and
/// `modules:`.
pub(crate) fn containers(host: &Host) -> Finding {
    let all = found_runtimes(host);
    let modules = found_modules(host).map_or("no modules", |name| name);
    let works = |one: &&Found| one.version.is_some();
    let names: Vec<&str> = all
        .iter()
        .filter(works)
        .filter_map(|one| one.version.as_deref())
        .collect();
    if names.is_empty() {
        return Finding::note(
            "environments",
            format!(
                "none of podman, apptainer, singularity and docker is on the PATH ({modules}): stages with `container:` cannot run"
            ),
            "install one where needed: apt install podman",
        );
    }
    Finding::good("environments", format!("{}; {modules}", names.join(", ")))
}

/// Checks the tools of conda environments, for stages with `conda:`.
pub(crate) fn conda(host: &Host) -> Finding {
    let all = found_conda_tools(host);
    let works = |one: &Found| {
        let version = one.version.as_deref()?;
        // micromamba prints only a number.
        let name = one.name;
        Some(match version.contains(name) {
            true => version.to_owned(),
            false => format!("{name} {version}"),
        })
    };
    let names: Vec<String> = all.iter().filter_map(works).collect();
    if names.is_empty() {
        return Finding::note(
            "conda",
            "none of micromamba, mamba, conda and pixi is on the PATH: stages with `conda:` cannot build their environment",
            "install one where needed; micromamba is a single file",
        );
    }
    Finding::good("conda", names.join(", "))
}

/// The first line that a program prints; `None` if it cannot be run or fails.
fn first_line(search_path: Option<&OsStr>, argv: &[&str]) -> Option<String> {
    let (program, rest) = argv.split_first()?;
    let mut command = Command::new(program);
    command
        .args(rest)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    if let Some(path) = search_path {
        command.env("PATH", path);
    }
    let output = command.output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().next().unwrap_or_default().to_owned())
}
