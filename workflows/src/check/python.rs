//! Lowers `python:`: the packages that are written, and those of files of requirements.

use std::collections::BTreeSet;

use super::context::Context;
use super::file::File;
use super::place::words;
use super::reference::is_path;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::Python;
use crate::requirements::{included_path, read_requirements};
use crate::source::Span;
use crate::yaml::Node;

/// Lowers the Python environment of a stage.
pub(super) fn lower(stage: &Node, file: &File<'_>, context: &mut Context<'_>) -> Option<Python> {
    let node = stage.get("python")?;
    let mut packages = words(node, "packages");
    for item in node
        .get("requirements")
        .map(Node::items)
        .unwrap_or_default()
    {
        let Some(path) = item.text() else { continue };
        let mut reader = Reader {
            span: item.span,
            seen: BTreeSet::new(),
            packages: &mut packages,
        };
        if let Err(why) = reader.add(&file.path(path), path, context) {
            context.report(why);
        }
    }
    Some(Python {
        version: node
            .get("version")
            .and_then(|version| version.written(context.text)),
        packages,
        lock: node.get("lock").and_then(Node::text).map(str::to_owned),
    })
}

/// Reads a file of requirements and those that it includes.
struct Reader<'r> {
    /// Where the file is named.
    span: Span,
    /// Files that are read, by path.
    seen: BTreeSet<String>,
    packages: &'r mut Vec<String>,
}

impl Reader<'_> {
    /// Adds the packages of a file. Messages call it as it is written.
    fn add(&mut self, path: &str, written: &str, context: &Context<'_>) -> Result<(), Diagnostic> {
        if !is_path(path) {
            let found = self.unusable(format!("`{written}` is not a path"));
            return Err(found.suggesting(format!("write `./{written}`")));
        }
        // Files that include each other are read once.
        if !self.seen.insert(path.to_owned()) {
            return Ok(());
        }
        let text = match context.facts.texts.get(path) {
            Some(Ok(text)) => text,
            Some(Err(why)) => return Err(self.unusable(format!("{written} cannot be read: {why}"))),
            None => return Err(self.unusable(format!("{written} was not read"))),
        };
        let found = read_requirements(path, text)
            .map_err(|why| self.unusable(format!("{written}: {why}")))?;
        self.packages.extend(found.packages);
        for included in found.includes {
            self.add(&included_path(path, &included), &included, context)?;
        }
        Ok(())
    }

    fn unusable(&self, message: String) -> Diagnostic {
        Diagnostic::error(codes::BAD_ENVIRONMENT, self.span, message)
            .expecting("a requirements.txt or a pyproject.toml, such as ./requirements.txt")
    }
}
