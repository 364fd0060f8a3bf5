//! The words of any command.

use super::super::nested::{dashes_arguments, evaluated, evaluates_arguments};
use super::super::refusal::Refusal;
use super::super::shell::base_name;
use super::super::sources::WORLD;
use super::condition::of_test;
use super::filter::of_filter;
use super::input::programs;
use super::language::{Program, of_language, options, program};
use super::parallel::is_argument;
use super::table::{Kind, PLAIN_OPTIONS, PROGRAM_OPTIONS, interpreters, is_program};
use super::unknown::of_unknown;
use super::variable::is_evaluated;
use super::verdict::Verdict;

/// What word number `at` may contain; `mark` is the value in it.
pub(in crate::script) fn verdict(words: &[String], at: usize, mark: char) -> Verdict {
    if at == 0 {
        return Verdict::Any;
    }
    // If a command starts another one, the rules of both apply. The strictest result counts.
    let mut strictest = Verdict::Any;
    for (i, kind) in interpreters(words).filter(|(i, _)| *i < at) {
        match of_kind(kind, &words[i..], at - i, mark) {
            Verdict::Refused(refusal) => return Verdict::Refused(refusal),
            Verdict::Operand => strictest = Verdict::Operand,
            Verdict::Any => {}
        }
    }
    match of_word(words, at, mark) {
        Verdict::Any => strictest,
        other => other,
    }
}

/// True if a list may become several words of a command. This is not allowed for `test`, where they
/// could be operators, and where `-v` evaluates the next word.
pub(in crate::script) fn takes_lists(words: &[String], at: usize) -> bool {
    let (own, at_own) = builtin(words, at);
    at > 0 && (at_own == 0 || own.first().is_none_or(|word| base_name(word) != "test"))
}

/// Skips `command` and `builtin`, which run a command in the shell itself. Returns the words of
/// that command, and the index of word number `at` among them.
fn builtin(words: &[String], at: usize) -> (&[String], usize) {
    let wraps = |word: &String| matches!(word.as_str(), "command" | "builtin");
    let mut start = 0;
    while start < at && (wraps(&words[start]) || start > 0 && words[start].starts_with('-')) {
        start += 1;
    }
    if start == at {
        (words, at)
    } else {
        (&words[start..], at - start)
    }
}

/// What a word may contain by the rules that hold for all commands.
fn of_word(words: &[String], at: usize, mark: char) -> Verdict {
    let (own, at_own) = builtin(words, at);
    match own.first().map_or("", |word| base_name(word)) {
        "test" => return of_test(own, at_own),
        // `wait -p NAME` and `printf -v NAME` evaluate a subscript in the name, also when written
        // as `-pNAME` and `-vNAME`.
        "wait" if own[at_own - 1] == "-p" => return Verdict::Refused(Refusal::TestVariable),
        "wait" => return Verdict::Operand,
        "printf" if at_own == 1 => return Verdict::Operand,
        "printf" if own[at_own - 1] == "-v" => {
            return Verdict::Refused(Refusal::TestVariable);
        }
        _ => {}
    }
    let name = words.first().map_or("", |word| base_name(word));
    if matches!(name, "docker" | "podman" | "nerdctl") && is_entrypoint(&words[..at]) {
        return Verdict::Refused(Refusal::Program);
    }
    if name == "deno"
        && words[1..at]
            .iter()
            .any(|word| matches!(word.as_str(), "eval" | "repl"))
    {
        return Verdict::Refused(Refusal::Program);
    }
    if name == "env" && (words[at - 1].starts_with("-S") || words[at - 1] == "--split-string") {
        return Verdict::Refused(Refusal::Program);
    }
    if PLAIN_OPTIONS.contains(&name)
        || interpreters(words).any(|(i, k)| i == 0 && !matches!(k, Kind::Named | Kind::Optioned))
    {
        return Verdict::Any;
    }
    let program = |word: &str| {
        matches!(
            word,
            "-ex"
                | "-iex"
                | "-batch"
                | "--command"
                | "--eval"
                | "--exec"
                | "--wrap"
                | "--eval-command"
                | "-eval-command"
                | "--init-eval-command"
        ) || matches!((name, word), ("cmake", "-P") | ("man", "-P" | "--pager"))
            || matches!(name, "script" | "flock")
                && word.starts_with('-')
                && !word.starts_with("--")
                && word.ends_with('c')
    };
    let attached = [
        "--command=",
        "--eval=",
        "--exec=",
        "--wrap=",
        "--pager=",
        "--eval-command=",
    ];
    let word = words[at].as_str();
    if words[at - 1..at].iter().any(|word| program(word))
        || attached
            .iter()
            .any(|a| word.starts_with(a) && word.contains(mark))
    {
        // If the command starts an interpreter, the rules of the interpreter were applied above;
        // `bash -c 'x'
        // - -c V` is safe.
        let judges = |kind| !matches!(kind, Kind::Named | Kind::Optioned);
        let judged = interpreters(words).any(|(i, kind)| i < at - 1 && judges(kind));
        if !judged {
            return Verdict::Refused(Refusal::Program);
        }
    }
    Verdict::Any
}

fn of_kind(kind: Kind, words: &[String], at: usize, mark: char) -> Verdict {
    match kind {
        Kind::All if is_argument(words, at) => Verdict::Operand,
        Kind::All | Kind::Builtin => Verdict::Refused(Refusal::Evaluated),
        Kind::Named => of_named(words, at, mark),
        Kind::Optioned => of_optioned(words, at, mark),
        Kind::Shell | Kind::Language(_) => {
            if is_statement(words, at) {
                return Verdict::Refused(Refusal::Program);
            }
            let (flags, valued) = options(kind);
            let verdict = of_language(words, at, mark, flags, valued);
            match program(words, kind) {
                // The program that comes from the standard input may evaluate its arguments.
                Program::Input if kind == Kind::Shell => Verdict::Refused(Refusal::Program),
                Program::Word(program)
                    if kind == Kind::Shell
                        && !matches!(verdict, Verdict::Refused(_))
                        && (evaluates_arguments(&words[program])
                            || compares_numbers(&words[0], &words[program])) =>
                {
                    Verdict::Refused(Refusal::EvaluatedLater)
                }
                Program::Word(program)
                    if kind == Kind::Shell
                        && verdict == Verdict::Any
                        && dashes_arguments(&words[program]) =>
                {
                    Verdict::Operand
                }
                _ => verdict,
            }
        }
        Kind::Filter(options) => of_filter(words, at, mark, options),
        Kind::Line(options) if options.contains(&words[at - 1].as_str()) => Verdict::Any,
        Kind::Line(_) => Verdict::Refused(Refusal::Evaluated),
        Kind::Unknown => of_unknown(words, at, mark),
    }
}

/// True if one of these words makes an interpreter the program of a container.
fn is_entrypoint(words: &[String]) -> bool {
    let after = words
        .windows(2)
        .any(|pair| pair[0] == "--entrypoint" && is_program(&pair[1]));
    let program = |word: &String| word.strip_prefix("--entrypoint=").is_some_and(is_program);
    after || words.iter().any(program)
}

/// True if `[ "$1" -gt 3 ]` evaluates the text, which it does in these shells.
fn compares_numbers(shell: &str, program: &str) -> bool {
    let shell = base_name(shell).trim_end_matches(|c: char| c.is_ascii_digit());
    let signs = ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
    matches!(
        shell,
        "ksh" | "mksh" | "zsh" | "yash" | "csh" | "tcsh" | "fish"
    ) && signs.iter().any(|sign| program.contains(sign))
}

/// True for a word such as `x=1` of NCL, which runs it before its script.
fn is_statement(words: &[String], at: usize) -> bool {
    let is_script = |word: &String| word.ends_with(".ncl");
    base_name(&words[0]) == "ncl"
        && (words[at].contains('=') || words.iter().any(is_script) && !is_script(&words[at]))
}

/// For a command with options that name a program: any text after `--`, and otherwise an operand.
/// An option's program is always refused, also where the option is shortened or one of several
/// letters.
fn of_optioned(words: &[String], at: usize, mark: char) -> Verdict {
    let refused = Verdict::Refused(Refusal::Program);
    let name = base_name(&words[0]);
    let (word, before) = (words[at].as_str(), words[at - 1].as_str());
    let option = word.split_once('=').map_or(word, |(option, _)| option);
    if word.starts_with('-') && option.contains(mark) && word.starts_with("--") {
        return Verdict::Refused(Refusal::Option);
    }
    let own = word.split(mark).next().unwrap_or_default();
    if names_program(name, own.split('=').next().unwrap_or_default())
        || word.starts_with('-') && names_program(name, option)
        || names_program(name, before)
        || word.starts_with("ext::")
    {
        return refused;
    }
    if takes_any(name, before) {
        return Verdict::Any;
    }
    // The letters of `tar cIf PROGRAM FILE` need no `-`.
    let letters = words[1].as_str();
    let bundle = name.ends_with("tar") && !letters.starts_with('-');
    if bundle && letters.contains(['I', 'F']) && (2..=1 + letters.len()).contains(&at) {
        return refused;
    }
    match words[1..at].iter().any(|word| word == "--") {
        true => Verdict::Any,
        false => Verdict::Operand,
    }
}

/// True if the word after this option is its value, whatever it begins with.
fn takes_any(name: &str, option: &str) -> bool {
    let options: &[&str] = match name {
        "sort" => &["-t", "-k", "-o", "-S", "-T"],
        "split" => &["-a", "-b", "-C", "-l", "-n", "-t"],
        "tar" | "gtar" | "bsdtar" => &["-C", "-f", "-T", "-X"],
        "git" => &["-C", "-m"],
        "wget" => &["-O", "-o", "-P", "-U"],
        "find" => &[
            "-name",
            "-iname",
            "-path",
            "-ipath",
            "-regex",
            "-iregex",
            "-newer",
            "-user",
            "-group",
            "-lname",
            "-wholename",
        ],
        _ => &[],
    };
    options.contains(&option)
}

/// True if this option of a command names a program: a long option or its beginning, or one of
/// several letters.
fn names_program(name: &str, option: &str) -> bool {
    if option.starts_with("--") {
        let begins = |one: &str| option.len() >= 4 && one.starts_with(option);
        return PROGRAM_OPTIONS
            .iter()
            .any(|one| *one == option || begins(one));
    }
    let Some(letters) = option.strip_prefix('-') else {
        return false;
    };
    match name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-')) {
        "tar" | "gtar" | "bsdtar" => letters.contains(['I', 'F']),
        "rsync" | "wget" => letters.contains('e'),
        "git" => matches!(letters, "c" | "x" | "u") || letters.starts_with('O'),
        "zip" => letters.contains("TT"),
        "scp" => letters.contains(['o', 'S', 'F', 'J', 'D']),
        "sftp" => letters.contains(['o', 'S', 'F', 'J', 'D', 'b', 's']),
        "gcc" | "g++" | "cc" | "c++" | "clang" | "clang++" | "gfortran" | "nvcc" => {
            letters.starts_with('B')
                || ["wrapper", "specs", "fplugin", "Xclang", "ccbin"]
                    .iter()
                    .any(|one| letters.starts_with(one))
        }
        _ => false,
    }
}

/// For `NAME=value`: safe for `export` and `env`, and refused for `make`, which evaluates it.
fn of_named(words: &[String], at: usize, mark: char) -> Verdict {
    let make = words[0].ends_with("make");
    let word = &words[at];
    let name = word.split_once('=').map(|(name, _)| name);
    let before = words[at - 1].as_str();
    let evals = |word: &str| {
        word.starts_with("--ev")
            || word.starts_with('-') && !word.starts_with("--") && word.contains('E')
    };
    if make && (evals(before) || evals(word)) {
        return Verdict::Refused(Refusal::Program);
    }
    match name {
        Some(name) if !make && read_by_program(words, name) => {
            Verdict::Refused(Refusal::EvaluatedLater)
        }
        Some(_) if make => Verdict::Refused(Refusal::Evaluated),
        Some(name) if is_evaluated(name) => Verdict::Refused(Refusal::EvaluatedVariable),
        Some(name) if !name.contains(mark) => Verdict::Any,
        Some(_) => Verdict::Refused(Refusal::Name),
        None if make && word.starts_with("<(") => Verdict::Refused(Refusal::Program),
        None if make => Verdict::Operand,
        None if words[0].ends_with("env") => {
            // After the program's name, the program's own rules apply.
            let program = words[1..at]
                .iter()
                .any(|word| !word.starts_with('-') && !word.contains('='));
            if program {
                Verdict::Any
            } else {
                Verdict::Refused(Refusal::Name)
            }
        }
        None => Verdict::Refused(Refusal::Evaluated),
    }
}

/// True if a program among these words evaluates a variable, as in `env X=V bash -c 'eval "$X"'`.
fn read_by_program(words: &[String], name: &str) -> bool {
    programs(words).into_iter().any(|program| {
        let names = evaluated(program);
        names.contains(name) || names.contains(WORLD)
    })
}
