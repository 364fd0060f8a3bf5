//! An input that is sliced among the tasks of a stage.

use sunward_core::{Dataset, Written};
use sunward_data::Wanted;

use crate::fault::Fault;
use crate::slices::{Cut, Slice};

/// An input of which each task gets a slice.
pub(super) struct CutInput {
    pub(super) port: String,
    pub(super) dataset: Dataset,
    pub(super) wanted: Wanted,
}

impl CutInput {
    /// The slice as a dataset, and its requested form.
    pub(super) fn slice(&self, cut: &Cut) -> Result<(Dataset, Wanted), Fault> {
        match &cut.slice {
            Slice::Rows(rows) => {
                let mut wanted = self.wanted.clone();
                wanted.rows = Some(rows.clone());
                Ok((self.dataset.clone(), wanted))
            }
            Slice::Part(index) => {
                let part = self.dataset.parts.get(*index).ok_or_else(|| {
                    Fault::infrastructure(format!(
                        "input {} has no part {index}; this is a bug in Sunward; please report it",
                        self.port
                    ))
                })?;
                let dataset = Dataset {
                    files: None,
                    kind: self.dataset.kind.of_part(),
                    written: self.written_part(*index),
                    content: part.digest,
                    rows: part.rows,
                    parts: vec![*part],
                };
                Ok((dataset, self.wanted.clone()))
            }
        }
    }

    /// The file of one part as it was written, if each part has one.
    fn written_part(&self, index: usize) -> Option<Written> {
        let written = self.dataset.written.as_ref()?;
        let file = self.dataset.written_part(index)?;
        Some(Written {
            form: written.form,
            files: vec![*file],
            declared: written.declared.clone(),
        })
    }
}
