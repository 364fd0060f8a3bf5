//! Commands that read a program from their standard input.

use super::super::shell::base_name;
use super::language::has_program_flag;
use super::table::{Kind, interpreters};

/// True for a command that may read a program from its standard input.
pub(in crate::script) fn interprets(words: &[String]) -> bool {
    interpreters(words).any(|(i, kind)| match kind {
        Kind::Named => words[i].ends_with("make"),
        Kind::Builtin | Kind::Optioned => false,
        Kind::Shell | Kind::Language(_) | Kind::Filter(_) | Kind::All => true,
    }) || words
        .first()
        .is_some_and(|w| matches!(base_name(w), "sbatch" | "qsub" | "bsub"))
}

/// True for a command that executes what it reads from a pipe: a shell or interpreter without a
/// file, and tools that run each line.
pub(in crate::script) fn interprets_pipe(words: &[String]) -> bool {
    interpreters(words).any(|(i, kind)| match kind {
        Kind::Shell | Kind::Language(_) => {
            let rest = &words[i + 1..];
            let operands = || rest.iter().filter(|w| !w.starts_with('-') || *w == "-");
            i > 0 && rest.iter().any(|w| has_program_flag(w, "ce"))
                || operands().next().is_none_or(|w| is_input(w))
        }
        Kind::All => true,
        Kind::Filter(_) => reads_program(&words[i..]),
        Kind::Named => words[i].ends_with("make") && reads_program(&words[i..]),
        Kind::Builtin | Kind::Optioned => false,
    })
}

/// True for a name of the standard input.
fn is_input(word: &str) -> bool {
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
