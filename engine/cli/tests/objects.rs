//! Objects of a bucket as files, on a real S3 server: what is listed, what is fetched, what runs again,
//! and what is told.
//!
//! The server is started by `services/s3-up` of the shared folder. Where that is absent, a line says
//! that this did not run.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test stops at the first surprise, and says what did not run"
)]

mod scene;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use scene::{Scene, Told};

/// The server, and a relay in front of it that keeps the first line of each request.
struct Server {
    services: PathBuf,
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
    relay: String,
    requests: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    fn start() -> Option<Self> {
        let shared = std::env::var("SUNWARD_SHARED").map_or_else(
            |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            PathBuf::from,
        );
        let services = shared.join("services");
        let up = services.join("s3-up");
        if !up.exists() {
            eprintln!("NOT RUN: objects as files: {} is absent", up.display());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let started = Command::new(&up)
            .env("SERVICES_DIR", folder.path())
            .output()
            .unwrap();
        if !started.status.success() {
            let why = String::from_utf8_lossy(&started.stderr);
            eprintln!("NOT RUN: objects as files: the server did not start: {why}");
            return None;
        }
        let file = String::from_utf8(started.stdout).unwrap();
        let text = std::fs::read_to_string(file.trim()).unwrap();
        let words = text.split_whitespace();
        let environment: BTreeMap<String, String> = words
            .filter_map(|word| word.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let real = environment["AWS_ENDPOINT_URL"].replace("http://", "");
        let relay = relay(real, Arc::clone(&requests));
        Some(Self {
            services,
            folder,
            environment,
            relay,
            requests,
        })
    }

    /// Writes an object, or with no text deletes it.
    fn put(&self, key: &str, text: Option<&str>) {
        let of = |name: &str| self.environment[name].as_str();
        let user = format!(
            "{}:{}",
            of("AWS_ACCESS_KEY_ID"),
            of("AWS_SECRET_ACCESS_KEY")
        );
        let url = format!("{}/test/{key}", of("AWS_ENDPOINT_URL"));
        let mut curl = Command::new("curl");
        curl.args(["-sf", "--aws-sigv4", "aws:amz:us-east-1:s3", "-u", &user])
            .args(["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]);
        match text {
            Some(text) => curl.args(["-X", "PUT", "--data-binary", text, &url]),
            None => curl.args(["-X", "DELETE", &url]),
        };
        let ended = curl.output().unwrap();
        assert!(ended.status.success(), "{key}: {ended:?}");
    }

    /// Runs `sunward` with the server's environment, changed in some variables.
    fn sunward(&self, scene: &Scene, args: &[&str], changes: &[(&str, &str)]) -> Told {
        let mut command = scene.command(args);
        let own = self.environment.iter();
        command.envs(own.filter(|(name, _)| name.starts_with("AWS_")));
        command.env("NO_PROXY", "127.0.0.1");
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
            command.env(name, format!("http://{}", self.relay));
        }
        command.envs(changes.iter().copied());
        Told::of(&command.output().unwrap())
    }

    /// The requests since the last call: `LIST`, or the method and the key.
    fn asked(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.requests.lock().unwrap());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = text.lines().filter(|line| line.ends_with(" HTTP/1.1"));
        let mut asked: Vec<String> = lines
            .map(|line| {
                let mut words = line.split(' ');
                let (method, target) = (words.next().unwrap(), words.next().unwrap());
                match target.contains("list-type") {
                    true => "LIST".to_owned(),
                    false => format!("{method} {}", target.trim_start_matches("/test/")),
                }
            })
            .collect();
        asked.sort();
        asked
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let down = self.services.join("s3-down");
        let _ = Command::new(down)
            .env("SERVICES_DIR", self.folder.path())
            .output();
    }
}

/// Passes connections on to a server, and keeps what clients send. Returns its address.
fn relay(real: String, sent: Arc<Mutex<Vec<u8>>>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&real) else {
                continue;
            };
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let sent = Arc::clone(&sent);
            std::thread::spawn(move || pass(from, to, |bytes| sent.lock().unwrap().extend(bytes)));
            std::thread::spawn(move || pass(server, client, |_| {}));
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: TcpStream, keep: impl Fn(&[u8])) {
    let mut buffer = [0; 1 << 14];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        keep(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

const ONE_EACH: &str = r#"name: each
stages:
  up:
    inputs: { m: { from: "s3://test/in/", match: "{var}_{year}.txt" } }
    scatter: { over: m }
    run: |
      test "$(basename ${{ inputs.m }})" = ${{ item.name }}
      echo "${{ item.folder }} ${{ item.bytes }}" | cat ${{ inputs.m }} - > ${{ outputs.o }}
    outputs: { o: { format: file, name: "${{ item.year }}.up" } }
  all:
    inputs: { o: up.o }
    run: cat ${{ inputs.o.files }} > ${{ outputs.all }}
    outputs: { all: { format: file, ext: txt } }
outputs: { all: all.all }
"#;

#[test]
fn objects_of_a_bucket_are_files() {
    let Some(server) = Server::start() else {
        return;
    };
    only_what_is_new_is_fetched(&server);
    rows_of_objects_are_a_table(&server);
    what_is_wrong_is_told(&server);
}

fn only_what_is_new_is_fetched(server: &Server) {
    let scene = Scene::with(ONE_EACH);
    for (key, text) in [
        ("in/t_2007.txt", "seven\n"),
        ("in/t_2008.txt", "eight\n"),
        ("in/.hidden", "no"),
        ("in/deeper/t_2000.txt", "no"),
    ] {
        server.put(key, Some(text));
    }
    let plan = |scene: &Scene| {
        let told = server.sunward(scene, &["plan", "workflow.yaml", "--json"], &[]);
        let plan = told.expect(0).json();
        let stage = &plan["stages"][0];
        let count = |of: &str| stage[of].as_u64();
        (count("tasks"), count("from_cache"), server.asked())
    };
    let list = || vec!["LIST".to_owned()];
    assert_eq!(
        plan(&scene),
        (Some(2), Some(0), list()),
        "a plan fetches nothing"
    );
    assert!(!scene.path().join(".sunward").exists());
    let run = |scene: &Scene| {
        let args = ["run", "workflow.yaml", "--json", "--out", "out"];
        let told = server.sunward(scene, &args, &[]);
        let run = told.expect(0).json();
        (run["stages"]["up"]["ran"].as_u64(), server.asked())
    };
    let got = |keys: &[&str]| {
        let mut all: Vec<String> = keys.iter().map(|key| format!("GET in/{key}")).collect();
        all.extend(list());
        all
    };
    assert_eq!(run(&scene), (Some(2), got(&["t_2007.txt", "t_2008.txt"])));
    assert_eq!(
        scene.text("out/all.txt"),
        "seven\ns3://test/in 6\neight\ns3://test/in 6\n"
    );
    assert_eq!(plan(&scene), (Some(2), Some(2), list()));
    assert_eq!(run(&scene), (Some(0), list()));
    // A changed object and a new one.
    server.put("in/t_2008.txt", Some("EIGHT\n"));
    server.put("in/t_2009.txt", Some("nine\n"));
    assert_eq!(plan(&scene), (Some(3), Some(1), list()));
    assert_eq!(run(&scene), (Some(2), got(&["t_2008.txt", "t_2009.txt"])));
    server.put("in/t_2009.txt", None);
    assert_eq!(run(&scene), (Some(0), list()));
    assert_eq!(
        scene.text("out/all.txt"),
        "seven\ns3://test/in 6\nEIGHT\ns3://test/in 6\n"
    );
}

fn rows_of_objects_are_a_table(server: &Server) {
    for (key, text) in [
        ("t/a.csv", "x\n1\n2\n"),
        ("t/b.csv", "x\n3\n"),
        ("t/b.txt", "y"),
    ] {
        server.put(key, Some(text));
    }
    let scene = Scene::with(
        r#"name: t
params: { more: { type: files } }
stages:
  sum:
    inputs: { t: { from: "s3://test/t/*.csv", as: csv } }
    run: awk 'NR > 1 { s += $1 } END { print s }' ${{ inputs.t }} > ${{ outputs.s }}
    outputs: { s: { format: file, ext: txt } }
  names:
    inputs: { m: params.more, one: s3://test/t/b.txt }
    run: ls ${{ inputs.m }} > ${{ outputs.n }}; cat ${{ inputs.one }} >> ${{ outputs.n }}
    outputs: { n: { format: file, ext: txt } }
outputs: { s: sum.s, n: names.n }
"#,
    );
    scene.file("here.txt", "");
    let more = "more=[s3://test/in/t_*.txt, here.txt]";
    let args = ["run", "workflow.yaml", "--out", "out", "-p", more];
    server.sunward(&scene, &args, &[]).expect(0);
    assert_eq!(scene.text("out/s.txt"), "6\n");
    assert_eq!(
        scene.text("out/n.txt"),
        "here.txt\nt_2007.txt\nt_2008.txt\ny"
    );
}

/// A source, differences of the environment, and what is told.
type Wrong = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

fn what_is_wrong_is_told(server: &Server) {
    let over = |source: &str| {
        format!(
            "name: w\nstages:\n  s:\n    inputs: {{ m: {source} }}\n    run: ls ${{{{ inputs.m }}}} > ${{{{ outputs.o }}}}\n    outputs: {{ o: {{ format: file, ext: txt }} }}\n"
        )
    };
    server.put("deep/er/x.txt", Some("x"));
    let wrong: [Wrong; 8] = [
        ("s3://nosuchbucket/x/", &[], "there is no such bucket"),
        (
            "s3://test/none/",
            &[],
            "no object is named by s3://test/none/",
        ),
        ("\"s3://test/in/*.nc\"", &[], "write `optional: true`"),
        ("s3://test/deep/", &[], "write s3://test/deep/**"),
        (
            "s3://test/in/t_1.txt",
            &[],
            "there is no object s3://test/in/t_1.txt",
        ),
        (
            "s3://test/in/",
            &[("AWS_SECRET_ACCESS_KEY", "wrong")],
            "access was refused",
        ),
        (
            "{ from: \"s3://test/in/*_2007.txt\", match: \"{a}-{b}.txt\" }",
            &[],
            "t_2007.txt",
        ),
        ("s3://bad bucket/x/", &[], "not valid"),
    ];
    for (source, changes, says) in wrong {
        let scene = Scene::with(&over(source));
        for verb in ["plan", "run"] {
            let told = server.sunward(&scene, &[verb, "workflow.yaml"], changes);
            assert_ne!(told.code, 0, "{source}");
            let text = format!("{}{}", told.out, told.err);
            assert!(text.contains(says), "{verb} {source}: {text}");
        }
    }
    let scene = Scene::with(&over("{ from: s3://test/none/, optional: true }"));
    server
        .sunward(&scene, &["run", "workflow.yaml"], &[])
        .expect(0);
    for other in ["gs://b/p/", "https://x.org/p/"] {
        let scene = Scene::with(&over(other));
        let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
        assert!(told.out.contains("not fetched"), "{told:?}");
    }
}
