//! Starts processes through the engine, with the journal on, compared with bare process launchers.

use std::fmt::Write as _;

use anyhow::Result;

use super::engine::{Bed, time_shell};
use super::figure::{Figure, median};
use crate::shell::has;

const TASKS: u32 = 10_000;
const ROUNDS: u32 = 3;

/// 10 000 `/bin/true`: tasks per second and memory, compared with `xargs -P2` and `make -j2`.
pub(crate) fn rate() -> Result<Vec<Figure>> {
    let workflow = format!(
        "name: dispatch\nstages:\n  t:\n    run: [/bin/true]\n    cache: false\n    scatter: {{ range: {TASKS} }}\n"
    );
    let bed = Bed::new(&workflow)?;
    let mut makefile = String::from("all:");
    (0..TASKS).for_each(|index| _ = write!(makefile, " t{index}"));
    makefile.push_str("\nt%:\n\t@/bin/true\n");
    std::fs::write(bed.path().join("Makefile"), makefile)?;
    let (mut ours, mut xargs, mut make, mut memory) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let took = bed.run(&["-j", "2", "--fresh"])?;
        ours.push(f64::from(TASKS) / took.seconds);
        memory.push(took.peak_bytes / 1e6);
        let script = format!("seq {TASKS} | xargs -P2 -n1 /bin/true");
        xargs.push(f64::from(TASKS) / time_shell(&script, bed.path())?);
        if has("make", &["--version"]) {
            make.push(f64::from(TASKS) / time_shell("make -s -j2", bed.path())?);
        }
    }
    let ours = median(ours);
    let what = "10 000 /bin/true, journal on";
    let mut figures = vec![Figure::rate(
        what,
        "tasks/s",
        ours,
        Some(("xargs -P2", median(xargs))),
        "1 x, reach 1.2 x",
    )];
    if !make.is_empty() {
        figures.push(Figure::rate(
            what,
            "tasks/s",
            ours,
            Some(("make -j2", median(make))),
            "told",
        ));
    }
    figures.push(Figure::cost(
        "its memory",
        "MB",
        median(memory),
        None,
        "< 40",
    ));
    Ok(figures)
}

/// The same rate for other shapes of graphs: fan-out and fan-in, layers, a chain.
pub(crate) fn shapes() -> Result<Vec<Figure>> {
    let shapes = [
        ("1 -> 1 000 -> 1", fan(), 1_002.0),
        ("50 layers x 100, 3 parents each", layers(50, 100), 5_000.0),
    ];
    let mut figures = Vec::new();
    for (what, workflow, tasks) in shapes {
        let bed = Bed::new(&workflow)?;
        let (mut ours, mut xargs) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            ours.push(tasks / bed.run(&["-j", "2", "--fresh"])?.seconds);
            let script = format!("seq {tasks} | xargs -P2 -n1 /bin/true");
            xargs.push(tasks / time_shell(&script, bed.path())?);
        }
        figures.push(Figure::rate(
            what,
            "tasks/s",
            median(ours),
            Some(("xargs -P2", median(xargs))),
            "1 x",
        ));
    }
    let bed = Bed::new(&chain(500))?;
    let mut hops = Vec::new();
    for _ in 0..ROUNDS {
        hops.push(bed.run(&["-j", "2", "--fresh"])?.seconds * 1e3 / 500.0);
    }
    figures.push(Figure::cost(
        "a hop in a chain of 500",
        "ms",
        median(hops),
        None,
        "< 2",
    ));
    Ok(figures)
}

/// One-line scripts with the strict shell and with `sh`, compared with `xargs -P2` and the same
/// shells.
pub(crate) fn shells() -> Result<Vec<Figure>> {
    const SCRIPTS: u32 = 3_000;
    let shapes = [
        (
            "3 000 one-line scripts in the strict bash",
            "",
            "bash --noprofile --norc -euo pipefail -c",
        ),
        (
            "3 000 one-line scripts with `shell: sh`",
            "    shell: sh\n",
            "/bin/sh -eu -c",
        ),
    ];
    let mut figures = Vec::new();
    for (what, keys, loop_of) in shapes {
        let bed = Bed::new(&format!(
            "name: shells\nstages:\n  t:\n    run: \": ${{{{ item }}}}\"\n{keys}    cache: false\n    scatter: {{ range: {SCRIPTS} }}\n"
        ))?;
        let (mut ours, mut theirs) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            let tasks = f64::from(SCRIPTS);
            ours.push(tasks / bed.run(&["-j", "2", "--fresh"])?.seconds);
            let script = format!("seq {SCRIPTS} | xargs -P2 -I{{}} {loop_of} ': {{}}'");
            theirs.push(tasks / time_shell(&script, bed.path())?);
        }
        figures.push(Figure::rate(
            what,
            "tasks/s",
            median(ours),
            Some((&format!("xargs -P2 {loop_of}"), median(theirs))),
            "1 x",
        ));
    }
    Ok(figures)
}

/// The time from the start of the process to the first task, by the task's own clock.
pub(crate) fn first_task() -> Result<Vec<Figure>> {
    let workflow = "name: first\nstages:\n  t:\n    run: date +%s%N > ${{ outputs.at }}\n    cache: false\n    outputs: { at: { format: file, ext: txt } }\noutputs: { at: t.at }\n";
    let bed = Bed::new(workflow)?;
    let mut delays = Vec::new();
    for _ in 0..5 {
        let began = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .as_secs_f64();
        let took = bed.run(&["--fresh", "--out", "."])?;
        drop(took);
        let text = std::fs::read_to_string(bed.path().join("at.txt"))?;
        let nanoseconds: f64 = text.trim().parse()?;
        delays.push((nanoseconds / 1e9 - began) * 1e3);
    }
    Ok(vec![Figure::cost(
        "start to first task",
        "ms",
        median(delays),
        None,
        "< 50",
    )])
}

fn fan() -> String {
    "name: fan\ndefaults: { cache: false }\nstages:\n  a: { run: [/bin/true] }\n  b: { run: [/bin/true], scatter: { range: 1000 }, needs: [a] }\n  c: { run: [/bin/true], needs: [b] }\n".into()
}

fn chain(length: u32) -> String {
    let mut text = String::from(
        "name: chain\ndefaults: { cache: false }\nstages:\n  s0: { run: [/bin/true] }\n",
    );
    (1..length)
        .for_each(|i| _ = writeln!(text, "  s{i}: {{ run: [/bin/true], needs: [s{}] }}", i - 1));
    text
}

fn layers(depth: u32, width: u32) -> String {
    let mut text = String::from("name: layers\ndefaults: { cache: false }\nstages:\n");
    for layer in 0..depth {
        for place in 0..width {
            let needs =
                (0..3).map(|step| format!("l{}_{}", layer.wrapping_sub(1), (place + step) % width));
            let needs: Vec<String> = if layer == 0 { vec![] } else { needs.collect() };
            _ = writeln!(
                text,
                "  l{layer}_{place}: {{ run: [/bin/true], needs: [{}] }}",
                needs.join(", ")
            );
        }
    }
    text
}
