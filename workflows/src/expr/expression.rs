//! One expression of a template, parsed.

use super::error::RenderError;
use super::jinja::{Outcome, Parsed};
use super::scope::Scope;

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
    /// Parses one expression, given without its braces.
    pub(super) fn new(source: &str) -> Result<Self, RenderError> {
        let way = match dotted(source) {
            Some(path) => Way::Name(path),
            None => Way::Parsed(Parsed::new(source).map_err(|m| RenderError::of(source, m))?),
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
        .map_err(|message| RenderError::of(&self.source, message))
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
