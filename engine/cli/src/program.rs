//! The whole program: it reads the arguments, performs the verb and reports errors.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, Verb};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::home;
use crate::render::style::harmless;
use crate::render::{self, Style};

/// Runs the whole program: reads arguments and environment, performs the verb, and reports errors.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    home::raise_open_files();
    let mut style = Style::new(false);
    let result = Context::read(&cli.everywhere).and_then(|context| {
        style = context.err_style;
        trace(&context);
        perform(&cli.verb, &context)
    });
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            let (exit, to_say) = exit::of_error(&error);
            if to_say {
                render::complain(style, &error);
            }
            if to_say && cli.everywhere.json {
                render::answer_with(&error, exit);
            }
            exit.into()
        }
    }
}

/// Prints what is wrong with the arguments, or the help that was asked for.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help and version are answers and go to stdout. If nobody reads them, that is not an error.
        drop(error.print());
        return Exit::Done.into();
    }
    let arguments = || std::env::args_os().skip(1);
    let told = match error.kind() {
        ErrorKind::InvalidUtf8 => {
            let error = not_utf8();
            render::complain(Style::new(false), &error);
            error.to_string()
        }
        _ => {
            let told = harmless(plain(&error.render().to_string()).trim_end());
            let has_controls = |word: OsString| word.to_string_lossy().contains(char::is_control);
            // Clap repeats arguments as they are.
            if error.kind() == ErrorKind::ValueValidation || arguments().any(has_controls) {
                render::say(&told);
            } else {
                drop(error.print());
            }
            told
        }
    };
    if arguments().any(|word| word == "--json") {
        let told = told.strip_prefix("error: ").unwrap_or(&told);
        render::answer_error(told, Exit::WrongInput);
    }
    Exit::WrongInput.into()
}

/// The message about an option's value, without the words of Rust's number parsers.
fn plain(message: &str) -> String {
    const SAID: &[(&str, &str)] = &[
        (
            "invalid digit found in string",
            "expected a whole number, such as 4",
        ),
        (
            "cannot parse integer from empty string",
            "expected a whole number, such as 4",
        ),
        (
            "number too large to fit in target type",
            "the number is too large",
        ),
        (
            "number too small to fit in target type",
            "the number is too small",
        ),
        (
            "number would be zero for non-zero type",
            "expected 1 or more",
        ),
        ("invalid float literal", "expected a number, such as 0.5"),
        (
            "cannot parse float from empty string",
            "expected a number, such as 0.5",
        ),
        (
            " is not in 1..=4294967295",
            " is less than 1; expected 1 or more",
        ),
        (" is not in 1..=", " is not a number from 1 to "),
    ];
    SAID.iter()
        .fold(message.to_owned(), |message, (said, ours)| {
            message.replace(said, ours)
        })
}

/// The error for an argument that is not UTF-8. Arguments that are only paths of files may be any
/// bytes.
fn not_utf8() -> anyhow::Error {
    let mut arguments = std::env::args_os().skip(1);
    let named = arguments.find(|argument| argument.to_str().is_none());
    let shown = sunward_files::shown(Path::new(&named.unwrap_or_default()));
    exit::wrong_input(format!(
        "the argument {shown} is not UTF-8; commands and results could not be told of it. Rename the file, or name a link to it"
    ))
}

fn perform(verb: &Verb, context: &Context) -> anyhow::Result<Exit> {
    match verb {
        Verb::Run(verb) => verb.perform(context),
        Verb::Check(verb) => verb.perform(context),
        Verb::Test(verb) => verb.perform(context),
        Verb::Plan(verb) => verb.perform(context),
        Verb::Graph(verb) => verb.perform(context),
        Verb::Grid(verb) => verb.perform(context),
        Verb::Status(verb) => verb.perform(context),
        Verb::Logs(verb) => verb.perform(context),
        Verb::Show(verb) => verb.perform(context),
        Verb::Explain(verb) => verb.perform(context),
        Verb::Report(verb) => verb.perform(context),
        Verb::Retry(verb) => verb.perform(context),
        Verb::Cancel(verb) => verb.perform(context),
        Verb::Cache(verb) => verb.perform(context),
        Verb::Simulate(verb) => verb.perform(context),
        Verb::Docs(verb) => verb.perform(context),
        Verb::Kernels(verb) => verb.perform(context),
        Verb::Schema(verb) => verb.perform(context),
        Verb::Init(verb) => verb.perform(context),
        Verb::Doctor(verb) => verb.perform(context),
        Verb::Completions(verb) => verb.perform(Cli::command(), context),
        Verb::Man(verb) => verb.perform(Cli::command(), context),
        Verb::DeviceTask(verb) => verb.perform(),
        Verb::Supervise(verb) => Ok(verb.perform()),
    }
}

/// Writes traces to stderr if `$SUNWARD_LOG` requests them, as in
/// `SUNWARD_LOG=sunward_drive=debug`.
fn trace(context: &Context) {
    let Some(wanted) = &context.trace else {
        return;
    };
    let filter = tracing_subscriber::EnvFilter::new(wanted);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(context.err_style.is_coloured())
        .init();
}
