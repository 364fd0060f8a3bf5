//! Checks calls whose result grows with a number or with a product of their arguments. They are
//! refused if the result would be too large, or if the number is invalid.

use minijinja::value::ValueKind;
use minijinja::{Error, Value as Dynamic};

use super::limits::{LIST_LIMIT, check_length, check_size, refused};

/// The widest column that `format` and `tojson` pad to.
const WIDEST: i64 = 1000;

/// The largest absolute bound of a `range`. Beyond it the length overflows.
const RANGE_BOUND: i64 = 1 << 53;

/// Refuses a call of a filter whose result would be too large. `size` is the size of its arguments.
pub(super) fn check_filter(name: &str, args: &[Dynamic], size: usize) -> Result<(), Error> {
    // These filters first convert their input to text: `5|indent(9)` indents the text `5`.
    let written = match (name, args.first()) {
        ("indent" | "replace" | "format", Some(value)) if value.as_str().is_none() => {
            Some(value.to_string())
        }
        _ => None,
    };
    let text = written
        .as_deref()
        .or_else(|| args.first().and_then(Dynamic::as_str));
    if matches!(name, "batch" | "slice" | "indent" | "round") {
        check_number(name, args)?;
    }
    match (name, text) {
        ("batch" | "slice", _) => check_length(count(args.get(1))?),
        ("indent", Some(text)) => {
            let lines = text.lines().count() + 1;
            check_size(count(args.get(1))?.checked_mul(lines))
        }
        ("replace", Some(text)) => check_replace(text, args),
        ("join", _) => {
            let between = args.get(1).and_then(Dynamic::as_str).map_or(0, str::len);
            let items = args.first().and_then(Dynamic::len).unwrap_or(0);
            check_size(
                between
                    .checked_mul(items)
                    .and_then(|all| all.checked_add(size)),
            )
        }
        ("tojson", _) => check_widths(args.get(1..).unwrap_or_default()),
        ("format", Some(text)) => {
            if has_long_number(text) {
                return Err(refused(&format!(
                    "`format` pads to {WIDEST} places at most"
                )));
            }
            match text.contains('*') {
                true => check_widths(args.get(1..).unwrap_or_default()),
                false => Ok(()),
            }
        }
        ("round", _) => check_widths(args.get(1..).unwrap_or_default()),
        // These filters turn a text into a list with a value for each character or piece.
        (
            "list" | "split" | "lines" | "map" | "sort" | "unique" | "select" | "reject" | "zip"
            | "chain" | "sum" | "min" | "max" | "reverse" | "groupby",
            Some(text),
        ) => check_length(text.len()),
        _ => Ok(()),
    }
}

/// Refuses what is no number where one of these filters takes one.
fn check_number(name: &str, args: &[Dynamic]) -> Result<(), Error> {
    if name == "round" {
        let is_number = |value: &Dynamic| value.kind() == ValueKind::Number;
        return match args.first().is_none_or(is_number) {
            true => Ok(()),
            false => Err(refused("`round` takes a number; write `| float` before it")),
        };
    }
    let Some(given) = args.get(1) else {
        return Ok(());
    };
    let text = || given.as_str().and_then(|text| text.trim().parse().ok());
    let number: Option<i64> = given.as_i64().or_else(text);
    let (is_allowed, allowed) = match name {
        "indent" => (
            number.is_some_and(|by| !is_wide(by)),
            format!("from 0 to {WIDEST}"),
        ),
        _ => (
            number.is_some_and(|count| count > 0),
            "1 or more".to_owned(),
        ),
    };
    match is_allowed {
        true => Ok(()),
        false => Err(refused(&format!(
            "`{name}` takes a whole number, {allowed}"
        ))),
    }
}

/// Refuses a test that has no answer.
pub(super) fn check_test(name: &str, args: &[Dynamic]) -> Result<(), Error> {
    if name != "divisibleby" {
        return Ok(());
    }
    match args.get(1).and_then(Dynamic::as_i64) {
        None | Some(0) => Err(refused("`divisibleby` needs a whole number other than 0")),
        // The division of the smallest number would overflow.
        Some(-1) if args.first().is_none_or(|value| !is_above_smallest(value)) => {
            Err(refused("`divisibleby(-1)` needs a whole number of 64 bits"))
        }
        Some(_) => Ok(()),
    }
}

fn is_above_smallest(value: &Dynamic) -> bool {
    value.as_i64().is_some_and(|number| number > i64::MIN)
}

/// Refuses a range whose bounds overflow. The engine itself refuses a range that is too long.
pub(super) fn check_range(args: &[Dynamic]) -> Result<(), Error> {
    for arg in args {
        let within = arg
            .as_i64()
            .is_some_and(|bound| (-RANGE_BOUND..=RANGE_BOUND).contains(&bound));
        if !within {
            return Err(refused("`range` takes whole numbers of at most 2^53"));
        }
    }
    Ok(())
}

fn check_replace(text: &str, args: &[Dynamic]) -> Result<(), Error> {
    let from = args.get(1).and_then(Dynamic::as_str).unwrap_or_default();
    let to = args.get(2).and_then(Dynamic::as_str).map_or(64, str::len);
    let places = text.matches(from).count();
    check_size(
        places
            .checked_mul(to)
            .and_then(|all| all.checked_add(text.len())),
    )
}

/// An argument as a count. An argument that is absent or not a number means 0.
fn count(arg: Option<&Dynamic>) -> Result<usize, Error> {
    match arg.map(|arg| (arg.is_number(), arg.as_i64())) {
        None | Some((false, _)) => Ok(0),
        Some((true, Some(number))) => usize::try_from(number)
            .map_err(|_| refused(&format!("expected a number from 0 to {LIST_LIMIT}"))),
        Some((true, None)) => Err(refused(&format!(
            "expected a number from 0 to {LIST_LIMIT}"
        ))),
    }
}

fn is_wide(width: i64) -> bool {
    !(0..=WIDEST).contains(&width)
}

fn check_widths(args: &[Dynamic]) -> Result<(), Error> {
    for arg in args {
        let options = arg.is_kwargs().then(|| arg.try_iter().ok()).flatten();
        let values: Vec<Dynamic> = match options {
            Some(names) => names.filter_map(|name| arg.get_item(&name).ok()).collect(),
            None => vec![arg.clone()],
        };
        for value in values.iter().filter(|value| value.is_integer()) {
            if value
                .as_i64()
                .is_none_or(|width| width.unsigned_abs() > WIDEST.unsigned_abs())
            {
                return Err(refused(&format!("expected a number of at most {WIDEST}")));
            }
        }
    }
    Ok(())
}

/// Whether text contains a number larger than [`WIDEST`], to which a format would pad.
fn has_long_number(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .any(|digits| digits.parse().is_ok_and(|width: i64| width > WIDEST) || digits.len() > 18)
}
