//! Tables as files, from a process on a device to the worker.

use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;

/// Writes a table as an Arrow IPC file.
pub(super) fn write_table(
    path: &Path,
    schema: &Schema,
    batches: &[RecordBatch],
) -> Result<(), ArrowError> {
    let mut writer = FileWriter::try_new(File::create(path)?, schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()
}
