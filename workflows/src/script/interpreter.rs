//! Decides which words of a command are evaluated, by the command's name.
//!
//! A command is given as its literal words, with a mark for each value. The question is always: may
//! word number `at` contain text?

use super::refusal::Refusal;
use super::shell::base_name;

/// What a command does with its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A shell: takes `-c PROGRAM`, or else a file.
    Shell,
    /// An interpreter such as Python: takes a program after one of these option letters, or else a
    /// file.
    Language(&'static str),
    /// A filter such as awk: the first operand is the program, unless `-f` names a file. The
    /// letters are the options that take a word.
    Filter(&'static str),
    /// Every operand is evaluated.
    All,
    /// A command of the shell itself that evaluates every operand. It reads no program from its
    /// standard input.
    Builtin,
    /// A command whose only safe words are `NAME=value`.
    Named,
    /// A command with options that name a program to run. No operand may look like an option.
    Optioned,
}

/// What a word may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Any text.
    Any,
    /// Text that does not begin with `-`.
    Operand,
    /// No text.
    Refused(Refusal),
}

/// Commands that start another command, whose name is one of their words.
const RUNNERS: &[&str] = &[
    "env",
    "nice",
    "nohup",
    "time",
    "timeout",
    "exec",
    "command",
    "builtin",
    "sudo",
    "doas",
    "xargs",
    "find",
    "setsid",
    "stdbuf",
    "ionice",
    "taskset",
    "numactl",
    "chrt",
    "unshare",
    "nsenter",
    "chroot",
    "flock",
    "watch",
    "strace",
    "perf",
    "valgrind",
    "conda",
    "mamba",
    "micromamba",
    "pixi",
    "uv",
    "poetry",
    "pipenv",
    "srun",
    "mpirun",
    "mpiexec",
    "singularity",
    "apptainer",
    "docker",
    "podman",
    "busybox",
    "coproc",
    "setpriv",
    "systemd-run",
    "script",
];

/// Commands whose `-c` or `-e` is not a program.
const PLAIN_OPTIONS: &[&str] = &[
    "[",
    "test",
    "grep",
    "egrep",
    "fgrep",
    "zgrep",
    "rg",
    "head",
    "tail",
    "wc",
    "cut",
    "sort",
    "uniq",
    "gzip",
    "gunzip",
    "bzip2",
    "xz",
    "zstd",
    "pigz",
    "zcat",
    "tar",
    "cp",
    "ls",
    "echo",
    "printf",
    "cat",
    "comm",
    "md5sum",
    "sha256sum",
    "samtools",
    "bcftools",
    "bedtools",
    "bgzip",
    "tabix",
    "minimap2",
    "bwa",
    "seqkit",
];

/// Options that name a program to run.
const PROGRAM_OPTIONS: &[&str] = &[
    "-I",
    "--use-compress-program",
    "--to-command",
    "--checkpoint-action",
    "--info-script",
    "--rsh",
    "--rsync-path",
    "--compress-program",
    "--filter",
    "--upload-pack",
    "--receive-pack",
    "--use-askpass",
    "--unzip-command",
];

fn kind(word: &str) -> Option<Kind> {
    let name = base_name(word);
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match stem {
        // `.` and `source` run a file in the shell itself.
        "" if name == "." => Kind::Language(""),
        "source" => Kind::Language(""),
        "tar" | "gtar" | "bsdtar" | "rsync" | "sort" | "split" | "find" | "git" | "zip"
        | "wget" | "scp" | "sftp" => Kind::Optioned,
        "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "rbash" | "fish" | "csh"
        | "tcsh" => Kind::Shell,
        "python" | "pypy" | "ipython" => Kind::Language("c"),
        "perl" | "ruby" | "lua" | "luajit" | "groovy" | "scala" => Kind::Language("eE"),
        "node" | "deno" | "bun" => Kind::Language("ep"),
        "R" | "Rscript" | "julia" | "octave" | "matlab" | "ghc" | "gnuplot" => {
            Kind::Language("eErE")
        }
        "php" => Kind::Language("rBRE"),
        "awk" | "gawk" | "mawk" | "nawk" => Kind::Filter("Fvfile"),
        "sed" | "gsed" => Kind::Filter("efl"),
        "jq" | "yq" | "gojq" => Kind::Filter("fL"),
        "sqlite" | "duckdb" | "mysql" | "psql" => Kind::All,
        "ssh" | "rsh" | "pdsh" | "parallel" | "at" | "batch" | "su" | "expect" | "tclsh" | "dc"
        | "ed" | "ex" | "crontab" => Kind::All,
        "m" if name == "m4" => Kind::All,
        "eval" | "trap" | "let" | "declare" | "typeset" | "local" | "readonly" | "read"
        | "unset" | "alias" | "mapfile" | "readarray" | "getopts" | "enable" | "bind"
        | "complete" | "compgen" | "fc" => Kind::Builtin,
        "export" | "make" | "gmake" | "env" => Kind::Named,
        _ => return None,
    })
}

/// True for a command that may read a program from its standard input.
pub(super) fn interprets(words: &[String]) -> bool {
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
pub(super) fn interprets_pipe(words: &[String]) -> bool {
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

fn interpreters(words: &[String]) -> impl Iterator<Item = (usize, Kind)> {
    let runs = words
        .first()
        .is_some_and(|word| RUNNERS.contains(&base_name(word)));
    words
        .iter()
        .enumerate()
        .take(if runs { words.len() } else { 1 })
        .filter_map(|(i, word)| Some((i, kind(word)?)))
}

/// What word number `at` may contain; `mark` is the value in it.
pub(super) fn verdict(words: &[String], at: usize, mark: char) -> Verdict {
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
pub(super) fn takes_lists(words: &[String], at: usize) -> bool {
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
        "wait" => return Verdict::Operand,
        "printf" if at_own == 1 => return Verdict::Operand,
        "printf" if own[at_own - 1] == "-v" => {
            return Verdict::Refused(Refusal::TestVariable);
        }
        _ => {}
    }
    let name = words.first().map_or("", |word| base_name(word));
    if name == "env" && (words[at - 1].starts_with("-S") || words[at - 1] == "--split-string") {
        return Verdict::Refused(Refusal::Program);
    }
    if PLAIN_OPTIONS.contains(&name)
        || interpreters(words).any(|(i, k)| i == 0 && !matches!(k, Kind::Named | Kind::Optioned))
    {
        return Verdict::Any;
    }
    let program = |word: &str| matches!(word, "-c" | "-e" | "--command" | "--eval" | "--exec");
    let attached = ["--command=", "--eval=", "--exec=", "-c", "-e"];
    let word = words[at].as_str();
    if words[at - 1..at].iter().any(|word| program(word))
        || attached
            .iter()
            .any(|a| word.starts_with(a) && word[a.len()..].starts_with(mark))
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
        Kind::All | Kind::Builtin => Verdict::Refused(Refusal::Evaluated),
        Kind::Named => of_named(words, at, mark),
        Kind::Optioned => of_optioned(words, at),
        Kind::Shell => of_language(words, at, mark, "c", "oO"),
        Kind::Language(flags) => of_language(words, at, mark, flags, "WXmIr"),
        Kind::Filter(options) => of_filter(words, at, mark, options),
    }
}

/// For a command with options that name a program: any text after `--`, and otherwise an operand.
/// An option's program is always refused.
fn of_optioned(words: &[String], at: usize) -> Verdict {
    let before = words[at - 1].as_str();
    let option = words[at].split_once('=').map_or("", |(option, _)| option);
    let named = PROGRAM_OPTIONS
        .iter()
        .any(|one| *one == before || *one == option);
    let ssh = words[0].ends_with("scp") || words[0].ends_with("sftp");
    if named || ssh && before == "-o" {
        return Verdict::Refused(Refusal::Program);
    }
    match words[1..at].iter().any(|word| word == "--") {
        true => Verdict::Any,
        false => Verdict::Operand,
    }
}

/// For `NAME=value`: safe for `export` and `env`, and refused for `make`, which evaluates it.
fn of_named(words: &[String], at: usize, mark: char) -> Verdict {
    let make = words[0].ends_with("make");
    let word = &words[at];
    let name = word.split_once('=').map(|(name, _)| name);
    match name {
        Some(_) if make => Verdict::Refused(Refusal::Evaluated),
        Some(name) if is_evaluated(name) => Verdict::Refused(Refusal::EvaluatedVariable),
        Some(name) if !name.contains(mark) => Verdict::Any,
        Some(_) => Verdict::Refused(Refusal::Name),
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

/// For a shell or an interpreter: options, then `-c PROGRAM` or a file, then arguments.
fn of_language(words: &[String], at: usize, mark: char, flags: &str, valued: &str) -> Verdict {
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
        let takes_word = !word.starts_with("--") && word.ends_with(|c: char| valued.contains(c))
            || matches!(word, "--rcfile" | "--init-file" | "--project" | "--require");
        if takes_word && i + 1 == at {
            return Verdict::Refused(Refusal::Option);
        }
        i += if takes_word { 2 } else { 1 };
    }
    Verdict::Any
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

fn has_program_flag(word: &str, flags: &str) -> bool {
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        return matches!(
            name,
            "eval" | "print" | "command" | "exec" | "run" | "execute" | "expression"
        );
    }
    word.strip_prefix('-').is_some_and(|letters| {
        !letters.is_empty() && letters.contains(|c: char| flags.contains(c)) && letters.len() <= 6
    })
}

/// For a filter such as awk: options, the program, then files.
fn of_filter(words: &[String], at: usize, mark: char, valued: &str) -> Verdict {
    let sed = valued.starts_with('e');
    let file = words[1..].iter().any(|word| {
        word == "-f" || word == "--file" || word.starts_with("--file=") || word == "--from-file"
    });
    let mut program = file;
    let mut i = 1;
    while i <= at {
        let word = words[i].as_str();
        let option = word.len() > 1 && word.starts_with('-') && word != "--";
        let letters = word.trim_start_matches('-');
        let program_option =
            !word.starts_with("--") && word.ends_with('e') && (sed || letters == "e")
                || word == "--expression"
                || word == "--source";
        if i == at {
            return match () {
                () if option => at_option(word, mark),
                () if !program => Verdict::Refused(Refusal::Program),
                () => Verdict::Operand,
            };
        }
        if program_option {
            program = true;
            if i + 1 == at {
                return Verdict::Refused(Refusal::Program);
            }
            i += 2;
            continue;
        }
        if option {
            let pair = matches!(word, "--arg" | "--argjson" | "--slurpfile" | "--rawfile");
            let takes = !word.starts_with("--") && letters.len() == 1 && valued.contains(letters)
                || matches!(
                    word,
                    "--assign" | "--field-separator" | "--file" | "--from-file"
                );
            let step = if pair {
                3
            } else if takes {
                2
            } else {
                1
            };
            if i + step > at {
                return Verdict::Any;
            }
            i += step;
            continue;
        }
        program = program || word != "--";
        i += 1;
    }
    Verdict::Any
}

/// For an option with an attached value: `-vx=V` and `-FV` are data. Any other may be a program.
fn at_option(word: &str, mark: char) -> Verdict {
    let data = (word.starts_with("-v")
        && word.split_once('=').is_some_and(|(n, _)| !n.contains(mark)))
        || word.starts_with("-F");
    if data {
        Verdict::Any
    } else {
        Verdict::Refused(Refusal::Option)
    }
}

/// For `test`: in `test A B`, A could be `-v`, and then B is a subscript that is evaluated.
pub(super) fn of_test(words: &[String], at: usize) -> Verdict {
    const BINARY: &[&str] = &[
        "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef",
        "-a", "-o", "]", ")",
    ];
    let refused = Verdict::Refused(Refusal::TestVariable);
    if matches!(words[at - 1].as_str(), "-v" | "-R") {
        return refused;
    }
    let before = words[at - 1].as_str();
    let binary = |word: &str| BINARY.contains(&word);
    let unary = before.len() == 2 && before.starts_with('-') && at > 1;
    if unary || at > 1 && binary(before) {
        return Verdict::Any;
    }
    // A left or only operand is allowed if the word before it is not a value and the word after it
    // is not an operand.
    let fixed = at == 1 || matches!(before, "!" | "(");
    if fixed && words.get(at + 1).is_none_or(|word| binary(word)) {
        Verdict::Any
    } else {
        refused
    }
}

/// True for a variable whose value a shell or program evaluates.
pub(crate) fn is_evaluated(name: &str) -> bool {
    matches!(
        name,
        "BASH_ENV"
            | "ENV"
            | "PS0"
            | "PS1"
            | "PS2"
            | "PS4"
            | "PROMPT_COMMAND"
            | "SHELLOPTS"
            | "BASHOPTS"
            | "PERL5OPT"
            | "RUBYOPT"
            | "NODE_OPTIONS"
            | "PYTHONSTARTUP"
            | "LESSOPEN"
            | "GIT_SSH_COMMAND"
            | "MAKEFLAGS"
            | "PERL5DB"
            | "PAGER"
            | "GIT_PAGER"
            | "EDITOR"
            | "VISUAL"
            | "GIT_EDITOR"
            | "RSYNC_RSH"
            | "TAR_OPTIONS"
            | "JAVA_TOOL_OPTIONS"
            | "_JAVA_OPTIONS"
    ) || name.starts_with("BASH_FUNC_")
}
