//! The text of expansions such as `$x` and `${x:-y}`.

use std::collections::BTreeSet;

/// The name in `$NAME`, `${NAME}` or `${NAME[1]}`; empty for all others.
pub(super) fn bare_name(source: &str) -> &str {
    let name = source.trim_start_matches('$');
    let name = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'))
        .unwrap_or(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '[' | ']');
    match name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(plain)
    {
        true => name,
        false => "",
    }
}

/// The parts of `${NAME:-DEFAULT}` and its like.
pub(super) fn defaulted(source: &str) -> Option<(&str, &str, &str)> {
    let inner = source.strip_prefix("${")?.strip_suffix('}')?;
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (name, rest) = inner.split_at(end);
    let signs = [":-", ":=", ":+", "-", "=", "+"];
    let sign = signs.into_iter().find(|sign| rest.starts_with(sign))?;
    (!name.is_empty()).then(|| (name, sign, &rest[sign.len()..]))
}

/// The bytes of the expansion at the beginning of a text.
pub(super) fn expansion_length(text: &str) -> usize {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(inner) = text.strip_prefix('`') {
        return inner.find('`').map_or(text.len(), |at| at + 2);
    }
    let inner = &text[1..];
    let close = match inner.chars().next() {
        Some('{') => '}',
        Some('(') => ')',
        Some(c) if is_part(c) && !c.is_ascii_digit() => {
            return 1 + inner.find(|c| !is_part(c)).unwrap_or(inner.len());
        }
        Some(c) => return 1 + c.len_utf8(),
        None => return 1,
    };
    closing(inner, close).map_or(text.len(), |at| at + 2)
}

/// Where the bracket closes with which a text begins.
pub(super) fn closing(text: &str, close: char) -> Option<usize> {
    let open = if close == '}' { '{' } else { '(' };
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.saturating_sub(1);
            return (depth == 0).then_some(at);
        }
        None
    })
}

/// The names before a `=` anywhere in a text.
pub(super) fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = text.match_indices('=').map(|(at, _)| {
        let before = text[..at].trim_end_matches(['+', ':']);
        let start = before.rfind(|c| !is_part(c)).map_or(0, |at| at + 1);
        before.get(start..).unwrap_or_default().to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// True for `$1`, `${1}`, `$@` and `$*`.
pub(super) fn is_positional(expansion: &str) -> bool {
    let name = number(expansion);
    matches!(name, "@" | "*")
        || !name.is_empty() && name != "0" && name.chars().all(|c| c.is_ascii_digit())
}

/// The name of a parameter, without `$` and braces.
pub(super) fn number(expansion: &str) -> &str {
    let name = expansion.trim_start_matches('$');
    let inner = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'));
    inner.unwrap_or(name)
}
