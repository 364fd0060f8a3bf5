//! `cargo xtask bench`: measures Sunward and other tools in one run, and prints the ratios.
//!
//! Each figure is the median of several alternating runs. No figure can fail a build, because a
//! busy machine must not break one. Figures without another tool to compare with have no ratio. If
//! `$SUNWARD_BENCH_BINARY` names a program, that is measured and nothing is built.

mod carbon;
mod dispatch;
mod engine;
mod example;
mod figure;
mod files;
mod forecast;
mod handoff;
mod kernel;
mod placing;
mod resume;
mod scatter;
mod sim;
mod store;
mod surplus;

use anyhow::{Result, bail};

use crate::shell;
use figure::Figure;

type Bench = fn() -> Result<Vec<Figure>>;

const BENCHES: &[(&str, Bench)] = &[
    ("dispatch", dispatch::rate),
    ("shapes", dispatch::shapes),
    ("shells", dispatch::shells),
    ("first-task", dispatch::first_task),
    ("scatter", scatter::noop),
    ("rerun", resume::rerun),
    ("files", files::plans),
    ("handoff", handoff::table),
    ("folders", store::folders),
    ("unclean", store::unclean),
    ("views", store::views),
    ("kernels", kernel::all),
    ("placing", placing::times),
    ("sim", sim::year),
    ("carbon", carbon::tables),
    ("forecast", forecast::table),
];

/// Runs one benchmark, or all of them, and prints a table or JSON.
pub(crate) fn run(name: Option<&str>, json: bool) -> Result<()> {
    let chosen: Vec<_> = BENCHES
        .iter()
        .filter(|(known, _)| name.is_none_or(|name| name == *known))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        bail!(
            "there is no such benchmark; there are: {}",
            names.join(", ")
        );
    }
    if engine::chosen_binary().is_none() {
        shell::run("cargo", &["build", "--release", "--quiet"], &[])?;
    }
    let mut figures = Vec::new();
    for (name, bench) in chosen {
        shell::say(&format!("bench {name} …"));
        figures.extend(bench()?);
    }
    if json {
        shell::answer(&serde_json::to_string_pretty(&figures)?);
    } else {
        figures
            .iter()
            .for_each(|figure| shell::answer(&figure.line()));
    }
    Ok(())
}
