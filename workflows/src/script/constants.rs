//! What a script assigns to its variables, as far as that stands in the script.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::{Node, Parser};

use super::expansion::{bare_name, defaulted, expansion_length, named};
use super::node::{descendants, expandable};
use super::preset::Preset;

/// The most values of one variable that are followed.
pub(super) const VALUES: usize = 32;

/// The most values of one variable that are kept, to tell what kind of words they are.
const KEPT: usize = 256;

/// The words of a list, or the one text of a variable.
pub(super) type Words = Vec<String>;

/// The values of variables. A value may itself hold variables.
#[derive(Clone, Debug, Default)]
pub(super) struct Constants {
    pub(super) values: BTreeMap<String, Vec<Words>>,
    /// The variables that are also set in a way that is not followed.
    pub(super) unknown: BTreeSet<String>,
    /// The variables that may hold something else when the script starts.
    pub(super) outside: BTreeSet<String>,
    /// The node around the last assignment to each and where it ends, to tell what surely runs after
    /// it.
    blocks: BTreeMap<String, (usize, usize)>,
    /// Whether `$@` may also be the words of a call.
    pub(super) is_given: bool,
}

impl Constants {
    /// Finds all assignments among these nodes. Before them, the variables are as in `preset`.
    pub(super) fn of(nodes: &[Node<'_>], text: &str, preset: &Preset) -> Self {
        let mut found = preset.setup().and_then(Self::of_setup).unwrap_or_default();
        // These are of another text, and the words of another shell.
        found.blocks.clear();
        found.values.remove("@");
        for (name, value) in preset.values() {
            found.add(name, vec![value]);
        }
        found.outside.extend(preset.unknown().cloned());
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

    /// What the lines of `setup` assign, if they are read.
    fn of_setup(setup: &str) -> Option<Self> {
        let mut parser = Parser::new();
        let language = tree_sitter_bash::LANGUAGE.into();
        parser.set_language(&language).ok()?;
        let tree = parser.parse(setup, None)?;
        let nodes = descendants(tree.root_node(), |_| true);
        Some(Self::of(&nodes, setup, &Preset::default()))
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
                words.map(|word| element(expandable(word, text))).collect()
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
                for words in self.with_itself(name, words) {
                    self.add(name, words);
                }
            }
        }
    }

    /// The values that a variable has after `NAME="$NAME more"`, where it stands for what it held
    /// before.
    fn with_itself(&self, name: &str, words: Words) -> Vec<Words> {
        let [text] = words.as_slice() else {
            return vec![words];
        };
        let mut rest = text.as_str();
        let mut parts = vec![String::new()];
        let mut otherwise = None;
        while let Some(at) = rest.find(['$', '`']) {
            let (before, from) = rest.split_at(at);
            let (expansion, after) = from.split_at(expansion_length(from));
            let default = defaulted(expansion).filter(|(_, sign, _)| !sign.ends_with('+'));
            let is_own =
                bare_name(expansion) == name || default.is_some_and(|(own, _, _)| own == name);
            if let Some(last) = parts.last_mut() {
                last.push_str(before);
                match is_own {
                    true => parts.push(String::new()),
                    false => last.push_str(expansion),
                }
            }
            otherwise = otherwise.or(default.filter(|_| is_own).map(|(_, _, text)| text));
            rest = after;
        }
        if let Some(last) = parts.last_mut() {
            last.push_str(rest);
        }
        let held = self.values.get(name).into_iter().flatten();
        let mut held: Vec<&str> = match held.clone().all(|one| one.len() == 1) {
            true => held.flatten().map(String::as_str).collect(),
            false => Vec::new(),
        };
        held.extend(otherwise);
        if parts.len() == 1 || held.is_empty() {
            return vec![words];
        }
        held.iter().map(|one| vec![parts.join(one)]).collect()
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
            // What these words assign is not followed.
            "eval" => self
                .unknown
                .extend(words.iter().flat_map(|word| named(word))),
            _ => {}
        }
    }

    fn add(&mut self, name: &str, words: Words) {
        let known = self.values.entry(name.to_owned()).or_default();
        if known.len() < KEPT && !known.contains(&words) {
            known.push(words);
        } else if known.len() == KEPT {
            // These may be anything.
            self.unknown.insert(name.to_owned());
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
}

/// The value in an element of a list such as `[name]=value`.
fn element(word: String) -> String {
    let value = word.strip_prefix('[').and_then(|rest| {
        let (_, value) = rest.split_once("]=")?;
        Some(value.to_owned())
    });
    value.unwrap_or(word)
}
