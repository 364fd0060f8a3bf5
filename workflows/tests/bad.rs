//! Bad files: all mistakes are reported at once, each with its place and a remedy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod support;

use proptest::prelude::*;
use sunward_workflows::{
    Catalog, Checked, Facts, check, check_bytes, explain_code, mentioned, render_human, to_json,
};

fn checked(text: &str) -> Checked {
    check(text, &support::catalog(), &support::facts())
}

fn codes(text: &str) -> Vec<&'static str> {
    checked(text).diagnostics.iter().map(|d| d.code.0).collect()
}

/// Every file of `tests/bad`, by name.
fn bad_files() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_bad_file_is_explained_in_full() {
    for (name, text) in bad_files() {
        let Checked {
            workflow,
            diagnostics,
        } = checked(&text);
        assert!(workflow.is_none(), "{name}");
        assert!(!diagnostics.is_empty(), "{name}");
        for diagnostic in &diagnostics {
            assert!(
                explain_code(diagnostic.code.0).is_some(),
                "{}",
                diagnostic.code.0
            );
        }
        let rendered = render_human(&format!("{name}.yaml"), &text, &diagnostics, false);
        insta::assert_snapshot!(name, rendered);
    }
}

#[test]
fn the_same_as_data() {
    for (name, text) in bad_files() {
        if ["unknown_keys", "cycle", "not_yaml", "empty"].contains(&name.as_str()) {
            let json = to_json("w.yaml", &text, &checked(&text).diagnostics);
            let json = serde_json::to_string_pretty(&json).unwrap();
            insta::assert_snapshot!(format!("{name}.json"), json);
        }
    }
}

#[test]
fn every_code_but_those_of_bytes_and_bombs_is_shown_by_a_bad_file() {
    let mut seen: Vec<&str> = bad_files()
        .iter()
        .flat_map(|(_, text)| codes(text))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    // Those of the last line need other files, their names, or a compiler: see the tests of the command
    // line.
    let elsewhere = [
        "SW0103", "SW0104", "SW0105", "SW0106", //
        "SW0311", "SW0312", "SW0313", "SW0508", "SW0707",
    ];
    let unseen: Vec<&str> = sunward_workflows::codes::PAGES
        .iter()
        .map(|(code, _)| code.0)
        // The codes of fleet files have their own test.
        .filter(|code| !code.starts_with("SW09"))
        .filter(|code| !seen.contains(code) && !elsewhere.contains(code))
        .collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let bytes = b"name: caf\xe9\nstages: {}\n";
    let checked = check_bytes(bytes, &Catalog::default(), &Facts::default());
    assert_eq!(checked.diagnostics[0].code.0, "SW0103");
    let text = String::from_utf8_lossy(bytes);
    let rendered = render_human("latin1.yaml", &text, &checked.diagnostics, false);
    insta::assert_snapshot!("not_utf8", rendered);
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let mut text = "name: bomb\nx-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("x-{level}: &a{level} [{before}]\n"));
    }
    text.push_str("stages: { one: { run: x } }\n");
    assert_eq!(codes(&text), ["SW0106"]);
    assert_eq!(codes("a: &a [1, *a]\n"), ["SW0106"]);
    let deep = format!(
        "name: deep\nstages: {}1{}\n",
        "[".repeat(100),
        "]".repeat(100)
    );
    assert_eq!(codes(&deep), ["SW0105"]);
    let braces = format!("stages: {}", "{a: ".repeat(100_000));
    assert_eq!(codes(&braces), ["SW0105"]);
    let mut block = String::new();
    for level in 0..100 {
        block.push_str(&format!("{}a:\n", " ".repeat(level)));
    }
    assert_eq!(codes(&block), ["SW0105"]);
    assert_eq!(codes(&"#".repeat((16 << 20) + 1)), ["SW0104"]);
}

#[test]
fn color_marks_but_never_carries_the_meaning() {
    let text = "name: x\nstages: { a: { runs: y } }\n";
    let diagnostics = checked(text).diagnostics;
    let colored = render_human("x.yaml", text, &diagnostics, true);
    let plain = render_human("x.yaml", text, &diagnostics, false);
    assert!(colored.contains('\u{1b}') && !plain.contains('\u{1b}'));
    assert!(
        plain.contains("SW0201") && plain.contains("x.yaml:2:16"),
        "{plain}"
    );
}

#[test]
fn escapes_in_a_file_do_not_reach_the_terminal() {
    let text = "name: x\nstages: { a: { runs: \"\u{9b}31m\" } } # \u{7f}\u{1b}[2J\n";
    let rendered = render_human("x.yaml", text, &checked(text).diagnostics, false);
    assert!(
        !rendered.chars().any(|c| c.is_control() && c != '\n'),
        "{rendered:?}"
    );
}

/// Checks a text, and renders its diagnostics, whose spans must lie within it.
fn in_bounds(text: &str) -> Result<(), TestCaseError> {
    let outcome = checked(text);
    for diagnostic in &outcome.diagnostics {
        prop_assert!(diagnostic.span.start <= diagnostic.span.end);
    }
    let mut errors = outcome.diagnostics.iter();
    let failed = errors.any(|one| one.severity == sunward_workflows::Severity::Error);
    prop_assert_eq!(outcome.workflow.is_none(), failed);
    let _ = render_human("x.yaml", text, &outcome.diagnostics, true);
    let _ = to_json("x.yaml", text, &outcome.diagnostics);
    let _ = mentioned(text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_the_check_panic(text in "\\PC{0,200}") {
        in_bounds(&text)?;
    }

    #[test]
    fn no_yaml_like_text_makes_the_check_panic(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "name", "stages", "run", ": ", "\n", "  ", "- ", "{", "}", "[", "]", ", ", "a", "1",
                "${{", "}}", "params.", "|", "\"", "'", "&a ", "*a", "<<: ", "#", "? ", "é", "\t",
                "scatter: ", "inputs: ", "./t.csv", "---\n", "!!str ", ">-\n", "\u{feff}", "\r\n",
            ]),
            0..60,
        )
    ) {
        in_bounds(&words.concat())?;
    }

    #[test]
    fn no_damage_to_a_good_file_makes_the_check_panic(
        second in any::<bool>(),
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        insert in "[ -~\n]{0,6}",
    ) {
        let text = if second {
            include_str!("good/everything.yaml")
        } else {
            include_str!("good/design.yaml")
        };
        let chars: Vec<char> = text.chars().collect();
        let start = at.index(chars.len());
        let end = (start + length).min(chars.len());
        let damaged: String = chars[..start]
            .iter()
            .copied()
            .chain(insert.chars())
            .chain(chars[end..].iter().copied())
            .collect();
        in_bounds(&damaged)?;
    }

    #[test]
    fn no_bytes_make_the_check_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let checked = check_bytes(&bytes, &Catalog::default(), &Facts::default());
        let text = String::from_utf8_lossy(&bytes);
        let _ = render_human("x.yaml", &text, &checked.diagnostics, false);
    }
}

#[test]
fn what_lies_at_a_default_matters_only_where_nothing_else_is_given() {
    let text = "name: w\nparams:\n  a: { type: table, default: ./missing.csv }\n  b: { type: table, default: ./notes.txt }\nstages:\n  s:\n    inputs: { a: params.a, b: params.b }\n    scatter: { over: b }\n    run: cat ${{ inputs.a }} ${{ item.n }}\n";
    let given = |names: &[&str]| {
        let facts = Facts {
            given: names.iter().map(|name| (*name).to_owned()).collect(),
            ..support::facts()
        };
        let checked = check(text, &support::catalog(), &facts);
        let found = checked.diagnostics.iter().map(|found| found.code.0);
        found.collect::<Vec<_>>()
    };
    assert!(given(&[]).contains(&"SW0501"));
    assert!(!given(&["a"]).contains(&"SW0501"));
    assert!(!given(&["a"]).is_empty(), "notes are no table");
    assert_eq!(given(&["a", "b"]), [""; 0]);
}

/// What reads nothing is computed at once, wherever it stands.
#[test]
fn an_expression_that_never_has_a_value_is_found_before_a_run() {
    for (expression, why) in [
        ("10 / 0", "`10 / 0` is a division by zero"),
        ("2.0 ** 5000", "has no result that a number holds"),
        ("[1, 2] | first / 0", "is a division by zero"),
    ] {
        for place in [
            "run: 'echo ${{ E }}'",
            "run: [echo, 'a ${{ E }}']",
            "run: 'true', env: { A: '${{ E }}' }",
            "run: 'true', if: '${{ E > 1 }}'",
            "run: 'true', scatter: { over: { range: '${{ E }}' } }",
        ] {
            let stage = place.replace('E', expression);
            let found = checked(&format!("name: w\nstages:\n  s: {{ {stage} }}\n")).diagnostics;
            let told = found.iter().map(|one| one.message.as_str());
            let told: Vec<&str> = told.filter(|one| one.contains(why)).collect();
            assert_eq!(told.len(), 1, "{stage}: {found:?}");
        }
    }
}
