//! A receptor or ligand of a table, checked.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::Float64Type;
use arrow_schema::DataType;
use sunward_workflows::catalog::KernelEntry;

use super::atom::{self, Atom};
use super::neighborhood::Placed;
use crate::lists::Lists;
use crate::{Inputs, KernelError, Table};

/// The fewest atoms whose spread shows their unit.
const TELLING: usize = 8;

/// The atoms of one row.
pub(super) struct Molecule {
    /// By atom; `None` for hydrogens.
    pub(super) atoms: Vec<Option<Atom>>,
    /// Positions by atom, in Å.
    pub(super) places: Vec<[f64; 3]>,
    /// AutoDock's types, if the table has them.
    pub(super) kinds: Option<Vec<String>>,
    /// N, if the table has it.
    pub(super) rotors: Option<f64>,
}

impl Molecule {
    /// The first row of a port.
    pub(super) fn read(
        inputs: &Inputs,
        entry: &KernelEntry,
        port: &str,
    ) -> Result<Self, KernelError> {
        let table = inputs.need(entry, port)?;
        let xyz = table.column(
            port,
            "xyz",
            "x, y, z of each atom in turn, a list of float, Å",
        )?;
        let types = table.column(port, "xs_type", "XS type of each atom, a list of utf8")?;
        let Some(batch) = table.batches.iter().find(|batch| batch.num_rows() > 0) else {
            return Err(no_atoms(port, "it has no rows"));
        };
        let numbers = Lists::numbers(port, "xyz", batch.column(xyz))?;
        let words = Lists::words(port, "xs_type", batch.column(types))?;
        let (Some(numbers), Some(words)) = (numbers.row_of_numbers(0), words.row_of_words(0))
        else {
            return Err(no_atoms(
                port,
                "`xyz` or `xs_type` of its first row is null",
            ));
        };
        let molecule = Self {
            places: places(port, &numbers, words.len())?,
            atoms: atoms(port, &words)?,
            kinds: kinds(port, table)?,
            rotors: rotors(port, table)?,
        };
        molecule.check(port)?;
        Ok(molecule)
    }

    /// The number of atoms, hydrogens included.
    pub(super) fn len(&self) -> usize {
        self.atoms.len()
    }

    /// All atoms but hydrogens.
    pub(super) fn heavy(&self) -> Vec<Placed> {
        let atoms = self.atoms.iter().zip(&self.places);
        atoms
            .filter_map(|(atom, place)| atom.map(|atom| (atom, *place)))
            .collect()
    }

    fn check(&self, port: &str) -> Result<(), KernelError> {
        if self.atoms.iter().all(Option::is_none) {
            return Err(no_atoms(port, "it has no atom but hydrogens"));
        }
        if let Some(atom) = self
            .places
            .iter()
            .position(|place| place.iter().any(|x| !x.is_finite()))
        {
            return Err(KernelError::Input {
                port: port.to_owned(),
                problem: format!("a coordinate of atom {atom} (from 0) is NaN or infinite"),
                expected: "finite coordinates in Å".to_owned(),
            });
        }
        let span = span(&self.places);
        if self.len() >= TELLING && span < cube_root(self.len()) {
            return Err(KernelError::Input {
                port: port.to_owned(),
                problem: format!(
                    "its {} atoms lie within {span:.3}, far too close to each other",
                    self.len()
                ),
                expected: "coordinates in Å; if these are in nm, multiply them by 10".to_owned(),
            });
        }
        Ok(())
    }
}

/// The diagonal of the bounding box of these positions.
pub(super) fn span(places: &[[f64; 3]]) -> f64 {
    let side = |axis: usize| {
        let values = places.iter().map(|place| place[axis]);
        let low = values.clone().fold(f64::INFINITY, f64::min);
        values.fold(f64::NEG_INFINITY, f64::max) - low
    };
    (0..3)
        .map(|axis| side(axis) * side(axis))
        .sum::<f64>()
        .sqrt()
}

/// The cube root of n. A ball of n atoms has a diameter of at least 2.6 times this, in Å, at the
/// density of proteins.
#[expect(clippy::cast_precision_loss, reason = "a count of atoms")]
fn cube_root(n: usize) -> f64 {
    (n as f64).cbrt()
}

fn no_atoms(port: &str, why: &str) -> KernelError {
    KernelError::Input {
        port: port.to_owned(),
        problem: format!("there are no atoms to score: {why}"),
        expected:
            "one row per molecule with `xyz` and `xs_type` of its atoms, as a PDBQT file gives \
                   them"
                .to_owned(),
    }
}

fn places(port: &str, numbers: &[f64], atoms: usize) -> Result<Vec<[f64; 3]>, KernelError> {
    let (places, rest) = numbers.as_chunks::<3>();
    if rest.is_empty() && places.len() == atoms {
        return Ok(places.to_vec());
    }
    Err(KernelError::Input {
        port: port.to_owned(),
        problem: format!(
            "`xyz` has {} numbers, but `xs_type` has {atoms} words",
            numbers.len()
        ),
        expected: "three numbers for each word".to_owned(),
    })
}

fn atoms(port: &str, words: &[&str]) -> Result<Vec<Option<Atom>>, KernelError> {
    let atom = |(i, word): (usize, &&str)| {
        atom::typed(word).ok_or_else(|| KernelError::Input {
            port: port.to_owned(),
            problem: format!("atom {i} (from 0) has the unknown type `{word}`"),
            expected: format!("XS types in `xs_type`: {}", atom::KNOWN),
        })
    };
    words.iter().enumerate().map(atom).collect()
}

/// AutoDock's types of the first row.
fn kinds(port: &str, table: &Table) -> Result<Option<Vec<String>>, KernelError> {
    let batch = table.batches.iter().find(|batch| batch.num_rows() > 0);
    let column = batch.and_then(|batch| batch.column_by_name("ad_type"));
    let Some(column) = column else {
        return Ok(None);
    };
    let lists = Lists::words(port, "ad_type", column)?;
    let words = lists.row_of_words(0);
    Ok(words.map(|words| words.into_iter().map(str::to_owned).collect()))
}

/// N of the first row.
fn rotors(port: &str, table: &Table) -> Result<Option<f64>, KernelError> {
    let batch = table.batches.iter().find(|batch| batch.num_rows() > 0);
    let Some(column) = batch.and_then(|batch| batch.column_by_name("rotors")) else {
        return Ok(None);
    };
    if !column.data_type().is_numeric() {
        return Err(KernelError::ColumnType {
            port: port.to_owned(),
            column: "rotors".to_owned(),
            expected: "a number".to_owned(),
            found: column.data_type().to_string(),
        });
    }
    let numbers = cast(column, &DataType::Float64)?;
    let numbers = numbers.as_primitive::<Float64Type>();
    if numbers.is_null(0) {
        return Ok(None);
    }
    let rotors = numbers.value(0);
    if rotors.is_finite() && rotors >= 0.0 {
        return Ok(Some(rotors));
    }
    Err(KernelError::Input {
        port: port.to_owned(),
        problem: format!("`rotors` is {rotors}"),
        expected: "a number from 0".to_owned(),
    })
}
