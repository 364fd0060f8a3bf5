//! Test files: what runs of a workflow with given parameters must give.

mod expected;
mod names;
mod snapshots;

use indexmap::IndexMap;

use crate::codes;
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::Workflow;
use crate::source::Span;
use crate::syntax::{Kind, TESTS, conform};
use crate::units::parse_duration;
use crate::value::Value;
use crate::yaml::{self, Entry, Node};

/// One test: a run, and what it must give.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Values of parameters.
    pub params: Vec<(String, Value)>,
    /// Further options of `sunward run`.
    pub options: Vec<String>,
    /// The place of the options.
    pub options_span: Span,
    /// How long the run may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The exit code.
    pub exit: i64,
    /// Texts in the messages.
    pub says: Vec<String>,
    /// What outputs must be, by name.
    pub outputs: IndexMap<String, ExpectedOutput>,
    /// Outputs or stages that must be skipped.
    pub skipped: Vec<String>,
    /// Tasks that must have run, by stage.
    pub ran: IndexMap<String, u64>,
    /// The most energy, in kilowatt hours.
    pub max_kwh: Option<f64>,
    /// The most emissions, in grams.
    pub max_gco2e: Option<f64>,
}

/// What an output must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedOutput {
    /// A file or folder of equal content, as written.
    pub equals: Option<String>,
    /// The same, of a file that is written on request.
    pub snapshot: Option<String>,
    /// The place of `snapshot`.
    pub snapshot_span: Span,
    /// How far numbers may differ.
    pub tolerance: f64,
    /// The whole content of a file.
    pub text: Option<String>,
    /// The digest of the content, in hexadecimal digits.
    pub digest: Option<String>,
    /// The number of rows.
    pub rows: Option<u64>,
}

/// What the tests are of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tested<'w> {
    /// The workflow. If it has mistakes there is none, and no names are compared with it.
    pub workflow: Option<&'w Workflow>,
    /// The name of its file.
    pub workflow_name: &'w str,
    /// The name of the test file.
    pub name: &'w str,
}

/// Checks a test file. Returns its tests in the order written, or all mistakes.
///
/// # Errors
///
/// Returns the mistakes, in the order of their places.
pub fn check_cases(text: &str, of: &Tested<'_>) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let root = yaml::read(text, &mut found);
    for one in found.iter_mut().filter(|one| one.code == codes::EMPTY) {
        one.expected = Some("a test file: `tests:`".to_owned());
        one.suggestion = Some("`sunward docs testing` shows one".to_owned());
    }
    let mut cases = Vec::new();
    if let Some(root) = &root {
        conform(root, &Kind::Node(&TESTS), "the test file", &mut found);
        let tests = root.entry("tests");
        let entries = tests.map(|tests| tests.value.entries()).unwrap_or_default();
        if let Some(tests) = tests.filter(|_| entries.is_empty() && found.is_empty()) {
            found.push(
                Diagnostic::error(codes::MISSING_KEY, tests.key_span, "there are no tests")
                    .expecting("tests by name: `small: { expect: { … } }`"),
            );
        }
        cases.extend(entries.iter().map(case));
        for entry in entries {
            expected::check(entry, &mut found);
            if let Some(workflow) = of.workflow {
                names::check(entry, workflow, &mut found);
            }
        }
        snapshots::check(entries, of, &mut found);
    }
    found.sort_by_key(|one| (one.span.start, one.span.end, one.code));
    match found.iter().any(|one| one.severity == Severity::Error) {
        true => Err(found),
        false => Ok(cases),
    }
}

/// What a test expects, by its key.
fn expectation<'n>(test: &'n Entry, key: &str) -> Option<&'n Entry> {
    test.value.get("expect")?.entry(key)
}

/// The outputs of which a test expects something.
fn outputs(test: &Entry) -> &[Entry] {
    let outputs = expectation(test, "outputs");
    outputs
        .map(|outputs| outputs.value.entries())
        .unwrap_or_default()
}

fn case(entry: &Entry) -> Case {
    let node = &entry.value;
    let entries = |key: &str| node.get(key).map(Node::entries).unwrap_or_default();
    let options = node.get("options");
    let words_of = |options: &Node| {
        let words = options.items().iter().filter_map(Node::scalar);
        words.map(Value::to_text).collect()
    };
    let expect = node.get("expect");
    let of = |key: &str| expect.and_then(|expect| expect.get(key));
    let inside = |key: &str| of(key).map(Node::entries).unwrap_or_default();
    let words = |key: &str| {
        let items = of(key).map(Node::items).unwrap_or_default();
        let texts = items.iter().filter_map(Node::text);
        texts.map(str::to_owned).collect()
    };
    let count = |entry: &Entry| {
        let count = entry
            .value
            .whole()
            .and_then(|whole| u64::try_from(whole).ok());
        (entry.key.clone(), count.unwrap_or_default())
    };
    let timeout = node.get("timeout").and_then(Node::text);
    Case {
        name: entry.key.clone(),
        params: entries("params")
            .iter()
            .map(|one| (one.key.clone(), one.value.value()))
            .collect(),
        options: options.map(words_of).unwrap_or_default(),
        options_span: options.map(|options| options.span).unwrap_or_default(),
        timeout_ms: timeout.and_then(|text| parse_duration(text).ok()),
        exit: of("exit").and_then(Node::whole).unwrap_or(0),
        says: words("says"),
        outputs: outputs(entry)
            .iter()
            .map(|one| (one.key.clone(), output(&one.value)))
            .collect(),
        skipped: words("skipped"),
        ran: inside("ran").iter().map(count).collect(),
        max_kwh: of("max_kwh").and_then(Node::number),
        max_gco2e: of("max_gco2e").and_then(Node::number),
    }
}

fn output(node: &Node) -> ExpectedOutput {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let rows = node.get("rows").and_then(Node::whole);
    let snapshot = node.get("snapshot");
    ExpectedOutput {
        equals: text("equals"),
        snapshot: text("snapshot"),
        snapshot_span: snapshot.map(|node| node.span).unwrap_or_default(),
        tolerance: node.get("tolerance").and_then(Node::number).unwrap_or(0.0),
        text: text("text"),
        digest: text("digest"),
        rows: rows.and_then(|rows| u64::try_from(rows).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_says_what_runs_and_what_it_must_give() {
        let text = "
tests:
  three hits:
    params: { top_k: 3, names: [a, b] }
    options: [--jobs, 2]
    timeout: 2m
    expect:
      outputs:
        hits: { equals: ./hits.csv, tolerance: 1.0e-6 }
        note: { text: \"3\\n\" }
      ran: { search: 4 }
  a mistake: { expect: { exit: 2, says: no column } }
";
        let cases = check_cases(text, &Tested::default()).unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!(cases[0].name, "three hits");
        assert_eq!(cases[0].options, ["--jobs", "2"]);
        assert_eq!(cases[0].timeout_ms, Some(120_000));
        assert_eq!(cases[0].outputs["hits"].tolerance, 1.0e-6);
        assert_eq!(cases[0].outputs["note"].text.as_deref(), Some("3\n"));
        assert_eq!(cases[0].ran["search"], 4);
        assert_eq!((cases[1].exit, cases[1].says.len()), (2, 1));
    }

    /// The first mistake of a test that expects this.
    fn refused(text: &str) -> String {
        let of = Tested {
            workflow: None,
            workflow_name: "w.yaml",
            name: "w.test.yaml",
        };
        let found = check_cases(text, &of).expect_err(text);
        found[0].message.clone()
    }

    #[test]
    fn mistakes_are_told_and_so_is_a_test_that_cannot_fail() {
        for (expect, says) in [
            ("outputs: { x: {} }", "nothing is expected of `x`"),
            (
                "outputs: { x: { tolerance: 1 } }",
                "nothing is expected of `x`",
            ),
            ("exits: 1", "unknown key `exits`"),
            ("exit: 9", "exit"),
            ("says: ''", "every message has an empty text"),
            ("says: [a, '']", "every message has an empty text"),
            (
                "outputs: { x: { equals: ./a, tolerance: .inf } }",
                "`tolerance` cannot be inf",
            ),
            (
                "outputs: { x: { rows: 1, tolerance: 1 } }",
                "`tolerance` has no effect",
            ),
            ("exit: 2, skipped: a", "exit 2 means that nothing ran"),
            ("exit: 2, ran: { a: 0 }", "exit 2 means that nothing ran"),
            (
                "exit: 2, outputs: { x: { rows: 1 } }",
                "exit 2 means that nothing ran",
            ),
            ("exit: 2, max_kwh: 1", "exit 2 means that nothing ran"),
        ] {
            let told = refused(&format!("tests: {{ a: {{ expect: {{ {expect} }} }} }}"));
            assert!(told.contains(says), "{expect}: {told}");
        }
        for (text, says) in [
            ("tests: { a: { params: {} } }", "`a` has no key `expect`"),
            ("tests: {}", "there are no tests"),
            ("", "the file is empty"),
        ] {
            let told = refused(text);
            assert!(told.contains(says), "{text}: {told}");
        }
    }

    #[test]
    fn a_snapshot_is_a_new_file_in_the_folder_of_the_tests() {
        for (path, says) in [
            (".", "is the folder of the tests"),
            ("./", "is the folder of the tests"),
            ("./a/..", "is the folder of the tests"),
            ("..", "leaves the folder of the tests"),
            ("../x.csv", "leaves the folder of the tests"),
            ("./a/../../b", "leaves the folder of the tests"),
            ("/tmp/x.csv", "leaves the folder of the tests"),
            ("''", "is the folder of the tests"),
            ("./w.yaml", "is the workflow"),
            ("a/../w.test.yaml", "is the test file"),
            ("./w.yaml/x", "is inside the workflow"),
            ("./.sunward/x", "is part of the home"),
        ] {
            let one = format!(
                "tests: {{ a: {{ expect: {{ outputs: {{ x: {{ snapshot: {path} }} }} }} }} }}"
            );
            let told = refused(&one);
            assert!(told.contains(says), "{path}: {told}");
        }
        for (second, says) in [
            ("snapshot: ./s/x", "is the snapshot of `x` in `a` too"),
            ("snapshot: s/./x", "is the snapshot of `x` in `a` too"),
            ("snapshot: ./s", "holds the snapshot of `x` in `a`"),
            ("snapshot: ./s/x/y", "is inside the snapshot of `x` in `a`"),
            ("equals: ./s/x", "is also what `y` in `b` must equal"),
        ] {
            let both = format!(
                "tests: {{ a: {{ expect: {{ outputs: {{ x: {{ snapshot: ./s/x }} }} }} }}, b: {{ expect: {{ outputs: {{ y: {{ {second} }} }} }} }} }}"
            );
            let told = refused(&both);
            assert!(told.contains(says), "{second}: {told}");
        }
    }
}
