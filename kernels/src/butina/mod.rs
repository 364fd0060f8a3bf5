//! `butina`: clusters of similar fingerprints around those with the most neighbours.

mod entry;
mod greedy;
mod near;

use std::sync::Arc;

use arrow::array::{BooleanArray, Int32Array};
use arrow_schema::{DataType, Field, Schema};
use sunward_workflows::catalog::KernelEntry;

use self::greedy::Clusters;
use self::near::{Finder, Index, Near};
use crate::bits::{Fingerprints, Popcount};
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
        let finder = Finder {
            library: &library,
            near: Near::new(with.float("distance")?),
            popcount: Popcount::detect(),
        };
        let (own, folds) = library.digest(finder.popcount, context)?;
        let index = Index::new(&own, &folds);
        drop(folds);
        let counts = greedy::neighbour_counts(&finder, &index, &own, context)?;
        let clusters = greedy::clusters(&finder, index, &own, &counts, context)?;
        Ok(Outputs::new().with("clusters", table(&library, clusters)?))
    }
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
