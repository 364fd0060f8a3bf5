//! One task of a `cuda` stage: columns are copied to a device, the kernel runs with one thread for
//! each row, and columns are copied back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{RecordBatch, make_array};
use arrow::buffer::Buffer as Bytes;
use arrow::datatypes::{Field, Schema};
use sunward_kernels::device::{Arg, Buffer, Device, Grid, Source as Code, Stream};
use sunward_workflows::{ColumnSpec, ColumnType, Cuda, CudaArg, row_bytes, to_arrow_field};

use super::super::table::write_table;
use super::columns::{self, Source};
use super::declared;
use super::error::CudaTaskError;

/// The input of one task: the kernel, its values in the order of the arguments, and files by port.
#[derive(Debug)]
pub struct CudaTask {
    /// The kernel, bound to columns.
    pub kernel: Cuda,
    /// A text for each `value` among its arguments.
    pub values: Vec<String>,
    /// Arrow IPC files to read.
    pub inputs: BTreeMap<String, PathBuf>,
    /// Arrow IPC files to write.
    pub outputs: BTreeMap<String, PathBuf>,
}

/// An output column on the device.
struct Made {
    port: String,
    field: Field,
    buffer: Buffer,
    bytes: usize,
}

impl CudaTask {
    /// Runs the task on this device.
    ///
    /// # Errors
    ///
    /// Fails if the source does not compile, an input does not fit, or the device fails. No output
    /// is written then.
    pub fn run(&self, device: &Device) -> Result<(), CudaTaskError> {
        let code = self.code()?;
        let module = device.module(&code)?;
        let function = module.function(&self.kernel.entry)?;
        let sources = self
            .inputs
            .iter()
            .map(|(port, path)| Ok((port.as_str(), Source::open(port, path)?)))
            .collect::<Result<BTreeMap<&str, Source>, CudaTaskError>>()?;
        let rows = self.rows(&sources)?;
        declared::check(&code, &self.kernel, &sources)?;
        let stream = device.stream()?;
        let bound = self.bind(device, &stream, &sources, rows)?;
        if let Some(grid) = self.grid(rows)? {
            stream.launch(&function, grid, &bound.args())?;
            stream.synchronize()?;
        }
        self.write(&stream, &bound.made, rows)
    }

    fn code(&self) -> Result<Code, CudaTaskError> {
        let path = &self.kernel.source;
        let text = std::fs::read_to_string(path).map_err(|error| CudaTaskError::Unreadable {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(Code::new(path, &text, &[&self.kernel.entry]))
    }

    /// The number of rows of the bound columns, which must all be equal.
    fn rows(&self, sources: &BTreeMap<&str, Source>) -> Result<usize, CudaTaskError> {
        let mut first: Option<(&str, usize)> = None;
        for arg in &self.kernel.args {
            let CudaArg::In { port, .. } = arg else {
                continue;
            };
            let rows = source(sources, port)?.rows();
            match first {
                None => first = Some((port, rows)),
                Some((other, expected)) if expected != rows => {
                    return Err(CudaTaskError::Input {
                        port: port.clone(),
                        problem: format!(
                            "it has {rows} rows, and input `{other}` has {expected}; a thread gets \
                             one row of each, so both must have as many"
                        ),
                    });
                }
                Some(_) => {}
            }
        }
        Ok(first.map_or(0, |(_, rows)| rows))
    }

    /// The grid of the launch; `None` without rows.
    fn grid(&self, rows: usize) -> Result<Option<Grid>, CudaTaskError> {
        let block = self.kernel.block;
        if rows == 0 {
            return Ok(None);
        }
        let blocks = u64::try_from(rows)
            .unwrap_or(u64::MAX)
            .div_ceil(block.into());
        let blocks =
            i32::try_from(blocks).map_err(|_| CudaTaskError::TooManyRows { rows, block })?;
        Ok(Some(Grid::new(blocks.unsigned_abs(), block)))
    }

    fn bind(
        &self,
        device: &Device,
        stream: &Stream,
        sources: &BTreeMap<&str, Source>,
        rows: usize,
    ) -> Result<Bound, CudaTaskError> {
        let mut bound = Bound::default();
        let mut values = self.values.iter();
        for (index, arg) in self.kernel.args.iter().enumerate() {
            let number = index + 1;
            let binding = match arg {
                CudaArg::In { port, column } => {
                    let bytes = source(sources, port)?.bytes(column)?;
                    let buffer = device.alloc(bytes.len())?;
                    stream.send(&bytes, &buffer)?;
                    bound.read.push(buffer);
                    Binding::Read(bound.read.len() - 1)
                }
                CudaArg::Out {
                    port,
                    column,
                    column_type,
                } => {
                    let spec = ColumnSpec::new(column.clone(), column_type.0.clone());
                    let field = to_arrow_field(&spec)
                        .map_err(|error| CudaTaskError::Output(error.to_string()))?;
                    let width = row_bytes(field.data_type()).unwrap_or(0);
                    let bytes = rows.saturating_mul(width);
                    let buffer = device.alloc(bytes)?;
                    stream.fill(&buffer, 0)?;
                    bound.made.push(Made {
                        port: port.clone(),
                        field,
                        buffer,
                        bytes,
                    });
                    Binding::Made(bound.made.len() - 1)
                }
                CudaArg::Value { column_type, .. } => {
                    let text = values.next().map_or("", String::as_str);
                    Binding::Number(number_of(number, column_type, text)?)
                }
                CudaArg::Rows { column_type } => {
                    Binding::Number(number_of(number, column_type, &rows.to_string())?)
                }
            };
            bound.bindings.push(binding);
        }
        Ok(bound)
    }

    /// Writes all outputs or none.
    fn write(&self, stream: &Stream, made: &[Made], rows: usize) -> Result<(), CudaTaskError> {
        let failed = |error: arrow::error::ArrowError| CudaTaskError::Output(error.to_string());
        let mut tables = Vec::new();
        for (port, path) in &self.outputs {
            let (mut fields, mut arrays) = (Vec::new(), Vec::new());
            for column in made.iter().filter(|column| column.port == *port) {
                let mut bytes = vec![0_u8; column.bytes];
                stream.fetch(&column.buffer, &mut bytes)?;
                let bytes = Bytes::from_vec(bytes);
                let data = columns::array(column.field.data_type(), rows, bytes)?;
                arrays.push(make_array(data));
                fields.push(column.field.clone());
            }
            let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
            tables.push((path, batch.map_err(failed)?));
        }
        for (path, batch) in tables {
            write_table(path, batch.schema_ref(), std::slice::from_ref(&batch)).map_err(failed)?;
        }
        Ok(())
    }
}

fn source<'s>(
    sources: &'s BTreeMap<&str, Source>,
    port: &str,
) -> Result<&'s Source, CudaTaskError> {
    sources.get(port).ok_or_else(|| CudaTaskError::Input {
        port: port.to_owned(),
        problem: "it is not connected; add it under `inputs:`".to_owned(),
    })
}

/// Arguments in order, and the memory that they point to.
#[derive(Default)]
struct Bound {
    bindings: Vec<Binding>,
    read: Vec<Buffer>,
    made: Vec<Made>,
}

enum Binding {
    Read(usize),
    Made(usize),
    Number(Number),
}

impl Bound {
    fn args(&self) -> Vec<Arg<'_>> {
        let arg = |binding: &Binding| match *binding {
            Binding::Read(index) => Arg::Buffer(&self.read[index]),
            Binding::Made(index) => Arg::Buffer(&self.made[index].buffer),
            Binding::Number(number) => number.arg(),
        };
        self.bindings.iter().map(arg).collect()
    }
}

/// A number as a kernel argument.
#[derive(Clone, Copy)]
enum Number {
    I32(i32),
    U32(u32),
    I64(i64),
    U64(u64),
    F32(f32),
    F64(f64),
}

impl Number {
    fn arg(self) -> Arg<'static> {
        match self {
            Self::I32(value) => Arg::I32(value),
            Self::U32(value) => Arg::U32(value),
            Self::I64(value) => Arg::I64(value),
            Self::U64(value) => Arg::U64(value),
            Self::F32(value) => Arg::F32(value),
            Self::F64(value) => Arg::F64(value),
        }
    }
}

/// Parses a text as a number of a type.
fn number_of(number: usize, kind: &ColumnType, text: &str) -> Result<Number, CudaTaskError> {
    let found = match kind.0.as_str() {
        "int32" => text.parse().ok().map(Number::I32),
        "uint32" => text.parse().ok().map(Number::U32),
        "int64" => text.parse().ok().map(Number::I64),
        "uint64" => text.parse().ok().map(Number::U64),
        "float32" => text.parse().ok().map(Number::F32),
        "float64" => text.parse().ok().map(Number::F64),
        _ => None,
    };
    found.ok_or_else(|| CudaTaskError::Value {
        number,
        found: text.to_owned(),
        expected: kind.0.clone(),
    })
}
