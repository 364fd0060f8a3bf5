//! Messages speak of the workflow, in the words of its author. They hold no words of the libraries
//! that read YAML, expressions and scripts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod support;

use sunward_workflows::{Scope, Template, check};

/// Words of the libraries, which say nothing to an author.
const INTERNAL: &[&str] = &[
    "serde",
    "jinja",
    "clap",
    "invalid type",
    "expected struct",
    "unknown field",
    "invalid digit",
    "float literal",
    "invalid operation",
    "undefined",
    "unsupported types",
    "i64",
    "u64",
    "usize",
    "i128",
    "f64",
    "sequence",
    "iterable",
    "mapping",
    "scalar",
    "token",
    "eof",
    "EOF",
    "identifier",
    "scanning",
    "parsing",
    "Some(",
    "None",
    "syntax error",
    "unable to",
    "tried to",
    "argument",
    "callable",
    "indicator",
    "anchor",
    "in this context",
    "codepoint",
    "`'",
];

/// The words of the libraries in a message, outside of what it quotes.
fn internal(message: &str) -> Vec<&'static str> {
    let unquoted: String = message.split('`').step_by(2).collect();
    let found = |word: &&&str| unquoted.contains(**word);
    INTERNAL.iter().filter(found).copied().collect()
}

/// A workflow: the text itself, or one whose command has this expression after `=`.
fn workflow(text: &str) -> String {
    match text.strip_prefix('=') {
        Some(expression) => format!(
            "name: w\nparams: {{ k: {{ type: int, default: 1 }} }}\nstages: {{ b: {{ run: \"echo ${{{{ {expression} }}}}\" }} }}\n"
        ),
        None => text.to_owned(),
    }
}

#[test]
fn mistakes_of_all_kinds_are_told_once_and_in_plain_words() {
    let mut wrong = Vec::new();
    for text in TEXTS {
        let text = workflow(text);
        let found = check(&text, &support::catalog(), &support::facts()).diagnostics;
        let mut told = std::collections::BTreeSet::new();
        for one in &found {
            let remedy = one.expected.is_some() || one.suggestion.is_some();
            let first = told.insert((one.span.start, one.message.as_str()));
            if !internal(&one.message).is_empty() || !remedy || !first {
                wrong.push(format!("{text}: {}", one.message));
            }
        }
        if found.is_empty() {
            wrong.push(text);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_misspelt_key_is_not_also_missed() {
    for text in [
        "name: w\nstages: { a: { runs: x } }",
        "name: w\nstages: { a: { kernal: noop } }",
        "name: w\nstages: { a: { run: x, scatter: { ovr: [1] } } }",
        "nmae: w\nstages: { a: { run: x } }",
        "name: w\nstage: { a: { run: x } }",
        "name: w\nparams: { p: { tpye: int } }\nstages: { a: { run: x } }",
    ] {
        let found = check(text, &support::catalog(), &support::facts()).diagnostics;
        let told: Vec<_> = found.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].starts_with("unknown key"), "{told:?}");
    }
}

#[test]
fn an_expression_that_fails_says_so_in_plain_words() {
    let mut wrong = Vec::new();
    for expression in EXPRESSIONS {
        let template = Template::new(format!("${{{{ {expression} }}}}"));
        match template.render(&Scope::default()) {
            Err(error) if internal(&error.message).is_empty() => {}
            other => wrong.push(format!("{expression}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_message_says_what_is_wrong() {
    for (text, message) in [
        ("- a", "the workflow cannot be a list"),
        (
            "stages: { a: { run: x } }",
            "the workflow has no key `name`",
        ),
        (
            "name: w\n\tstages: x",
            "this is not valid YAML: a tab, and YAML indents with spaces",
        ),
        (
            "name: w: x",
            "`:` cannot be here; text that holds `: ` needs quotes",
        ),
        (
            "name: w\nstages: { a: *b }",
            "this `*NAME` has no `&NAME` before it",
        ),
        ("=1 +", "`1 +`: it ends where a value is expected"),
        ("=(1", "`(1`: it ends where `)` is expected"),
        (
            "=a b",
            "`a b`: something follows its end; join values with an operator",
        ),
        ("=params..k", "`.` is where a name or a number is expected"),
        ("=a && b", "`and`, `or` and `not` are words"),
        ("=params.k is nope", "there is no test `nope`"),
        ("=params.k is not od", "there is no test `od`"),
        ("=params.k | uper", "there is no filter `uper`"),
    ] {
        let text = workflow(text);
        let found = check(&text, &support::catalog(), &support::facts()).diagnostics;
        let told: Vec<_> = found.iter().map(|one| one.message.as_str()).collect();
        assert!(
            told.iter().any(|one| one.contains(message)),
            "{text}: {told:?}"
        );
    }
    for (expression, message) in [
        ("[1] + 1", "`+` does not apply to a list and a number"),
        ("'a' - 'b'", "`-` does not apply to text and text"),
        ("none + 1", "`+` does not apply to nothing and a number"),
        ("1 in 5", "`in` does not apply to a number and a number"),
        ("2 ** -1", "`2 ** -1` has no result that a number holds"),
        ("'a'.upper()", "values have no methods; write a filter"),
        ("1 | tojson | nope", "there is no filter `nope`"),
        ("['a'] | sum", "can only sum numbers, got text"),
        (
            "'a' | batch",
            "`batch` needs another value in its parentheses",
        ),
        ("'a' | replace('b')", "`replace` needs another value"),
        (
            "[1] | join(',', 2)",
            "`join` gets more values than it takes",
        ),
        (
            "['a'] | batch(0)",
            "`batch` takes a whole number, 1 or more",
        ),
        (
            "['a'] | slice('b')",
            "`slice` takes a whole number, 1 or more",
        ),
        (
            "'a' | indent(-1)",
            "`indent` takes a whole number, from 0 to",
        ),
        (
            "'a' | indent(99999999999)",
            "`indent` takes a whole number, from 0 to",
        ),
        (
            "'a' | indent('b')",
            "`indent` takes a whole number, from 0 to",
        ),
        ("'2.5' | round", "`round` takes a number; write `| float`"),
        ("'%d' | format('x')", "`format`: "),
        ("'string' | int", "the text `string`"),
        (
            "1 < none",
            "`<` compares numbers with numbers and text with text, and gets a number and nothing",
        ),
        ("[1] < ['a']", "`<` compares numbers with numbers"),
        (
            "[[1], ['a']] | sort",
            "`sort` compares numbers with numbers",
        ),
        ("['a', none] | max", "`max` compares numbers with numbers"),
        (
            "'inf' | float | int",
            "expects a finite number, and gets `inf`",
        ),
        ("'999999999999999999999999' | int", "has more than 64 bits"),
        ("12345678901234567890123", "has more than 64 bits"),
        (
            "1.5 | round(-400)",
            "`| round` has no result that a number holds",
        ),
    ] {
        let template = Template::new(format!("${{{{ {expression} }}}}"));
        let told = template.render(&Scope::default()).unwrap_err().message;
        assert!(told.contains(message), "{expression}: {told}");
    }
}

const EXPRESSIONS: &[&str] = &[
    "[1] + 1",
    "1 + [1]",
    "'a' - 'b'",
    "none + 1",
    "1 ** -1",
    "params.k.x + 1",
    "[1,2][5] + 1",
    "'a' | round",
    "[1] | sum(1,2,3)",
    "{} | first",
    "5 | length",
    "5 | first",
    "'a' | batch",
    "['a'] | sum",
    "1 | items",
    "range('a')",
    "range(1,2,3,4)",
    "range(10**9)",
    "{'a':1}.b + 1",
    "1 in 5",
    "-'a'",
    "not_there",
    "'%d' | format('x')",
    "'%s %s' | format(1)",
    "[3,'a'] | sort",
    "170141183460469231731687303715884105727 + 1",
    "[1][0.5]",
    "'abc'['x']",
    "'abc'[1:'x']",
    "dict(1)",
    "1()",
    "'a'.upper()",
    "[[1]] | map('first', 1) | list",
    "[1] | map(attribute='x') | list",
    "[1]|map('nope')|list",
    "1 | tojson | nope",
    "'x' | replace('a')",
    "'5' | int(3, 4, 5)",
    "1 is nope",
    "params.l | attr('x')",
    "[1] | groupby('x')",
    "1 | bool(2)",
    "1|abs(2)",
    "'a'|abs",
    "~ 1",
    "10 ** 400",
    "1 // 'a'",
];

const TEXTS: &[&str] = &[
    "name: w\nstages: { a: { runs: x } }",
    "name: [w]\nstages: []",
    "name: w\nstages: { a: { run: { x: 1 } } }",
    "name: w\nstages: { a: { run: 5 } }",
    "name: w\nstages: { a: x }",
    "name: w\nstages: { a: { run: x, retry: { max_attempts: many } } }",
    "name: w\nstages: { a: { run: x, retry: 3 } }",
    "name: w\nstages: { a: { run: x, resources: { memory: 4 } } }",
    "name: w\nstages: { a: { run: x, resources: { gpus: [1] } } }",
    "name: w\nstages: { a: { run: x, timeout: soon } }",
    "name: w\nstages: { a: { run: x, outputs: { o: { format: cvs } } } }",
    "name: w\nstages: { a: { run: x, outputs: { o: { schema: { c: int } } } } }",
    "name: w\nstages: { a: { run: x, outputs: [o] } }",
    "name: w\nstages: { a: { run: x, inputs: [o] } }",
    "name: w\nstages: { a: { run: x, inputs: { i: { form: ./x } } } }",
    "name: w\nstages: { a: { run: x, inputs: { i: 5 } } }",
    "name: w\nstages: { a: { run: x, scatter: 5 } }",
    "name: w\nstages: { a: { run: x, scatter: { range: x } } }",
    "name: w\nstages: { a: { run: x, scatter: { ovr: [1] } } }",
    "name: w\nstages: { a: { run: x, matrix: [1] } }",
    "name: w\nstages: { a: { run: x, needs: { b: 1 } } }",
    "name: w\nstages: { a: { run: x, env: [A=1] } }",
    "name: w\nstages: { a: { run: x, env: { A: [1] } } }",
    "name: w\nstages: { a: { run: x, cache: maybe } }",
    "name: w\nstages: { a: { run: x, if: maybe } }",
    "name: w\nstages: { a: { run: x, if: 5 } }",
    "name: w\nstages: { a: { run: x, place: { prefer: fast } } }",
    "name: w\nstages: { a: { kernel: nope } }",
    "name: w\nstages: { a: { kernel: noop, with: 5 } }",
    "name: w\nparams: { p: 5 }\nstages: { a: { run: x } }",
    "name: w\nparams: { p: { type: integer } }\nstages: { a: { run: x } }",
    "name: w\nparams: { p: { type: int, default: x } }\nstages: { a: { run: x } }",
    "name: w\nparams: { p: { type: float, default: 1e-400 } }\nstages: { a: { run: x } }",
    "name: w\nbudget: 5\nstages: { a: { run: x } }",
    "name: w\noutputs: { o: 5 }\nstages: { a: { run: x } }",
    "name: w\nstages: { a: { run: x ",
    "name: w\nstages: { a: { run: x } } }",
    "name: w\n\tstages: x",
    "name: w\nstages:\n  a:\n run: x",
    "name: 'w\nstages: x",
    "name: \"\\q\"\nstages: x",
    "name: w\nstages: &a { a: *b }",
    "name: w: x\nstages: x",
    "- a\n- b",
    "%YAML 3.0\n---\nname: w",
    "name: w\nname: x\nstages: { a: { run: x } }",
    "name: w\nstages: { a: { run: @x } }",
    "name: w\nstages: { a: { run: `x } }",
    "name: w\n? [a]\n: b\nstages: { a: { run: x } }",
    "name: w\nstages: { a: { run: x, python: { packages: 5 } } }",
    "name: w\nstages: { a: { cuda: { source: 5 } } }",
    "name: w\nstages: { a: { cuda: x } }",
    "=",
    "=1 +",
    "=params.k +* 2",
    "=(1",
    "=[1",
    "='abc",
    "=params.k | nope",
    "=1 if",
    "={% x %}",
    "=params.k == = 2",
    "=params..k",
    "=a b",
    "=1 |",
    "=params[",
    "=x = 1",
    "=@",
    "=1 2",
    "=not",
    "=params.k is",
    "=params.k is nope",
    "=f(",
    "=|int",
    "=params.k)",
    "={1:}",
    "=lambda: 1",
    "=1 ? 2 : 3",
    "=a && b",
    "=!a",
    "=$x",
    "=# x",
    "=params.k|int(",
];

#[test]
fn near_misses_are_told_as_they_should_be_written() {
    let stage = |keys: &str| format!("name: w\nstages: {{ a: {{ run: 'true', {keys} }} }}\n");
    for (keys, told) in [
        ("timeout: 5min", "write `5m`"),
        ("timeout: 90 sec", "write `90s`"),
        ("timeout: 1 hour 30 minutes", "write `1h30m`"),
        ("timeout: 2Days", "write `2d`"),
        (
            "if: attempt == 2",
            "`if` is decided once, before the first attempt; compare `attempt` in the command",
        ),
    ] {
        let found = check(&stage(keys), &support::catalog(), &support::facts()).diagnostics;
        let first = found.first().unwrap_or_else(|| panic!("{keys} is taken"));
        let suggestion = first.suggestion.clone().unwrap_or_default();
        assert!(suggestion.starts_with(told), "{keys}: {first:?}");
    }
    for ext in [".", ".."] {
        let keys = format!("outputs: {{ o: {{ format: file, ext: '{ext}' }} }}");
        let found = check(&stage(&keys), &support::catalog(), &support::facts()).diagnostics;
        let expected = found.iter().filter_map(|one| one.expected.as_deref());
        let told: Vec<&str> = expected.collect();
        assert_eq!(
            told,
            ["a file suffix of letters and digits, such as csv or nii.gz"],
            "{ext}"
        );
    }
}
