//! The data that all checks share.

use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::facts::Facts;

/// The data that all checks share.
pub(super) struct Context<'a> {
    pub(super) text: &'a str,
    pub(super) catalog: &'a Catalog,
    pub(super) facts: &'a Facts,
    pub(super) found: Vec<Diagnostic>,
}

impl Context<'_> {
    /// Reports a mistake.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }
}
