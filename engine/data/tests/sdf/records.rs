//! Records and readers of columns, for the tests of SDF.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int32Type};

use super::bench::Bench;

/// Ammonium and chloride, as programs write them.
pub(crate) const SALT: &str = "\
salt
  a program, and a date

  3  1  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.5000   -0.2500 N   0  3  0  0  0  0
   -1.0000    0.0000    0.0000 H   0  0  0  0  0  0
    4.0000    0.0000    0.0000 Cl  0  5  0  0  0  0
  1  2  1  0
M  END
";

pub(crate) fn read(text: &str) -> RecordBatch {
    let bench = Bench::new();
    let path = bench.file("m.sdf", text);
    bench.rows(&bench.read(&path).unwrap())
}

/// The names of all columns.
pub(crate) fn columns(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    names.collect()
}

/// A column of text.
pub(crate) fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(column).unwrap().as_string::<i32>();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

pub(crate) fn ids(batch: &RecordBatch) -> Vec<String> {
    texts(batch, "id").into_iter().flatten().collect()
}

pub(crate) fn elements(batch: &RecordBatch, row: usize) -> Vec<String> {
    let list = batch.column_by_name("elements").unwrap();
    let list = list.as_list::<i32>().value(row);
    let symbols = list.as_string::<i32>().iter().flatten();
    symbols.map(str::to_owned).collect()
}

pub(crate) fn charges(batch: &RecordBatch, row: usize) -> Vec<i32> {
    let list = batch.column_by_name("formal_charges").unwrap();
    let list = list.as_list::<i32>().value(row);
    list.as_primitive::<Int32Type>().values().to_vec()
}

pub(crate) fn xyz(batch: &RecordBatch, row: usize) -> Vec<f64> {
    let list = batch.column_by_name("xyz").unwrap();
    let list = list.as_list::<i32>().value(row);
    list.as_primitive::<Float64Type>().values().to_vec()
}

/// Glycine's zwitterion, with a line that continues in the next.
pub(crate) const V3000: &str = "\
glycine

comment
  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 3 2 0 0 0
M  V30 BEGIN ATOM
M  V30 7 N 0.5 -1.25 0 0 CHG=1
M  V30 8 C 1.5 0 0.125 0
M  V30 9 O 2.5 0 -
M  V30 0 0 CFG=1 CHG=-1
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 7 8
M  V30 2 1 8 9
M  V30 END BOND
M  V30 END CTAB
M  END
> <dose>
1

$$$$
";
