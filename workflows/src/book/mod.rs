//! The book: pages about the language and its use, embedded in the program.
//!
//! A page is a Markdown file in `workflows/book/`. A line `{keys SHAPE}` stands for the keys of a
//! part of the language. They come from the table that checks files, so that the book and the check
//! cannot diverge. A line `{codes}` stands for the list of codes.

mod keys;
mod search;

use std::borrow::Cow;

use crate::codes::PAGES as CODES;
use crate::names::nearest;
use crate::syntax::{Shape, shapes};
pub use search::Passage;

/// The pages in reading order: the word that finds each, and its text.
const PAGES: &[(&str, &str)] = &[
    ("start", include_str!("../../book/start.md")),
    ("workflow", include_str!("../../book/workflow.md")),
    ("params", include_str!("../../book/params.md")),
    ("stages", include_str!("../../book/stages.md")),
    ("inputs", include_str!("../../book/inputs.md")),
    ("outputs", include_str!("../../book/outputs.md")),
    ("scatter", include_str!("../../book/scatter.md")),
    ("files", include_str!("../../book/files.md")),
    ("expressions", include_str!("../../book/expressions.md")),
    ("commands", include_str!("../../book/commands.md")),
    ("caching", include_str!("../../book/caching.md")),
    ("formats", include_str!("../../book/formats.md")),
    ("environments", include_str!("../../book/environments.md")),
    ("failures", include_str!("../../book/failures.md")),
    ("notify", include_str!("../../book/notify.md")),
    ("resources", include_str!("../../book/resources.md")),
    ("placing", include_str!("../../book/placing.md")),
    ("kernels", include_str!("../../book/kernels.md")),
    ("results", include_str!("../../book/results.md")),
    ("testing", include_str!("../../book/testing.md")),
    ("settings", include_str!("../../book/settings.md")),
    ("codes", include_str!("../../book/codes.md")),
    ("recipes", include_str!("../../book/recipes.md")),
    (
        "from-snakemake",
        include_str!("../../book/from-snakemake.md"),
    ),
    ("pipelines", include_str!("../../book/pipelines.md")),
    ("from-nextflow", include_str!("../../book/from-nextflow.md")),
];

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The word that finds it, such as `caching` or `SW0502`.
    pub topic: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Its text in Markdown.
    pub text: String,
}

/// What a word finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A page.
    Page(Page),
    /// A key of the language: a text about it in Markdown, and the topics of the pages about it.
    Key {
        /// The text: the key in each part of the language that has it.
        text: String,
        /// The pages that describe these parts.
        topics: Vec<&'static str>,
    },
    /// Passages with all of the words, the best first.
    Passages(Vec<Passage>),
    /// No such topic; perhaps one of nearly the same name.
    Nothing(Option<&'static str>),
}

/// All pages in reading order, without those of codes.
pub fn pages() -> impl Iterator<Item = Page> {
    PAGES.iter().map(|(topic, source)| page(topic, source))
}

/// Looks up a topic, the code of a diagnostic, or a key of the language.
#[must_use]
pub fn look_up(word: &str) -> Found {
    let word = word.trim().trim_end_matches(':');
    let same = |name: &str| name.eq_ignore_ascii_case(word);
    if let Some((topic, source)) = PAGES.iter().find(|(topic, _)| same(topic)) {
        return Found::Page(page(topic, source));
    }
    if let Some((code, text)) = CODES.iter().find(|(code, _)| same(code.0)) {
        return Found::Page(page(code.0, text));
    }
    let described = |shape: &Shape| {
        let marker = marker(shape.name);
        PAGES
            .iter()
            .position(|(_, source)| source.contains(&marker))
    };
    let mut with_key: Vec<&Shape> = shapes()
        .into_iter()
        .filter(|shape| shape.key(word).is_some())
        .collect();
    if with_key.is_empty() {
        return search(word);
    }
    // In the order in which one reads of them.
    with_key.sort_by_key(|shape| described(shape).unwrap_or(usize::MAX));
    let topics = PAGES.iter().filter(|(_, source)| {
        let mut described = with_key.iter();
        described.any(|shape| source.contains(&marker(shape.name)))
    });
    let texts = with_key.iter().filter_map(|shape| keys::one(shape, word));
    Found::Key {
        text: texts.collect::<Vec<_>>().join("\n"),
        topics: topics.map(|(topic, _)| *topic).collect(),
    }
}

fn search(words: &str) -> Found {
    let book = PAGES
        .iter()
        .map(|(topic, source)| (*topic, with_keys(source)));
    let codes = CODES
        .iter()
        .map(|(code, text)| (code.0, (*text).to_owned()));
    let found = search::passages(book.chain(codes), words);
    match found.is_empty() {
        true => Found::Nothing(nearest(words, PAGES.iter().map(|(topic, _)| *topic))),
        false => Found::Passages(found),
    }
}

fn page(topic: &'static str, source: &'static str) -> Page {
    let title = source.lines().next().unwrap_or_default();
    Page {
        topic,
        title: title.trim_start_matches('#').trim(),
        text: with_keys(source),
    }
}

/// The codes with their titles.
fn codes() -> String {
    let titles = CODES.iter().filter_map(|(_, text)| text.lines().next());
    let items = titles.map(|title| format!("- {}", title.trim_start_matches("# ")));
    items.collect::<Vec<_>>().join("\n")
}

fn marker(shape: &str) -> String {
    format!("{{keys {shape}}}")
}

/// The text, with the keys in the place of each marker.
fn with_keys(source: &str) -> String {
    let lines = source.lines().map(|line| {
        if line == "{codes}" {
            return Cow::Owned(codes());
        }
        let marked = line
            .strip_prefix("{keys ")
            .and_then(|rest| rest.strip_suffix('}'));
        let shape = marked.and_then(|name| shapes().into_iter().find(|shape| shape.name == name));
        shape.map_or(Cow::Borrowed(line), |shape| Cow::Owned(keys::all(shape)))
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::{Found, PAGES, look_up, marker, pages};
    use crate::syntax::shapes;

    #[test]
    fn every_part_of_the_language_has_its_keys_in_one_page() {
        for shape in shapes() {
            let marker = marker(shape.name);
            let count = PAGES.iter().filter(|(_, source)| source.contains(&marker));
            assert_eq!(count.count(), 1, "{marker}");
        }
        for page in pages() {
            let is_whole = !page.text.contains("{keys ") && !page.text.contains("{codes}");
            assert!(is_whole, "{}", page.topic);
            assert!(page.text.starts_with("# "), "{}", page.topic);
        }
    }

    #[test]
    fn topics_codes_and_keys_are_found() {
        let Found::Page(page) = look_up("Caching") else {
            panic!("no page");
        };
        assert_eq!(page.topic, "caching");
        let Found::Page(page) = look_up("sw0502") else {
            panic!("no page");
        };
        assert_eq!((page.topic, page.title), ("SW0502", "SW0502: Not a table"));
        let Found::Key { text, topics } = look_up("deadline:") else {
            panic!("no key");
        };
        assert!(text.contains("`deadline: 24h`"), "{text}");
        assert_eq!(topics, ["placing"]);
        // A key of several parts is told for each.
        let Found::Key { text, topics } = look_up("rows") else {
            panic!("no key");
        };
        assert_eq!(text.matches("`rows`").count(), 4, "{text}");
        assert_eq!(topics, ["inputs", "scatter", "kernels", "testing"]);
    }

    #[test]
    fn other_words_lead_to_passages_or_to_a_topic() {
        assert_eq!(look_up("cacheing"), Found::Nothing(Some("caching")));
        for (words, topic) in [
            ("TMPDIR", "commands"),
            ("environment variable", "commands"),
            ("item.stem", "files"),
            ("gathered files", "files"),
        ] {
            let Found::Passages(found) = look_up(words) else {
                panic!("{words}: no passage");
            };
            let topics: Vec<&str> = found.iter().map(|one| one.topic).collect();
            assert!(topics.contains(&topic), "{words}: {topics:?}");
        }
    }
}
