//! The messages of the YAML reader, in the words of an author rather than of YAML's grammar.

/// What the reader says of a mistake, and what we say.
const SAID: &[(&str, &str)] = &[
    ("found a tab", "a tab, and YAML indents with spaces"),
    (
        "cannot start with a tab",
        "a tab, and YAML indents with spaces",
    ),
    (
        "tab cannot be used as indentation",
        "a tab, and YAML indents with spaces",
    ),
    ("tabs disallowed", "a tab, and YAML indents with spaces"),
    (
        "did not find expected key",
        "a key was expected here, indented like the keys before it",
    ),
    (
        "did not find expected '-' indicator",
        "`- ` was expected here, as in the list before",
    ),
    (
        "did not find expected ',' or '}'",
        "`,` or `}` was expected here",
    ),
    ("expected ',' or ']'", "`,` or `]` was expected here"),
    (
        "did not find expected node content",
        "a value was expected here",
    ),
    (
        "found unknown anchor",
        "this `*NAME` has no `&NAME` before it",
    ),
    (
        "mapping values are not allowed",
        "`:` cannot be here; text that holds `: ` needs quotes",
    ),
    (
        "block sequence entries are not allowed",
        "`- ` cannot be here; text that begins with it needs quotes",
    ),
    (
        "mapping keys are not allowed",
        "`?` cannot be here; text that begins with it needs quotes",
    ),
    (
        "illegal placement of ':'",
        "`:` cannot be here; text that holds `: ` needs quotes",
    ),
    ("simple key expect", "a key without `:`"),
    ("unexpected EOF", "the file ends within a list or map"),
    ("unexpected eof", "the file ends too early"),
    (
        "unexpected end of plain scalar",
        "the file ends within a text",
    ),
    (
        "unknown escape character",
        "`\\` begins no escape that YAML knows; text in single quotes keeps it",
    ),
    (
        "hexadecimal number",
        "`\\x` and `\\u` need hexadecimal digits; text in single quotes keeps them",
    ),
    ("surrogate", "an escape that is no character"),
    (
        "invalid Unicode character",
        "an escape that is no character",
    ),
    (
        "unexpected document indicator",
        "`---` within quotes; is a quote missing before it?",
    ),
    (
        "did not find expected <document start>",
        "something follows the end of the file's value",
    ),
    (
        "alphabetic or numeric character",
        "`&` and `*` need a name; text that begins with them needs quotes",
    ),
    (
        "indentation indicator equal to 0",
        "the number after `|` or `>` cannot be 0",
    ),
    (
        "while scanning a block scalar, did not find",
        "only a comment can follow `|` or `>` on its line",
    ),
    (
        "while scanning a tag",
        "text that begins with `!` needs quotes",
    ),
    (
        "while parsing a tag",
        "text that begins with `!` needs quotes",
    ),
    (
        "while scanning a verbatim tag",
        "text that begins with `!` needs quotes",
    ),
    (
        "invalid trailing content after",
        "something follows the closing quote",
    ),
    (
        "invalid indentation in multiline quoted scalar",
        "the lines of a text in quotes are indented too little",
    ),
    ("invalid indentation", "this is indented too little"),
];

/// The message about a mistake.
pub(super) fn plain(info: &str) -> String {
    if let Some((_, ours)) = SAID.iter().find(|(said, _)| info.contains(said)) {
        return (*ours).to_owned();
    }
    if let Some(character) = info.strip_prefix("unexpected character: `") {
        let character = character.trim_end_matches('\'');
        return format!("text cannot begin with `{character}` unless it is in quotes");
    }
    let info = info.replace('\'', "`");
    // What the reader was doing says nothing to an author.
    match info.split_once(", ") {
        Some((doing, found)) if doing.starts_with("while ") => found.to_owned(),
        _ => info,
    }
}
