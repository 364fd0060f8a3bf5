//! Values of our own that the engine holds as objects.

use std::fmt;
use std::sync::Arc;

use minijinja::Value as Dynamic;
use minijinja::value::{Object, ObjectRepr};

use super::scope::InputValue;
use crate::written::{Meaning, Written};

/// The result of `| raw`: a value that is written into a shell script unchanged.
#[derive(Debug)]
pub(super) struct Raw(pub(super) Dynamic);

impl Object for Raw {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// `inputs.x` in an expression that also reads a member of it. It renders as the path.
#[derive(Debug)]
pub(super) struct InputObject {
    path: String,
    /// `None` if the expression does not name them. They were not listed then.
    parts: Option<Vec<String>>,
}

impl InputObject {
    pub(super) fn new(input: &InputValue, has_parts: bool) -> Self {
        Self {
            path: input.path.clone(),
            parts: has_parts.then(|| input.parts.clone()),
        }
    }

    /// The bytes of all its paths.
    pub(super) fn size(&self) -> usize {
        let parts = self.parts.iter().flatten();
        self.path.len() + parts.map(String::len).sum::<usize>()
    }
}

impl Object for InputObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Dynamic) -> Option<Dynamic> {
        match key.as_str()? {
            "path" => Some(Dynamic::from(self.path.clone())),
            "parts" | "files" => self.parts.clone().map(Dynamic::from),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// A number or boolean, with its text.
#[derive(Debug)]
pub(super) struct WrittenNumber(pub(super) Written);

impl WrittenNumber {
    /// The number that the engine computes with.
    pub(super) fn number(&self) -> Dynamic {
        match self.0.means() {
            Meaning::Bool(held) => held.into(),
            Meaning::Int(number) => number.into(),
            Meaning::Unsigned(number) => number.into(),
            Meaning::Float(number) => number.into(),
        }
    }
}

impl Object for WrittenNumber {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.number().is_true()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.text())
    }
}
