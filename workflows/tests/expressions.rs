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
        repeat: Some(3),
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
    assert_eq!(value("${{ 'x' ~ none ~ 'y' }}"), Value::String("xy".into()));
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
    assert!(uses.item.is_read() && uses.matrix && uses.run && uses.attempt);
}

#[test]
fn a_condition_holds_or_not_and_says_what_is_missing() {
    assert!(
        Template::new("${{ params.k > 3 }}")
            .condition(&scope())
            .unwrap()
    );
    let missing = Template::new("${{ params.nope }}").condition(&scope());
    assert!(missing.unwrap_err().to_string().contains("params.nope"));
    let strict = Template::new("${{ item.nope + 1 }}").render(&scope());
    assert!(strict.is_err());
}

/// The message of an expression that fails, whether it is parsed or evaluated.
fn failure(expression: &str) -> String {
    let template = Template::new(format!("${{{{ {expression} }}}}"));
    template.render(&scope()).unwrap_err().to_string()
}

#[test]
fn only_true_and_false_are_conditions() {
    let holds = |expression: &str| {
        let template = Template::new(format!("${{{{ {expression} }}}}"));
        template.condition(&scope())
    };
    for expression in ["true", "1 < 2", "'true'", "not false", "'a' in 'abc'"] {
        assert_eq!(holds(expression), Ok(true), "{expression}");
    }
    for expression in ["false", "1 > 2", "'false'", "'1' == '2'"] {
        assert_eq!(holds(expression), Ok(false), "{expression}");
    }
    for (expression, found, remedy) in [
        ("'abc'", "the text `abc`", "${{ ('abc') == 'TEXT' }}"),
        ("''", "the text ``", "== 'TEXT'"),
        ("'False'", "the text `False`", "== 'TEXT'"),
        ("params.k", "the number ", "${{ params.k != 0 }}"),
        (
            "params.k - params.k",
            "the number 0",
            "${{ (params.k - params.k) != 0 }}",
        ),
        ("0.0", "the number 0.0", "!= 0"),
        ("[]", "a list", "| length > 0"),
        ("{}", "a map", "| length > 0"),
        ("none", "nothing", "is not none"),
    ] {
        let told = holds(expression).unwrap_err().to_string();
        let fits = told.contains(found) && told.contains(remedy);
        assert!(
            fits && told.contains("a condition is true or false"),
            "{told}"
        );
    }
}

#[test]
fn arithmetic_never_leaves_the_numbers() {
    for expression in [
        "10 / 0",
        "10.0 / 0",
        "0 / 0",
        "10 // 0",
        "10.5 // 0.0",
        "10 % 0",
        "10.5 % 0.0",
        "1 / false",
        "1 / (2 - 2)",
        "1 / 0.0",
        "1 / (-0.0)",
    ] {
        let told = failure(expression);
        assert!(told.contains("is a division by zero"), "{told}");
    }
    for expression in [
        "1e308 * 10",
        "2.0 ** 5000",
        "1e308 + 1e308",
        "-1e308 - 1e308",
    ] {
        let told = failure(expression);
        assert!(told.contains("has no result that a number holds"), "{told}");
    }
    assert_eq!(value("${{ 0 / 5 }}"), Value::Float(0.0));
    assert_eq!(value("${{ 7 % 4 }}"), Value::Int(3));
}

#[test]
fn numbers_that_no_float_holds_are_refused_wherever_they_are_written() {
    for (expression, why) in [
        ("1e-400", "`1e-400` is closer to 0 than the smallest float"),
        ("2 * 0.5e-400", "`0.5e-400` is closer to 0"),
        ("1e400", "`1e400` is beyond the largest float"),
        (
            "'1e-400' | float",
            "the text `1e-400`, which is closer to 0",
        ),
        ("'1e-400' | int", "the text `1e-400`, which is closer to 0"),
        (
            "'1e999' | float",
            "the text `1e999`, which is beyond the largest float",
        ),
    ] {
        let told = failure(expression);
        assert!(told.contains(why), "{told}");
    }
    assert_eq!(value("${{ 0e-400 + 0.000 }}"), Value::Float(0.0));
    assert_eq!(
        value("${{ '1e-400' ~ \"1e999\" }}"),
        Value::String("1e-4001e999".into())
    );
    assert_eq!(value("${{ 5e-324 > 0 }}"), Value::Bool(true));
    assert_eq!(value("${{ {'e1e999': 1}['e1e999'] }}"), Value::Int(1));
}

#[test]
fn what_is_no_number_is_told_with_its_text() {
    for (expression, message) in [
        (
            "'abc' | int",
            "`| int` expects a whole number such as `42`, and gets the text `abc`",
        ),
        (
            "'abc' | float",
            "`| float` expects a number such as `4.2`, and gets the text `abc`",
        ),
        ("'' | int", "gets the text ``"),
        (
            "' 5 ' | int",
            "gets the text ` 5 `; `| trim` removes the spaces around it",
        ),
        ("'inf' | int", "gets the text `inf`"),
        ("'nan' | int", "gets the text `nan`"),
        ("[1] | int", "gets a list"),
        ("['a', 'b'] | map('int') | list", "gets the text `a`"),
        ("('x' * 100) | int", ""),
    ] {
        let told = failure(expression);
        assert!(told.contains(message), "{told}");
        for internal in ["invalid float literal", "invalid digit", "sequence"] {
            assert!(!told.contains(internal), "{told}");
        }
    }
    assert_eq!(
        value("${{ '42' | int + '1.5' | float }}"),
        Value::Float(43.5)
    );
    assert_eq!(value("${{ '1.5' | int }}"), Value::Int(1));
}

#[test]
fn the_expressions_of_one_text_are_limited() {
    let text = |count: usize| format!("echo {}", "${{ params.k }} ".repeat(count));
    assert!(Template::new(text(2000)).render_text(&scope()).is_ok());
    let told = Template::new(text(20_000))
        .render_text(&scope())
        .unwrap_err()
        .to_string();
    assert!(told.contains("at most 2000 expressions"), "{told}");
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
