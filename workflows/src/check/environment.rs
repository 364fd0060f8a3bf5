//! Lowers and checks the environment of a command: its container, its modules and its setup.

use super::context::Context;
use super::defaults::ENVIRONMENTS;
use super::file::File;
use super::place;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::facts::FileFact;
use crate::model::{Container, Image};
use crate::names::one_of;
use crate::source::Span;
use crate::yaml::{Data, Node};

/// Lowers `container:`, and reports another environment beside it.
pub(super) fn container(
    stage: &Node,
    file: &File<'_>,
    context: &mut Context<'_>,
) -> Option<Container> {
    clashes(stage, context);
    let node = stage.get("container")?;
    let image = match &node.data {
        Data::Map(_) => node.get("image")?,
        Data::Scalar(_) | Data::List(_) => node,
    };
    let mounts = place::words(node, "mounts");
    for item in node.get("mounts").map(Node::items).unwrap_or_default() {
        if let Some(mount) = item.text() {
            mount_is_absolute(mount, item.span, context);
        }
    }
    let text = image.text()?;
    match Image::parse(text) {
        Ok(image_of_text) => {
            file_exists(&image_of_text, image.span, file, context);
            Some(Container {
                image: image_of_text,
                mounts,
                span: image.span,
            })
        }
        Err(why) => {
            let message = format!("`{text}` is not an image: {why}");
            context.report(
                bad(image.span, message).expecting(
                    "NAME:TAG or NAME@sha256:… of a registry, ./FILE.sif, or ./FILE.tar; images are the same for all tasks, so they take no values",
                ),
            );
            None
        }
    }
}

fn clashes(stage: &Node, context: &mut Context<'_>) {
    let mut present = stage
        .entries()
        .iter()
        .filter(|entry| ENVIRONMENTS.contains(&entry.key.as_str()));
    let Some(first) = present.next() else { return };
    for entry in present {
        let message = format!("the stage has `{}` and `{}`", first.key, entry.key);
        context.report(
            Diagnostic::error(codes::ENVIRONMENTS_CLASH, entry.key_span, message).expecting(
                format!("at most one of {}", one_of(ENVIRONMENTS.iter().copied())),
            ),
        );
    }
}

fn mount_is_absolute(mount: &str, span: Span, context: &mut Context<'_>) {
    let odd = mount.split('/').any(|step| step == "..") || mount.contains(['\0', ',', '"', '\n']);
    if !mount.starts_with('/') || odd {
        let message = format!("`{mount}` cannot be mounted");
        context.report(bad(span, message).expecting(
            "an absolute path without `..`, commas and quotes, such as /data/reference",
        ));
    }
}

fn file_exists(image: &Image, span: Span, file: &File<'_>, context: &mut Context<'_>) {
    let Some(path) = image.file() else { return };
    match context.facts.files.get(&file.path(path)) {
        Some(FileFact::Missing) => {
            let diagnostic = super::files::missing(path, span, context);
            context.report(diagnostic);
        }
        Some(FileFact::Folder) => {
            let message = format!("{path} is a folder");
            context.report(
                bad(span, message)
                    .expecting("a file made by `podman save`, `docker save` or `apptainer build`"),
            );
        }
        _ => {}
    }
}

/// Lowers `modules:`.
pub(super) fn modules(stage: &Node, context: &mut Context<'_>) -> Vec<String> {
    let Some(node) = stage.get("modules") else {
        return Vec::new();
    };
    for item in node.items() {
        let Some(name) = item.text() else { continue };
        let letter = |c: char| c.is_alphanumeric() || "/._+-=:@".contains(c);
        let begins = name.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if !begins || !name.chars().all(letter) {
            let message = format!("`{name}` is not the name of a module");
            context.report(
                bad(item.span, message).expecting(
                    "a name and perhaps a version, such as cdo/2.1; other commands of `module` go into `setup`",
                ),
            );
        }
    }
    place::words(stage, "modules")
}

/// Lowers `setup:`.
pub(super) fn setup(stage: &Node, context: &mut Context<'_>) -> Option<String> {
    let node = stage.get("setup")?;
    let text = node.text()?;
    if text.contains("${{") {
        context.report(
            bad(node.span, "`setup` takes no values".to_owned())
                .expecting("lines that are the same for all tasks")
                .suggesting("put the value into `env:`, and read that variable: \"$NAME\""),
        );
    }
    (!text.trim().is_empty()).then(|| text.to_owned())
}

fn bad(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(codes::BAD_ENVIRONMENT, span, message)
}
