//! `sunward show [RUN] STAGE.PORT`: shows the schema and rows of a table, or the files of another
//! output.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clap::Args;
use serde::Serialize;
use sunward_core::{Dataset, DatasetKind, RunId, RunState, StageEnd, StageId, StageView};
use sunward_data::Store;
use sunward_workflows::{OutputFormat, from_arrow};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::recorded::Recorded;
use crate::render::table::{Table, Tone};
use crate::render::units::{bytes, count, plural};
use crate::render::{self, Page, View};
use crate::which;

/// The most characters of a cell that are shown. With `--json`, cells are not cut.
const CELL_CHARS: usize = 40;

/// Show an output of a stage: schema and first rows, or its files
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward show sum.pi\n  sunward show r1 integrate.areas --head 3 --json\n  sunward show sum.pi --path"
)]
pub(crate) struct Show {
    // The text is in `help`, because rustdoc would take its brackets for links.
    #[arg(value_name = "RUN STAGE.PORT", help = "[RUN] STAGE.PORT, or the name of an output of the workflow", num_args = 1..=2, required = true)]
    what: Vec<String>,
    /// Number of rows
    #[arg(long, value_name = "N", default_value_t = 20)]
    head: u64,
    /// Print only the paths of its files, one a line; a table is one or several Arrow IPC files
    #[arg(long, conflicts_with = "json")]
    path: bool,
}

/// The answer.
#[derive(Serialize)]
struct Shown {
    run: String,
    stage: String,
    port: String,
    /// `table`, `file` or `folder`.
    kind: &'static str,
    rows: Option<u64>,
    bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    schema: Vec<Column>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<ShownFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip)]
    cells: Vec<Vec<String>>,
}

/// One column of a schema.
#[derive(Serialize)]
struct Column {
    name: String,
    r#type: String,
}

/// One file of a result. Those of a table are Arrow IPC files with its rows, in this order.
#[derive(Serialize)]
struct ShownFile {
    /// Its own name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    path: String,
    bytes: u64,
}

impl View for Shown {
    fn page(&self, page: &mut Page) {
        let size = match self.rows {
            Some(rows) => format!("{}, {}", plural(rows, "row"), bytes(self.bytes)),
            None => format!(
                "{}, {}",
                plural(u64::try_from(self.files.len()).unwrap_or(0), self.kind),
                bytes(self.bytes)
            ),
        };
        let title = format!("{}.{}", self.stage, self.port);
        page.line(format!(
            "{} of {}: {size}",
            page.style.strong(&title),
            self.run
        ));
        if let Some(note) = &self.note {
            page.line(page.style.warn(note));
        }
        let mut schema = Table::new(&["", ""]).indented(2);
        for column in &self.schema {
            schema.toned([(&column.name, Tone::Plain), (&column.r#type, Tone::Faint)]);
        }
        page.table(&schema);
        if !self.cells.is_empty() {
            page.gap();
            let headings: Vec<&str> = self.schema.iter().map(|c| c.name.as_str()).collect();
            let mut table = Table::new(&headings);
            for row in &self.cells {
                table.row(row.iter().map(|cell| cut(cell)));
            }
            page.table(&table);
            let shown = u64::try_from(self.cells.len()).unwrap_or(0);
            if let Some(rows) = self.rows.filter(|rows| *rows > shown) {
                let rest = format!("({} more; --head N shows more)", count(rows - shown));
                page.line(page.style.faint(&rest));
            }
        }
        let mut files = Table::new(&["", "", ">"]).indented(2);
        let shown = self.files.iter().filter(|_| self.kind != "table");
        for file in shown {
            let name = file.name.clone().unwrap_or_default();
            files.row([name, file.path.clone(), bytes(file.bytes)]);
        }
        page.table(&files);
    }
}

fn cut(cell: &str) -> String {
    if cell.chars().count() <= CELL_CHARS {
        return cell.to_owned();
    }
    let mut text: String = cell.chars().take(CELL_CHARS - 1).collect();
    text.push('…');
    text
}

impl Show {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let (run, what) = self.parse()?;
        let found = which::find(context, run)?;
        let recorded = Recorded::read(&found.reader, &found.home, found.row.run)?;
        let run = recorded.run()?;
        let (stage, port) = port_of(run, what)?;
        let parts = run.gathered(stage, &port).unwrap_or_default();
        let mut store = Store::look(&found.home);
        // A result from another site stays in the bucket until it is needed.
        if !parts.iter().all(|part| store.is_local(part))
            && let Some(bucket) = Store::last_remote(&found.home)
        {
            crate::remote::prepare();
            store = Store::open(&found.home, Some(&bucket))?;
        }
        let view = run
            .stage(stage)
            .ok_or_else(|| wrong_input(format!("{} has no such stage", run.id)))?;
        let mut shown = Shown {
            run: run.id.to_string(),
            stage: view.name().to_owned(),
            port,
            kind: "table",
            rows: None,
            bytes: parts.iter().map(Dataset::bytes).sum(),
            schema: Vec::new(),
            head: None,
            files: Vec::new(),
            note: (view.end() != Some(&StageEnd::Succeeded)).then(|| {
                format!(
                    "the stage is {}: this is the output of {} so far",
                    view.status_word(),
                    plural(u64::try_from(parts.len()).unwrap_or(0), "task")
                )
            }),
            cells: Vec::new(),
        };
        match parts.first().map(|part| part.kind) {
            None if view.end() == Some(&StageEnd::Succeeded) => empty(&view, &mut shown),
            None => {
                return Err(wrong_input(format!(
                    "{}.{} of {} has nothing to show: the stage is {}",
                    shown.stage,
                    shown.port,
                    run.id,
                    view.status_word()
                )));
            }
            Some(DatasetKind::Table) => {
                self.table(&store, &parts, &mut shown)?;
                files(&store, &parts, None, &mut shown)?;
            }
            Some(kind) => {
                shown.kind = if kind == DatasetKind::Dir {
                    "folder"
                } else {
                    "file"
                };
                let ext = crate::view::outputs::suffix(run, stage, &shown.port);
                files(&store, &parts, ext.as_deref(), &mut shown)?;
            }
        }
        if self.path {
            let lines = shown.files.iter().map(|file| format!("{}\n", file.path));
            render::raw(lines.collect::<String>().as_bytes())?;
        } else {
            render::answer(context, &shown)?;
        }
        Ok(Exit::Done)
    }

    fn parse(&self) -> anyhow::Result<(Option<RunId>, &str)> {
        match self.what.as_slice() {
            [what] => Ok((None, what)),
            [run, what] => run
                .parse()
                .map(|run| (Some(run), what.as_str()))
                .map_err(wrong_input),
            _ => Err(wrong_input(
                "expected [RUN] STAGE.PORT, as in r7 search.hits",
            )),
        }
    }

    fn table(&self, store: &Store, parts: &[Dataset], shown: &mut Shown) -> anyhow::Result<()> {
        shown.rows = Some(parts.iter().map(|part| part.rows).sum());
        let (schema, batches) = store.head(parts, self.head)?;
        let columns = schema.fields().iter().map(|field| {
            let column = from_arrow(field);
            Column {
                name: column.name,
                r#type: column.column_type.0,
            }
        });
        shown.schema = columns.collect();
        shown.head = Some(json_rows(&batches)?);
        for batch in &batches {
            shown.cells.extend(cells(batch)?);
        }
        Ok(())
    }
}

/// The output of a stage without tasks, which is empty but has its declared form.
fn empty(stage: &StageView<'_>, shown: &mut Shown) {
    shown.note = Some("the stage had no tasks, so this output is empty".to_owned());
    let Some(output) = stage.planned.stage.outputs.get(&shown.port) else {
        return;
    };
    match output.format {
        OutputFormat::File => shown.kind = "file",
        OutputFormat::Dir | OutputFormat::Files => shown.kind = "folder",
        OutputFormat::Arrow | OutputFormat::Parquet | OutputFormat::Csv | OutputFormat::Netcdf => {
            shown.rows = Some(0);
            shown.head = Some(serde_json::Value::Array(Vec::new()));
            let declared = output.schema.iter().flatten();
            shown.schema = declared
                .map(|column| Column {
                    name: column.name.clone(),
                    r#type: column.column_type.0.clone(),
                })
                .collect();
        }
    }
}

/// The stage and port of an output, which is given as `stage.port` or as the name of an output of
/// the workflow.
fn port_of(run: &RunState, what: &str) -> anyhow::Result<(StageId, String)> {
    let Some((stage, port)) = what.rsplit_once('.') else {
        let named = run.outputs().find(|(name, _, _)| *name == what);
        return named
            .map(|(_, stage, port)| (stage, port.to_owned()))
            .ok_or_else(|| {
                let names: Vec<_> = run.outputs().map(|(name, _, _)| name).collect();
                let named = match names.as_slice() {
                    [] => "which has no outputs of its own".to_owned(),
                    names => format!("whose outputs are {}", names.join(", ")),
                };
                wrong_input(format!(
                    "`{what}` is neither STAGE.PORT nor an output of the workflow, {named}"
                ))
            });
    };
    let used = run.spec.workflow.uses.get(stage);
    let inner = used.and_then(|used| used.outputs.get(port)?.port());
    let (stage, port) = inner.unwrap_or((stage, port));
    let id = which::stage(&run.spec, stage)?;
    let outputs = run.stage(id).map(|view| &view.planned.stage.outputs);
    if outputs.is_some_and(|outputs| outputs.contains_key(port)) {
        return Ok((id, port.to_owned()));
    }
    let ports: Vec<&str> = outputs
        .into_iter()
        .flat_map(|outputs| outputs.keys().map(String::as_str))
        .collect();
    Err(wrong_input(if ports.is_empty() {
        format!("stage {stage} has no outputs")
    } else {
        format!(
            "stage {stage} has no output `{port}`; its outputs are {}",
            ports.join(", ")
        )
    }))
}

fn files(
    store: &Store,
    parts: &[Dataset],
    ext: Option<&str>,
    shown: &mut Shown,
) -> anyhow::Result<()> {
    for dataset in parts {
        let paths = store.part_files(dataset, ext)?;
        let names = dataset.files.as_ref().map(|files| &files.names);
        for (at, (path, part)) in paths.iter().zip(&dataset.parts).enumerate() {
            shown.files.push(ShownFile {
                name: names.and_then(|names| names.get(at)).cloned(),
                path: sunward_files::as_value(path),
                bytes: part.bytes,
            });
        }
    }
    Ok(())
}

fn json_rows(batches: &[RecordBatch]) -> anyhow::Result<serde_json::Value> {
    let mut all = Vec::new();
    for batch in batches {
        all.append(&mut json_rows_of(batch)?);
    }
    Ok(serde_json::Value::Array(all))
}

fn json_rows_of(batch: &RecordBatch) -> anyhow::Result<Vec<serde_json::Value>> {
    // Arrow's writer refuses maps whose keys are not texts.
    let (maps, plain): (Vec<usize>, Vec<usize>) =
        (0..batch.num_columns()).partition(|at| has_maps(batch.column(*at).data_type()));
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    writer.write(&batch.project(&plain)?)?;
    writer.finish()?;
    let text = writer.into_inner();
    let mut rows: Vec<serde_json::Map<String, serde_json::Value>> = match text.is_empty() {
        true => Vec::new(),
        false => serde_json::from_slice(&text)?,
    };
    let schema = batch.schema();
    for (row, fields) in rows.iter_mut().enumerate() {
        for at in &maps {
            let value = sunward_data::value_at(batch.column(*at), row)?.to_json();
            fields.shift_insert(*at, schema.field(*at).name().clone(), value);
        }
    }
    Ok(rows.into_iter().map(serde_json::Value::Object).collect())
}

fn has_maps(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            has_maps(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| has_maps(field.data_type())),
        _ => false,
    }
}

fn cells(batch: &RecordBatch) -> anyhow::Result<Vec<Vec<String>>> {
    let options = FormatOptions::default().with_display_error(true);
    let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for column in batch.columns() {
        if is_moment(column.data_type()) {
            for (row, cells) in rows.iter_mut().enumerate() {
                cells.push(moment(column, row)?);
            }
            continue;
        }
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
        for (row, cells) in rows.iter_mut().enumerate() {
            cells.push(formatter.value(row).to_string());
        }
    }
    Ok(rows)
}

/// Whether values are shown as in `item` and in CSV.
fn is_moment(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Timestamp(_, Some(_)) | DataType::Date64 | DataType::Float16
    )
}

fn moment(column: &ArrayRef, row: usize) -> anyhow::Result<String> {
    let value = sunward_data::value_at(column, row)?.to_json();
    Ok(match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    })
}
