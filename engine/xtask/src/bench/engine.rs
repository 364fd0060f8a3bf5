//! Runs the release binary on workflows that are made for a benchmark.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell;

/// A temporary folder with one workflow. It is deleted when this is dropped.
pub(crate) struct Bed {
    folder: tempfile::TempDir,
}

/// What one run took, and what it printed.
pub(crate) struct Took {
    /// The wall time of the whole process, in seconds.
    pub(crate) seconds: f64,
    /// The peak of its resident memory, in bytes.
    pub(crate) peak_bytes: f64,
    /// The output of `run --json`.
    pub(crate) json: serde_json::Value,
}

impl Bed {
    /// Makes a temporary folder with this workflow.
    pub(crate) fn new(workflow: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("workflow.yaml"), workflow)?;
        Ok(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the workflow with `--json` and more arguments.
    ///
    /// # Errors
    /// Fails if the run does not succeed.
    pub(crate) fn run(&self, args: &[&str]) -> Result<Took> {
        let started = Instant::now();
        let child = Command::new(binary())
            .args(["run", "workflow.yaml", "--json"])
            .args(args)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting the release binary")?;
        let watch = PeakMemory::of(child.id());
        let output = child.wait_with_output()?;
        let seconds = started.elapsed().as_secs_f64();
        if !output.status.success() {
            bail!(
                "sunward run ended with {}:\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(Took {
            seconds,
            peak_bytes: watch.finish(),
            json: serde_json::from_slice(&output.stdout).context("run --json printed no JSON")?,
        })
    }
}

/// The program to measure, if `$SUNWARD_BENCH_BINARY` names one.
pub(crate) fn chosen_binary() -> Option<PathBuf> {
    std::env::var_os("SUNWARD_BENCH_BINARY").map(PathBuf::from)
}

/// The program to measure: the chosen one, or else the release build of `sunward`.
pub(crate) fn binary() -> PathBuf {
    if let Some(binary) = chosen_binary() {
        return binary;
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| shell::root().join("target"), PathBuf::from);
    target.join("release/sunward")
}

/// The wall time of another tool's command, in seconds. A shell runs it in a folder.
pub(crate) fn time_shell(script: &str, folder: &Path) -> Result<f64> {
    let started = Instant::now();
    let status = Command::new("/bin/sh")
        .args(["-c", script])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        bail!("`{script}` ended with {status}");
    }
    Ok(started.elapsed().as_secs_f64())
}

/// Polls the peak memory of a process until the process ends.
struct PeakMemory {
    reader: std::thread::JoinHandle<f64>,
}

impl PeakMemory {
    fn of(pid: u32) -> Self {
        let reader = std::thread::spawn(move || {
            let mut peak = 0.0_f64;
            while let Some(bytes) = high_water_bytes(pid) {
                peak = peak.max(bytes);
                std::thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        Self { reader }
    }

    fn finish(self) -> f64 {
        self.reader.join().unwrap_or_default()
    }
}

fn high_water_bytes(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024.0)
}
