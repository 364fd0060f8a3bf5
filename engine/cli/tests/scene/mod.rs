//! Runs the built `sunward` in a temporary folder, as a user does.
#![allow(
    dead_code,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "shared by several test binaries, none of which uses all of it"
)]

pub(crate) mod patient;
pub(crate) mod site;
pub(crate) mod vtn;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A temporary folder. It is deleted when this is dropped.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
}

/// The output of a command, and how it ended.
#[derive(Debug)]
pub(crate) struct Told {
    /// The exit code; -1 if a signal ended it.
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

    /// Writes a file, and creates its folders.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(&path, content).expect("writing a file");
        path
    }

    /// Writes twelve equal days of two grids, a fleet, and a few jobs.
    pub(crate) fn recorded_world(&self) {
        for (zone, noon, night) in [("DE", 200, 500), ("NO", 30, 60)] {
            let mut text =
                String::from("timestamp_utc,carbon_intensity_gco2e_per_kwh,renewable_share\n");
            for hour in 0..288 {
                let grams = if (10..15).contains(&(hour % 24)) {
                    noon
                } else {
                    night
                };
                let (day, of_day) = (hour / 24 + 1, hour % 24);
                text.push_str(&format!(
                    "2023-01-{day:02}T{of_day:02}:00:00Z,{grams},0.5\n"
                ));
            }
            self.file(&format!("grid/{zone}.csv"), text);
        }
        self.file(
            "fleet.yaml",
            "- { pool: mid, zone: DE, timezone: Europe/Berlin, pue: 1.2, capacity: 4 }\n\
             - { pool: north, zone: NO, timezone: Europe/Oslo, capacity: [{ when: otherwise, gpus: 8, cpus: 16 }] }\n",
        );
        let job = |day: u32, hour: u32, length_h: u32| {
            format!(
                "{{ \"arrival\": \"2023-01-{day:02}T{hour:02}:00:00Z\", \"length_h\": {length_h}, \"power_kw\": 2, \"slack_h\": 12, \"home\": \"DE\" }}"
            )
        };
        let jobs = [job(9, 3, 2), job(9, 20, 3), job(10, 6, 6), job(10, 13, 1)];
        self.file("jobs.json", format!("[{}]", jobs.join(",\n ")));
        self.file("instance.json", include_str!("instance.json"));
    }

    /// The text of a file.
    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// A command for `sunward` in the folder. Of the caller's environment it gets only PATH, HOME
    /// and TMPDIR.
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

    /// Runs `sunward` and waits until it ends.
    pub(crate) fn sunward(&self, args: &[&str]) -> Told {
        Told::of(&self.command(args).output().expect("starting sunward"))
    }

    /// Starts `sunward` and does not wait.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        self.start_command(self.command(args))
    }

    /// Starts a command and does not wait.
    pub(crate) fn start_command(&self, mut command: Command) -> Running {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting sunward");
        Running::watch(child, self.path().to_owned())
    }

    /// Runs `sunward run workflow.yaml --json` with further arguments.
    pub(crate) fn run(&self, args: &[&str]) -> Told {
        let mut all = vec!["run", "workflow.yaml", "--json"];
        all.extend(args);
        self.sunward(&all)
    }
}

/// Runs, and returns how many tasks of each stage ran.
pub(crate) fn ran(scene: &Scene, stages: &[&str]) -> Vec<u64> {
    let answer = scene.run(&["--out", "out"]).expect(0).json();
    let ran = |stage: &&str| answer["stages"][*stage]["ran"].as_u64().unwrap();
    stages.iter().map(ran).collect()
}

/// The names in a folder of the scene, sorted.
pub(crate) fn names(scene: &Scene, folder: &str) -> Vec<String> {
    let mut names: Vec<String> = scene
        .path()
        .join(folder)
        .read_dir()
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// A file or folder of the shared data. Prints a message and returns `None` if it does not exist.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let folder = std::env::var_os("SUNWARD_SHARED").unwrap_or_else(|| beside.into());
    let path = Path::new(&folder).join(name);
    let found = path.canonicalize().ok();
    if found.is_none() {
        eprintln!(
            "NOT RUN: {} is not there; set SUNWARD_SHARED",
            path.display()
        );
    }
    found
}

/// Everything below a folder. Links are not followed.
pub(crate) fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir().expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("its type").is_dir() {
                folders.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found
}

/// Appends `inner` with its arguments to the arguments of `outer`. The result runs in the folder of
/// `inner` and with its environment only.
pub(crate) fn wrapped(mut outer: Command, inner: &Command) -> Command {
    let variables = inner.get_envs();
    outer
        .arg(inner.get_program())
        .args(inner.get_args())
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null());
    if let Some(folder) = inner.get_current_dir() {
        outer.current_dir(folder);
    }
    outer
}

/// Sends a process a signal by name.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .expect("kill");
    assert!(status.success(), "kill -{name}");
}

/// Whether a process has ended. A zombie has ended too.
pub(crate) fn has_ended(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

/// A running `sunward`. Its output is collected in the background.
pub(crate) struct Running {
    child: Child,
    folder: PathBuf,
    out: JoinHandle<Vec<u8>>,
    err: JoinHandle<()>,
    heard: Arc<Mutex<Vec<u8>>>,
}

/// The longest time that a test waits for an event.
const PATIENCE: Duration = Duration::from_secs(120);

impl Running {
    fn watch(mut child: Child, folder: PathBuf) -> Self {
        let mut stdout = child.stdout.take().expect("stdout");
        let mut stderr = child.stderr.take().expect("stderr");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        Self {
            child,
            folder,
            heard,
            out: std::thread::spawn(move || {
                let mut all = Vec::new();
                stdout.read_to_end(&mut all).expect("reading stdout");
                all
            }),
            err: std::thread::spawn(move || {
                let mut chunk = [0; 4096];
                while let Ok(read @ 1..) = stderr.read(&mut chunk) {
                    hears.lock().expect("no panic").extend(&chunk[..read]);
                }
            }),
        }
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("no panic")).into_owned()
    }

    /// Waits until a condition holds.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "no {what}: {}", self.heard());
            if let Some(status) = self.child.try_wait().expect("waiting") {
                assert!(
                    is_so(self),
                    "ended ({status}) before {what}: {}",
                    self.heard()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until one of its tasks has created a file.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, name: &str) {
        self.wait_until(name, |running| running.folder.join(name).exists());
    }

    /// Waits until it has printed a word to stderr.
    #[track_caller]
    pub(crate) fn wait_for_word(&mut self, word: &str) {
        self.wait_until(word, |running| running.heard().contains(word));
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Kills it, and waits until its supervisor has ended its tasks and deleted their folders.
    #[track_caller]
    pub(crate) fn kill(self) {
        self.signal("KILL");
        let scratch = self.folder.join(".sunward/scratch");
        self.end();
        let deadline = Instant::now() + PATIENCE;
        while scratch.read_dir().expect("a folder").count() > 1 {
            assert!(Instant::now() < deadline, "its tasks go on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Told {
        let status = self.child.wait().expect("waiting for sunward");
        let out = self.out.join().expect("no panic");
        self.err.join().expect("no panic");
        let err = self.heard.lock().expect("no panic").clone();
        Told::of(&Output {
            status,
            stdout: out,
            stderr: err,
        })
    }
}

impl Told {
    /// The result of a finished process.
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

    /// Fails the test with the whole output unless it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.out, self.err
        );
        self
    }

    /// Fails the test unless standard error contains all of these.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "no '{word}' in: {}", self.err);
        }
        self
    }
}
