//! Makes datasets from datasets: concatenated, with some of the columns, or without rows.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use sunward_core::{Dataset, DatasetKind, Digest, FileRows, Hasher, Written, carried_columns};
use sunward_workflows::{
    Form, Output, OutputFormat, Stage, Value, from_arrow, quoted, to_arrow_field,
};

use crate::content::content_digest;
use crate::content::schema::difference;
use crate::error::DataError;
use crate::netcdf::{First, with_all_bounds};
use crate::store::Store;

/// How the name of a task begins in messages.
const TASK: &str = "task ";

/// The names of a stage's tasks in messages, for the datasets that they wrote. Empty names if some tasks
/// may have written none.
#[must_use]
pub fn task_names(stage: &Stage, datasets: usize) -> Vec<String> {
    let name = |at: usize| match stage.tolerate {
        0 => format!("{TASK}{}/{at}", stage.name),
        _ => String::new(),
    };
    (0..datasets).map(name).collect()
}

impl Store {
    /// Gathers what the tasks of a stage wrote to a port, in task order. The files or folders of a
    /// scattered stage become one folder, whatever the number of its tasks.
    ///
    /// # Errors
    ///
    /// Fails in the same cases as [`Self::pieces`] and [`Self::concat`].
    pub fn gather(
        &self,
        stage: &Stage,
        port: &str,
        written: &[Dataset],
    ) -> Result<Dataset, DataError> {
        let names = task_names(stage, written.len());
        self.concat_named(&self.pieces(stage, port, written, &[])?, &names)
    }

    /// What the tasks of a stage wrote to a port, in task order, as datasets that
    /// [`Self::concat`] joins with those of other sources. Files carry the columns of the tasks'
    /// `items`, if there are some.
    ///
    /// # Errors
    ///
    /// Fails if no task wrote anything and the columns are not declared, or the disk fails.
    pub fn pieces(
        &self,
        stage: &Stage,
        port: &str,
        written: &[Dataset],
        items: &[Value],
    ) -> Result<Vec<Dataset>, DataError> {
        match written.first().map(|first| first.kind) {
            None => {
                let output = stage.outputs.get(port).ok_or_else(|| {
                    DataError::NoSuch(format!("stage {} has no output `{port}`", stage.name))
                })?;
                Ok(vec![self.nothing(output)?])
            }
            Some(kind) if kind != DatasetKind::Table && stage.is_scattered() => {
                Ok(vec![files_of(stage, port, (kind, written), items)])
            }
            Some(_) => Ok(written.to_vec()),
        }
    }

    /// Concatenates datasets. The result is the list of their parts; nothing is copied. Several
    /// files or folders become one folder.
    ///
    /// Tables must have equal columns; encodings may differ, because readers unify them. Columns of
    /// CSV files whose types were found from their text get the type of all of it (see
    /// `one_text.rs`). Gridded tables must be on the same grid and in the same unit. The
    /// metadata is that of the first table with rows, with the time bounds of all. Tables without
    /// rows contribute no part. The rows are read once for the content digest, unless it is cached.
    ///
    /// # Errors
    ///
    /// Fails if there is no dataset, kinds, columns or grids differ, or a part is missing or
    /// damaged.
    pub fn concat(&self, datasets: &[Dataset]) -> Result<Dataset, DataError> {
        self.concat_named(datasets, &[])
    }

    /// As [`Self::concat`]. Messages call the datasets by these names, which a user knows.
    ///
    /// # Errors
    ///
    /// As for [`Self::concat`].
    pub fn concat_named(
        &self,
        datasets: &[Dataset],
        names: &[String],
    ) -> Result<Dataset, DataError> {
        let Some(first) = datasets.first() else {
            return Err(DataError::NoSuch(
                "there is no data, and no schema is declared; declare the output's columns with `schema:`".into(),
            ));
        };
        let kind = first.kind.gathered();
        if let Some(at) = datasets.iter().position(|d| d.kind.gathered() != kind) {
            return Err(DataError::Schema {
                place: format!("dataset {at} of {}", datasets.len()),
                column: "*".into(),
                found: format!("is a {}", datasets[at].kind),
                expected: format!("a {} as the first one", first.kind),
                hint: "give tables and files separate ports".into(),
            });
        }
        match datasets {
            _ if kind == DatasetKind::Table => self.concat_tables(datasets, names),
            [only] => Ok(only.clone()),
            several => Ok(Dataset::folder_of(kind, several)),
        }
    }

    fn concat_tables(&self, datasets: &[Dataset], names: &[String]) -> Result<Dataset, DataError> {
        let with_rows: Vec<(usize, &Dataset)> = datasets
            .iter()
            .enumerate()
            .filter(|(_, dataset)| dataset.rows > 0)
            .collect();
        match with_rows.as_slice() {
            [] => return Ok(datasets[0].clone()),
            [(_, only)] => return Ok((*only).clone()),
            _ => {}
        }
        let mut hasher = Hasher::new("concat");
        for (_, dataset) in &with_rows {
            hasher.field("content", &dataset.content.0);
        }
        let mut joined = Dataset {
            written: None,
            files: None,
            kind: DatasetKind::Table,
            content: Digest::default(),
            rows: with_rows.iter().map(|(_, d)| d.rows).sum(),
            parts: with_rows
                .iter()
                .flat_map(|(_, d)| d.parts.iter().copied())
                .filter(|part| part.rows > 0)
                .collect(),
        };
        // Equal contents have equal schemas, so the datasets of a cached concatenation agree.
        let key = hasher.finish();
        if let Some(known) = self.recall(&key)
            && known.rows == joined.rows
        {
            joined.content = known.content;
            return Ok(self.with_written_of(joined, &with_rows));
        }
        if let Some(joined) = self.one_text(&with_rows)? {
            return Ok(joined);
        }
        let schema = self.agreed_schema(&with_rows, datasets.len(), names)?;
        let batches = self.table(&joined)?.batches(None);
        joined.content = content_digest(&schema, batches)?;
        self.remember(&key, &joined);
        Ok(self.with_written_of(joined, &with_rows))
    }

    fn agreed_schema(
        &self,
        datasets: &[(usize, &Dataset)],
        of: usize,
        names: &[String],
    ) -> Result<SchemaRef, DataError> {
        let name = |at: usize| names.get(at).filter(|name| !name.is_empty());
        let short = |at: usize| name(at).cloned().unwrap_or_else(|| format!("dataset {at}"));
        let schema = self.table(datasets[0].1)?.joined_schema(None)?;
        let first = First::of(&schema);
        let mut others = Vec::with_capacity(datasets.len());
        for (index, dataset) in &datasets[1..] {
            let other = self.table(dataset)?.joined_schema(None)?;
            let of_columns = difference(&other, &schema).map(|what| {
                let (a, b) = (columns_of(&schema), columns_of(&other));
                let writer = match name(*index) {
                    Some(name) if !name.starts_with(TASK) => "file have",
                    Some(_) | None => "task write",
                };
                let (one, other) = (short(datasets[0].0), short(*index));
                (what, format!("make every {writer} the same columns, and declare them with `schema:` ({one} has {a}; {other} has {b})"))
            });
            let unlike = of_columns.or_else(|| {
                let what = first.disagreement(&other)?;
                let hint = "convert one of them first, or give them separate ports";
                Some((what, hint.to_owned()))
            });
            if let Some(((column, found, expected), hint)) = unlike {
                return Err(DataError::Schema {
                    place: name(*index).cloned().unwrap_or_else(|| {
                        let file = self.file_of(dataset);
                        format!("dataset {index} of {of} (counted from 0){file}")
                    }),
                    column,
                    found,
                    expected: match name(datasets[0].0) {
                        Some(name) => format!("{expected} as in {name}"),
                        None => format!(
                            "{expected} as in dataset {}{}",
                            datasets[0].0,
                            self.file_of(datasets[0].1)
                        ),
                    },
                    hint,
                });
            }
            others.push(other);
        }
        let joined = with_all_bounds(&schema, others.iter().map(AsRef::as_ref));
        Ok(joined.map_or(schema, Arc::new))
    }

    /// The first file of a table, as text for a message: the file that a command wrote, or else a
    /// part. Empty without one.
    fn file_of(&self, dataset: &Dataset) -> String {
        let written = dataset.written.iter().flat_map(|written| &written.files);
        let mut files = written.chain(&dataset.parts);
        files.next().map_or_else(String::new, |file| {
            format!(", {}", sunward_files::shown(&self.part_path(&file.digest)))
        })
    }

    /// The dataset of an output without any task, as after an empty scatter: no rows of its
    /// declared columns, or a folder without files or folders.
    ///
    /// # Errors
    /// Fails if it is a table whose columns are not declared, or the disk fails.
    pub fn nothing(&self, output: &Output) -> Result<Dataset, DataError> {
        let kind = match output.format {
            OutputFormat::File | OutputFormat::Files => DatasetKind::Files,
            OutputFormat::Dir => DatasetKind::Dirs,
            OutputFormat::Arrow
            | OutputFormat::Parquet
            | OutputFormat::Csv
            | OutputFormat::Netcdf => {
                let schema = declared(output).ok_or_else(|| {
                    DataError::NoSuch(
                        "no task wrote any data, and no schema is declared; declare the output's \
                         columns with `schema:`"
                            .to_owned(),
                    )
                })?;
                return self.empty(schema);
            }
        };
        Ok(Dataset::of_files(
            kind.of_part(),
            Vec::new(),
            FileRows::default(),
        ))
    }

    /// A table without rows.
    ///
    /// # Errors
    ///
    /// Fails if the disk does.
    pub fn empty(&self, schema: SchemaRef) -> Result<Dataset, DataError> {
        self.write_table(schema, &[])
    }

    /// A table with only these columns, in this order. Its content digest is that of the selection,
    /// so tasks that read it do not depend on other columns. The columns are copied once and the
    /// copy is cached. Selecting all columns in order returns the same dataset.
    ///
    /// # Errors
    ///
    /// Fails if a column does not exist, or the dataset is not a table.
    pub fn select(&self, dataset: &Dataset, columns: &[String]) -> Result<Dataset, DataError> {
        let table = self.table(dataset)?;
        let indices = column_indices(table.schema(), columns)?;
        if indices.iter().copied().eq(0..table.schema().fields().len()) {
            return Ok(dataset.clone());
        }
        let mut hasher = Hasher::new("select");
        for part in dataset.stored() {
            hasher.field("part", &part.digest.0);
        }
        for column in columns {
            hasher.field("column", column.as_bytes());
        }
        let key = hasher.finish();
        if let Some(known) = self.recall(&key) {
            return Ok(known);
        }
        let project = DataError::arrow("cannot select columns");
        let schema = table
            .joined_schema(None)?
            .project(&indices)
            .map_err(project)?;
        let mut writer = self.writer(schema.into())?;
        for batch in table.batches(None) {
            let selected = batch?
                .project(&indices)
                .map_err(DataError::arrow("cannot select columns"))?;
            writer.push(&selected)?;
        }
        let mut selected = writer.finish()?;
        if let Some(written) = &dataset.written
            && written.form == Form::Csv
        {
            let text = self.cut_text(&written.files, columns)?;
            let declared = written.declared.iter().filter(|one| columns.contains(one));
            let written = Written {
                form: Form::Csv,
                files: vec![text],
                declared: declared.cloned().collect(),
            };
            selected = self.with_written(selected, written);
        }
        self.remember(&key, &selected);
        Ok(selected)
    }
}

/// The files or folders that the tasks of a scattered stage wrote, under the names that the stage gives
/// them. Without names they are numbered. A task may have written several, which carry the columns of
/// its item; those of their own names come before.
fn files_of(
    stage: &Stage,
    port: &str,
    (kind, written): (DatasetKind, &[Dataset]),
    items: &[Value],
) -> Dataset {
    let known: Option<Vec<&FileRows>> = written.iter().map(|one| one.files.as_ref()).collect();
    let mut files = known.map_or_else(
        || FileRows::unnamed(stage.unnamed_file(port), written.len()),
        |known| FileRows::joined(&known),
    );
    if items.len() == written.len() {
        let own = std::mem::take(&mut files.columns);
        let is_own = |column: &String| own.iter().any(|(known, _)| known == column);
        let carried = carried_columns(items).into_iter();
        let carried = carried.filter(|(column, _)| !is_own(column));
        let of_each = |(column, values): (String, Vec<Value>)| {
            let values = values.iter().zip(written);
            let values = values.flat_map(|(value, one)| vec![value.clone(); one.parts.len()]);
            (column, values.collect())
        };
        files.columns = carried.map(of_each).collect();
        files.columns.extend(own);
    }
    let parts = written.iter().flat_map(|one| one.parts.iter().copied());
    Dataset::of_files(kind.of_part(), parts.collect(), files)
}

/// The declared columns of an output as a schema; `None` if they are not declared, or one may have
/// any type.
fn declared(output: &Output) -> Option<SchemaRef> {
    let fields = output.schema.as_ref()?.iter().map(to_arrow_field);
    let fields = fields.collect::<Result<Vec<_>, _>>().ok()?;
    Some(Arc::new(Schema::new(fields)))
}

/// A table's columns as a user would declare them: `n: int64, name: utf8`.
fn columns_of(schema: &Schema) -> String {
    let fields = schema.fields().iter().map(|field| from_arrow(field));
    let columns: Vec<String> = fields
        .map(|column| format!("{}: {}", column.name, column.column_type.0))
        .collect();
    columns.join(", ")
}

/// The indices of columns, in the requested order.
pub(crate) fn column_indices(schema: &Schema, columns: &[String]) -> Result<Vec<usize>, DataError> {
    columns
        .iter()
        .map(|name| {
            schema.index_of(name).map_err(|_| {
                let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
                DataError::NoSuch(format!(
                    "there is no column {}; the columns are: {}",
                    quoted(name),
                    names.join(", ")
                ))
            })
        })
        .collect()
}
