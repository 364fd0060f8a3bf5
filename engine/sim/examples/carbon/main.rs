//! Measures the savings of placement on recorded grids, for each policy, compared with a
//! clairvoyant. `cargo run --release -p sunward-sim --example carbon [TABLE…] [--every HOURS]
//! [--year 2022] [--policy NAME] [--perfect]`. Grids are read from `$SUNWARD_SHARED/data` (default `../shared`). It prints a JSON list of rows.
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

use sunward_grid::Foresight;

use world::{Asked, CHOSEN_ON, JUDGED};

fn main() {
    let shared = std::env::var_os("SUNWARD_SHARED").unwrap_or_else(|| "../shared".into());
    let data = PathBuf::from(shared).join("data");
    let mut names: Vec<String> = Vec::new();
    let mut asked = Asked {
        every_h: 5,
        year: JUDGED,
        foresight: Foresight::Past,
        policy: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--every" => {
                let hours = args.next().and_then(|text| text.parse().ok());
                asked.every_h = hours.expect("--every HOURS");
            }
            "--year" => {
                asked.year = match args.next().as_deref() {
                    Some("2022") => CHOSEN_ON,
                    Some("2023") => JUDGED,
                    _ => panic!("--year 2022, or 2023"),
                };
            }
            "--policy" => asked.policy = Some(args.next().expect("--policy NAME")),
            "--perfect" => asked.foresight = Foresight::Perfect,
            _ => names.push(arg),
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
    let study = world::Study::open(&data, asked);
    let mut rows = Vec::new();
    for (name, table) in tables::ALL {
        if names.is_empty() || names.iter().any(|one| one == name) {
            rows.extend(table(&study));
        }
    }
    println!("{}", serde_json::to_string(&rows).expect("plain rows"));
}
