//! Commands that start the program that they are given.

use super::super::shell::base_name;
use super::command::verdict;
use super::language::options;
use super::table::{Kind, interpreters};
use super::verdict::{MARK, Verdict};

/// The index of the word that names the program which a command starts, as in `nice -n 5 PROGRAM`.
pub(in crate::script) fn started(words: &[String]) -> Option<usize> {
    let name = base_name(words.first()?);
    // The letters of the options that take a word.
    let valued = match name {
        "nice" => "n",
        "ionice" => "cnpPu",
        "stdbuf" => "ioe",
        "exec" => "a",
        "time" => "fo",
        "env" => "uC",
        "sudo" | "doas" => "ugC",
        "nohup" | "setsid" | "command" | "builtin" => "",
        _ => return None,
    };
    let mut at = 1;
    loop {
        let word = words.get(at)?;
        let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty());
        match letters {
            // `command -v NAME` only looks for the program.
            Some("v" | "V") if name == "command" => return None,
            Some("-") => return words.get(at + 1).map(|_| at + 1),
            Some(letters) if letters.len() == 1 && valued.contains(letters) => at += 2,
            Some(_) => at += 1,
            None if name == "env" && word.contains('=') => at += 1,
            None => return Some(at + started(&words[at..]).unwrap_or(0)),
        }
    }
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
