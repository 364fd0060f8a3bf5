//! The variables whose content a command evaluates, by its words.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::interpreter::{self, MARK, Verdict};
use super::marked;
use super::nested;
use super::node::{
    CUT, DASHED, ENVIRONMENT, FIRST, LOOSE, is_descriptor, is_word, literal, spreads,
};
use super::output::outside_numbers;
use super::parameter::is_parameter;
use super::reading::Reading;
use super::reads::{
    dashed, divided, expansions, identifiers, is_variable, loosely, read, subscript_words,
    with_marks,
};
use super::refusal::Refusal;
use super::source::Source;
use super::sources::WORLD;
use super::streams::of_input;
use super::written;

/// Variables in words that the command evaluates.
pub(super) fn of_command(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node
        .children(&mut cursor)
        .filter(|part| is_word(*part) && !is_descriptor(*part, text))
        .collect();
    // The words of each call are looked at there, in the place of a parameter.
    let is_given = |reading: &Reading| reading.words.first().is_some_and(|one| is_parameter(one));
    let given = text.follows(node) && text.readings(node).iter().all(is_given);
    match node.child_by_field_name("name") {
        Some(_) if given && !text.mentions("export -f") => {}
        Some(name) => loosely(found, |found| of_name(name, text, found)),
        None => {}
    }
    for reading in text.readings(node) {
        of_reading(reading, &parts, text, found);
        of_input(node, &reading.words, found);
    }
    of_subscripts(&parts, text, found);
}

/// Variables that one reading of a command evaluates.
fn of_reading(
    reading: &Reading,
    parts: &[Node<'_>],
    text: &Source<'_>,
    found: &mut BTreeSet<String>,
) {
    let words = &reading.words;
    for program in interpreter::programs(words) {
        let names = nested::evaluated(program).into_iter();
        found.extend(names.filter(|name| {
            let plain = name.strip_prefix(DASHED).or_else(|| name.strip_prefix(CUT));
            is_variable(plain.unwrap_or(name)) || name == WORLD
        }));
    }
    if words.first().is_some_and(|name| name == "let") {
        parts
            .iter()
            .for_each(|part| identifiers(*part, text, found));
    }
    for (at, part) in reading.parts.iter().enumerate() {
        if let Some(part) = part.and_then(|part| parts.get(part)) {
            of_word(reading, at, *part, text, found);
        }
    }
    // In the reading of a call, the first word may be one of the call.
    let first = reading
        .parts
        .first()
        .copied()
        .flatten()
        .filter(|part| *part > 0);
    let first = first.map(|_| 0);
    for at in interpreter::started(words).into_iter().chain(first) {
        let part = reading.parts.get(at).copied().flatten();
        if let Some(program) = part.and_then(|part| parts.get(part))
            && !is_given(*program, text)
        {
            loosely(found, |found| of_name(*program, text, found));
        }
    }
    for at in interpreter::program_files(words) {
        // Of a word that may be a program, the name must be known.
        let is_literal = |word: &String| !word.contains('$') && !word.contains(marked::VALUE);
        if at > 0 && interpreter::is_unknown(&words[0]) && !is_literal(&words[at]) {
            continue;
        }
        let file = match at {
            0 => written::command(&words[at]),
            // Such a word is rarely a program.
            _ if interpreter::is_unknown(&words[0]) => written::command(&words[at]),
            _ => written::program(&words[at]),
        };
        found.insert(format!("{LOOSE}{file}"));
    }
    for list in interpreter::list_files(words) {
        match interpreter::interprets_pipe(words) {
            true => found.insert(format!("{LOOSE}{}", written::program(list))),
            false => found.insert(format!("{DASHED}{}", written::file(list))),
        };
    }
    for file in interpreter::found_files(words) {
        // Of a file that only may be found, the name must be known.
        let file = match file.contains('*') {
            true => written::command(file),
            false => written::program(file),
        };
        found.insert(format!("{LOOSE}{file}"));
    }
    // What is written to the descriptors of a coprocess is its standard input.
    if words.first().is_some_and(|name| name == "coproc") && interpreter::interprets_pipe(words) {
        found.insert(WORLD.to_owned());
    }
    if interpreter::runs_environment(words) {
        found.insert(WORLD.to_owned());
    }
    if interpreter::expands_environment(words) {
        found.insert(ENVIRONMENT.to_owned());
    }
}

/// Variables in one word of a reading, if the command evaluates the word.
fn of_word(
    reading: &Reading,
    at: usize,
    part: Node<'_>,
    text: &Source<'_>,
    found: &mut BTreeSet<String>,
) {
    let marked = match part.kind() {
        "process_substitution" => format!("<({MARK})"),
        _ => with_marks(part, text, true),
    };
    if !marked.contains(MARK) {
        return;
    }
    // A word of a list holds a value only where the list does.
    let mut probe = reading.words.clone();
    let beside = reading
        .parts
        .iter()
        .filter(|one| **one == reading.parts[at]);
    probe[at] = match beside.count() {
        1 => marked,
        _ => marked::with_marks(&probe[at], MARK).replace('$', &MARK.to_string()),
    };
    if !probe[at].contains(MARK) {
        return;
    }
    let words = &reading.words;
    let verdict = match interpreter::is_parallel(words) && text.mentions("export -f") {
        true => Verdict::Refused(Refusal::Evaluated),
        false => interpreter::verdict(&probe, at, MARK),
    };
    // The words of each call are looked at there, in the place of a parameter.
    if matches!(verdict, Verdict::Refused(_)) {
        if !is_given(part, text) {
            read(part, text, found);
        }
    } else if interpreter::runs_argument(words, at)
        || spreads(part, text) && interpreter::takes_options(words, at)
    {
        for node in outside_numbers(part, text) {
            divided(node, text, found);
        }
    }
    if verdict == Verdict::Operand && (probe[at].starts_with(MARK) || spreads(part, text)) {
        dashed(part, text, found);
    }
}

/// True for a parameter of a function of which all calls are known.
fn is_given(word: Node<'_>, text: &Source<'_>) -> bool {
    let source = literal(word, text);
    // `"$*"` joins all words to one.
    is_parameter(&source)
        && !source.contains('*')
        && word.parent().is_some_and(|command| text.follows(command))
        && !text.mentions("export -f")
}

/// Variables whose text becomes the name of a command.
fn of_name(name: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let source = &text[name.byte_range()];
    // Of these, only the first word is the name.
    let first = source.trim_matches('"');
    let whole = matches!(first, "$@" | "$*" | "${@}" | "${*}");
    if whole && !text.mentions("shift") {
        found.insert(FIRST.to_owned());
        return;
    }
    let array = first
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix("[@]}").or(rest.strip_suffix("[*]}")));
    if let Some(array) = array {
        found.insert(format!("{array}[0]"));
        // After that, another element is the first.
        if text.mentions("unset") {
            found.insert(array.to_owned());
        }
        return;
    }
    // `"$D/tool"` runs a program of a fixed name.
    if source.starts_with('"') && source.contains('/') {
        return;
    }
    expansions(name, text, found);
}

/// Variables in the subscripts of names that a command is given: `unset 'a[n]'`.
fn of_subscripts(parts: &[Node<'_>], text: &Source<'_>, found: &mut BTreeSet<String>) {
    let Some((name, parts)) = parts.split_first() else {
        return;
    };
    let takes_names = [
        "read",
        "printf",
        "test",
        "wait",
        "getopts",
        "mapfile",
        "readarray",
        "let",
    ];
    if !takes_names.contains(&&text[name.byte_range()]) {
        return;
    }
    for part in parts {
        subscript_words(&text[part.byte_range()], found);
    }
}
