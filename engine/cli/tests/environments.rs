//! Containers, modules and setups, as a user has them. What needs Podman or Lmod is not run where
//! they are missing, and says so.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test stops at the first surprise, and says what did not run"
)]

mod scene;

use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use scene::{Scene, Told};

/// A scene whose Podman has a store of its own, with the image `localhost/tiny:1` (Busybox), also as
/// `tiny.tar`.
struct Boxed {
    scene: Scene,
}

impl Boxed {
    /// `None` if this machine has no Podman that works, or no static Busybox for the image.
    fn with(workflow: &str) -> Option<Self> {
        let boxed = Self {
            scene: Scene::with(workflow),
        };
        let folder = boxed.scene.path().display().to_string();
        let runc = ["/usr/sbin/runc", "/usr/bin/runc"];
        let runc = runc.iter().find(|path| std::fs::exists(path).unwrap());
        let runtime = runc.map_or("crun", |_| "runc");
        boxed.scene.file(
            "podman/containers.conf",
            format!(
                "[engine]\nruntime = \"{runtime}\"\ncgroup_manager = \"cgroupfs\"\n\
                 events_logger = \"none\"\n[containers]\n\
                 default_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n"
            ),
        );
        boxed.scene.file(
            "podman/storage.conf",
            format!(
                "[storage]\ndriver = \"vfs\"\ngraphroot = \"{folder}/podman/root\"\n\
                 runroot = \"{folder}/podman/run\"\n"
            ),
        );
        match boxed.make_images() {
            Ok(()) => Some(boxed),
            Err(why) => {
                eprintln!("NOT RUN: stages in containers: {why}");
                None
            }
        }
    }

    fn make_images(&self) -> Result<(), String> {
        let bin = self.scene.path().join("image/bin");
        std::fs::create_dir_all(&bin).unwrap();
        let busybox = ["/bin/busybox", "/usr/bin/busybox"]
            .into_iter()
            .find(|path| std::fs::copy(path, bin.join("busybox")).is_ok())
            .ok_or("there is no busybox (Debian: apt install busybox-static)")?;
        for name in [
            "sh", "cat", "echo", "env", "id", "ls", "sleep", "touch", "tr",
        ] {
            symlink("busybox", bin.join(name)).unwrap();
        }
        let image = self.scene.path().join("image");
        let tar = self.scene.path().join("image.tar");
        let packed = Command::new("tar")
            .arg("-C")
            .args([&image, &"-cf".into(), &tar, &".".into()])
            .output();
        packed.map_err(|error| error.to_string())?;
        let saved = self.scene.path().join("tiny.tar").display().to_string();
        let tar = tar.display().to_string();
        for words in [
            &["import", "--quiet", &tar, "localhost/tiny:1"][..],
            &["save", "--quiet", "--output", &saved, "localhost/tiny:1"],
            &[
                "run",
                "--rm",
                "--network",
                "host",
                "localhost/tiny:1",
                "/bin/echo",
            ],
        ] {
            let said = self
                .podman(words)
                .map_err(|error| format!("no podman: {error}"))?;
            if !said.status.success() {
                let said = String::from_utf8_lossy(&said.stderr).into_owned();
                return Err(format!(
                    "podman {}, with {busybox}: {said}",
                    words.join(" ")
                ));
            }
        }
        Ok(())
    }

    fn podman(&self, words: &[&str]) -> std::io::Result<Output> {
        let mut command = Command::new("podman");
        self.settings(&mut command);
        command.args(words).output()
    }

    fn settings(&self, command: &mut Command) {
        let podman = self.scene.path().join("podman");
        command
            .env("CONTAINERS_CONF", podman.join("containers.conf"))
            .env("CONTAINERS_STORAGE_CONF", podman.join("storage.conf"))
            .env("XDG_CACHE_HOME", self.scene.path().join("cache"))
            .env("SUNWARD_CONTAINER", "podman")
            .env("TOKEN", "hush");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.scene.command(words);
        self.settings(&mut command);
        command
    }

    fn sunward(&self, words: &[&str]) -> Told {
        Told::of(&self.command(words).output().unwrap())
    }

    /// The ids of all containers, running or not.
    fn containers(&self) -> String {
        let said = self.podman(&["ps", "--all", "--quiet"]).unwrap();
        String::from_utf8(said.stdout).unwrap()
    }
}

const BOXED: &str = "\
name: boxed
defaults: { shell: sh }
stages:
  number:
    run: printf three > ${{ outputs.n }}
    outputs: { n: { format: file, ext: txt } }
  boxed:
    container: IMAGE
    setup: export FROM_SETUP=set
    env: { ODD: \"a  b'c\\nd\", LD_TEST: x }
    secrets: [TOKEN]
    scatter: { over: [\"$(id)\"] }
    inputs: { n: number.n }
    run: |
      cat ${{ inputs.n }} > ${{ outputs.o }}
      echo \" $ODD $FROM_SETUP $LD_TEST $TOKEN ${{ item }}\" >> ${{ outputs.o }}
      ls / | tr '\\n' ' ' >> ${{ outputs.o }}
      touch ${{ inputs.n }} && exit 9
      touch \"$HOME/x\" \"$TMPDIR/y\" z
      id -u >> ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
outputs: { o: boxed.o }
";

#[test]
fn a_command_in_a_container_sees_its_own_folder_and_gets_its_values_as_text() {
    let Some(boxed) = Boxed::with(&BOXED.replace("IMAGE", "./tiny.tar")) else {
        return;
    };
    let told = boxed
        .sunward(&["run", "workflow.yaml", "--out", "out"])
        .expect(0);
    assert!(
        told.err.contains("loading the image ./tiny.tar"),
        "{told:?}"
    );
    assert!(told.err.contains("do not count as the stage's"), "{told:?}");
    let files = std::fs::read_dir(boxed.scene.path().join("out/o")).unwrap();
    let text = std::fs::read_to_string(files.flatten().next().unwrap().path()).unwrap();
    assert!(
        text.starts_with("three a  b'c\nd set x hush $(id)\nbin "),
        "{text}"
    );
    assert!(text.contains(" tmp ") || text.contains(" sys "), "{text}");
    assert!(!text.contains("home") && !text.contains(" usr "), "{text}");
    assert_eq!(boxed.containers(), "");

    // The image is loaded once, and counts by its content.
    let again = boxed.sunward(&["run", "workflow.yaml"]).expect(0);
    assert!(again.out.contains("0 tasks ran, 2 from cache"), "{again:?}");
    let listed = boxed.sunward(&["cache", "list"]);
    assert!(listed.out.contains("image-podman-"), "{listed:?}");
    // Another hand empties Podman's store.
    assert!(
        boxed
            .podman(&["rmi", "--all", "--force"])
            .unwrap()
            .status
            .success()
    );
    let forced = boxed.sunward(&["run", "workflow.yaml", "--force", "boxed"]);
    forced.expect(0);
    let freed = boxed.sunward(&["cache", "prune", "--environments"]);
    assert!(freed.out.contains("deleted 1 environment"), "{freed:?}");
    let images = boxed.podman(&["images", "--quiet"]).unwrap().stdout;
    assert_eq!(String::from_utf8(images).unwrap(), "");
}

#[test]
fn a_tag_is_resolved_once_and_later_runs_use_the_same_digest() {
    let Some(boxed) = Boxed::with(&BOXED.replace("IMAGE", "localhost/tiny:1")) else {
        return;
    };
    boxed.sunward(&["run", "workflow.yaml"]).expect(0);
    let lock: serde_json::Value = serde_json::from_str(&boxed.scene.text("sunward.lock")).unwrap();
    let digest = lock["images"][0]["digest"].as_str().unwrap();
    assert_eq!(lock["images"][0]["image"], "localhost/tiny:1");
    // The same image by its digest has the same key.
    let image = format!("\"localhost/tiny@{digest}\"");
    boxed
        .scene
        .file("workflow.yaml", BOXED.replace("IMAGE", &image));
    let told = boxed.sunward(&["run", "workflow.yaml"]).expect(0);
    assert!(told.out.contains("0 tasks ran, 2 from cache"), "{told:?}");
}

#[test]
fn what_is_not_there_is_told_before_anything_runs_with_its_line() {
    let Some(boxed) = Boxed::with(&BOXED.replace("IMAGE", "localhost/none:1")) else {
        return;
    };
    let told = boxed.sunward(&["run", "workflow.yaml"]);
    assert_eq!(told.code, 2, "{told:?}");
    for words in [
        "workflow.yaml:8: stage boxed",
        "localhost/none:1",
        "correct `container`",
    ] {
        assert!(told.err.contains(words), "{told:?}");
    }
    assert!(!told.err.contains("number: done"), "{told:?}");
    // A lock file that is none.
    boxed.scene.file(
        "sunward.lock",
        r#"{"version":1,"environments":[],"images":[{"image":"localhost/none:1","digest":"x"}]}"#,
    );
    let told = boxed.sunward(&["run", "workflow.yaml"]);
    assert_eq!(told.code, 2, "{told:?}");
    assert!(told.err.contains("delete the entry"), "{told:?}");
}

const ENDLESS: &str = "\
name: endless
stages:
  endless:
    container: ./tiny.tar
    shell: sh
    timeout: LIMIT
    run: |
      touch ${{ outputs.o }}
      echo begun
      sleep 1000
    outputs: { o: { format: file } }
";

#[test]
fn a_timeout_ends_the_container() {
    let Some(boxed) = Boxed::with(&ENDLESS.replace("LIMIT", "1s")) else {
        return;
    };
    let told = boxed.sunward(&["run", "workflow.yaml"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains("longer than its `timeout`"), "{told:?}");
    assert_eq!(boxed.containers(), "");
}

#[test]
fn a_container_does_not_outlive_an_engine_that_was_killed() {
    let Some(boxed) = Boxed::with(&ENDLESS.replace("LIMIT", "1h")) else {
        return;
    };
    let log = ".sunward/runs/r1/logs/endless/0.1.log";
    let mut running = boxed
        .scene
        .start_command(boxed.command(&["run", "workflow.yaml"]));
    running.wait_for(log);
    assert_ne!(boxed.containers(), "");
    // The supervisor removes it before it deletes the folder of the task.
    running.kill();
    assert_eq!(boxed.containers(), "");
}

#[test]
fn without_a_runtime_the_user_is_told_what_to_install() {
    let scene = Scene::with(&BOXED.replace("IMAGE", "debian:13"));
    let mut command = scene.command(&["run", "workflow.yaml"]);
    command.env("PATH", "/nowhere").env("TOKEN", "hush");
    let told = Told::of(&command.output().unwrap());
    assert_eq!(told.code, 2, "{told:?}");
    for words in [
        "workflow.yaml:8: stage boxed",
        "none of podman",
        "apt install podman",
    ] {
        assert!(told.err.contains(words), "{told:?}");
    }
}

#[test]
fn the_lines_of_a_setup_run_before_each_kind_of_command_and_count_in_its_key() {
    let workflow = "\
name: setups
defaults: { setup: 'export WHO=\"$NAME there\"', env: { NAME: you } }
stages:
  text: { run: 'echo \"$WHO\" > ${{ outputs.o }}', outputs: { o: { format: file } } }
  posix: { shell: sh, run: 'echo \"$WHO\" > ${{ outputs.o }}', outputs: { o: { format: file } } }
  words:
    run: [cp, ./who.txt, \"${{ outputs.o }}\"]
    setup: |
      source ./lib.sh
      who > who.txt
    outputs: { o: { format: file } }
outputs: { text: text.o, posix: posix.o, words: words.o }
";
    let scene = Scene::with(workflow);
    scene.file("lib.sh", "who() { echo \"$NAME\"; }\n");
    let run = || {
        scene
            .sunward(&["run", "workflow.yaml", "--out", "out"])
            .expect(0)
    };
    run();
    for (name, text) in [
        ("text", "you there\n"),
        ("posix", "you there\n"),
        ("words", "you\n"),
    ] {
        assert_eq!(scene.text(&format!("out/{name}")), text);
    }
    assert!(run().out.contains("0 tasks ran, 3 from cache"));
    scene.file(
        "workflow.yaml",
        workflow.replace("who > who.txt", "who > who.txt; true"),
    );
    assert!(run().out.contains("1 task ran, 2 from cache"));
    // A line that fails is a command that fails.
    scene.file("workflow.yaml", workflow.replace("who > who.txt", "false"));
    assert_eq!(scene.sunward(&["run", "workflow.yaml"]).code, 1);
}

const MODULES: &str = "\
name: modules
stages:
  a:
    modules: [tool]
    run: tool > ${{ outputs.o }}
    outputs: { o: { format: file } }
outputs: { o: a.o }
";

#[test]
fn modules_are_loaded_and_count_by_the_versions_that_they_resolve_to() {
    let lmod = "/usr/share/lmod/lmod/libexec/lmod";
    if !std::fs::exists(lmod).unwrap() {
        return eprintln!(
            "NOT RUN: stages with modules: there is no Lmod (Debian: apt install lmod)"
        );
    }
    let scene = Scene::with(MODULES);
    let add = |version: &str| {
        let bin = format!("opt/{version}");
        let tool = scene.file(
            &format!("{bin}/tool"),
            format!("#!/bin/sh\necho {version}\n"),
        );
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(tool, mode).unwrap();
        let bin = scene.path().join(bin).display().to_string();
        scene.file(
            &format!("modules/tool/{version}.lua"),
            format!("prepend_path(\"PATH\", \"{bin}\")\n"),
        );
    };
    let sunward = || {
        let mut command = scene.command(&["run", "workflow.yaml", "--out", "out"]);
        command.env("MODULEPATH", scene.path().join("modules"));
        command.env("LMOD_CMD", lmod);
        Told::of(&command.output().unwrap())
    };
    add("1.0");
    sunward().expect(0);
    assert_eq!(scene.text("out/o"), "1.0\n");
    assert!(sunward().out.contains("0 tasks ran, 1 from cache"));
    // The default version is another one now.
    add("2.0");
    let told = sunward().expect(0);
    assert!(told.out.contains("1 task ran"), "{told:?}");
    assert_eq!(scene.text("out/o"), "2.0\n");
    scene.file("workflow.yaml", MODULES.replace("[tool]", "[tools]"));
    let told = sunward();
    assert_eq!(told.code, 2, "{told:?}");
    for words in [
        "workflow.yaml:3: stage a",
        "modules: [tools]",
        "module spider",
    ] {
        assert!(told.err.contains(words), "{told:?}");
    }
}
