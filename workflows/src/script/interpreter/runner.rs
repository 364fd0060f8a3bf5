//! Commands that start the program that they are given.

use std::collections::BTreeSet;

use super::super::shell::base_name;
use super::command::verdict;
use super::language;
use super::launcher::{launcher, takes_several};
use super::option_table::OptionTable;
use super::table::{Kind, interpreters};
use super::verdict::{MARK, Verdict};
use super::wrapper::wrapper;

/// How a command reads its options, and where they begin; `None` if it starts no program, or does not
/// say which one in its words.
fn options(words: &[String]) -> Option<(usize, OptionTable)> {
    let name = base_name(words.first()?);
    let next = words.get(1);
    let Some(mut table) = wrapper(name) else {
        return launcher(words);
    };
    match name {
        // `command -v NAME` only looks for the program.
        "command" => {
            let looks = |word: &String| word.starts_with('-') && word.contains(['v', 'V']);
            if next.is_some_and(looks) {
                return None;
            }
        }
        // The name of an architecture may be missing.
        "setarch" if next.is_some_and(|word| !word.starts_with(['-', MARK])) => {
            table.operands = 1;
        }
        _ => {}
    }
    Some((1, table))
}

/// The indexes of the words that may name the program which a command starts, as in
/// `nice -n 5 PROGRAM`, also if that program starts another one.
pub(in crate::script) fn started(words: &[String]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![0];
    while let Some(at) = open.pop() {
        let programs = directly(&words[at..])
            .into_iter()
            .map(|program| at + program);
        let fresh: Vec<usize> = programs.filter(|program| found.insert(*program)).collect();
        open.extend(fresh);
    }
    found
}

/// The same, without the programs that these start.
fn directly(words: &[String]) -> BTreeSet<usize> {
    if words.first().is_some_and(|word| base_name(word) == "find") {
        return after_exec(words);
    }
    let Some((from, table)) = options(words) else {
        return BTreeSet::new();
    };
    let mut found = table.programs(words, from);
    if takes_several(words) {
        let colons = (from..words.len()).filter(|at| words[*at] == ":");
        found.extend(colons.flat_map(|colon| table.programs(words, colon + 1)));
    }
    found
}

/// The programs that `find` starts.
fn after_exec(words: &[String]) -> BTreeSet<usize> {
    let exec = |word: &String| matches!(word.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir");
    (1..words.len()).filter(|at| exec(&words[at - 1])).collect()
}

/// True if a word that may become several words could hold an option with a program: `bash "$@"`,
/// or the name after `-v` of `test`.
pub(in crate::script) fn takes_options(words: &[String], at: usize) -> bool {
    match words.first().map_or("", |word| base_name(word)) {
        "test" => return true,
        "printf" if at == 1 => return true,
        _ => {}
    }
    interpreters(words)
        .filter(|(i, _)| *i < at)
        .any(|(i, kind)| {
            let letter = match kind {
                Kind::Shell | Kind::Language(_) => language::options(kind).0.chars().next(),
                _ => None,
            };
            // The words after a module are the module's own.
            let module = words[i..at].iter().any(|word| word == "-m");
            let Some(letter) = letter.filter(|_| !module) else {
                return false;
            };
            let mut probe = words[i..].to_vec();
            let option = [format!("-{letter}"), MARK.to_string()];
            probe.splice(at - i..=at - i, option);
            matches!(verdict(&probe, at - i + 1, MARK), Verdict::Refused(_))
        })
}
