//! A folder of one's own and the built `sunward` in it, driven as a user would.
#![allow(
    dead_code,
    clippy::panic,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "shared by several test binaries, none of which uses all of it"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A temporary folder, gone when dropped.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Told {
    /// Exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Scene {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A folder with this pipeline as `workflow.yaml`.
    pub(crate) fn with(workflow: &str) -> Self {
        let scene = Self::new();
        scene.file("workflow.yaml", workflow);
        scene
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file (and its folders).
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(&path, content).expect("writing a file");
        path
    }

    /// The text of a file.
    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// `sunward` with arguments, ready to be started in the folder, with nothing of the caller's
    /// environment but PATH, HOME and TMPDIR.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sunward"));
        command.args(args).current_dir(self.path()).env_clear();
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs `sunward` with arguments to its end.
    pub(crate) fn sunward(&self, args: &[&str]) -> Told {
        Told::of(&self.command(args).output().expect("starting sunward"))
    }

    /// Starts `sunward` with arguments and lets it run.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let child = self
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting sunward");
        Running {
            child,
            folder: self.path().to_owned(),
        }
    }

    /// Runs `sunward run workflow.yaml --json` with further arguments.
    pub(crate) fn run(&self, args: &[&str]) -> Told {
        let mut all = vec!["run", "workflow.yaml", "--json"];
        all.extend(args);
        self.sunward(&all)
    }
}

/// A `sunward` that runs.
pub(crate) struct Running {
    child: Child,
    folder: PathBuf,
}

impl Running {
    /// Waits until a file is there that one of its tasks makes.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, name: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.folder.join(name).exists() {
            assert!(Instant::now() < deadline, "{name} never appeared");
            if let Some(status) = self.child.try_wait().expect("waiting") {
                panic!("sunward ended ({status}) before {name} appeared");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(status.success(), "kill -{name}");
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Told {
        Told::of(&self.child.wait_with_output().expect("waiting for sunward"))
    }
}

impl Told {
    /// From a finished process.
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("no JSON ({e}); stdout: {}; stderr: {}", self.out, self.err))
    }

    /// Fails the test with everything said unless it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.out, self.err
        );
        self
    }

    /// Fails the test unless standard error holds every one of these.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "no '{word}' in: {}", self.err);
        }
        self
    }
}
