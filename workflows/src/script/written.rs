//! Files that a script writes and then runs.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

use super::arguments::Arguments;
use super::expansion::{closing, is_positional, named};
use super::marked::VALUE;
use super::node::{descendants, literal};
use super::source::Source;

/// What precedes the name of a file's content.
const FILE: &str = "file:";

/// What precedes the name of the file that an interpreter reads as its program.
const PROGRAM: &str = "program:";

/// What precedes the name of a command's file.
const COMMAND: &str = "command:";

/// Stands for a part of a name that is not known.
const ANY: char = '\u{2}';

/// Stands for a part of a name that `mktemp` makes, or that is a time. No name that is written in the
/// script has it.
const FRESH: char = '\u{3}';

/// The most values of one variable that are followed.
const VALUES: usize = 32;

/// The most variables within each other that are followed.
const DEPTH: usize = 4;

/// The name used for the content of a file, given the word that names it. Folders are left out,
/// because one file may be named in many ways: by another path, or after `cd`.
pub(super) fn file(word: &str) -> String {
    format!("{FILE}{}", last_part(word))
}

/// The name used for the file that an interpreter reads as its program.
pub(super) fn program(word: &str) -> String {
    format!("{PROGRAM}{}", last_part(word))
}

/// The name used for the file of a command.
pub(super) fn command(word: &str) -> String {
    format!("{COMMAND}{}", last_part(word))
}

/// The part of a word after the last `/` that is not within a substitution.
pub(super) fn last_part(word: &str) -> &str {
    let word = word.trim_matches(['"', '\'']).trim_end_matches('/');
    let (mut depth, mut from) = (0_usize, 0);
    for (at, c) in word.char_indices() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => from = at + 1,
            _ => {}
        }
    }
    &word[from..]
}

/// The word in a file's name, as [`file`] gets it.
pub(super) fn file_word(name: &str) -> &str {
    name.strip_prefix(FILE).unwrap_or(name)
}

/// The word that names a program's file; `None` for all other names.
pub(super) fn program_word(name: &str) -> Option<&str> {
    name.strip_prefix(PROGRAM)
        .or_else(|| name.strip_prefix(COMMAND))
}

/// True for the name of a file's content.
pub(super) fn is_file(name: &str) -> bool {
    name.starts_with(FILE)
}

/// True for the name of the content of files that a pattern finds.
pub(super) fn is_any(name: &str) -> bool {
    let pattern = name.strip_prefix(FILE);
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
    let words = redirects(statement, text, '>').into_iter();
    words.map(|word| file(&word)).collect()
}

/// The words that name the files which a redirected statement or a command reads as its standard input.
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
        let destination = part.child_by_field_name("destination");
        if redirects_by(part, text, sign)
            && let Some(destination) = destination
        {
            files.push(literal(destination, text));
        }
    }
    files
}

/// True for a redirection of the output to a file.
pub(super) fn is_output(part: Node<'_>, text: &str) -> bool {
    // A substitution in `> >(f)` is no name.
    redirects_by(part, text, '>') && !text[part.byte_range()].contains(">(")
}

fn redirects_by(part: Node<'_>, text: &str, sign: char) -> bool {
    let operator = text[part.byte_range()].trim_start_matches(|c: char| c.is_ascii_digit());
    part.kind() == "file_redirect" && operator.trim_start_matches('&').starts_with(sign)
}

/// What is known of the values of variables that name files.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The words that are assigned to a variable.
    values: BTreeMap<String, BTreeSet<String>>,
    /// Variables that are also set in another way.
    unknown: BTreeSet<String>,
    /// The words that functions of the script and `set` are given; `None` if not all are known.
    arguments: Option<Arguments>,
    /// The names before a `=` anywhere, as in `env NAME=value`.
    named: BTreeSet<String>,
    /// Whether `mktemp` and `date` are the commands of these names.
    makes_fresh: bool,
}

impl Names {
    /// Finds the words that a script assigns to its variables. `others` are the variables that it
    /// sets in another way.
    pub(super) fn of(
        root: Node<'_>,
        text: &Source<'_>,
        functions: &BTreeSet<&str>,
        others: BTreeSet<String>,
    ) -> Self {
        let mut names = Self {
            unknown: others,
            named: named(text),
            arguments: Arguments::of(root, text, functions),
            makes_fresh: !["mktemp", "date"].iter().any(|name| text.redefines(name)),
            values: text.preset().known(),
        };
        for node in descendants(root, |_| true) {
            let mut cursor = node.walk();
            let (name, values) = match node.kind() {
                "variable_assignment" => {
                    let value = node.child_by_field_name("value");
                    (
                        node.child_by_field_name("name"),
                        value.into_iter().collect(),
                    )
                }
                "for_statement" => {
                    let values = node.children_by_field_name("value", &mut cursor);
                    let values: Vec<Node<'_>> = values.collect();
                    (node.child_by_field_name("variable"), values)
                }
                _ => continue,
            };
            if let Some(name) = name {
                let appends = text[name.end_byte()..].starts_with('+');
                names.assign(&text[name.byte_range()], &values, appends, text);
            }
        }
        names
    }

    fn assign(&mut self, name: &str, values: &[Node<'_>], appends: bool, text: &str) {
        let known = self.values.entry(name.to_owned()).or_default();
        known.extend(values.iter().map(|value| literal(*value, text)));
        let lists = values.iter().any(|value| value.kind() == "array");
        if appends || lists || values.is_empty() || known.len() > VALUES {
            self.unknown.insert(name.to_owned());
        }
    }

    /// The names that a written file may have.
    pub(super) fn of_target(&self, target: &str) -> BTreeSet<String> {
        target
            .strip_prefix(FILE)
            .map_or_else(BTreeSet::new, |word| self.resolved(word))
    }

    /// The names of the file that a program is read from, and whether it is a command's; `None` for
    /// all other names.
    pub(super) fn of_program(&self, name: &str) -> Option<(BTreeSet<String>, bool)> {
        if let Some(word) = name.strip_prefix(PROGRAM) {
            // A word that is one value, or one variable of the environment, names a file that is there
            // already, and not one that the script writes under another name.
            let chosen = self.only_values(word);
            return Some((chosen.unwrap_or_else(|| self.resolved(word)), false));
        }
        let word = name.strip_prefix(COMMAND)?;
        Some((self.resolved(word), true))
    }

    /// The values that a word stands for, if it is exactly one value, or a variable that holds nothing
    /// else.
    fn only_values(&self, word: &str) -> Option<BTreeSet<String>> {
        if is_value(word) {
            return Some(BTreeSet::from([word.to_owned()]));
        }
        let (Some(variable), "") = expansion(word.strip_prefix('$').map(|_| word)?) else {
            return None;
        };
        let Some(values) = self.values.get(variable) else {
            let of_environment = !self.unknown.contains(variable) && !self.named.contains(variable);
            return of_environment.then(|| BTreeSet::from([word.to_owned()]));
        };
        let values = values
            .iter()
            .map(|value| value.trim_matches('"').to_owned());
        let values: BTreeSet<String> = values.collect();
        let is_known = !self.unknown.contains(variable) && !values.is_empty();
        (is_known && values.iter().all(|value| is_value(value))).then_some(values)
    }

    /// True for `$(mktemp …)` and `$(date +%Y)`, alone or with more after it.
    fn is_fresh(&self, source: &str) -> bool {
        let command = source
            .strip_prefix("$(")
            .or_else(|| source.strip_prefix('`'));
        let command = command.map(str::trim_start);
        let date = command.and_then(|command| command.strip_prefix("date"));
        // The words of `date` decide what it prints.
        let date = date.filter(|words| !words.contains('$') && !words.contains(VALUE));
        let rest = command
            .and_then(|command| command.strip_prefix("mktemp"))
            .or(date);
        let only = |rest: &str| !rest.contains([';', '|', '&', '\n', '<', '>', '`']);
        self.makes_fresh
            && rest.is_some_and(|rest| {
                let rest = rest.trim_end_matches([')', '`']);
                rest.is_empty() || rest.starts_with([' ', '\t']) && only(rest)
            })
    }

    fn resolved(&self, word: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::from([String::new()]);
        self.append(word, &mut names, 0);
        let last = names.iter().map(|name| last_part(name).to_owned());
        last.collect()
    }

    /// Appends what a word stands for to each of some names.
    fn append(&self, word: &str, names: &mut BTreeSet<String>, depth: usize) {
        let mut rest = word;
        while let Some(c) = rest.chars().next() {
            if rest.starts_with(VALUE) {
                let after = rest.trim_start_matches(VALUE);
                let end = after.find('v').map_or(after.len(), |at| at + 1);
                rest = &after[end..];
                add(names, &ANY.to_string());
                continue;
            }
            match c {
                '$' => {
                    let (variable, after) = expansion(rest);
                    let source = &rest[..rest.len() - after.len()];
                    rest = after;
                    match source {
                        _ if self.is_fresh(source) => add(names, &FRESH.to_string()),
                        _ if is_positional(source) => {
                            let words = self.arguments.as_ref();
                            let words = words.map(|words| words.get(source));
                            self.append_all(words, names, depth);
                        }
                        _ => self.append_value(variable, names, depth),
                    }
                }
                '`' if self.is_fresh(rest) && rest.matches('`').count() == 2 => {
                    let end = rest[1..].find('`').map_or(rest.len(), |at| at + 2);
                    rest = &rest[end..];
                    add(names, &FRESH.to_string());
                }
                '`' | '[' | '{' => {
                    let close = match c {
                        '[' => ']',
                        '{' => '}',
                        _ => '`',
                    };
                    let end = rest[1..].find(close).map_or(rest.len(), |at| at + 2);
                    rest = &rest[end..];
                    add(names, &ANY.to_string());
                }
                '*' | '?' => {
                    rest = &rest[1..];
                    add(names, &ANY.to_string());
                }
                _ => {
                    let end = rest
                        .find(['$', '`', '[', '{', '*', '?'])
                        .unwrap_or(rest.len());
                    let end = rest.find(VALUE).map_or(end, |at| end.min(at));
                    add(names, &rest[..end]);
                    rest = &rest[end..];
                }
            }
        }
    }

    fn append_value(&self, variable: Option<&str>, names: &mut BTreeSet<String>, depth: usize) {
        let known = variable.filter(|name| !self.unknown.contains(*name));
        let values = known.and_then(|name| self.values.get(name));
        self.append_all(values, names, depth);
    }

    /// Appends each of some words to each name.
    fn append_all(
        &self,
        values: Option<&BTreeSet<String>>,
        names: &mut BTreeSet<String>,
        depth: usize,
    ) {
        let Some(values) = values.filter(|values| depth < DEPTH && !values.is_empty()) else {
            add(names, &ANY.to_string());
            return;
        };
        let before = std::mem::take(names);
        for value in values {
            let mut with = before.clone();
            self.append(value, &mut with, depth + 1);
            names.extend(with);
        }
        if names.len() > VALUES {
            *names = before;
            add(names, &ANY.to_string());
        }
    }
}

/// Appends a text to each name.
fn add(names: &mut BTreeSet<String>, text: &str) {
    *names = names.iter().map(|name| format!("{name}{text}")).collect();
}

/// The variable of the expansion at the beginning of a text, if it is only that, and the rest.
fn expansion(text: &str) -> (Option<&str>, &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let inner = &text[1..];
    let close = match inner.chars().next() {
        Some('{') => '}',
        Some('(') => ')',
        _ => {
            let end = inner.find(|c| !is_part(c)).unwrap_or(inner.len());
            // `$1` and `$@` are no variables.
            let end = if end == 0 { inner.len().min(1) } else { end };
            let name = Some(&inner[..end])
                .filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
            return (name, inner.get(end..).unwrap_or_default());
        }
    };
    let Some(at) = closing(inner, close) else {
        return (None, "");
    };
    let name = &inner[1..at];
    let plain = close == '}' && !name.is_empty() && name.chars().all(is_part);
    (plain.then_some(name), &inner[at + 1..])
}

/// True for a word that is exactly one value.
fn is_value(word: &str) -> bool {
    let rest = word
        .strip_prefix(VALUE)
        .map(|rest| rest.trim_start_matches('q'));
    let number = rest.and_then(|rest| rest.strip_suffix('v'));
    number.is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
}

/// True for a name of which a part is not known.
pub(super) fn is_partly_known(name: &str) -> bool {
    name.contains([ANY, FRESH])
}

/// True for a name of which nothing is known.
pub(super) fn is_unknown(name: &str) -> bool {
    name.chars().all(|c| matches!(c, ANY | FRESH))
}

/// Whether one text may have both of these names.
pub(super) fn may_be_same(one: &str, other: &str) -> bool {
    // Nobody knows the name of a fresh file before.
    let fresh_and_written = |one: &str, other: &str| one.contains(FRESH) && !is_partly_known(other);
    if fresh_and_written(one, other) || fresh_and_written(other, one) {
        return false;
    }
    let chars = |name: &str| -> Vec<char> {
        name.chars()
            .map(|c| if c == FRESH { ANY } else { c })
            .collect()
    };
    let (one, other) = (chars(one), chars(other));
    // For each beginning of `other`, whether it may be the same as the beginning of `one` so far.
    let mut row = vec![false; other.len() + 1];
    row[0] = true;
    for at in 0..other.len() {
        row[at + 1] = row[at] && other[at] == ANY;
    }
    for c in one {
        let mut next = vec![row[0] && c == ANY; other.len() + 1];
        for at in 0..other.len() {
            next[at + 1] = if c == ANY || other[at] == ANY {
                row[at + 1] || next[at] || row[at]
            } else {
                row[at] && c == other[at]
            };
        }
        row = next;
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::{ANY, last_part, may_be_same};

    #[test]
    fn names_with_unknown_parts_may_be_the_same_or_not() {
        let same = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| text.replace('*', &ANY.to_string()));
            let found = may_be_same(&one, &other);
            assert_eq!(found, may_be_same(&other, &one), "{one} {other}");
            found
        };
        for (one, other) in [
            ("x.sh", "x.sh"),
            ("*", "x.sh"),
            ("*.sh", "x.sh"),
            ("x*", "*.sh"),
            ("a*b*c", "abc"),
            ("*", ""),
            ("*", "*"),
            ("a*", "*a"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("x.sh", "y.sh"),
            ("*.txt", "x.sh"),
            ("x*", "y*"),
            ("*.txt", "*.sh"),
            ("a*b", "ba"),
            ("", "a"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn folders_within_substitutions_are_not_those_of_the_word() {
        assert_eq!(last_part("a/b.sh"), "b.sh");
        assert_eq!(last_part("\"$D/b.sh\""), "b.sh");
        assert_eq!(last_part("$(dirname a/b)/c"), "c");
        assert_eq!(last_part("${x%/*}"), "${x%/*}");
        assert_eq!(last_part("d/"), "d");
    }
}
