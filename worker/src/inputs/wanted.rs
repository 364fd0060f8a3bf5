//! The form in which a stage wants its inputs.

use sunward_core::{Dataset, FailureKind};
use sunward_data::{DataError, Store, Wanted};
use sunward_protocol::Job;
use sunward_workflows::Input;

use crate::fault::Fault;

/// The same job, with inputs that this host's store alone can provide: they are fetched and reduced
/// to the requested columns. It is for a process without access to other stores.
pub(crate) fn at_hand(store: &Store, job: &Job) -> Result<Job, Fault> {
    let mut job = job.clone();
    for (port, dataset) in &mut job.inputs {
        if let Some(input) = job.stage.inputs.get_mut(port) {
            let columns = std::mem::take(&mut input.columns);
            if !columns.is_empty() {
                let reduced = store.select(dataset, &columns);
                *dataset = reduced.map_err(|error| unusable(port, &error))?;
            }
        }
        store
            .fetch(dataset)
            .map_err(|error| unusable(port, &error))?;
    }
    Ok(job)
}

/// The requested form of an input. Columns to which the dataset was already reduced are not
/// requested again, since that would copy it.
pub(super) fn wanted(
    store: &Store,
    port: &str,
    input: Option<&Input>,
    dataset: &Dataset,
) -> Result<Wanted, Fault> {
    let Some(input) = input else {
        return Ok(Wanted::default());
    };
    let mut columns = input.columns.clone();
    if !columns.is_empty() {
        let table = store
            .table(dataset)
            .map_err(|error| unusable(port, &error))?;
        let fields = table.schema().fields();
        if fields.iter().map(|field| field.name()).eq(columns.iter()) {
            columns.clear();
        }
    }
    Ok(Wanted {
        form: input.form,
        columns,
        ..Wanted::default()
    })
}

/// The fault for an input that is not available.
pub(super) fn unusable(port: &str, error: &DataError) -> Fault {
    let message = format!("input {port} cannot be used: {error}");
    Fault::data(FailureKind::Input, message, error)
}
