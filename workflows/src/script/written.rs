//! Files that a script writes and then runs.

use tree_sitter::Node;

use super::node::{descendants, literal};

/// The name used for the content of a file, given the word that names it. Folders are left out,
/// because one file may be named in many ways: by another path, or after `cd`.
pub(super) fn file(word: &str) -> String {
    let word = word.trim_matches(['"', '\'']).trim_end_matches('/');
    format!("file:{}", word.rsplit('/').next().unwrap_or_default())
}

/// True for the name of a file's content.
pub(super) fn is_file(name: &str) -> bool {
    name.starts_with("file:")
}

/// True for the name of the content of files that a pattern finds.
pub(super) fn is_any(name: &str) -> bool {
    let pattern = name.strip_prefix("file:");
    pattern.is_some_and(|pattern| !pattern.contains('$') && pattern.contains(['*', '?']))
}

/// The files that a node's statements write.
pub(super) fn files_within(node: Node<'_>, text: &str) -> Vec<String> {
    let nodes = descendants(node, |_| true).into_iter();
    let statements = nodes.filter(|node| node.kind() == "redirected_statement");
    statements.flat_map(|node| files(node, text)).collect()
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
    let mut parts: Vec<Node<'_>> = statement.children(&mut cursor).collect();
    // In `cat <<EOF > f` the parser puts the second redirection inside the first.
    for document in parts.clone() {
        if document.kind() == "heredoc_redirect" {
            let mut cursor = document.walk();
            parts.extend(document.children(&mut cursor));
        }
    }
    for part in parts {
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
