//! A script with words in place of its expressions, for the parser.

use std::collections::BTreeMap;
use std::ops::Range;

use super::is_port;
use crate::expr::{CompiledTemplate, Fragment};

/// The beginning of the words that stand for values.
pub(super) const VALUE: &str = "sunwardvalue";

/// The beginning of the words that stand for paths of inputs and outputs.
pub(super) const PORT: &str = "sunwardport";

/// The most characters of a command that are shown.
const SHOWN: usize = 60;

/// A script in which a unique word replaces each expression, and the byte ranges of these words.
pub(super) struct Marked {
    pub(super) text: String,
    pub(super) ranges: Vec<Range<usize>>,
}

/// Replaces each expression of a template.
pub(super) fn mark(template: &CompiledTemplate) -> Marked {
    // Neither word is part of the other, nor of the script.
    let mut more = String::new();
    let words = |more: &str| [PORT, VALUE].map(|word| format!("{word}{more}"));
    while words(&more)
        .iter()
        .any(|word| template.source().contains(word))
    {
        more.push('q');
    }
    let [port, value] = words(&more);
    let mut text = String::new();
    let mut ranges = Vec::new();
    let mut known = BTreeMap::new();
    for fragment in template.fragments() {
        match fragment {
            Fragment::Text(literal) => text.push_str(literal),
            Fragment::Expression(one) => {
                let start = text.len();
                // Equal expressions have equal words, because they may name one file.
                let next = known.len();
                let at = *known.entry(one.source.as_str()).or_insert(next);
                let word = if is_port(one) { &port } else { &value };
                text.extend([word.as_str(), at.to_string().as_str(), "v"]);
                ranges.push(start..text.len());
            }
        }
    }
    Marked { text, ranges }
}

/// Replaces the `#` of `10#$x` with `+`, because the grammar does not know a base before a variable.
/// The `#` begins no comment there, and both characters leave `$x` in the same place.
fn without_bases(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("#$") {
        plain.push_str(&rest[..at]);
        let base = plain.ends_with(|c: char| c.is_ascii_digit());
        plain.push_str(if base { "+$" } else { "#$" });
        rest = &rest[at + 2..];
    }
    plain.push_str(rest);
    plain
}

/// Replaces the operator `>|` with `> `, because the grammar does not know it. Both divide words in
/// the same way. The two characters are the operator unless they are quoted, or follow one of the
/// characters checked here.
pub(super) fn without_clobbering(text: &str) -> String {
    let text = without_bases(text);
    let text = text.as_str();
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(">|") {
        plain.push_str(&rest[..at]);
        let before = plain.chars().next_back();
        let operator =
            !matches!(before, Some('\\' | '&' | '>' | '<')) && !rest[at + 2..].starts_with('|');
        plain.push_str(if operator { "> " } else { ">|" });
        rest = &rest[at + 2..];
    }
    plain.push_str(rest);
    plain
}

/// A word with a mark for each value in it.
pub(super) fn with_marks(word: &str, mark: char) -> String {
    let mut plain = word.to_owned();
    for name in [VALUE, PORT] {
        let mut from = 0;
        while let Some(at) = plain.get(from..).and_then(|rest| rest.find(name)) {
            let start = from + at;
            let number = plain[start + name.len()..].trim_start_matches('q');
            let rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
            let end = plain.len() - rest.len() + usize::from(rest.starts_with('v'));
            plain.replace_range(start..end, &mark.to_string());
            from = start + mark.len_utf8();
        }
    }
    plain
}

/// The first line of a command, not too long, with `${{ … }}` for values.
pub(super) fn shown(source: &str) -> String {
    let mut line = source.lines().next().unwrap_or_default().to_owned();
    for word in [VALUE, PORT] {
        while let Some(at) = line.find(word) {
            let end = line[at..].find('v').map_or(line.len(), |_| {
                let rest = &line[at + word.len()..];
                let digits = rest.find('v').map_or(rest.len(), |end| end + 1);
                at + word.len() + digits
            });
            line.replace_range(at..end, "${{ … }}");
        }
    }
    if line.chars().count() > SHOWN {
        line = line.chars().take(SHOWN - 1).collect();
        line.push('…');
    }
    line
}
