//! Finds the variables whose content a script evaluates: in arithmetic, in subscripts, as names,
//! and as programs.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::interpreter::{self, MARK, Verdict};
use super::node::{
    POSITIONAL, descendants, is_document, is_expansion, is_word, outside_substitutions, own_text,
    read_name, unquoted,
};

/// The names of all variables whose content the script evaluates anywhere.
pub(super) fn names(root: Node<'_>, text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for node in descendants(root, |_| true) {
        of_node(node, text, &mut found);
    }
    old_arithmetic(text, &mut found);
    found
}

fn of_node(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    let source = &text[node.byte_range()];
    match node.kind() {
        "arithmetic_expansion" => identifiers(node, text, found),
        "command_substitution" if source.starts_with("$((") => within(node, text, found),
        "compound_statement" | "subshell" | "test_command" if source.starts_with("((") => {
            within(node, text, found);
        }
        "test_command" if source.starts_with("[[") => {
            if compares_numbers(source) {
                identifiers(node, text, found);
            }
            tested_names(node, text, found);
        }
        "test_command" => tested_names(node, text, found),
        "c_style_for_statement" => {
            let mut cursor = node.walk();
            let header = node
                .children(&mut cursor)
                .take_while(|child| !matches!(child.kind(), "do_group" | "compound_statement"));
            header.for_each(|child| identifiers(child, text, found));
        }
        "subscript" => {
            if let Some(index) = node.child_by_field_name("index") {
                identifiers(index, text, found);
            }
        }
        "array" if source.contains("]=") || source.contains("]+=") => {
            identifiers(node, text, found)
        }
        "expansion" => of_expansion(node, text, found),
        "declaration_command" => of_declaration(node, text, found),
        "unset_command" => expansions(node, text, found),
        "variable_assignment" => {
            let name = node.child_by_field_name("name");
            if name.is_some_and(|name| interpreter::is_evaluated(&text[name.byte_range()])) {
                expansions(node, text, found);
            }
        }
        "command" => {
            of_command(node, text, found);
            of_document(node, text, found);
        }
        "redirected_statement" => of_document(node, text, found),
        "pipeline" => of_pipeline(node, text, found),
        _ => {}
    }
}

/// Variables that an expansion evaluates: `${!x}` uses the text of `x` as a name, `${x@P}` as a
/// prompt, and `${s:x}` as an offset.
fn of_expansion(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    let source = &text[node.byte_range()];
    if source.starts_with("${!") || source.ends_with("@P}") {
        found.extend(read_name(node, text));
    }
    let offset = source.find(':').map(|at| &source[at + 1..]);
    if offset.is_some_and(|rest| !rest.starts_with(['-', '+', '=', '?'])) {
        identifiers(node, text, found);
    }
}

/// Variables that a declaration evaluates: `declare -i` evaluates values, and `declare -n` uses
/// them as names.
fn of_declaration(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    let mut words = text[node.byte_range()].split_whitespace();
    let evaluates = words.any(|word| {
        let letters = word.strip_prefix(['-', '+']);
        letters.is_some_and(|letters| !letters.starts_with('-') && letters.contains(['i', 'n']))
    });
    if evaluates {
        identifiers(node, text, found);
    }
}

/// Variables in words that the command evaluates.
fn of_command(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node
        .children(&mut cursor)
        .filter(|part| is_word(*part))
        .collect();
    let mut literal: Vec<String> = parts
        .iter()
        .map(|part| with_marks(*part, text, false))
        .collect();
    if literal.first().is_some_and(|name| name == "let") {
        parts
            .iter()
            .for_each(|part| identifiers(*part, text, found));
    }
    for (at, part) in parts.iter().enumerate() {
        let marked = with_marks(*part, text, true);
        if !marked.contains(MARK) {
            continue;
        }
        let plain = std::mem::replace(&mut literal[at], marked);
        let verdict = interpreter::verdict(&literal, at, MARK);
        literal[at] = plain;
        if matches!(verdict, Verdict::Refused(_)) {
            expansions(*part, text, found);
        }
    }
}

/// Variables in a here-document or here-string that an interpreter reads as its program.
fn of_document(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let documents: Vec<Node<'_>> = node
        .children(&mut cursor)
        .filter(|part| is_document(*part))
        .collect();
    if !documents.is_empty() && any_command(node, text, interpreter::interprets) {
        documents
            .into_iter()
            .for_each(|part| expansions(part, text, found));
    }
}

/// Variables in text that is piped to an interpreter.
fn of_pipeline(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
    let last = parts
        .iter()
        .rposition(|part| any_command(*part, text, interpreter::interprets_pipe));
    for part in parts.iter().take(last.unwrap_or(0)) {
        expansions(*part, text, found);
    }
}

fn any_command(node: Node<'_>, text: &str, holds: fn(&[String]) -> bool) -> bool {
    let mut commands = descendants(node, |_| true)
        .into_iter()
        .filter(|n| n.kind() == "command");
    commands.any(|command| {
        let mut cursor = command.walk();
        let parts = command.children(&mut cursor);
        let words: Vec<String> = parts
            .filter(|part| is_word(*part))
            .map(|part| with_marks(part, text, false))
            .collect();
        holds(&words)
    })
}

/// A word without its quotes. With `marks`, each variable in it becomes a mark.
fn with_marks(node: Node<'_>, text: &str, marks: bool) -> String {
    let mut word = String::new();
    let mut from = node.start_byte();
    if marks {
        let mut ranges: Vec<_> = outside_substitutions(node)
            .into_iter()
            .filter(|node| is_expansion(*node))
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
    unquoted(word)
}

/// Variables that a test evaluates: `-v "$x"` uses the text of `x` as a name.
fn tested_names(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    let source = &text[node.byte_range()];
    if source
        .split_whitespace()
        .any(|word| matches!(word, "-v" | "-R"))
    {
        expansions(node, text, found);
    }
}

fn compares_numbers(source: &str) -> bool {
    const SIGNS: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
    source.split_whitespace().any(|word| SIGNS.contains(&word))
}

/// Adds the variables that are expanded in a node's subtree.
fn expansions(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    for node in outside_substitutions(node) {
        if is_expansion(node) {
            found.extend(read_name(node, text));
        }
    }
}

/// Like [`identifiers`], for the children of a node that the parser itself reads as a substitution.
fn within(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    node.children(&mut cursor)
        .for_each(|child| identifiers(child, text, found));
}

/// Adds every word in a node's subtree that could be a variable's name, because arithmetic reads
/// variables without `$`.
fn identifiers(node: Node<'_>, text: &str, found: &mut BTreeSet<String>) {
    for node in outside_substitutions(node) {
        if is_expansion(node) {
            found.extend(read_name(node, text));
        } else {
            own_text(node)
                .into_iter()
                .for_each(|range| words(&text[range], found));
        }
    }
}

fn words(source: &str, found: &mut BTreeSet<String>) {
    let names = source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names =
        names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    found.extend(names.map(str::to_owned));
}

/// Variables in `$[ x ]`, which the grammar does not know.
fn old_arithmetic(text: &str, found: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices("$[") {
        let rest = &text[at..];
        let inner = &rest[..rest.find(']').unwrap_or(rest.len())];
        words(inner, found);
        if inner[2..].contains('$') {
            found.insert(POSITIONAL.to_owned());
        }
    }
}
