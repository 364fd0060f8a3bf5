//! Writes the schedule of a simulation as a table.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use sunward_core::Timestamp;
use sunward_data::write_table;
use sunward_sim::meter::{grams, kilowatt_hours};
use sunward_sim::setup::Setup;
use sunward_sim::{Piece, Played, schedule};
use sunward_workflows::Form;

use super::inputs::wrong;

/// The form of a schedule, by the suffix of its file.
///
/// # Errors
/// Fails if the suffix is neither `.parquet` nor `.csv`.
pub(crate) fn form(path: &Path) -> anyhow::Result<Form> {
    match path.extension().and_then(|end| end.to_str()) {
        Some("parquet") => Ok(Form::Parquet),
        Some("csv") => Ok(Form::Csv),
        _ => Err(wrong(
            path,
            "--schedule writes Parquet or CSV; expected a name that ends in .parquet or .csv",
        )),
    }
}

/// One row.
struct Row<'a> {
    policy: &'a str,
    /// The number of the piece in its run, from 1.
    number: i64,
    piece: &'a Piece,
}

/// Writes the schedule of all policies, the baseline included.
///
/// # Errors
/// Fails if the file cannot be written.
pub(crate) fn write(
    setup: &Setup,
    played: &[Played],
    form: Form,
    path: &Path,
) -> anyhow::Result<()> {
    let policies = schedule(setup, played);
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (policy, pieces) in &policies {
        for run in pieces.chunk_by(|one, next| one.run == next.run) {
            rows.extend((1..).zip(run).map(|(number, piece)| Row {
                policy,
                number,
                piece,
            }));
        }
    }
    write_table(form, table(setup, &rows)?, path)?;
    Ok(())
}

fn table(setup: &Setup, rows: &[Row<'_>]) -> anyhow::Result<RecordBatch> {
    let pool = |at: Option<usize>| at.and_then(|at| setup.fleet.pools.get(at));
    let name = |row: &Row<'_>| pool(Some(row.piece.pool)).map(|pool| pool.name.clone());
    let zone = |row: &Row<'_>| pool(Some(row.piece.pool)).map(|pool| pool.zone.clone());
    let is_run = |row: &Row<'_>| row.piece.from.is_none();
    let pue = |row: &Row<'_>| pool(Some(row.piece.pool)).map(|pool| pool.pue_permille);
    let stage = |row: &Row<'_>| {
        let place = usize::try_from(row.piece.run.0.checked_sub(1)?).ok()?;
        let spec = &setup.submissions.get(place)?.spec;
        Some(spec.plan.stage(row.piece.stage)?.stage.name.clone())
    };
    let columns: [(&str, ArrayRef); 16] = [
        ("policy", text(rows, |row| Some(row.policy.to_owned()))),
        (
            "job",
            integer(rows, |row| i64::try_from(row.piece.run.0).ok()),
        ),
        ("stage", text(rows, stage)),
        ("piece", integer(rows, |row| Some(row.number))),
        (
            "kind",
            text(rows, |row| {
                Some(if is_run(row) { "run" } else { "transfer" }.to_owned())
            }),
        ),
        (
            "tasks",
            integer(rows, |row| is_run(row).then(|| row.piece.tasks.into())),
        ),
        ("pool", text(rows, name)),
        ("zone", text(rows, zone)),
        (
            "from_pool",
            text(rows, |row| {
                pool(row.piece.from).map(|pool| pool.name.clone())
            }),
        ),
        (
            "from_zone",
            text(rows, |row| {
                pool(row.piece.from).map(|pool| pool.zone.clone())
            }),
        ),
        (
            "pue",
            number(rows, |row| {
                let pue = pue(row).filter(|_| is_run(row));
                pue.map(|permille| f64::from(permille) / 1000.0)
            }),
        ),
        ("start", moment(rows, |row| row.piece.start)),
        ("end", moment(rows, |row| row.piece.end)),
        (
            "watts",
            number(rows, |row| {
                let milliwatts = u64::try_from(row.piece.milliwatts).ok();
                let milliwatts = milliwatts.filter(|_| is_run(row));
                milliwatts.map(|milliwatts| crate::render::units::float(milliwatts) / 1000.0)
            }),
        ),
        (
            "kwh",
            number(rows, |row| Some(kilowatt_hours(row.piece.microjoules))),
        ),
        (
            "gco2e",
            number(rows, |row| Some(grams(row.piece.emissions))),
        ),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(
        columns.map(|(name, column)| (name, column, true)),
    )?)
}

fn text(rows: &[Row<'_>], of: impl Fn(&Row<'_>) -> Option<String>) -> ArrayRef {
    Arc::new(rows.iter().map(of).collect::<StringArray>())
}

fn integer(rows: &[Row<'_>], of: impl Fn(&Row<'_>) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.iter().map(of).collect::<Int64Array>())
}

fn number(rows: &[Row<'_>], of: impl Fn(&Row<'_>) -> Option<f64>) -> ArrayRef {
    Arc::new(rows.iter().map(of).collect::<Float64Array>())
}

fn moment(rows: &[Row<'_>], of: impl Fn(&Row<'_>) -> Timestamp) -> ArrayRef {
    let milliseconds = rows.iter().map(|row| i64::try_from(of(row).0).ok());
    let column: TimestampMillisecondArray = milliseconds.collect();
    Arc::new(column.with_timezone("UTC"))
}
