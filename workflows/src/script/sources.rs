//! What a part of a script takes its text from: variables, files, functions, and the world outside.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::node::{
    POSITIONAL, PRINTED, descendants, is_document, is_expansion, is_word, literal, read_name,
};
use super::output::outside_numbers;
use super::source::Source;
use super::written;

/// The name used here for text of unknown origin: the content of a file, the output of a program.
/// A program may know every value of a script, through its words, the environment and files.
pub(super) const WORLD: &str = "?";

/// What precedes the name of a command whose output is of unknown origin, unless it is a function
/// of the script.
pub(super) const CALL: &str = "call:";

/// What precedes the name of a command that prints nothing but its words and its standard input.
/// Its output is that of a function if the script defines one of this name.
pub(super) const CLOSED: &str = "closed:";

/// Commands that print at most their words, or facts of the machine, or code that an installed
/// program prints to set up the shell.
const PLAIN: &[&str] = &[
    "echo",
    "printf",
    "seq",
    "basename",
    "dirname",
    "true",
    "false",
    ":",
    "nproc",
    "date",
    "hostname",
    "uname",
    "id",
    "whoami",
    "which",
    "type",
    "command",
    "hash",
    "mktemp",
    "getconf",
    "expr",
    "test",
    "[",
    "let",
    "cd",
    "pwd",
    "export",
    "set",
    "shift",
    "local",
    "return",
    "exit",
    "break",
    "continue",
    "declare",
    "typeset",
    "readonly",
    "unset",
    "shopt",
    "trap",
    "wait",
    "sleep",
    "kill",
    "mkdir",
    "rm",
    "rmdir",
    "touch",
    "cp",
    "mv",
    "ln",
    "chmod",
    "umask",
    "ulimit",
    "read",
    "mapfile",
    "readarray",
    "nvidia-smi",
    "lscpu",
    "tput",
    "conda",
    "mamba",
    "micromamba",
    "pixi",
    "pyenv",
    "rbenv",
    "brew",
    "ssh-agent",
    "dircolors",
    "modulecmd",
    "lmod",
    "module",
    "numfmt",
    "factor",
    "sync",
    "tty",
    "logname",
    "groups",
    "arch",
    "exec",
];

/// Everything that a part of a script takes text from, apart from the text in it.
pub(super) fn sources(part: Node<'_>, text: &Source<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for node in outside_numbers(part, text) {
        of_node(node, text, &mut found);
    }
    found
}

/// What one node takes text from, without the nodes within it.
pub(super) fn of_node(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    match node.kind() {
        "word" | "raw_string" | "string" | "concatenation" => {
            found.insert(written::file(&literal(node, text)));
        }
        "command" => of_command(node, text, found),
        "declaration_command" if prints_variables(node, text) => {
            found.insert(WORLD.to_owned());
        }
        "file_redirect" if reads_file(node, text) => {
            found.insert(WORLD.to_owned());
        }
        _ if is_expansion(node) => {
            // What `${!n}` reads may be `$1`. Variables are named in the text of `n`.
            if text[node.byte_range()].starts_with("${!") {
                found.insert(POSITIONAL.to_owned());
            }
            found.extend(read_name(node, text));
        }
        _ => {}
    }
}

/// Whether a declaration prints variables: `declare -p`, or `export` alone.
fn prints_variables(node: Node<'_>, text: &Source<'_>) -> bool {
    let mut cursor = node.walk();
    let mut parts = node.named_children(&mut cursor);
    let declares = parts.any(|part| matches!(part.kind(), "variable_assignment" | "variable_name"));
    !declares || text[node.byte_range()].contains(" -p")
}

/// Whether a redirection reads a file or a descriptor. Its content is not known.
fn reads_file(redirect: Node<'_>, text: &Source<'_>) -> bool {
    let source = text[redirect.byte_range()].trim_start_matches(|c: char| c.is_ascii_digit());
    let Some(name) = source.strip_prefix('<') else {
        return false;
    };
    let name = name.trim_start_matches(['&', '>']).trim();
    !name.starts_with("<(") && !name.starts_with('(') && !matches!(name, "/dev/null" | "-")
}

fn of_command(command: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let Some(name) = command.child_by_field_name("name") else {
        return;
    };
    let computed = descendants(name, |_| true)
        .into_iter()
        .any(|node| is_expansion(node) || node.kind() == "command_substitution");
    if computed {
        found.insert(WORLD.to_owned());
        return;
    }
    let name = literal(name, text);
    if name == "pwd" {
        found.insert("PWD".to_owned());
    }
    if matches!(name.as_str(), "envsubst" | "printenv" | "env") {
        found.insert(PRINTED.to_owned());
    }
    // Without a word, `set` prints all variables.
    let prints = name == "set" && command.child_by_field_name("argument").is_none();
    if prints {
        found.insert(WORLD.to_owned());
    }
    let closed = PLAIN.contains(&name.as_str()) || is_filter(&name, command, text);
    let kind = if closed { CLOSED } else { CALL };
    found.insert(format!("{kind}{name}"));
}

/// True for a filter that reads its standard input and no file.
fn is_filter(name: &str, command: Node<'_>, text: &Source<'_>) -> bool {
    if !is_fed(command) {
        return false;
    }
    let mut cursor = command.walk();
    let words: Vec<String> = command
        .children(&mut cursor)
        .filter(|part| is_word(*part))
        .skip(1)
        .map(|part| literal(part, text))
        .collect();
    let option = |word: &String| word.starts_with(['-', '+']) && word.len() > 1;
    let number = |word: &String| word.parse::<u64>().is_ok();
    let valued = |at: usize, letters: &str| {
        at.checked_sub(1)
            .and_then(|before| words.get(before))
            .is_some_and(|before| {
                before.len() == 2
                    && before.starts_with('-')
                    && before.ends_with(|c| letters.contains(c))
            })
    };
    let operands = |letters: &str| {
        let words = words.iter().enumerate();
        words
            .filter(|(at, word)| !option(word) && !valued(*at, letters))
            .count()
    };
    let outside = |word: &String| {
        ["ENVIRON", "getline", "system", "ARGV"]
            .iter()
            .any(|one| word.contains(one))
    };
    match name {
        "tr" => true,
        "cat" | "sort" | "uniq" | "head" | "tail" | "tac" | "rev" | "nl" | "wc" | "bc"
        | "paste" | "fold" | "column" => words
            .iter()
            .enumerate()
            .all(|(at, word)| option(word) || number(word) || word == "-" || valued(at, "dtks")),
        "cut" => operands("dfcb") == 0,
        "grep" | "egrep" | "fgrep" => operands("mABC") <= 1 && !words.iter().any(|w| w == "-f"),
        "sed" | "awk" | "gawk" | "mawk" => {
            operands("Fv") <= 1 && !words.iter().any(|w| w == "-f" || outside(w))
        }
        _ => false,
    }
}

/// Whether the standard input of a command stands in the script: it is a later part of a pipeline,
/// or has a here-document or a here-string.
pub(super) fn is_fed(command: Node<'_>) -> bool {
    let mut node = command;
    loop {
        let mut cursor = node.walk();
        if node.children(&mut cursor).any(is_document) {
            return true;
        }
        let Some(around) = node.parent() else {
            return false;
        };
        match around.kind() {
            "pipeline" => {
                return around
                    .named_child(0)
                    .is_some_and(|first| first.id() != node.id());
            }
            "redirected_statement" => node = around,
            _ => return false,
        }
    }
}
