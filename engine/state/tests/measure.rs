//! Measures the journal. Run by hand:
//! `cargo test --release -p sunward-state --test measure -- --ignored --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "a measurement prints"
)]

use std::time::Instant;

use sunward_state::conformance::sample;
use sunward_state::{Journal, Reader, Scope, Sqlite};
use tempfile::TempDir;

#[test]
#[ignore = "a measurement"]
fn groups_results_and_reopening() {
    let home = TempDir::new().unwrap();
    let begin = Instant::now();
    let mut engine = Sqlite::open(home.path()).unwrap();
    println!("create: {:?}", begin.elapsed());
    engine
        .append(&sample::group(vec![sample::submitted(1)]))
        .unwrap();
    let begin = Instant::now();
    for _ in 0..500 {
        engine
            .append(&sample::group(vec![sample::leased(1, 0, 1)]))
            .unwrap();
    }
    println!("a small group: {:?}", begin.elapsed() / 500);
    for with_results in [false, true] {
        let begin = Instant::now();
        for number in 0..100_u32 {
            let mut group = sample::group(vec![sample::finished(1, number * 4000, 4000)]);
            if with_results {
                group.results = (0..4000_u64)
                    .map(|n| u64::from(number) * 4000 + n)
                    .map(|n| (sample::key(n), sample::result(n)))
                    .collect();
            }
            engine.append(&group).unwrap();
        }
        let rate = 400_000.0 / begin.elapsed().as_secs_f64();
        println!("finished tasks, shared results {with_results}: {rate:.0}/s");
    }
    let keys: Vec<_> = (0..1000).map(|n| sample::key(n * 397)).collect();
    let begin = Instant::now();
    engine.lookup_results(&keys).unwrap();
    println!("1000 keys: {:?}", begin.elapsed());
    drop(engine);
    let begin = Instant::now();
    let engine = Sqlite::open(home.path()).unwrap();
    println!("reopen: {:?}", begin.elapsed());
    let begin = Instant::now();
    let mut facts = 0;
    engine.replay(Scope::Live, &mut |_| facts += 1).unwrap();
    println!(
        "replay of {facts} facts, 800 000 tasks: {:?}",
        begin.elapsed()
    );
}
