//! Errors of the expression engine, in the words of a workflow's author.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value as Dynamic};

use super::limits::REFUSED;

/// How messages about a call begin, if its name is not known.
pub(super) const CALLED: &str = "a filter, test or function";

/// The message of an error.
pub(super) fn explain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    let unknown = |what: &str| match detail.split_whitespace().nth(1) {
        Some(name) => format!("there is no {what} `{name}`"),
        None => format!("there is no {what} of that name"),
    };
    match error.kind() {
        REFUSED => detail.to_owned(),
        ErrorKind::SyntaxError => syntax(detail),
        ErrorKind::UndefinedError => "it reads a name or an index that has no value".to_owned(),
        ErrorKind::BadEscape => "`\\` in a text begins no escape that expressions know".to_owned(),
        ErrorKind::UnknownFilter => unknown("filter"),
        ErrorKind::UnknownTest => unknown("test"),
        ErrorKind::UnknownFunction => "there is no function of that name".to_owned(),
        ErrorKind::UnknownMethod => {
            "values have no methods; write a filter, as in `params.x | upper`".to_owned()
        }
        ErrorKind::MissingArgument => {
            format!("{CALLED} needs another value in its parentheses")
        }
        ErrorKind::TooManyArguments => {
            format!("{CALLED} gets more values than it takes")
        }
        _ if detail.ends_with("not callable") => {
            "only `range` and `dict` can be called; write a filter, as in `params.x | upper`"
                .to_owned()
        }
        _ if detail.is_empty() => "it cannot be computed with these values".to_owned(),
        _ => in_plain_words(detail),
    }
}

/// The kind of a value in users' terms.
pub(super) fn kind_of(value: &Dynamic) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "a name or an index that has no value",
        ValueKind::None => "nothing",
        ValueKind::Bool => "true or false",
        ValueKind::Number => "a number",
        ValueKind::String => "text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a map",
        _ => "another value",
    }
}

/// The message of a mistake in the syntax.
fn syntax(detail: &str) -> String {
    let named = |what: &str| match what {
        "end of input" => "the end".to_owned(),
        "identifier or integer" => "a name or a number".to_owned(),
        "identifier" => "a name".to_owned(),
        "expression" => "a value".to_owned(),
        "integer" | "float" => "a number".to_owned(),
        "string" => "text".to_owned(),
        sign if sign.starts_with('`') => sign.to_owned(),
        word => format!("`{word}`"),
    };
    if detail == "unexpected input after expression" {
        return "something follows its end; join values with an operator, such as `and`".to_owned();
    }
    if detail == "unexpected character" {
        return "it holds a character that no expression has; `and`, `or` and `not` are words"
            .to_owned();
    }
    match detail
        .strip_prefix("unexpected ")
        .map(|rest| rest.split_once(", expected "))
    {
        Some(Some(("end of input", wanted))) => {
            format!("it ends where {} is expected", named(wanted))
        }
        Some(Some((found, wanted))) => {
            format!("{} is where {} is expected", named(found), named(wanted))
        }
        Some(None) => match detail.strip_prefix("unexpected ") {
            Some(found) => format!("{} cannot be there", named(found)),
            None => in_plain_words(detail),
        },
        None => in_plain_words(detail),
    }
}

/// A message with plain words for the engine's names of types.
fn in_plain_words(detail: &str) -> String {
    let plain = |word: &str| match word {
        "string" | "str" => "text".to_owned(),
        "sequence" | "iterable" | "iterator" => "list".to_owned(),
        "undefined" | "none" => "nothing".to_owned(),
        "bool" => "true or false".to_owned(),
        "i64" | "u64" | "i128" | "u128" | "usize" | "integer" => "whole number".to_owned(),
        "f64" => "number".to_owned(),
        "argument" | "arguments" => "value".to_owned(),
        other => other.to_owned(),
    };
    let mut out = String::with_capacity(detail.len());
    let mut rest = detail;
    while !rest.is_empty() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        out.push_str(&plain(&rest[..end]));
        let after = rest[end..].find(is_word).map_or(rest.len(), |at| end + at);
        out.push_str(&rest[end..after]);
        rest = &rest[after..];
    }
    out
}
