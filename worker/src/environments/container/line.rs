//! The command line that runs a command in a container.
//!
//! Variables are passed by name, and the runtime takes their values from its own environment, so
//! that no value is in an argument, where every user of the machine could read it. A variable that
//! would change the runtime itself is passed in a file that only the user can read.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{getgid, getuid};
use sunward_files::private;

use super::ReadyImage;
use super::leftover::Running;
use super::runtime::Engine;
use crate::clock::now_ms;
use crate::environments::kind::TaskPlaces;
use crate::fault::Fault;
use crate::process::attempt_name::VARIABLE;
use crate::process::environment::Environment;
use crate::process::spawn::Order;

/// Numbers the containers of this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The file that has variables which would change the runtime itself.
const VARIABLES: &str = "variables";

/// The file in which Podman writes the process that watches the container.
pub(super) const MONITOR: &str = "monitor";

/// Variables that change what a runtime does.
fn is_the_runtimes(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "PATH",
        "HOME",
        "TMPDIR",
        "USER",
        "BUILDAH_ISOLATION",
        "REGISTRY_AUTH_FILE",
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "LISTEN_PID",
        "GODEBUG",
        "GOTRACEBACK",
        "GOMAXPROCS",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "_CONTAINERS_USERNS_CONFIGURED",
    ];
    const BEGINNINGS: &[&str] = &[
        "LD_",
        "DOCKER_",
        "CONTAINER",
        "PODMAN_",
        "STORAGE_",
        "XDG_",
        "APPTAINER",
        "SINGULARITY",
        "NETAVARK_",
        "GLIBC_",
        "MALLOC_",
    ];
    NAMES.contains(&name) || BEGINNINGS.iter().any(|begin| name.starts_with(begin))
}

/// Makes a command one that runs in a container.
pub(super) fn wrap(
    image: &ReadyImage,
    order: &mut Order,
    task: &TaskPlaces<'_>,
) -> Result<(), Fault> {
    let name = format!(
        "sunward-{:x}-{:x}-{}",
        now_ms(),
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    );
    let command = std::mem::take(&mut order.words);
    let own = own_variables(&order.environment, task);
    let mut environment = Environment::default();
    for (name, value) in &image.client {
        environment.set_base(name, value);
    }
    let mut words = match image.runtime.engine {
        Engine::Apptainer => apptainer(image, &own, task, &mut environment)?,
        Engine::Podman | Engine::Docker => {
            podman_or_docker(image, &name, &own, task, &mut environment)?
        }
    };
    words.extend(command);
    order.words = words;
    order.environment = environment;
    order.container = match image.runtime.engine {
        Engine::Apptainer => None,
        engine => Some(Running::begin(image, &name, engine, task)?),
    };
    Ok(())
}

/// The variables of the command in its container. Its home is its folder for temporary files, since
/// that of the user is not there.
fn own_variables(environment: &Environment, task: &TaskPlaces<'_>) -> BTreeMap<OsString, OsString> {
    let mut own: BTreeMap<OsString, OsString> = environment
        .own()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for name in ["HOME", "TMPDIR"] {
        own.entry(name.into())
            .or_insert_with(|| task.temporary.into());
    }
    own
}

fn podman_or_docker(
    image: &ReadyImage,
    name: &str,
    own: &BTreeMap<OsString, OsString>,
    task: &TaskPlaces<'_>,
    environment: &mut Environment,
) -> Result<Vec<OsString>, Fault> {
    let is_podman = image.runtime.engine == Engine::Podman;
    let mut line = Line::of(&image.runtime.program);
    line.add(["run", "--rm", "--name", name, "--pull", "never"]);
    line.add(["--log-driver", "none", "--network", "host"]);
    line.add(["--security-opt", "label=disable", "--entrypoint", ""]);
    line.add([
        "--user",
        &format!("{}:{}", getuid().as_raw(), getgid().as_raw()),
    ]);
    if is_podman && !getuid().is_root() {
        line.add(["--userns", "keep-id"]);
    }
    if image.runtime.has_init() {
        line.add(["--init"]);
    }
    if is_podman {
        line.add([
            OsStr::new("--conmon-pidfile"),
            task.whole.join(MONITOR).as_ref(),
        ]);
    } else {
        // Docker's daemon starts the processes, where our own limits do not see them.
        line.add(["--cpus", &image.cpus.to_string()]);
        if let Some(bytes) = image.memory_bytes {
            line.add(["--memory", &bytes.to_string()]);
        }
    }
    if task.has_gpus {
        match is_podman {
            true => line.add(["--device", "nvidia.com/gpu=all"]),
            false => line.add(["--gpus", "all"]),
        }
    }
    for (folder, read_only) in mounts(image, task) {
        line.add([
            OsStr::new("--mount"),
            &mount(folder, read_only.then_some("readonly"))?,
        ]);
    }
    line.add([OsStr::new("--workdir"), task.work.as_os_str()]);
    let mut in_file = String::new();
    for (name, value) in own {
        if name.to_str().is_some_and(is_the_runtimes) {
            in_file.push_str(&line_of_file(name, value)?);
        } else {
            environment.set(name, value);
            line.add([OsStr::new("--env"), name]);
        }
    }
    line.add(["--env", VARIABLE]);
    let path = task.whole.join(VARIABLES);
    private::write(&path, in_file).map_err(|error| Fault::io("write", &path, &error))?;
    line.add([OsStr::new("--env-file"), path.as_os_str()]);
    line.add([image.reference.as_os_str()]);
    Ok(line.words)
}

fn apptainer(
    image: &ReadyImage,
    own: &BTreeMap<OsString, OsString>,
    task: &TaskPlaces<'_>,
    environment: &mut Environment,
) -> Result<Vec<OsString>, Fault> {
    let mut line = Line::of(&image.runtime.program);
    line.add(["exec", "--contain", "--cleanenv"]);
    line.add([OsStr::new("--home"), own_path(own, "HOME", task)?.as_ref()]);
    if task.has_gpus {
        line.add(["--nv"]);
    }
    for (folder, read_only) in mounts(image, task) {
        line.add([
            OsStr::new("--mount"),
            &mount(folder, read_only.then_some("ro"))?,
        ]);
    }
    line.add([OsStr::new("--pwd"), task.work.as_os_str()]);
    for (name, value) in own {
        // Apptainer sets the home itself, and refuses another way.
        if name != "HOME" {
            for prefix in ["APPTAINERENV_", "SINGULARITYENV_"] {
                let mut prefixed = OsString::from(prefix);
                prefixed.push(name);
                environment.set(prefixed, value);
            }
        }
    }
    line.add([image.reference.as_os_str()]);
    Ok(line.words)
}

/// The home in the container, which Apptainer mounts.
fn own_path(
    own: &BTreeMap<OsString, OsString>,
    name: &str,
    task: &TaskPlaces<'_>,
) -> Result<OsString, Fault> {
    let path = own.get(OsStr::new(name)).map(Path::new);
    let path = path.unwrap_or(task.temporary);
    if !path.starts_with(task.whole) || has_odd_letters(path) {
        return Err(Fault::input(format!(
            "`env: {name}` is {}, and Apptainer mounts that folder; leave it out, which gives the task an empty one",
            sunward_files::shown(path)
        )));
    }
    Ok(path.into())
}

/// The folders that a container sees, with whether they are read-only. An inner one comes after the
/// one that contains it.
fn mounts<'m>(
    image: &'m ReadyImage,
    task: &'m TaskPlaces<'_>,
) -> impl Iterator<Item = (&'m Path, bool)> {
    let outside = image.mounts.iter().map(|path| (Path::new(path), true));
    let own = [task.whole].into_iter().chain(task.checkpoint);
    let inner = task.read_only.iter().map(|path| (*path, true));
    outside.chain(own.map(|path| (path, false))).chain(inner)
}

/// The value of `--mount`, in which commas separate.
fn mount(folder: &Path, read_only: Option<&str>) -> Result<OsString, Fault> {
    if has_odd_letters(folder) {
        return Err(Fault::permanent(format!(
            "the folder {} cannot be mounted in a container, because its path has a comma, a colon, a quote or a line end; keep the state in another folder with `--home`",
            sunward_files::shown(folder)
        )));
    }
    let mut text = OsString::from("type=bind,src=");
    text.push(folder);
    text.push(",dst=");
    text.push(folder);
    if let Some(word) = read_only {
        text.push(",");
        text.push(word);
    }
    Ok(text)
}

fn has_odd_letters(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.iter().any(|byte| b",:\"\n".contains(byte))
}

/// One line of the file of variables.
fn line_of_file(name: &OsStr, value: &OsStr) -> Result<String, Fault> {
    let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
        return Err(Fault::input(format!(
            "the variable {} has a value that is not UTF-8, which a container cannot get",
            sunward_files::shown(name.as_ref())
        )));
    };
    if value.contains(['\n', '\r']) {
        return Err(Fault::input(format!(
            "the variable {name} has a value of several lines, which a container cannot get, because {name} also changes the program that runs containers; use another name, and set {name} in the command"
        )));
    }
    let mut line = String::new();
    // Writing to text cannot fail.
    writeln!(line, "{name}={value}").ok();
    Ok(line)
}

/// The words of a command line.
struct Line {
    words: Vec<OsString>,
}

impl Line {
    fn of(program: &Path) -> Self {
        Self {
            words: vec![program.into()],
        }
    }

    fn add<W: AsRef<OsStr>, const N: usize>(&mut self, words: [W; N]) {
        self.words
            .extend(words.iter().map(|word| word.as_ref().to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::cache::EnvironmentCache;
    use crate::environments::container::runtime::Runtime;
    use crate::environments::error::EnvironmentError;

    struct Scene {
        folder: tempfile::TempDir,
        engine: Engine,
        program: &'static str,
        gpus: bool,
    }

    impl Scene {
        fn new(engine: Engine, program: &'static str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("t")).unwrap();
            Self {
                folder,
                engine,
                program,
                gpus: false,
            }
        }

        /// The command line and the environment for `sh -c x`, with the scene's folder as `@`.
        fn wrapped(&self, own: &[(&str, &str)]) -> Result<(String, Vec<String>), String> {
            let root = self.folder.path();
            let cache = EnvironmentCache::in_folder(root.join("cache"));
            let built = cache
                .get::<EnvironmentError>("image-1", None, |_| Ok(()))
                .unwrap();
            let image = ReadyImage {
                runtime: Runtime {
                    engine: self.engine,
                    program: self.program.into(),
                },
                reference: "q.io/x@sha256:1".into(),
                mounts: vec!["/data".into()],
                cpus: 2,
                memory_bytes: Some(1 << 20),
                client: vec![("PATH".into(), "/bin".into())],
                _in_use: built,
            };
            let whole = root.join("t");
            let (work, temporary) = (whole.join("work"), whole.join("tmp"));
            let inputs = whole.join("inputs");
            let task = TaskPlaces {
                whole: &whole,
                work: &work,
                temporary: &temporary,
                read_only: vec![&inputs],
                checkpoint: None,
                has_gpus: self.gpus,
                scratch: root,
            };
            let mut order = Order {
                words: ["sh", "-c", "x"].map(OsString::from).to_vec(),
                environment: Environment::default(),
                container: None,
            };
            order.environment.set_base("LANG", "C");
            for (name, value) in own {
                order.environment.set(name, value);
            }
            wrap(&image, &mut order, &task).map_err(|fault| fault.message)?;
            let shown = |text: &OsStr| {
                let text = text.to_str().unwrap();
                let root = root.to_str().unwrap();
                match text.starts_with("sunward-") {
                    true => "NAME".to_owned(),
                    false => text.replace(root, "@"),
                }
            };
            let words: Vec<String> = order.words.iter().map(|word| shown(word)).collect();
            let variables = order.environment.iter();
            let variables = variables
                .map(|(name, value)| format!("{}={}", name.to_str().unwrap(), shown(value)));
            Ok((words.join(" "), variables.collect()))
        }
    }

    fn user() -> String {
        format!("{}:{}", getuid().as_raw(), getgid().as_raw())
    }

    #[test]
    fn podman_gets_names_of_variables_and_never_their_values() {
        let mut scene = Scene::new(Engine::Podman, "/bin/podman");
        scene.gpus = true;
        let own = [("TOKEN", "hush"), ("LD_PRELOAD", "x.so")];
        let (line, variables) = scene.wrapped(&own).unwrap();
        let (user, userns) = (
            user(),
            match getuid().is_root() {
                true => "",
                false => " --userns keep-id",
            },
        );
        let line = line.replace(" --init", "");
        assert_eq!(
            line,
            format!(
                "/bin/podman run --rm --name NAME --pull never --log-driver none --network host \
                 --security-opt label=disable --entrypoint  --user {user}{userns} \
                 --conmon-pidfile @/t/monitor --device nvidia.com/gpu=all \
                 --mount type=bind,src=/data,dst=/data,readonly \
                 --mount type=bind,src=@/t,dst=@/t \
                 --mount type=bind,src=@/t/inputs,dst=@/t/inputs,readonly --workdir @/t/work \
                 --env TOKEN --env SUNWARD_ATTEMPT --env-file @/t/variables q.io/x@sha256:1 sh -c x"
            )
        );
        assert_eq!(variables, ["PATH=/bin", "TOKEN=hush"]);
        let file = scene.folder.path().join("t/variables");
        let text = std::fs::read_to_string(file).unwrap();
        let temporary = scene.folder.path().join("t/tmp").display().to_string();
        assert_eq!(
            text,
            format!("HOME={temporary}\nLD_PRELOAD=x.so\nTMPDIR={temporary}\n")
        );
    }

    #[test]
    fn docker_keeps_the_limits_that_we_cannot_see() {
        let mut scene = Scene::new(Engine::Docker, "/bin/docker");
        scene.gpus = true;
        let (line, _) = scene.wrapped(&[("HOME", "/h")]).unwrap();
        for words in [
            "--init --cpus 2 --memory 1048576 --gpus all --mount type=bind,src=/data",
            &format!("--user {}", user()),
            "--env SUNWARD_ATTEMPT --env-file @/t/variables q.io/x@sha256:1 sh -c x",
        ] {
            assert!(line.contains(words), "{line}");
        }
        assert!(
            !line.contains("conmon") && !line.contains("keep-id"),
            "{line}"
        );
    }

    #[test]
    fn apptainer_gets_variables_under_its_prefix_and_a_home_of_the_tasks() {
        let mut scene = Scene::new(Engine::Apptainer, "/bin/apptainer");
        scene.gpus = true;
        let (line, variables) = scene.wrapped(&[("TOKEN", "hush"), ("PATH", "/x")]).unwrap();
        assert_eq!(
            line,
            "/bin/apptainer exec --contain --cleanenv --home @/t/tmp --nv \
             --mount type=bind,src=/data,dst=/data,ro --mount type=bind,src=@/t,dst=@/t \
             --mount type=bind,src=@/t/inputs,dst=@/t/inputs,ro --pwd @/t/work q.io/x@sha256:1 \
             sh -c x"
        );
        for one in [
            "PATH=/bin",
            "APPTAINERENV_TOKEN=hush",
            "APPTAINERENV_PATH=/x",
        ] {
            assert!(variables.iter().any(|set| set == one), "{variables:?}");
        }
        assert!(
            scene
                .wrapped(&[("HOME", "/h")])
                .unwrap_err()
                .contains("leave it out")
        );
    }

    #[test]
    fn lines_of_a_variable_never_become_another_variable() {
        let scene = Scene::new(Engine::Podman, "/bin/podman");
        let (line, variables) = scene.wrapped(&[("X", "1\nPATH=/evil")]).unwrap();
        assert!(!line.contains("evil"), "{line}");
        assert!(variables.iter().any(|one| one == "X=1\nPATH=/evil"));
        let error = scene.wrapped(&[("LD_X", "1\nPATH=/evil")]).unwrap_err();
        assert!(error.contains("several lines"), "{error}");
    }
}
