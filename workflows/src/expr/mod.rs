//! Expressions: `${{ … }}` in text, parsed once and rendered for every task.
//!
//! Only single expressions follow Jinja; there are no blocks or comments. So `${#x}`, `{%` and `{{`
//! in a command keep their meaning.

mod builtins;
mod desugar;
mod growth;
mod jinja;
mod limits;
mod number;
mod operators;
mod scope;
mod segment;
mod uses;

use std::sync::Arc;

pub(crate) use jinja::Outcome;
use jinja::Parsed;
pub(crate) use jinja::{FILTERS, FUNCTIONS};
pub use scope::{InputValue, RUN_FIELDS, Scope};
use segment::Segment;
pub(crate) use segment::has_expression;
pub use uses::{Uses, value_uses};

use crate::model::Template;
use crate::value::Value;

/// Why a template could not be parsed or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}`: {message}")]
pub struct RenderError {
    /// The expression without its braces.
    pub expression: String,
    /// What is wrong with it.
    pub message: String,
}

/// A parsed template. Rendering it repeatedly is cheap, and free if it has no expressions.
#[derive(Clone, Debug)]
pub struct CompiledTemplate {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Expression(Arc<Compiled>),
}

/// A borrowed piece of a template.
pub(crate) enum Fragment<'a> {
    /// Literal text.
    Text(&'a str),
    /// An expression.
    Expression(&'a Compiled),
}

/// One expression of a template.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The text between the braces.
    pub(crate) source: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// A dotted name, which is looked up without the engine.
    Name(Vec<String>),
    Parsed(Parsed),
}

impl Compiled {
    fn new(source: &str) -> Result<Self, RenderError> {
        let way = match dotted(source) {
            Some(path) => Way::Name(path),
            None => Way::Parsed(Parsed::new(source).map_err(|m| failed(source, m))?),
        };
        let source = source.to_owned();
        Ok(Self { source, way })
    }

    /// Every name that it reads, split at the dots.
    pub(crate) fn names(&self) -> Vec<Vec<String>> {
        match &self.way {
            Way::Name(path) => vec![path.clone()],
            Way::Parsed(parsed) => parsed
                .names
                .iter()
                .map(|name| name.split('.').map(str::to_owned).collect())
                .collect(),
        }
    }

    /// The parts of its name, if it is one dotted name.
    pub(crate) fn as_name(&self) -> Option<&[String]> {
        match &self.way {
            Way::Name(path) => Some(path),
            Way::Parsed(_) => None,
        }
    }

    /// True if it is only a parameter's name. Such a parameter may be a choice.
    pub(crate) fn is_choice(&self) -> bool {
        matches!(self.as_name(), Some([root, _]) if root == "params")
    }

    /// Its value for one task.
    pub(crate) fn evaluate(&self, scope: &Scope) -> Result<Outcome, RenderError> {
        match &self.way {
            Way::Name(path) => scope
                .lookup(path)
                .map(|value| Outcome { value, raw: false }),
            Way::Parsed(parsed) => parsed.evaluate(scope),
        }
        .map_err(|message| failed(&self.source, message))
    }
}

impl CompiledTemplate {
    /// Parses text.
    ///
    /// # Errors
    ///
    /// Fails if an expression does not parse, or a `${{` has no end.
    pub fn new(source: &str) -> Result<Self, RenderError> {
        let mut pieces = Vec::new();
        if !has_expression(source) {
            pieces.push(Piece::Text(source.to_owned()));
        } else {
            let segments = segment::split(source).map_err(|open| {
                failed(&source[open.0..], "`${{` is never closed by `}}`".into())
            })?;
            for segment in segments {
                pieces.push(match segment {
                    Segment::Text(text) => Piece::Text(text),
                    Segment::Expression { source, .. } => {
                        Piece::Expression(Arc::new(Compiled::new(&source)?))
                    }
                });
            }
        }
        let source = source.to_owned();
        Ok(Self { source, pieces })
    }

    /// The text that was parsed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// True if it has no expression, so every rendering gives its own text.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.pieces.iter().all(|p| matches!(p, Piece::Text(_)))
    }

    /// Its pieces, in order.
    pub(crate) fn fragments(&self) -> impl Iterator<Item = Fragment<'_>> {
        self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Fragment::Text(text),
            Piece::Expression(one) => Fragment::Expression(one),
        })
    }

    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Compiled> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Expression(compiled) => Some(compiled.as_ref()),
            Piece::Text(_) => None,
        })
    }

    /// Its expression, if the template is exactly one.
    pub(crate) fn single(&self) -> Option<&Compiled> {
        match self.pieces.as_slice() {
            [Piece::Expression(compiled)] => Some(compiled),
            _ => None,
        }
    }

    /// Its value. A template that is exactly one expression keeps the expression's type.
    ///
    /// # Errors
    ///
    /// Fails if an expression fails or reads an undefined name.
    pub fn render(&self, scope: &Scope) -> Result<Value, RenderError> {
        match self.single() {
            Some(only) => Ok(only.evaluate(scope)?.value),
            None => self.render_text(scope).map(Value::String),
        }
    }

    /// Its value as text.
    ///
    /// # Errors
    ///
    /// As [`Self::render`].
    pub fn render_text(&self, scope: &Scope) -> Result<String, RenderError> {
        let mut text = String::with_capacity(self.source.len());
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Expression(one) => text.push_str(&one.evaluate(scope)?.value.to_text()),
            }
        }
        Ok(text)
    }

    /// Whether a condition holds. `false`, `null`, `0` and empty values do not.
    ///
    /// # Errors
    ///
    /// As [`Self::render`].
    pub fn condition(&self, scope: &Scope) -> Result<bool, RenderError> {
        Ok(holds(&self.render(scope)?))
    }

    /// What it reads.
    #[must_use]
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::default();
        for expression in self.expressions() {
            uses.add(&expression.names());
        }
        uses
    }
}

fn holds(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(held) => *held,
        Value::Int(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::String(text) => !(text.is_empty() || text == "false"),
        Value::List(list) => !list.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Written(written) => holds(&written.plain()),
    }
}

impl Template {
    /// A template without a place in a file.
    #[must_use]
    pub fn new(source: impl Into<String>) -> Self {
        let source = source.into();
        let span = crate::source::Span::default();
        Self { source, span }
    }

    /// Parses it for repeated rendering.
    ///
    /// # Errors
    ///
    /// As [`CompiledTemplate::new`].
    pub fn compile(&self) -> Result<CompiledTemplate, RenderError> {
        CompiledTemplate::new(&self.source)
    }

    /// [`CompiledTemplate::render`], once.
    ///
    /// # Errors
    ///
    /// As [`CompiledTemplate::new`] and [`CompiledTemplate::render`].
    pub fn render(&self, scope: &Scope) -> Result<Value, RenderError> {
        self.compile()?.render(scope)
    }

    /// [`CompiledTemplate::render_text`], once.
    ///
    /// # Errors
    ///
    /// As [`CompiledTemplate::new`] and [`CompiledTemplate::render`].
    pub fn render_text(&self, scope: &Scope) -> Result<String, RenderError> {
        self.compile()?.render_text(scope)
    }

    /// [`CompiledTemplate::condition`], once.
    ///
    /// # Errors
    ///
    /// As [`CompiledTemplate::new`] and [`CompiledTemplate::render`].
    pub fn condition(&self, scope: &Scope) -> Result<bool, RenderError> {
        self.compile()?.condition(scope)
    }

    /// What it reads; nothing if it does not parse, which `check` reports.
    #[must_use]
    pub fn uses(&self) -> Uses {
        self.compile().map(|t| t.uses()).unwrap_or_default()
    }
}

/// Renders every string within a value, as in `with:`.
///
/// # Errors
///
/// As [`CompiledTemplate::new`] and [`CompiledTemplate::render`].
pub fn render_value(value: &Value, scope: &Scope) -> Result<Value, RenderError> {
    Ok(match value {
        Value::String(text) if has_expression(text) => {
            CompiledTemplate::new(text)?.render(scope)?
        }
        Value::List(list) => Value::List(
            list.iter()
                .map(|item| render_value(item, scope))
                .collect::<Result<_, _>>()?,
        ),
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, item)| Ok((key.clone(), render_value(item, scope)?)))
                .collect::<Result<_, RenderError>>()?,
        ),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Written(_) => value.clone(),
    })
}

impl RenderError {
    /// An error of one expression.
    pub(crate) fn of(expression: &str, message: String) -> Self {
        failed(expression, message)
    }
}

fn failed(expression: &str, message: String) -> RenderError {
    let expression = expression.to_owned();
    RenderError {
        expression,
        message,
    }
}

/// The parts of a dotted name such as `params.k`; `None` for anything that needs the engine.
fn dotted(source: &str) -> Option<Vec<String>> {
    const WORDS: &[&str] = &["true", "false", "none", "True", "False", "None", "not"];
    let words: Vec<String> = source.split('.').map(str::to_owned).collect();
    let plain = |word: &String| {
        word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    (words.iter().all(plain) && !WORDS.contains(&source)).then_some(words)
}
