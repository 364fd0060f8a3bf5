//! Messages quote code, names and values with backticks.

use std::path::Path;

use anyhow::Result;

use crate::rust_files::rust_files;

/// Rooms whose messages users see.
const ROOMS: &[&str] = &["workflows/src", "engine", "worker/src", "kernels/src"];
/// Files whose `'{…}'` is part of another language.
const OTHERWISE: &[&str] = &[
    // A word of the shell.
    "workflows/src/script/quote.rs",
    // SQL.
    "engine/state/src/sqlite/schema.rs",
    // Python.
    "worker/src/environments/python/pip.rs",
];

/// Finds every value that a message shows as `'{…}'`, with its file and line.
pub(crate) fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for room in ROOMS {
        for file in rust_files(&root.join(room))? {
            let shown = file.strip_prefix(root).unwrap_or(&file);
            let shown = shown.display().to_string();
            let is_test = ["/tests/", "/examples/", "/tests.rs"]
                .iter()
                .any(|part| shown.contains(part));
            if !is_test && !OTHERWISE.contains(&shown.as_str()) {
                faults.extend(file_faults(&shown, &std::fs::read_to_string(&file)?));
            }
        }
    }
    Ok(faults)
}

fn file_faults(shown: &str, text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"));
    lines
        .zip(1..)
        .filter(|(line, _)| !line.trim_start().starts_with("//"))
        .filter_map(|(line, number)| {
            let value = quoted_value(line)?;
            Some(format!(
                "{shown}:{number}: {value} is in straight quotes; write `{{name}}`, or `quoted(text)` for text from files"
            ))
        })
        .collect()
}

/// The first `'{…}'` of a line that is not part of code between backticks.
fn quoted_value(line: &str) -> Option<&str> {
    line.match_indices("'{").find_map(|(at, _)| {
        let end = line[at..].find("}'")? + 2;
        let value = &line[at..at + end];
        // `{{` is a brace of the text itself.
        let is_one = !value[1..value.len() - 1].contains('\'') && !value.starts_with("'{{");
        let in_code = line[..at].matches('`').count() % 2 == 1;
        (is_one && !in_code).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_straight_quotes_is_found_and_code_is_not() {
        for (line, found) in [
            ("format!(\"'{name}' is odd\")", Some("'{name}'")),
            ("format!(\"column '{}' is odd\", x)", Some("'{}'")),
            ("format!(\"`{name}` is the task's\")", None),
            ("format!(\"write `x: '{c}'`\")", None),
            ("matches!(c, '{' | '}')", None),
            ("format!(\": '{{a: {x}}} {y}'\")", None),
        ] {
            assert_eq!(quoted_value(line), found, "{line}");
        }
        let text = "// '{a}'\nf(\"'{b}'\");\n#[cfg(test)]\nf(\"'{c}'\");\n";
        let faults = file_faults("a.rs", text);
        assert!(
            faults.len() == 1 && faults[0].starts_with("a.rs:2: '{b}'"),
            "{faults:?}"
        );
    }
}
