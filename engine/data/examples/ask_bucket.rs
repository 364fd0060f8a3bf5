//! Asks a bucket once for each thing that a run asks a bucket for: `ask_bucket s3://BUCKET/PREFIX
//! FOLDER`. `cargo xtask fuzz s3` gives it answers that no bucket should give.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a program for the terminal"
)]

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use sunward_core::{Dataset, DatasetKind, Digest, PartRef};
use sunward_data::{DataError, ResultIndex, Store};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, home] = words.as_slice() else {
        eprintln!("usage: ask_bucket s3://BUCKET/PREFIX FOLDER");
        return ExitCode::from(2);
    };
    match ask(address, Path::new(home)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

fn ask(address: &str, home: &Path) -> Result<(), DataError> {
    let store = Store::open_hasty(home, address)?;
    let part = PartRef {
        digest: Digest::of(b"part"),
        bytes: 4,
        rows: 0,
    };
    let dataset = Dataset {
        kind: DatasetKind::File,
        content: part.digest,
        rows: 0,
        parts: vec![part],
        written: None,
        files: None,
    };
    let index = ResultIndex::open(&store)?;
    say(
        "result",
        index.get(&[Digest::default()]).map(|found| found.len()),
    );
    say("available", store.is_available(&dataset));
    say("fetched", store.fetch(&dataset).map(|()| true));
    let file = home.join("file");
    std::fs::write(&file, "part").map_err(|source| DataError::Io {
        what: "write",
        path: file.clone(),
        source,
    })?;
    say("kept", store.blob(&file).map(|kept| kept.rows));
    Ok(())
}

/// Prints what came of a request. A wrong answer is an error, and no reason to stop.
fn say(what: &str, answer: Result<impl Display, DataError>) {
    match answer {
        Ok(answer) => println!("{what}: {answer}"),
        Err(error) => println!("{what}: {error}"),
    }
}
