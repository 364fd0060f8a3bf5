//! Words that the project does not use, and what to write instead.
//!
//! The table is in ARCHITECTURE.md ("Words not to use"), so that readers and this check see the
//! same one. Only whole words count, in comments, string literals and prose.

use std::path::Path;

use anyhow::Result;

use crate::rust_files::rust_files;

/// Rooms and files whose words are checked. A room is added once it is clean.
const CLEAN: &[&str] = &[
    "engine/core/src/advance",
    "engine/core/src/apply",
    "engine/core/src/attempt.rs",
    "engine/core/src/dataset.rs",
    "engine/core/src/decide",
    "engine/core/src/digest.rs",
    "engine/core/src/estimate.rs",
    "engine/core/src/explain",
    "engine/core/src/fact.rs",
    "engine/core/src/failure.rs",
    "engine/core/src/ids.rs",
    "engine/core/src/illegal.rs",
    "engine/core/src/ingredient.rs",
    "engine/core/src/input.rs",
    "engine/core/src/key.rs",
    "engine/core/src/ledger",
    "engine/core/src/lib.rs",
    "engine/core/src/order.rs",
    "engine/core/src/place",
    "engine/core/src/plan.rs",
    "engine/core/src/planning",
    "engine/core/src/pool.rs",
    "engine/core/src/preview.rs",
    "engine/core/src/ran_on.rs",
    "engine/core/src/ranges.rs",
    "engine/core/src/results.rs",
    "engine/core/src/state",
    "engine/core/src/task.rs",
    "engine/core/src/tasks.rs",
    "engine/drive/src",
    "engine/grid/src",
    "engine/sim/src",
    "engine/state/src",
    "engine/data/src",
    "engine/files/src",
    "engine/protocol/src",
    "kernels/src",
    "worker/src",
    "workflows/src",
];
/// Prose that is checked.
const PROSE: &[&str] = &["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
/// The heading of the table.
const HEADING: &str = "### Words not to use";

/// Finds every refused word under the root, with its file and line.
pub(crate) fn faults(root: &Path) -> Result<Vec<String>> {
    let table = table(&std::fs::read_to_string(root.join("ARCHITECTURE.md"))?);
    if table.is_empty() {
        return Ok(vec![format!(
            "ARCHITECTURE.md: the table under `{HEADING}` is missing; it lists words and what to write instead"
        )]);
    }
    let mut faults = Vec::new();
    for name in PROSE {
        let text = std::fs::read_to_string(root.join(name))?;
        // A table's rows may name what they refuse.
        let prose = |line: &str| (!line.starts_with('|')).then(|| line.to_owned());
        faults.extend(file_faults(name, &text, &table, prose));
    }
    for name in CLEAN {
        let path = root.join(name);
        let files = if path.is_dir() {
            rust_files(&path)?
        } else {
            vec![path]
        };
        for file in files {
            let text = std::fs::read_to_string(&file)?;
            let shown = file.strip_prefix(root).unwrap_or(&file);
            let shown = shown.display().to_string();
            faults.extend(file_faults(&shown, &text, &table, words_of_code));
        }
    }
    Ok(faults)
}

/// The pairs (word, use instead) of the table.
fn table(architecture: &str) -> Vec<(String, String)> {
    let rows = architecture
        .lines()
        .skip_while(|line| *line != HEADING)
        .skip(1);
    let rows = rows.take_while(|line| !line.starts_with('#'));
    rows.filter_map(|row| {
        let mut cells = row.strip_prefix('|')?.split('|').map(str::trim);
        let (word, instead) = (cells.next()?, cells.next()?);
        let is_head = word == "word" || word.starts_with('-');
        (!is_head).then(|| (word.to_lowercase(), instead.to_owned()))
    })
    .collect()
}

/// The comment and string literals of a line; `None` if it has neither.
fn words_of_code(line: &str) -> Option<String> {
    let (code, comment) = line.split_once("//").unwrap_or((line, ""));
    let strings: Vec<&str> = code.split('"').skip(1).step_by(2).collect();
    let words = format!("{} {comment}", strings.join(" "));
    (!words.trim().is_empty()).then_some(words)
}

fn file_faults(
    shown: &str,
    text: &str,
    table: &[(String, String)],
    words: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let Some(words) = words(line) else {
            continue;
        };
        let words = words.to_lowercase();
        for (word, instead) in table {
            // What to write instead may contain the word, as "there is no run" does.
            if has_word(&words.replace(&instead.to_lowercase(), ""), word) {
                faults.push(format!("{shown}:{number}: `{word}`; write `{instead}`"));
            }
        }
    }
    faults
}

/// True if a text contains a word, or several words in a row, as whole words.
fn has_word(text: &str, word: &str) -> bool {
    let is_edge = |one: Option<char>| one.is_none_or(|one| !one.is_alphanumeric() && one != '_');
    text.match_indices(word).any(|(at, _)| {
        is_edge(text[..at].chars().next_back()) && is_edge(text[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHITECTURE: &str = "# A\n\n### Words not to use\n\n| word | use instead |\n| --- | --- |\n\
                                | colour | color |\n| is no run | there is no run |\n\n## B\n| x | y |\n";

    #[test]
    fn the_table_ends_with_its_section() {
        let table = table(ARCHITECTURE);
        let pair = |word: &str, instead: &str| (word.to_owned(), instead.to_owned());
        assert_eq!(
            table,
            [
                pair("colour", "color"),
                pair("is no run", "there is no run")
            ]
        );
    }

    #[test]
    fn whole_words_of_comments_and_strings_are_found_and_names_are_not() {
        let table = table(ARCHITECTURE);
        let code = "let colour = 1; // The Colour.\nlet a = \"'x' is no run\"; // there is no run\nlet colour_b = 2; // colours\n";
        assert_eq!(
            file_faults("a.rs", code, &table, words_of_code),
            [
                "a.rs:1: `colour`; write `color`",
                "a.rs:2: `is no run`; write `there is no run`"
            ]
        );
    }
}
