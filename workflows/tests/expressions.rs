//! Templates: types, quoting, and that no value becomes code of a shell.
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

use sunward_workflows::{CompiledScript, RenderedScript};
use sunward_workflows::{InputValue, Scope, Template, Value, default_shell, render_value};

fn scope() -> Scope {
    let params = BTreeMap::from([
        ("k".to_owned(), Value::Int(7)),
        ("rate".to_owned(), Value::Float(0.5)),
        ("word".to_owned(), Value::String("a b".into())),
        (
            "years".to_owned(),
            Value::List(vec![Value::Int(1990), Value::Int(1991)]),
        ),
    ]);
    let input = InputValue {
        path: "/in/hits.arrow".into(),
        parts: vec!["/in/0.arrow".into(), "/in/1.arrow".into()],
    };
    Scope {
        params: Arc::new(params),
        item: Some(Value::Map(vec![("id".into(), Value::String("x'y".into()))])),
        matrix: BTreeMap::from([("a".to_owned(), Value::Int(1))]),
        inputs: BTreeMap::from([("hits".to_owned(), input)]),
        outputs: BTreeMap::from([("out".to_owned(), "/out/o.png".to_owned())]),
        stages: BTreeMap::from([("one".to_owned(), "succeeded".to_owned())]),
        attempt: Some(2),
        run: BTreeMap::from([("id".to_owned(), Value::String("r1".into()))]),
    }
}

fn value(template: &str) -> Value {
    Template::new(template).render(&scope()).unwrap()
}

fn script(template: &str, scope: &Scope) -> Result<RenderedScript, String> {
    CompiledScript::new(&default_shell(), template)
        .and_then(|script| script.render(scope))
        .map_err(|error| error.to_string())
}

fn shell(template: &str) -> String {
    script(template, &scope()).unwrap().text
}

#[test]
fn the_parts_of_an_input_are_for_an_expression_that_names_them() {
    for (text, are_named) in [
        ("parts ${{ params.parts }} ${{ inputs.parts }}", false),
        (
            "${{ inputs.hits }} ${{ inputs.hits.path ~ '.parts' }}",
            false,
        ),
        ("${{ inputs.hits.parts }}", true),
        ("${{ inputs.hits.parts[0] }}", true),
        ("${{ inputs.hits.parts | length + 1 }}", true),
    ] {
        let parts = Template::new(text).uses().parts;
        assert_eq!(parts.contains("hits"), are_named, "{text}");
    }
    // One that reads them in another way fails. It does not get an empty list.
    let hidden = "${{ inputs.hits.path ~ (inputs.hits | attr('parts')) }}";
    assert!(Template::new(hidden).render(&scope()).is_err());
}

#[test]
fn a_template_that_is_one_expression_keeps_its_type() {
    assert_eq!(value("${{ params.k }}"), Value::Int(7));
    assert_eq!(value("${{ params.k + 1 }}"), Value::Int(8));
    assert_eq!(value("${{ params.rate * 2 }}"), Value::Float(1.0));
    assert_eq!(
        value("${{ params.k > 3 and attempt == 2 }}"),
        Value::Bool(true)
    );
    assert_eq!(value("k=${{ params.k }}"), Value::String("k=7".into()));
    assert_eq!(
        value("${{ params.years | map('string') | join('-') }}"),
        Value::String("1990-1991".into())
    );
    assert_eq!(value("${{ item.id }}"), Value::String("x'y".into()));
    assert_eq!(
        value("${{ stages.one.status == 'succeeded' }}"),
        Value::Bool(true)
    );
    assert_eq!(value("${{ '${{' }}"), Value::String("${{".into()));
    assert_eq!(
        value("${x} {{ y }} {% z %} {# #}"),
        Value::String("${x} {{ y }} {% z %} {# #}".into())
    );
}

#[test]
fn an_input_is_its_path_and_its_parts_are_a_list() {
    assert_eq!(
        value("${{ inputs.hits }}"),
        Value::String("/in/hits.arrow".into())
    );
    assert_eq!(value("${{ inputs.hits.parts | length }}"), Value::Int(2));
    assert_eq!(
        shell("cat ${{ inputs.hits.parts }}"),
        r#"cat "${SUNWARD_V1_1}" "${SUNWARD_V1_2}""#
    );
    assert_eq!(
        value("${{ inputs.hits ~ ':' ~ inputs.hits.parts[1] }}"),
        Value::String("/in/hits.arrow:/in/1.arrow".into())
    );
}

#[test]
fn a_tree_of_values_is_rendered_string_by_string() {
    let tree = Value::Map(vec![
        ("k".into(), Value::String("${{ params.k }}".into())),
        (
            "list".into(),
            Value::List(vec![Value::String("n${{ params.k }}".into())]),
        ),
        ("plain".into(), Value::Bool(true)),
    ]);
    let expected = Value::Map(vec![
        ("k".into(), Value::Int(7)),
        ("list".into(), Value::List(vec![Value::String("n7".into())])),
        ("plain".into(), Value::Bool(true)),
    ]);
    assert_eq!(render_value(&tree, &scope()).unwrap(), expected);
}

#[test]
fn what_a_template_reads_is_known_without_rendering_it() {
    let text = "${{ params.k + item.n }} ${{ inputs.hits.parts | first }} ${{ outputs.out }} \
                ${{ matrix.a if stages.one.status == 'x' else run.id }} ${{ attempt }}";
    let uses = Template::new(text).uses();
    assert_eq!(uses.params.into_iter().collect::<Vec<_>>(), ["k"]);
    assert_eq!(uses.inputs.into_iter().collect::<Vec<_>>(), ["hits"]);
    assert_eq!(uses.outputs.into_iter().collect::<Vec<_>>(), ["out"]);
    assert_eq!(uses.statuses.into_iter().collect::<Vec<_>>(), ["one"]);
    assert!(uses.item && uses.matrix && uses.run && uses.attempt);
}

#[test]
fn a_condition_holds_or_not_and_says_what_is_missing() {
    assert!(
        Template::new("${{ params.k > 3 }}")
            .condition(&scope())
            .unwrap()
    );
    assert!(!Template::new("${{ '' }}").condition(&scope()).unwrap());
    let missing = Template::new("${{ params.nope }}").condition(&scope());
    assert!(missing.unwrap_err().to_string().contains("params.nope"));
    let strict = Template::new("${{ item.nope + 1 }}").render(&scope());
    assert!(strict.is_err());
}

#[test]
fn long_and_deep_expressions_are_refused_or_read_but_never_exhaust_the_stack() {
    for (piece, times) in [
        ("1+", 1000),
        ("1+", 100_000),
        ("not ", 500),
        ("(", 1000),
        ("[", 1000),
        ("-", 2000),
    ] {
        let source = format!("${{{{ {}1 }}}}", piece.repeat(times));
        let template = Template::new(source);
        let _ = template.render(&scope());
        let _ = template.uses();
    }
    let filters = format!("${{{{ 'a'{} }}}}", "|upper".repeat(330));
    assert_eq!(value(&filters), Value::String("A".into()));
    let indexed = format!("${{{{ params{} }}}}", "['a']".repeat(400));
    assert!(Template::new(indexed).render(&scope()).is_err());
    let names = format!("${{{{ item{} }}}}", ".a".repeat(100_000));
    assert!(Template::new(names).render(&scope()).is_err());
}
