//! Reads PDBQT files of AutoDock Vina: one row for each molecule, which is a MODEL, or the whole
//! file if it has none.
//!
//! The columns hold lists over the molecule's atoms, so that kernels work on whole rows and a table
//! can be sliced anywhere. `xs_type` and `rotors` are not in the file. They are derived as in Vina
//! (see [`bonds`]).

mod atom;
mod bodies;
mod bonds;
mod columns;
mod element;
mod molecule;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use sunward_files::open_regular;

use arrow::array::RecordBatch;

use self::atom::Atom;
use self::columns::Columns;
pub(super) use self::columns::schema;
use self::molecule::Molecule;
use super::{Opened, batches};
use crate::error::DataError;

/// The approximate atoms of one batch.
const BATCH_ATOMS: usize = 1 << 18;

/// Opens a file. Records other than ATOM, HETATM, ROOT, BRANCH, ENDBRANCH, MODEL and ENDMDL are
/// ignored.
pub(super) fn open(path: &Path) -> Result<Opened, DataError> {
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let mut models = Batches {
        lines: Lines {
            path: path.to_owned(),
            source: BufReader::new(file),
            number: 0,
            text: String::new(),
        },
        models: 0,
    };
    Ok(Opened {
        schema: schema(),
        rows: batches(move || models.batch()),
    })
}

/// The file's lines, one at a time.
struct Lines {
    path: PathBuf,
    source: BufReader<File>,
    number: u64,
    text: String,
}

impl Lines {
    /// Reads the next line; false at the end.
    fn next(&mut self) -> Result<bool, DataError> {
        let mut bytes = Vec::new();
        self.source
            .read_until(b'\n', &mut bytes)
            .map_err(DataError::io("read", &self.path))?;
        self.number += 1;
        self.text.clear();
        // Columns are counted in bytes, so non-ASCII text could shift them.
        if !bytes.is_ascii() {
            return Err(self.broken("it contains bytes that are not ASCII", "plain ASCII text"));
        }
        self.text
            .push_str(String::from_utf8_lossy(&bytes).trim_end());
        Ok(!bytes.is_empty())
    }

    fn broken(&self, found: &str, wanted: &str) -> DataError {
        DataError::Format {
            path: self.path.clone(),
            expected: "PDBQT file",
            found: format!("line {}: {found}", self.number),
            hint: format!("expected {wanted}"),
        }
    }
}

struct Batches {
    lines: Lines,
    /// The number of molecules so far.
    models: i32,
}

impl Batches {
    fn batch(&mut self) -> Result<Option<RecordBatch>, DataError> {
        let mut columns = Columns::default();
        while columns.atoms() < BATCH_ATOMS {
            let Some(molecule) = self.molecule()? else {
                break;
            };
            columns.push(&molecule);
        }
        columns.finish()
    }

    /// The next molecule; `None` if the file ends before one begins.
    fn molecule(&mut self) -> Result<Option<Molecule>, DataError> {
        let mut molecule = Molecule::default();
        let mut model = None;
        let mut first = 0;
        while self.lines.next()? {
            let line = &self.lines;
            match line.text.split_ascii_whitespace().next().unwrap_or("") {
                "MODEL" if model.is_some() => {
                    return Err(line.broken(
                        &format!("a MODEL begins within that of line {first}"),
                        "ENDMDL before the next MODEL",
                    ));
                }
                "MODEL" if !molecule.atoms.is_empty() => {
                    return Err(line.broken(
                        "a MODEL begins after atoms that belong to none",
                        "all atoms between MODEL and ENDMDL, or no MODEL at all",
                    ));
                }
                "MODEL" => {
                    model = Some(number(line)?);
                    first = line.number;
                }
                "ENDMDL" => {
                    let Some(model) = model else {
                        return Err(
                            line.broken("ENDMDL without a MODEL", "MODEL and a number before")
                        );
                    };
                    return self.finish(molecule, model).map(Some);
                }
                "BRANCH" => {
                    let branch = branch(line)?;
                    molecule.branches.push(branch);
                    molecule.bodies.begin_branch();
                }
                "ROOT" => molecule.bodies.begin_root(),
                "ENDBRANCH" => molecule.bodies.end_branch(),
                _ if line.text.starts_with("ATOM") || line.text.starts_with("HETATM") => {
                    if model.is_none() && self.models > 0 {
                        return Err(line.broken(
                            "an atom after ENDMDL that belongs to no MODEL",
                            "all atoms between MODEL and ENDMDL",
                        ));
                    }
                    molecule.atoms.push(Atom::read(line)?);
                    molecule.bodies.add_atom();
                }
                _ => {}
            }
        }
        if model.is_some() {
            return Err(self.lines.broken(
                &format!("the file ends within the MODEL of line {first}"),
                "ENDMDL; the file may be cut off",
            ));
        }
        if molecule.atoms.is_empty() && (self.models > 0 || molecule.branches.is_empty()) {
            return Ok(None);
        }
        self.finish(molecule, 1).map(Some)
    }

    fn finish(&mut self, mut molecule: Molecule, model: i32) -> Result<Molecule, DataError> {
        molecule.model = model;
        molecule.complete(&self.lines)?;
        self.models += 1;
        Ok(molecule)
    }
}

/// The number of a MODEL.
fn number(line: &Lines) -> Result<i32, DataError> {
    let word = line.text.split_ascii_whitespace().nth(1);
    word.and_then(|word| word.parse().ok())
        .ok_or_else(|| line.broken("a MODEL without a whole number", "as in `MODEL 1`"))
}

/// The serial numbers of the two atoms of a BRANCH, and its line.
fn branch(line: &Lines) -> Result<(u64, i32, i32), DataError> {
    let mut words = line.text.split_ascii_whitespace().skip(1);
    let mut serial = || words.next().and_then(|word| word.parse().ok());
    match (serial(), serial()) {
        (Some(from), Some(to)) => Ok((line.number, from, to)),
        _ => Err(line.broken(
            "a BRANCH without two whole numbers",
            "the serials of its two atoms, as in `BRANCH   1   8`",
        )),
    }
}
