//! A command whose name is not known: `$tool …`. It may be any shell or interpreter.

use super::super::nested::evaluates_arguments;
use super::super::refusal::Refusal;
use super::input::is_input;
use super::table::evaluates_words;
use super::verdict::Verdict;

/// What a word of such a command may contain: no text where an interpreter has its program.
pub(super) fn of_unknown(words: &[String], at: usize, mark: char) -> Verdict {
    let refused = Verdict::Refused(Refusal::UnknownCommand);
    let own = words[at].split(mark).next().unwrap_or_default();
    let attached = own.trim_end_matches('=');
    if is_program_flag(&words[at - 1]) || words[at].contains(mark) && is_program_flag(attached) {
        return refused;
    }
    let evaluates = (1..at - 1)
        .any(|flag| is_program_flag(&words[flag]) && evaluates_arguments(&words[flag + 1]));
    if evaluates {
        return refused;
    }
    let literal: String = words[at].split(mark).collect();
    if is_of_filter(&literal) && !follows_operand(words, at) {
        return refused;
    }
    match words[1..at].iter().all(|word| word.starts_with('-')) {
        true => Verdict::Operand,
        false => Verdict::Any,
    }
}

/// True if text stands in a program of awk, sed or jq that begins so: `$1 > TEXT`, `s/a/TEXT/`.
fn is_of_filter(word: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "_.,:=@%/+-~".contains(c);
    let replaces = word
        .strip_prefix('s')
        .is_some_and(|rest| rest.starts_with(['/', ',', ':', '@', '%']));
    !word.starts_with('-') && (replaces || !word.chars().all(is_plain))
}

/// True if a word before this one is surely an operand, and not the value of an option.
fn follows_operand(words: &[String], at: usize) -> bool {
    let is_option = |word: &String| word.starts_with('-');
    (1..at).any(|i| !is_option(&words[i]) && (i == 1 || !is_option(&words[i - 1])))
}

/// True for an option after which shells and interpreters have a program: `-c`, `-e`, `-lc`, `-ne`.
pub(super) fn is_program_flag(word: &str) -> bool {
    if let Some(long) = word.strip_prefix("--") {
        return matches!(
            long,
            "eval" | "print" | "command" | "exec" | "run" | "execute" | "expression"
        );
    }
    let Some(letters) = word.strip_prefix('-') else {
        return false;
    };
    let Some(last) = letters.chars().next_back() else {
        return false;
    };
    // Before the last letter, options that take no word.
    let before = &letters[..letters.len() - last.len_utf8()];
    letters.len() <= 4
        && matches!(last, 'c' | 'e' | 'E')
        && before
            .chars()
            .all(|c| "abefhklnpstuvxwBCEHPITS0".contains(c))
        || letters.starts_with('c') && letters.len() <= 3
}

/// True if such a command may read its program from its standard input.
pub(super) fn reads_input(words: &[String]) -> bool {
    let mut operands = words[1..].iter().filter(|word| {
        let option = word.len() > 1 && word.starts_with(['-', '+']);
        !option
    });
    match operands.next() {
        Some(first) => is_input(first) || evaluates_words(first) && operands.next().is_none(),
        None => !words[1..].iter().any(|word| is_program_flag(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_program_flag;

    #[test]
    fn only_options_of_interpreters_are_taken_for_those() {
        for flag in [
            "-c", "-e", "-lc", "-ec", "-ne", "-pe", "-lane", "-cx", "--eval",
        ] {
            assert!(is_program_flag(flag), "{flag}");
        }
        for word in [
            "-o", "-query", "-evalue", "-file", "-db", "-size", "-name", "--end", "-", "c",
        ] {
            assert!(!is_program_flag(word), "{word}");
        }
    }
}
