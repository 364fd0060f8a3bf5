//! Compares a kernel's declared arguments with what the stage binds to them.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use sunward_kernels::device::{Number, Source as Code};
use sunward_workflows::{ColumnSpec, Cuda, CudaArg, to_arrow_field};

use super::columns::Source;
use super::error::CudaTaskError;

/// Refuses arguments that the kernel would read as another number type.
pub(super) fn check(
    code: &Code,
    kernel: &Cuda,
    sources: &BTreeMap<&str, Source>,
) -> Result<(), CudaTaskError> {
    let parameters = code.parameters(&kernel.entry).unwrap_or_default();
    for (index, (arg, parameter)) in kernel.args.iter().zip(&parameters).enumerate() {
        let bound = bound(arg, sources);
        let is_other = |kind: &DataType| match (parameter.number, number(kind)) {
            (Some(declared), Some(given)) => declared != given,
            _ => false,
        };
        let is_column = matches!(arg, CudaArg::In { .. } | CudaArg::Out { .. });
        if let Some((what, kind)) = bound
            && (is_other(&kind) || is_column != parameter.is_pointer && parameter.number.is_some())
        {
            return Err(CudaTaskError::Declared {
                number: index + 1,
                declared: parameter.text.clone(),
                bound: format!("{what} {kind}"),
            });
        }
    }
    Ok(())
}

/// What an argument is bound to, in words, and its type.
fn bound(arg: &CudaArg, sources: &BTreeMap<&str, Source>) -> Option<(String, DataType)> {
    let of = |name: &str, kind: &str| {
        let field = to_arrow_field(&ColumnSpec::new(name.to_owned(), kind.to_owned()));
        Some(field.ok()?.data_type().clone())
    };
    match arg {
        CudaArg::In { port, column } => {
            let kind = sources.get(port.as_str())?.kind(column)?;
            let what = format!("column `{column}` of input `{port}`, which is");
            Some((what, kind.clone()))
        }
        CudaArg::Out {
            port,
            column,
            column_type,
        } => {
            let what = format!("column `{column}` of output `{port}`, which is to be");
            Some((what, of(column, &column_type.0)?))
        }
        CudaArg::Value { column_type, .. } => {
            Some(("a value of type".to_owned(), of("value", &column_type.0)?))
        }
        CudaArg::Rows { column_type } => Some((
            "the number of rows as".to_owned(),
            of("rows", &column_type.0)?,
        )),
    }
}

/// The number type of a column's elements; `None` if it is mere bytes.
fn number(kind: &DataType) -> Option<Number> {
    match kind {
        DataType::FixedSizeList(item, _) => number(item.data_type()),
        DataType::FixedSizeBinary(_) | DataType::Boolean => None,
        kind if kind.is_decimal() => None,
        kind => Some(Number {
            bytes: kind.primitive_width()?,
            is_real: kind.is_floating(),
        }),
    }
}
