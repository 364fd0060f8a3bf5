//! Installs NVIDIA's run-time compiler from PyPI, so that CUDA sources are checked without a GPU.

use anyhow::{Result, bail};

use crate::shell;

/// The release for the CUDA version of current drivers. Newer releases produce code that older
/// drivers refuse.
const RELEASE: &str = "nvidia-cuda-nvrtc==13.0.*";

/// Installs the compiler (once, into the target folder). Returns the environment variable with
/// which the loader finds it.
pub(crate) fn environment() -> Result<(&'static str, String)> {
    let venv = shell::root().join("target/nvrtc");
    if library(&venv).is_none() {
        let folder = venv.display().to_string();
        shell::run("python3", &["-m", "venv", &folder], &[])?;
        let pip = venv.join("bin/pip").display().to_string();
        shell::run(&pip, &["install", "--quiet", RELEASE], &[])?;
    }
    let Some(folder) = library(&venv) else {
        bail!("{RELEASE} was installed, but contains no libnvrtc.so");
    };
    let mut path = folder.display().to_string();
    if let Ok(others) = std::env::var("LD_LIBRARY_PATH")
        && !others.is_empty()
    {
        path = format!("{path}:{others}");
    }
    Ok(("LD_LIBRARY_PATH", path))
}

/// The folder of the library in this environment, for any version of Python.
fn library(venv: &std::path::Path) -> Option<std::path::PathBuf> {
    let pythons = std::fs::read_dir(venv.join("lib")).ok()?;
    pythons
        .filter_map(|python| {
            let packages = python.ok()?.path().join("site-packages");
            Some(packages.join("nvidia/cu13/lib"))
        })
        .find(|folder| folder.join("libnvrtc.so.13").exists())
}
