//! Operators: what they compute and what they refuse.
//!
//! The engine has no hook for its operators. So [`super::desugar`] writes each as a call of a
//! function in this file, which checks its operands and then lets the engine compute.

use std::sync::LazyLock;

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, Expression, State, UndefinedBehavior, Value as Dynamic};

use super::explain::kind_of;
use super::limits::{charge, check_length, check_size, refused, settle};
use super::number::{Form, deep, holds, shallow};

/// The function that computes a chain of operators from the left.
pub(super) const COMPUTE: &str = "__compute";
/// The function that compares neighbors in a chain of comparisons.
pub(super) const COMPARE: &str = "__compare";
/// The function that converts a number to its plain form.
pub(super) const PLAIN_FORM: &str = "__plain";
/// The function that evaluates `value[start:stop:step]`.
pub(super) const SLICE: &str = "__slice";

static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
});

/// The engine's own evaluation of a slice.
static SLICING: LazyLock<Option<Expression<'static, 'static>>> = LazyLock::new(|| {
    let source = "value[start:stop:step]".to_owned();
    PLAIN.compile_expression_owned(source).ok()
});

/// Each operator as written, and the engine's own evaluation of it.
static OPERATORS: LazyLock<Vec<(&str, Expression<'static, 'static>)>> = LazyLock::new(|| {
    const SIGNS: &[&str] = &[
        "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in",
    ];
    SIGNS
        .iter()
        .filter_map(|sign| {
            let source = format!("a {sign} b");
            Some((*sign, PLAIN.compile_expression_owned(source).ok()?))
        })
        .collect()
});

/// `a + b - c`: the signs, separated by `,`, and the operands.
pub(super) fn compute(
    state: &State<'_, '_>,
    signs: &str,
    operands: Rest<Dynamic>,
) -> Result<Dynamic, Error> {
    let mut operands = operands.0.into_iter();
    let mut result = settle(operands.next().unwrap_or_default())?;
    for (sign, operand) in signs.split(',').zip(operands) {
        result = apply(state, sign, result, settle(operand)?)?;
    }
    Ok(result)
}

/// `a < b <= c`: true if each pair of neighbors fulfills its sign.
pub(super) fn compare(
    state: &State<'_, '_>,
    signs: &str,
    operands: Rest<Dynamic>,
) -> Result<bool, Error> {
    let mut operands = operands.0.into_iter();
    let mut left = settle(operands.next().unwrap_or_default())?;
    for (sign, operand) in signs.split(',').zip(operands) {
        let right = settle(operand)?;
        if !apply(state, sign, left, right.clone())?.is_true() {
            return Ok(false);
        }
        left = right;
    }
    Ok(true)
}

/// `value[start:stop:step]`. An absent bound is `none`.
pub(super) fn slice(
    state: &State<'_, '_>,
    value: Dynamic,
    start: Dynamic,
    stop: Dynamic,
    step: Dynamic,
) -> Result<Dynamic, Error> {
    let value = settle(value)?;
    charge(state, std::slice::from_ref(&value))?;
    let Some(slicing) = &*SLICING else {
        return Err(refused("slices are not available"));
    };
    let [start, stop, step] = [start, stop, step].map(as_plain);
    settle(slicing.eval(minijinja::context! { value, start, stop, step })?)
}

fn apply(
    state: &State<'_, '_>,
    sign: &str,
    left: Dynamic,
    right: Dynamic,
) -> Result<Dynamic, Error> {
    let operands = [left, right];
    charge(state, &operands)?;
    let [left, right] = operands;
    if sign == "~" || holds(&left)? || holds(&right)? {
        return apply_written(sign, &left, &right);
    }
    apply_plain(sign, &left, &right)
}

/// Applies an operator to values with written numbers. `~` takes their text. Equality and `in` hold
/// if they hold for the text or for the number. All other operators take the number.
fn apply_written(sign: &str, left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Error> {
    let both = |sign: &str, form: Form| apply_plain(sign, &deep(left, form)?, &deep(right, form)?);
    let positive = match sign {
        "~" => {
            // Nothing is no text, as where it stands alone in a command.
            let text = |value: &Dynamic| match value.kind() {
                ValueKind::None => Dynamic::from(""),
                _ => shallow(value.clone(), Form::Text),
            };
            return apply_plain(sign, &text(left), &text(right));
        }
        "==" | "!=" => "==",
        "in" | "not in" => "in",
        _ => {
            let number = |value: &Dynamic| shallow(value.clone(), Form::Number);
            return apply_plain(sign, &number(left), &number(right));
        }
    };
    // If the right side of `in` is text, the left side is compared only as text.
    let searches_text = positive == "in" && right.kind() == ValueKind::String;
    let holds = (!searches_text && both(positive, Form::Number)?.is_true())
        || both(positive, Form::Text)?.is_true();
    Ok(Dynamic::from(holds == (sign == positive)))
}

fn apply_plain(sign: &str, left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Error> {
    refuse_mixed(sign, left, right)?;
    if matches!(sign, "<" | "<=" | ">" | ">=") {
        refuse_order(sign, left, right)?;
    }
    if sign == "*" {
        check_repetition(left, right)?;
        check_repetition(right, left)?;
    }
    refuse_zero(sign, left, right)?;
    let (_, expression) = OPERATORS
        .iter()
        .find(|(known, _)| *known == sign)
        .ok_or_else(|| refused(&format!("there is no operator `{sign}`")))?;
    let no_number = || {
        let is_negative = sign == "**" && as_float(left).is_some_and(f64::is_sign_negative);
        let left = match is_negative {
            true => format!("({left})"),
            false => left.to_string(),
        };
        let message = format!("`{left} {sign} {right}` has no result that a number holds");
        refused(&message)
    };
    let computed = expression
        .eval(minijinja::context! { a => left, b => right })
        .map_err(|_| match (as_float(left), as_float(right)) {
            (Some(_), Some(_)) if sign != "in" && sign != "not in" => no_number(),
            _ => refused(&format!(
                "`{sign}` does not apply to {} and {}",
                kind_of(left),
                kind_of(right)
            )),
        })?;
    let result = settle(computed)?;
    let is_finite = |value: &Dynamic| as_float(value).is_none_or(f64::is_finite);
    if is_finite(left) && is_finite(right) && !is_finite(&result) {
        return Err(no_number());
    }
    Ok(result)
}

/// A number, or a boolean as a number.
fn as_float(value: &Dynamic) -> Option<f64> {
    match value.kind() {
        ValueKind::Bool => Some(if value.is_true() { 1.0 } else { 0.0 }),
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        _ => None,
    }
}

/// Refuses a division by zero, which floats would answer with infinity.
fn refuse_zero(sign: &str, left: &Dynamic, right: &Dynamic) -> Result<(), Error> {
    let divides = matches!(sign, "/" | "//" | "%");
    match divides && as_float(left).is_some() && as_float(right) == Some(0.0) {
        true => Err(refused(&format!(
            "`{left} {sign} {right}` is a division by zero"
        ))),
        false => Ok(()),
    }
}

/// Converts a written number to the number that the engine's own operators take.
pub(super) fn as_plain(value: Dynamic) -> Dynamic {
    shallow(value, Form::Number)
}

/// True if two values are equal by the rules of `==`.
pub(super) fn equal(left: &Dynamic, right: &Dynamic) -> Result<bool, Error> {
    Ok(apply_written("==", left, right)?.is_true())
}

/// True if a value is in another by the rules of `in`.
pub(super) fn contains(left: &Dynamic, right: &Dynamic) -> Result<bool, Error> {
    Ok(apply_written("in", left, right)?.is_true())
}

/// Refuses an operator between text and a number. `'10' < 9` would have a result that nobody
/// expects.
fn refuse_mixed(sign: &str, left: &Dynamic, right: &Dynamic) -> Result<(), Error> {
    let kinds = [left.kind(), right.kind()];
    let is_mixed = kinds.contains(&ValueKind::String) && kinds.contains(&ValueKind::Number);
    let is_free = matches!(sign, "~" | "==" | "!=" | "in" | "not in");
    match is_mixed && !is_free {
        true => Err(refused(&format!(
            "`{sign}` gets text and a number; write `| int` or `| float` after the text"
        ))),
        false => Ok(()),
    }
}

/// Refuses to order what has no order: nothing, maps, and values of different kinds. The engine
/// would order them by kind.
pub(super) fn refuse_order(name: &str, left: &Dynamic, right: &Dynamic) -> Result<(), Error> {
    match have_order(left, right)? {
        true => Ok(()),
        false => Err(refused(&format!(
            "`{name}` compares numbers with numbers and text with text, and gets {} and {}",
            kind_of(left),
            kind_of(right)
        ))),
    }
}

fn have_order(left: &Dynamic, right: &Dynamic) -> Result<bool, Error> {
    let kinds = (left.kind(), right.kind());
    let is_number = |kind| matches!(kind, ValueKind::Number | ValueKind::Bool);
    Ok(match kinds {
        (ValueKind::String, ValueKind::String) => true,
        (ValueKind::Seq, ValueKind::Seq) => {
            for (left, right) in left.try_iter()?.zip(right.try_iter()?) {
                if !have_order(&as_plain(left), &as_plain(right))? {
                    return Ok(false);
                }
            }
            true
        }
        (left, right) => is_number(left) && is_number(right),
    })
}

/// Refuses to repeat a list too often.
fn check_repetition(list: &Dynamic, times: &Dynamic) -> Result<(), Error> {
    if !times.is_number() || !matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Ok(());
    }
    let times = times.as_usize().unwrap_or(0);
    let length = list.len().and_then(|length| length.checked_mul(times));
    check_length(length.unwrap_or(usize::MAX))?;
    let size = super::limits::size_of(list, super::limits::SIZE_LIMIT_BYTES)?;
    check_size(size.checked_mul(times))
}
