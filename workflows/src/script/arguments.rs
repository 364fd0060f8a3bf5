//! The words that a script's functions and `set` are given, which become `$1`, `$2` and so on.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::expansion::number;
use super::node::{descendants, literal, spreads};
use super::source::Source;

/// The most words that are followed.
const WORDS: usize = 32;

/// The words of all calls together.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    all: BTreeSet<String>,
    /// The first words, the second ones, and so on; empty if one word may become several, or `shift` or
    /// `set` moves them.
    by_place: Vec<BTreeSet<String>>,
}

impl Arguments {
    /// Finds them; `None` if a function may get others.
    pub(super) fn of(
        root: Node<'_>,
        text: &Source<'_>,
        functions: &BTreeSet<&str>,
    ) -> Option<Self> {
        let mut arguments = Self::default();
        let mut moves = text.mentions("shift");
        for command in descendants(root, |_| true) {
            let source = &text[command.byte_range()];
            // Another shell may call an exported function.
            if command.kind() == "declaration_command" && source.contains("-f") {
                return None;
            }
            let name = command.child_by_field_name("name");
            let Some(name) = name.filter(|_| command.kind() == "command") else {
                continue;
            };
            let name = literal(name, text);
            let calls = || functions.iter().any(|function| source.contains(*function));
            if name == "env_parallel" || matches!(name.as_str(), "eval" | "trap") && calls() {
                return None;
            }
            let computed = name.contains(['$', '`']);
            if !computed && name != "set" && !functions.contains(name.as_str()) {
                continue;
            }
            moves |= computed || name == "set";
            let mut cursor = command.walk();
            let words = command.children_by_field_name("argument", &mut cursor);
            for (at, word) in words.enumerate() {
                moves |= spreads(word, text);
                let word = literal(word, text);
                if at >= arguments.by_place.len() {
                    arguments.by_place.push(BTreeSet::new());
                }
                if let Some(place) = arguments.by_place.get_mut(at) {
                    place.insert(word.clone());
                }
                arguments.all.insert(word);
            }
        }
        if moves {
            arguments.by_place.clear();
        }
        (arguments.all.len() <= WORDS).then_some(arguments)
    }

    /// What a parameter may be: `$1`, `${1}`, `$@`.
    pub(super) fn get(&self, parameter: &str) -> &BTreeSet<String> {
        let place = number(parameter).parse::<usize>().ok();
        let place = place.and_then(|number| number.checked_sub(1));
        place
            .and_then(|place| self.by_place.get(place))
            .unwrap_or(&self.all)
    }
}
