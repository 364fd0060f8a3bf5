//! Which shell reads a script.

use crate::model::{Action, Command};

/// The dialect of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The POSIX shell without extensions.
    Posix,
    /// Bash.
    Bash,
    /// A shell whose rules are not known here.
    Unknown,
}

impl Dialect {
    /// The dialect of a shell's argv.
    pub(crate) fn of(shell: &[String]) -> Self {
        let mut words = shell.iter().map(|word| base_name(word)).peekable();
        if words.peek() == Some(&"env") {
            words.next();
        }
        let program = words.next();
        // Further words would be arguments, or a program of their own that gets the script.
        let mut value = false;
        let mut plain = shell
            .iter()
            .skip_while(|word| Some(base_name(word)) != program);
        let options = plain.by_ref().skip(1).all(|word| {
            let option = word.starts_with(['-', '+']) && word.len() > 1;
            let allowed = option || value || matches!(word.as_str(), "sh" | "ash");
            value = option && word.ends_with(['o', 'O']);
            allowed
        });
        if !options {
            return Self::Unknown;
        }
        match program {
            Some("bash") => Self::Bash,
            Some("sh" | "dash" | "ash") => Self::Posix,
            Some("busybox") if matches!(words.next(), Some("sh" | "ash")) => Self::Posix,
            _ => Self::Unknown,
        }
    }
}

/// The name of a program without its folders.
pub(crate) fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or_default()
}

/// The shell of a text `run` without `shell:`. It stops at the first command that fails, also
/// within a pipe, and at an unset variable.
#[must_use]
pub fn default_shell() -> Vec<String> {
    strict("bash")
}

/// Whether a shell whose rules are known here reads the script.
pub(crate) fn is_of_a_shell(shell: &[String]) -> bool {
    Dialect::of(shell) != Dialect::Unknown
}

/// The argv of the shell that runs the lines of `setup` before a command: the stage's own if it is
/// a shell, else the default one.
#[must_use]
pub fn setup_shell(action: &Action) -> Vec<String> {
    match action {
        Action::Run(Command::Shell { shell, .. }) if is_of_a_shell(shell) => shell.clone(),
        _ => default_shell(),
    }
}

/// A program's argv before the script. Known shells are strict.
pub(crate) fn strict(program: &str) -> Vec<String> {
    let (program, flags): (&str, &[&str]) = match base_name(program) {
        "bash" => (
            program,
            &["--noprofile", "--norc", "-euo", "pipefail", "-c"],
        ),
        "sh" if program == "sh" => ("/bin/sh", &["-eu", "-c"]),
        "sh" | "dash" | "ash" => (program, &["-eu", "-c"]),
        "Rscript" | "perl" | "ruby" | "node" | "julia" => (program, &["-e"]),
        _ => (program, &["-c"]),
    };
    std::iter::once(program)
        .chain(flags.iter().copied())
        .map(str::to_owned)
        .collect()
}
