//! The value of `if:`.

use crate::value::Value;

/// Whether a condition with this value holds. Only `true` and `false` are conditions, also as text;
/// any other value is more often a mistake than meant. Returns how to write it instead.
pub(crate) fn holds(expression: &str, value: &Value) -> Result<bool, String> {
    let (found, remedy) = match value.plain() {
        Value::Bool(held) => return Ok(held),
        Value::String(text) if text == "true" => return Ok(true),
        Value::String(text) if text == "false" => return Ok(false),
        Value::String(text) => (format!("the text `{}`", short(&text)), "== 'TEXT'"),
        Value::Int(_) | Value::Float(_) => (format!("the number {}", value.to_text()), "!= 0"),
        Value::List(_) | Value::Map(_) => (value.kind_name().to_owned(), "| length > 0"),
        Value::Null | Value::Written(_) => ("nothing".to_owned(), "is not none"),
    };
    let simple = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_');
    let operand = match expression.chars().all(simple) {
        true => expression.to_owned(),
        false => format!("({expression})"),
    };
    Err(format!(
        "a condition is true or false, and this is {found}; compare it, as in `${{{{ {operand} {remedy} }}}}`"
    ))
}

/// The beginning of a text, for a message.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
