//! Checks values in commands: text is allowed only where no program reads it as code.

use super::class::Classes;
use super::context::Context;
use super::draft::DraftStage;
use super::location::locate;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::expr::{Compiled, CompiledTemplate};
use crate::model::{Action, Command};
use crate::script::{CompiledArgv, CompiledScript, Place, Refusal, is_evaluated};
use crate::source::Span;
use crate::yaml::Node;

/// Reports every value of a command that is not allowed at its place.
pub(super) fn of_command(
    command: &Command,
    run: &Node,
    classes: &Classes<'_, '_>,
    text: &str,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut judge = |one: &Compiled, place: &Place, note: Note<'_>| {
        let span = locate(text, run, &one.source);
        found.extend(value(one, *place, note, classes, span));
    };
    match command {
        Command::Shell { shell, script } => {
            if let Ok(script) = CompiledScript::new(shell, &script.source) {
                for (at, (one, place)) in script.expressions().enumerate() {
                    judge(one, place, &|refusal| script.note(at, refusal, &one.source));
                }
            }
        }
        Command::Argv(words) => {
            if let Ok(argv) = CompiledArgv::new(words) {
                argv.expressions()
                    .for_each(|(one, place)| judge(one, place, &|_| None));
            }
        }
    }
    found
}

/// Reports values in variables that shells and programs evaluate.
pub(super) fn of_environment(
    stage: &DraftStage<'_>,
    classes: &Classes<'_, '_>,
    context: &mut Context<'_>,
) {
    let Some(env) = stage.node.get("env") else {
        return;
    };
    let refusal_of = refusals_of(&stage.stage.action);
    for entry in env.entries() {
        let refusal = if is_evaluated(&entry.key) {
            Refusal::EvaluatedVariable
        } else if let Some(refusal) = refusal_of(&entry.key) {
            refusal
        } else {
            continue;
        };
        let Some(source) = entry.value.text() else {
            continue;
        };
        let Ok(template) = CompiledTemplate::new(source) else {
            continue;
        };
        for one in template.expressions() {
            let place = Place::Refused(refusal);
            let span = locate(context.text, &entry.value, &one.source);
            if let Some(diagnostic) = value(one, place, &|_| None, classes, span) {
                context.report(diagnostic);
            }
        }
    }
}

/// What the script knows of a refusal: the place, and what to write instead.
type Note<'n> = &'n dyn Fn(Refusal) -> Option<(String, String)>;

/// Why a variable may not hold text, by its name.
type RefusalOf = Box<dyn Fn(&str) -> Option<Refusal>>;

/// Tells of a variable why the command of a stage may not get text in it, if it evaluates that.
fn refusals_of(action: &Action) -> RefusalOf {
    match action {
        Action::Run(Command::Shell { shell, script }) => {
            match CompiledScript::new(shell, &script.source) {
                Ok(script) => Box::new(move |name| script.refusal_of_variable(name)),
                Err(_) => Box::new(|_| None),
            }
        }
        Action::Run(Command::Argv(words)) => match CompiledArgv::new(words) {
            Ok(argv) => Box::new(move |name| argv.refusal_of_variable(name)),
            Err(_) => Box::new(|_| None),
        },
        _ => Box::new(|_| None),
    }
}

fn value(
    one: &Compiled,
    place: Place,
    note: Note<'_>,
    classes: &Classes<'_, '_>,
    span: Span,
) -> Option<Diagnostic> {
    if is_raw(&one.source) {
        let own = one
            .names()
            .iter()
            .all(|name| name.first().is_some_and(|root| root == "params"));
        return (!own).then(|| {
            let message = "`| raw` puts data into a script, which would run it";
            Diagnostic::error(codes::UNSAFE_QUOTING, span, message)
                .expecting("a parameter or a literal, which whoever runs the workflow chooses")
                .suggesting("remove `| raw`")
        });
    }
    let Place::Refused(refusal) = place else {
        return None;
    };
    (!classes.is_number(one)).then(|| {
        let (what, remedy) = note(refusal)
            .unwrap_or_else(|| (refusal.place().to_owned(), refusal.remedy(&one.source)));
        let message = format!("text is not allowed {what}");
        Diagnostic::error(codes::UNSAFE_QUOTING, span, message)
            .expecting("a number here; text must be passed another way")
            .suggesting(remedy)
    })
}

fn is_raw(source: &str) -> bool {
    source
        .trim_end()
        .strip_suffix("raw")
        .is_some_and(|rest| rest.trim_end().ends_with('|'))
}
