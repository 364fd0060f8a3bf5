//! Tables that were written as CSV, joined by their text.
//!
//! The types of a CSV file are found from its cells, so one task's column may be of integers and
//! another's of decimals. The table of all tasks has the types that the whole text has, as if one
//! task had written it.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use sunward_core::{Dataset, DatasetKind, Digest, Hasher, PartRef, Written};
use sunward_workflows::Form;

use crate::content::content_digest;
use crate::content::schema::same_type;
use crate::error::DataError;
use crate::source::{READING_VERSION, open_text_as, types_of_text};
use crate::store::Store;

/// A table with its text and the types that it has alone.
struct Text<'d> {
    dataset: &'d Dataset,
    written: &'d Written,
    schema: SchemaRef,
}

impl Store {
    /// Joins tables whose types differ by their text, if all of them were written as CSV with the
    /// same columns. A column that is declared in any of them has the declared type; any other has
    /// the type of all of its cells. Returns `None` if the tables need not or cannot be joined in
    /// this way. Each file stays a part of its own.
    pub(crate) fn one_text(
        &self,
        tables: &[(usize, &Dataset)],
    ) -> Result<Option<Dataset>, DataError> {
        let datasets: Vec<&Dataset> = tables.iter().map(|(_, table)| *table).collect();
        let written = datasets.iter().map(|table| as_csv(table));
        let Some(written) = written.collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let key = key(&datasets, &written);
        if let Some(known) = self.recall(&key) {
            return Ok(Some(self.with_written_of(known, tables)));
        }
        let texts = self.texts(&datasets, written)?;
        let Some(schema) = self.common_types(&texts)? else {
            return Ok(None);
        };
        let mut joined = Dataset {
            kind: DatasetKind::Table,
            ..Dataset::default()
        };
        for text in &texts {
            joined.parts.extend(self.with_types(text, &schema)?);
        }
        joined.rows = joined.parts.iter().map(|part| part.rows).sum();
        let batches = self.table(&joined)?.batches(None);
        joined.content = content_digest(&schema, batches)?;
        self.remember(&key, &joined);
        Ok(Some(self.with_written_of(joined, tables)))
    }

    /// The columns of gathered tables, and their first rows. Nothing is written: it works on a store
    /// that is only looked at.
    ///
    /// # Errors
    ///
    /// Fails if there is no table, or a part is missing or damaged.
    pub fn head(
        &self,
        tables: &[Dataset],
        rows: u64,
    ) -> Result<(SchemaRef, Vec<RecordBatch>), DataError> {
        let filled: Vec<&Dataset> = tables.iter().filter(|table| table.rows > 0).collect();
        let Some(first) = filled.first().copied().or_else(|| tables.first()) else {
            return Err(DataError::NoSuch("there is no table".to_owned()));
        };
        let written = filled.iter().map(|table| as_csv(table));
        let texts = match written.collect::<Option<Vec<_>>>() {
            Some(written) => self.texts(&filled, written)?,
            None => Vec::new(),
        };
        let common = self.common_types(&texts)?;
        let (mut batches, mut left) = (Vec::new(), rows);
        for (at, dataset) in filled.iter().enumerate() {
            if left == 0 {
                break;
            }
            let other = texts.get(at).zip(common.as_ref());
            match other.filter(|(text, schema)| !is_of_types(text, schema)) {
                Some((text, schema)) => self.head_of_text(text, schema, &mut left, &mut batches)?,
                None => {
                    let table = self.table(dataset)?;
                    let count = left.min(table.rows());
                    batches.push(table.read(Some(0..count))?);
                    left -= count;
                }
            }
        }
        let schema = match common {
            Some(schema) => schema,
            None => self.table(first)?.schema().clone(),
        };
        Ok((schema, batches))
    }

    /// Adds at most `left` rows of a text with these types.
    fn head_of_text(
        &self,
        text: &Text<'_>,
        schema: &SchemaRef,
        left: &mut u64,
        batches: &mut Vec<RecordBatch>,
    ) -> Result<(), DataError> {
        for path in self.files_of(std::slice::from_ref(text))? {
            for batch in open_text_as(&path, schema, self.halt())?.rows {
                let batch = batch?;
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let batch = batch.slice(0, batch.num_rows().min(most));
                *left -= u64::try_from(batch.num_rows()).unwrap_or(*left);
                batches.push(batch);
                if *left == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn texts<'d>(
        &self,
        datasets: &[&'d Dataset],
        written: Vec<&'d Written>,
    ) -> Result<Vec<Text<'d>>, DataError> {
        let pairs = datasets.iter().zip(written);
        pairs
            .map(|(dataset, written)| {
                Ok(Text {
                    dataset,
                    written,
                    schema: self.table(dataset)?.joined_schema(None)?,
                })
            })
            .collect()
    }

    /// The columns of all texts together. `None` if they agree already, if their names differ, or
    /// if one column is declared with two types.
    fn common_types(&self, texts: &[Text<'_>]) -> Result<Option<SchemaRef>, DataError> {
        let Some(first) = texts.first() else {
            return Ok(None);
        };
        let names = |text: &Text<'_>| -> Vec<String> {
            let fields = text.schema.fields().iter();
            fields.map(|field| field.name().clone()).collect()
        };
        let expected = names(first);
        let agree = texts.iter().all(|text| is_of_types(text, &first.schema));
        if agree || texts.iter().any(|text| names(text) != expected) {
            return Ok(None);
        }
        let mut found: Option<Schema> = None;
        let mut fields: Vec<Field> = Vec::with_capacity(expected.len());
        for (at, name) in expected.iter().enumerate() {
            let declaring = || {
                texts
                    .iter()
                    .filter(|text| text.written.declared.contains(name))
            };
            let known = match declaring().next() {
                Some(text) => text.schema.field(at),
                None => first.schema.field(at),
            };
            let differs = |text: &Text<'_>| !same_type(text.schema.field(at), known);
            if declaring().any(differs) {
                return Ok(None);
            }
            if declaring().next().is_none() && texts.iter().any(differs) {
                let whole = match found.take() {
                    Some(whole) => whole,
                    None => types_of_text(&self.files_of(texts)?, self.halt())?,
                };
                fields.push(whole.field(at).clone());
                found = Some(whole);
            } else {
                fields.push(known.clone());
            }
        }
        Ok(Some(Arc::new(Schema::new(fields))))
    }

    /// The files of all texts on this host.
    fn files_of(&self, texts: &[Text<'_>]) -> Result<Vec<PathBuf>, DataError> {
        let files = texts.iter().flat_map(|text| &text.written.files);
        files
            .map(|file| {
                self.fetch_part(file)?;
                Ok(self.part_path(&file.digest))
            })
            .collect()
    }

    /// The parts of a table with these types. They are read from its text if it has others.
    fn with_types(&self, text: &Text<'_>, schema: &SchemaRef) -> Result<Vec<PartRef>, DataError> {
        let mut parts = Vec::new();
        if is_of_types(text, schema) {
            parts.clone_from(&text.dataset.parts);
        } else {
            for path in self.files_of(std::slice::from_ref(text))? {
                let opened = open_text_as(&path, schema, self.halt())?;
                parts.extend(self.store_rows(opened)?.parts);
            }
        }
        parts.retain(|part| part.rows > 0);
        Ok(parts)
    }
}

fn as_csv(table: &Dataset) -> Option<&Written> {
    let written = table.written.as_ref();
    written.filter(|written| written.form == Form::Csv)
}

fn is_of_types(text: &Text<'_>, schema: &Schema) -> bool {
    let (own, wanted) = (text.schema.fields(), schema.fields());
    let mut pairs = own.iter().zip(wanted);
    own.len() == wanted.len() && pairs.all(|(a, b)| a.name() == b.name() && same_type(a, b))
}

fn key(tables: &[&Dataset], written: &[&Written]) -> Digest {
    let mut hasher = Hasher::new("one text");
    hasher.field("version", &[READING_VERSION]);
    for (table, written) in tables.iter().zip(written) {
        hasher.field("content", &table.content.0);
        for name in &written.declared {
            hasher.field("declared", name.as_bytes());
        }
    }
    hasher.finish()
}
