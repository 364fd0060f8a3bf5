//! The words of a shell or an interpreter such as Python.

use super::super::refusal::Refusal;
use super::input::is_input;
use super::table::Kind;
use super::verdict::Verdict;

/// For a shell or an interpreter: options, then `-c PROGRAM` or a file, then arguments.
pub(super) fn of_language(
    words: &[String],
    at: usize,
    mark: char,
    flags: &str,
    valued: &str,
) -> Verdict {
    let mut i = 1;
    while i <= at {
        let word = words[i].as_str();
        let is_option = word.len() > 1 && word.starts_with(['-', '+']);
        if i == at {
            if word.starts_with("<(") {
                return Verdict::Refused(Refusal::Program);
            }
            return match (is_option, word.starts_with(mark) || !word.contains(mark)) {
                (true, _) => Verdict::Refused(Refusal::Option),
                (false, true) => Verdict::Operand,
                (false, false) => Verdict::Any,
            };
        }
        if word == "--" || !is_option {
            return if word == "--" && i + 1 == at {
                Verdict::Operand
            } else {
                Verdict::Any
            };
        }
        if has_program_flag(word, flags) {
            return after_program_flag(words, i, at);
        }
        let takes_word = takes_word(word, valued);
        if flags == "c" && takes_word && words.get(i + 1).is_some_and(|word| runs_words(word))
            || ["-mtimeit", "-mpdb", "-mcode"].contains(&word)
        {
            return Verdict::Refused(Refusal::Program);
        }
        if takes_word && i + 1 == at {
            return Verdict::Refused(Refusal::Option);
        }
        i += if takes_word { 2 } else { 1 };
    }
    Verdict::Any
}

/// True for a module of Python that runs its words as a program.
fn runs_words(module: &str) -> bool {
    matches!(module, "timeit" | "pdb" | "code")
}

/// What a word after `-c` may contain. Further options may stand before the program.
fn after_program_flag(words: &[String], flag: usize, at: usize) -> Verdict {
    let program = (flag + 1..words.len())
        .find(|i| !words[*i].starts_with('-'))
        .unwrap_or(at);
    if at > program
        && !words[flag + 1..at]
            .iter()
            .any(|word| has_program_flag(word, "eE"))
    {
        Verdict::Any
    } else {
        Verdict::Refused(Refusal::Program)
    }
}

/// True for an option after which a program is written: one with one of these letters, or a long
/// one.
pub(super) fn has_program_flag(word: &str, flags: &str) -> bool {
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        return matches!(
            name,
            "eval" | "print" | "command" | "exec" | "run" | "execute" | "expression"
        );
    }
    if word == "-batch" {
        return true;
    }
    let Some(letters) = word.strip_prefix('-') else {
        return false;
    };
    // The rest of the word is the value of such a letter: `-MData::Dumper`, `-Wignore`.
    let valued: &[char] = match flags {
        "c" => &['W', 'X'],
        "eE" => &['M', 'm', 'I', 'F', 'x', 'C', 'D', 'r'],
        // Others have long options after one `-`, such as `-nodesktop`.
        _ if letters.len() > 6 => return false,
        _ => &[],
    };
    let own = letters.split(valued).next().unwrap_or_default();
    own.contains(|c: char| flags.contains(c))
}

/// Where a shell or an interpreter finds its program.
pub(super) enum Program {
    /// On its standard input.
    Input,
    /// In the file that this word names.
    File(usize),
    /// In this word.
    Word(usize),
}

/// Finds the program of a shell or an interpreter.
pub(super) fn program(words: &[String], kind: Kind) -> Program {
    let (flags, valued) = options(kind);
    let mut interactive = false;
    let mut i = 1;
    while i < words.len() {
        let word = words[i].as_str();
        if is_input(word) {
            return Program::Input;
        }
        let is_option = word.len() > 1 && word.starts_with(['-', '+']);
        if !is_option || word == "--" {
            let file = if word == "--" { i + 1 } else { i };
            return match words.get(file) {
                Some(word) if !interactive && !is_input(word) => Program::File(file),
                _ => Program::Input,
            };
        }
        if has_program_flag(word, flags) {
            let program = (i + 1..words.len()).find(|at| !words[*at].starts_with('-'));
            return program.map_or(Program::Input, Program::Word);
        }
        interactive |= !word.starts_with("--")
            && (word.contains('i') || kind == Kind::Shell && word.contains('s'));
        i += if takes_word(word, valued) { 2 } else { 1 };
    }
    Program::Input
}

/// The letters of the options that take a program, and of those that take another word.
pub(super) fn options(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Language(flags) => (flags, "WXmIr"),
        _ => ("c", "oO"),
    }
}

fn takes_word(word: &str, valued: &str) -> bool {
    !word.starts_with("--") && word.ends_with(|c: char| valued.contains(c))
        || matches!(word, "--rcfile" | "--init-file" | "--project" | "--require")
}
