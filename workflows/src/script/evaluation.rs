//! Finds the variables whose content a script evaluates: in arithmetic, in subscripts, as names,
//! and as programs.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::commands::{Reading, is_parameter};
use super::guard;
use super::interpreter::{self, MARK, Verdict};
use super::marked;
use super::nested;
use super::node::{
    CUT, DASHED, DIVIDED, ENVIRONMENT, FIRST, INPUT, LOOSE, POSITIONAL, dequoted, descendants,
    is_descriptor, is_document, is_expansion, is_fed_within, is_length, is_list, is_word, literal,
    outside_numbers, outside_substitutions, own_text, read_name, spreads,
};
use super::output;
use super::refusal::Refusal;
use super::source::Source;
use super::sources::{self, WORLD, is_fed};
use super::written;

/// The names of all variables whose content the script evaluates anywhere.
pub(super) fn names(root: Node<'_>, text: &Source<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // A command without a folder may be a file that the script wrote.
    let sets_path = text.mentions("PATH=");
    for node in descendants(root, |_| true) {
        of_node(node, text, &mut found);
        if sets_path && node.kind() == "command_name" {
            let file = written::command(&text[node.byte_range()]);
            found.insert(format!("{LOOSE}{file}"));
        }
    }
    old_arithmetic(text, &mut found);
    // The shell itself evaluates these, and programs the others.
    found.extend(interpreter::NUMBERS.iter().map(|name| (*name).to_owned()));
    let programs = interpreter::EVALUATED.iter();
    found.extend(programs.map(|name| format!("{LOOSE}{name}")));
    found
}

/// The names whose content one node evaluates wherever their text comes from, without the nodes within
/// it.
pub(super) fn strictly(node: Node<'_>, text: &Source<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    of_node(node, text, &mut found);
    let loose = |name: &String| {
        [LOOSE, DIVIDED, DASHED, CUT]
            .iter()
            .any(|mark| name.starts_with(mark))
            || name == ENVIRONMENT
    };
    found.retain(|name| !loose(name));
    found
}

fn of_node(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let source = &text[node.byte_range()];
    match node.kind() {
        "arithmetic_expansion" => identifiers(node, text, found),
        "command_substitution" if source.starts_with("$((") => within(node, text, found),
        "compound_statement" | "subshell" | "test_command" if source.starts_with("((") => {
            within(node, text, found);
        }
        "test_command" if source.starts_with("[[") => {
            if evaluates_test(source) {
                identifiers(node, text, found);
            }
            tested_names(node, text, found);
        }
        "test_command" => {
            tested_names(node, text, found);
            spread_operands(node, text, found);
        }
        "c_style_for_statement" => {
            let mut cursor = node.walk();
            let header = node
                .children(&mut cursor)
                .take_while(|child| !matches!(child.kind(), "do_group" | "compound_statement"));
            header.for_each(|child| identifiers(child, text, found));
        }
        "subscript" => {
            if let Some(index) = node.child_by_field_name("index") {
                identifiers(index, text, found);
            }
        }
        "array" if source.contains("]=") || source.contains("]+=") => {
            of_elements(node, text, found);
        }
        "expansion" => of_expansion(node, text, found),
        "declaration_command" => of_declaration(node, text, found),
        "unset_command" => {
            expansions(node, text, found);
            let mut cursor = node.walk();
            let names = node.named_children(&mut cursor);
            names.for_each(|name| subscript_words(&text[name.byte_range()], found));
        }
        "command" => {
            of_command(node, text, found);
            of_document(node, text, found);
            of_dashed_input(node, text, found);
        }
        "redirected_statement" => {
            of_document(node, text, found);
            of_output(node, text, found);
            of_dashed_input(node, text, found);
        }
        "pipeline" => {
            of_pipeline(node, text, found);
            of_dashed_input(node, text, found);
        }
        _ => {}
    }
}

/// Variables in the subscripts of elements such as `[n]=V`.
fn of_elements(array: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = array.walk();
    for element in array.named_children(&mut cursor) {
        let source = &text[element.byte_range()];
        let Some(end) = source.rfind("]=").or_else(|| source.rfind("]+=")) else {
            continue;
        };
        let mut parts = element.walk();
        let subscript = element.children(&mut parts);
        subscript
            .take_while(|part| part.start_byte() < element.start_byte() + end)
            .for_each(|part| identifiers(part, text, found));
    }
}

/// Variables that an expansion evaluates: `${!x}` uses the text of `x` as a name, `${x@P}` as a
/// prompt, and `${s:x}` as an offset.
fn of_expansion(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let source = &text[node.byte_range()];
    if source.starts_with("${!") || source.ends_with("@P}") {
        found.extend(read_name(node, text));
    }
    // Only the offset and the length are evaluated, not the text that they divide.
    let Some(colon) = source.find(':') else {
        return;
    };
    if source[colon + 1..].starts_with(['-', '+', '=', '?']) {
        return;
    }
    let mut cursor = node.walk();
    let after = node
        .children(&mut cursor)
        .filter(|part| part.end_byte() > node.start_byte() + colon + 1);
    after.for_each(|part| identifiers(part, text, found));
}

/// Variables that a declaration evaluates: `declare -i` evaluates values, and `declare -n` uses
/// them as names.
fn of_declaration(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    if declares_evaluated(&text[node.byte_range()]) {
        identifiers(node, text, found);
    }
    // A word such as `"v_$n=1"` holds a name, and the subscript of a name is evaluated.
    let mut cursor = node.walk();
    let computed = node
        .children(&mut cursor)
        .filter(|part| part.kind() != "variable_assignment");
    for part in computed {
        expansions(part, text, found);
        if matches!(part.kind(), "raw_string" | "string" | "concatenation") {
            subscript_words(&text[part.byte_range()], found);
        }
    }
}

/// True if a declaration makes its variables numbers or references.
pub(super) fn declares_evaluated(source: &str) -> bool {
    source.split_whitespace().any(|word| {
        let letters = word.strip_prefix(['-', '+']);
        letters.is_some_and(|letters| !letters.starts_with('-') && letters.contains(['i', 'n']))
    })
}

/// Variables in words that the command evaluates.
fn of_command(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
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
    is_parameter(&literal(word, text))
        && word.parent().is_some_and(|command| text.follows(command))
        && !text.mentions("export -f")
}

/// Adds what a word may begin with. It must not begin with `-`.
fn dashed(word: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mark = match guard::cuts(&text[word.byte_range()]) {
        true => CUT,
        false => DASHED,
    };
    let names = sources::sources(word, text).into_iter();
    found.extend(names.map(|name| format!("{mark}{name}")));
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

/// True for the name of a variable, as opposed to a positional parameter.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
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

/// Adds every word between the first `[` of a text and the last `]`.
fn subscript_words(source: &str, found: &mut BTreeSet<String>) {
    let first = source.find('[').map(|at| at + 1);
    let last = source.rfind(']');
    if let Some(inner) = first
        .zip(last)
        .and_then(|(first, last)| source.get(first..last))
    {
        words(inner, found);
    }
}

/// The standard input of a command that reads its program from there, if nothing feeds it: it
/// is that of the whole script.
fn of_input(node: Node<'_>, words: &[String], found: &mut BTreeSet<String>) {
    if interpreter::interprets_pipe(words) && !is_fed(node) {
        found.insert(INPUT.to_owned());
    }
}

/// Variables in a here-document or here-string that an interpreter reads as its program.
fn of_document(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let documents: Vec<Node<'_>> = node
        .children(&mut cursor)
        .filter(|part| is_document(*part) || part.kind() == "file_redirect")
        .filter(|part| !written::is_output(*part, text))
        .collect();
    if !documents.is_empty() && any_command(node, text, interpreter::interprets) {
        for part in documents {
            // A file that is fed to an interpreter is a program that the script runs.
            match part.kind() {
                "file_redirect" if !text[part.byte_range()].contains("<(") => {
                    loosely(found, |found| read(part, text, found));
                }
                "herestring_redirect" => {
                    read(part, text, found);
                    if any_command(node, text, interpreter::interprets_as_shell) {
                        identifiers(part, text, found);
                    }
                }
                _ => {
                    // The parser puts `> FILE` after `<<EOF` inside, and that is not read.
                    let mut cursor = part.walk();
                    let parts = part.children(&mut cursor);
                    parts
                        .filter(|part| !written::is_output(*part, text))
                        .for_each(|part| read(part, text, found));
                }
            }
            let body = descendants(part, |_| true)
                .into_iter()
                .find(|one| one.kind() == "heredoc_body");
            // In another language, a variable of the environment is data.
            let body = body.filter(|_| any_command(node, text, interpreter::interprets_as_shell));
            if let Some(body) = body {
                let program = nested::evaluated(&text[body.byte_range()]);
                found.extend(program.into_iter().filter(|name| is_variable(name)));
            }
        }
        let words = written::inputs(node, text).into_iter();
        found.extend(words.map(|word| format!("{LOOSE}{}", written::program(&word))));
    }
}

/// Variables in what a statement writes to an interpreter: `echo "$x" > >(bash)`.
fn of_output(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.children(&mut cursor).collect();
    let (redirects, others): (Vec<Node<'_>>, Vec<Node<'_>>) = parts
        .into_iter()
        .partition(|part| part.kind() == "file_redirect");
    let interprets = |part: &Node<'_>| {
        text[part.byte_range()].contains(">(")
            && any_command(*part, text, interpreter::interprets_pipe)
    };
    if redirects.iter().any(interprets) {
        others.into_iter().for_each(|part| read(part, text, found));
    }
}

/// Variables in text that is piped to an interpreter.
fn of_pipeline(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
    let last = parts
        .iter()
        .rposition(|part| any_command(*part, text, interpreter::interprets_pipe));
    // The first part may pass on what the whole script reads.
    if last.is_some_and(|last| last > 0) {
        found.insert(INPUT.to_owned());
    }
    for part in parts.iter().take(last.unwrap_or(0)) {
        match output::is_content(*part, text) {
            true => loosely(found, |found| read(*part, text, found)),
            false => {
                read(*part, text, found);
                // What is written may itself name variables.
                identifiers(*part, text, found);
            }
        }
    }
}

/// What a command such as `xargs sed` may take as an option, because it comes from its input.
fn of_dashed_input(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
    let is_dashed = |part: &Node<'_>| any_command(*part, text, interpreter::dashes_input);
    let piped = match node.kind() {
        "pipeline" => parts.iter().rposition(is_dashed).unwrap_or(0),
        _ if is_dashed(&node) => parts.len(),
        _ => 0,
    };
    for part in parts.into_iter().take(piped) {
        dashed(part, text, found);
    }
    if piped > 0 && node.kind() != "pipeline" {
        let words = written::inputs(node, text).into_iter();
        found.extend(words.map(|word| format!("{DASHED}{}", written::file(&word))));
    }
}

fn any_command(node: Node<'_>, text: &Source<'_>, holds: fn(&[String]) -> bool) -> bool {
    let mut commands = descendants(node, |_| true)
        .into_iter()
        .filter(|n| n.kind() == "command" && !is_fed_within(*n, node));
    commands.any(|command| {
        text.runs(command, &|words| {
            // A function of the script may evaluate its words.
            holds(words) || interpreter::is_parallel(words) && text.mentions("export -f")
        })
    })
}

/// A word without its quotes. With `marks`, each variable in it becomes a mark.
fn with_marks(node: Node<'_>, text: &Source<'_>, marks: bool) -> String {
    let mut word = String::new();
    let mut from = node.start_byte();
    if marks {
        let mut ranges: Vec<_> = outside_numbers(node, text)
            .into_iter()
            .filter(|node| is_expansion(*node) || node.kind() == "command_substitution")
            .map(|node| node.byte_range())
            .collect();
        ranges.sort_by_key(|range| range.start);
        for range in ranges {
            if range.start >= from {
                word.push_str(&text[from..range.start]);
                word.push(MARK);
                from = range.end;
            }
        }
    }
    word.push_str(&text[from..node.end_byte()]);
    dequoted(node.kind(), word)
}

/// Variables that a test evaluates: `-v "$x"` uses the text of `x` as a name.
fn tested_names(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let source = &text[node.byte_range()];
    if source
        .split_whitespace()
        .any(|word| matches!(word, "-v" | "-R"))
    {
        expansions(node, text, found);
        source
            .split_whitespace()
            .filter(|word| word.contains(['\'', '"']))
            .for_each(|word| subscript_words(word, found));
    }
}

/// Variables that may become several operands of `[ … ]`, such as `-v` and a name.
fn spread_operands(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    if text[node.byte_range()].starts_with("((") {
        return;
    }
    let within = |node: Node<'_>| {
        let mut around = node.parent();
        while let Some(one) = around.filter(|one| one.kind() != "test_command") {
            if one.kind() == "string" {
                return true;
            }
            around = one.parent();
        }
        false
    };
    for node in outside_substitutions(node) {
        if !within(node) || is_list(node, text) {
            divided(node, text, found);
        }
    }
}

/// Adds the variable of an expansion that is evaluated only if its text divides into several words.
fn divided(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let name = read_name(node, text).filter(|_| is_expansion(node));
    found.extend(name.map(|name| format!("{DIVIDED}{name}")));
}

/// True if `[[ … ]]` evaluates operands: in comparisons of numbers and as names.
pub(super) fn evaluates_test(source: &str) -> bool {
    const SIGNS: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v", "-R"];
    source.split_whitespace().any(|word| SIGNS.contains(&word))
}

/// Adds everything that the expansions in a node's subtree take text from.
fn expansions(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let sources = sources::sources(node, text);
    found.extend(sources.into_iter().filter(|name| !written::is_file(name)));
}

/// Adds the variables that are expanded in a node's subtree, and the files that it names.
fn read(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    found.extend(sources::sources(node, text));
}

/// Adds names that are evaluated even if their text comes from outside the script.
fn loosely(found: &mut BTreeSet<String>, add: impl FnOnce(&mut BTreeSet<String>)) {
    let mut names = BTreeSet::new();
    add(&mut names);
    found.extend(names.into_iter().map(|name| format!("{LOOSE}{name}")));
}

/// Like [`identifiers`], for the children of a node that the parser itself reads as a substitution.
fn within(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    let mut cursor = node.walk();
    node.children(&mut cursor)
        .for_each(|child| identifiers(child, text, found));
}

/// Adds every word in a node's subtree that could be a variable's name, because arithmetic reads
/// variables without `$`.
fn identifiers(node: Node<'_>, text: &Source<'_>, found: &mut BTreeSet<String>) {
    expansions(node, text, found);
    for node in outside_substitutions(node) {
        if !is_expansion(node) && !is_length(node, text) {
            own_text(node)
                .into_iter()
                .for_each(|range| words(&text[range], found));
        }
    }
}

/// Adds every word of a text that could be a variable's name.
pub(super) fn words(source: &str, found: &mut BTreeSet<String>) {
    let names = source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names =
        names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    found.extend(names.map(str::to_owned));
}

/// Variables in `$[ x ]`, which the grammar does not know.
fn old_arithmetic(text: &Source<'_>, found: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices("$[") {
        let rest = &text[at..];
        let inner = &rest[..rest.find(']').unwrap_or(rest.len())];
        words(inner, found);
        if inner[2..].contains('$') {
            found.insert(POSITIONAL.to_owned());
        }
    }
}
