//! `vina_score`: AutoDock Vina's score of many poses of a ligand in a receptor.

mod atom;
mod cells;
mod device;
mod entry;
mod molecule;
mod neighborhood;
mod scorer;
mod terms;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use sunward_workflows::catalog::KernelEntry;

use self::molecule::Molecule;
use self::neighborhood::Neighborhood;
use self::scorer::{Score, Scorer};
use crate::device::Source;
use crate::lists::Lists;
use crate::vectors::Vectors;
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

/// Poses that a thread takes at a time.
const CHUNK: usize = 64;

/// The kernel.
pub(crate) struct VinaScore {
    entry: KernelEntry,
}

impl VinaScore {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::entry(),
        }
    }
}

impl Kernel for VinaScore {
    fn entry(&self) -> &KernelEntry {
        &self.entry
    }

    fn sources(&self) -> Vec<Source> {
        vec![device::source()]
    }

    fn run(
        &self,
        inputs: &Inputs,
        with: &Params,
        context: &Context,
    ) -> Result<Outputs, KernelError> {
        inputs.check(&self.entry)?;
        let receptor = Molecule::read(inputs, &self.entry, "receptor")?;
        let ligand = Molecule::read(inputs, &self.entry, "ligand")?;
        let poses = Poses::read(inputs, &self.entry)?;
        let cutoff = with.float("cutoff")?;
        let scorer = Scorer {
            around: Neighborhood::new(receptor.heavy(), cutoff),
            heavy: heavy(&ligand),
            rotors: rotors(&ligand, with)?,
            ligand,
            cutoff: cutoff * cutoff,
            vectors: Vectors::detect(),
        };
        let scored = poses.score(&scorer, context)?;
        let mut scores: Vec<(Place, Score)> = Vec::with_capacity(scored.len());
        let mut rejects: Vec<(Place, String)> = Vec::new();
        for (place, result) in scored {
            match result {
                Ok(score) => scores.push((place, score)),
                Err(reason) => rejects.push((place, reason)),
            }
        }
        Ok(Outputs::new()
            .with("scores", poses.scores(&scores)?)
            .with("rejects", poses.rejects(&rejects)?))
    }
}

/// The number of a ligand's atoms that are not hydrogen.
#[expect(clippy::cast_precision_loss, reason = "a count of atoms")]
fn heavy(ligand: &Molecule) -> f64 {
    ligand.heavy().len() as f64
}

/// N: the parameter, else the ligand's column.
fn rotors(ligand: &Molecule, with: &Params) -> Result<f64, KernelError> {
    with.optional_float("rotors")?
        .or(ligand.rotors)
        .ok_or_else(|| KernelError::Input {
            port: "ligand".to_owned(),
            problem: "it does not say how many bonds can rotate".to_owned(),
            expected:
                "a number in the column `rotors` (a PDBQT file gives it), or `with: { rotors: N }`"
                    .to_owned(),
        })
}

/// A pose as its batch and row.
type Place = (usize, usize);

/// A pose's score, or why it has none.
type Scored = (Place, Result<Score, String>);

/// The poses, batch by batch.
struct Poses<'a> {
    table: &'a Table,
    id: usize,
    batches: Vec<Batch>,
}

struct Batch {
    xyz: Lists,
    kinds: Option<Lists>,
}

impl<'a> Poses<'a> {
    fn read(inputs: &'a Inputs, entry: &KernelEntry) -> Result<Self, KernelError> {
        let table = inputs.need(entry, "poses")?;
        let id = table.column("poses", "pose_id", "what names a pose, of any type")?;
        let xyz = table.column(
            "poses",
            "xyz",
            "x, y, z of each atom in turn, a list of float, Å",
        )?;
        let kinds = table.schema.index_of("ad_type").ok();
        let empty;
        let batches = if table.batches.is_empty() {
            // With this, a column of a wrong type is refused even if there are no rows.
            empty = [RecordBatch::new_empty(Arc::clone(&table.schema))];
            &empty[..]
        } else {
            &table.batches[..]
        };
        let read = |batch: &RecordBatch| {
            Ok(Batch {
                xyz: Lists::numbers("poses", "xyz", batch.column(xyz))?,
                kinds: kinds
                    .map(|kinds| Lists::words("poses", "ad_type", batch.column(kinds)))
                    .transpose()?,
            })
        };
        Ok(Self {
            table,
            id,
            batches: batches
                .iter()
                .map(read)
                .collect::<Result<_, KernelError>>()?,
        })
    }

    /// Each pose in order: its place, and its score or why it has none.
    fn score(&self, scorer: &Scorer, context: &Context) -> Result<Vec<Scored>, KernelError> {
        if let Some(device) = context.device()
            && let Some(scored) = device::score(device, scorer, self, context)?
        {
            return Ok(scored);
        }
        let places = self.table.places();
        let chunks: Vec<&[Place]> = places.chunks(CHUNK).collect();
        let results = context.map(chunks.len(), |i| {
            let one = |&place: &Place| (place, self.one(place, scorer));
            Ok(chunks[i].iter().map(one).collect::<Vec<_>>())
        })?;
        Ok(results.into_iter().flatten().collect())
    }

    fn one(&self, place: Place, scorer: &Scorer) -> Result<Score, String> {
        scorer.score(&self.xyz(place)?, self.kinds(place).as_deref())
    }

    /// Why a pose cannot be scored, if so.
    fn judge(&self, place: Place, scorer: &Scorer) -> Result<(), String> {
        scorer.check(&self.xyz(place)?, self.kinds(place).as_deref())
    }

    fn xyz(&self, (b, row): Place) -> Result<Vec<f64>, String> {
        let xyz = self.batches[b].xyz.row_of_numbers(row);
        xyz.ok_or_else(|| "`xyz` is null".to_owned())
    }

    /// AutoDock's types of a pose's atoms, if the table has them.
    fn kinds(&self, (b, row): Place) -> Option<Vec<&str>> {
        self.batches[b].kinds.as_ref()?.row_of_words(row)
    }

    fn id_field(&self) -> Field {
        let kind = self.table.schema.field(self.id).data_type();
        Field::new("pose_id", kind.clone(), true)
    }

    fn ids(&self, places: Vec<Place>) -> Result<ArrayRef, KernelError> {
        self.table.gather(self.id, &places)
    }

    fn scores(&self, scores: &[(Place, Score)]) -> Result<Table, KernelError> {
        let mut fields = vec![self.id_field()];
        let mut columns = vec![self.ids(scores.iter().map(|(place, _)| *place).collect())?];
        for (name, value) in entry::VALUES {
            fields.push(Field::new(name, DataType::Float32, true));
            let values = scores.iter().map(|(_, score)| float32(value(score)));
            columns.push(Arc::new(values.map(Some).collect::<Float32Array>()));
        }
        Table::from_columns(Schema::new(fields), columns)
    }

    fn rejects(&self, rejects: &[(Place, String)]) -> Result<Table, KernelError> {
        let ids = self.ids(rejects.iter().map(|(place, _)| *place).collect())?;
        let reasons = rejects.iter().map(|(_, reason)| Some(reason.as_str()));
        let schema = Schema::new(vec![
            self.id_field(),
            Field::new("reason", DataType::Utf8, true),
        ]);
        Table::from_columns(
            schema,
            vec![ids, Arc::new(reasons.collect::<StringArray>())],
        )
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the result's columns are float32"
)]
fn float32(x: f64) -> f32 {
    x as f32
}
