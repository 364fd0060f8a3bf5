//! Values from all sources reach a command as they were written, and expressions use their meaning.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sunward_workflows::{
    Catalog, CompiledScript, Facts, Given, Scatter, Scope, Template, Value, Workflow, bind, check,
    default_shell, read_params,
};

/// Scalars that conversion to a number would change, or that look like a number.
const WRITTEN: &[&str] = &[
    "007",
    "012",
    "-07",
    "00.5",
    "1.10",
    "1.1",
    "1e5",
    "1E+05",
    "100000",
    "1.50",
    "-0",
    "+5",
    ".5",
    "5.",
    "0x1F",
    "0o17",
    "TRUE",
    "True",
    "true",
    "1_000",
    "12345678901234567890",
    "18446744073709551616",
    "99999999999999999999999",
    "1e999",
    "1.0",
    "2020-01-01",
    "NO",
    "1e-07",
];

fn workflow(yaml: &str) -> Workflow {
    let checked = check(yaml, &Catalog::default(), &Facts::default());
    checked
        .workflow
        .unwrap_or_else(|| panic!("{yaml}: {:?}", checked.diagnostics))
}

fn bound(yaml: &str, given: &[(&str, Given)]) -> Result<BTreeMap<String, Value>, String> {
    let given: Vec<_> = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    bind(&workflow(yaml), &given).map_err(|errors| errors[0].to_string())
}

/// `${{ item }}` as a command sees it, as text and as a word.
fn seen(item: &Value) -> String {
    let scope = Scope {
        item: Some(item.clone()),
        ..Scope::default()
    };
    let script = CompiledScript::new(&default_shell(), "f ${{ item }}").unwrap();
    let rendered = script.render(&scope).unwrap();
    let word = rendered.text.strip_prefix("f ").unwrap().to_owned();
    let seen = match rendered.variables.as_slice() {
        [] => word,
        [(_, value)] => value.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        Template::new("${{ item }}").render_text(&scope).unwrap(),
        seen
    );
    assert_eq!(
        Template::new("${{ item ~ '' }}")
            .render_text(&scope)
            .unwrap(),
        seen
    );
    seen
}

fn texts(list: &Value) -> Vec<String> {
    let Value::List(list) = list else {
        panic!("{list:?}");
    };
    list.iter().map(seen).collect()
}

#[test]
fn lists_keep_what_was_written_on_every_way() {
    let list = WRITTEN.join(", ");
    let ways = [
        bound(
            &format!(
                "{{name: w, params: {{p: {{type: list, default: [{list}]}}}}, stages: {{s: {{run: echo}}}}}}"
            ),
            &[],
        ),
        bound(
            "{name: w, params: {p: {type: list}}, stages: {s: {run: echo}}}",
            &[("p", Given::Text(WRITTEN.join(",")))],
        ),
        bound(
            "{name: w, params: {p: {type: list}}, stages: {s: {run: echo}}}",
            &[("p", Given::Text(format!("[{list}]")))],
        ),
        read_params(&format!("p: [{list}]")).map(|map| map.into_iter().collect()),
    ];
    for values in ways {
        assert_eq!(texts(&values.unwrap()["p"]), WRITTEN);
    }
    let yaml = format!(
        "{{name: w, stages: {{a: {{run: 'echo ${{{{ item }}}}', scatter: [{list}]}}, b: {{run: 'echo ${{{{ matrix.x }}}}', matrix: {{x: [{list}]}}}}}}}}"
    );
    let workflow = workflow(&yaml);
    let Scatter::Items(items) = &workflow.stages["a"].scatter else {
        panic!("a list");
    };
    assert_eq!(texts(items), WRITTEN);
    let Scatter::Matrix(axes) = &workflow.stages["b"].scatter else {
        panic!("a matrix");
    };
    assert_eq!(texts(&axes["x"]), WRITTEN);
}

#[test]
fn a_value_is_read_by_its_type_alike_on_every_way() {
    let cases: &[(&str, &str, Option<&str>)] = &[
        ("int", "007", Some("7")),
        ("int", "0x1F", Some("31")),
        ("int", "12", Some("12")),
        ("int", "1e5", None),
        ("int", "1_000", None),
        ("int", "12345678901234567890", None),
        ("int", "1.0", None),
        ("float", "1.10", Some("1.1")),
        ("float", "1e5", Some("100000.0")),
        ("float", "007", Some("7.0")),
        ("float", "1e999", None),
        ("float", ".inf", None),
        ("float", "1_000", None),
        ("bool", "TRUE", Some("true")),
        ("bool", "yes", None),
        ("string", "1.10", Some("1.10")),
        ("string", "007", Some("007")),
        ("string", "TRUE", Some("TRUE")),
        ("path", "2020", Some("2020")),
        ("choice, choices: [1.10, 1.1, 007]", "1.10", Some("1.10")),
        ("choice, choices: [1.10, 1.1, 007]", "1.1", Some("1.1")),
        ("choice, choices: [1.10, 1.1, 007]", "007", Some("007")),
        ("choice, choices: [1.10, 1.1, 007]", "7", None),
    ];
    for (kind, text, expected) in cases {
        let yaml = |rest: &str| {
            format!(
                "{{name: w, params: {{p: {{type: {kind}{rest}}}}}, stages: {{s: {{run: echo}}}}}}"
            )
        };
        let expected = expected.map(str::to_owned);
        let told = |values: Result<BTreeMap<String, Value>, String>| {
            values.ok().map(|values| values["p"].to_text())
        };
        let line = bound(&yaml(""), &[("p", Given::Text((*text).to_owned()))]);
        assert_eq!(told(line), expected, "-p p={text}, {kind}");
        let file = read_params(&format!("p: {text}")).unwrap();
        let file = bound(&yaml(""), &[("p", Given::Value(file[0].1.clone()))]);
        assert_eq!(told(file), expected, "p: {text} in a file, {kind}");
        let default = check(
            &yaml(&format!(", default: {text}")),
            &Catalog::default(),
            &Facts::default(),
        );
        let default = default.workflow.and_then(|workflow| {
            let default = workflow.params["p"].default.as_ref();
            default.map(Value::to_text)
        });
        assert_eq!(default, expected, "default: {text}, {kind}");
    }
}

fn evaluated(expression: &str, item: Value) -> Result<String, String> {
    let scope = Scope {
        item: Some(item),
        params: Arc::new(BTreeMap::from([(
            "l".to_owned(),
            read_params("l: [1.10, 2.50, 1e1, 007, 0x1F]").unwrap()[0]
                .1
                .clone(),
        )])),
        ..Scope::default()
    };
    Template::new(format!("${{{{ {expression} }}}}"))
        .render_text(&scope)
        .map_err(|error| error.to_string())
}

#[test]
fn expressions_compute_with_what_a_number_means_and_print_what_was_written() {
    let item = || read_params("x: 1.50").unwrap()[0].1.clone();
    for (expression, expected) in [
        ("item", "1.50"),
        ("item + 1", "2.5"),
        ("1 + item", "2.5"),
        ("-item", "-1.5"),
        ("item * 2", "3.0"),
        ("item == 1.5", "true"),
        ("item == '1.50'", "true"),
        ("item != 1.5", "false"),
        ("item > 1", "true"),
        ("1 < item <= 1.5", "true"),
        ("item in [1.5, 2]", "true"),
        ("item in ['1.50']", "true"),
        ("item not in [2]", "true"),
        ("item | int", "1"),
        ("item | float", "1.5"),
        ("item | round", "2.0"),
        ("item | string", "1.50"),
        ("item ~ 'x'", "1.50x"),
        ("item | replace('.', ',')", "1,50"),
        ("item is number", "true"),
        ("item is string", "false"),
        ("item is gt 1", "true"),
        ("item if item else 0", "1.50"),
        ("'%s|%.1f' | format(item, item)", "1.5|1.5"),
        ("'%s' | format(item)", "1.50"),
        ("[item, 2] | join('-')", "1.50-2"),
        ("params.l | join(',')", "1.10,2.50,1e1,007,0x1F"),
        ("params.l | first", "1.10"),
        ("params.l[:4] | last", "007"),
        ("params.l[0] + params.l[1]", "3.6"),
        ("params.l[:3] | max", "1e1"),
        ("params.l[:3] | sum", "13.6"),
        (
            "params.l[:3] | sort(reverse=true) | join(',')",
            "1e1,2.50,1.10",
        ),
        ("[1.1, params.l[0]] | unique | join(',')", "1.1"),
        (
            "params.l | map('string') | join(',')",
            "1.10,2.50,1e1,007,0x1F",
        ),
        ("params.l[:3] | map('float') | sum", "13.6"),
        ("params.l[:3] | select('gt', 2) | join(',')", "2.50,1e1"),
        ("params.l[4] + 1", "32"),
        ("range(params.l[2] | int) | length", "10"),
    ] {
        assert_eq!(
            evaluated(expression, item()).as_deref(),
            Ok(expected),
            "{expression}"
        );
    }
    for refused in [
        "params.l[3] + 1",
        "params.l | sum",
        "params.l | sort",
        "item < 'a'",
    ] {
        let error = evaluated(refused, item());
        assert!(error.is_err(), "{refused}: {error:?}");
    }
    assert_eq!(
        evaluated("item + 1", Value::unsigned(u64::MAX - 1)).as_deref(),
        Ok("18446744073709551615")
    );
}

proptest! {
    #[test]
    fn any_plain_scalar_prints_as_it_was_written(text in "[-+]?[0-9a-zA-Z._]{1,24}") {
        prop_assume!(!matches!(text.as_str(), "null" | "Null" | "NULL"));
        let file = read_params(&format!("p: [{text}]")).unwrap();
        prop_assert_eq!(texts(&file[0].1), vec![text.clone()]);
        let keys = [text.clone(), format!("{text}0")].map(|text| {
            read_params(&format!("p: [{text}]")).unwrap()[0].1.to_key()
        });
        prop_assert_ne!(&keys[0], &keys[1]);
    }
}

#[test]
fn a_path_is_not_empty_and_the_elements_of_a_list_that_inputs_read_are_paths() {
    let yaml = "name: w\nparams: { p: { type: path, default: ./a }, l: { type: list, default: [./a] }, other: { type: list, default: [''] } }\nstages:\n  s: { run: \"echo ${{ inputs.x }}\", inputs: { x: { from: [params.l, params.p], as: file } } }\n";
    let text = |text: &str| Given::Text(text.to_owned());
    for (name, given, expected) in [
        ("p", text(""), "the path is empty"),
        (
            "p",
            Given::Value(Value::Null),
            "expected a path, found nothing",
        ),
        (
            "l",
            text("['']"),
            "element 1 of the list: the path is empty",
        ),
        (
            "l",
            text("a,,b"),
            "element 2 of the list: expected a path, found nothing",
        ),
        (
            "l",
            text("[a, [b]]"),
            "element 2 of the list: expected a path, found a list",
        ),
    ] {
        let error = bound(yaml, &[(name, given)]).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let values = bound(yaml, &[("l", text("a,5,1.50")), ("p", text("."))]).unwrap();
    let strings = |all: &[&str]| {
        let all = all.iter().map(|one| Value::String((*one).to_owned()));
        Value::List(all.collect())
    };
    assert_eq!(values["l"], strings(&["a", "5", "1.50"]));
    assert_eq!(values["p"], Value::String(".".to_owned()));
    assert_eq!(
        values["other"],
        strings(&[""]),
        "texts of other lists may be empty"
    );
}
