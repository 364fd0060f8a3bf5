//! Commands that read a program from their standard input.

use super::super::nested::{evaluates_arguments, evaluates_input};
use super::super::shell::base_name;
use super::language::{Program, program};
use super::parallel::{is_parallel, quotes_arguments};
use super::table::{Kind, interpreters};

/// True for a command that may read a program from its standard input.
pub(in crate::script) fn interprets(words: &[String]) -> bool {
    interprets_pipe(words)
        || words
            .first()
            .is_some_and(|w| matches!(base_name(w), "sbatch" | "qsub" | "bsub"))
}

/// True for a command that reads its program from the standard input, and may be a shell.
pub(in crate::script) fn interprets_as_shell(words: &[String]) -> bool {
    let other = |kind| matches!(kind, Kind::Language(_) | Kind::Filter(_));
    interprets(words) && !interpreters(words).all(|(_, kind)| other(kind))
        || interprets(words) && interpreters(words).next().is_none()
}

/// True for a command that executes what it reads from a pipe: a shell or interpreter without a
/// file, and tools that run each line.
pub(in crate::script) fn interprets_pipe(words: &[String]) -> bool {
    // `xargs` makes words of what it reads.
    let xargs = words.first().is_some_and(|w| base_name(w) == "xargs");
    let replaces = |word: &String| {
        ["-I", "-i", "-J", "--replace"]
            .iter()
            .any(|option| word.starts_with(option))
    };
    interpreters(words).any(|(i, kind)| match kind {
        _ if xargs && (words[1..i.max(1)].iter().any(replaces) || words.len() == i + 1) => true,
        Kind::Shell | Kind::Language(_) => match program(&words[i..], kind) {
            Program::Input => true,
            Program::File(_) => false,
            Program::Word(at) if kind == Kind::Shell => {
                evaluates_input(&words[i + at]) || xargs && evaluates_arguments(&words[i + at])
            }
            Program::Word(_) => false,
        },
        Kind::All => !(is_parallel(words) && quotes_arguments(words)),
        Kind::Filter(_) => reads_program(&words[i..]),
        Kind::Named => words[i].ends_with("make") && reads_program(&words[i..]),
        Kind::Builtin | Kind::Optioned => false,
    })
}

/// True for a name of the standard input.
pub(super) fn is_input(word: &str) -> bool {
    matches!(word, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

/// True if `-f` takes the program from the standard input.
fn reads_program(words: &[String]) -> bool {
    let after = |flag: &str| {
        let mut pairs = words.windows(2);
        pairs.any(|pair| pair[0] == flag && is_input(&pair[1]))
    };
    let attached = ["-f", "--file=", "--from-file="];
    after("-f")
        || after("--file")
        || after("--from-file")
        || words.iter().any(|word| {
            attached
                .iter()
                .any(|a| word.strip_prefix(a).is_some_and(is_input))
        })
}

/// The indexes of words that name a file with a program: the script of a shell or an interpreter.
pub(in crate::script) fn program_files(words: &[String]) -> Vec<usize> {
    let mut files: Vec<usize> = interpreters(words)
        .filter_map(|(i, kind)| match kind {
            Kind::Shell | Kind::Language(_) => match program(&words[i..], kind) {
                Program::File(at) => Some(i + at),
                Program::Input | Program::Word(_) => None,
            },
            _ => None,
        })
        .collect();
    let submits = |w: &String| matches!(base_name(w), "sbatch" | "qsub" | "bsub");
    let all = words.first().is_some_and(submits);
    for at in 1..words.len() {
        let named = matches!(
            words[at - 1].as_str(),
            "-f" | "--file" | "--makefile" | "--from-file"
        );
        if named && runs_file(words) || all && !words[at].starts_with('-') {
            files.push(at);
        }
    }
    if words.first().is_some_and(|word| word.contains('/')) {
        files.push(0);
    }
    files
}

/// True for a command whose `-f` names a program, and not a list or a pattern.
fn runs_file(words: &[String]) -> bool {
    let language = |kind| matches!(kind, Kind::Filter(_) | Kind::All | Kind::Named);
    interpreters(words).any(|(_, kind)| language(kind))
}

/// The files of programs that a command finds without being told.
pub(in crate::script) fn found_files(words: &[String]) -> &'static [&'static str] {
    let make = |word: &String| matches!(base_name(word), "make" | "gmake");
    match words.iter().any(make) {
        true => &["Makefile", "makefile", "GNUmakefile"],
        false => &[],
    }
}

/// True for `make`, which expands what is in the values of its environment, `$(shell …)` too.
pub(in crate::script) fn expands_environment(words: &[String]) -> bool {
    let is_make = |word: &String| matches!(base_name(word), "make" | "gmake");
    interpreters(words).any(|(at, kind)| kind == Kind::Named && is_make(&words[at]))
}

/// The index of the word that names the script of a shell or interpreter, if the command is one
/// and only options without values stand before that word.
pub(in crate::script) fn script(words: &[String]) -> Option<usize> {
    let kind = interpreters(words).find_map(|(i, kind)| (i == 0).then_some(kind))?;
    let (Kind::Shell | Kind::Language(_)) = kind else {
        return None;
    };
    let Program::File(at) = program(words, kind) else {
        return None;
    };
    let simple = |option: &String| {
        let letters = option.strip_prefix('-');
        option == "--vanilla"
            || letters.is_some_and(|letters| letters.chars().all(|c| "euxvBES".contains(c)))
    };
    words[1..at].iter().all(simple).then_some(at)
}

/// The words that hold the program of a shell.
pub(in crate::script) fn programs(words: &[String]) -> Vec<&str> {
    let mut programs: Vec<&str> = interpreters(words)
        .filter(|(_, kind)| *kind == Kind::Shell)
        .filter_map(|(i, kind)| match program(&words[i..], kind) {
            Program::Word(at) => Some(words[i + at].as_str()),
            Program::Input | Program::File(_) => None,
        })
        .collect();
    match words.first().map(String::as_str) {
        Some("eval" | "trap") => programs.extend(words[1..].iter().map(String::as_str)),
        Some("alias") => {
            let values = words[1..].iter().filter_map(|word| word.split_once('='));
            programs.extend(values.map(|(_, value)| value));
        }
        _ => {}
    }
    programs
}
