//! Finds passages of the book by their words.

/// The most passages that are found.
const MOST: usize = 8;

/// A paragraph, an item of a list or a row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The topic of its page.
    pub topic: &'static str,
    /// The heading above it.
    pub heading: String,
    /// Its text in Markdown.
    pub text: String,
}

/// The passages of pages that have all of these words, the best first: those under a heading with one of
/// them, then those that begin with it as code, then the others in reading order.
pub(super) fn passages(
    pages: impl Iterator<Item = (&'static str, String)>,
    words: &str,
) -> Vec<Passage> {
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(usize, Passage)> = Vec::new();
    for (topic, text) in pages {
        for passage in divided(topic, &text) {
            let whole = format!("{}\n{}", passage.heading, passage.text).to_lowercase();
            if words.iter().all(|word| has(&whole, word)) {
                found.push((distance(&passage, &words), passage));
            }
        }
    }
    found.sort_by_key(|(distance, _)| *distance);
    found.truncate(MOST);
    found.into_iter().map(|(_, passage)| passage).collect()
}

fn distance(passage: &Passage, words: &[String]) -> usize {
    let heading = passage.heading.to_lowercase();
    let start = passage
        .text
        .trim_start_matches(['-', '|', ' '])
        .to_lowercase();
    let in_heading = words.iter().any(|word| has(&heading, word));
    let is_defined = words
        .iter()
        .any(|word| start.starts_with(&format!("`{word}")));
    // A page about a mistake is for those who made it.
    let of_mistake = usize::from(passage.topic.starts_with("SW"));
    match (in_heading, is_defined) {
        (true, _) => of_mistake,
        (false, true) => 1 + of_mistake,
        (false, false) => 2 + of_mistake,
    }
}

/// Whether a text has a word, or one that begins with it.
fn has(text: &str, word: &str) -> bool {
    let mut places = text.match_indices(word);
    places.any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric())
    })
}

/// A page's passages. The lines of an example are one passage.
fn divided(topic: &'static str, text: &str) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let mut heading = String::new();
    let mut lines: Vec<&str> = Vec::new();
    let mut in_example = false;
    let mut end = |heading: &str, lines: &mut Vec<&str>| {
        let whole = std::mem::take(lines).join("\n");
        if !whole.trim().is_empty() && !whole.starts_with("|--") && !whole.starts_with("| --") {
            found.push(Passage {
                topic,
                heading: heading.to_owned(),
                text: whole,
            });
        }
    };
    for line in text.lines() {
        if line.starts_with("```") {
            if !in_example {
                end(&heading, &mut lines);
            }
            lines.push(line);
            if in_example {
                end(&heading, &mut lines);
            }
            in_example = !in_example;
        } else if in_example {
            lines.push(line);
        } else if line.starts_with('#') {
            end(&heading, &mut lines);
            heading = line.trim_start_matches('#').trim().to_owned();
        } else {
            if line.trim().is_empty() || line.starts_with("- ") || line.starts_with('|') {
                end(&heading, &mut lines);
            }
            if !line.trim().is_empty() {
                lines.push(line);
            }
        }
    }
    end(&heading, &mut lines);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Files\n\nA file is staged.\nIt is a copy.\n\n## Names\n\n- `item.name`: its name\n- another item\n\n| a | b |\n|---|---|\n| staged | x |\n\n```yaml\nstaged: 1\n\nrun: x\n```\n";

    fn texts(words: &str) -> Vec<String> {
        let pages = [("files", PAGE.to_owned())].into_iter();
        let found = passages(pages, words).into_iter();
        found.map(|one| one.text).collect()
    }

    #[test]
    fn passages_have_all_words_and_the_best_comes_first() {
        assert_eq!(texts("staged copy"), ["A file is staged.\nIt is a copy."]);
        assert_eq!(
            texts("Staged"),
            [
                "A file is staged.\nIt is a copy.",
                "| staged | x |",
                "```yaml\nstaged: 1\n\nrun: x\n```"
            ]
        );
        assert_eq!(texts("item"), ["- `item.name`: its name", "- another item"]);
        assert_eq!(texts("names").len(), 5, "all that is under the heading");
        assert_eq!(texts("aged"), [""; 0]);
        assert_eq!(texts(""), [""; 0]);
    }
}
