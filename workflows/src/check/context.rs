//! The data that all checks share.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::facts::Facts;

/// The data that all checks share.
pub(super) struct Context<'a> {
    /// The text of all files, to which places refer.
    pub(super) text: &'a str,
    pub(super) catalog: &'a Catalog,
    pub(super) facts: &'a Facts,
    /// Full names of the parameters whose default does not count, because they get another value.
    pub(super) given: BTreeSet<String>,
    pub(super) found: Vec<Diagnostic>,
}

impl Context<'_> {
    /// Reports a mistake.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }
}
