//! The variables whose content reaches an interpreter, or `xargs`, through a descriptor.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::interpreter;
use super::nested;
use super::node::{DASHED, INPUT, LOOSE, descendants, is_document, is_fed_within};
use super::output;
use super::reads::{dashed, identifiers, is_variable, loosely, read};
use super::source::Source;
use super::sources::is_fed;
use super::written;

/// The standard input of a command that reads its program from there, if nothing feeds it: it
/// is that of the whole script.
pub(super) fn of_input(node: Node<'_>, words: &[String], found: &mut BTreeSet<String>) {
    if interpreter::interprets_pipe(words) && !is_fed(node) {
        found.insert(INPUT.to_owned());
    }
}

/// Variables in a here-document or here-string that an interpreter reads as its program.
pub(super) fn of_document(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let documents: Vec<Node<'_>> = node
        .children(&mut cursor)
        .filter(|part| is_document(*part) || part.kind() == "file_redirect")
        .filter(|part| !written::is_output(*part, text))
        .collect();
    if !documents.is_empty() && any_command(node, text, interpreter::interprets) {
        for part in documents {
            // A file that is fed to an interpreter is a program that the script runs.
            match part.kind() {
                "file_redirect" if !text[part.byte_range()].contains("<(") => {
                    loosely(found, |found| read(part, text, found));
                }
                "herestring_redirect" => {
                    read(part, text, found);
                    if any_command(node, text, interpreter::interprets_as_shell) {
                        identifiers(part, text, found);
                    }
                }
                _ => {
                    // The parser puts `> FILE` after `<<EOF` inside, and that is not read.
                    let mut cursor = part.walk();
                    let parts = part.children(&mut cursor);
                    parts
                        .filter(|part| !written::is_output(*part, text))
                        .for_each(|part| read(part, text, found));
                }
            }
            let body = descendants(part, |_| true)
                .into_iter()
                .find(|one| one.kind() == "heredoc_body");
            // In another language, a variable of the environment is data.
            let body = body.filter(|_| any_command(node, text, interpreter::interprets_as_shell));
            if let Some(body) = body {
                let program = nested::evaluated(&text[body.byte_range()]);
                found.extend(program.into_iter().filter(|name| is_variable(name)));
            }
        }
        let words = written::inputs(node, text).into_iter();
        found.extend(words.map(|word| format!("{LOOSE}{}", written::program(&word))));
    }
}

/// Variables in what a statement writes to an interpreter: `echo "$x" > >(bash)`.
pub(super) fn of_output(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.children(&mut cursor).collect();
    let (redirects, others): (Vec<Node<'_>>, Vec<Node<'_>>) = parts
        .into_iter()
        .partition(|part| part.kind() == "file_redirect");
    let interprets = |part: &Node<'_>| {
        text[part.byte_range()].contains(">(")
            && any_command(*part, text, interpreter::interprets_pipe)
    };
    if redirects.iter().any(interprets) {
        others.into_iter().for_each(|part| read(part, text, found));
    }
}

/// Variables in text that is piped to an interpreter.
pub(super) fn of_pipeline(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
    let last = parts
        .iter()
        .rposition(|part| any_command(*part, text, interpreter::interprets_pipe));
    // The first part may pass on what the whole script reads.
    if last.is_some_and(|last| last > 0) {
        found.insert(INPUT.to_owned());
    }
    for part in parts.iter().take(last.unwrap_or(0)) {
        match output::is_content(*part, text) {
            true => loosely(found, |found| read(*part, text, found)),
            false => {
                read(*part, text, found);
                // What is written may itself name variables.
                identifiers(*part, text, found);
            }
        }
    }
}

/// What a command such as `xargs sed` may take as an option, because it comes from its input.
pub(super) fn of_dashed_input(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
    let is_dashed = |part: &Node<'_>| any_command(*part, text, interpreter::dashes_input);
    let piped = match node.kind() {
        "pipeline" => parts.iter().rposition(is_dashed).unwrap_or(0),
        _ if is_dashed(&node) => parts.len(),
        _ => 0,
    };
    for part in parts.into_iter().take(piped) {
        dashed(part, text, found);
    }
    if piped > 0 && node.kind() != "pipeline" {
        let words = written::inputs(node, text).into_iter();
        found.extend(words.map(|word| format!("{DASHED}{}", written::file(&word))));
    }
}

fn any_command(node: Node<'_>, text: &Source<'_>, holds: fn(&[String]) -> bool) -> bool {
    let mut commands = descendants(node, |_| true)
        .into_iter()
        .filter(|n| n.kind() == "command" && !is_fed_within(*n, node));
    commands.any(|command| {
        text.runs(command, &|words| {
            // A function of the script may evaluate its words.
            holds(words) || interpreter::is_parallel(words) && text.mentions("export -f")
        })
    })
}
