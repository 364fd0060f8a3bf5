//! How the shell may read a command: with its variables replaced by what the script assigns to
//! them, and with the words of a call in the place of a function's parameters.
//!
//! `PY=python3; $PY -c …` is read as `python3 -c …`, and `run() { nice "$@"; }; run bash -c …` as
//! `nice bash -c …`. A command has several readings if a variable has several values. What is not
//! known stays as it is written, so the name of a command that is not known has a `$`.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

use super::constants::Constants;
use super::node::{descendants, expandable, hidden_dash, is_descriptor, is_fed_within, is_word};
use super::parameter::{is_parameter, place};
use super::preset::Preset;
use super::reading::{Numbered, Part, READINGS, Reading, any, resolved};

/// The most calls within each other that are followed.
const CALLS: usize = 4;

/// The most readings of one call.
const CALLED: usize = 4 * READINGS;

/// A command in the body of a function.
#[derive(Clone, Debug)]
struct Inner {
    parts: Vec<Part>,
    /// The number of words of a call that `shift` has removed before; `None` if it is not known.
    shifted: Option<usize>,
    /// Whether its standard input is not that of the function.
    is_fed: bool,
}

/// What is known of the variables and functions of a script.
#[derive(Debug, Default)]
pub(super) struct Commands {
    constants: Constants,
    /// The same for the commands in functions.
    within: Constants,
    functions: BTreeMap<String, Vec<Inner>>,
    /// The readings of each command, by where it stands.
    readings: BTreeMap<(usize, usize), Vec<Reading>>,
    /// Where the commands begin of which it is known how many words `shift` has removed.
    followed: BTreeSet<usize>,
}

impl Commands {
    /// Reads a script once. When it starts, its variables are as in `preset`.
    pub(super) fn of(root: Node<'_>, text: &str, preset: &Preset) -> Self {
        let all = descendants(root, |_| true);
        let mut functions: BTreeMap<String, Vec<Inner>> = BTreeMap::new();
        let mut followed = BTreeSet::new();
        let mut inner = BTreeSet::new();
        let mut is_set = false;
        for node in all.iter().filter(|one| one.kind() == "function_definition") {
            let fields = (
                node.child_by_field_name("name"),
                node.child_by_field_name("body"),
            );
            let (Some(name), Some(body)) = fields else {
                continue;
            };
            let name = text[name.byte_range()].to_owned();
            let within = descendants(body, |one| one.kind() != "function_definition").into_iter();
            let mut commands: Vec<_> = within.filter(|one| one.kind() == "command").collect();
            commands.sort_by_key(tree_sitter::Node::start_byte);
            let (mut shifted, mut given) = (Some(0), 0);
            for command in commands {
                inner.insert(place_of(command));
                let parts: Vec<Part> = parts(command, text);
                let first = parts.first().map_or("", |part| part.word.as_str());
                // Another list of words.
                let sets = |part: &Part| part.word == "--" || !part.word.starts_with(['-', '+']);
                if first == "set" && parts.iter().skip(1).any(sets) {
                    shifted = None;
                    is_set = true;
                }
                if first == "shift" {
                    shifted = shifted.and_then(|all| Some(all + removed(command, body, &parts)?));
                }
                let takes = |part: &Part| is_parameter(&part.word);
                given += usize::from(parts.iter().any(takes));
                // The readings of a call are limited, and so is what is known of them.
                if shifted.is_some() && given <= READINGS {
                    followed.insert(command.start_byte());
                }
                functions.entry(name.clone()).or_default().push(Inner {
                    parts,
                    shifted,
                    is_fed: is_fed_within(command, body),
                });
            }
        }
        let constants = Constants::of(&all, text, preset);
        let mut found = Self {
            within: constants.within_functions(is_set),
            constants,
            functions,
            followed,
            readings: BTreeMap::new(),
        };
        for command in all.into_iter().filter(|one| one.kind() == "command") {
            let parts = parts(command, text).into_iter().enumerate();
            let constants = match inner.contains(&place_of(command)) {
                true => &found.within,
                false => &found.constants,
            };
            let readings = found.all(
                constants,
                &parts.map(|(at, part)| (part, Some(at))).collect::<Vec<_>>(),
            );
            found.readings.insert(place_of(command), readings);
        }
        found
    }

    /// All readings of a command.
    pub(super) fn readings(&self, command: Node<'_>) -> &[Reading] {
        self.readings
            .get(&place_of(command))
            .map_or(&[], Vec::as_slice)
    }

    fn all(&self, constants: &Constants, parts: &[Numbered]) -> Vec<Reading> {
        let mut found = resolved(constants, parts);
        let mut from = 0;
        for level in 0..=CALLS {
            let to = found.len();
            for at in from..to {
                let called = self.called(&found[at]);
                let is_new = |one: &Reading, found: &[Reading]| !found.contains(one);
                // Calls that are not followed may run any command.
                if called.len() > CALLED || found.len() > 2 * CALLED {
                    found.extend(any(&found[at]));
                    return found;
                }
                for one in called {
                    match level {
                        CALLS if is_new(&one, &found) => found.extend(any(&one)),
                        CALLS => {}
                        _ if is_new(&one, &found) => found.push(one),
                        _ => {}
                    }
                }
            }
            from = to;
        }
        found
    }

    /// The commands that a call of a function runs, where its words decide which command that is.
    fn called(&self, call: &Reading) -> Vec<Reading> {
        let Some(body) = call.words.first().and_then(|name| self.functions.get(name)) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for command in body {
            let numbered = command.parts.iter().enumerate();
            let parts: Vec<_> = numbered.map(|(at, one)| (one.clone(), Some(at))).collect();
            for reading in resolved(&self.within, &parts) {
                if !reading.words.iter().any(|word| is_parameter(word)) {
                    continue;
                }
                let shifted = match command.shifted {
                    Some(all) => all..all + 1,
                    None => 0..call.words.len(),
                };
                let shifted = shifted.filter(|all| *all < call.words.len());
                found.extend(shifted.map(|all| Reading {
                    is_fed: call.is_fed || command.is_fed,
                    ..substituted(&reading, command, call, all)
                }));
            }
            if found.len() > CALLED {
                break;
            }
        }
        found
    }

    /// True if it is known which word of a call each parameter in this command is, because it stands
    /// in a function of which `shift` removes a known number of words.
    pub(super) fn follows(&self, command: Node<'_>) -> bool {
        self.followed.contains(&command.start_byte())
    }

    /// True if this holds for a command, or for one in the body of a function that it calls.
    pub(super) fn holds(&self, command: Node<'_>, holds: &dyn Fn(&[String]) -> bool) -> bool {
        let mut seen = Vec::new();
        let readings = self.readings(command);
        readings
            .iter()
            .filter(|reading| !reading.is_fed)
            .any(|reading| self.holds_in(&reading.words, holds, &mut seen))
    }

    fn holds_in(
        &self,
        words: &[String],
        holds: &dyn Fn(&[String]) -> bool,
        seen: &mut Vec<String>,
    ) -> bool {
        if holds(words) {
            return true;
        }
        let Some((name, body)) = words
            .first()
            .and_then(|name| self.functions.get_key_value(name))
        else {
            return false;
        };
        if seen.contains(name) {
            return false;
        }
        seen.push(name.clone());
        body.iter()
            .filter(|command| !command.is_fed)
            .any(|command| {
                let parts: Vec<_> = command
                    .parts
                    .iter()
                    .map(|one| (one.clone(), None))
                    .collect();
                let mut readings = resolved(&self.within, &parts).into_iter();
                readings.any(|reading| self.holds_in(&reading.words, holds, seen))
            })
    }
}

/// Where a command stands.
fn place_of(command: Node<'_>) -> (usize, usize) {
    (command.start_byte(), command.end_byte())
}

/// The number of words that a `shift` removes; `None` if it may run more or less than once.
fn removed(command: Node<'_>, body: Node<'_>, parts: &[Part]) -> Option<usize> {
    let mut around = command.parent();
    while let Some(one) = around.filter(|one| one.id() != body.id()) {
        if !matches!(one.kind(), "list" | "redirected_statement") {
            return None;
        }
        around = one.parent();
    }
    match parts.get(1) {
        Some(number) => number.word.parse().ok(),
        None => Some(1),
    }
}

/// The parts of a command that are its words, with a `-` that the parser leaves out of the tree.
fn parts(command: Node<'_>, text: &str) -> Vec<Part> {
    let mut cursor = command.walk();
    let nodes = command.children(&mut cursor);
    let own = nodes.filter(|part| is_word(*part) && !is_descriptor(*part, text));
    let words = own.map(|node| {
        let inner = match node.kind() {
            "command_name" => node.named_child(0).unwrap_or(node),
            _ => node,
        };
        let divides = matches!(
            inner.kind(),
            "simple_expansion" | "expansion" | "command_substitution"
        );
        let word = expandable(inner, text);
        Part { word, divides }
    });
    let dash = hidden_dash(command, text).map(|word| Part {
        word,
        divides: false,
    });
    words.chain(dash).collect()
}

/// A command of a function's body with the words of a call for its parameters.
fn substituted(reading: &Reading, command: &Inner, call: &Reading, shifted: usize) -> Reading {
    let mut found = Reading::default();
    for (word, part) in reading.words.iter().zip(&reading.parts) {
        // A variable took its parameter before the `shift`, as in `tool=$1; shift; $tool "$@"`.
        let part = part.and_then(|part| command.parts.get(part));
        let is_own = part.is_some_and(|part| is_parameter(&part.word));
        let given = if is_own { 1 + shifted } else { 1 };
        let (from, to) = match place(word) {
            Some((from, to)) => (from, to),
            None => {
                found.push(word, None);
                continue;
            }
        };
        let to = to.map_or(call.words.len(), |to| (given + to).min(call.words.len()));
        for at in given + from..to {
            found.push(&call.words[at], call.parts[at]);
        }
    }
    found
}
