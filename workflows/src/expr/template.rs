//! Templates: text and the expressions in it.

use std::sync::Arc;

use super::error::RenderError;
use super::expression::Compiled;
use super::scope::Scope;
use super::segment::{Segment, has_expression, split};
use super::uses::Uses;
use crate::model::Template;
use crate::value::Value;

/// The most expressions of one text. Each has a place in its script, and checking a place reads the
/// command around it.
const EXPRESSION_LIMIT: usize = 2000;

fn too_many() -> String {
    format!(
        "one text has at most {EXPRESSION_LIMIT} expressions; give the values to the command as a file (`inputs:`)"
    )
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
            let segments = split(source).map_err(|open| {
                RenderError::of(&source[open.0..], "`${{` is never closed by `}}`".into())
            })?;
            let is_expression = |one: &&Segment| matches!(one, Segment::Expression { .. });
            if let Some(Segment::Expression { source, .. }) =
                segments.iter().filter(is_expression).nth(EXPRESSION_LIMIT)
            {
                return Err(RenderError::of(source, too_many()));
            }
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

    /// Whether its text begins with what an expression that reads `item` gives.
    #[must_use]
    pub fn begins_with_item(&self) -> bool {
        let Some(Piece::Expression(first)) = self.pieces.first() else {
            return false;
        };
        let mut uses = Uses::default();
        uses.add(first);
        uses.item.is_read()
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

    /// Whether a condition holds.
    ///
    /// # Errors
    ///
    /// As [`Self::render`], and if the value is neither `true` nor `false`.
    pub fn condition(&self, scope: &Scope) -> Result<bool, RenderError> {
        let expression = self
            .single()
            .map_or(self.source.as_str(), |one| &one.source);
        super::condition::holds(expression, &self.render(scope)?)
            .map_err(|message| RenderError::of(expression, message))
    }

    /// What it reads.
    #[must_use]
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::default();
        for expression in self.expressions() {
            uses.add(expression);
        }
        uses
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
