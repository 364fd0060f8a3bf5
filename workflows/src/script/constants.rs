//! What a script assigns to its variables, as far as that stands in the script.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

use super::arguments::is_parameter;
use super::node::expandable;
use super::written::closing;

/// The most values of one variable that are followed.
const VALUES: usize = 12;

/// The most variables within each other that are followed.
const DEPTH: usize = 6;

/// The words of a list, or the one text of a variable.
type Words = Vec<String>;

/// The values of variables. A value may itself hold variables.
#[derive(Clone, Debug, Default)]
pub(super) struct Constants {
    values: BTreeMap<String, Vec<Words>>,
    /// The variables that are also set in a way that is not followed.
    unknown: BTreeSet<String>,
    /// The node around the last assignment to each and where it ends, to tell what surely runs after
    /// it.
    blocks: BTreeMap<String, (usize, usize)>,
    /// Whether `$@` may also be the words of a call.
    is_given: bool,
}

impl Constants {
    /// Finds all assignments among these nodes.
    pub(super) fn of(nodes: &[Node<'_>], text: &str) -> Self {
        let mut found = Self::default();
        let mut nodes = nodes.to_vec();
        nodes.sort_by_key(|node| (node.start_byte(), node.end_byte()));
        for node in nodes {
            match node.kind() {
                "variable_assignment" => found.assign(node, text),
                "for_statement" => found.each(node, text),
                "expansion" => found.or_else(&text[node.byte_range()]),
                "command" => found.command(node, text),
                _ => {}
            }
        }
        found
    }

    /// The same within functions, where `$1` and `$@` are the words of a call, and if a function
    /// `sets` them, also other ones.
    pub(super) fn within_functions(&self, sets: bool) -> Self {
        let mut within = self.clone();
        match sets {
            true => within.is_given = true,
            false => drop(within.values.remove("@")),
        }
        within
    }

    fn assign(&mut self, node: Node<'_>, text: &str) {
        let Some(name) = node.child_by_field_name("name") else {
            return;
        };
        let appends = text[name.end_byte()..].starts_with('+');
        let name = &text[name.byte_range()];
        let words = match node.child_by_field_name("value") {
            None => vec![String::new()],
            Some(value) if value.kind() == "array" => {
                let mut cursor = value.walk();
                let words = value.named_children(&mut cursor);
                words.map(|word| expandable(word, text)).collect()
            }
            Some(value) => vec![expandable(value, text)],
        };
        let list = node
            .child_by_field_name("value")
            .is_some_and(|value| value.kind() == "array");
        match name.split_once('[') {
            // An element of a list is one of its words.
            Some((list, _)) => self.add(list, words),
            None if appends => {
                // A shorter list is used too if a command stands before, or the assignment may not
                // run.
                let last = self.blocks.get(name).copied();
                let before = &text[last.map_or(0, |(_, end)| end)..node.start_byte()];
                let used = [format!("${{{name}"), format!("${name}")]
                    .iter()
                    .any(|one| before.contains(one.as_str()));
                let sure = node.parent().map(|block| block.id()) == last.map(|(block, _)| block);
                self.append(name, &words, list, used || !sure);
            }
            None => {
                if let Some(block) = node.parent() {
                    self.blocks
                        .insert(name.to_owned(), (block.id(), node.end_byte()));
                }
                self.add(name, words);
            }
        }
    }

    /// The values after `for NAME in`.
    fn each(&mut self, node: Node<'_>, text: &str) {
        let Some(name) = node.child_by_field_name("variable") else {
            return;
        };
        let name = text[name.byte_range()].to_owned();
        let mut cursor = node.walk();
        let values: Vec<Node<'_>> = node.children_by_field_name("value", &mut cursor).collect();
        if values.is_empty() {
            self.add(&name, vec!["$@".to_owned()]);
        }
        for value in values {
            self.add(&name, vec![expandable(value, text)]);
        }
    }

    /// The value in `${NAME:=VALUE}`.
    fn or_else(&mut self, source: &str) {
        if let Some((name, sign, value)) = defaulted(source)
            && sign.ends_with('=')
        {
            self.add(name, vec![value.to_owned()]);
        }
    }

    /// The names that `read`, `printf -v` and the like set, and the words of `set`.
    fn command(&mut self, node: Node<'_>, text: &str) {
        let Some(name) = node.child_by_field_name("name") else {
            return;
        };
        let mut cursor = node.walk();
        let words = node.children_by_field_name("argument", &mut cursor);
        let words: Words = words.map(|word| expandable(word, text)).collect();
        match &text[name.byte_range()] {
            "set" => {
                let ended = words.iter().position(|word| word == "--");
                let from = ended.map(|at| at + 1).or_else(|| {
                    // In `set -o pipefail` the word is that of the option.
                    let plain = |at: &usize| {
                        let option = |word: &String| word.starts_with(['-', '+']);
                        let before = at.checked_sub(1).and_then(|before| words.get(before));
                        !words.get(*at).is_some_and(option)
                            && !before.is_some_and(|word| option(word) && word.ends_with('o'))
                    };
                    (0..words.len()).find(plain)
                });
                if let Some(given) = from.and_then(|from| words.get(from..)) {
                    self.add("@", given.to_vec());
                }
            }
            "read" | "mapfile" | "readarray" | "getopts" | "printf" => {
                self.unknown.extend(words);
            }
            _ => {}
        }
    }

    fn add(&mut self, name: &str, words: Words) {
        let known = self.values.entry(name.to_owned()).or_default();
        if !known.contains(&words) {
            known.push(words);
        }
    }

    /// Appends to each value that is known so far, and with `keeps` leaves those as well.
    fn append(&mut self, name: &str, words: &[String], list: bool, keeps: bool) {
        let known = self.values.entry(name.to_owned()).or_default();
        if known.is_empty() {
            known.push(if list {
                Vec::new()
            } else {
                vec![String::new()]
            });
        }
        let mut appended = known.clone();
        for one in &mut appended {
            match (list, one.first_mut()) {
                (false, Some(first)) => first.push_str(words.first().map_or("", String::as_str)),
                _ => one.extend_from_slice(words),
            }
        }
        if !keeps {
            known.clear();
        }
        for one in appended {
            if known.len() <= VALUES && !known.contains(&one) {
                known.push(one);
            }
        }
    }

    /// What a word may stand for: the words of each value. A variable of which nothing is known stays
    /// as it is written. If `divides`, blanks divide what the variable holds.
    pub(super) fn values(&self, word: &str, divides: bool) -> Vec<Words> {
        if !word.contains(['$', '`']) {
            return vec![vec![word.to_owned()]];
        }
        self.resolved(word, divides, 0)
    }

    fn resolved(&self, word: &str, divides: bool, depth: usize) -> Vec<Words> {
        let as_written = || vec![vec![word.to_owned()]];
        if depth > DEPTH {
            return as_written();
        }
        if let Some(list) = whole_list(word) {
            return match self.known(list) {
                Some(values) => {
                    let mut found = self.each_resolved(&values, divides, depth);
                    if list == "@" && self.is_given {
                        found.extend(as_written());
                    }
                    found
                }
                None => as_written(),
            };
        }
        let mut texts = vec![String::new()];
        let mut rest = word;
        while !rest.is_empty() {
            let end = rest.find(['$', '`']).unwrap_or(rest.len());
            texts
                .iter_mut()
                .for_each(|text| text.push_str(&rest[..end]));
            rest = &rest[end..];
            if rest.is_empty() {
                break;
            }
            let length = expansion_length(rest);
            let values = self.of_expansion(&rest[..length], depth);
            rest = &rest[length..];
            texts = texts
                .iter()
                .flat_map(|text| values.iter().map(move |value| format!("{text}{value}")))
                .collect();
            if texts.len() > VALUES {
                return as_written();
            }
        }
        let words = texts.into_iter().map(|text| match divides {
            true if !text.contains("$(") && !text.contains("${") && !text.contains('`') => {
                text.split_whitespace().map(str::to_owned).collect()
            }
            _ => vec![text],
        });
        words.collect()
    }

    /// Each of some values with the variables in it replaced.
    fn each_resolved(&self, values: &[Words], divides: bool, depth: usize) -> Vec<Words> {
        let mut found = Vec::new();
        for words in values {
            let mut open = vec![Vec::new()];
            for word in words {
                let ways = self.resolved(word, divides, depth + 1);
                open = open
                    .iter()
                    .flat_map(|before: &Words| {
                        ways.iter()
                            .map(move |way| before.iter().chain(way).cloned().collect())
                    })
                    .take(VALUES)
                    .collect();
            }
            found.extend(open);
        }
        found
    }

    /// The texts that `$x`, `${x:-y}` or `$(which y)` may stand for.
    fn of_expansion(&self, source: &str, depth: usize) -> Vec<String> {
        let as_written = || vec![source.to_owned()];
        if let Some(programs) = looked_up(source) {
            return programs;
        }
        if is_parameter(source) {
            let known = self.known("@").filter(|_| depth <= DEPTH);
            let place = source.trim_matches(['$', '{', '}']).parse::<usize>().ok();
            let place = place.and_then(|place| place.checked_sub(1));
            return match (known, place) {
                (Some(values), Some(place)) => {
                    let words = values.iter().filter_map(|words| words.get(place));
                    words.cloned().chain([source.to_owned()]).collect()
                }
                _ => as_written(),
            };
        }
        let (name, default) = match defaulted(source) {
            Some((name, _, default)) => (name, Some(default)),
            None => (bare_name(source), None),
        };
        if name.is_empty() {
            return as_written();
        }
        let (name, index) = name.split_once('[').unwrap_or((name, ""));
        let mut found = Vec::new();
        for words in self.known(name).into_iter().flatten() {
            let index = index.trim_end_matches(']').parse::<usize>();
            let words = match index {
                Ok(at) => words.get(at).cloned(),
                Err(_) => words.first().cloned(),
            };
            let Some(word) = words else { continue };
            let ways = self.resolved(&word, false, depth + 1);
            found.extend(ways.into_iter().map(|way| way.join(" ")));
        }
        match default {
            Some(default) => {
                let ways = self.resolved(default.trim_matches(['"', '\'']), false, depth + 1);
                found.extend(ways.into_iter().map(|way| way.join(" ")));
                if self.known(name).is_none() {
                    found.push(source.to_owned());
                }
            }
            None if found.is_empty() => return as_written(),
            None => {}
        }
        found.dedup();
        found
    }

    /// The values of a variable; `None` if the script does not set it. One that is also set in
    /// another way may be anything.
    fn known(&self, name: &str) -> Option<Vec<Words>> {
        let shells = ["BASH", "SHELL"].contains(&name);
        let mut values = match self.values.get(name) {
            Some(values) => values.clone(),
            None if shells => vec![vec!["bash".to_owned()]],
            None => return None,
        };
        if self.unknown.contains(name) {
            values.push(vec![format!("${{{name}?}}")]);
        }
        (values.len() <= VALUES).then_some(values)
    }
}

/// The list in `${LIST[@]}` or `${LIST[*]}`, if that is the whole word. `$@` is a list outside
/// functions.
fn whole_list(word: &str) -> Option<&str> {
    if matches!(word, "$@" | "$*" | "${@}" | "${*}") {
        return Some("@");
    }
    let inner = word.strip_prefix("${")?.strip_suffix('}')?;
    let list = inner
        .strip_suffix("[@]")
        .or_else(|| inner.strip_suffix("[*]"))?;
    list.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        .then_some(list)
}

/// The name in `$NAME`, `${NAME}` or `${NAME[1]}`; empty for all others.
fn bare_name(source: &str) -> &str {
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
fn defaulted(source: &str) -> Option<(&str, &str, &str)> {
    let inner = source.strip_prefix("${")?.strip_suffix('}')?;
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (name, rest) = inner.split_at(end);
    let signs = [":-", ":=", ":+", "-", "=", "+"];
    let sign = signs.into_iter().find(|sign| rest.starts_with(sign))?;
    (!name.is_empty()).then(|| (name, sign, &rest[sign.len()..]))
}

/// The programs that `$(which PROGRAM)`, `$(command -v PROGRAM || command -v OTHER)` and
/// `$(echo PROGRAM)` print.
fn looked_up(source: &str) -> Option<Vec<String>> {
    let command = source
        .strip_prefix("$(")
        .and_then(|rest| rest.strip_suffix(')'))
        .or_else(|| source.strip_prefix('`')?.strip_suffix('`'))?;
    command.split("||").map(printed).collect()
}

fn printed(command: &str) -> Option<String> {
    let command = command
        .replace("2>/dev/null", "")
        .replace("2> /dev/null", "");
    let mut words = command.split_whitespace();
    let program = match (words.next()?, words.next()?) {
        ("which" | "echo", program) => program,
        ("command" | "type", option) if option.starts_with('-') => words.next()?,
        _ => return None,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-/".contains(c);
    let program = program.trim_matches(['"', '\'']);
    (words.next().is_none() && program.chars().all(plain)).then(|| program.to_owned())
}

/// The bytes of the expansion at the beginning of a text.
fn expansion_length(text: &str) -> usize {
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
