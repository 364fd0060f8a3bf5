//! Commands that start the program that they are given.

use super::super::shell::base_name;
use super::command::verdict;
use super::language::options;
use super::launcher::launched;
use super::table::{Kind, interpreters};
use super::verdict::{MARK, Verdict};

/// How a command that starts a program finds its name.
struct Runner {
    /// The letters of the options that take a word.
    valued: &'static str,
    /// The number of operands before the program.
    operands: usize,
}

/// Long options of such commands that take a word.
const VALUED: &[&str] = &[
    "--signal",
    "--kill-after",
    "--adjustment",
    "--arg-file",
    "--max-args",
    "--max-procs",
    "--max-lines",
    "--max-chars",
    "--delimiter",
    "--user",
    "--group",
    "--output",
    "--class",
    "--classdata",
    "--pid",
    "--unset",
    "--chdir",
    "--input",
    "--error",
    "--cpunodebind",
    "--membind",
    "--physcpubind",
    "--timeout",
    "--host",
    "--property",
    "--unit",
    "--format",
];

fn runner(words: &[String]) -> Option<Runner> {
    let runner = |valued, operands| Some(Runner { valued, operands });
    match base_name(words.first()?) {
        "nice" => runner("n", 0),
        "ionice" => runner("cnpPu", 0),
        "stdbuf" => runner("ioe", 0),
        "exec" => runner("a", 0),
        "time" => runner("fo", 0),
        "env" => runner("uC", 0),
        "sudo" | "doas" => runner("ugCUhprtTD", 0),
        "timeout" => runner("ks", 1),
        "taskset" => runner("", 1),
        "chrt" => runner("TPD", 1),
        "flock" => runner("wE", 1),
        "chroot" => runner("", 1),
        "perf" => runner("eopFcGtC", 1),
        "setarch" => {
            let named = words
                .get(1)
                .is_some_and(|word| !word.starts_with(['-', MARK]));
            runner("", usize::from(named))
        }
        "xargs" => runner("IELPSnsadJR", 0),
        "strace" | "ltrace" => runner("aeEoOpPsSuXbIlnx", 0),
        "prlimit" => runner("p", 0),
        "unshare" | "nsenter" => runner("tSGRrw", 0),
        "numactl" => runner("NmCpiwPl", 0),
        "systemd-run" => runner("puMEHC", 0),
        "nohup" | "setsid" | "command" | "builtin" | "linux32" | "linux64" | "i386" | "x86_64"
        | "uname26" | "setpriv" | "unbuffer" | "fakeroot" | "catchsegv" | "valgrind"
        | "busybox" | "coproc" | "eatmydata" | "chronic" | "dbus-run-session" | "xvfb-run" => {
            runner("", 0)
        }
        _ => None,
    }
}

/// The index of the word that names the program which a command starts, as in `nice -n 5 PROGRAM`.
/// The word after an unknown long option may be its value or the program. A value there counts as
/// the program.
pub(in crate::script) fn started(words: &[String]) -> Option<usize> {
    let name = base_name(words.first()?);
    if name == "find" {
        return after_exec(words);
    }
    if let Some(at) = launched(words) {
        return Some(at + started(&words[at..]).unwrap_or(0));
    }
    let Runner { valued, operands } = runner(words)?;
    let mut left = operands;
    let mut at = 1;
    loop {
        let word = words.get(at)?;
        if word == "--" {
            at += 1 + left;
            return words.get(at).map(|_| at);
        }
        if let Some(long) = word.strip_prefix("--") {
            let known = VALUED.contains(&word.as_str());
            let value = words.get(at + 1).is_some_and(|next| next.contains(MARK));
            if value && !known && !long.contains('=') && left == 0 {
                return Some(at + 1);
            }
            at += if known { 2 } else { 1 };
            continue;
        }
        match word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            // `command -v NAME` only looks for the program.
            Some("v" | "V") if name == "command" => return None,
            Some(letters) => {
                let value = letters.find(|c: char| valued.contains(c));
                let last = value.is_some_and(|value| value + 1 == letters.len());
                at += if last { 2 } else { 1 };
            }
            None if name == "env" && word.contains('=') => at += 1,
            None if left > 0 => {
                left -= 1;
                at += 1;
            }
            None => return Some(at + started(&words[at..]).unwrap_or(0)),
        }
    }
}

/// The first program that `find` starts, or the one that holds a value.
fn after_exec(words: &[String]) -> Option<usize> {
    let exec = |word: &String| matches!(word.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir");
    let all = (1..words.len()).filter(|at| exec(&words[at - 1]));
    let programs: Vec<usize> = all
        .map(|at| at + started(&words[at..]).unwrap_or(0))
        .collect();
    let valued = programs.iter().find(|at| words[**at].contains(MARK));
    valued.or(programs.first()).copied()
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
                Kind::Shell | Kind::Language(_) => options(kind).0.chars().next(),
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
