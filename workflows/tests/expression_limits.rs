//! Limits of expressions: each ends soon, in little memory, without a panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sunward_workflows::{Scope, Template, Value};

fn evaluate(expression: &str) -> Result<Value, String> {
    let list = (0..1000).map(Value::Int).collect();
    let params = BTreeMap::from([
        ("l".to_owned(), Value::List(list)),
        ("s".to_owned(), Value::String("s\n".repeat(1000))),
        ("n".to_owned(), Value::Int(7)),
    ]);
    let scope = Scope {
        params: Arc::new(params),
        ..Scope::default()
    };
    Template::new(format!("${{{{ {expression} }}}}"))
        .render(&scope)
        .map_err(|error| error.to_string())
}

/// The bytes of a value.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::List(list) => list.iter().map(size).sum::<usize>() + 16 * list.len(),
        Value::Map(map) => map.iter().map(|(key, item)| key.len() + size(item)).sum(),
        _ => 16,
    }
}

const LIMIT: usize = 17 << 20;

#[test]
fn what_would_take_gigabytes_or_panic_is_refused_with_a_reason() {
    let cases = [
        "[1]|batch(9000000000000000000,1)",
        "params.l | slice(1000000000) | list | length",
        "(''|indent(4294967296))|length",
        "'x'|indent(9223372036854775807)",
        "5|indent(9223372036854775807)",
        "[1]|indent(9223372036854775807)",
        "(params.s * 1000)",
        "params.s | replace('', params.s) | replace('', params.s)",
        "params.s | replace('s', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') | replace('x', params.s)",
        "range(100000) | map('string') | join(params.s)",
        "4 is divisibleby(0)",
        "params.l | select('divisibleby', 0) | list",
        "(-170141183460469231731687303715884105728) is divisibleby(-1)",
        "[params.l, params.l] * 100000",
        "params.l * 9223372036854775807",
        "([1] * 1000000) * 1000000 | length",
        "range(-9223372036854775808, 9223372036854775807, -1)",
        "range(9223372036854775807, -9223372036854775808, -9223372036854775808)",
        "['x\\ny'] | map('indent', 100000000) | list",
        "['x'] | map('indent', 9223372036854775807) | list",
        "'%1000000000d' | format(1)",
        "'%*d' | format(1000000000, 1)",
        "'%.1000000000f' | format(1.5)",
        "[1] | tojson(indent=1000000000)",
        "[1] | tojson(1000000000)",
        "1.5 | round(2147483647)",
        "2 ** 1000",
        "1 // 0",
        "1 % 0",
    ];
    for case in cases {
        let told = evaluate(case);
        assert!(
            told.as_ref()
                .is_err_and(|why| !why.contains("engine failed")),
            "{case}: {told:?}"
        );
    }
}

#[test]
fn text_that_grows_by_every_operator_is_refused() {
    let mut grown = "params.s".to_owned();
    for _ in 0..7 {
        grown = format!("({grown} ~ {grown})");
    }
    assert_eq!(size(&evaluate(&grown).unwrap()), 2000 << 7);
    let chain = vec!["params.s"; 150].join(" ~ ");
    assert_eq!(size(&evaluate(&chain).unwrap()), 300_000);
    let many = vec!["(params.s|replace('s', params.s))"; 50].join(" ~ ");
    assert!(evaluate(&many).is_err());
    let wide = format!(
        "[{}]",
        vec!["params.s|replace('s', params.s)"; 50].join(",")
    );
    assert!(evaluate(&wide).is_err());
}

#[test]
fn text_and_number_are_not_ordered_or_added() {
    for case in [
        "'b' > 5",
        "5 <= 'b'",
        "'1' + 1",
        "'3' * 2",
        "1 < '2' < 3",
        "[1, 'a']|sort",
        "['2', 1]|max",
    ] {
        assert!(evaluate(case).unwrap_err().contains("write `| "), "{case}");
    }
    assert_eq!(evaluate("'6'|int > 5").unwrap(), Value::Bool(true));
    assert_eq!(evaluate("'6' == 6").unwrap(), Value::Bool(false));
}

#[test]
fn what_is_rewritten_means_what_was_written() {
    let same = [
        ("1 + 2 * 3 - 4", Value::Int(3)),
        ("2 ** 3 ** 2", evaluate("(2 ** 3) ** 2").unwrap()),
        ("10 - 3 - 2", Value::Int(5)),
        ("-2 ** 2", evaluate("(-2) ** 2").unwrap()),
        ("7 // 2 % 2", Value::Int(1)),
        ("1 < 2 < 3", Value::Bool(true)),
        ("1 < 3 < 2", Value::Bool(false)),
        ("not 1 == 2 and 3 in [3]", Value::Bool(true)),
        ("4 not in params.l", Value::Bool(false)),
        (
            "'a' if false or n is undefined else 'b'",
            Value::String("a".into()),
        ),
        (
            "params.l[2:8:2]|map('string')|join('-')",
            Value::String("2-4-6".into()),
        ),
        ("params.l[:3]|length", Value::Int(3)),
        ("'abcdef'[-2:]", Value::String("ef".into())),
        ("'abcdef'[::-1]", Value::String("fedcba".into())),
        ("(params.l|list)[3]", Value::Int(3)),
        ("{'a': [1, 2.5]}['a'][1]", Value::Float(2.5)),
        ("'x\"\\n\\\\' ~ 1e3", Value::String("x\"\n\\1000.0".into())),
        ("params.missing is defined", Value::Bool(false)),
        (
            "'%05.1f' | format(2.25)",
            evaluate("'%05.1f'|format(2.25)").unwrap(),
        ),
        ("dict(a=1).a + range(3)[2]", Value::Int(3)),
        ("(1, 2)|length", Value::Int(2)),
        ("params.l|batch(3, 0)|length", Value::Int(334)),
        (
            "params.l|select('divisibleby', 250)|list|length",
            Value::Int(4),
        ),
        ("params.l|sum", Value::Int(499_500)),
        ("'b'|default('c')", Value::String("b".into())),
        ("params.missing|default('c')", Value::String("c".into())),
    ];
    let differ: Vec<String> = same
        .into_iter()
        .map(|(expression, expected)| (expression, Ok(expected), evaluate(expression)))
        .filter(|(_, expected, found)| expected != found)
        .map(|(expression, _, found)| format!("{expression}: {found:?}"))
        .collect();
    assert!(differ.is_empty(), "{differ:#?}");
}

const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "raw",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

fn atom() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("params.l".to_owned()),
        Just("params.s".to_owned()),
        Just("''".to_owned()),
        Just("'%999999999999d %*s %s'".to_owned()),
        Just("[1, 'a', [2]]".to_owned()),
        Just("{'a': 1}".to_owned()),
        Just("9223372036854775807".to_owned()),
        Just("(-9223372036854775808)".to_owned()),
        Just("340282366920938463463374607431768211455".to_owned()),
        Just("1e308".to_owned()),
        Just("0".to_owned()),
        Just("100000".to_owned()),
        Just("range(100000)".to_owned()),
        prop::sample::select(FILTERS).prop_map(|name| format!("'{name}'")),
        Just("'divisibleby'".to_owned()),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    atom().prop_recursive(4, 12, 3, |inner| {
        let args = prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            4 => (inner.clone(), prop::sample::select(FILTERS), args).prop_map(|(value, name, args)| {
                format!("({value}|{name}({}))", args.join(", "))
            }),
            3 => (inner.clone(), prop::sample::select(&["+", "-", "*", "/", "//", "%", "**", "~", "<", "==", "in"][..]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            1 => (inner.clone(), prop::sample::select(&["divisibleby", "eq", "lt", "in", "startingwith", "sameas"][..]), inner.clone())
                .prop_map(|(a, test, b)| format!("({a} is {test}({b}))")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("range({a}, {b}, {c})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn any_expression_ends_within_its_limits(expression in expression()) {
        if let Ok(value) = evaluate(&expression) {
            prop_assert!(size(&value) <= LIMIT, "{expression}: {}", size(&value));
        }
    }
}
