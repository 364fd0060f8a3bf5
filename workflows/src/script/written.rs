//! Files that a script writes and then runs.

use tree_sitter::Node;

use super::node::literal;

/// The name used for the content of a file, given the word that names it.
pub(super) fn file(word: &str) -> String {
    let word = word.trim_matches(['"', '\'']);
    format!("file:{}", word.strip_prefix("./").unwrap_or(word))
}

/// The files that a redirected statement writes.
pub(super) fn files(statement: Node<'_>, text: &str) -> Vec<String> {
    redirects(statement, text, '>')
}

/// The files that a redirected statement or a command reads as its standard input.
pub(super) fn inputs(statement: Node<'_>, text: &str) -> Vec<String> {
    redirects(statement, text, '<')
}

fn redirects(statement: Node<'_>, text: &str, sign: char) -> Vec<String> {
    let mut cursor = statement.walk();
    let mut files = Vec::new();
    for part in statement.children(&mut cursor) {
        let operator = text[part.byte_range()].trim_start_matches(|c: char| c.is_ascii_digit());
        let names = operator.trim_start_matches('&').starts_with(sign);
        let destination = part.child_by_field_name("destination");
        if part.kind() == "file_redirect"
            && names
            && let Some(destination) = destination
        {
            files.push(file(&literal(destination, text)));
        }
    }
    files
}
