//! The output `rejects`: rows of library and queries without a fingerprint.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::compute::concat;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Field, Schema};

use crate::bits::{Fingerprints, WITHOUT};
use crate::{KernelError, Table};

/// The rows, the library's first. Ids become text if their types differ.
pub(super) fn table(
    library: &Fingerprints<'_>,
    queries: &Fingerprints<'_>,
) -> Result<Table, KernelError> {
    let [of_library, of_queries] = [library.ids_without()?, queries.ids_without()?];
    let ports = std::iter::repeat_n("library", of_library.len())
        .chain(std::iter::repeat_n("queries", of_queries.len()));
    let ports: StringArray = ports.map(Some).collect();
    let ids = match library.id_type == queries.id_type {
        true => concat(&[&*of_library, &*of_queries])?,
        false => concat(&[&text(&of_library)?, &text(&of_queries)?])?,
    };
    let reasons: StringArray = std::iter::repeat_n(Some(WITHOUT), ids.len()).collect();
    let schema = Schema::new(vec![
        Field::new("port", DataType::Utf8, false),
        Field::new("id", ids.data_type().clone(), true),
        Field::new("reason", DataType::Utf8, false),
    ]);
    Table::from_columns(schema, vec![Arc::new(ports), ids, Arc::new(reasons)])
}

/// Values of any type as text.
fn text(values: &ArrayRef) -> Result<StringArray, KernelError> {
    let options = FormatOptions::default();
    let shown = ArrayFormatter::try_new(values, &options)?;
    let texts = (0..values.len()).map(|row| {
        let valid = values.is_valid(row);
        valid.then(|| shown.value(row).try_to_string()).transpose()
    });
    Ok(texts.collect::<Result<StringArray, _>>()?)
}
