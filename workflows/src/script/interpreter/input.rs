//! Commands that read a program from their standard input.

use super::super::nested::{evaluates_arguments, evaluates_input};
use super::super::shell::base_name;
use super::language::{Program, program};
use super::parallel::{is_parallel, quotes_arguments};
use super::scan::runs_input;
use super::table::{Kind, interpreters, is_unknown};
use super::unknown::{is_program_flag, reads_input};

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
            Program::Word(_) => runs_input(&words[i..], kind),
        },
        Kind::All => !(is_parallel(words) && quotes_arguments(words)),
        Kind::Filter(_) => reads_program(&words[i..]) || runs_input(&words[i..], kind),
        Kind::Named => words[i].ends_with("make") && reads_program(&words[i..]),
        Kind::Line(_) => true,
        Kind::Unknown => reads_input(&words[i..]),
        Kind::Builtin | Kind::Optioned => false,
    })
}

/// True for a name of the standard input.
pub(super) fn is_input(word: &str) -> bool {
    // Another descriptor may be a copy of it, or what `exec 3<` opened.
    word == "-"
        || word.starts_with("/dev/fd/")
        || word.starts_with("/proc/self/fd/")
        || word == "/dev/stdin"
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
            // Of all words, only the first operand may be its program.
            Kind::Unknown => {
                let operand = words[i + 1..]
                    .iter()
                    .position(|word| !word.starts_with('-'));
                operand.map(|at| i + 1 + at)
            }
            _ => None,
        })
        .collect();
    let submits = |w: &String| matches!(base_name(w), "sbatch" | "qsub" | "bsub");
    let all = words.first().is_some_and(submits);
    // A program of awk, perl or sed may run what is in its files.
    for (i, kind) in interpreters(words) {
        if runs_input(&words[i..], kind) {
            let operands = (i + 2..words.len()).filter(|at| !words[*at].starts_with('-'));
            files.extend(operands);
        }
    }
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

/// The files of programs that a command finds without being told, with `*` for any text: what a
/// program may import, and what a shell reads when it starts.
pub(in crate::script) fn found_files(words: &[String]) -> Vec<&'static str> {
    let mut files = Vec::new();
    for (i, _) in interpreters(words) {
        let name = base_name(&words[i]);
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let found: &[&str] = match stem {
            "make" | "gmake" => &["Makefile", "makefile", "GNUmakefile", "*.mk"],
            "python" | "pypy" | "ipython" => &["*.py"],
            "perl" => &["*.pm"],
            "ruby" => &["*.rb"],
            "node" => &["*.js"],
            "R" | "Rscript" => &[".Rprofile"],
            "bash" | "sh" | "zsh" | "ksh" if starts_as_user(&words[i..]) => &[
                ".bashrc",
                ".bash_profile",
                ".bash_login",
                ".profile",
                ".zshrc",
                ".kshrc",
            ],
            _ => &[],
        };
        files.extend_from_slice(found);
    }
    files
}

/// True for a shell that reads the files of a user when it starts.
fn starts_as_user(words: &[String]) -> bool {
    let mut options = words[1..].iter().take_while(|word| word.starts_with('-'));
    options.any(|word| word == "--login" || !word.starts_with("--") && word.contains(['i', 'l']))
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
    if words.first().is_some_and(|word| is_unknown(word)) {
        let flags = (1..words.len()).filter(|at| is_program_flag(&words[at - 1]));
        programs.extend(flags.map(|at| words[at].as_str()));
    }
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
