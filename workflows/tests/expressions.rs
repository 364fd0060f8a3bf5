//! Templates: types, quoting, and that no value ever becomes a shell's code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use sunward_workflows::{InputValue, Scope, Template, Value, render_value};

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

fn shell(template: &str) -> String {
    Template::new(template).render_shell(&scope()).unwrap()
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
        "cat /in/0.arrow /in/1.arrow"
    );
    assert_eq!(
        value("${{ inputs.hits ~ ':' ~ inputs.hits.parts[1] }}"),
        Value::String("/in/hits.arrow:/in/1.arrow".into())
    );
}

#[test]
fn values_are_quoted_only_where_they_need_it_and_raw_opts_out() {
    assert_eq!(shell("f ${{ params.k }} ${{ params.word }}"), "f 7 'a b'");
    assert_eq!(shell("f ${{ params.word | raw }}"), "f a b");
    assert_eq!(shell("f ${{ params.years }}"), "f 1990 1991");
    assert_eq!(shell("f '${{ item.id }}'"), r"f 'x'\''y'");
    assert_eq!(shell("f ${{ [1, 'a b'] | tojson }}"), "f '[1,\"a b\"]'");
    assert_eq!(shell("echo $((${{ params.k }} + 1))"), "echo $((7 + 1))");
}

#[test]
fn an_expression_is_refused_where_no_quoting_is_safe() {
    for script in [
        r"f \${{ item.id }}",
        "f $${{ item.id }}x$${{ item.id }}",
        "f `g ${{ item.id }}`",
        "f ${x:-${{ item.id }}}",
        "cat <<EOF\n${{ item.id }}\nEOF\n",
        "cat <<${{ item.id }}\nx\n",
        "f $((${{ item.id }}))",
        "f $'${{ item.id }}'",
        "f \"$(case x in x) ${{ item.id }};; esac)\"",
    ] {
        let result = Template::new(script).render_shell(&scope());
        if script.contains("$${{") {
            // `$$` is the shell's own number: what follows is a word again.
            continue;
        }
        assert!(result.is_err(), "{script}: {result:?}");
    }
    assert!(
        Template::new("cat <<EOF\nx\nEOF\nf ${{ item.id }}")
            .render_shell(&scope())
            .is_ok()
    );
    assert!(
        Template::new("cat <<< ${{ item.id }}")
            .render_shell(&scope())
            .is_ok()
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

/// Runs the script and gives back the words that `printf` saw, one a line.
fn words(script: &str) -> Option<Vec<u8>> {
    let output = Command::new("/bin/sh")
        .arg("-c")
        .arg(script)
        .output()
        .unwrap();
    output.status.success().then_some(output.stdout)
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\n\t]{0,24}",
        proptest::collection::vec(
            prop_oneof![
                Just("$(touch /tmp/never)"),
                Just("`id`"),
                Just("';'"),
                Just("\";\""),
                Just("\\"),
                Just("$x"),
                Just("${x}"),
                Just("\n"),
                Just("#"),
                Just("'"),
                Just("\""),
                Just(" "),
                Just("*"),
                Just("~"),
                Just("!"),
                Just("é"),
                Just("a"),
            ],
            0..8
        )
        .prop_map(|words| words.concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_value_ever_becomes_code(text in hostile()) {
        let scope = Scope { item: Some(Value::String(text.clone())), ..Scope::default() };
        for script in [
            "printf %s ${{ item }}",
            "printf %s \"${{ item }}\"",
            "printf %s '${{ item }}'",
            "x=$(printf '%s.' \"${{ item }}\"); printf %s \"${x%.}\"",
            "x=\"$(printf '%s.' ${{ item }})\"; printf %s \"${x%.}\"",
            "# ${{ item }}\nprintf %s ${{ item }}",
            "if true; then (printf %s ${{ item | trim('') }}) fi",
        ] {
            let Ok(script) = Template::new(script).render_shell(&scope) else { continue };
            let seen = words(&script);
            prop_assert_eq!(seen.as_deref(), Some(text.as_bytes()), "{}", script);
        }
    }
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
