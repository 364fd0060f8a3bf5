//! The only room that prints. stdout answers, stderr talks; a human and a machine see one value.

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

/// A value that can be answered with: `--json` shows its fields, a human reads its page.
pub(crate) trait View: Serialize {
    /// The value as a human reads it.
    fn page(&self, page: &mut Page);
}

/// Answers on stdout, once.
///
/// # Errors
/// When stdout cannot be written; a closed pipe ends the process quietly at the top.
pub(crate) fn answer(context: &Context, view: &impl View) -> anyhow::Result<()> {
    if context.json {
        return machine(view);
    }
    let mut page = Page::new(context.out_style);
    view.page(&mut page);
    raw(page.finish().as_bytes())
}

/// Answers a machine on stdout: one line of JSON.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn machine(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    raw(text.as_bytes())
}

/// Writes bytes to stdout as they are: for what is text by nature (SVG, schema, a log that is
/// followed).
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn raw(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

/// Says something on stderr. When nobody can hear it any more, work goes on.
pub(crate) fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let ending = if text.ends_with('\n') { "" } else { "\n" };
    // A closed stderr must not end a run that is doing well.
    drop(write!(stderr, "{text}{ending}"));
}

/// Says an error on stderr, with all that led to it.
pub(crate) fn complain(style: Style, error: &anyhow::Error) {
    let mut text = style.bad("error: ");
    text.push_str(&error.to_string());
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many errors repeat their source in their own words.
        if !text.contains(&cause) {
            text.push_str("\n  because ");
            text.push_str(&cause);
        }
    }
    say(&text);
}
