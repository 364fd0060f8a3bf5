//! Checks `${{ … }}`: it parses, and every name in it exists at its place.

use indexmap::IndexMap;

use super::calls;
use super::class::Classes;
use super::context::Context;
use super::draft::{Draft, DraftStage, DraftUsed};
use super::location::locate;
use super::reference::parse_reference;
use super::stage::input_sources;
use super::values;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::expr::{
    Compiled, CompiledTemplate, FUNCTIONS, RUN_FIELDS, Scope, has_expression, holds,
};
use crate::model::{Action, Param, ParamType, Reference, Scatter, enclosing};
use crate::names::{nearest, one_of};
use crate::source::Span;
use crate::yaml::{Data, Node};

/// Where an expression is, which determines what it may read.
#[derive(Clone, Copy)]
struct Place {
    roots: &'static [&'static str],
    what: &'static str,
}

const COMMAND: Place = Place {
    roots: &[
        "params", "inputs", "outputs", "item", "matrix", "repeat", "stages", "attempt", "run",
    ],
    what: "a command",
};
const WITH: Place = Place {
    roots: &["params", "item", "matrix", "repeat", "attempt", "run"],
    what: "a kernel's parameters",
};
const CUDA: Place = Place {
    what: "an argument of a kernel",
    ..WITH
};
const CONDITION: Place = Place {
    roots: &["params", "stages", "run"],
    what: "a condition, which holds for a whole stage",
};
const NAME: Place = Place {
    roots: &["params", "item", "matrix", "repeat"],
    what: "the name of an output",
};
const ROW_FILE: Place = Place {
    roots: &["item", "params"],
    what: "a source of data",
};
const SCATTER: Place = Place {
    roots: &["params"],
    what: "a scatter, which is planned before anything runs",
};

const USED: Place = Place {
    what: "a parameter of a file, which is fixed before anything runs",
    ..SCATTER
};

const REPEAT: Place = Place {
    what: "`repeat`, which is planned before anything runs",
    ..SCATTER
};

/// What to write instead of a condition over `attempt`.
const NO_ATTEMPT: &str = "`if` is decided once, before the first attempt; compare `attempt` in the command, as in `if [ ${{ attempt }} -gt 1 ]; then …; fi`";

/// Checks every expression of every stage.
pub(super) fn check(draft: &mut Draft<'_>, context: &mut Context<'_>) {
    for used in draft.used.values() {
        of_used(used, draft, context);
    }
    for stage in draft.stages.values() {
        let node = &stage.node;
        let checker = Checker { draft, stage };
        if let Some(condition) = node.get("if") {
            checker.condition(condition, context);
        }
        if let Some(run) = node.get("run") {
            checker.command(run, context);
        }
        for output in node.get("outputs").map(Node::entries).unwrap_or_default() {
            if let Some(name) = output.value.get("name") {
                checker.tree(name, NAME, context);
            }
        }
        for source in row_sources(node) {
            checker.tree(source, ROW_FILE, context);
        }
        values::of_environment(stage, &Classes::new(draft, stage, context.facts), context);
        for (key, place) in [
            ("env", COMMAND),
            ("with", WITH),
            ("cuda", CUDA),
            ("scatter", SCATTER),
            ("matrix", SCATTER),
            ("repeat", REPEAT),
        ] {
            if let Some(value) = node.get(key) {
                checker.tree(value, place, context);
            }
        }
    }
}

/// Checks the expressions of a stage that uses a file.
fn of_used(used: &DraftUsed<'_>, draft: &Draft<'_>, context: &mut Context<'_>) {
    let stage = &used.stage;
    let checker = Checker { draft, stage };
    if let Some(condition) = stage.node.get("if") {
        checker.condition(condition, context);
    }
    if let Some(with) = stage.node.get("with") {
        checker.tree(with, USED, context);
    }
}

/// The sources of a stage that give a path for each row.
fn row_sources(stage: &Node) -> impl Iterator<Item = &Node> {
    let inputs = stage.get("inputs").map(Node::entries).unwrap_or_default();
    let sources = inputs
        .iter()
        .filter_map(|entry| input_sources(&entry.value));
    sources.flat_map(Node::items).filter(|node| {
        let text = node.text().filter(|text| has_expression(text));
        text.is_some_and(|text| matches!(parse_reference(text), Ok(Reference::Item(_))))
    })
}

struct Checker<'d, 'n> {
    draft: &'d Draft<'n>,
    stage: &'d DraftStage<'n>,
}

impl Checker<'_, '_> {
    /// The parameters of the stage's file.
    fn params(&self) -> &IndexMap<String, Param> {
        self.draft.workflow.params_of(&self.stage.stage.name)
    }

    fn condition(&self, node: &Node, context: &mut Context<'_>) {
        let Some(text) = node.text() else { return };
        let before = context.found.len();
        let Some(template) = self.template(node, text, CONDITION, context) else {
            return;
        };
        if let Some(expression) = template.single() {
            if context.found.len() == before
                && let Some(diagnostic) = self.condition_value(node, expression)
            {
                context.report(diagnostic);
            }
        } else {
            let message = format!("`{text}` is not a single expression");
            context.report(
                Diagnostic::error(codes::NOT_ONE_EXPRESSION, node.span, message)
                    .expecting("true, false, or `${{ … }}`")
                    .suggesting(
                        match text
                            .split(|c: char| !c.is_alphanumeric())
                            .any(|word| word == "attempt")
                        {
                            true => NO_ATTEMPT.to_owned(),
                            false => format!("write `if: ${{{{ {} }}}}`", as_condition(text)),
                        },
                    ),
            );
        }
    }

    /// What is wrong with the value of a condition, as far as it is known before a run.
    fn condition_value(&self, node: &Node, expression: &Compiled) -> Option<Diagnostic> {
        let name: Option<Vec<&str>> = expression
            .as_name()
            .map(|name| name.iter().map(String::as_str).collect());
        let (what, remedy) = match name.as_deref() {
            Some(["params", param]) => {
                let kind = self.params().get(*param)?.kind;
                let remedy = match kind {
                    ParamType::Int | ParamType::Float => "!= 0",
                    ParamType::Path | ParamType::Table => "!= 'PATH'",
                    ParamType::List | ParamType::Files => "| length > 0",
                    ParamType::Bool | ParamType::String | ParamType::Choice => return None,
                };
                (format!("has the type {}", kind.name()), remedy)
            }
            Some(["stages", ..]) => ("is a word".to_owned(), "== 'succeeded'"),
            Some(["run", ..]) => ("is text".to_owned(), "== 'TEXT'"),
            _ if expression.names().is_empty() => return constant(node, expression),
            _ => return None,
        };
        let source = &expression.source;
        let message = format!("a condition is true or false, and `{source}` {what}");
        Some(
            Diagnostic::error(codes::WRONG_TYPE, node.span, message)
                .expecting("a comparison, `true` or `false`")
                .suggesting(format!("write `if: ${{{{ {source} {remedy} }}}}`")),
        )
    }

    fn command(&self, run: &Node, context: &mut Context<'_>) {
        let before = context.found.len();
        match run.text() {
            Some(text) => drop(self.template(run, text, COMMAND, context)),
            None => self.tree(run, COMMAND, context),
        }
        if context.found.len() > before {
            return;
        }
        let classes = Classes::new(self.draft, self.stage, context.facts);
        let Action::Run(command) = &self.stage.stage.action else {
            return;
        };
        for diagnostic in values::of_command(
            command,
            self.stage.stage.setup.as_deref(),
            &classes.preset(),
            run,
            &classes,
            context.text,
        ) {
            context.report(diagnostic);
        }
    }

    /// Checks every string within a value.
    fn tree(&self, node: &Node, place: Place, context: &mut Context<'_>) {
        match &node.data {
            Data::Scalar(_) => {
                if let Some(text) = node.text() {
                    self.template(node, text, place, context);
                }
            }
            Data::List(items) => items
                .iter()
                .for_each(|item| self.tree(item, place, context)),
            Data::Map(entries) => {
                for entry in entries {
                    self.tree(&entry.value, place, context);
                }
            }
        }
    }

    fn template(
        &self,
        node: &Node,
        text: &str,
        place: Place,
        context: &mut Context<'_>,
    ) -> Option<CompiledTemplate> {
        if !has_expression(text) {
            return CompiledTemplate::new(text).ok();
        }
        let template = match CompiledTemplate::new(text) {
            Ok(template) => template,
            Err(error) => {
                let span = locate(context.text, node, &error.expression);
                context.report(
                    Diagnostic::error(
                        codes::BAD_EXPRESSION,
                        span,
                        match error.expression.starts_with("${{") {
                            // It has no end, so there is no expression to show.
                            true => error.message,
                            false => format!("this expression is not valid: {error}"),
                        },
                    )
                    .expecting("an expression such as `${{ params.k + 1 }}`"),
                );
                return None;
            }
        };
        for expression in template.expressions() {
            let span = locate(context.text, node, &expression.source);
            let before = context.found.len();
            self.names(expression, span, place, context);
            calls::check(&expression.source, span, context);
            if context.found.len() == before
                && expression.names().is_empty()
                && let Err(error) = expression.evaluate(&Scope::default())
            {
                let message = format!("this expression has no value: {}", error.message);
                context.report(Diagnostic::error(codes::BAD_EXPRESSION, span, message));
            }
        }
        Some(template)
    }

    fn names(&self, expression: &Compiled, span: Span, place: Place, context: &mut Context<'_>) {
        for name in expression.names() {
            let words: Vec<&str> = name.iter().map(String::as_str).collect();
            let Some((root, rest)) = words.split_first() else {
                continue;
            };
            if FUNCTIONS.contains(root) && rest.is_empty() && expression.as_name().is_none() {
                continue;
            }
            if !COMMAND.roots.contains(root) {
                let known = || place.roots.iter().chain(FUNCTIONS).copied();
                context.report(
                    unknown(span, format!("`{root}` is not a valid name"))
                        .expecting(one_of(place.roots.iter().copied()))
                        .nearest(root, known()),
                );
            } else if !place.roots.contains(root) {
                let message = format!("`{root}` cannot be read in {}", place.what);
                let here = one_of(place.roots.iter().copied());
                let found = unknown(span, message).expecting(here);
                let decides = *root == "attempt" && place.what == CONDITION.what;
                context.report(match decides {
                    true => found.suggesting(NO_ATTEMPT),
                    false => found,
                });
            } else if let Some(diagnostic) = self.name(root, rest, span) {
                context.report(diagnostic);
            }
        }
    }

    /// Checks a dotted name whose root may be read here.
    fn name(&self, root: &str, rest: &[&str], span: Span) -> Option<Diagnostic> {
        let stage = &self.stage.stage;
        let keys = |keys: Vec<&str>| Some(member(root, rest, &keys, span));
        match root {
            "params" => {
                let params = self.params();
                let kind = rest
                    .first()
                    .and_then(|name| params.get(*name))
                    .map(|p| p.kind);
                let used =
                    enclosing(&stage.name).and_then(|name| self.draft.workflow.uses.get(name));
                let is_data = |name: &&&str| used.is_some_and(|used| used.data.contains(**name));
                if let Some((name, around)) =
                    rest.first().filter(is_data).zip(enclosing(&stage.name))
                {
                    return Some(bound_to_data(name, around, span));
                }
                if kind == Some(ParamType::Files) {
                    return Some(only_as_input(rest, span));
                }
                keys(params.keys().map(String::as_str).collect())?
            }
            "inputs" => {
                let known: Vec<&str> = stage.inputs.keys().map(String::as_str).collect();
                member(root, rest, &known, span).or_else(|| match rest {
                    [_] | [_, "parts" | "files" | "path"] => None,
                    _ => {
                        let message = format!("`inputs.{}` does not exist", rest.join("."));
                        Some(unknown(span, message).expecting("`files`, `parts`, or nothing"))
                    }
                })
            }
            "outputs" => keys(stage.outputs.keys().map(String::as_str).collect())?,
            "run" => keys(RUN_FIELDS.to_vec())?,
            "stages" => {
                let known: Vec<&str> = self.draft.siblings(enclosing(&stage.name)).collect();
                member(root, rest, &known, span).or_else(|| {
                    (rest.len() != 2 || rest[1] != "status").then(|| {
                        unknown(span, "only the status of a stage can be read here")
                            .expecting("`stages.NAME.status`")
                    })
                })
            }
            "item" if stage.scatter == Scatter::One || self.stage.node.get("scatter").is_none() => {
                Some(no_item(span, "item", "scatter"))
            }
            "repeat" if stage.repeat.is_none() => Some(no_item(span, "repeat", "repeat")),
            "repeat" | "attempt" if !rest.is_empty() => {
                let message = format!("`{root}.{}` does not exist", rest.join("."));
                Some(unknown(span, message).expecting(format!("`{root}`, which is a number")))
            }
            "matrix" => match &stage.scatter {
                Scatter::Matrix(_) if rest.is_empty() => None,
                Scatter::Matrix(axes) => keys(axes.keys().map(String::as_str).collect())?,
                Scatter::One
                | Scatter::Items(_)
                | Scatter::Range(_)
                | Scatter::Input { .. }
                | Scatter::Zip { .. } => Some(no_item(span, "matrix", "matrix")),
            },
            _ => None,
        }
    }
}

/// The mistake of reading the patterns of a parameter in place of the files that they match.
fn only_as_input(rest: &[&str], span: Span) -> Diagnostic {
    let name = rest.first().unwrap_or(&"NAME");
    unknown(
        span,
        format!("`params.{name}` has type files, which only an input reads"),
    )
    .expecting("`inputs.PORT.files`, the paths of an input")
    .suggesting(format!(
        "write `inputs: {{ {name}: params.{name} }}` and `${{{{ inputs.{name}.files }}}}`"
    ))
}

/// The mistake of reading a parameter that the stage `around` with `uses:` binds to results.
fn bound_to_data(name: &str, around: &str, span: Span) -> Diagnostic {
    let message = format!(
        "`params.{name}` has no value here: stage `{around}`, which uses this file, binds it to results"
    );
    unknown(span, message)
        .expecting("an input that reads the parameter")
        .suggesting(format!(
            "write `inputs: {{ {name}: params.{name} }}` and `${{{{ inputs.{name} }}}}`"
        ))
}

/// What is wrong with a condition that reads nothing.
fn constant(node: &Node, expression: &Compiled) -> Option<Diagnostic> {
    let outcome = expression.evaluate(&Scope::default()).ok()?;
    let why = holds(&expression.source, &outcome.value).err()?;
    Some(
        Diagnostic::error(codes::WRONG_TYPE, node.span, why)
            .expecting("a comparison, `true` or `false`"),
    )
}

/// Rewrites a condition from the syntax of another language. If the result is not an expression
/// either, returns an example.
fn as_condition(text: &str) -> String {
    let ours = text
        .replace("${{", " ")
        .replace("}}", " ")
        .replace("&&", " and ")
        .replace("||", " or ")
        .replace("!=", "\0")
        .replace('!', " not ")
        .replace('\0', "!=");
    let ours = ours.split_whitespace().collect::<Vec<_>>().join(" ");
    let template = CompiledTemplate::new(&format!("${{{{ {ours} }}}}")).ok();
    let names: Vec<_> = template
        .iter()
        .flat_map(CompiledTemplate::expressions)
        .flat_map(Compiled::names)
        .collect();
    let known = |name: &Vec<String>| {
        name.first()
            .is_some_and(|root| CONDITION.roots.contains(&root.as_str()))
    };
    match !names.is_empty() && names.iter().all(known) {
        true => ours,
        false => "params.NAME and stages.NAME.status == 'succeeded'".to_owned(),
    }
}

fn no_item(span: Span, name: &str, key: &str) -> Diagnostic {
    let message = format!("`{name}` exists only in a stage with `{key}:`");
    Diagnostic::error(codes::NO_ITEM, span, message)
        .expecting(format!("a stage with `{key}:`, or another name"))
}

/// Checks that the first word after a root is known.
fn member(root: &str, rest: &[&str], known: &[&str], span: Span) -> Option<Diagnostic> {
    let Some(name) = rest.first() else {
        let example = known.first().unwrap_or(&"NAME");
        let message = format!(
            "`{root}` cannot be read as a whole, because a task's key must name what it reads"
        );
        return Some(unknown(span, message).expecting(format!("`{root}.{example}`")));
    };
    if known.contains(name) {
        return None;
    }
    if known.is_empty() {
        let message = format!("`{root}.{name}` does not exist: there are no {root} here");
        return Some(unknown(span, message).suggesting(format!("declare it under `{root}:`")));
    }
    let diagnostic = unknown(span, format!("`{root}.{name}` does not exist"));
    let diagnostic = diagnostic.expecting(one_of(known.iter().copied()));
    Some(match nearest(name, known.iter().copied()) {
        Some(near) => diagnostic.suggesting(format!("did you mean `{root}.{near}`?")),
        None => diagnostic,
    })
}

fn unknown(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::UNKNOWN_NAME, span, message)
}
