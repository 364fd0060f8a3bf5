//! Commands whose output does not hold the text of their words.
//!
//! What a command prints may hold the text of its words or of the files that it reads. The output
//! of a few commands is a number by nature, so no text passes through them. A few others print what
//! is in the files that they are given, and never the names of the files.

use tree_sitter::Node;

use super::node::{descendants, is_word, literal, spreads};
use super::source::Source;

/// True if the last command of a substitution prints only a number.
pub(super) fn is_number(substitution: Node<'_>, text: &Source<'_>) -> bool {
    last_command(substitution).is_some_and(|command| prints_number(command, text))
}

/// A node and all nodes in its subtree, without the content of substitutions that print a number.
pub(super) fn outside_numbers<'t>(node: Node<'t>, text: &Source<'_>) -> Vec<Node<'t>> {
    descendants(node, |node| !is_number(node, text))
}

/// True for a command that prints only the content of its files.
pub(super) fn is_content(node: Node<'_>, text: &Source<'_>) -> bool {
    let name = node.child_by_field_name("name");
    let name = name.filter(|_| node.kind() == "command");
    name.is_some_and(|name| {
        let options = &text[name.end_byte()..node.end_byte()];
        matches!(
            &text[name.byte_range()],
            "cat" | "zcat" | "tac" | "cut" | "sort"
        ) && !text.redefines(&text[name.byte_range()])
            && !options.contains("--output")
            && !options.contains("<")
    })
}

/// True if a value in this command of a substitution must stay one word, because the command
/// prints names if it has several files.
pub(super) fn takes_one_file(command: Node<'_>, text: &Source<'_>) -> bool {
    let mut around = command.parent();
    while let Some(node) = around {
        if last_command(node).is_some_and(|last| last.id() == command.id()) {
            return command
                .child_by_field_name("name")
                .is_some_and(|name| text[name.byte_range()].ends_with("grep"))
                && prints_number(command, text);
        }
        around = match node.kind() {
            "pipeline" | "redirected_statement" => node.parent(),
            _ => None,
        };
    }
    false
}

/// The command whose output is the output of a substitution, if there is only one.
fn last_command(substitution: Node<'_>) -> Option<Node<'_>> {
    if !matches!(
        substitution.kind(),
        "command_substitution" | "process_substitution"
    ) {
        return None;
    }
    let mut node = substitution;
    loop {
        let children = node.named_child_count();
        let last = match node.kind() {
            "command_substitution" | "process_substitution" if children == 1 => node.named_child(0),
            "pipeline" => node.named_child(children.saturating_sub(1)),
            "redirected_statement" => node.child_by_field_name("body"),
            "command" => return Some(node),
            _ => None,
        };
        node = last?;
    }
}

fn prints_number(command: Node<'_>, text: &Source<'_>) -> bool {
    let mut cursor = command.walk();
    let words: Vec<String> = command
        .children(&mut cursor)
        .filter(|part| is_word(*part))
        .map(|part| match spreads(part, text) {
            true => SPREAD.to_owned(),
            false => literal(part, text),
        })
        .collect();
    let Some((name, words)) = words.split_first() else {
        return false;
    };
    if name != "date" && words.iter().any(|word| word == SPREAD) {
        return false;
    }
    let is_option = |word: &&String| word.starts_with('-');
    let number = match name.as_str() {
        // With a file among its words, `wc` also prints its name.
        "wc" => words
            .iter()
            .all(|word| matches!(word.as_str(), "-l" | "-w" | "-c" | "-m" | "-L")),
        "nproc" => words.is_empty(),
        // It converts each word to a number, and evaluates none.
        "printf" => words
            .first()
            .is_some_and(|format| matches!(format.as_str(), "%d" | "%i")),
        // With several files, `grep -c` also prints their names.
        "grep" | "egrep" | "fgrep" | "zgrep" => {
            let letters = |word: &str| word.chars().skip(1).all(|c| "cvEFiwxPah".contains(c));
            words
                .iter()
                .filter(is_option)
                .all(|word| word.len() > 1 && letters(word))
                && words.iter().filter(is_option).any(|w| w.contains('c'))
                && (words.iter().filter(is_option).any(|w| w.contains('h'))
                    || is_one_file(words.iter().filter(|w| !is_option(w))))
        }
        "stat" => {
            words.len() == 3
                && words[0] == "-c"
                && matches!(words[1].as_str(), "%s" | "%Y" | "%X" | "%Z" | "%h" | "%i")
        }
        "date" => words.iter().any(|word| {
            word.strip_prefix('+').is_some_and(|format| {
                let fields = format.split('%');
                !format.is_empty()
                    && fields
                        .skip(1)
                        .all(|f| f.len() == 1 && "sYmdHMSjN".contains(f))
                    && format.starts_with('%')
            })
        }),
        _ => false,
    };
    number && !text.redefines(name)
}

/// Stands for a word that may become several words.
const SPREAD: &str = "$@";

/// True if these operands are a pattern and at most one file.
fn is_one_file<'w>(mut operands: impl Iterator<Item = &'w String>) -> bool {
    let file = operands.nth(1);
    let several = |file: &String| file.contains(['@', '*', '?', '[']);
    operands.next().is_none() && file.is_none_or(|file| !several(file))
}
