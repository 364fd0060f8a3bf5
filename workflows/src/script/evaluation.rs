//! Finds the variables whose content a script evaluates: in arithmetic, in subscripts, as names,
//! and as programs.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::interpreter;
use super::node::{
    CUT, DASHED, DIVIDED, ENVIRONMENT, LOOSE, POSITIONAL, descendants, is_list,
    outside_substitutions, read_name,
};
use super::operands::of_command;
use super::reads::{divided, expansions, identifiers, subscript_words, within, words};
use super::source::Source;
use super::streams::{of_dashed_input, of_document, of_output, of_pipeline};
use super::written;

/// The names of all variables whose content the script evaluates anywhere.
pub(super) fn names(root: Node<'_>, text: &Source<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // A command without a folder may be a file that the script wrote.
    let sets_path = text.mentions("PATH=");
    for node in descendants(root, |_| true) {
        of_node(node, text, &mut found);
        if sets_path && node.kind() == "command_name" {
            let file = written::command(&text[node.byte_range()]);
            found.insert(format!("{LOOSE}{file}"));
        }
    }
    old_arithmetic(text, &mut found);
    // The shell itself evaluates these, and programs the others.
    found.extend(interpreter::NUMBERS.iter().map(|name| (*name).to_owned()));
    let programs = interpreter::EVALUATED.iter();
    found.extend(programs.map(|name| format!("{LOOSE}{name}")));
    found
}

/// The names whose content one node evaluates wherever their text comes from, without the nodes within
/// it.
pub(super) fn strictly(node: Node<'_>, text: &Source<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    of_node(node, text, &mut found);
    let loose = |name: &String| {
        [LOOSE, DIVIDED, DASHED, CUT]
            .iter()
            .any(|mark| name.starts_with(mark))
            || name == ENVIRONMENT
    };
    found.retain(|name| !loose(name));
    found
}

fn of_node(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let source = &text[node.byte_range()];
    match node.kind() {
        "arithmetic_expansion" => identifiers(node, text, found),
        "command_substitution" if source.starts_with("$((") => within(node, text, found),
        "compound_statement" | "subshell" | "test_command" if source.starts_with("((") => {
            within(node, text, found);
        }
        "test_command" if source.starts_with("[[") => {
            if evaluates_test(source) {
                identifiers(node, text, found);
            }
            tested_names(node, text, found);
        }
        "test_command" => {
            tested_names(node, text, found);
            spread_operands(node, text, found);
        }
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
            of_elements(node, text, found);
        }
        "expansion" => of_expansion(node, text, found),
        "declaration_command" => of_declaration(node, text, found),
        "unset_command" => {
            expansions(node, text, found);
            let mut cursor = node.walk();
            let names = node.named_children(&mut cursor);
            names.for_each(|name| subscript_words(&text[name.byte_range()], found));
        }
        "command" => {
            of_command(node, text, found);
            of_document(node, text, found);
            of_dashed_input(node, text, found);
        }
        "redirected_statement" => {
            of_document(node, text, found);
            of_output(node, text, found);
            of_dashed_input(node, text, found);
        }
        "pipeline" => {
            of_pipeline(node, text, found);
            of_dashed_input(node, text, found);
        }
        _ => {}
    }
}

/// Variables in the subscripts of elements such as `[n]=V`.
fn of_elements(array: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = array.walk();
    for element in array.named_children(&mut cursor) {
        let source = &text[element.byte_range()];
        let Some(end) = source.rfind("]=").or_else(|| source.rfind("]+=")) else {
            continue;
        };
        let mut parts = element.walk();
        let subscript = element.children(&mut parts);
        subscript
            .take_while(|part| part.start_byte() < element.start_byte() + end)
            .for_each(|part| identifiers(part, text, found));
    }
}

/// Variables that an expansion evaluates: `${!x}` uses the text of `x` as a name, `${x@P}` as a
/// prompt, and `${s:x}` as an offset.
fn of_expansion(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let source = &text[node.byte_range()];
    if source.starts_with("${!") || source.ends_with("@P}") {
        found.extend(read_name(node, text));
    }
    // Only the offset and the length are evaluated, not the text that they divide.
    let Some(colon) = source.find(':') else {
        return;
    };
    if source[colon + 1..].starts_with(['-', '+', '=', '?']) {
        return;
    }
    let mut cursor = node.walk();
    let after = node
        .children(&mut cursor)
        .filter(|part| part.end_byte() > node.start_byte() + colon + 1);
    after.for_each(|part| identifiers(part, text, found));
}

/// Variables that a declaration evaluates: `declare -i` evaluates values, and `declare -n` uses
/// them as names.
fn of_declaration(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    if declares_evaluated(&text[node.byte_range()]) {
        identifiers(node, text, found);
    }
    // A word such as `"v_$n=1"` holds a name, and the subscript of a name is evaluated.
    let mut cursor = node.walk();
    let computed = node
        .children(&mut cursor)
        .filter(|part| part.kind() != "variable_assignment");
    for part in computed {
        expansions(part, text, found);
        if matches!(part.kind(), "raw_string" | "string" | "concatenation") {
            subscript_words(&text[part.byte_range()], found);
        }
    }
}

/// True if a declaration makes its variables numbers or references.
pub(super) fn declares_evaluated(source: &str) -> bool {
    source.split_whitespace().any(|word| {
        let letters = word.strip_prefix(['-', '+']);
        letters.is_some_and(|letters| !letters.starts_with('-') && letters.contains(['i', 'n']))
    })
}

/// Variables that a test evaluates: `-v "$x"` uses the text of `x` as a name.
fn tested_names(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let source = &text[node.byte_range()];
    if source
        .split_whitespace()
        .any(|word| matches!(word, "-v" | "-R"))
    {
        expansions(node, text, found);
        source
            .split_whitespace()
            .filter(|word| word.contains(['\'', '"']))
            .for_each(|word| subscript_words(word, found));
    }
}

/// Variables that may become several operands of `[ … ]`, such as `-v` and a name.
fn spread_operands(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    if text[node.byte_range()].starts_with("((") {
        return;
    }
    let within = |node: Node<'_>| {
        let mut around = node.parent();
        while let Some(one) = around.filter(|one| one.kind() != "test_command") {
            if one.kind() == "string" {
                return true;
            }
            around = one.parent();
        }
        false
    };
    for node in outside_substitutions(node) {
        if !within(node) || is_list(node, text) {
            divided(node, text, found);
        }
    }
}

/// True if `[[ … ]]` evaluates operands: in comparisons of numbers and as names.
pub(super) fn evaluates_test(source: &str) -> bool {
    const SIGNS: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v", "-R"];
    source.split_whitespace().any(|word| SIGNS.contains(&word))
}

/// Variables in `$[ x ]`, which the grammar does not know.
fn old_arithmetic(text: &Source<'_>, found: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices("$[") {
        let rest = &text[at..];
        let inner = &rest[..rest.find(']').unwrap_or(rest.len())];
        words(inner, found);
        if inner[2..].contains('$') {
            found.insert(POSITIONAL.to_owned());
        }
    }
}
