//! One page of the site: its HTML, what can be searched in it, and the pages that it links to.

use pulldown_cmark::{
    CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html,
};
use serde::Serialize;

use super::Entry;

/// A page as HTML.
pub(super) struct Rendered {
    pub(super) html: String,
    pub(super) passages: Vec<Passage>,
    /// The topics that it links to.
    pub(super) links: Vec<String>,
}

/// What is under one heading, for the search.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Passage {
    topic: String,
    heading: String,
    /// The heading's name in the page.
    anchor: String,
    text: String,
}

/// Renders a page. `book` are the pages of the list at its side. A code such as `SW0502` and
/// `sunward docs TOPIC` become links to one of the `topics`.
pub(super) fn render(page: &Entry, text: &str, book: &[Entry], topics: &[&str]) -> Rendered {
    let mut links = Vec::new();
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut passages = vec![Passage {
        topic: page.topic.clone(),
        heading: page.title.clone(),
        anchor: String::new(),
        text: String::new(),
    }];
    let mut in_heading = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        if let Event::Text(words) | Event::Code(words) = &event
            && let Some(passage) = passages.last_mut()
        {
            let into = if in_heading {
                &mut passage.heading
            } else {
                &mut passage.text
            };
            into.push_str(words);
            if !in_heading {
                into.push(' ');
            }
        }
        match event {
            Event::Start(Tag::Heading { level, .. }) if level > HeadingLevel::H1 => {
                in_heading = true;
                let anchor = format!("s{}", passages.len());
                passages.push(Passage {
                    topic: page.topic.clone(),
                    heading: String::new(),
                    anchor: anchor.clone(),
                    text: String::new(),
                });
                events.push(Event::Start(Tag::Heading {
                    level,
                    id: Some(anchor.into()),
                    classes: Vec::new(),
                    attrs: Vec::new(),
                }));
            }
            Event::End(TagEnd::Heading(level)) => {
                in_heading = false;
                events.push(Event::End(TagEnd::Heading(level)));
            }
            // `sh setup` is shell; the second word is for the tests of the book.
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))) => {
                let language = kind.split(' ').next().unwrap_or_default().to_owned();
                let kind = CodeBlockKind::Fenced(language.into());
                events.push(Event::Start(Tag::CodeBlock(kind)));
            }
            Event::Code(code) => match topic_of(&code, topics) {
                Some(topic) => {
                    links.push(topic.to_owned());
                    events.extend(linked(topic, code));
                }
                None => events.push(Event::Code(code)),
            },
            // The list of all codes.
            Event::Text(words) if !in_heading => match code_before(&words, topics) {
                Some((topic, rest)) => {
                    links.push(topic.to_owned());
                    events.extend(linked(topic, topic.to_owned().into()));
                    events.push(Event::Text(rest.to_owned().into()));
                }
                None => events.push(Event::Text(words)),
            },
            other => events.push(other),
        }
    }
    let mut body = String::new();
    html::push_html(&mut body, events.into_iter());
    Rendered {
        html: document(&page.title, &page.topic, book, &body),
        passages,
        links,
    }
}

/// The first page: the list of all.
pub(super) fn contents(book: &[Entry]) -> String {
    let items: String = book
        .iter()
        .map(|page| format!("<li>{}</li>\n", link(page, "")))
        .collect();
    let body = format!("<h1>The book of Sunward</h1>\n<ol>\n{items}</ol>\n");
    document("The book of Sunward", "", book, &body)
}

/// The code with which a text begins, as in `SW0502: Not a table`, and what is behind it.
fn code_before<'t, 'w>(words: &'w str, topics: &[&'t str]) -> Option<(&'t str, &'w str)> {
    let (word, _) = words
        .split_once(':')
        .filter(|(word, _)| word.starts_with("SW"))?;
    let topic = topics.iter().find(|topic| **topic == word)?;
    Some((topic, &words[word.len()..]))
}

/// The topic that a text in code style names.
fn topic_of<'t>(code: &str, topics: &[&'t str]) -> Option<&'t str> {
    let word = code.strip_prefix("sunward docs ").unwrap_or(code);
    let is_code = word.starts_with("SW") && word.len() == 6;
    let found = topics.iter().find(|topic| **topic == word)?;
    (is_code || word.len() < code.len()).then_some(found)
}

fn linked<'e>(topic: &str, code: CowStr<'e>) -> [Event<'e>; 3] {
    let start = Event::Html(format!("<a href=\"{topic}.html\">").into());
    [start, Event::Code(code), Event::Html("</a>".into())]
}

fn link(page: &Entry, class: &str) -> String {
    let title = escaped(&page.title);
    format!("<a{class} href=\"{}.html\">{title}</a>", page.topic)
}

fn document(title: &str, topic: &str, book: &[Entry], body: &str) -> String {
    let items = book.iter().map(|page| {
        let class = if page.topic == topic {
            " class=\"here\""
        } else {
            ""
        };
        format!("<li>{}</li>\n", link(page, class))
    });
    let items: String = items.collect();
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} · Sunward</title>\n\
         <link rel=\"stylesheet\" href=\"site.css\">\n</head>\n<body>\n<nav>\n\
         <p><a href=\"index.html\">Sunward</a></p>\n\
         <input id=\"words\" type=\"search\" placeholder=\"Search\" aria-label=\"Search\">\n\
         <ol>\n{items}</ol>\n</nav>\n<main>\n<div id=\"found\"></div>\n<article>\n{body}</article>\n</main>\n\
         <script src=\"search.js\"></script>\n</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Rendered {
        let page = Entry {
            topic: "files".to_owned(),
            title: "Files & <folders>".to_owned(),
        };
        render(&page, text, &[], &["files", "caching", "SW0502"])
    }

    #[test]
    fn what_names_a_page_is_a_link_to_it() {
        let text = "# Files\n\n- SW0502: Not a table\n\nSee `sunward docs caching`, `SW0502` and `sunward docs nothing`; `files` is a word.\n";
        let rendered = page(text);
        assert_eq!(rendered.links, ["SW0502", "caching", "SW0502"]);
        let link = "<a href=\"caching.html\"><code>sunward docs caching</code></a>";
        assert!(rendered.html.contains(link), "{}", rendered.html);
        assert!(
            rendered
                .html
                .contains("<title>Files &amp; &lt;folders&gt; · Sunward")
        );
    }

    #[test]
    fn passages_are_what_is_under_a_heading() {
        let rendered = page("# Files\n\nFirst.\n\n## More `x`\n\n```sh setup\nls <a>\n```\n");
        let told: Vec<(&str, &str, &str)> = rendered
            .passages
            .iter()
            .map(|one| (one.heading.as_str(), one.anchor.as_str(), one.text.trim()))
            .collect();
        assert_eq!(
            told,
            [
                ("Files & <folders>", "", "Files First."),
                ("More x", "s1", "ls <a>")
            ]
        );
        assert!(
            rendered.html.contains("<h2 id=\"s1\">"),
            "{}",
            rendered.html
        );
        assert!(
            rendered.html.contains("language-sh\">ls &lt;a&gt;"),
            "{}",
            rendered.html
        );
    }
}
