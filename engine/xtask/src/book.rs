//! `cargo xtask book`: the pages of `sunward docs` as a web site that needs no server and no network.

mod page;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell::{root, run, say};
use page::{Passage, Rendered, contents, render};

/// The program whose pages these are.
const PROGRAM: &str = "target/release/sunward";

const STYLE: &str = include_str!("book/site.css");
const SEARCH: &str = include_str!("book/search.js");

/// The list of pages, as `sunward docs --json` prints it.
#[derive(Deserialize)]
struct Contents {
    pages: Vec<Entry>,
}

/// A page of the book.
#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) topic: String,
    pub(super) title: String,
}

/// A page's text, as `sunward docs TOPIC --json` prints it.
#[derive(Deserialize)]
struct Text {
    text: String,
}

/// Builds the program and writes its book into a folder, `target/book` if none is named.
pub(crate) fn book(folder: Option<&str>) -> Result<()> {
    run("cargo", &["build", "--release"], &[])?;
    let folder = root().join(folder.unwrap_or("target/book"));
    write(&folder)?;
    say(&format!(
        "the book is in {}",
        folder.join("index.html").display()
    ));
    Ok(())
}

/// Writes the book of the built program into a folder, and checks that every link leads to a page.
///
/// # Errors
/// Fails if the program cannot print its pages, the folder cannot be written, or a link leads nowhere.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let list: Contents = asked(&["docs", "--json"])?;
    let mut pages = list.pages;
    let mut texts = BTreeMap::new();
    for page in &pages {
        texts.insert(page.topic.clone(), text_of(&page.topic)?);
    }
    let codes = texts.get("codes").map_or_else(Vec::new, |text| codes(text));
    for (code, _) in &codes {
        texts.insert(code.clone(), text_of(code)?);
    }
    let book = pages.len();
    pages.extend(
        codes
            .into_iter()
            .map(|(topic, title)| Entry { topic, title }),
    );
    let topics: Vec<&str> = pages.iter().map(|page| page.topic.as_str()).collect();
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut passages: Vec<Passage> = Vec::new();
    let mut links: Vec<(String, String)> = Vec::new();
    for page in &pages {
        let text = texts.get(&page.topic).map_or("", String::as_str);
        let Rendered {
            html,
            passages: found,
            links: to,
        } = render(page, text, &pages[..book], &topics);
        passages.extend(found);
        links.extend(to.into_iter().map(|link| (page.topic.clone(), link)));
        put(folder.join(format!("{}.html", page.topic)), &html)?;
    }
    put(folder.join("index.html"), &contents(&pages[..book]))?;
    put(folder.join("site.css"), STYLE)?;
    let index = serde_json::to_string(&passages)?;
    put(
        folder.join("search.js"),
        &format!("const PASSAGES = {index};\n{SEARCH}"),
    )?;
    let lost = links.iter().find(|(_, to)| !topics.contains(&to.as_str()));
    if let Some((from, to)) = lost {
        bail!("the page {from} links to {to}, which is no page");
    }
    Ok(())
}

/// The codes and their titles, which the page about them lists as `- SW0101: Title`.
fn codes(text: &str) -> Vec<(String, String)> {
    let items = text.lines().filter_map(|line| line.strip_prefix("- SW"));
    let items = items.filter_map(|item| item.split_once(": "));
    items
        .map(|(code, title)| (format!("SW{code}"), format!("SW{code}: {title}")))
        .collect()
}

fn text_of(topic: &str) -> Result<String> {
    let found: Text = asked(&["docs", topic, "--json"])?;
    Ok(found.text)
}

fn asked<T: serde::de::DeserializeOwned>(args: &[&str]) -> Result<T> {
    let words = args.join(" ");
    let output = Command::new(root().join(PROGRAM))
        .args(args)
        .output()
        .with_context(|| format!("cannot start {PROGRAM}"))?;
    if !output.status.success() {
        bail!("{PROGRAM} {words} ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{PROGRAM} {words} gave no such JSON"))
}

fn put(path: PathBuf, text: &str) -> Result<()> {
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::codes;

    #[test]
    fn codes_are_read_from_their_list() {
        let text = "# Codes\n\n- SW0101: Not YAML\n- other: x\n- SW0502: Not a table\n";
        let expected = [
            ("SW0101", "SW0101: Not YAML"),
            ("SW0502", "SW0502: Not a table"),
        ];
        let expected = expected.map(|(code, title)| (code.to_owned(), title.to_owned()));
        assert_eq!(codes(text), expected);
    }
}
