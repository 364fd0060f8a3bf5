//! Commands that hold values: a value never becomes part of a script.
//!
//! There are two classes of values. A number (also `true`, `false`, and a choice of harmless
//! characters) is written literally. Text becomes a variable in the command's environment, and the
//! script holds a reference to that variable. The place in the script decides the form of the
//! reference. The shell never parses the text as code, because it does not parse the result of an
//! expansion again. Some places evaluate the content of a variable: arithmetic, `eval`, the program
//! of `awk`. Text is refused there when the workflow is checked.
//!
//! A parser of the shell's grammar finds the places (`tree`, `place`). A table states which
//! commands evaluate their words (`interpreter`). Whatever the parser or the rules do not
//! understand is refused.

mod agreement;
mod arguments;
mod argv;
mod commands;
mod constants;
mod document;
mod evaluation;
mod expansion;
mod flow;
mod graph;
mod guard;
mod interpreter;
mod marked;
mod nested;
mod node;
mod operands;
mod output;
mod parameter;
mod place;
mod preset;
mod program;
mod quote;
mod reading;
mod reads;
mod refusal;
mod run_file;
mod shell;
mod source;
mod sources;
mod streams;
mod targets;
mod tree;
mod values;
mod world;
mod written;

pub use argv::CompiledArgv;
pub(crate) use interpreter::is_evaluated;
pub(crate) use place::Place;
pub use preset::{ParamValues, Preset};
pub(crate) use program::{first_program, program_of_argv};
pub use quote::word as shell_word;
pub(crate) use refusal::Refusal;
pub(crate) use shell::{Dialect, is_of_a_shell, strict};
pub use shell::{default_shell, setup_shell};

use std::collections::{BTreeMap, BTreeSet};

use guard::Guard;
use run_file::RunFile;
use world::World;

use crate::expr::{Compiled, CompiledTemplate, Fragment, Outcome, RenderError, Scope};
use crate::value::Value;

/// The most bytes of one variable. Linux refuses a longer `NAME=value`.
const VARIABLE_LIMIT: usize = 128 * 1024 - 32;

/// The most bytes of all variables of one command. Linux limits arguments and environment to 2 MiB
/// by default.
const VARIABLES_LIMIT: usize = 1024 * 1024;

/// A parsed script, with the place of every expression in it.
#[derive(Clone, Debug)]
pub struct CompiledScript {
    template: CompiledTemplate,
    places: Vec<Place>,
    /// The variables whose text the script evaluates.
    evaluated: BTreeSet<String>,
    notes: Box<Notes>,
}

/// What is known of refusals, apart from their kind.
#[derive(Clone, Debug, Default)]
struct Notes {
    /// The number of a line that the parser does not read, and the line.
    unread: Option<(usize, String)>,
    /// What evaluates text of unknown origin, if something does.
    world: Option<World>,
    /// The files that the script may run and that hold an expression, by the expression's number.
    run_files: BTreeMap<usize, RunFile>,
    /// What is asked of each text.
    guards: Vec<Guard>,
}

/// A script for one task, and the variables that it refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenderedScript {
    /// The text for the shell.
    pub text: String,
    /// Environment variables: name and value.
    pub variables: Vec<(String, String)>,
}

impl CompiledScript {
    /// Parses a script for a shell whose own words are `shell`.
    ///
    /// # Errors
    ///
    /// As [`CompiledTemplate::new`].
    pub fn new(shell: &[String], source: &str) -> Result<Self, RenderError> {
        Self::with(shell, source, &Preset::default())
    }

    /// As [`new`](Self::new), for a script whose variables are as in `preset` when it starts.
    ///
    /// # Errors
    ///
    /// As [`CompiledTemplate::new`].
    pub fn with(shell: &[String], source: &str, preset: &Preset) -> Result<Self, RenderError> {
        let template = CompiledTemplate::new(source)?;
        let dialect = Dialect::of(shell);
        let (places, notes) = tree::places(&template, dialect, preset);
        let evaluated = if dialect == Dialect::Unknown {
            BTreeSet::new()
        } else {
            let text = marked::without_clobbering(&marked::mark(&template).text);
            nested::evaluated_with(&text, preset)
        };
        Ok(Self {
            template,
            places,
            evaluated,
            notes: Box::new(notes),
        })
    }

    /// Why text is not allowed in this environment variable, if the script may evaluate it as code.
    /// Nothing is known of the languages of other shells, in which a variable is data.
    pub(crate) fn refusal_of_variable(&self, name: &str) -> Option<Refusal> {
        let evaluates = |name: &str| self.evaluated.contains(name);
        let found = [
            (name, Refusal::EvaluatedLater),
            (node::ENVIRONMENT, Refusal::MakeVariable),
            (node::PRINTED, Refusal::RunFile),
            (sources::WORLD, Refusal::EvaluatesWorld),
        ];
        let found = found.into_iter().find(|(name, _)| evaluates(name));
        found.map(|(_, refusal)| refusal)
    }

    /// What the script says of the refusal of its expression number `at`, in more words than the refusal
    /// itself: the place, and what to write instead of `${{ source }}`.
    pub(crate) fn note(
        &self,
        at: usize,
        refusal: Refusal,
        source: &str,
    ) -> Option<(String, String)> {
        match refusal {
            Refusal::EvaluatesWorld => {
                let world = self.notes.world.as_ref()?;
                Some((world.place(), world.remedy(source)))
            }
            Refusal::Unparsed => {
                let (number, line) = self.notes.unread.as_ref()?;
                let place = format!(
                    "in a script of which Sunward's reader of shell does not understand line {number}, `{line}`"
                );
                Some((place, refusal.remedy(source)))
            }
            Refusal::RunFile => {
                let file = self.notes.run_files.get(&at)?;
                Some((file.place(), file.remedy(source)))
            }
            _ => None,
        }
    }

    /// Every expression with its place, in order.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = (&Compiled, &Place)> {
        self.template.expressions().zip(&self.places)
    }

    /// The script for one task.
    ///
    /// # Errors
    ///
    /// Fails if an expression fails, text is where only a number is allowed, or a value is too
    /// large for a variable.
    pub fn render(&self, scope: &Scope) -> Result<RenderedScript, RenderError> {
        let mut rendered = RenderedScript::default();
        let mut places = self.places.iter();
        let mut ordinal = 0;
        // If a quoted string is exactly one expression, the reference brings its own quotes, and
        // the string's are dropped.
        let mut skip_quote = false;
        for fragment in self.template.fragments() {
            match fragment {
                Fragment::Text(text) => {
                    let text = if skip_quote { &text[1..] } else { text };
                    skip_quote = false;
                    rendered.text.push_str(text);
                }
                Fragment::Expression(one) => {
                    ordinal += 1;
                    let place = places.next().unwrap_or(&Place::UNKNOWN);
                    let outcome = one.evaluate(scope)?;
                    let guard = self.notes.guards.get(ordinal - 1).copied();
                    guarded(guard.unwrap_or_default(), &outcome)
                        .map_err(|message| RenderError::of(&one.source, message))?;
                    if place.is_quoted() && !outcome.raw {
                        rendered.text.pop();
                        skip_quote = true;
                    }
                    put(&mut rendered, one, place, &outcome, ordinal)
                        .map_err(|message| RenderError::of(&one.source, message))?;
                }
            }
        }
        let bytes: usize = rendered.variables.iter().map(|(_, v)| v.len()).sum();
        if bytes > VARIABLES_LIMIT {
            return Err(RenderError::of(
                "run",
                format!(
                    "the values of the script take {bytes} bytes, but an environment holds at most {VARIABLES_LIMIT}; pass them as an input (`inputs:`)"
                ),
            ));
        }
        Ok(rendered)
    }
}

/// Writes one value at its place.
fn put(
    rendered: &mut RenderedScript,
    one: &Compiled,
    place: &Place,
    outcome: &Outcome,
    ordinal: usize,
) -> Result<(), String> {
    let value = &outcome.value;
    if outcome.raw || is_number(value) {
        rendered.text.push_str(&value.to_text());
        return Ok(());
    }
    if let Value::List(list) = value
        && !list.is_empty()
        && list.iter().all(is_number)
    {
        rendered.text.push_str(&place.literals(list)?);
        return Ok(());
    }
    put_allowed(one, *place, value)?;
    if matches!(place, Place::Refused(_)) {
        rendered.text.push_str(&value.to_text());
        return Ok(());
    }
    let name = format!("SUNWARD_V{ordinal}");
    let values: Vec<(String, String)> = match value {
        Value::List(list) if place.takes_words() => list
            .iter()
            .enumerate()
            .map(|(i, item)| (format!("{name}_{}", i + 1), item.to_text()))
            .collect(),
        _ => vec![(name, value.to_text())],
    };
    let mut references = Vec::with_capacity(values.len());
    for (name, text) in &values {
        fits(name, text)?;
        references.push(place.reference(name));
    }
    rendered.text.push_str(&references.join(" "));
    rendered.variables.extend(values);
    Ok(())
}

/// Checks that a value that is not a number is allowed at a place. Where text is refused, the check
/// of the workflow has allowed only a choice of harmless characters.
fn put_allowed(one: &Compiled, place: Place, value: &Value) -> Result<(), String> {
    match place {
        Place::Refused(_) if one.is_choice() && is_harmless(&value.to_text()) => Ok(()),
        Place::Refused(refusal) => Err(match value {
            Value::Float(number) => format!(
                "`{number}` is not a finite number, so it is text, which is not allowed {}",
                refusal.place()
            ),
            _ => format!("text is not allowed {}", refusal.place()),
        }),
        Place::Word { .. } | Place::Within | Place::Comment => match value {
            Value::List(list) => list.iter().try_for_each(|v| place.allows(&v.to_text())),
            value => place.allows(&value.to_text()),
        },
    }
}

/// Checks that no text of a value could be an option where the script puts it later.
fn guarded(guard: Guard, outcome: &Outcome) -> Result<(), String> {
    let texts = match &outcome.value {
        Value::List(list) => list.as_slice(),
        value => std::slice::from_ref(value),
    };
    let texts = texts.iter().filter(|one| !outcome.raw && !is_number(one));
    texts
        .map(Value::to_text)
        .try_for_each(|text| guard.allows(&text))
}

fn fits(name: &str, text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("the value contains a zero byte, which no command accepts".to_owned());
    }
    if text.len() > VARIABLE_LIMIT {
        return Err(format!(
            "the value takes {} bytes, and a variable (here {name}) holds at most 128 KiB; pass it as an input (`inputs:`), which is a file of any size",
            text.len()
        ));
    }
    Ok(())
}

/// True for the path of an input, which may be the program to run.
fn is_input(one: &Compiled) -> bool {
    let names = one.names();
    let roots = names.iter().map(|name| name.first().map(String::as_str));
    !names.is_empty() && roots.into_iter().all(|root| root == Some("inputs"))
}

/// True for the path of an input or an output. Its characters are those of the workflow.
fn is_port(one: &Compiled) -> bool {
    let names = one.names();
    let roots = names.iter().map(|name| name.first().map(String::as_str));
    !names.is_empty()
        && roots
            .into_iter()
            .all(|root| matches!(root, Some("inputs" | "outputs")))
}

/// True for a value that may be written literally anywhere.
pub(crate) fn is_number(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Int(_) => true,
        Value::Float(number) => number.is_finite(),
        Value::Written(written) => written.is_finite(),
        Value::Null | Value::String(_) | Value::List(_) | Value::Map(_) => false,
    }
}

/// True for text without meaning to any shell or interpreter.
pub(crate) fn is_harmless(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.,+-".contains(&b))
}
