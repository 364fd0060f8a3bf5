//! `butina`: clusters of similar fingerprints around those with the most neighbors.

mod device;
mod entry;
mod greedy;
mod near;
mod threads;

use std::sync::Arc;

use arrow::array::{BooleanArray, Int32Array, StringArray};
use arrow_schema::{DataType, Field, Schema};
use sunward_workflows::catalog::KernelEntry;

use self::device::OnDevice;
use self::greedy::Clusters;
use self::near::{Finder, Index, Near};
use self::threads::Threads;
use crate::bits::{Fingerprints, Popcount, WITHOUT};
use crate::device::Source;
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

/// The kernel.
pub(crate) struct Butina {
    entry: KernelEntry,
}

impl Butina {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::entry(),
        }
    }
}

impl Kernel for Butina {
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
        let library = Fingerprints::read(inputs, &self.entry, "library")?;
        if i32::try_from(library.rows).is_err() {
            return Err(KernelError::TooLarge {
                what: "`library` in rows".to_owned(),
                found: library.rows,
                limit: i32::MAX.unsigned_abs().into(),
            });
        }
        let near = Near::new(with.float("distance")?);
        let popcount = Popcount::detect();
        let (own, folds) = library.digest(popcount, context)?;
        let clusters = match context.device() {
            Some(device) if !own.is_empty() => {
                drop(folds);
                let mut finder = OnDevice::new(device, &library, near, own, context)?;
                greedy::clusters(&mut finder)?
            }
            _ => {
                let index = Index::new(&own, &folds);
                drop(folds);
                greedy::clusters(&mut Threads {
                    finder: Finder {
                        library: &library,
                        near,
                        popcount,
                    },
                    index,
                    own,
                    context,
                })?
            }
        };
        Ok(Outputs::new()
            .with("clusters", table(&library, clusters)?)
            .with("rejects", rejects(&library)?))
    }
}

/// Rows that cannot be clustered.
fn rejects(library: &Fingerprints<'_>) -> Result<Table, KernelError> {
    let ids = library.ids_without()?;
    let reasons: StringArray = std::iter::repeat_n(Some(WITHOUT), ids.len()).collect();
    let schema = Schema::new(vec![
        Field::new("id", library.id_type.clone(), true),
        Field::new("reason", DataType::Utf8, false),
    ]);
    Table::from_columns(schema, vec![ids, Arc::new(reasons)])
}

fn table(library: &Fingerprints<'_>, clusters: Clusters) -> Result<Table, KernelError> {
    let schema = Schema::new(vec![
        Field::new("id", library.id_type.clone(), true),
        Field::new("cluster", DataType::Int32, false),
        Field::new("is_centroid", DataType::Boolean, false),
    ]);
    Table::from_columns(
        schema,
        vec![
            library.ids(0..library.rows)?,
            Arc::new(Int32Array::from(clusters.number)),
            Arc::new(BooleanArray::from(clusters.is_centroid)),
        ],
    )
}
