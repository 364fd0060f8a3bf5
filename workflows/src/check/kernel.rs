//! Checks kernel stages against the catalog: name, ports, parameters.

use indexmap::IndexMap;

use super::context::Context;
use super::draft::{Draft, DraftStage};
use crate::bind::Bounds;
use crate::catalog::{KernelEntry, ParamSpec};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::expr::{CompiledTemplate, has_expression};
use crate::model::{Action, Param, ParamType};
use crate::names::one_of;
use crate::value::Value;
use crate::yaml::{Data, Entry, Node};

/// Checks every kernel stage.
pub(super) fn check(draft: &Draft<'_>, context: &mut Context<'_>) {
    let catalog = context.catalog;
    for stage in draft.stages.values() {
        let Action::Kernel { name, .. } = &stage.stage.action else {
            continue;
        };
        match catalog.kernels.get(name) {
            Some(kernel) => {
                ports(stage, kernel, context);
                params(stage, kernel, draft, context);
            }
            None => {
                let span = stage
                    .node
                    .get("kernel")
                    .map(|node| node.span)
                    .unwrap_or_default();
                let known = || catalog.kernels.keys().map(String::as_str);
                context.report(
                    Diagnostic::error(
                        codes::UNKNOWN_KERNEL,
                        span,
                        format!("there is no kernel `{name}`"),
                    )
                    .expecting(one_of(known()))
                    .nearest(name, known()),
                );
            }
        }
    }
}

fn ports(stage: &DraftStage<'_>, kernel: &KernelEntry, context: &mut Context<'_>) {
    let known = || kernel.inputs.iter().map(|port| port.name.as_str());
    let node = stage.node.get("inputs");
    for entry in node.map(Node::entries).unwrap_or_default() {
        if !known().any(|name| name == entry.key) {
            let message = format!("the kernel `{}` has no input `{}`", kernel.name, entry.key);
            context.report(
                Diagnostic::error(codes::UNKNOWN_KERNEL_PORT, entry.key_span, message)
                    .expecting(one_of(known()))
                    .nearest(&entry.key, known()),
            );
        } else if let Some(form) = entry.value.entry("as") {
            let message = "`as` does not apply to a kernel, which always gets Arrow";
            context.report(Diagnostic::error(
                codes::OUT_OF_PLACE,
                form.key_span,
                message,
            ));
        }
    }
    for port in kernel.inputs.iter().filter(|port| !port.optional) {
        if !stage.stage.inputs.contains_key(&port.name) {
            let span = stage
                .node
                .get("kernel")
                .map(|node| node.span)
                .unwrap_or_default();
            let message = format!(
                "the kernel `{}` needs the input `{}`",
                kernel.name, port.name
            );
            context.report(
                Diagnostic::error(codes::MISSING_KERNEL_PORT, span, message)
                    .expecting(format!("`inputs: {{ {}: … }}`: {}", port.name, port.doc)),
            );
        }
    }
}

fn params(
    stage: &DraftStage<'_>,
    kernel: &KernelEntry,
    draft: &Draft<'_>,
    context: &mut Context<'_>,
) {
    let known = || kernel.params.iter().map(|param| param.name.as_str());
    let with = stage.node.get("with");
    for entry in with.map(Node::entries).unwrap_or_default() {
        match kernel.params.iter().find(|param| param.name == entry.key) {
            Some(spec) => {
                if let Err(why) =
                    value_fits(entry, spec, draft.workflow.params_of(&stage.stage.name))
                {
                    let message = format!("`{}` of the kernel `{}`: {why}", spec.name, kernel.name);
                    context.report(
                        Diagnostic::error(codes::BAD_KERNEL_PARAM, entry.value.span, message)
                            .expecting(describe(spec)),
                    );
                }
            }
            None => {
                let message = format!(
                    "the kernel `{}` has no parameter `{}`",
                    kernel.name, entry.key
                );
                context.report(
                    Diagnostic::error(codes::UNKNOWN_KERNEL_PARAM, entry.key_span, message)
                        .expecting(one_of(known()))
                        .nearest(&entry.key, known()),
                );
            }
        }
    }
    for spec in kernel.params.iter().filter(|spec| spec.default.is_none()) {
        if !stage.stage.with.contains_key(&spec.name) {
            let span = stage
                .node
                .get("kernel")
                .map(|node| node.span)
                .unwrap_or_default();
            let message = format!("the kernel `{}` needs `{}`", kernel.name, spec.name);
            context.report(
                Diagnostic::error(codes::MISSING_KERNEL_PARAM, span, message).expecting(format!(
                    "`with: {{ {}: … }}`, {}",
                    spec.name,
                    describe(spec)
                )),
            );
        }
    }
}

fn describe(spec: &ParamSpec) -> String {
    let mut text = match spec.kind {
        ParamType::Choice => one_of(spec.choices.iter().map(String::as_str)),
        kind => kind.expected().to_owned(),
    };
    if let Some(min) = spec.min {
        text.push_str(&format!(", at least {min}"));
    }
    if let Some(max) = spec.max {
        text.push_str(&format!(", at most {max}"));
    }
    text
}

/// Checks a parameter: constants by value, a single `${{ params.p }}` by the parameter's type and
/// default. Other expressions are checked when they run.
fn value_fits(
    entry: &Entry,
    spec: &ParamSpec,
    params: &IndexMap<String, Param>,
) -> Result<(), String> {
    if !computes(&entry.value) {
        return fits(&entry.value.value().plain(), spec);
    }
    let Some(text) = entry.value.text() else {
        return match (&entry.value.data, spec.kind) {
            (Data::List(_), ParamType::List) => Ok(()),
            (Data::Map(_), _) => Err("a map is not a valid value".to_owned()),
            _ => Err("a list is not a valid value".to_owned()),
        };
    };
    let default = match param_given(text, spec.kind, params)? {
        Some((name, param)) => param.default.as_ref().map(|default| (name, default)),
        None => None,
    };
    match default {
        Some((name, default)) => {
            fits(default, spec).map_err(|why| format!("the default of `params.{name}`: {why}"))
        }
        None => Ok(()),
    }
}

/// The parameter that a value is, if its text is a single `${{ params.x }}`. Other expressions are checked
/// when they have a value.
///
/// # Errors
/// Returns why the text cannot give a value of this type.
pub(super) fn param_given<'p>(
    text: &str,
    kind: ParamType,
    params: &'p IndexMap<String, Param>,
) -> Result<Option<(&'p str, &'p Param)>, String> {
    let Ok(template) = CompiledTemplate::new(text) else {
        return Ok(None);
    };
    let Some(only) = template.single() else {
        return match kind {
            ParamType::String | ParamType::Path | ParamType::Table | ParamType::Choice => Ok(None),
            _ => Err("text around an expression makes it text".to_owned()),
        };
    };
    let Some([root, name]) = only.as_name() else {
        return Ok(None);
    };
    let Some((name, param)) = params.get_key_value(name).filter(|_| root == "params") else {
        return Ok(None);
    };
    match convertible(param.kind, kind) {
        true => Ok(Some((name, param))),
        false => Err(format!("`params.{name}` has type {}", param.kind.name())),
    }
}

pub(super) fn computes(node: &Node) -> bool {
    match &node.data {
        Data::Scalar(_) => node.text().is_some_and(has_expression),
        Data::List(items) => items.iter().any(computes),
        Data::Map(entries) => entries.iter().any(|entry| computes(&entry.value)),
    }
}

fn convertible(from: ParamType, to: ParamType) -> bool {
    use ParamType::{Choice, Float, Int, Path, String, Table};
    from == to
        || from == Choice
        || matches!(
            (from, to),
            (Int, Float) | (String | Path | Table, String | Path | Table) | (String, Choice)
        )
}

fn fits(value: &Value, spec: &ParamSpec) -> Result<(), String> {
    if spec.default.as_ref() == Some(value) {
        return Ok(());
    }
    let choices: Vec<Value> = spec.choices.iter().cloned().map(Value::String).collect();
    let bounds = Bounds {
        kind: spec.kind,
        min: spec.min,
        max: spec.max,
        choices: choices.iter().collect(),
    };
    bounds.fit(value).map(|_| ())
}
