//! The files of one workflow: its own, and those that its stages use.

use std::collections::BTreeMap;

use super::context::Context;
use super::reference::word_from;
use crate::facts::Facts;
use crate::model::{OuterCondition, Reference, full_name};
use crate::source::{Sources, Span};
use crate::syntax::{conform, workflow_kind};
use crate::yaml::{self, Node};

/// The trees of the files that stages use, by path.
pub(super) type Trees = BTreeMap<String, Node>;

/// Reads every file that stages use.
pub(super) fn read_used(facts: &Facts, sources: &Sources, context: &mut Context<'_>) -> Trees {
    let read = facts.used.iter().filter(|(_, file)| file.text.is_ok());
    let mut trees = Trees::new();
    for ((path, file), text) in read.zip(sources.files().skip(1)) {
        let mut found = Vec::new();
        let root = yaml::read(text.text, &mut found).map(|mut root| {
            let label = format!("the file {}", file.shown);
            conform(&root, &workflow_kind(), &label, &mut found);
            root.move_by(text.start);
            root
        });
        for mut mistake in found {
            mistake.span = mistake.span.moved_by(text.start);
            context.report(mistake);
        }
        trees.extend(root.map(|root| (path.clone(), root)));
    }
    trees
}

/// Files around each other, from the outside in: the identity of each, and its path in messages.
pub(super) type Chain = Vec<(String, String)>;

/// A file whose stages are being lowered.
pub(super) struct File<'a> {
    /// The full name of the stage that uses it; `None` for the workflow's own file.
    pub(super) around: Option<&'a str>,
    /// Its folder, as [`crate::model::Used::folder`].
    pub(super) folder: &'a str,
    /// The conditions of the stages around it, from the outside in.
    pub(super) conditions: Vec<OuterCondition>,
    /// What its stages wait for, because the stages around it do.
    pub(super) waits: Vec<(String, Span)>,
    /// The files around it, and itself.
    pub(super) chain: Chain,
}

impl File<'_> {
    /// The workflow's own file.
    pub(super) fn root(facts: &Facts) -> File<'static> {
        File {
            around: None,
            folder: "",
            conditions: Vec::new(),
            waits: Vec::new(),
            chain: vec![(facts.identity.clone(), "this workflow".to_owned())],
        }
    }

    /// The full name of what the file calls `name`.
    pub(super) fn name(&self, name: &str) -> String {
        full_name(self.around, name)
    }

    /// A path that the file states, as it is from the workflow's folder.
    pub(super) fn path(&self, path: &str) -> String {
        word_from(self.folder, path)
    }

    /// A source that the file states, by full names and by paths from the workflow's folder.
    pub(super) fn reference(&self, reference: Reference) -> Reference {
        match reference {
            Reference::Port { stage, port } => Reference::Port {
                stage: self.name(&stage),
                port,
            },
            Reference::Param(name) => Reference::Param(self.name(&name)),
            Reference::Path(path) => Reference::Path(self.path(&path)),
            Reference::Pattern(pattern) => Reference::Pattern(self.path(&pattern)),
            Reference::Item(text) => Reference::Item(self.path(&text)),
            Reference::Url(url) => Reference::Url(url),
        }
    }
}
