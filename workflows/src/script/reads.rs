//! The names that a part of a script takes text from, as the rules for evaluation collect them.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::guard;
use super::interpreter::MARK;
use super::node::{
    CUT, DASHED, DIVIDED, LOOSE, dequoted, is_expansion, is_length, outside_substitutions,
    own_text, read_name,
};
use super::output::outside_numbers;
use super::source::Source;
use super::sources;
use super::written;

/// True for the name of a variable, as opposed to a positional parameter.
pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// A word without its quotes. With `marks`, each variable in it becomes a mark.
pub(super) fn with_marks(node: Node<'_>, text: &Source<'_>, marks: bool) -> String {
    let mut word = String::new();
    let mut from = node.start_byte();
    if marks {
        let mut ranges: Vec<_> = outside_numbers(node, text)
            .into_iter()
            .filter(|node| is_expansion(*node) || node.kind() == "command_substitution")
            .map(|node| node.byte_range())
            .collect();
        ranges.sort_by_key(|range| range.start);
        for range in ranges {
            if range.start >= from {
                word.push_str(&text[from..range.start]);
                word.push(MARK);
                from = range.end;
            }
        }
    }
    word.push_str(&text[from..node.end_byte()]);
    dequoted(node.kind(), word)
}

/// Adds the variable of an expansion that is evaluated only if its text divides into several words.
pub(super) fn divided(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let name = read_name(node, text).filter(|_| is_expansion(node));
    found.extend(name.map(|name| format!("{DIVIDED}{name}")));
}

/// Adds everything that the expansions in a node's subtree take text from.
pub(super) fn expansions(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let sources = sources::sources(node, text);
    found.extend(sources.into_iter().filter(|name| !written::is_file(name)));
}

/// Adds the variables that are expanded in a node's subtree, and the files that it names.
pub(super) fn read(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    found.extend(sources::sources(node, text));
}

/// Adds names that are evaluated even if their text comes from outside the script.
pub(super) fn loosely(found: &mut BTreeSet<String>, add: impl FnOnce(&mut BTreeSet<String>)) {
    let mut names = BTreeSet::new();
    add(&mut names);
    found.extend(names.into_iter().map(|name| format!("{LOOSE}{name}")));
}

/// Like [`identifiers`], for the children of a node that the parser itself reads as a substitution.
pub(super) fn within(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    node.children(&mut cursor)
        .for_each(|child| identifiers(child, text, found));
}

/// Adds every word in a node's subtree that could be a variable's name, because arithmetic reads
/// variables without `$`.
pub(super) fn identifiers(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    expansions(node, text, found);
    for node in outside_substitutions(node) {
        if !is_expansion(node) && !is_length(node, text) {
            own_text(node)
                .into_iter()
                .for_each(|range| words(&text[range], found));
        }
    }
}

/// Adds every word of a text that could be a variable's name.
pub(super) fn words(source: &str, found: &mut BTreeSet<String>) {
    let names = source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names =
        names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    found.extend(names.map(str::to_owned));
}

/// Adds every word between the first `[` of a text and the last `]`.
pub(super) fn subscript_words(source: &str, found: &mut BTreeSet<String>) {
    let first = source.find('[').map(|at| at + 1);
    let last = source.rfind(']');
    if let Some(inner) = first
        .zip(last)
        .and_then(|(first, last)| source.get(first..last))
    {
        words(inner, found);
    }
}

/// Adds what a word may begin with. It must not begin with `-`.
pub(super) fn dashed(word: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mark = match guard::cuts(&text[word.byte_range()]) {
        true => CUT,
        false => DASHED,
    };
    let names = sources::sources(word, text).into_iter();
    found.extend(names.map(|name| format!("{mark}{name}")));
}
