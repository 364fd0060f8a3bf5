//! Texts that become numbers.

use minijinja::value::ValueKind;
use minijinja::{Error, Value as Dynamic};

use super::condition::short;
use super::explain::kind_of;
use super::limits::refused;
use crate::yaml::scalar::underflows;

/// Refuses `| int` and `| float` of what is not a number.
pub(super) fn check_conversion(name: &str, args: &[Dynamic]) -> Result<(), Error> {
    let (Some(value), "int" | "float") = (args.first(), name) else {
        return Ok(());
    };
    let (expected, example) = match name {
        "int" => ("a whole number", "42"),
        _ => ("a number", "4.2"),
    };
    let Some(text) = value.as_str() else {
        let found = match value.kind() {
            ValueKind::Number if name == "int" => {
                return match f64::try_from(value.clone()).is_ok_and(f64::is_finite) {
                    true => Ok(()),
                    false => Err(refused(&format!(
                        "`| int` expects a finite number, and gets `{value}`"
                    ))),
                };
            }
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => kind_of(value),
            _ => return Ok(()),
        };
        let message = format!("`| {name}` expects {expected}, as text or number, and gets {found}");
        return Err(refused(&message));
    };
    if text.parse::<i128>().is_ok() {
        return Ok(());
    }
    let why = match text.parse::<f64>() {
        Ok(number) if underflows(text) || number.is_infinite() && !is_named(text) => {
            let message = format!(
                "`| {name}` gets the text `{}`, which is {}",
                short(text),
                beyond(number)
            );
            return Err(refused(&message));
        }
        Ok(number) if number.is_finite() || name == "float" => return Ok(()),
        Ok(_) | Err(_) if text.trim() != text => "; `| trim` removes the spaces around it",
        Ok(_) | Err(_) => "",
    };
    Err(refused(&format!(
        "`| {name}` expects {expected} such as `{example}`, and gets the text `{}`{why}",
        short(text)
    )))
}

/// Refuses the result of a filter that no number holds, although its arguments are numbers.
pub(super) fn check_number(name: &str, args: &[Dynamic], result: &Dynamic) -> Result<(), Error> {
    let finite = |value: &Dynamic| {
        let number = (value.kind() == ValueKind::Number).then(|| f64::try_from(value.clone()));
        number.is_none_or(|number| number.is_ok_and(f64::is_finite))
    };
    match name == "float" || finite(result) || !args.iter().all(finite) {
        true => Ok(()),
        false => Err(refused(&format!(
            "`| {name}` has no result that a number holds"
        ))),
    }
}

/// True for the words `inf`, `nan` and the like.
fn is_named(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    digits.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Why a float does not hold a number that it reads as this one.
fn beyond(number: f64) -> &'static str {
    match number == 0.0 {
        true => "closer to 0 than the smallest float (about 5e-324)",
        false => "beyond the largest float (about 1.8e308)",
    }
}

/// Refuses numbers in an expression that no float holds. The engine would read them as 0 or
/// infinity.
pub(super) fn check_literals(source: &str) -> Result<(), String> {
    let mut quote = None;
    let mut before = ' ';
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        let mut next = at + c.len_utf8();
        match quote {
            Some(_) if c == '\\' => {
                next += source[next..].chars().next().map_or(0, char::len_utf8);
            }
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if c.is_ascii_digit() && !(before.is_alphanumeric() || before == '_') => {
                next = at + length(&source[at..]);
                let text = source[at..next].replace('_', "");
                if let Ok(number) = text.parse::<f64>()
                    && (underflows(&text) || number.is_infinite())
                {
                    return Err(format!(
                        "the number `{}` is {}",
                        short(&text),
                        beyond(number)
                    ));
                }
            }
            None => {}
        }
        before = source[..next].chars().next_back().unwrap_or(' ');
        at = next;
    }
    Ok(())
}

/// The length of the number at the start of a text.
fn length(text: &str) -> usize {
    let mut before = ' ';
    let within = |c: char, before: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '.' | '_')
            || matches!(c, '+' | '-') && matches!(before, 'e' | 'E')
    };
    for (at, c) in text.char_indices() {
        if !within(c, before) {
            return at;
        }
        before = c;
    }
    text.len()
}
