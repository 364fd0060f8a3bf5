//! `sunward docs [TOPIC]`: the book, page by page.

use clap::Args;
use serde::Serialize;
use sunward_workflows::book::{Found, Passage, look_up, pages};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::render::markdown::markdown;
use crate::render::table::Table;
use crate::render::{self, Page, View};

/// Read about the language and its use: a topic, a key, the code of a mistake, or any words
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward docs\n  sunward docs caching\n  sunward docs deadline\n  sunward docs SW0604\n  sunward docs environment variable\n\n\
        Without a topic, it lists the pages. `sunward docs all` prints all of them. Other words find the passages with all of them."
)]
pub(crate) struct Docs {
    /// A page, a key of the language, a code, or words to search for [default: the list of pages]
    topic: Vec<String>,
}

/// The list of pages.
#[derive(Serialize)]
struct Contents {
    pages: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    topic: &'static str,
    title: &'static str,
}

/// What a word found.
#[derive(Serialize)]
struct Text {
    /// The page, key or code.
    topic: String,
    /// Its text in Markdown.
    text: String,
    /// Pages that describe it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    see: Vec<&'static str>,
}

impl View for Contents {
    fn page(&self, page: &mut Page) {
        let mut table = Table::new(&["topic", "page"]);
        for entry in &self.pages {
            table.row([entry.topic, entry.title]);
        }
        page.table(&table);
        page.gap();
        page.line("`sunward docs TOPIC` prints a page. A topic may also be a key, such as `deadline`, or a code, such as SW0604.");
    }
}

impl View for Text {
    fn page(&self, page: &mut Page) {
        markdown(page, &self.text);
        if !self.see.is_empty() {
            page.gap();
            page.line(format!("See also: sunward docs {}", self.see.join(", ")));
        }
    }
}

impl Docs {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        match self.topic.join(" ").as_str() {
            "" => {
                let entries = pages().map(|page| Entry {
                    topic: page.topic,
                    title: page.title,
                });
                let contents = Contents {
                    pages: entries.collect(),
                };
                render::answer(context, &contents)?;
            }
            "all" => {
                let texts: Vec<String> = pages().map(|page| page.text).collect();
                let all = Text {
                    topic: "all".to_owned(),
                    text: texts.join("\n"),
                    see: Vec::new(),
                };
                render::answer(context, &all)?;
            }
            word => render::answer(context, &about(word)?)?,
        }
        Ok(Exit::Done)
    }
}

fn about(word: &str) -> anyhow::Result<Text> {
    match look_up(word) {
        Found::Page(page) => Ok(Text {
            topic: page.topic.to_owned(),
            text: page.text,
            see: Vec::new(),
        }),
        Found::Key { text, topics } => Ok(Text {
            topic: word.to_owned(),
            text,
            see: topics,
        }),
        Found::Passages(passages) => Ok(Text {
            topic: word.to_owned(),
            text: passages.iter().map(passage).collect(),
            see: topics(&passages),
        }),
        Found::Nothing(nearest) => Err(wrong_input(match nearest {
            Some(nearest) => format!("there is no page `{word}`; did you mean {nearest}?"),
            None => format!(
                "there is no page `{word}`, and no passage has these words; `sunward docs` lists the pages"
            ),
        })),
    }
}

/// A passage under the name of its page and its heading.
fn passage(found: &Passage) -> String {
    format!(
        "## {}: {}\n\n{}\n\n",
        found.topic, found.heading, found.text
    )
}

fn topics(passages: &[Passage]) -> Vec<&'static str> {
    let mut topics = Vec::new();
    for one in passages {
        if !topics.contains(&one.topic) {
            topics.push(one.topic);
        }
    }
    topics
}
