//! Scripts as chemists, biologists and climate scientists write them: which may hold text, and which
//! may not, because the text would become code.
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

use sunward_workflows::{CompiledScript, InputValue, Scope, Value, default_shell};

/// One script after each `=== NAME`, or `=== NAME ! REASON` if text is refused in it.
const SCRIPTS: &str = include_str!("everyday_scripts.txt");

/// Why a script cannot have the text in it; `None` if it can.
fn refusal(script: &str) -> Option<String> {
    let text = || Value::String("a b".to_owned());
    let params = [
        ("p", text()),
        ("q", text()),
        ("n", Value::Int(3)),
        ("x", Value::Float(1.5)),
    ];
    let inputs = ["t", "u"].map(|name| (name.to_owned(), InputValue::default()));
    let outputs = [("o", "/o/out.nc"), ("d", "/o/d")];
    let scope = Scope {
        item: Some(text()),
        params: Arc::new(params.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        inputs: BTreeMap::from(inputs),
        outputs: outputs
            .into_iter()
            .map(|(name, path)| (name.to_owned(), path.into()))
            .collect(),
        ..Scope::default()
    };
    let compiled = CompiledScript::new(&default_shell(), script).unwrap();
    compiled.render(&scope).err().map(|error| error.to_string())
}

#[test]
fn text_is_refused_in_everyday_scripts_only_where_it_would_become_code() {
    let scripts: Vec<&str> = SCRIPTS.split("=== ").skip(1).collect();
    assert!(scripts.len() > 100);
    let mut wrong = Vec::new();
    for one in scripts {
        let (title, script) = one.split_once('\n').unwrap();
        let (name, expected) = match title.split_once(" ! ") {
            Some((name, reason)) => (name, Some(reason)),
            None => (title, None),
        };
        let found = refusal(script);
        match (expected, &found) {
            (None, None) => {}
            (Some(reason), Some(found)) if found.contains(reason) => {}
            _ => wrong.push(format!(
                "{name}: expected {expected:?}, found {found:?}\n{script}"
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
