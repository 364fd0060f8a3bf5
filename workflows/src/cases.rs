//! Test files: what runs of a workflow with given parameters must give.

use indexmap::IndexMap;

use crate::codes;
use crate::diagnostic::{Diagnostic, Severity};
use crate::syntax::{Kind, TESTS, conform};
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
    /// The exit code.
    pub exit: i64,
    /// Texts in the messages.
    pub says: Vec<String>,
    /// What outputs must be, by name.
    pub outputs: IndexMap<String, ExpectedOutput>,
    /// Outputs that the run must not have.
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
    /// How far numbers may differ.
    pub tolerance: f64,
    /// The whole content of a file.
    pub text: Option<String>,
    /// The digest of the content, in hexadecimal digits.
    pub digest: Option<String>,
    /// The number of rows.
    pub rows: Option<u64>,
}

/// Checks a test file. Returns its tests in the order written, or all mistakes.
///
/// # Errors
///
/// Returns the mistakes, in the order of their places.
pub fn check_cases(text: &str) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let root = yaml::read(text, &mut found);
    let mut cases = Vec::new();
    if let Some(root) = &root {
        conform(root, &Kind::Node(&TESTS), "the test file", &mut found);
        let tests = root.get("tests").map(Node::entries).unwrap_or_default();
        cases.extend(tests.iter().map(case));
        for entry in tests {
            nothing_expected(entry, &mut found);
        }
    }
    found.sort_by_key(|one| (one.span.start, one.span.end, one.code));
    match found.iter().any(|one| one.severity == Severity::Error) {
        true => Err(found),
        false => Ok(cases),
    }
}

/// Reports a test that no run can fail.
fn nothing_expected(entry: &Entry, found: &mut Vec<Diagnostic>) {
    let expect = entry.value.get("expect");
    let outputs = expect.and_then(|expect| expect.get("outputs"));
    let outputs = outputs.map(Node::entries).unwrap_or_default();
    let states = |output: &Entry| {
        let keys = output.value.entries().iter();
        keys.filter(|key| key.key != "tolerance").count() > 0
    };
    if let Some(empty) = outputs.iter().find(|output| !states(output)) {
        let message = format!("nothing is expected of `{}`", empty.key);
        found.push(
            Diagnostic::error(codes::MISSING_KEY, empty.key_span, message)
                .expecting("`equals`, `snapshot`, `text`, `digest` or `rows`"),
        );
    }
}

fn case(entry: &Entry) -> Case {
    let node = &entry.value;
    let entries = |key: &str| node.get(key).map(Node::entries).unwrap_or_default();
    let options = node.get("options").map(Node::items).unwrap_or_default();
    let options = options.iter().filter_map(Node::scalar);
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
    let outputs = inside("outputs").iter();
    Case {
        name: entry.key.clone(),
        params: entries("params")
            .iter()
            .map(|one| (one.key.clone(), one.value.value()))
            .collect(),
        options: options.map(Value::to_text).collect(),
        exit: of("exit").and_then(Node::whole).unwrap_or(0),
        says: words("says"),
        outputs: outputs
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
    ExpectedOutput {
        equals: text("equals"),
        snapshot: text("snapshot"),
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
    expect:
      outputs:
        hits: { equals: ./hits.csv, tolerance: 1.0e-6 }
        note: { text: \"3\\n\" }
      ran: { search: 4 }
  a mistake: { expect: { exit: 2, says: no column } }
";
        let cases = check_cases(text).unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!(cases[0].name, "three hits");
        assert_eq!(cases[0].options, ["--jobs", "2"]);
        assert_eq!(cases[0].outputs["hits"].tolerance, 1.0e-6);
        assert_eq!(cases[0].outputs["note"].text.as_deref(), Some("3\n"));
        assert_eq!(cases[0].ran["search"], 4);
        assert_eq!((cases[1].exit, cases[1].says.len()), (2, 1));
    }

    #[test]
    fn mistakes_are_told_and_so_is_a_test_that_cannot_fail() {
        for (text, says) in [
            (
                "tests: { a: { expect: { outputs: { x: {} } } } }",
                "nothing is expected of `x`",
            ),
            ("tests: { a: { params: {} } }", "`a` has no key `expect`"),
            (
                "tests: { a: { expect: { exits: 1 } } }",
                "unknown key `exits`",
            ),
            ("tests: { a: { expect: { exit: 9 } } }", "exit"),
            ("", "the file is empty"),
        ] {
            let found = check_cases(text).unwrap_err();
            assert!(found[0].message.contains(says), "{text}: {found:?}");
        }
    }
}
