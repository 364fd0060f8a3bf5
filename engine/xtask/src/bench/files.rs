//! A workflow over many files, or over a sheet with many rows, of which one is new.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Result, bail};

use super::engine::{Bed, binary, time_shell};
use super::figure::{Figure, median};

const FILES: u32 = 100_000;
const ROWS: u32 = 10_000;
const ROUNDS: usize = 5;

/// A listing of a folder with the stamp of each file: the least that a plan needs.
const LISTING: &str = "find data -type f -printf '%p %i %s %T@ %C@\\n'";

const OVER_FILES: &str = r#"name: files
stages:
  count:
    inputs: { f: "./data/*.txt" }
    scatter: { over: f }
    run: wc -c < ${{ inputs.f }} > ${{ outputs.n }}
    outputs: { n: { format: file, name: "${{ item.stem }}.n" } }
  all:
    inputs: { n: count.n }
    run: cat ${{ inputs.n.files }} | wc -l > ${{ outputs.all }}
    outputs: { all: { format: file, ext: txt } }
"#;

const OVER_ROWS: &str = r#"name: rows
stages:
  count:
    inputs: { sheet: ./sheet.csv }
    scatter: { over: sheet }
    run: echo ${{ item.sample }} > ${{ outputs.n }}
    outputs: { n: { format: file, name: "${{ item.sample }}.n" } }
"#;

/// Plans over 100 000 files and over a sheet of 10 000 rows, all but one of which have results, and
/// runs over those that have. The first runs take some minutes.
pub(crate) fn plans() -> Result<Vec<Figure>> {
    let mut figures = over_files()?;
    figures.extend(over_rows()?);
    Ok(figures)
}

fn over_files() -> Result<Vec<Figure>> {
    let bed = Bed::new(OVER_FILES)?;
    let data = bed.path().join("data");
    fs::create_dir(&data)?;
    for number in 0..FILES {
        fs::write(data.join(format!("f_{number:06}.txt")), number.to_string())?;
    }
    bed.run(&["--until", "count"])?;
    let rerun = rerun(&bed, &["--until", "count"], FILES)?;
    fs::write(data.join("new.txt"), "new")?;
    let (plan, listing) = plan_beside(&bed, LISTING, FILES)?;
    let rival = Some(("find -printf", listing));
    Ok(vec![
        Figure::cost(
            "plan of 100 000 files, one of them new",
            "s",
            plan,
            rival,
            "< 1",
        ),
        Figure::cost(
            "run of 100 000 files, none of them new",
            "s",
            rerun,
            rival,
            "told",
        ),
    ])
}

fn over_rows() -> Result<Vec<Figure>> {
    let bed = Bed::new(OVER_ROWS)?;
    let sheet = bed.path().join("sheet.csv");
    let mut text = String::from("sample,dose\n");
    for row in 0..ROWS {
        writeln!(text, "s{row:05},{row}")?;
    }
    fs::write(&sheet, &text)?;
    bed.run(&[])?;
    let rerun = rerun(&bed, &[], ROWS)?;
    text.push_str("new,0\n");
    fs::write(&sheet, &text)?;
    let (plan, reading) = plan_beside(&bed, "cat sheet.csv", ROWS)?;
    let rival = Some(("cat", reading));
    Ok(vec![
        Figure::cost(
            "plan of a sheet of 10 000 rows, one of them new",
            "s",
            plan,
            rival,
            "< 1",
        ),
        Figure::cost(
            "run of a sheet of 10 000 rows, none of them new",
            "s",
            rerun,
            rival,
            "told",
        ),
    ])
}

/// The seconds of a plan that has one new task beside `known` ones, and of another command, by turns.
fn plan_beside(bed: &Bed, other: &str, known: u32) -> Result<(f64, f64)> {
    let script = format!(
        "{} plan workflow.yaml --json > plan.json",
        binary().display()
    );
    let (mut ours, mut theirs) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        ours.push(time_shell(&script, bed.path())?);
        theirs.push(time_shell(other, bed.path())?);
    }
    let text = fs::read_to_string(bed.path().join("plan.json"))?;
    let plan: serde_json::Value = serde_json::from_str(&text)?;
    let stage = &plan["stages"][0];
    let (tasks, cached) = (stage["tasks"].as_u64(), stage["from_cache"].as_u64());
    if (tasks, cached) != (Some(u64::from(known) + 1), Some(u64::from(known))) {
        bail!(
            "a plan of {known} known tasks and a new one has {tasks:?}, and {cached:?} from cache"
        );
    }
    Ok((median(ours), median(theirs)))
}

/// The seconds of a run whose tasks all have results.
fn rerun(bed: &Bed, args: &[&str], known: u32) -> Result<f64> {
    let mut times = vec![];
    for _ in 0..ROUNDS {
        let took = bed.run(args)?;
        let cached = took.json["stages"]["count"]["cached"].as_u64();
        if cached != Some(u64::from(known)) {
            bail!("a rerun of {known} finished tasks took {cached:?} from cache");
        }
        times.push(took.seconds);
    }
    Ok(median(times))
}
