//! What the rules ask of a node of the parser's tree.

use std::ops::Range;

use tree_sitter::Node;

/// The name used here for all positional parameters: `$1`, `$2`, `$@`.
pub(super) const POSITIONAL: &str = "@";

/// The name used here for the first positional parameter, where it is a command's name.
pub(super) const FIRST: &str = "@1";

/// What precedes the name of a variable that is evaluated only if its text divides into several
/// words.
pub(super) const DIVIDED: &str = "divided:";

/// What precedes the name of a variable whose text must not begin with `-`.
pub(super) const DASHED: &str = "dashed:";

/// The same, where the script cuts off the beginning of the text.
pub(super) const CUT: &str = "cut:";

/// What precedes the name of a variable or file that may come from outside the script: the name of a
/// command, or the file of a program.
pub(super) const LOOSE: &str = "loose:";

/// The name used here for the variables that commands get in their environment.
pub(super) const ENVIRONMENT: &str = "environment";

/// The name used here for the variables that commands get, where a command prints them.
pub(super) const PRINTED: &str = "printed environment";

/// The name used here for what any command may read: all variables that the script reads from a standard
/// input.
pub(super) const READERS: &str = "<*";

/// The name used here for the standard input.
pub(super) const INPUT: &str = "<";

#[cfg(test)]
thread_local! {
    /// How many nodes and bytes were looked at in this thread.
    pub(super) static LOOKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts looks at nodes or bytes, in tests.
pub(super) fn count(looks: usize) {
    #[cfg(test)]
    LOOKS.with(|all| all.set(all.get() + u64::try_from(looks).unwrap()));
    #[cfg(not(test))]
    let _ = looks;
}

/// A node and all nodes in its subtree. A node for which `enters` is false is left out with
/// everything below it.
pub(super) fn descendants<'t>(node: Node<'t>, enters: impl Fn(Node<'t>) -> bool) -> Vec<Node<'t>> {
    let mut found = Vec::new();
    let mut left = vec![node];
    while let Some(node) = left.pop() {
        count(1);
        if !enters(node) {
            continue;
        }
        found.push(node);
        let mut cursor = node.walk();
        left.extend(node.children(&mut cursor));
    }
    found
}

/// A node and all nodes in its subtree, without the content of command substitutions. The output of
/// a command is no longer the value.
pub(super) fn outside_substitutions(node: Node<'_>) -> Vec<Node<'_>> {
    descendants(node, |node| {
        !matches!(node.kind(), "command_substitution" | "process_substitution")
    })
}

/// The last word of a command if it is a `-` before a here-document, as in `make -f - <<EOF`. The
/// parser leaves it out of the tree.
pub(super) fn hidden_dash(command: Node<'_>, text: &str) -> Option<String> {
    let mut last = command;
    let next = loop {
        match (last.next_sibling(), last.parent()) {
            (Some(next), _) => break next,
            (None, parent) => last = parent?,
        }
    };
    let between = text.get(command.end_byte()..next.start_byte())?.trim();
    (between == "-").then(|| between.to_owned())
}

/// The byte ranges of a node that none of its children covers.
pub(super) fn own_text(node: Node<'_>) -> Vec<Range<usize>> {
    let mut cursor = node.walk();
    let mut own = Vec::new();
    let mut from = node.start_byte();
    for child in node.children(&mut cursor) {
        own.push(from..child.start_byte());
        from = child.end_byte();
    }
    own.push(from..node.end_byte());
    own.retain(|range| range.start < range.end);
    own
}

/// The variable that `$x` or `${x…}` reads.
pub(super) fn read_name(node: Node<'_>, text: &str) -> Option<String> {
    let source = text[node.byte_range()].strip_prefix('$')?;
    // A length is a number.
    if source.starts_with("{#") {
        return None;
    }
    let indirect = source.starts_with("{!");
    let source = source.trim_start_matches(['{', '!', '#']);
    let end = source.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let name = &source[..end.unwrap_or(source.len())];
    let positional = name.is_empty() && (indirect || source.starts_with(['@', '*']))
        || name.starts_with(|c: char| c.is_ascii_digit());
    if positional {
        return Some(POSITIONAL.to_owned());
    }
    (!name.is_empty()).then(|| name.to_owned())
}

/// True for a part of `${#x}`, which is a number.
pub(super) fn is_length(node: Node<'_>, text: &str) -> bool {
    text[node.byte_range()].starts_with("${#") || text[..node.start_byte()].ends_with("${#")
}

/// Whether a node is a here-document or a here-string.
pub(super) fn is_document(node: Node<'_>) -> bool {
    matches!(node.kind(), "heredoc_redirect" | "herestring_redirect")
}

/// Whether a document or a file in a part of a script is the standard input of a command there.
pub(super) fn is_fed_within(command: Node<'_>, part: Node<'_>) -> bool {
    let feeds = |redirect: Node<'_>| {
        let descriptor = redirect.child_by_field_name("descriptor");
        let sign = redirect.child(0).map_or("", |sign| sign.kind());
        descriptor.is_none()
            && (is_document(redirect) || redirect.kind() == "file_redirect" && sign == "<")
    };
    let mut node = command;
    while node.id() != part.id() {
        let mut cursor = node.walk();
        if node.children(&mut cursor).any(feeds) {
            return true;
        }
        match node.parent() {
            Some(around) if around.kind() == "redirected_statement" => node = around,
            _ => return false,
        }
    }
    false
}

/// The words of `[ … ]`.
pub(super) fn leaves_of<'t>(node: Node<'t>, leaves: &mut Vec<Node<'t>>) {
    let mut cursor = node.walk();
    for child in node.children(&mut cursor) {
        if child.kind().ends_with("_expression") && child.kind() != "brace_expression" {
            leaves_of(child, leaves);
        } else {
            leaves.push(child);
        }
    }
}

/// Whether a node is `$x` or `${x…}`.
pub(super) fn is_expansion(node: Node<'_>) -> bool {
    matches!(node.kind(), "simple_expansion" | "expansion")
}

/// Whether a word of a command may become several words: an expansion without quotes, or `"$@"`.
pub(super) fn spreads(word: Node<'_>, text: &str) -> bool {
    let expands = |node: Node<'_>| is_expansion(node) || node.kind() == "command_substitution";
    let mut cursor = word.walk();
    let bare =
        expands(word) || word.kind() == "concatenation" && word.children(&mut cursor).any(expands);
    bare || descendants(word, |node| node.kind() != "command_substitution")
        .into_iter()
        .any(|node| is_expansion(node) && is_list(node, text))
}

/// Whether an expansion gives several words even within quotes.
pub(super) fn is_list(expansion: Node<'_>, text: &str) -> bool {
    let source = &text[expansion.byte_range()];
    let length = source.starts_with("${#");
    !length && (source.starts_with("$@") || source.starts_with("${@") || source.contains("[@]"))
}

/// Whether a part of a command is one of its words.
pub(super) fn is_word(node: Node<'_>) -> bool {
    node.kind() != "variable_assignment" && !node.kind().ends_with("redirect")
}

/// True if the tree has more levels of substitutions, or of anything, than the rules follow.
pub(super) fn is_too_deep(root: Node<'_>) -> bool {
    const SUBSTITUTIONS: usize = 30;
    const LEVELS: usize = 2000;
    let substitutes =
        |node: Node<'_>| matches!(node.kind(), "command_substitution" | "process_substitution");
    let mut cursor = root.walk();
    let (mut substitutions, mut levels) = (0, 0);
    loop {
        if substitutions > SUBSTITUTIONS || levels > LEVELS {
            return true;
        }
        if cursor.goto_first_child() {
            levels += 1;
            substitutions += usize::from(substitutes(cursor.node()));
            continue;
        }
        loop {
            substitutions -= usize::from(substitutes(cursor.node()));
            if cursor.goto_next_sibling() {
                substitutions += usize::from(substitutes(cursor.node()));
                break;
            }
            if !cursor.goto_parent() {
                return false;
            }
            levels -= 1;
        }
    }
}

/// Whether a node is the number of a descriptor, which the parser takes as a word: `0< <(f)`.
pub(super) fn is_descriptor(node: Node<'_>, text: &str) -> bool {
    node.kind() == "number" && text[node.end_byte()..].starts_with(['<', '>'])
}

/// A word of a script as its command receives it, if it holds no expansion.
pub(super) fn literal(node: Node<'_>, text: &str) -> String {
    dequoted(node.kind(), text[node.byte_range()].to_owned())
}

/// Stands for a `$` that the shell does not expand, because of its quotes.
const DOLLAR: char = '\u{5}';

/// Stands for such a backtick.
const BACKTICK: char = '\u{6}';

/// A word as [`literal`], where only what the shell expands has a `$` or a backtick.
pub(super) fn expandable(node: Node<'_>, text: &str) -> String {
    let mut source = String::new();
    let mut from = node.start_byte();
    let raw = outside_substitutions(node);
    let mut raw: Vec<_> = raw
        .into_iter()
        .filter(|one| matches!(one.kind(), "raw_string" | "ansi_c_string"))
        .map(|one| one.byte_range())
        .collect();
    raw.sort_by_key(|range| range.start);
    for range in raw {
        source.push_str(&escaped(&text[from..range.start]));
        source.push_str(&hidden(&text[range.clone()]));
        from = range.end;
    }
    source.push_str(&escaped(&text[from..node.end_byte()]));
    dequoted(node.kind(), source)
}

/// A text of which the shell expands nothing, as in [`expandable`].
pub(super) fn hidden(text: &str) -> String {
    let hide = |c: char| match c {
        '$' => DOLLAR,
        '`' => BACKTICK,
        other => other,
    };
    text.chars().map(hide).collect()
}

/// A source in which a `$` or a backtick after a backslash is hidden.
fn escaped(source: &str) -> String {
    source.replace("\\$", "\u{5}").replace("\\`", "\u{6}")
}

/// A word with the `$` and backticks that [`expandable`] has hidden.
pub(super) fn revealed(word: &str) -> String {
    word.replace(DOLLAR, "$").replace(BACKTICK, "`")
}

/// The source of a word of this kind without its quotes.
pub(super) fn dequoted(kind: &str, source: String) -> String {
    let inner = |quote: char| {
        let inner = source.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner.to_owned())
    };
    let exact = match kind {
        "raw_string" => inner('\''),
        "string" => inner('"').map(unescaped),
        _ => None,
    };
    exact.unwrap_or_else(|| unquoted(source))
}

/// The text within double quotes, without the backslashes that the shell removes.
fn unescaped(source: String) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source.chars().peekable();
    while let Some(c) = rest.next() {
        let escaped = rest.peek().is_some_and(|next| "$`\"\\\n".contains(*next));
        match (c, escaped) {
            ('\\', true) => text.extend(rest.next().filter(|next| *next != '\n')),
            (c, _) => text.push(c),
        }
    }
    text
}

/// A word without its quotes.
fn unquoted(mut word: String) -> String {
    word.retain(|c| !matches!(c, '\'' | '"' | '\\' | '\n'));
    word
}
