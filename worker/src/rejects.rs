//! Counting the rows that a kernel could not use, from its output of rejects.

use arrow::array::{Array, AsArray, RecordBatch};
use sunward_core::Rejects;
use sunward_kernels::{Inputs, Outputs, Table};
use sunward_workflows::catalog::KernelEntry;

/// What a kernel rejected, for each input whose rows it judges.
pub(crate) fn of(entry: &KernelEntry, inputs: &Inputs, outputs: &Outputs) -> Vec<Rejects> {
    let mut all = Vec::new();
    for port in &entry.outputs {
        let Some(table) = outputs.get(&port.name) else {
            continue;
        };
        for input in &port.rejects_of {
            let mut rejects = Rejects {
                port: input.clone(),
                of: inputs.get(input).map_or(0, rows),
                ..Rejects::default()
            };
            let only = port.rejects_of.len() == 1;
            for batch in &table.batches {
                count(&mut rejects, batch, only);
            }
            all.push(rejects);
        }
    }
    all
}

fn rows(table: &Table) -> u64 {
    u64::try_from(table.rows()).unwrap_or(u64::MAX)
}

fn count(rejects: &mut Rejects, batch: &RecordBatch, only: bool) {
    let texts = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    let (reasons, ports) = (texts("reason"), texts("port"));
    for row in 0..batch.num_rows() {
        let is_ours = only || ports.is_some_and(|ports| ports.value(row) == rejects.port);
        if is_ours {
            let reason = reasons.filter(|reasons| reasons.is_valid(row));
            rejects.add(
                reason.map_or("no reason given", |reasons| reasons.value(row)),
                1,
            );
        }
    }
}
