//! `gaussian_shape`: the similarity of molecules' shapes in their best overlay.

mod ascent;
mod device;
mod entry;
mod frame;
mod molecule;
mod molecules;
mod overlay;
mod volume;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float32Array, StringArray};
use arrow_schema::{DataType, Field, Schema};
use sunward_workflows::catalog::KernelEntry;

use self::molecule::Molecule;
use self::molecules::Molecules;
use self::overlay::{Overlay, Overlayer};
use crate::device::Source;
use crate::vectors::Vectors;
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

/// Fits that one thread takes at a time.
const CHUNK: usize = 16;

/// The kernel.
pub(crate) struct GaussianShape {
    entry: KernelEntry,
}

impl GaussianShape {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::entry(),
        }
    }
}

/// The outcome of a fit: an overlay on each reference, or the reason why there is none.
type Outcome = Result<Vec<Overlay>, String>;

impl Kernel for GaussianShape {
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
        let radius = with.float("radius")?;
        let references = Molecules::find(inputs, &self.entry, "references", radius)?;
        let fits = Molecules::find(inputs, &self.entry, "fits", radius)?;
        let overlayer = Overlayer {
            starts: with.count("starts")?,
            steps: with.count("steps")?,
            vectors: Vectors::detect(),
        };
        let queries = references.all()?;
        let outcomes = match context.device() {
            Some(device) if !queries.is_empty() => {
                device::run(device, &overlayer, &queries, &fits, context)?
            }
            _ => in_chunks(context, &fits.places(), |place| {
                one(&overlayer, &queries, &fits, place)
            })?,
        };
        Ok(Outputs::new()
            .with("overlays", overlays(&references, &fits, &outcomes)?)
            .with("rejects", rejects(&fits, &outcomes)?))
    }
}

/// `work` for each place on the allowed threads; results in order.
fn in_chunks<T: Send>(
    context: &Context,
    places: &[(usize, usize)],
    work: impl Fn((usize, usize)) -> Result<T, KernelError> + Send + Sync,
) -> Result<Vec<T>, KernelError> {
    let chunks: Vec<&[(usize, usize)]> = places.chunks(CHUNK).collect();
    let results = context.map(chunks.len(), |chunk| {
        let results = chunks[chunk].iter().map(|&place| work(place));
        results.collect::<Result<Vec<T>, _>>()
    })?;
    Ok(results.into_iter().flatten().collect())
}

/// One fit over all references.
fn one(
    overlayer: &Overlayer,
    queries: &[Molecule],
    fits: &Molecules<'_>,
    place: (usize, usize),
) -> Result<Outcome, KernelError> {
    let fit = fits.read(place);
    Ok(fit.map(|fit| {
        queries
            .iter()
            .map(|query| overlayer.lay(query, &fit))
            .collect()
    }))
}

/// The rows of all overlays.
fn overlays(
    references: &Molecules<'_>,
    fits: &Molecules<'_>,
    outcomes: &[Outcome],
) -> Result<Table, KernelError> {
    let (queries, rows) = (references.places(), fits.places());
    let (mut of_queries, mut of_fits) = (Vec::new(), Vec::new());
    let mut all: Vec<Overlay> = Vec::new();
    for (&row, outcome) in rows.iter().zip(outcomes) {
        let overlays = outcome.as_deref().unwrap_or_default();
        of_queries.extend(queries.iter().take(overlays.len()));
        of_fits.extend(std::iter::repeat_n(row, overlays.len()));
        all.extend(overlays);
    }
    let mut columns = vec![
        ("reference", references.ids(&of_queries)?),
        ("id", fits.ids(&of_fits)?),
    ];
    for (i, name) in overlay::COLUMNS.into_iter().enumerate() {
        let values = all.iter().map(|overlay| overlay.values()[i]);
        columns.push((name, Arc::new(Float32Array::from_iter_values(values))));
    }
    table(columns)
}

/// The fits that could not be used.
fn rejects(fits: &Molecules<'_>, outcomes: &[Outcome]) -> Result<Table, KernelError> {
    let places = fits.places();
    let bad = || {
        places.iter().zip(outcomes).filter_map(|(place, outcome)| {
            outcome
                .as_ref()
                .err()
                .map(|reason| (*place, reason.as_str()))
        })
    };
    let ids: Vec<(usize, usize)> = bad().map(|(place, _)| place).collect();
    let reasons: StringArray = bad().map(|(_, reason)| Some(reason)).collect();
    table(vec![("id", fits.ids(&ids)?), ("reason", Arc::new(reasons))])
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Result<Table, KernelError> {
    let computed = |kind: &DataType| matches!(kind, DataType::Float32);
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| {
            Field::new(
                *name,
                array.data_type().clone(),
                !computed(array.data_type()),
            )
        })
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Table::from_columns(Schema::new(fields), arrays)
}
