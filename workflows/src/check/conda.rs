//! Lowers `conda:`, and reads its file to tell what is wrong with it.

use super::context::Context;
use super::file::File;
use super::reference::is_path;
use crate::codes;
use crate::conda::{CondaFile, read_conda};
use crate::diagnostic::Diagnostic;
use crate::facts::FileFact;
use crate::model::Conda;
use crate::source::Span;
use crate::yaml::{Data, Node};

/// The environment of a `pixi.lock` that a stage gets if it names none.
const DEFAULT: &str = "default";

/// Lowers the conda environment of a stage.
pub(super) fn lower(stage: &Node, file: &File<'_>, context: &mut Context<'_>) -> Option<Conda> {
    let node = stage.get("conda")?;
    let named = match &node.data {
        Data::Map(_) => node.get("file")?,
        Data::Scalar(_) | Data::List(_) => node,
    };
    let environment = node.get("environment").filter(|one| one.text().is_some());
    let path = named.text()?;
    let conda = Conda {
        file: path.to_owned(),
        environment: environment
            .and_then(Node::text)
            .unwrap_or(DEFAULT)
            .to_owned(),
        span: named.span,
    };
    if let Err(why) = read(&conda, environment, file, context) {
        context.report(why);
    }
    Some(conda)
}

fn read(
    conda: &Conda,
    environment: Option<&Node>,
    file: &File<'_>,
    context: &Context<'_>,
) -> Result<(), Diagnostic> {
    let path = &conda.file;
    let unusable = |message: String| unusable(conda.span, message);
    if path.contains("${{") {
        return Err(unusable(format!(
            "`{path}` is not a path: environments are the same for all tasks, so they take no values"
        )));
    }
    let place = file.path(path);
    if !is_path(&place) {
        return Err(
            unusable(format!("`{path}` is not a path")).suggesting(format!("write `./{path}`"))
        );
    }
    if context.facts.files.get(&place) == Some(&FileFact::Folder) {
        return Err(unusable(format!("{path} is a folder")));
    }
    let text = match context.facts.texts.get(&place) {
        Some(Ok(text)) => text,
        Some(Err(why)) => return Err(unusable(format!("{path} cannot be read: {why}"))),
        None => return Err(unusable(format!("{path} was not read"))),
    };
    match read_conda(path, text).map_err(|why| unusable(format!("{path}: {why}")))? {
        CondaFile::Locked(lock) => {
            let span = environment.map_or(conda.span, |node| node.span);
            let has = lock.has(&conda.environment);
            has.map_err(|why| self::unusable(span, format!("{path}: {why}")))
        }
        CondaFile::Wanted(_) => match environment {
            Some(node) => Err(self::unusable(
                node.span,
                format!("{path} is one environment, and only a pixi.lock has several"),
            )
            .suggesting("leave out `environment`")),
            None => Ok(()),
        },
    }
}

fn unusable(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(codes::BAD_ENVIRONMENT, span, message)
        .expecting("an environment.yml or a pixi.lock, such as ./environment.yml")
}
