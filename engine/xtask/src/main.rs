//! The project's own tasks: `cargo xtask test`, `bench`, `book`, `fuzz`, `tidy`.
//!
//! They run the tools that build and check the project, those that fail fastest first, and print
//! each command. Nothing of Sunward itself is in this crate.

mod bench;
mod book;
mod bucket;
mod floors;
mod fuzz;
mod notebook;
mod nvrtc;
mod quotes;
mod rust_files;
mod shell;
mod suite;
mod tidy;
mod words;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask CHORE

  test [--quick]        formatting, lints, tidiness, a minute of fuzzing, tests, documentation, dependencies, examples
                        (--quick: formatting, tidiness and tests only)
  bench [NAME] [--json] measurements of Sunward and of other tools in one run, with ratios
  book [FOLDER]         the pages of `sunward docs` as a web site with a search, which needs no server (default target/book)
  tidy                  first lines and sizes of files, imports between crates, words
  fuzz [--seconds N] [--program PATH] [TARGET]
                        damaged files and answers of every kind, given to the built program with limits
                        (default 60 s; use --seconds 3600 now and then, and before a release)
  s3 -- COMMAND …       runs a command with a temporary S3 server; sets AWS_* and SUNWARD_TEST_S3
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test", rest @ ..] => suite::test(rest.contains(&"--quick")),
        ["bench", rest @ ..] => {
            let json = rest.contains(&"--json");
            let name = rest.iter().copied().find(|word| !word.starts_with("--"));
            bench::run(name, json)
        }
        ["book"] => book::book(None),
        ["book", folder] => book::book(Some(folder)),
        ["tidy"] => tidy::run(),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["s3", "--", program, rest @ ..] => beside_s3(program, rest),
        _ => {
            shell::say(HELP);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn beside_s3(program: &str, args: &[&str]) -> anyhow::Result<()> {
    let bucket = bucket::Bucket::start()?;
    let environment = bucket.environment();
    let env: Vec<(&str, &str)> = environment.iter().map(|(k, v)| (*k, v.as_str())).collect();
    shell::run(program, args, &env)
}
