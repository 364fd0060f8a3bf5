//! Checks values in commands: text is allowed only where no program reads it as code.

use super::class::Classes;
use super::context::Context;
use super::draft::DraftStage;
use super::location::locate;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::expr::{Compiled, CompiledTemplate};
use crate::model::{Action, Command};
use crate::script::{
    CompiledArgv, CompiledScript, Place, Preset, Refusal, is_evaluated, is_of_a_shell, setup_shell,
};
use crate::source::Span;
use crate::yaml::Node;

/// Reports every value of a command that is not allowed at its place.
pub(super) fn of_command(
    command: &Command,
    setup: Option<&str>,
    preset: &Preset,
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
            // The script alone is what runs. With the lines of `setup` before it, the check also
            // sees what they put into variables that the script evaluates.
            let after = setup.filter(|_| is_of_a_shell(shell));
            let after = after.map(|setup| format!("{setup}\n{}", script.source));
            for source in [Some(script.source.clone()), after].into_iter().flatten() {
                let Ok(script) = CompiledScript::with(shell, &source, preset) else {
                    continue;
                };
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
    if setup.is_some() {
        let mut seen = Vec::new();
        found.retain(|one: &Diagnostic| {
            let is_new = !seen.contains(&one.span);
            seen.push(one.span);
            is_new
        });
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
    let preset = classes.preset();
    let refusal_of = refusals_of(&stage.stage.action, &preset);
    let setup = stage.stage.setup.as_deref();
    let setup_refusal_of = refusals_of_setup(&stage.stage.action, setup, &preset);
    for entry in env.entries() {
        let refusal = if is_evaluated(&entry.key) {
            Refusal::EvaluatedVariable
        } else if let Some(refusal) =
            refusal_of(&entry.key).or_else(|| setup_refusal_of(&entry.key))
        {
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
fn refusals_of(action: &Action, preset: &Preset) -> RefusalOf {
    match action {
        Action::Run(Command::Shell { shell, script }) => {
            match CompiledScript::with(shell, &script.source, preset) {
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

/// As [`refusals_of`], for the lines of `setup`, and for the script after them.
fn refusals_of_setup(action: &Action, setup: Option<&str>, preset: &Preset) -> RefusalOf {
    let Some(setup) = setup else {
        return Box::new(|_| None);
    };
    let mut sources = vec![(setup_shell(action), setup.to_owned())];
    if let Action::Run(Command::Shell { shell, script }) = action
        && is_of_a_shell(shell)
    {
        sources.push((shell.clone(), format!("{setup}\n{}", script.source)));
    }
    let scripts: Vec<CompiledScript> = sources
        .iter()
        .filter_map(|(shell, source)| CompiledScript::with(shell, source, preset).ok())
        .collect();
    Box::new(move |name| {
        let mut scripts = scripts.iter();
        scripts.find_map(|script| script.refusal_of_variable(name))
    })
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
