//! The only room that prints. Answers go to stdout, messages to stderr. Text and JSON show the same
//! value.

pub(crate) mod markdown;
pub(crate) mod page;
pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text_width;
pub(crate) mod units;

use std::io::Write;

use serde::Serialize;

use crate::context::Context;

pub(crate) use page::Page;
pub(crate) use style::Style;

/// An answer: `--json` shows its fields, and people read its page.
pub(crate) trait View: Serialize {
    /// Writes the value for people.
    fn page(&self, page: &mut Page);
}

/// Prints the answer to stdout. Each verb calls this once.
///
/// # Errors
/// Fails if stdout cannot be written. For a closed pipe, `main` ends the process without a message.
pub(crate) fn answer(context: &Context, view: &impl View) -> anyhow::Result<()> {
    if context.json {
        return machine(view);
    }
    let mut page = Page::new(context.out_style);
    view.page(&mut page);
    raw(page.finish().as_bytes())
}

/// Prints one line of JSON to stdout.
///
/// # Errors
/// Fails if stdout cannot be written.
pub(crate) fn machine(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    raw(text.as_bytes())
}

/// Writes bytes to stdout unchanged, for answers that are text in themselves: SVG, a schema, a
/// followed log.
///
/// # Errors
/// Fails if stdout cannot be written.
pub(crate) fn raw(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

/// Prints a message to stderr. A closed stderr is ignored.
pub(crate) fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let ending = if text.ends_with('\n') { "" } else { "\n" };
    // A closed stderr must not end a run.
    drop(write!(stderr, "{text}{ending}"));
}

/// Prints an error with its causes to stderr.
pub(crate) fn complain(style: Style, error: &anyhow::Error) {
    let mut text = style.bad("error: ");
    text.push_str(&error.to_string());
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many errors repeat their source in their own text.
        if !text.contains(&cause) {
            text.push_str("\n  because ");
            text.push_str(&cause);
        }
    }
    say(&text);
}
