//! Other tools, where they are installed.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

/// What FPSim2 takes for one search of these fingerprints, and the similarities it found; nothing
/// where no Python with FPSim2 is at hand.
pub(crate) fn fpsim2(bits: &Path, width: usize, queries: &[usize]) -> Option<Json> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/fpsim2.py");
    let output = Command::new(python())
        .arg(script)
        .arg(bits)
        .arg(width.to_string())
        .args(queries.iter().map(usize::to_string))
        .env("OMP_NUM_THREADS", "1")
        .output()
        .ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// What rdGaussianShape takes to lay each of these molecules over each, and its mean score; nothing
/// where no Python with RDKit is at hand.
pub(crate) fn rdkit_shape(molecules: &Path) -> Option<Json> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/rdkit_shape.py");
    let output = Command::new(python())
        .arg(script)
        .arg(molecules)
        .output()
        .ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// What NumPy takes for a pose of the example in this folder, and the best score it found; nothing
/// where no Python with NumPy and PyArrow is at hand.
pub(crate) fn numpy_vina(example: &Path) -> Option<Json> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/numpy_vina.py");
    let output = Command::new(python())
        .arg(script)
        .arg(example)
        .env("OMP_NUM_THREADS", "1")
        .output()
        .ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

fn python() -> OsString {
    std::env::var_os("SUNWARD_BENCH_PYTHON").unwrap_or_else(|| "python3".into())
}

/// Runs CDO; false where it is not installed or fails.
pub(crate) fn cdo(arguments: &[&str]) -> bool {
    let command = Command::new("cdo").arg("-s").args(arguments).output();
    command.is_ok_and(|output| output.status.success())
}
