//! Measures the savings of placement on recorded grids, for each policy, compared with a
//! clairvoyant. `cargo run --release -p sunward-sim --example carbon [TABLE…] [--every HOURS]
//! [--year 2022] [--policy NAME] [--perfect] [--threads N] [--thin TIMES]`. Grids are read from
//! `$SUNWARD_SHARED/data` (default `../shared`). It prints a JSON list of rows, which are the same for
//! any number of threads. Where machines are plenty in many zones, other policies than ours see every
//! third arrival only (`--thin 1` shows them all): that changes their shares by .003 at most.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints, and stops where it cannot go on"
)]

mod cells;
mod clusters;
mod outlooks;
mod sites;
mod tables;
mod world;

use std::path::PathBuf;
use std::thread::available_parallelism;

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
        thin: 3,
    };
    let mut threads = available_parallelism().map_or(1, usize::from);
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
            "--threads" => {
                let number = args.next().and_then(|text| text.parse().ok());
                threads = number.expect("--threads N");
            }
            "--thin" => {
                let times = args.next().and_then(|text| text.parse().ok());
                asked.thin = times.filter(|times| *times > 0).expect("--thin TIMES");
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
    let study = world::Study::open(&data, &world::ZONES, asked);
    let is_asked = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    let asked = tables::ALL.into_iter().filter(|(name, _)| is_asked(name));
    let rows = cells::run(
        &study,
        asked.flat_map(|(_, cells)| cells()).collect(),
        threads,
    );
    println!("{}", serde_json::to_string(&rows).expect("plain rows"));
}
