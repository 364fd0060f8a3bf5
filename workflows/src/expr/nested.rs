//! Values whose strings are templates, as in `with:`.

use super::error::RenderError;
use super::scope::Scope;
use super::segment::has_expression;
use super::template::CompiledTemplate;
use super::uses::Uses;
use crate::value::Value;

/// Renders every string within a value, as in `with:`.
///
/// # Errors
///
/// As [`CompiledTemplate::new`] and [`CompiledTemplate::render`].
pub fn render_value(value: &Value, scope: &Scope) -> Result<Value, RenderError> {
    Ok(match value {
        Value::String(text) if has_expression(text) => {
            CompiledTemplate::new(text)?.render(scope)?
        }
        Value::List(list) => Value::List(
            list.iter()
                .map(|item| render_value(item, scope))
                .collect::<Result<_, _>>()?,
        ),
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, item)| Ok((key.clone(), render_value(item, scope)?)))
                .collect::<Result<_, RenderError>>()?,
        ),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Written(_) => value.clone(),
    })
}

/// What the strings within a value read.
#[must_use]
pub fn value_uses(value: &Value) -> Uses {
    let mut uses = Uses::default();
    collect(value, &mut uses);
    uses
}

fn collect(value: &Value, uses: &mut Uses) {
    match value {
        Value::String(text) if has_expression(text) => {
            if let Ok(template) = CompiledTemplate::new(text) {
                uses.merge(template.uses());
            }
        }
        Value::List(list) => list.iter().for_each(|item| collect(item, uses)),
        Value::Map(map) => map.iter().for_each(|(_, item)| collect(item, uses)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Written(_) => {}
    }
}
