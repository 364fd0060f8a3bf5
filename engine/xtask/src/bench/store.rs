//! The costs of storing and providing data: folders of many files, reading again after an unclean
//! stop, and large files as tasks see them.

use std::fs::{self, File};
use std::path::Path;

use anyhow::Result;

use super::engine::{Bed, time_shell};
use super::figure::{Figure, median};

const ROUNDS: u32 = 5;

/// Folders as outputs, compared with `cp -r` and `sync` of the same folder. The time of the command
/// itself is subtracted.
pub(crate) fn folders() -> Result<Vec<Figure>> {
    let shapes = [
        (
            "storing a folder of 500 files of 20 kB",
            "head -c 10000000 /dev/zero | split -a 3 -b 20000 -",
        ),
        (
            "storing a folder of 30 000 empty files",
            "seq 30000 | xargs touch",
        ),
    ];
    let mut figures = Vec::new();
    for (what, fill) in shapes {
        let bed = |output: &str, folder: &str| {
            Bed::new(&format!(
                "name: folder\nstages:\n  t:\n    run: mkdir -p {folder}; cd {folder}; {fill}\n    cache: false\n{output}"
            ))
        };
        let kept = bed("    outputs: { d: { format: dir } }\n", "${{ outputs.d }}")?;
        let left = bed("", "d")?;
        let copied = tempfile::tempdir()?;
        time_shell(&format!("mkdir d; cd d; {fill}"), copied.path())?;
        let (mut ours, mut theirs) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            let base = left.run(&["--fresh"])?.seconds;
            ours.push((kept.run(&["--fresh"])?.seconds - base).max(0.0));
            theirs.push(time_shell("cp -r d copy; sync", copied.path())?);
            time_shell("rm -rf copy", copied.path())?;
        }
        figures.push(Figure::cost(
            what,
            "s",
            median(ours),
            Some(("cp -r; sync", median(theirs))),
            ">= 0.67 x",
        ));
    }
    Ok(figures)
}

/// A stage that reads 512 MB again, after an unclean and after a clean stop. After an unclean one,
/// the store verifies the data.
pub(crate) fn unclean() -> Result<Vec<Figure>> {
    let bed = Bed::new(
        "name: unclean\nstages:\n  a:\n    run: head -c 512000000 /dev/zero > ${{ outputs.o }}\n    outputs: { o: { format: file } }\n  b:\n    inputs: { i: a.o }\n    run: wc -c < ${{ inputs.i }} > ${{ outputs.n }}\n    outputs: { n: { format: file } }\noutputs: { n: b.n }\n",
    )?;
    bed.run(&[])?;
    let again = ["--fresh", "--force", "b"];
    let mark = bed.path().join(".sunward/store/default/unclean");
    let (mut doubted, mut believed) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        for path in [&mark, &mark.with_extension("read")] {
            drop(fs::remove_file(path));
        }
        believed.push(bed.run(&again)?.seconds);
        File::create(&mark)?;
        doubted.push(bed.run(&again)?.seconds);
    }
    Ok(vec![Figure::cost(
        "512 MB read after an unclean stop",
        "s",
        median(doubted),
        Some(("a clean stop", median(believed))),
        "told",
    )])
}

/// Tasks that see a large file as an input or through a parameter, compared with a copy for each.
pub(crate) fn views() -> Result<Vec<Figure>> {
    const TASKS: u32 = 200;
    const COPIES: u32 = 10;
    let inputs = "inputs: { i: { from: ./large, as: file } }";
    let params = "params: { f: { type: path, default: ./large } }\n";
    let shapes = [
        ("256 MB as an input, for each task", "", inputs, "inputs.i"),
        (
            "256 MB through a param, for each task",
            params,
            "cache: false",
            "params.f",
        ),
    ];
    let mut figures = Vec::new();
    for (what, params, keys, name) in shapes {
        let bed = Bed::new(&format!(
            "name: views\n{params}stages:\n  t:\n    run: [test, -s, \"${{{{ {name} }}}}\"]\n    scatter: {{ range: {TASKS} }}\n    {keys}\n"
        ))?;
        make_large(&bed.path().join("large"))?;
        bed.run(&["--fresh"])?;
        let (mut ours, mut theirs) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            let took = bed.run(&["--fresh", "--force", "t", "-j", "2"])?;
            ours.push(took.seconds * 1e3 / f64::from(TASKS));
            let script = format!("for i in $(seq {COPIES}); do cp large copy; rm copy; done");
            theirs.push(time_shell(&script, bed.path())? * 1e3 / f64::from(COPIES));
        }
        figures.push(Figure::cost(
            what,
            "ms",
            median(ours),
            Some(("cp", median(theirs))),
            "> 5 x",
        ));
    }
    Ok(figures)
}

fn make_large(path: &Path) -> Result<()> {
    // Not zeros, because a file system may store those as holes.
    let block: Vec<u8> = (0..=255_u8).cycle().take(1 << 20).collect();
    let mut file = File::create(path)?;
    for _ in 0..256 {
        std::io::Write::write_all(&mut file, &block)?;
    }
    file.sync_all()?;
    Ok(())
}
