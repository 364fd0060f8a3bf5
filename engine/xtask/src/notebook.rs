//! Tests the Python package: its wheel is built and installed, and drives the built program.

use anyhow::{Context, Result};

use crate::shell;

/// The package's folder.
const PACKAGE: &str = "engine/python";

/// Installs what the tests need, from PyPI (once, into the target folder). Returns the interpreter.
///
/// # Errors
/// Fails if it cannot be installed, for example without a network.
pub(crate) fn installed() -> Result<String> {
    let venv = shell::root().join("target/python");
    let bin = |name: &str| venv.join("bin").join(name).display().to_string();
    if !venv.join("bin/pytest").exists() {
        shell::run("python3", &["-m", "venv", &venv.display().to_string()], &[])?;
        let needed = format!("./{PACKAGE}[test]");
        shell::run(&bin("pip"), &["install", "--quiet", &needed], &[])?;
    }
    Ok(bin("python"))
}

/// Builds and installs the wheel, and runs the package's tests against the release build.
///
/// # Errors
/// Fails if a test fails.
pub(crate) fn tests(python: &str) -> Result<()> {
    let root = shell::root();
    let scratch = tempfile::tempdir().context("a folder for the package")?;
    // Building a wheel leaves files beside its sources.
    let copy = scratch.path().join("package").display().to_string();
    shell::run("cp", &["-r", PACKAGE, &copy], &[])?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--force-reinstall",
        "--no-deps",
        &copy,
    ];
    shell::run(python, &install, &[])?;
    let program = root.join("target/release/sunward").display().to_string();
    let book = root.join("workflows/book").display().to_string();
    let environment = [
        ("SUNWARD", program.as_str()),
        ("SUNWARD_BOOK", book.as_str()),
    ];
    let tests = format!("{copy}/tests");
    let pytest = [
        "-P",
        "-m",
        "pytest",
        "--quiet",
        "-p",
        "no:cacheprovider",
        &tests,
    ];
    shell::run(python, &pytest, &environment)
}
