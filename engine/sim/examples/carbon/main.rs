//! Measures the savings of placement on recorded grids, for each policy, compared with a
//! clairvoyant. `cargo run --release -p sunward-sim --example carbon [TABLE…] [--every HOURS]`.
//! Grids are read from `$SUNWARD_SHARED/data` (default `../shared`). It prints a JSON list of rows.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints, and stops where it cannot go on"
)]

mod tables;
mod world;

use std::path::PathBuf;

fn main() {
    let shared = std::env::var_os("SUNWARD_SHARED").unwrap_or_else(|| "../shared".into());
    let data = PathBuf::from(shared).join("data");
    let mut names: Vec<String> = Vec::new();
    let mut every_h = 5;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--every" {
            every_h = args
                .next()
                .and_then(|text| text.parse().ok())
                .expect("--every HOURS");
        } else {
            names.push(arg);
        }
    }
    if !data.join("grid").is_dir() {
        eprintln!(
            "NOT RUN: no recorded grids under {}; set SUNWARD_SHARED",
            data.display()
        );
        println!("[]");
        return;
    }
    let study = world::Study::open(&data, every_h);
    let mut rows = Vec::new();
    for (name, table) in tables::ALL {
        if names.is_empty() || names.iter().any(|one| one == name) {
            rows.extend(table(&study));
        }
    }
    println!("{}", serde_json::to_string(&rows).expect("plain rows"));
}
