//! Molecules of a table, and the reasons why some cannot be used.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow_schema::{DataType, Field};
use nalgebra::{Point3, Vector3};
use sunward_workflows::catalog::KernelEntry;

use super::molecule::Molecule;
use super::volume::{exponents, own_volume};
use crate::lists::Lists;
use crate::table::wide;
use crate::{Inputs, KernelError, Table};

/// The most atoms of a molecule. The kernel is meant for ligands, and its cost grows with the
/// square.
pub(super) const MOST_ATOMS: usize = 4096;
/// Coordinates beyond this, in angstrom, exceed the accuracy of single precision.
const FARTHEST: f64 = 1e5;
/// Bonded atoms are never this close, in angstrom; given in nanometers, all are.
const NEAREST: f64 = 0.35;

/// The lists of one batch.
struct Columns {
    xyz: Lists,
    radii: Option<Lists>,
    elements: Option<Lists>,
}

/// The molecules of a port, row by row.
pub(super) struct Molecules<'a> {
    table: &'a Table,
    port: &'static str,
    id: usize,
    batches: Vec<Columns>,
    /// The column that says why a molecule has no coordinates.
    problem: Option<usize>,
    /// The radius where the table has none, in angstrom.
    radius: f64,
}

/// A row: a molecule, or why it cannot be used.
pub(super) type Row = Result<Molecule, String>;

impl<'a> Molecules<'a> {
    /// Finds the columns of a port.
    ///
    /// # Errors
    ///
    /// Fails if a column is missing or its type cannot hold coordinates, radii or symbols.
    pub(super) fn find(
        inputs: &'a Inputs,
        entry: &KernelEntry,
        port: &'static str,
        radius: f64,
    ) -> Result<Self, KernelError> {
        let table = inputs.need(entry, port)?;
        let wanted = "list of float32 or float64, 3 per atom";
        let mut found = Self {
            table,
            port,
            id: table.column(port, "id", "what names a molecule, of any type")?,
            batches: Vec::new(),
            problem: table.schema.index_of("problem").ok(),
            radius,
        };
        let xyz = table.column(port, "xyz", wanted)?;
        let radii = table.schema.index_of("radii").ok();
        let elements = table.schema.index_of("elements").ok();
        // This check also covers tables without batches, which the lists themselves do not check.
        for column in [Some(xyz), radii].into_iter().flatten() {
            let floating = |kind: &DataType| matches!(kind, DataType::Float32 | DataType::Float64);
            found.listed(column, "list<float32> or list<float64>", floating)?;
        }
        if let Some(column) = elements {
            found.listed(
                column,
                "list<utf8>, one symbol per atom",
                DataType::is_string,
            )?;
        }
        for batch in &table.batches {
            let numbers = |name, column| Lists::numbers(port, name, batch.column(column));
            let words = |column| Lists::words(port, "elements", batch.column(column));
            found.batches.push(Columns {
                xyz: numbers("xyz", xyz)?,
                radii: radii.map(|column| numbers("radii", column)).transpose()?,
                elements: elements.map(words).transpose()?,
            });
        }
        Ok(found)
    }

    /// Checks that a column is a list.
    fn listed(
        &self,
        column: usize,
        expected: &str,
        holds: fn(&DataType) -> bool,
    ) -> Result<(), KernelError> {
        let field = self.table.schema.field(column);
        let (DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)) =
            field.data_type()
        else {
            return Err(self.not_listed(field, expected));
        };
        if holds(item.data_type()) {
            return Ok(());
        }
        Err(self.not_listed(field, expected))
    }

    fn not_listed(&self, field: &Field, expected: &str) -> KernelError {
        KernelError::ColumnType {
            port: self.port.to_owned(),
            column: field.name().clone(),
            expected: expected.to_owned(),
            found: field.data_type().to_string(),
        }
    }

    /// The ids of the rows at these places.
    pub(super) fn ids(&self, places: &[(usize, usize)]) -> Result<ArrayRef, KernelError> {
        self.table.gather(self.id, places)
    }

    /// Every row as (batch, row in it).
    pub(super) fn places(&self) -> Vec<(usize, usize)> {
        self.table.places()
    }

    /// A bound on the atoms of the molecule at a place, without reading it.
    pub(super) fn most_atoms(&self, (batch, row): (usize, usize)) -> usize {
        let numbers = self.batches[batch].xyz.length(row).unwrap_or(0);
        (numbers / 3).min(MOST_ATOMS)
    }

    /// The molecule at a place.
    pub(super) fn read(&self, (at, row): (usize, usize)) -> Row {
        let batch = &self.batches[at];
        let null = |column: &str| format!("`{column}` is null, or contains a null");
        let told = || word(self.table.batches[at].column(self.problem?), row);
        let xyz = numbers(&batch.xyz, row).ok_or_else(|| told().unwrap_or_else(|| null("xyz")))?;
        let atoms = xyz.len() / 3;
        let radii = match &batch.radii {
            None => vec![self.radius; atoms],
            Some(lists) => numbers(lists, row).ok_or_else(|| null("radii"))?,
        };
        let heavy = match &batch.elements {
            None => vec![true; atoms],
            Some(lists) => heavy(lists, row).ok_or_else(|| null("elements"))?,
        };
        molecule(&xyz, &radii, &heavy)
    }

    /// All molecules, each of which must be usable.
    ///
    /// # Errors
    ///
    /// Names the first that is not.
    pub(super) fn all(&self) -> Result<Vec<Molecule>, KernelError> {
        let mut all = Vec::new();
        for (number, place) in self.places().into_iter().enumerate() {
            all.push(self.read(place).map_err(|reason| KernelError::Input {
                port: self.port.to_owned(),
                problem: format!("row {} cannot be used: {reason}", wide(number)),
                expected: "references that are all valid; remove or repair this row".to_owned(),
            })?);
        }
        Ok(all)
    }
}

/// The text in a row; `None` if it is null or the column is not text.
fn word(column: &ArrayRef, row: usize) -> Option<String> {
    let column = column.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// A row's numbers; `None` if the row or a value in it is null.
fn numbers(lists: &Lists, row: usize) -> Option<Vec<f64>> {
    lists.is_whole(row).then(|| lists.row_of_numbers(row))?
}

/// Which atoms of a row are not hydrogen; `None` if the row or a value in it is null.
fn heavy(lists: &Lists, row: usize) -> Option<Vec<bool>> {
    let symbols = lists.is_whole(row).then(|| lists.row_of_words(row))??;
    let heavy = |symbol: &str| !matches!(symbol.trim(), "H" | "D" | "T");
    Some(symbols.into_iter().map(heavy).collect())
}

/// A molecule of these atoms, or why it cannot be used.
pub(super) fn molecule(xyz: &[f64], radii: &[f64], heavy: &[bool]) -> Row {
    let (atoms, rest) = xyz.as_chunks::<3>();
    if !rest.is_empty() {
        let found = xyz.len();
        return Err(format!("`xyz` has {found} numbers; expected 3 per atom"));
    }
    for (name, found) in [("radii", radii.len()), ("elements", heavy.len())] {
        if found != atoms.len() {
            let expected = atoms.len();
            return Err(format!("`{name}` has {found} entries for {expected} atoms"));
        }
    }
    if let Some(atom) = atoms
        .iter()
        .position(|atom| !atom.iter().all(|x| x.is_finite()))
    {
        return Err(format!(
            "atom {atom} has a coordinate that is not a finite number"
        ));
    }
    if let Some(atom) = atoms
        .iter()
        .position(|atom| atom.iter().any(|x| x.abs() > FARTHEST))
    {
        return Err(format!(
            "atom {atom} is more than {FARTHEST} angstrom from the origin; are these angstrom?"
        ));
    }
    if let Some(atom) = radii.iter().position(|r| !(0.1..=10.0).contains(r)) {
        let radius = radii[atom];
        return Err(format!(
            "atom {atom} has radius {radius}; expected 0.1 to 10 angstrom"
        ));
    }
    let kept = || {
        heavy
            .iter()
            .enumerate()
            .filter(|kept| *kept.1)
            .map(|kept| kept.0)
    };
    let points: Vec<Vector3<f64>> = kept().map(|i| Point3::from(atoms[i]).coords).collect();
    if points.is_empty() {
        return Err("it has no atom but hydrogen".to_owned());
    }
    if points.len() > MOST_ATOMS {
        let found = points.len();
        return Err(format!("it has {found} atoms, more than {MOST_ATOMS}"));
    }
    if in_nanometers(&points) {
        return Err(format!(
            "most atoms are nearer than {NEAREST} angstrom to another, as in nanometers; \
             multiply `xyz` by 10"
        ));
    }
    let radii: Vec<f64> = kept().map(|i| radii[i]).collect();
    Ok(centered(points, exponents(&radii)))
}

fn centered(mut atoms: Vec<Vector3<f64>>, exponents: Vec<f64>) -> Molecule {
    #[expect(clippy::cast_precision_loss, reason = "at most a few thousand atoms")]
    let center = atoms.iter().sum::<Vector3<f64>>() / atoms.len() as f64;
    for atom in &mut atoms {
        *atom -= center;
    }
    let mut molecule = Molecule {
        atoms,
        center,
        exponents,
        volume: 0.0,
    };
    molecule.volume = own_volume(&molecule);
    molecule
}

/// Whether more than half of the atoms have a neighbor closer than any bond length.
fn in_nanometers(points: &[Vector3<f64>]) -> bool {
    let crowded = |i: &usize| {
        let near = |j: usize| (points[*i] - points[j]).norm_squared() < NEAREST * NEAREST;
        (0..points.len()).any(|j| j != *i && near(j))
    };
    2 * (0..points.len()).filter(crowded).count() > points.len()
}
