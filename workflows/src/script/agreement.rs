//! Whether the parser and the shell parse a script alike.

use tree_sitter::Node;

use super::document;
use super::marked::shown;
use super::node::descendants;
use super::shell::Dialect;

/// Constructs that only bash has. A POSIX shell would parse them differently.
const ONLY_BASH: &[&str] = &[
    "herestring_redirect",
    "process_substitution",
    "array",
    "ansi_c_string",
    "translated_string",
    "subscript",
    "c_style_for_statement",
    "brace_expression",
];

/// Words that a shell does not take as a command's name.
const RESERVED: &[&str] = &[
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for",
    "select", "function", "{", "}", "!", "[[", "]]", "in",
];

/// Nodes that are always on one line.
const ONE_LINE: &[&str] = &[
    "command",
    "declaration_command",
    "unset_command",
    "redirected_statement",
    "file_redirect",
    "herestring_redirect",
    "variable_assignment",
    "variable_assignments",
    "concatenation",
];

/// True if the parser and the shell parse this script alike, as far as is known. There must be no
/// characters that only one of them treats as blanks, no here-document that ends elsewhere for the
/// shell, and no bash syntax in `sh`.
pub(super) fn is_plain(root: Node<'_>, text: &str, dialect: Dialect) -> bool {
    let odd_blank = |c: char| c.is_whitespace() && !matches!(c, ' ' | '\t' | '\n') || c == '\0';
    let blanks = text
        .char_indices()
        .filter(|(_, c)| odd_blank(*c))
        .all(|(at, c)| {
            let node = root.descendant_for_byte_range(at, at + c.len_utf8());
            node.is_some_and(|node| matches!(node.kind(), "string_content" | "raw_string"))
        });
    blanks && !text.contains("<\\\n") && nodes_are_plain(root, text, dialect)
}

fn nodes_are_plain(root: Node<'_>, text: &str, dialect: Dialect) -> bool {
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        if node.kind() == "heredoc_redirect" && !document::is_whole(node, text) {
            return false;
        }
        if dialect == Dialect::Posix && ONLY_BASH.contains(&node.kind()) {
            return false;
        }
        if !is_one_command(node, text) {
            return false;
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return true;
            }
        }
    }
}

/// True if no line break and no reserved word divides a node for the shell. After `x=1 2>f` the
/// parser takes the next line as words of the same command, whatever it contains.
fn is_one_command(node: Node<'_>, text: &str) -> bool {
    if node.kind() == "command_name" && RESERVED.contains(&&text[node.byte_range()]) {
        return false;
    }
    if !ONE_LINE.contains(&node.kind()) {
        return true;
    }
    let mut cursor = node.walk();
    let mut from = node.start_byte();
    for child in node.children(&mut cursor) {
        let gap = text[from..child.start_byte().max(from)].replace("\\\n", "");
        if gap.contains('\n') {
            return false;
        }
        from = child.end_byte();
    }
    true
}

/// The number and the text of the line where the parser first fails.
pub(super) fn unread_line(root: Node<'_>, text: &str) -> Option<(usize, String)> {
    let nodes = descendants(root, |_| true).into_iter();
    // An error may hold others. The shortest one is nearest to what is not read.
    let failed = nodes.filter(|node| node.is_error() || node.is_missing());
    let at = failed.min_by_key(|node| (node.byte_range().len(), node.start_byte()))?;
    let number = text[..at.start_byte()].matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    Some((number + 1, shown(line.trim())))
}
