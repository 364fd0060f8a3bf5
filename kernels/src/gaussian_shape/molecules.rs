//! Molecules as a table gives them, and what is wrong with those that cannot be used.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{Float32Type, Float64Type};
use arrow_schema::{DataType, Field};
use nalgebra::{Point3, Vector3};
use sunward_workflows::catalog::KernelEntry;

use super::volume::{exponents, own_volume};
use crate::table::wide;
use crate::{Inputs, KernelError, Table};

/// Most atoms of a molecule: what this measures are ligands, and its cost grows with the square.
pub(super) const MOST_ATOMS: usize = 4096;
/// Coordinates beyond this, in angstrom, leave single precision too little room.
const FARTHEST: f64 = 1e5;
/// No two bonded atoms are as near as this, in angstrom; in nanometres all are.
const NEAREST: f64 = 0.35;

/// One molecule, moved so that its centre is the origin.
#[derive(Debug)]
pub(super) struct Molecule {
    /// Atoms relative to `centre`, angstrom.
    pub(super) atoms: Vec<Vector3<f64>>,
    /// The mean of the atoms as they were given, angstrom.
    pub(super) centre: Vector3<f64>,
    /// The Gaussians' exponents a, one an atom, 1/angstrom².
    pub(super) exponents: Vec<f64>,
    /// V(A, A), cubic angstrom.
    pub(super) volume: f64,
}

/// The molecules of a port, row by row.
pub(super) struct Molecules<'a> {
    table: &'a Table,
    port: &'static str,
    id: usize,
    xyz: usize,
    radii: Option<usize>,
    elements: Option<usize>,
    /// Why a molecule has no coordinates.
    problem: Option<usize>,
    /// Radius where the table has none, angstrom.
    radius: f64,
}

/// A row: a molecule, or why it is none.
pub(super) type Row = Result<Molecule, String>;

impl<'a> Molecules<'a> {
    /// Finds the columns of a port.
    ///
    /// # Errors
    /// When a column is missing or of a type that holds no coordinates, radii or symbols.
    pub(super) fn find(
        inputs: &'a Inputs,
        entry: &KernelEntry,
        port: &'static str,
        radius: f64,
    ) -> Result<Self, KernelError> {
        let table = inputs.need(entry, port)?;
        let wanted = "list of float32 or float64, 3 an atom";
        let found = Self {
            table,
            port,
            id: table.column(port, "id", "what names a molecule, of any type")?,
            xyz: table.column(port, "xyz", wanted)?,
            radii: table.schema.index_of("radii").ok(),
            elements: table.schema.index_of("elements").ok(),
            problem: table.schema.index_of("problem").ok(),
            radius,
        };
        for column in [Some(found.xyz), found.radii].into_iter().flatten() {
            found.listed(
                column,
                "list<float32> or list<float64>",
                DataType::is_floating,
            )?;
        }
        if let Some(column) = found.elements {
            found.listed(column, "list<utf8>, a symbol an atom", DataType::is_string)?;
        }
        Ok(found)
    }

    /// That a column is a list of something.
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
        let numbers = length(self.table.batches[batch].column(self.xyz), row);
        (numbers / 3).min(MOST_ATOMS)
    }

    /// The molecule at a place.
    ///
    /// # Errors
    /// When Arrow cannot read the row's lists.
    pub(super) fn read(&self, (batch, row): (usize, usize)) -> Result<Row, KernelError> {
        let batch = &self.table.batches[batch];
        let values = |column: usize| numbers(batch.column(column), row);
        let Some(xyz) = values(self.xyz)? else {
            let told = self
                .problem
                .and_then(|column| word(batch.column(column), row));
            return Ok(Err(
                told.unwrap_or_else(|| "`xyz` is null, or holds a null".to_owned())
            ));
        };
        let radii = match self.radii {
            None => Some(vec![self.radius; xyz.len() / 3]),
            Some(column) => values(column)?,
        };
        let Some(radii) = radii else {
            return Ok(Err("`radii` is null, or holds a null".to_owned()));
        };
        let heavy = match self.elements {
            None => Some(vec![true; xyz.len() / 3]),
            Some(column) => heavy(batch.column(column), row)?,
        };
        let Some(heavy) = heavy else {
            return Ok(Err("`elements` is null, or holds a null".to_owned()));
        };
        Ok(molecule(&xyz, &radii, &heavy))
    }

    /// All molecules, each of which must be usable.
    ///
    /// # Errors
    /// Names the first that is not.
    pub(super) fn all(&self) -> Result<Vec<Molecule>, KernelError> {
        let mut all = Vec::new();
        for (number, place) in self.places().into_iter().enumerate() {
            all.push(self.read(place)?.map_err(|reason| KernelError::Input {
                port: self.port.to_owned(),
                problem: format!("row {} cannot be used: {reason}", wide(number)),
                expected: "references that are all sound; drop or mend this row".to_owned(),
            })?);
        }
        Ok(all)
    }
}

/// The text in a row; nothing where it is null, or the column no text.
fn word(column: &ArrayRef, row: usize) -> Option<String> {
    let column = column.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// The list in a row as float64; nothing where it, or a value in it, is null.
fn numbers(column: &ArrayRef, row: usize) -> Result<Option<Vec<f64>>, KernelError> {
    let Some(list) = list(column, row) else {
        return Ok(None);
    };
    if let Some(single) = list.as_primitive_opt::<Float32Type>() {
        let wide = || single.values().iter().map(|&x| x.into()).collect();
        return Ok((single.null_count() == 0).then(wide));
    }
    let list = cast(&list, &DataType::Float64)?;
    let list = list.as_primitive::<Float64Type>();
    Ok((list.null_count() == 0).then(|| list.values().to_vec()))
}

/// Which atoms are not hydrogen.
fn heavy(column: &ArrayRef, row: usize) -> Result<Option<Vec<bool>>, KernelError> {
    let Some(list) = list(column, row) else {
        return Ok(None);
    };
    let list = cast(&list, &DataType::Utf8)?;
    let symbols: Option<Vec<&str>> = list.as_string::<i32>().iter().collect();
    let heavy = |symbol: &str| !matches!(symbol.trim(), "H" | "D" | "T");
    Ok(symbols.map(|symbols| symbols.into_iter().map(heavy).collect()))
}

/// The values of a row of any kind of list; nothing where it is null.
fn list(column: &ArrayRef, row: usize) -> Option<ArrayRef> {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::List(_) => Some(column.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(column.as_list::<i64>().value(row)),
        _ => Some(column.as_fixed_size_list().value(row)),
    }
}

/// How many values a row of any kind of list has; none where it is null.
fn length(column: &ArrayRef, row: usize) -> usize {
    if column.is_null(row) {
        return 0;
    }
    match column.data_type() {
        DataType::List(_) => usize::try_from(column.as_list::<i32>().value_length(row)),
        DataType::LargeList(_) => usize::try_from(column.as_list::<i64>().value_length(row)),
        _ => usize::try_from(column.as_fixed_size_list().value_length()),
    }
    .unwrap_or(0)
}

/// A molecule of these atoms, or why there is none.
pub(super) fn molecule(xyz: &[f64], radii: &[f64], heavy: &[bool]) -> Row {
    let (atoms, rest) = xyz.as_chunks::<3>();
    if !rest.is_empty() {
        let found = xyz.len();
        return Err(format!("`xyz` has {found} numbers; expected 3 an atom"));
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
    if in_nanometres(&points) {
        return Err(format!(
            "most atoms are nearer than {NEAREST} angstrom to another, as in nanometres; \
             multiply `xyz` by 10"
        ));
    }
    let radii: Vec<f64> = kept().map(|i| radii[i]).collect();
    Ok(centred(points, exponents(&radii)))
}

fn centred(mut atoms: Vec<Vector3<f64>>, exponents: Vec<f64>) -> Molecule {
    #[expect(clippy::cast_precision_loss, reason = "at most a few thousand atoms")]
    let centre = atoms.iter().sum::<Vector3<f64>>() / atoms.len() as f64;
    for atom in &mut atoms {
        *atom -= centre;
    }
    let mut molecule = Molecule {
        atoms,
        centre,
        exponents,
        volume: 0.0,
    };
    molecule.volume = own_volume(&molecule);
    molecule
}

/// Whether more than half of the atoms have a neighbour that is nearer than any bond is long.
fn in_nanometres(points: &[Vector3<f64>]) -> bool {
    let crowded = |i: &usize| {
        let near = |j: usize| (points[*i] - points[j]).norm_squared() < NEAREST * NEAREST;
        (0..points.len()).any(|j| j != *i && near(j))
    };
    2 * (0..points.len()).filter(crowded).count() > points.len()
}
