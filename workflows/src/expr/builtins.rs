//! The engine's filters, tests and functions. Each call is charged and checked before it runs.

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, State, Value as Dynamic, filters, functions, tests};

use super::explain::{CALLED, explain};
use super::limits::{REFUSED, charge, refused, settle};
use super::literal::{check_conversion, check_number};
use super::number::{Form, Originals, deep, holds, shallow};
use super::operators::{
    COMPARE, COMPUTE, PLAIN_FORM, SLICE, as_plain, compare, compute, contains, equal, refuse_order,
    slice,
};
use super::{growth, limits};

/// A filter or test of the engine.
type Builtin = (&'static str, Dynamic);

/// Adds a check to everything that an expression can call. `default` and the tests for definedness
/// are exempt: they accept undefined values and return one of their arguments.
pub(super) fn guard(environment: &mut Environment<'static>) {
    for (name, filter) in plain_filters() {
        environment.add_filter(
            name,
            move |state: &State<'_, '_>, args: Rest<Dynamic>| -> Result<Dynamic, Error> {
                let args = settled(args)?;
                let size = charge(state, &args)?;
                let originals = originals(name, &args)?;
                let args = in_form(name, args)?;
                growth::check_filter(name, &args, size)?;
                refuse_mixed_order(name, &args)?;
                check_conversion(name, &args)?;
                let result = filter.call(state, &args);
                let mut result = settle(result.map_err(|error| named(name, &error))?)?;
                if let Some(originals) = originals {
                    result = originals.restore(result)?;
                }
                limits::size_of(&result, limits::SIZE_LIMIT_BYTES)?;
                check_number(name, &args, &result)?;
                Ok(result)
            },
        );
    }
    for (name, test) in plain_tests() {
        environment.add_test(
            name,
            move |state: &State<'_, '_>, args: Rest<Dynamic>| -> Result<bool, Error> {
                let args = settled(args)?;
                charge(state, &args)?;
                if let [left, right] = args.as_slice()
                    && (holds(left)? || holds(right)?)
                    && let Some(answer) = compared(name, left, right)
                {
                    return answer;
                }
                let form = if TEXT_TESTS.contains(&name) {
                    Form::Text
                } else {
                    Form::Number
                };
                let args: Vec<_> = args.into_iter().map(|arg| shallow(arg, form)).collect();
                growth::check_test(name, &args)?;
                let result = test.call(state, &args);
                Ok(result.map_err(|error| named(name, &error))?.is_true())
            },
        );
    }
    let range = Dynamic::from_function(functions::range);
    environment.add_function(
        "range",
        move |state: &State<'_, '_>, args: Rest<Dynamic>| -> Result<Dynamic, Error> {
            let args: Vec<_> = args.0.into_iter().map(as_plain).collect();
            growth::check_range(&args)?;
            let result = range.call(state, &args);
            settle(result.map_err(|error| named("range", &error))?)
        },
    );
    environment.add_function(COMPUTE, compute);
    environment.add_function(COMPARE, compare);
    environment.add_function(SLICE, slice);
    environment.add_function(PLAIN_FORM, as_plain);
}

/// An error of the engine with the name of what was called.
fn named(name: &str, error: &Error) -> Error {
    let message = explain(error);
    match message.strip_prefix(CALLED) {
        _ if error.kind() == REFUSED => refused(&message),
        Some(rest) => refused(&format!("`{name}`{rest}")),
        None => refused(&format!("`{name}`: {message}")),
    }
}

/// True for the name of an internal function. Users cannot call these.
pub(super) fn is_internal(name: &str) -> bool {
    [COMPUTE, COMPARE, SLICE, PLAIN_FORM].contains(&name)
}

/// Filters that produce text. They take a number as the text in which it was written.
const TEXT_FILTERS: &[&str] = &[
    "string",
    "join",
    "replace",
    "lower",
    "upper",
    "title",
    "capitalize",
    "trim",
    "split",
    "lines",
    "indent",
];

/// Filters that select, reorder or count the values that they are given. The values stay as they
/// were written.
const PICKING_FILTERS: &[&str] = &[
    "first",
    "last",
    "list",
    "reverse",
    "batch",
    "slice",
    "items",
    "dictsort",
    "attr",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "map",
    "zip",
    "chain",
    "length",
    "count",
];

/// Filters that compare the values that they are given, and return some of them.
const ORDERING_FILTERS: &[&str] = &["sort", "min", "max", "unique"];

/// Tests that take text.
const TEXT_TESTS: &[&str] = &["startingwith", "endingwith", "lower", "upper"];

/// Converts arguments to the form that a filter takes: numbers as numbers, or as the text in which
/// they were written.
fn in_form(name: &str, args: Vec<Dynamic>) -> Result<Vec<Dynamic>, Error> {
    let only_text = |format: &str| {
        let mut holes = format.split('%').skip(1);
        holes.all(|hole| hole.starts_with(['s', '%']) || hole.is_empty())
    };
    let takes_text = TEXT_FILTERS.contains(&name)
        || name == "format"
            && args
                .first()
                .and_then(Dynamic::as_str)
                .is_some_and(only_text);
    let form = if takes_text { Form::Text } else { Form::Number };
    if PICKING_FILTERS.contains(&name) {
        return Ok(args.into_iter().map(|arg| shallow(arg, form)).collect());
    }
    args.iter().map(|arg| deep(arg, form)).collect()
}

/// The original values of a list whose numbers a filter compares; `None` if there is nothing to
/// restore afterwards.
fn originals(name: &str, args: &[Dynamic]) -> Result<Option<Originals>, Error> {
    match args.first().filter(|_| ORDERING_FILTERS.contains(&name)) {
        Some(list) if list.kind() == ValueKind::Seq && holds(list)? => {
            Originals::of(list).map(Some)
        }
        _ => Ok(None),
    }
}

/// The result of a test of equality or membership, which also compares numbers as they were
/// written; `None` for other tests.
fn compared(name: &str, left: &Dynamic, right: &Dynamic) -> Option<Result<bool, Error>> {
    match name {
        "eq" | "equalto" | "==" => Some(equal(left, right)),
        "ne" | "!=" => Some(equal(left, right).map(|equal| !equal)),
        "in" => Some(contains(left, right)),
        _ => None,
    }
}

fn settled(args: Rest<Dynamic>) -> Result<Vec<Dynamic>, Error> {
    args.0.into_iter().map(settle).collect()
}

/// Refuses to order text and numbers together, because the result is never intended.
fn refuse_mixed_order(name: &str, args: &[Dynamic]) -> Result<(), Error> {
    let Some(list) = args
        .first()
        .filter(|_| matches!(name, "sort" | "min" | "max"))
    else {
        return Ok(());
    };
    if list.kind() != ValueKind::Seq {
        return Ok(());
    }
    let kinds: Vec<ValueKind> = list.try_iter()?.map(|item| item.kind()).collect();
    if kinds.contains(&ValueKind::String) && kinds.contains(&ValueKind::Number) {
        return Err(refused(&format!(
            "`{name}` gets text and numbers; write `| map('int')` or `| map('string')` before it"
        )));
    }
    // Maps are ordered by an attribute.
    let mut values = list
        .try_iter()?
        .filter(|item| item.kind() != ValueKind::Map);
    if let Some(first) = values.next() {
        for other in values {
            refuse_order(name, &first, &other)?;
        }
    }
    Ok(())
}

fn plain_filters() -> Vec<Builtin> {
    vec![
        ("lower", Dynamic::from_function(filters::lower)),
        ("upper", Dynamic::from_function(filters::upper)),
        ("title", Dynamic::from_function(filters::title)),
        ("capitalize", Dynamic::from_function(filters::capitalize)),
        ("replace", Dynamic::from_function(filters::replace)),
        ("length", Dynamic::from_function(filters::length)),
        ("dictsort", Dynamic::from_function(filters::dictsort)),
        ("items", Dynamic::from_function(filters::items)),
        ("reverse", Dynamic::from_function(filters::reverse)),
        ("trim", Dynamic::from_function(filters::trim)),
        ("join", Dynamic::from_function(filters::join)),
        ("split", Dynamic::from_function(filters::split)),
        ("lines", Dynamic::from_function(filters::lines)),
        ("round", Dynamic::from_function(filters::round)),
        ("abs", Dynamic::from_function(filters::abs)),
        ("int", Dynamic::from_function(filters::int)),
        ("float", Dynamic::from_function(filters::float)),
        ("attr", Dynamic::from_function(filters::attr)),
        ("first", Dynamic::from_function(filters::first)),
        ("last", Dynamic::from_function(filters::last)),
        ("min", Dynamic::from_function(filters::min)),
        ("max", Dynamic::from_function(filters::max)),
        ("sort", Dynamic::from_function(filters::sort)),
        ("list", Dynamic::from_function(filters::list)),
        ("string", Dynamic::from_function(filters::string)),
        ("bool", Dynamic::from_function(filters::bool)),
        ("batch", Dynamic::from_function(filters::batch)),
        ("slice", Dynamic::from_function(filters::slice)),
        ("sum", Dynamic::from_function(filters::sum)),
        ("indent", Dynamic::from_function(filters::indent)),
        ("select", Dynamic::from_function(filters::select)),
        ("reject", Dynamic::from_function(filters::reject)),
        ("selectattr", Dynamic::from_function(filters::selectattr)),
        ("rejectattr", Dynamic::from_function(filters::rejectattr)),
        ("map", Dynamic::from_function(filters::map)),
        ("groupby", Dynamic::from_function(filters::groupby)),
        ("unique", Dynamic::from_function(filters::unique)),
        ("chain", Dynamic::from_function(filters::chain)),
        ("zip", Dynamic::from_function(filters::zip)),
        ("format", Dynamic::from_function(filters::format)),
        ("tojson", Dynamic::from_function(filters::tojson)),
        ("count", Dynamic::from_function(filters::length)),
    ]
}

/// Tests of the engine that are exempt from checks. They accept everything.
const FREE_TESTS: &[&str] = &[
    "defined",
    "undefined",
    "none",
    "string",
    "sequence",
    "iterable",
    "mapping",
    "filter",
    "test",
];

/// The names of all tests, as in `x is odd`.
pub(crate) fn test_names() -> Vec<&'static str> {
    let guarded = plain_tests().into_iter().map(|(name, _)| name);
    guarded.chain(FREE_TESTS.iter().copied()).collect()
}

fn plain_tests() -> Vec<Builtin> {
    vec![
        ("divisibleby", Dynamic::from_function(tests::is_divisibleby)),
        (
            "startingwith",
            Dynamic::from_function(tests::is_startingwith),
        ),
        ("endingwith", Dynamic::from_function(tests::is_endingwith)),
        ("lower", Dynamic::from_function(tests::is_lower)),
        ("upper", Dynamic::from_function(tests::is_upper)),
        ("sameas", Dynamic::from_function(tests::is_sameas)),
        ("odd", Dynamic::from_function(tests::is_odd)),
        ("even", Dynamic::from_function(tests::is_even)),
        ("eq", Dynamic::from_function(tests::is_eq)),
        ("ne", Dynamic::from_function(tests::is_ne)),
        ("lt", Dynamic::from_function(tests::is_lt)),
        ("le", Dynamic::from_function(tests::is_le)),
        ("gt", Dynamic::from_function(tests::is_gt)),
        ("ge", Dynamic::from_function(tests::is_ge)),
        ("in", Dynamic::from_function(tests::is_in)),
        ("equalto", Dynamic::from_function(tests::is_eq)),
        ("==", Dynamic::from_function(tests::is_eq)),
        ("!=", Dynamic::from_function(tests::is_ne)),
        ("lessthan", Dynamic::from_function(tests::is_lt)),
        ("<", Dynamic::from_function(tests::is_lt)),
        ("<=", Dynamic::from_function(tests::is_le)),
        ("greaterthan", Dynamic::from_function(tests::is_gt)),
        (">", Dynamic::from_function(tests::is_gt)),
        (">=", Dynamic::from_function(tests::is_ge)),
        ("boolean", Dynamic::from_function(tests::is_boolean)),
        ("number", Dynamic::from_function(tests::is_number)),
        ("integer", Dynamic::from_function(tests::is_integer)),
        ("float", Dynamic::from_function(tests::is_float)),
        ("true", Dynamic::from_function(tests::is_true)),
        ("false", Dynamic::from_function(tests::is_false)),
    ]
}
