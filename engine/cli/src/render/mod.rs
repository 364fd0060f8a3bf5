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
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;

pub(crate) use page::Page;
pub(crate) use style::Style;
use style::harmless;

/// Whether something was written to stdout. An answer with `--json` is one value.
static ANSWERED: AtomicBool = AtomicBool::new(false);

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
    ANSWERED.store(true, Ordering::Relaxed);
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

/// Prints an error with its causes to stderr. It may name what the user or a file wrote, so control
/// characters are escaped.
pub(crate) fn complain(style: Style, error: &anyhow::Error) {
    say(&(style.bad("error: ") + &harmless(&in_full(error))));
}

/// An error with its causes.
fn in_full(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many errors repeat their source in their own text.
        if !text.contains(&cause) {
            text.push_str("\n  because ");
            text.push_str(&cause);
        }
    }
    text
}

/// The answer of `--json` to an error: what is wrong, and the exit code.
#[derive(Serialize)]
struct ErrorAnswer {
    version: u32,
    error: ErrorView,
}

#[derive(Serialize)]
struct ErrorView {
    message: String,
    code: u8,
}

/// Answers a program that asked for JSON with the error, unless it has an answer.
pub(crate) fn answer_error(message: impl Into<String>, exit: Exit) {
    if ANSWERED.load(Ordering::Relaxed) {
        return;
    }
    let error = ErrorView {
        message: message.into(),
        code: exit.code(),
    };
    // Nobody may read it any more.
    drop(machine(&ErrorAnswer { version: 1, error }));
}

/// As [`answer_error`], with the causes of an error.
pub(crate) fn answer_with(error: &anyhow::Error, exit: Exit) {
    answer_error(in_full(error), exit);
}
