//! Conda environments in files: `environment.yml`, which says what is wanted, and `pixi.lock`, which
//! lists exact packages.
//!
//! What such a file says becomes words of a command, so every name, version and address is checked
//! here ([`spec`], [`channel`]).

mod channel;
mod environment;
mod pixi;
mod spec;

use serde::{Deserialize, Serialize};

pub use channel::check_package_address;
pub use pixi::CondaLock;
pub use spec::check_conda_package;

use crate::source::Lines;
use crate::yaml::{self, Node};

/// What a file of a conda environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CondaFile {
    /// An `environment.yml`.
    Wanted(CondaWanted),
    /// A `pixi.lock`.
    Locked(CondaLock),
}

/// What an `environment.yml` asks for, which does not depend on how it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CondaWanted {
    /// Names or addresses of channels, the preferred one first.
    pub channels: Vec<String>,
    /// Match specifications of packages, sorted.
    pub packages: Vec<String>,
}

/// One exact package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CondaPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its build, for example `py311h64a7726_0`.
    pub build: String,
    /// Where its archive is.
    pub url: String,
    /// The SHA-256 of its archive, in hex.
    pub sha256: String,
}

/// Files of other tools, by the end of their names, and what to do instead.
const OTHERS: [(&str, &str); 6] = [
    ("pixi.toml", "name its pixi.lock, which `pixi lock` writes"),
    (
        "pyproject.toml",
        "name its pixi.lock, or write `python: { requirements: ./pyproject.toml }`",
    ),
    (
        "conda-lock.yml",
        "name the environment.yml that it was made of, or a pixi.lock",
    ),
    (
        "requirements.txt",
        "write `python: { requirements: ./requirements.txt }`",
    ),
    ("meta.yaml", "it is a recipe; write an environment.yml"),
    (
        ".txt",
        "name the environment.yml that it was made of, or a pixi.lock",
    ),
];

/// Reads a file of a conda environment: a lock by its name, and an `environment.yml` otherwise.
///
/// # Errors
/// Says which line cannot be used, and why.
pub fn read_conda(path: &str, text: &str) -> Result<CondaFile, String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some((_, instead)) = OTHERS.iter().find(|(end, _)| name.ends_with(end)) {
        return Err(format!(
            "{name} is neither an environment.yml nor a pixi.lock; {instead}"
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    let root = yaml::read(text, &mut found);
    let lines = Lines::new(text);
    if let Some(first) = found.first() {
        let (line, _) = lines.line_column(first.span.start);
        return Err(format!("line {line}: {}", first.message));
    }
    let file = Source {
        root: root.ok_or_else(|| "it is empty".to_owned())?,
        text,
        lines,
    };
    match name.ends_with(".lock") {
        true => pixi::read(&file).map(CondaFile::Locked),
        false => environment::read(&file).map(CondaFile::Wanted),
    }
}

/// A file that was parsed.
struct Source<'t> {
    root: Node,
    text: &'t str,
    lines: Lines<'t>,
}

impl Source<'_> {
    /// A message with the line of a node.
    fn at(&self, node: &Node, why: impl std::fmt::Display) -> String {
        self.on(node.span.start, why)
    }

    /// A message with the line of a byte.
    fn on(&self, byte: u32, why: impl std::fmt::Display) -> String {
        let (line, _) = self.lines.line_column(byte);
        format!("line {line}: {why}")
    }
}
