//! What a stage with `uses:` gives to the parameters of its file: values by `with:`, and files and
//! results by `inputs:`.

use super::context::Context;
use super::draft::{DataSources, Draft, DraftUsed};
use super::file::File;
use super::kernel::{computes, param_given};
use super::reference::parse_reference;
use super::stage::{input_sources, is_first, no_source};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Param, ParamType, Reference, Used, full_name};
use crate::names::one_of;
use crate::source::Span;
use crate::value::Value;
use crate::yaml::{Entry, Node};

/// Binds the parameters of the file with the tree `root`. The files are the one around, and the one
/// that is used.
pub(super) fn bind<'n>(
    entry: &Entry,
    root: &Node,
    (around, inner): (&File<'_>, &File<'_>),
    model: &mut Used,
    draft: &mut Draft<'n>,
    used: &mut DraftUsed<'n>,
    context: &mut Context<'_>,
) {
    for (name, param) in &mut model.params {
        relative_to(inner, (name, root), param);
        let default = root.get("params").and_then(|params| params.get(name));
        if let Some(default) = default.and_then(|param| param.get("default")) {
            draft.defaults.insert(inner.name(name), default.span);
        }
    }
    let mut binding = Binding {
        around,
        inner,
        model,
        draft,
        used,
        context,
    };
    let entries = |key: &str| entry.value.get(key).map(Node::entries).unwrap_or_default();
    for one in entries("with") {
        binding.value(one);
    }
    for one in entries("inputs") {
        binding.input(one);
    }
    binding.missing(entry);
}

/// Whether `inputs:` gives this parameter, and not `with:`.
const fn is_data(kind: ParamType) -> bool {
    matches!(kind, ParamType::Path | ParamType::Table | ParamType::Files)
}

/// Makes the paths of a default relative to the workflow's folder. A list has paths if an input reads it.
fn relative_to(file: &File<'_>, (name, root): (&str, &Node), param: &mut Param) {
    let is_list = || param.kind == ParamType::List && is_read(name, root);
    if !is_data(param.kind) && !is_list() {
        return;
    }
    match &mut param.default {
        Some(Value::String(path)) => *path = file.path(path),
        Some(Value::List(paths)) => {
            for one in paths {
                if let Value::String(path) = one {
                    *path = file.path(path);
                }
            }
        }
        _ => {}
    }
}

/// Whether an input of a stage of a file reads a parameter.
fn is_read(name: &str, root: &Node) -> bool {
    let stages = root.get("stages").map(Node::entries).unwrap_or_default();
    let inputs = stages.iter().filter_map(|stage| stage.value.get("inputs"));
    let mut sources = inputs
        .flat_map(Node::entries)
        .filter_map(|input| input_sources(&input.value))
        .flat_map(Node::items);
    let is_it = |text: &str| text.strip_prefix("params.") == Some(name);
    sources.any(|source| source.text().is_some_and(is_it))
}

struct Binding<'b, 'n, 'c> {
    around: &'b File<'b>,
    inner: &'b File<'b>,
    model: &'b mut Used,
    draft: &'b mut Draft<'n>,
    used: &'b mut DraftUsed<'n>,
    context: &'b mut Context<'c>,
}

impl Binding<'_, '_, '_> {
    /// One entry of `with:`.
    fn value(&mut self, entry: &Entry) {
        let Some(param) = self.param(entry) else {
            return;
        };
        if is_data(param.kind) {
            let message = format!("`{}` is a {}", entry.key, param.kind.name());
            let diagnostic = unfit(entry.key_span, message);
            self.context.report(
                diagnostic
                    .expecting("the parameter under `inputs:`, which gives files and results"),
            );
            return;
        }
        let value = entry.value.value();
        if computes(&entry.value) {
            let around = self.draft.workflow.params_of(&self.used.stage.stage.name);
            if let Some(text) = entry.value.text()
                && let Err(why) = param_given(text, param.kind, around)
            {
                self.report_unfit(entry, &why);
            }
            self.model.with.insert(entry.key.clone(), value.plain());
            self.give(&entry.key, None, entry.value.span);
            return;
        }
        match param.fit(&value) {
            Ok(Value::List(mut items)) => {
                items.iter_mut().for_each(|item| self.settle_path(item));
                self.give(&entry.key, Some(Value::List(items)), entry.value.span);
            }
            Ok(value) => self.give(&entry.key, Some(value), entry.value.span),
            Err(why) => {
                self.report_unfit(entry, &why);
                self.give(&entry.key, None, entry.value.span);
            }
        }
    }

    /// Makes a text that looks like a path relative to the workflow's folder.
    fn settle_path(&self, item: &mut Value) {
        if let Value::String(text) = item {
            *text = self.around.path(text);
        }
    }

    /// One entry of `inputs:`.
    fn input(&mut self, entry: &Entry) {
        let Some(param) = self.param(entry) else {
            return;
        };
        let kind = param.kind;
        if !is_data(kind) && kind != ParamType::List {
            let message = format!("`{}` is not data, but of type {}", entry.key, kind.name());
            let diagnostic = unfit(entry.key_span, message);
            self.context
                .report(diagnostic.expecting("the parameter under `with:`, which gives values"));
            return;
        }
        for option in entry.value.entries().iter().filter(|e| e.key != "from") {
            let message = format!("`{}` does not apply to an input of a file", option.key);
            self.context.report(
                Diagnostic::error(codes::OUT_OF_PLACE, option.key_span, message)
                    .expecting("a source; how it is read is stated in the file"),
            );
        }
        let from = self.sources(entry);
        if from.is_empty() {
            self.give(&entry.key, None, entry.value.span);
            return;
        }
        let first = is_first(&entry.value);
        if !first && let Some(value) = path_value(kind, &from) {
            self.give(&entry.key, Some(value), entry.value.span);
            return;
        }
        if let [(Reference::Param(other), span)] = from.as_slice()
            && let Some(given) = self.draft.workflow.param(other).cloned()
        {
            self.same_as(&entry.key, other, &given, *span);
            return;
        }
        self.model.params.shift_remove(&entry.key);
        self.model.data.insert(entry.key.clone());
        let are_files = kind == ParamType::Files;
        let sources = DataSources {
            from,
            first,
            are_files,
        };
        self.used.data.insert(entry.key.clone(), sources);
    }

    fn sources(&mut self, entry: &Entry) -> Vec<(Reference, Span)> {
        let items = input_sources(&entry.value).map(Node::items);
        let mut from = Vec::new();
        for item in items.unwrap_or_default() {
            let Some(text) = item.text() else { continue };
            match parse_reference(text) {
                Ok(Reference::Item(_)) => self.context.report(no_source(
                    item.span,
                    format!(
                        "`{text}` needs the row of a scatter, which a stage with `uses` has not"
                    ),
                )),
                Ok(reference) => from.push((self.around.reference(reference), item.span)),
                Err(hint) => {
                    let message = format!("`{text}` is not a source of data");
                    self.context
                        .report(no_source(item.span, message).suggesting(hint));
                }
            }
        }
        from
    }

    /// Gives a parameter the value of one of the file around.
    fn same_as(&mut self, name: &str, other: &str, given: &Param, span: Span) {
        let Some(param) = self.model.params.get(name) else {
            return;
        };
        let one = matches!(param.kind, ParamType::Path | ParamType::Table);
        let fits = match given.kind {
            ParamType::Path | ParamType::Table => true,
            ParamType::Files => param.kind == ParamType::Files,
            ParamType::List => !one,
            _ => false,
        };
        if !fits {
            let own = crate::model::own_name(other);
            let message = format!("`params.{own}` has type {}", given.kind.name());
            let diagnostic = unfit(span, message);
            self.context
                .report(diagnostic.expecting(format!("`{name}`: {}", param.kind.expected())));
        }
        let default = match self.context.given.contains(other) {
            true => None,
            false => given.default.as_ref(),
        };
        let default = default.and_then(|value| param.fit(value).ok());
        self.give(name, default, span);
        self.model.same_as.insert(name.to_owned(), other.to_owned());
    }

    /// Sets a parameter's value; `None` if it is known only later.
    fn give(&mut self, name: &str, value: Option<Value>, span: Span) {
        let full = self.inner.name(name);
        if value.is_none() {
            self.context.given.insert(full.clone());
        }
        self.draft.defaults.insert(full, span);
        self.model.given.insert(name.to_owned());
        if let Some(param) = self.model.params.get_mut(name) {
            param.default = value;
        }
    }

    /// The parameter that an entry names.
    fn param(&mut self, entry: &Entry) -> Option<Param> {
        if !self.model.params.contains_key(&entry.key) {
            let known = || self.model.params.keys().map(String::as_str);
            let file = &self.model.file;
            let message = format!("{file} has no parameter `{}`", entry.key);
            let diagnostic = Diagnostic::error(codes::UNKNOWN_PARAM, entry.key_span, message);
            let diagnostic = match known().next() {
                Some(_) => diagnostic.expecting(one_of(known())),
                None => diagnostic,
            };
            self.context.report(diagnostic.nearest(&entry.key, known()));
        }
        self.model.params.get(&entry.key).cloned()
    }

    fn report_unfit(&mut self, entry: &Entry, why: &str) {
        let kind = self.model.params.get(&entry.key).map(|param| param.kind);
        let message = format!("`{}` of {}: {why}", entry.key, self.model.file);
        let expected = kind.map(ParamType::expected).unwrap_or_default();
        self.context
            .report(unfit(entry.value.span, message).expecting(expected));
    }

    /// Reports parameters without a value.
    fn missing(&mut self, entry: &Entry) {
        for (name, param) in &self.model.params {
            let full = full_name(self.inner.around, name);
            if param.default.is_some() || self.context.given.contains(&full) {
                continue;
            }
            let key = match is_data(param.kind) {
                true => "inputs",
                false => "with",
            };
            let message = format!("`{}` gives no value for `{name}`", entry.key);
            self.context.report(
                Diagnostic::error(codes::BAD_BINDING, entry.key_span, message).expecting(format!(
                    "`{key}: {{ {name}: … }}`: {}",
                    param.kind.expected()
                )),
            );
            self.context.given.insert(full);
        }
    }
}

/// The value of a parameter whose sources are paths and patterns; `None` if they are something else, or
/// if they are several for one path.
fn path_value(kind: ParamType, from: &[(Reference, Span)]) -> Option<Value> {
    let texts = from.iter().map(|(reference, _)| match reference {
        Reference::Path(path) | Reference::Url(path) => Some(Value::String(path.clone())),
        Reference::Pattern(pattern) if kind == ParamType::Files => {
            Some(Value::String(pattern.clone()))
        }
        _ => None,
    });
    let mut texts = texts.collect::<Option<Vec<Value>>>()?;
    match kind {
        ParamType::Files | ParamType::List => Some(Value::List(texts)),
        _ if texts.len() == 1 => texts.pop(),
        _ => None,
    }
}

fn unfit(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(codes::BAD_BINDING, span, message)
}
