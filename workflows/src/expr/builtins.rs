//! The engine's filters, tests and functions, each charged and checked before it works.

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, State, Value as Dynamic, filters, functions, tests};

use super::limits::{charge, refused, settle};
use super::operators::{COMPARE, COMPUTE, SLICE, compare, compute, slice};
use super::{growth, limits};

/// A filter or test as the engine has it.
type Builtin = (&'static str, Dynamic);

/// Puts a check before everything that an expression can call. `default` and the tests for what is
/// defined are left alone: they take what has no value, and give one of their arguments.
pub(super) fn guard(environment: &mut Environment<'static>) {
    for (name, filter) in plain_filters() {
        environment.add_filter(
            name,
            move |state: &State<'_, '_>, args: Rest<Dynamic>| -> Result<Dynamic, Error> {
                let args = settled(args)?;
                let size = charge(state, &args)?;
                growth::check_filter(name, &args, size)?;
                refuse_mixed_order(name, &args)?;
                let result = settle(filter.call(state, &args)?)?;
                limits::size_of(&result, limits::SIZE_LIMIT_BYTES)?;
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
                growth::check_test(name, &args)?;
                Ok(test.call(state, &args)?.is_true())
            },
        );
    }
    let range = Dynamic::from_function(functions::range);
    environment.add_function(
        "range",
        move |state: &State<'_, '_>, args: Rest<Dynamic>| -> Result<Dynamic, Error> {
            growth::check_range(&args)?;
            settle(range.call(state, &args)?)
        },
    );
    environment.add_function(COMPUTE, compute);
    environment.add_function(COMPARE, compare);
    environment.add_function(SLICE, slice);
}

/// Whether a name is a function of ours that nobody writes.
pub(super) fn is_internal(name: &str) -> bool {
    [COMPUTE, COMPARE, SLICE].contains(&name)
}

fn settled(args: Rest<Dynamic>) -> Result<Vec<Dynamic>, Error> {
    args.0.into_iter().map(settle).collect()
}

/// An order of text and numbers together is one that nobody meant.
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
    match kinds.contains(&ValueKind::String) && kinds.contains(&ValueKind::Number) {
        true => Err(refused(&format!(
            "`{name}` is given text and numbers; write `| map('int')` or `| map('string')` before it"
        ))),
        false => Ok(()),
    }
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
    ]
}
