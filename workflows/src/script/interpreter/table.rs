//! The table of commands that evaluate their words.

use std::collections::BTreeSet;

use super::super::parameter::is_parameter;
use super::super::shell::base_name;
use super::super::written::last_part;
use super::runner::started;

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
    /// A command that gives its words to a shell, after options that take one of these words.
    Line(&'static [&'static str]),
    /// A command whose name is not known. It may be any interpreter.
    Unknown,
}

/// The options of LSF's `bsub` that take a word, from its manual.
const BSUB: &[&str] = &[
    "-J", "-n", "-q", "-o", "-oo", "-e", "-eo", "-W", "-M", "-R", "-P", "-m", "-g", "-G", "-cwd",
    "-app", "-gpu", "-u", "-i", "-U", "-sla", "-sp", "-b", "-t", "-c",
];

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
    "salloc",
    "mpirun",
    "mpiexec",
    "mpiexec.hydra",
    "orterun",
    "prun",
    "aprun",
    "jsrun",
    "ibrun",
    "singularity",
    "apptainer",
    "docker",
    "podman",
    "busybox",
    "coproc",
    "setpriv",
    "systemd-run",
    "script",
    "ltrace",
    "prlimit",
    "setarch",
    "linux32",
    "linux64",
    "i386",
    "x86_64",
    "unbuffer",
    "fakeroot",
    "catchsegv",
    "eatmydata",
    "chronic",
    "xvfb-run",
    "dbus-run-session",
    "choom",
    "runuser",
    "pkexec",
    "kubectl",
    "oc",
    "lxc",
    "nerdctl",
    "bwrap",
    "proot",
    "firejail",
    "gosu",
    "su-exec",
    "tini",
    "dumb-init",
    "faketime",
    "ch-run",
    "cgexec",
    "ld.so",
    "ld-linux.so.2",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

/// Commands whose `-c` or `-e` is not a program.
pub(super) const PLAIN_OPTIONS: &[&str] = &[
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
pub(super) const PROGRAM_OPTIONS: &[&str] = &[
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
    "--exec",
    "--execute",
    "--config-env",
    "--open-files-in-pager",
    "--new-volume-script",
    "--rmt-command",
    "--rsh-command",
    "--strip-program",
    "--specs",
];

/// True for a command whose name the script computes, so that it is not known here.
pub(in crate::script) fn is_unknown(word: &str) -> bool {
    let name = last_part(word);
    let computed = name.find(['$', '`']);
    computed.is_some_and(|at| may_begin(&name[..at])) && !is_parameter(word)
}

/// True if the name of an interpreter may begin with this.
fn may_begin(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "awk", "bash", "dash", "eval", "gawk", "julia", "ksh", "lua", "make", "mawk", "node",
        "octave", "perl", "php", "python", "ruby", "Rscript", "sed", "sh", "tclsh", "zsh",
    ];
    NAMES
        .iter()
        .any(|one| one.starts_with(name) || name.starts_with("python"))
}

fn kind(word: &str) -> Option<Kind> {
    let name = base_name(word);
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match stem {
        // `.` and `source` run a file in the shell itself.
        "" if name == "." => Kind::Language(""),
        "source" => Kind::Language(""),
        "tar" | "gtar" | "bsdtar" | "rsync" | "sort" | "split" | "find" | "git" | "zip"
        | "wget" | "scp" | "sftp" | "install" | "gcc" | "g++" | "cc" | "c++" | "clang"
        | "clang++" | "gfortran" | "nvcc" => Kind::Optioned,
        "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "rbash" | "fish" | "csh"
        | "tcsh" => Kind::Shell,
        "python" | "pypy" | "ipython" => Kind::Language("c"),
        "perl" | "ruby" | "lua" | "luajit" | "groovy" | "scala" => Kind::Language("eE"),
        "node" | "bun" => Kind::Language("ep"),
        "deno" => Kind::Language("ep"),
        "R" | "Rscript" | "julia" | "octave" | "matlab" | "ghc" | "gnuplot" => {
            Kind::Language("eErE")
        }
        "raku" | "guile" | "racket" | "sbcl" | "clisp" | "elixir" | "erl" | "pwsh"
        | "powershell" | "nu" | "xonsh" | "elvish" | "osascript" | "ghci" | "runghc"
        | "clojure" | "clj" | "bb" | "maxima" | "gap" | "sage" | "ncl" | "idl" | "gdl"
        | "scilab" | "wolframscript" | "ocaml" | "swift" | "jshell" => Kind::Language("ce"),
        "php" => Kind::Language("rBRE"),
        "awk" | "gawk" | "mawk" | "nawk" => Kind::Filter("Fvfile"),
        "sed" | "gsed" => Kind::Filter("efl"),
        "jq" | "yq" | "gojq" => Kind::Filter("fL"),
        "sqlite" | "duckdb" | "mysql" | "psql" => Kind::All,
        "ssh" | "rsh" | "pdsh" | "parallel" | "at" | "batch" | "su" | "expect" | "tclsh" | "dc"
        | "ed" | "ex" | "crontab" | "watch" | "vi" | "vim" | "nvim" | "view" | "vimdiff"
        | "emacs" | "nano" | "start-stop-daemon" | "hyperfine" | "tmux" | "screen" | "xterm"
        | "socat" | "ncat" | "nc" | "nix-shell" | "vagrant" | "sem" | "entr" | "root"
        | "root.exe" => Kind::All,
        "bsub" => Kind::Line(BSUB),
        "rename" | "prename" | "file-rename" => Kind::Filter(""),
        "m" if name == "m4" => Kind::All,
        "eval" | "trap" | "let" | "declare" | "typeset" | "local" | "readonly" | "read"
        | "unset" | "alias" | "mapfile" | "readarray" | "getopts" | "enable" | "bind"
        | "complete" | "compgen" | "fc" | "history" | "hash" => Kind::Builtin,
        "export" | "make" | "gmake" | "env" => Kind::Named,
        _ => return None,
    })
}

/// True for a command that evaluates its words, or that starts another one.
pub(in crate::script) fn is_program(word: &str) -> bool {
    evaluates_words(word) || starts_another(word)
}

/// True for a command that evaluates its words, or may.
pub(super) fn evaluates_words(word: &str) -> bool {
    word == "." || kind(word).is_some()
}

/// True for a command that starts another one.
pub(super) fn starts_another(word: &str) -> bool {
    RUNNERS.contains(&base_name(word))
}

/// The interpreters among the words of a command, with their places: its first word, or any word
/// if the first one starts another command. Other names than those of shells and languages, such as
/// `view`, count only where a program's name stands.
pub(super) fn interpreters(words: &[String]) -> impl Iterator<Item = (usize, Kind)> {
    let runs = words
        .first()
        .is_some_and(|word| RUNNERS.contains(&base_name(word)));
    let started = match runs {
        true => started(words),
        false => BTreeSet::new(),
    };
    words
        .iter()
        .enumerate()
        .take(if runs { words.len() } else { 1 })
        // Elsewhere `.` is a folder.
        .filter(|(i, word)| {
            let before = i.checked_sub(1).map(|before| words[before].as_str());
            *word != "." || matches!(before, None | Some("command" | "builtin"))
        })
        .filter_map(|(i, word)| match kind(word) {
            Some(kind) => Some((i, kind)),
            None => is_unknown(word).then_some((i, Kind::Unknown)),
        })
        .filter(move |(i, kind)| {
            let anywhere = matches!(kind, Kind::Shell | Kind::Language(_));
            *i == 0 || anywhere || started.contains(i)
        })
}
