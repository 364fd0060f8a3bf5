//! Checks a file against the table of keys. All mismatches are reported, and nothing is changed.

use super::kind::{KeyRule, Kind, Shape};
use crate::codes;
use crate::column::ColumnType;
use crate::diagnostic::{Code, Diagnostic};
use crate::names::{is_loose_name, is_name, nearest};
use crate::quoted;
use crate::requirement::check_requirement;
use crate::source::Span;
use crate::units::{meant_duration, parse_duration, parse_power, parse_share, parse_size};
use crate::value::Value;
use crate::yaml::{Data, Entry, Node};

/// Checks one value; `label` is its key.
pub(crate) fn conform(node: &Node, kind: &Kind, label: &str, found: &mut Vec<Diagnostic>) {
    match kind {
        Kind::Any => {}
        Kind::List(inner) => match &node.data {
            Data::List(items) => items.iter().for_each(|n| conform(n, inner, label, found)),
            Data::Scalar(_) | Data::Map(_) => found.push(wrong_type(node, kind, label)),
        },
        Kind::OneOrMany(inner) => match &node.data {
            Data::List(items) => items.iter().for_each(|n| conform(n, inner, label, found)),
            Data::Scalar(_) | Data::Map(_) => conform(node, inner, label, found),
        },
        Kind::Map(rule, inner) => match &node.data {
            Data::Map(entries) => {
                for entry in entries {
                    if *rule == KeyRule::Name && !is_name(&entry.key) {
                        found.push(bad_name(&entry.key, entry.key_span, false));
                    }
                    conform(&entry.value, inner, &entry.key, found);
                }
            }
            Data::Scalar(_) | Data::List(_) => found.push(wrong_type(node, kind, label)),
        },
        Kind::Node(shape) => match &node.data {
            Data::Map(entries) => keys(node, entries, shape, label, found),
            Data::Scalar(_) | Data::List(_) => found.push(wrong_type(node, kind, label)),
        },
        Kind::OneOf(kinds) => one_of(node, kind, kinds, label, found),
        _ => {
            if let Some(diagnostic) = scalar(node, kind, label) {
                found.push(diagnostic);
            }
        }
    }
}

/// The first alternative that fits wins. If none does, the mistakes of the alternative with the
/// same structure are reported.
fn one_of(node: &Node, kind: &Kind, kinds: &[Kind], label: &str, found: &mut Vec<Diagnostic>) {
    let mut best: Option<Vec<Diagnostic>> = None;
    for alternative in kinds {
        let mut mistakes = Vec::new();
        conform(node, alternative, label, &mut mistakes);
        if mistakes.is_empty() {
            return;
        }
        let inside = mistakes
            .iter()
            .any(|m| m.code != codes::WRONG_TYPE || m.span != node.span);
        if inside && best.is_none() {
            best = Some(mistakes);
        }
    }
    match best {
        Some(mistakes) => found.extend(mistakes),
        None => found.push(wrong_type(node, kind, label)),
    }
}

fn keys(node: &Node, entries: &[Entry], shape: &Shape, label: &str, found: &mut Vec<Diagnostic>) {
    for entry in entries {
        if shape.free_prefix.is_some_and(|p| entry.key.starts_with(p)) {
            continue;
        }
        match shape.key(&entry.key) {
            Some(key) => conform(&entry.value, &key.kind, key.name, found),
            None => found.push(unknown_key(shape, entry)),
        }
    }
    for key in shape.keys {
        if let Some(alias) = key.alias
            && node.get(key.name).is_some()
            && let Some(second) = node.entry(alias)
        {
            let message = format!("`{alias}` is another name for `{}`", key.name);
            found.push(
                Diagnostic::error(codes::DUPLICATE_KEY, second.key_span, message)
                    .expecting("only one of them"),
            );
        }
        if key.required && node.get(key.name).is_none() && !misspelled(key.name, entries, shape) {
            let message = format!("{} has no key `{}`", shown(label), key.name);
            found.push(
                Diagnostic::error(codes::MISSING_KEY, node.span, message).expecting(format!(
                    "`{}`: {}",
                    key.name,
                    key.kind.expected()
                )),
            );
        }
    }
}

/// A label in a message: a key in backquotes, or words such as "the workflow".
fn shown(label: &str) -> String {
    match label.contains(' ') {
        true => label.to_owned(),
        false => format!("`{label}`"),
    }
}

/// Whether a map has an unknown key that is probably a misspelling of one of these. It is already
/// reported, so that their absence is not.
pub(crate) fn misspells(node: &Node, shape: &Shape, keys: &[&str]) -> bool {
    keys.iter()
        .any(|key| misspelled(key, node.entries(), shape))
}

/// Whether an unknown key is probably a misspelling of this one, which is already reported.
fn misspelled(key: &str, entries: &[Entry], shape: &Shape) -> bool {
    entries.iter().any(|entry| {
        let known = shape.keys.iter().map(|key| key.name);
        shape.key(&entry.key).is_none() && nearest(&entry.key, known) == Some(key)
    })
}

fn unknown_key(shape: &Shape, entry: &Entry) -> Diagnostic {
    let known = || {
        let keys = shape.keys.iter();
        keys.flat_map(|key| std::iter::once(key.name).chain(key.alias))
    };
    let message = format!("unknown key `{}`", entry.key);
    let here = crate::names::one_of(shape.keys.iter().map(|key| key.name));
    Diagnostic::error(codes::UNKNOWN_KEY, entry.key_span, message)
        .expecting(here)
        .nearest(&entry.key, known())
}

fn bad_name(name: &str, span: Span, loose: bool) -> Diagnostic {
    let mended: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let mended = mended.trim_matches('_').to_owned();
    let expected = if loose { Kind::LooseName } else { Kind::Name };
    let diagnostic = Diagnostic::error(
        codes::BAD_NAME,
        span,
        format!("`{name}` is not a valid name"),
    )
    .expecting(format!(
        "{}, at most 64 characters, not starting with a digit",
        expected.expected()
    ));
    if is_name(&mended) {
        diagnostic.suggesting(format!("`{mended}` is valid"))
    } else {
        diagnostic
    }
}

fn wrong_type(node: &Node, kind: &Kind, label: &str) -> Diagnostic {
    let what = match &node.data {
        Data::Scalar(value) => value.kind_name(),
        Data::List(_) => "a list",
        Data::Map(_) => "a map",
    };
    let diagnostic = Diagnostic::error(
        codes::WRONG_TYPE,
        node.span,
        format!("{} cannot be {what}", shown(label)),
    )
    .expecting(kind.expected());
    let wants_text = matches!(kind, Kind::Text | Kind::LooseName);
    match node.plain() {
        Some(Value::Bool(_) | Value::Int(_) | Value::Float(_)) if wants_text => {
            diagnostic.suggesting("put it in quotes to make it text")
        }
        _ => diagnostic,
    }
}

/// What is wrong with a scalar, if anything.
fn scalar(node: &Node, kind: &Kind, label: &str) -> Option<Diagnostic> {
    let mismatch = || Some(wrong_type(node, kind, label));
    let problem = |code: Code, message: String| {
        let diagnostic = Diagnostic::error(code, node.span, message);
        Some(diagnostic.expecting(kind.expected()))
    };
    let Some(value) = node.plain() else {
        return mismatch();
    };
    match (kind, &value) {
        (Kind::Text, Value::String(_))
        | (Kind::Bool, Value::Bool(_))
        | (Kind::Nothing, Value::Null)
        | (Kind::Scalar, Value::String(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_)) => {
            None
        }
        (Kind::Word(words), Value::String(text)) => {
            // In YAML, `'\t'` is a backslash and a `t`.
            let text = text.replace("\\t", "\t");
            if words.contains(&text.as_str()) {
                return None;
            }
            problem(
                codes::NOT_A_CHOICE,
                format!("{} is not a valid value for `{label}`", quoted(&text)),
            )
            .map(|diagnostic| diagnostic.nearest(&text, words.iter().copied()))
        }
        (Kind::Name, Value::String(text)) => {
            (!is_name(text)).then(|| bad_name(text, node.span, false))
        }
        (Kind::LooseName, Value::String(text)) => {
            (!is_loose_name(text)).then(|| bad_name(text, node.span, true))
        }
        (Kind::Suffix, Value::String(text)) if is_suffix(text) => None,
        (Kind::Requirement, Value::String(text)) => {
            problem(codes::BAD_NAME, check_requirement(text).err()?)
        }
        (Kind::Suffix, Value::String(text)) => {
            problem(codes::BAD_NAME, format!("`{label}` cannot be `{text}`"))
        }
        (Kind::Whole(min, max), Value::Int(number)) => {
            if (min..=max).contains(&number) {
                return None;
            }
            problem(codes::OUT_OF_RANGE, format!("`{label}` cannot be {number}"))
        }
        (Kind::Number(_) | Kind::AnyNumber, Value::Int(_) | Value::Float(_)) => {
            let number = node.number().unwrap_or(f64::NAN);
            let min = if let Kind::Number(min) = kind {
                *min
            } else {
                f64::MIN
            };
            if number.is_finite() && number >= min {
                return None;
            }
            problem(codes::OUT_OF_RANGE, format!("`{label}` cannot be {number}"))
        }
        (Kind::Duration, value) => {
            let meant = meant_duration(&value.to_text());
            let found = quantity(value, label, parse_duration, problem);
            found.map(|found| match meant {
                Some(meant) => found.suggesting(format!("write `{meant}`")),
                None => found,
            })
        }
        (Kind::Size, value) => quantity(value, label, parse_size, problem),
        (Kind::Power, value) => quantity(value, label, parse_power, problem),
        (Kind::Percent, value) => quantity(value, label, parse_share, problem),
        (Kind::ColumnType, Value::String(text)) => match ColumnType::parse(text) {
            Ok(_) => None,
            Err(why) => problem(codes::BAD_COLUMN_TYPE, why),
        },
        _ => mismatch(),
    }
}

/// Checks a suffix, which becomes part of a file name and must not lead to another folder.
fn is_suffix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=32).contains(&text.len())
        && text.chars().all(plain)
        && text.contains(|c| plain(c) && c != '.')
        && !text.contains("..")
}

/// Checks a number with a unit. A missing unit has a message of its own.
fn quantity<T>(
    value: &Value,
    label: &str,
    parse: impl Fn(&str) -> Result<T, String>,
    problem: impl Fn(Code, String) -> Option<Diagnostic>,
) -> Option<Diagnostic> {
    let text = value.to_text();
    if matches!(value, Value::String(_)) && parse(&text).is_ok() {
        return None;
    }
    let message = match value {
        Value::Int(_) | Value::Float(_) => format!("`{label}` has no unit"),
        _ => format!("`{label}` cannot be `{text}`"),
    };
    problem(codes::BAD_QUANTITY, message)
}
