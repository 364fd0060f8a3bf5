//! A command given as a list of words. No shell reads it, but its program may be an interpreter.

use super::interpreter::{self, MARK, Verdict};
use super::node::ENVIRONMENT;
use super::place::Place;
use super::refusal::Refusal;
use super::sources::WORLD;
use super::{is_input, is_number, is_port, nested, put_allowed};
use crate::expr::{Compiled, CompiledTemplate, Fragment, RenderError, Scope};
use crate::model::Template;
use crate::value::Value;

/// A parsed list of words.
#[derive(Clone, Debug)]
pub struct CompiledArgv {
    words: Vec<(CompiledTemplate, Place)>,
}

impl CompiledArgv {
    /// Parses the words.
    ///
    /// # Errors
    ///
    /// As [`CompiledTemplate::new`].
    pub fn new(words: &[Template]) -> Result<Self, RenderError> {
        let templates: Vec<CompiledTemplate> = words
            .iter()
            .map(Template::compile)
            .collect::<Result<_, _>>()?;
        let literal: Vec<String> = templates.iter().map(literal).collect();
        let places: Vec<Place> = (0..literal.len())
            .map(|at| match interpreter::verdict(&literal, at, MARK) {
                Verdict::Any => word(false),
                Verdict::Operand => word(literal[at].starts_with(MARK)),
                Verdict::Refused(refusal) => Place::Refused(in_argv(refusal)),
            })
            .collect();
        let mut words: Vec<_> = templates.into_iter().zip(places).collect();
        let started = interpreter::started(&literal);
        for at in std::iter::once(0).chain(started) {
            if let Some((program, place)) = words.get_mut(at)
                && literal[at].contains(MARK)
                && !literal[at].contains('/')
                && !program.expressions().all(is_input)
            {
                *place = Place::Refused(Refusal::CommandName);
            }
        }
        for (at, (program, place)) in words.iter_mut().enumerate() {
            let runs = literal[at].contains(MARK) && interpreter::runs_argument(&literal, at);
            if runs && !program.expressions().all(is_port) && !matches!(place, Place::Refused(_)) {
                *place = Place::Refused(Refusal::RunArgument);
            }
        }
        Ok(Self { words })
    }

    /// Why text is not allowed in this environment variable, if a program among the words may
    /// evaluate it.
    pub(crate) fn refusal_of_variable(&self, name: &str) -> Option<Refusal> {
        let words: Vec<String> = self.words.iter().map(|(word, _)| literal(word)).collect();
        if interpreter::runs_environment(&words) {
            return Some(Refusal::EvaluatedLater);
        }
        if interpreter::expands_environment(&words) {
            return Some(Refusal::MakeVariable);
        }
        let programs = interpreter::programs(&words).into_iter();
        let evaluated: Vec<_> = programs.map(nested::evaluated).collect();
        let evaluates = |name: &str| evaluated.iter().any(|all| all.contains(name));
        if evaluates(name) || evaluates(WORLD) {
            return Some(Refusal::EvaluatedLater);
        }
        evaluates(ENVIRONMENT).then_some(Refusal::MakeVariable)
    }

    /// Every expression with its place, in order.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = (&Compiled, &Place)> {
        self.words
            .iter()
            .flat_map(|(template, place)| template.expressions().map(move |one| (one, place)))
    }

    /// The words for one task. A word that is one expression and gives a list becomes several
    /// words.
    ///
    /// # Errors
    ///
    /// Fails if an expression fails, or text is in the program of an interpreter.
    pub fn render(&self, scope: &Scope) -> Result<Vec<String>, RenderError> {
        let mut words = Vec::with_capacity(self.words.len());
        for (template, place) in &self.words {
            for one in template.expressions() {
                let outcome = one.evaluate(scope)?;
                let list = match &outcome.value {
                    Value::List(list) => list.as_slice(),
                    value => std::slice::from_ref(value),
                };
                for value in list
                    .iter()
                    .filter(|value| !outcome.raw && !is_number(value))
                {
                    put_allowed(one, *place, value)
                        .map_err(|message| RenderError::of(&one.source, message))?;
                }
            }
            match template.render(scope)? {
                Value::List(list) => words.extend(list.iter().map(Value::to_text)),
                value => words.push(value.to_text()),
            }
        }
        Ok(words)
    }
}

fn word(operand: bool) -> Place {
    Place::Word {
        words: true,
        quoted: false,
        operand,
    }
}

fn in_argv(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Evaluated => Refusal::Program,
        other => other,
    }
}

/// The literal text of a word, with a mark for each value.
fn literal(template: &CompiledTemplate) -> String {
    let mut text = String::new();
    for fragment in template.fragments() {
        match fragment {
            Fragment::Text(literal) => text.push_str(literal),
            Fragment::Expression(_) => text.push(MARK),
        }
    }
    text
}
