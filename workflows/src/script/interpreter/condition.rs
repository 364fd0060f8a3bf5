//! The words of `test`.

use super::super::refusal::Refusal;
use super::verdict::Verdict;

/// For `test`: in `test A B`, A could be `-v`, and then B is a subscript that is evaluated.
pub(in crate::script) fn of_test(words: &[String], at: usize) -> Verdict {
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
