//! Stages with `conda:`, with packages of a channel in a folder. Each tool on the `PATH` is tried. In
//! CI there is none of them, so a program with micromamba's command line on py-rattler, the library
//! that pixi is made of, takes its place (`conda/tool.py`).
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test stops at the first surprise, and says what did not run"
)]

mod scene;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use scene::{Scene, Told};

const WORKFLOW: &str = "\
name: conda
stages:
  number:
    run: printf three > ${{ outputs.n }}
    outputs: { n: { format: file, ext: txt } }
  tool:
    conda: ./environment.yml
    inputs: { n: number.n }
    run: sw-tool > ${{ outputs.o }}; echo \"data $SW_DATA\" >> ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
outputs: { o: tool.o }
";

/// The tools, and what to call instead of those that are not here.
const TOOLS: [&str; 4] = ["micromamba", "mamba", "conda", "pixi"];

/// The platform of this machine, as conda calls it.
const fn platform() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "linux-aarch64"
    } else {
        "linux-64"
    }
}

fn succeeds(program: &str, words: &[&str]) -> bool {
    let said = Command::new(program).args(words).output();
    said.is_ok_and(|said| said.status.success())
}

/// The folder of a workflow with a channel, and a tool in `bin`.
struct Channel {
    scene: Scene,
    tool: &'static str,
}

impl Channel {
    /// One for each tool that works here.
    fn all() -> Vec<Self> {
        let real = TOOLS.iter().filter(|tool| succeeds(tool, &["--version"]));
        let mut all: Vec<Self> = real.map(|tool| Self::of(tool)).collect();
        if succeeds("python3", &["-c", "import rattler"]) {
            let one = Self::of("micromamba");
            let tool = one.scene.path().join("tool.py").display().to_string();
            one.scene.file("tool.py", include_str!("conda/tool.py"));
            one.program("micromamba", &format!("exec python3 '{tool}' \"$@\""));
            all.push(one);
        }
        let names: Vec<&str> = all.iter().map(|one| one.tool).collect();
        match names.is_empty() {
            true => eprintln!(
                "NOT RUN: stages with `conda:`; there is none of {}, and no py-rattler (pip install py-rattler)",
                TOOLS.join(", ")
            ),
            false => eprintln!("conda environments are tried with: {}", names.join(", ")),
        }
        all
    }

    fn of(tool: &'static str) -> Self {
        let scene = Scene::with(WORKFLOW);
        let one = Self { scene, tool };
        one.publish(&["1.0", "2.0"]);
        one.wants("sw-tool");
        one
    }

    /// The first that works.
    fn one() -> Option<Self> {
        Self::all().into_iter().next_back()
    }

    /// Publishes `sw-tool`, and `sw-lib` in these versions.
    fn publish(&self, versions: &[&str]) {
        let made = Command::new("python3")
            .args(["-c", include_str!("conda/channel.py")])
            .arg(self.scene.path().join("channel"))
            .arg(platform())
            .args(versions)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }

    fn url(&self) -> String {
        format!("file://{}/channel", self.scene.path().display())
    }

    fn wants(&self, package: &str) {
        let text = format!(
            "name: mine\nchannels: ['{}']\ndependencies: [{package}]\n",
            self.url()
        );
        self.scene.file("environment.yml", text);
    }

    /// A script in `bin`, which is first on the `PATH`.
    fn program(&self, name: &str, script: &str) {
        let path = self
            .scene
            .file(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.scene.command(words);
        let own = self.scene.path().join("bin").display().to_string();
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{own}:{path}"))
            .env("XDG_CACHE_HOME", self.scene.path().join("cache"))
            .env("SUNWARD_CONDA", self.tool);
        command
    }

    fn sunward(&self, words: &[&str]) -> Told {
        Told::of(&self.command(words).output().unwrap())
    }

    fn run(&self) -> Told {
        self.sunward(&["run", "workflow.yaml", "--json", "--out", "out"])
    }

    /// What the stage wrote: where the environment is, the version of `sw-lib`, and a variable.
    fn output(&self) -> (String, String) {
        let text = self.scene.text("out/o.txt");
        let mut lines = text.lines();
        let prefix = lines.next().unwrap().to_owned();
        let version = lines.next().unwrap().to_owned();
        let envs = self.scene.path().join("cache/sunward/envs/conda-");
        assert!(prefix.starts_with(envs.to_str().unwrap()), "{text}");
        assert_eq!(lines.next(), Some(format!("data {prefix}/share").as_str()));
        (prefix, version)
    }

    /// The environments in the cache.
    fn built(&self) -> Vec<String> {
        let listed = self.sunward(&["cache", "list", "--json"]).expect(0).json();
        let all = listed["environments"].as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// How many tasks of the stage ran.
fn ran(told: Told) -> u64 {
    told.expect(0).json()["stages"]["tool"]["ran"]
        .as_u64()
        .unwrap()
}

#[test]
fn an_environment_is_resolved_once_and_counts_by_what_it_resolves_to() {
    for one in Channel::all() {
        let scene = &one.scene;
        let first = one.run();
        assert!(
            first.err.contains("resolving its conda packages"),
            "{first:?}"
        );
        assert!(first.err.contains("2 packages"), "{first:?}");
        assert!(
            first.err.contains("do not count as the stage's"),
            "{first:?}"
        );
        assert_eq!(ran(first), 1);
        assert_eq!(one.output().1, "lib 2.0");
        let lock: serde_json::Value = serde_json::from_str(&scene.text("sunward.lock")).unwrap();
        let packages = lock["conda"][0]["packages"].as_array().unwrap();
        let names = packages.iter().map(|one| one["name"].as_str().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["sw-lib", "sw-tool"]);

        // How the file is written does not count, and a new version is not taken unasked.
        one.publish(&["1.0", "2.0", "3.0"]);
        let text = scene.text("environment.yml");
        scene.file(
            "environment.yml",
            format!(
                "# mine\nprefix: /x\n{}",
                text.replace("sw-tool", "'SW-Tool'")
            ),
        );
        assert_eq!(ran(one.run()), 0);

        // Another home builds nothing: the environment is for all.
        let other = one.sunward(&["run", "workflow.yaml", "--home", "other", "--json"]);
        assert!(!other.err.contains("conda environment"), "{other:?}");
        assert_eq!(ran(other), 1);

        // What it resolves to does count.
        std::fs::remove_file(scene.path().join("sunward.lock")).unwrap();
        assert_eq!(ran(one.run()), 1);
        assert_eq!(one.output().1, "lib 3.0");
        one.wants("sw-tool, sw-lib<2");
        assert_eq!(ran(one.run()), 1);
        assert_eq!(one.output().1, "lib 1.0");

        let built = one.built();
        let count = |start: &str| built.iter().filter(|name| name.starts_with(start)).count();
        assert_eq!(count("conda-"), 4, "three and the downloads: {built:?}");
        one.sunward(&["cache", "prune", "--environments"]).expect(0);
        assert!(one.built().is_empty());
        one.wants("sw-tool");
        scene.file(
            "workflow.yaml",
            WORKFLOW.replace("data $SW", "data \" \"$SW"),
        );
        let again = one.run();
        assert!(
            again.err.contains("building its conda environment"),
            "{again:?}"
        );
        assert_eq!(ran(again), 1, "{}", one.tool);
    }
}

/// A `pixi.lock` of the channel, with the digest of `sw-lib` replaced.
fn lock(one: &Channel, digest: Option<&str>) -> String {
    let archive = |path: &str| {
        let said = Command::new("sha256sum")
            .arg(one.scene.path().join("channel").join(path))
            .output()
            .unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        text.split(' ').next().unwrap().to_owned()
    };
    let tool = format!("{}/sw-tool-1.0-h_0.tar.bz2", platform());
    let lib = "noarch/sw-lib-1.0-h_0.tar.bz2";
    let of_lib = digest.map_or_else(|| archive(lib), str::to_owned);
    let (url, of_tool, platform) = (one.url(), archive(&tool), platform());
    format!(
        "version: 6\nenvironments:\n  default:\n    channels:\n    - url: {url}/\n    packages:\n      {platform}:\n      \
         - conda: {url}/{tool}\n      - conda: {url}/{lib}\n  other:\n    packages:\n      win-64:\n      - conda: {url}/{lib}\n\
         packages:\n- conda: {url}/{tool}\n  sha256: {of_tool}\n- conda: {url}/{lib}\n  sha256: {of_lib}\n"
    )
}

#[test]
fn a_lock_of_pixi_is_taken_as_it_is_and_other_bytes_are_refused() {
    for one in Channel::all() {
        let scene = &one.scene;
        scene.file("pixi.lock", lock(&one, None));
        let with = |conda: &str| {
            scene.file(
                "workflow.yaml",
                WORKFLOW.replace("./environment.yml", conda),
            );
        };
        with("./pixi.lock");
        let told = one.run();
        assert!(!told.err.contains("resolving"), "{told:?}");
        assert_eq!(ran(told), 1, "{}", one.tool);
        assert_eq!(one.output().1, "lib 1.0");
        assert!(!scene.path().join("sunward.lock").exists());

        // The same packages by an environment.yml are the same environment.
        with("./environment.yml");
        one.wants("sw-tool, sw-lib=1.0");
        assert_eq!(ran(one.run()), 0);

        with("{ file: ./pixi.lock, environment: other }");
        let told = one.run().expect(2);
        assert!(
            told.err.contains("it is for win-64, and this machine is"),
            "{told:?}"
        );
        assert!(told.err.contains("workflow.yaml:7: stage tool"), "{told:?}");

        with("./pixi.lock");
        scene.file("pixi.lock", lock(&one, Some(&"0".repeat(64))));
        let told = one.run();
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.err.contains("not what the lock says"), "{told:?}");
        assert!(!told.err.contains("tried again"), "{told:?}");
        assert!(!one.built().iter().any(|name| name.contains("000000000")));
    }
}

#[test]
fn what_cannot_be_had_is_told_before_anything_runs() {
    let scene = Scene::with(WORKFLOW);
    let channel = "channels: [conda-forge]\ndependencies: [cdo]\n";
    scene.file("environment.yml", channel);
    scene.file("bin/empty", "");
    std::os::unix::fs::symlink("/bin/bash", scene.path().join("bin/bash")).unwrap();
    let path = scene.path().join("bin");
    for (choice, says) in [
        (
            "",
            "needs one of micromamba, mamba, conda, pixi on the PATH",
        ),
        ("mamba", "`SUNWARD_CONDA=mamba` is not on the PATH"),
        (
            "anaconda",
            "`SUNWARD_CONDA=anaconda` names none of micromamba",
        ),
    ] {
        let mut command = scene.command(&["run", "workflow.yaml"]);
        let said = command
            .env("PATH", &path)
            .env("SUNWARD_CONDA", choice)
            .output();
        let told = Told::of(&said.unwrap()).expect(2);
        assert!(told.err.contains(says), "{told:?}");
        assert!(told.err.contains("workflow.yaml:7: stage tool"), "{told:?}");
    }
    // Whoever only looks needs no tool.
    let mut plan = scene.command(&["plan", "workflow.yaml"]);
    Told::of(&plan.env("PATH", &path).output().unwrap()).expect(0);

    for one in Channel::all() {
        one.wants("sw-none>=1");
        let told = one.run().expect(2);
        assert!(
            told.err.contains("cannot resolve sw-none>=1 from file://"),
            "{told:?}"
        );
        assert!(told.err.contains("correct ./environment.yml"), "{told:?}");
        assert!(!one.scene.path().join("sunward.lock").exists());
    }
}

#[test]
fn runs_at_the_same_time_build_it_once() {
    let Some(one) = Channel::one() else { return };
    one.run().expect(0);
    one.sunward(&["cache", "prune", "--environments"]).expect(0);
    let homes = ["a", "b", "c"];
    let start = |home: &&str| {
        one.scene
            .start_command(one.command(&["run", "workflow.yaml", "--home", home]))
    };
    let running: Vec<_> = homes.iter().map(start).collect();
    let told: Vec<Told> = running.into_iter().map(scene::Running::end).collect();
    let built = told
        .iter()
        .filter(|one| one.err.contains("building its conda environment"));
    assert_eq!(built.count(), 1, "{told:?}");
    assert!(told.iter().all(|one| one.code == 0), "{told:?}");
}

#[test]
fn what_a_killed_build_left_is_made_anew() {
    let Some(one) = Channel::one() else { return };
    let here = one.scene.path().display().to_string();
    let bin = one.scene.path().join("bin");
    let tool = one.tool;
    std::fs::create_dir_all(bin.join("real")).unwrap();
    if bin.join(tool).exists() {
        std::fs::rename(bin.join(tool), bin.join("real").join(tool)).unwrap();
    }
    one.program(
        tool,
        &format!(
            "case \"$*\" in *--file*|*--frozen*)\n\
             if [ ! -e '{here}/go' ]; then mkdir -p '{here}'/cache/sunward/envs/conda-*[0-9a-f]/env; \
             touch '{here}'/cache/sunward/envs/conda-*[0-9a-f]/env/junk; touch '{here}/started'; \
             while [ ! -e '{here}/go' ]; do sleep 0.02; done; exit 1; fi;;\n\
             esac\nPATH='{here}/bin/real':\"${{PATH#*:}}\" exec {tool} \"$@\""
        ),
    );
    let mut running = one
        .scene
        .start_command(one.command(&["run", "workflow.yaml"]));
    running.wait_for("started");
    running.kill();
    let left = scene::below(&one.scene.path().join("cache"));
    assert!(
        left.iter().any(|path| path.ends_with("env/junk")),
        "{left:?}"
    );
    one.scene.file("go", "");
    assert_eq!(ran(one.run()), 1);
    let (prefix, version) = one.output();
    assert_eq!(version, "lib 2.0");
    assert!(!std::path::Path::new(&prefix).join("junk").exists());
}

#[test]
fn a_file_that_changes_while_a_run_waits_is_not_used() {
    let Some(one) = Channel::one() else { return };
    let here = one.scene.path().display().to_string();
    let waits =
        format!("run: touch {here}/started; while [ ! -e {here}/go ]; do sleep 0.02; done; printf");
    one.scene
        .file("workflow.yaml", WORKFLOW.replace("run: printf", &waits));
    let mut running = one
        .scene
        .start_command(one.command(&["run", "workflow.yaml"]));
    running.wait_for("started");
    one.wants("sw-tool, sw-lib<2");
    one.scene.file("go", "");
    let told = running.end();
    assert_eq!(told.code, 1, "{told:?}");
    assert!(
        told.err.contains("has changed since the run began"),
        "{told:?}"
    );
}
