//! Splits a template into plain text and `${{ … }}`.

use std::ops::Range;

/// One piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Literal text.
    Text(String),
    /// An expression.
    Expression {
        /// The text between the braces, trimmed.
        source: String,
        /// The range of the whole `${{ … }}` in the template.
        range: Range<usize>,
    },
}

/// A `${{` without an end, by its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unclosed(pub(crate) usize);

/// True if the text has an expression.
pub(crate) fn has_expression(source: &str) -> bool {
    source.contains("${{")
}

/// Splits a template. Quotes and braces inside an expression are respected.
pub(crate) fn split(source: &str) -> Result<Vec<Segment>, Unclosed> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(found) = source[from..].find("${{") {
        let start = from + found;
        let inner = start + 3;
        let length = closing(&source[inner..]).ok_or(Unclosed(start))?;
        if start > from {
            pieces.push(Segment::Text(source[from..start].to_owned()));
        }
        let end = inner + length + 2;
        pieces.push(Segment::Expression {
            source: source[inner..inner + length].trim().to_owned(),
            range: start..end,
        });
        from = end;
    }
    if from < source.len() {
        pieces.push(Segment::Text(source[from..].to_owned()));
    }
    Ok(pieces)
}

/// The offset of the `}}` that ends an expression.
fn closing(inner: &str) -> Option<usize> {
    let bytes = inner.as_bytes();
    let mut depth = 0_usize;
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'{') => depth += 1,
            (None, b'}') if depth > 0 => depth -= 1,
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            (None, _) => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expressions(text: &str) -> Vec<String> {
        split(text)
            .unwrap()
            .into_iter()
            .filter_map(|s| match s {
                Segment::Expression { source, .. } => Some(source),
                Segment::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn braces_and_quotes_inside_an_expression_do_not_end_it() {
        assert_eq!(
            expressions("a ${{ {'a': {'b': 1}} }} ${{ '}}' }}"),
            ["{'a': {'b': 1}}", "'}}'"]
        );
        assert_eq!(split("x ${{ a"), Err(Unclosed(2)));
        assert!(expressions("plain $x ${y} {{ z }}").is_empty());
    }
}
