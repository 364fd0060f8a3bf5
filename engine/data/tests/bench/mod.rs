//! A store for the tests of formats and of gathering.
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int64Array, ListArray, RecordBatch, StringArray,
};
use arrow::datatypes::Int32Type;
use arrow_schema::{DataType, Field};
use sunward_core::Dataset;
use sunward_data::{DataError, NoMemory, SourceOptions, Store};

/// A store in a folder of its own, with files beside it.
pub(crate) struct Bench {
    pub(crate) home: tempfile::TempDir,
    pub(crate) store: Store,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), None).unwrap();
        Self { home, store }
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn read(&self, source: &str) -> Result<Dataset, DataError> {
        self.read_with(source, &SourceOptions::default())
    }

    pub(crate) fn read_with(
        &self,
        source: &str,
        options: &SourceOptions,
    ) -> Result<Dataset, DataError> {
        self.store.read_source(source, options, &NoMemory)
    }

    pub(crate) fn rows(&self, dataset: &Dataset) -> RecordBatch {
        self.store.table(dataset).unwrap().read(None).unwrap()
    }

    pub(crate) fn table(&self, batch: &RecordBatch) -> Dataset {
        self.store
            .write_table(batch.schema(), std::slice::from_ref(batch))
            .unwrap()
    }
}

/// Numbers, text with quotes and gaps, a list and a tensor.
pub(crate) fn mixed() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let tensor = FixedSizeListArray::new(
        Arc::new(Field::new("item", DataType::Float32, true)),
        2,
        Arc::new(Float32Array::from(vec![1.5, f32::NAN, 3.0, 4.0])),
        None,
    );
    RecordBatch::try_from_iter_with_nullable([
        (
            "id",
            Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef,
            true,
        ),
        (
            "name",
            Arc::new(StringArray::from(vec![Some("a \"b\", c"), None])),
            true,
        ),
        ("list", Arc::new(list), true),
        ("t", Arc::new(tensor), true),
    ])
    .unwrap()
}
