//! `xargs`, which gives the words of its input to another command.

use super::super::shell::base_name;
use super::command::verdict;
use super::verdict::{MARK, Verdict};

fn is_xargs(words: &[String]) -> bool {
    words.first().is_some_and(|word| base_name(word) == "xargs")
}

/// True if a word of the input of `xargs` must not begin with `-`.
pub(in crate::script) fn dashes_input(words: &[String]) -> bool {
    if !is_xargs(words) {
        return false;
    }
    let mut probe = words.to_vec();
    let replaced = (1..words.len()).find_map(|at| {
        let word = words[at].as_str();
        match word {
            "-I" | "-J" | "-R" => words.get(at + 1).map(String::as_str),
            _ => word
                .strip_prefix("-I")
                .or_else(|| word.strip_prefix("--replace=")),
        }
    });
    match replaced.filter(|token| !token.is_empty()) {
        Some(token) => {
            for word in probe.iter_mut().filter(|word| word.starts_with(token)) {
                *word = word.replacen(token, &MARK.to_string(), 1);
            }
        }
        None => probe.push(MARK.to_string()),
    }
    let mut marked = (1..probe.len()).filter(|at| probe[*at].starts_with(MARK));
    marked.any(|at| verdict(&probe, at, MARK) == Verdict::Operand)
}

/// The files whose words `xargs` reads: `xargs -a FILE`.
pub(in crate::script) fn list_files(words: &[String]) -> Vec<&str> {
    if !is_xargs(words) {
        return Vec::new();
    }
    let named = words.windows(2).filter_map(|pair| {
        let word = pair[1].as_str();
        let after = matches!(pair[0].as_str(), "-a" | "--arg-file").then_some(word);
        let own = word.strip_prefix("--arg-file=");
        after.or(own).or_else(|| word.strip_prefix("-a"))
    });
    named.filter(|file| !file.is_empty()).collect()
}
