//! The workflow's own parameters.

use indexmap::IndexMap;

use super::context::Context;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Param, ParamType};
use crate::source::Span;
use crate::yaml::{Entry, Node};

/// Lowers all parameters and checks their defaults against their bounds.
pub(super) fn lower(node: Option<&Node>, context: &mut Context<'_>) -> IndexMap<String, Param> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), param(entry, context)?)))
        .collect()
}

/// The type with this name.
pub(super) fn type_of(word: &str) -> Option<ParamType> {
    Some(match word {
        "string" => ParamType::String,
        "int" => ParamType::Int,
        "float" => ParamType::Float,
        "bool" => ParamType::Bool,
        "path" => ParamType::Path,
        "table" => ParamType::Table,
        "files" => ParamType::Files,
        "list" => ParamType::List,
        "choice" => ParamType::Choice,
        _ => return None,
    })
}

fn param(entry: &Entry, context: &mut Context<'_>) -> Option<Param> {
    let node = &entry.value;
    let kind = node.get("type").and_then(Node::text).and_then(type_of);
    let choices = node.get("choices").map(Node::items).unwrap_or_default();
    let mut param = Param {
        // A parameter with a wrong type still exists, so that references to it are not reported as
        // mistakes.
        kind: kind.unwrap_or(ParamType::String),
        default: None,
        min: node.get("min").and_then(Node::number),
        max: node.get("max").and_then(Node::number),
        choices: choices.iter().map(Node::value).collect(),
        description: node
            .get("description")
            .and_then(Node::text)
            .unwrap_or_default()
            .to_owned(),
        span: entry.key_span,
    };
    if kind.is_none() {
        return Some(param);
    }
    bounds(entry, &param, context);
    let nothing_to_choose = param.kind == ParamType::Choice && param.choices.is_empty();
    if let Some(default) = node.get("default").filter(|_| !nothing_to_choose) {
        match param.fit(&default.value()) {
            Ok(value) => param.default = Some(value),
            Err(why) => {
                let message = format!("the default of `{}` does not fit: {why}", entry.key);
                context.report(
                    Diagnostic::error(codes::BAD_DEFAULT, default.span, message)
                        .expecting(param.kind.expected()),
                );
            }
        }
    }
    Some(param)
}

fn bounds(entry: &Entry, param: &Param, context: &mut Context<'_>) {
    let node = &entry.value;
    let numeric = matches!(param.kind, ParamType::Int | ParamType::Float);
    let mut report = |span: Span, message: String, expected: &str| {
        context.report(Diagnostic::error(codes::BAD_BOUNDS, span, message).expecting(expected));
    };
    for key in ["min", "max"] {
        if let Some(bound) = node.entry(key).filter(|_| !numeric) {
            let message = format!("`{key}` does not apply to type {}", param.kind.name());
            report(
                bound.key_span,
                message,
                "`min` and `max` only with `type: int` or `type: float`",
            );
        }
    }
    if let (Some(min), Some(max), Some(place)) = (param.min, param.max, node.get("min"))
        && min > max
    {
        let message = format!("`min` {min} is above `max` {max}");
        report(
            place.span,
            message,
            "a minimum that is not above the maximum",
        );
    }
    match (node.entry("choices"), param.kind) {
        (None, ParamType::Choice) => {
            let message = format!("the choice `{}` has no choices", entry.key);
            report(entry.key_span, message, "`choices: [first, second]`");
        }
        (Some(choices), ParamType::Choice) if choices.value.items().is_empty() => {
            let message = "the choice has no values".to_owned();
            report(choices.value.span, message, "at least one choice");
        }
        (Some(choices), kind) if kind != ParamType::Choice => {
            let message = format!("`choices` does not apply to type {}", kind.name());
            report(choices.key_span, message, "`type: choice`");
        }
        _ => {}
    }
}
