//! Inputs of kernels: tables in memory.

use std::borrow::Cow;

use sunward_core::Dataset;
use sunward_data::{DataError, Store, Wanted};
use sunward_kernels::{Inputs, Table};
use sunward_protocol::Job;

use super::cut::CutInput;
use super::wanted::{unusable, wanted};
use crate::fault::Fault;
use crate::slices::{Share, sliced_port};

/// What a kernel stage's tasks read.
pub(crate) struct KernelInputs {
    whole: Inputs,
    cut: Option<CutInput>,
}

impl KernelInputs {
    /// Opens the tables that all tasks share.
    pub(crate) fn prepare(store: &Store, job: &Job) -> Result<Self, Fault> {
        let sliced = sliced_port(&job.tasks);
        let mut whole = Inputs::new();
        let mut cut = None;
        for (port, dataset) in &job.inputs {
            let wanted = wanted(store, port, job.stage.inputs.get(port), dataset)?;
            if sliced == Some(port.as_str()) {
                cut = Some(CutInput {
                    port: port.clone(),
                    dataset: dataset.clone(),
                    wanted,
                });
            } else {
                whole.insert(port, as_table(store, port, dataset, &wanted)?);
            }
        }
        Ok(Self { whole, cut })
    }

    /// The tables of task `index`: its slice, and what all tasks share. Nothing is copied if all
    /// tasks get the same.
    pub(crate) fn of_task(
        &self,
        store: &Store,
        job: &Job,
        index: u32,
    ) -> Result<Cow<'_, Inputs>, Fault> {
        let Some(input) = &self.cut else {
            return Ok(Cow::Borrowed(&self.whole));
        };
        let share = Share::of(job, index)?;
        let mut inputs = self.whole.clone();
        if let Some(cut) = &share.cut {
            let (dataset, wanted) = input.slice(cut)?;
            let table = as_table(store, &input.port, &dataset, &wanted)?;
            inputs.insert(&*input.port, table);
        }
        Ok(Cow::Owned(inputs))
    }
}

fn as_table(store: &Store, port: &str, dataset: &Dataset, wanted: &Wanted) -> Result<Table, Fault> {
    let open = || -> Result<Table, DataError> {
        let selected;
        let dataset = if wanted.columns.is_empty() {
            dataset
        } else {
            selected = store.select(dataset, &wanted.columns)?;
            &selected
        };
        let reader = store.table(dataset)?;
        let batches = reader
            .batches(wanted.rows.clone())
            .collect::<Result<_, _>>()?;
        let schema = reader.joined_schema(wanted.rows.as_ref())?;
        Ok(Table::new(schema, batches))
    };
    open().map_err(|error| unusable(port, &error))
}
