//! `cargo xtask test`: all checks that must pass before a change is merged.

use anyhow::Result;

use crate::bucket::Bucket;
use crate::shell::{has, root, run, say};
use crate::{book, fuzz, notebook, nvrtc, tidy};

/// Runs every check, the quickest first, and stops at the first failure. The tests and the README's
/// command share the release profile, so that one build serves both.
pub(crate) fn test(quick: bool) -> Result<()> {
    run("cargo", &["fmt", "--all", "--check"], &[])?;
    tidy::run()?;
    if !quick {
        run(
            "cargo",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        )?;
        run(
            "cargo",
            &["doc", "--workspace", "--no-deps", "--quiet"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        )?;
        dependencies()?;
    }
    run("cargo", &["build", "--release"], &[])?;
    examples()?;
    book::write(&root().join("target/book"))?;
    if !quick {
        fuzz::briefly()?;
        match notebook::installed() {
            Ok(python) => notebook::tests(&python)?,
            Err(error) => say(&format!("NOT RUN: tests of the Python package: {error:#}")),
        }
    }
    tests()
}

/// The examples whose tests need nothing from outside, each with its own tests.
const EXAMPLES: &[&str] = &[
    "bring-your-own",
    "clean-hours",
    "nao-index",
    "own-cuda",
    "pose-rescoring",
    "similarity-screen",
];

/// Runs the tests of the examples as a user would.
fn examples() -> Result<()> {
    for name in EXAMPLES {
        let workflow = format!("examples/{name}/workflow.yaml");
        run("target/release/sunward", &["test", &workflow], &[])?;
    }
    Ok(())
}

/// Checks licenses, bans and sources, if `cargo deny` is available or can be installed.
fn dependencies() -> Result<()> {
    if !has("cargo", &["deny", "--version"]) {
        say("cargo-deny is not installed: installing it, which takes some minutes");
        run(
            "cargo",
            &["install", "--locked", "--quiet", "cargo-deny"],
            &[],
        )?;
    }
    run(
        "cargo",
        &["deny", "check", "bans", "licenses", "sources"],
        &[],
    )
}

/// Runs all tests, with nextest if it is available. Its summary is printed last.
fn tests() -> Result<()> {
    let bucket = Bucket::start()
        .inspect_err(|error| say(&format!("NOT RUN: tests against S3: {error:#}")))
        .ok();
    let environment = bucket.as_ref().map(Bucket::environment).unwrap_or_default();
    let nvrtc = nvrtc::environment()
        .inspect_err(|error| say(&format!("NOT RUN: CUDA sources through NVRTC: {error:#}")))
        .ok();
    let environment: Vec<_> = environment.into_iter().chain(nvrtc).collect();
    let env: Vec<(&str, &str)> = environment.iter().map(|(k, v)| (*k, v.as_str())).collect();
    if has("cargo", &["nextest", "--version"]) {
        run(
            "cargo",
            &[
                "nextest",
                "run",
                "--release",
                "--workspace",
                "--no-fail-fast",
                "--final-status-level",
                "slow",
            ],
            &env,
        )
    } else {
        say("cargo-nextest is not installed: using cargo test, which is slower");
        run(
            "cargo",
            &["test", "--release", "--workspace", "--no-fail-fast"],
            &env,
        )
    }
}
