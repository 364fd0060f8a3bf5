//! The system's C++ compiler.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

use super::super::cache::{Cache, Key};
use super::super::{CompileError, DeviceError, Source};

/// The header that makes CUDA C++ valid C++.
const HEADER: &str = include_str!("../../../cuda/host/cuda_on_cpu.h");
/// Compilers that are tried in this order, unless `CXX` names one.
const NAMES: &[&str] = &["c++", "g++", "clang++"];
/// Results must be as written in the source: no fused multiply-add where it has none.
const OPTIONS: &[&str] = &[
    "-x",
    "c++",
    "-std=c++17",
    "-O2",
    "-w",
    "-fPIC",
    "-shared",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
];

/// A compiler that works.
#[derive(Debug)]
pub(super) struct Compiler {
    program: OsString,
    pub(super) version: String,
}

impl Compiler {
    pub(super) fn find() -> Result<Self, DeviceError> {
        let own = std::env::var_os("CXX").filter(|name| !name.is_empty());
        own.into_iter()
            .chain(NAMES.iter().map(OsString::from))
            .find_map(Self::ask)
            .ok_or_else(|| {
                no_compiler("none of c++, g++ and clang++ works; install one, or set CXX")
            })
    }

    fn ask(program: OsString) -> Option<Self> {
        let output = Command::new(&program).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next()?.trim().to_owned();
        output.status.success().then_some(Self { program, version })
    }

    /// The cache key of the compiled text.
    pub(super) fn key(&self, text: &str) -> Key {
        let machine = std::env::consts::ARCH;
        let options = OPTIONS.join(" ");
        let parts = [&self.version, machine, &options, HEADER, text];
        Key::of(&parts.map(str::as_bytes))
    }

    /// Compiles to a shared library.
    pub(super) fn compile(
        &self,
        source: &Source,
        text: &str,
        cache: &Cache,
        to: &Path,
    ) -> Result<(), DeviceError> {
        let folder = cache.workplace()?;
        cache.write(&folder.path().join("cuda_on_cpu.h"), HEADER.as_bytes())?;
        let input = folder.path().join("source.cu");
        cache.write(&input, text.as_bytes())?;
        let Output { status, stderr, .. } = Command::new(&self.program)
            .args(OPTIONS)
            .arg("-I")
            .arg(folder.path())
            .arg(&input)
            .arg("-o")
            .arg(to)
            .env("LC_ALL", "C")
            .output()
            .map_err(|error| no_compiler(&format!("{} ({error})", self.version)))?;
        if status.success() {
            return Ok(());
        }
        let log = String::from_utf8_lossy(&stderr);
        let error = CompileError::from_log(source, &log);
        // The user's text compiles, but the line after it that names a kernel does not.
        match (error.line, source.not_exported(&log)) {
            (None, Some(kernel)) => Err(DeviceError::NoFunction {
                file: source.file().to_owned(),
                kernel: kernel.to_owned(),
            }),
            _ => Err(error.into()),
        }
    }
}

fn no_compiler(reason: &str) -> DeviceError {
    DeviceError::NoCompiler {
        device: "this CPU in place of a GPU".to_owned(),
        reason: reason.to_owned(),
    }
}
