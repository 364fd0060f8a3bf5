//! Here-documents: whether the parser finds their end where the shell does, and whether they may
//! contain a value.

use tree_sitter::Node;

use super::node::descendants;
use super::refusal::Refusal;

/// Whether this here-document ends where every shell ends it: at the first line that is its
/// delimiter, after tabs only for `<<-`.
pub(super) fn is_whole(redirect: Node<'_>, text: &str) -> bool {
    let mut cursor = redirect.walk();
    let mut start = None;
    let mut end = None;
    for part in redirect.children(&mut cursor) {
        match part.kind() {
            "heredoc_start" => start = Some(part.byte_range()),
            "heredoc_end" => end = Some(part.byte_range()),
            _ => {}
        }
    }
    let (Some(start), Some(end)) = (start, end) else {
        return false;
    };
    let opened = &text[redirect.start_byte()..start.start];
    let tabs = opened
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .starts_with("<<-");
    let delimiter: String = text[start.clone()]
        .chars()
        .filter(|c| !matches!(c, '\'' | '"' | '\\'))
        .collect();
    let Some(first_line) = text[start.end..].find('\n').map(|at| start.end + at + 1) else {
        return false;
    };
    // The rest of the delimiter's line must not start another document.
    let rest_of_line = &text[start.end..first_line];
    if delimiter.is_empty() || rest_of_line.contains("<<") || delimiter.contains(['$', '`']) {
        return false;
    }
    let mut at = first_line;
    for line in text[first_line..].split_inclusive('\n') {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        let content = if tabs {
            bare.trim_start_matches('\t')
        } else {
            bare
        };
        if content == delimiter {
            return at + bare.len() == end.end || at + line.len() == end.end;
        }
        at += line.len();
    }
    false
}

/// True if two here-documents start on one line. The parser does not find their ends.
pub(super) fn shares_line(root: Node<'_>, text: &str) -> bool {
    let starts = descendants(root, |_| true)
        .into_iter()
        .filter(|node| node.kind() == "heredoc_redirect")
        .map(|node| node.start_byte());
    starts.into_iter().any(|start| {
        let rest = text[start..].lines().next().unwrap_or_default();
        let rest = rest.trim_start_matches('<');
        rest.match_indices("<<").any(|(at, _)| {
            let more = &rest[at + 2..];
            !more.starts_with('<') && !rest[..at].ends_with('<')
        })
    })
}

/// Checks that the text of a here-document may contain a value.
pub(super) fn allows(node: Node<'_>, text: &str) -> Result<(), Refusal> {
    let mut redirect = node;
    while redirect.kind() != "heredoc_redirect" {
        redirect = redirect.parent().ok_or(Refusal::NotUnderstood)?;
    }
    let mut cursor = redirect.walk();
    for part in redirect.children(&mut cursor) {
        let source = &text[part.byte_range()];
        match part.kind() {
            "heredoc_start" if source.contains(['\'', '"', '\\']) => {
                return Err(Refusal::QuotedDocument);
            }
            // The parser does not report backticks in a here-document.
            "heredoc_body" if source.contains('`') => return Err(Refusal::Backticks),
            "heredoc_body" if source.contains("$((") || source.contains("$[") => {
                return Err(Refusal::Arithmetic);
            }
            _ => {}
        }
    }
    Ok(())
}
