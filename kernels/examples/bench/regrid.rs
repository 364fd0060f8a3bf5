//! Conservative regridding of many times, from file to file.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array};
use arrow::ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};
use serde_json::json;
use sunward_data::Part;
use sunward_kernels::{Inputs, Table};
use sunward_workflows::value::Value;

use crate::figure::Figure;
use crate::gpu::Gpu;
use crate::limits::gigabytes;
use crate::{Any, classic, median, rival, run, run_in};

const LATS: u32 = 64;
const LONS: u32 = 128;
/// The cells of the target grid.
const TO_CELLS: usize = 72 * 36;
const TIMES: usize = 2900;
const BATCH_TIMES: usize = 365;

pub(crate) fn figures(gpu: Option<&Gpu>) -> Result<Vec<Figure>, Any> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let lat: Vec<f64> = (0..LATS)
        .map(|i| -88.593_75 + f64::from(i) * 2.8125)
        .collect();
    let lon: Vec<f64> = (0..LONS).map(|i| f64::from(i) * 2.8125).collect();
    let cells = lat.len() * lon.len();
    let values: Vec<f32> = (0..u32::try_from(TIMES * cells)?)
        .map(|i| 200.0 + (i.wrapping_mul(2_654_435_761) >> 16) as f32 / 700.0)
        .collect();
    std::fs::write(path("in.nc"), classic::file(&lat, &lon, &values))?;
    write(&path("in.arrow"), &field(&lat, &lon, &values)?)?;
    let threads = std::thread::available_parallelism()?.get();

    let grid = [("grid", Value::String("r72x36".to_owned()))];
    let inputs = Inputs::new().with("field", read(&path("in.arrow"))?);
    let mut made = run("regrid_weights", &inputs, &grid, 1)?;
    let weights = made.take("weights").ok_or("no weights")?;
    let inputs = inputs.with("weights", weights.clone());
    let compute = median(5, |_| run("regrid_apply", &inputs, &[], threads))?;
    let single = median(5, |_| run("regrid_apply", &inputs, &[], 1))?;
    let ours = median(5, |_| {
        let inputs = Inputs::new()
            .with("field", read(&path("in.arrow"))?)
            .with("weights", weights.clone());
        let mut outputs = run("regrid_apply", &inputs, &[], threads)?;
        write(
            &path("out.arrow"),
            &outputs.take("field").ok_or("no field")?,
        )
    })?;

    let (from, to, links) = (path("in.nc"), path("out.nc"), path("links.nc"));
    let names = [&from, &to, &links].map(|p| p.display().to_string());
    let apply = format!("remap,r72x36,{}", names[2]);
    let workers = threads.to_string();
    let theirs = rival::cdo(&["gencon,r72x36", "-seltimestep,1", &names[0], &names[2]])
        .then(|| {
            median(5, |_| {
                match rival::cdo(&["-P", &workers, &apply, &names[0], &names[1]]) {
                    true => Ok(()),
                    false => Err("cdo failed".into()),
                }
            })
        })
        .transpose()?;
    let bytes = 4 * TIMES * (cells + TO_CELLS);
    let row = |how: &str, seconds: f64| {
        Figure::cost(&format!("regrid_apply 95 MB {how}"), seconds * 1e3, "ms")
            .note(format!("{:.1} GB/s", gigabytes(bytes) / seconds))
    };
    let mut figures = vec![
        row(&format!("file to file, {threads} threads"), ours)
            .beside("CDO remap, same weights", theirs.map(|s| s * 1e3)),
        row(&format!("in memory, {threads} threads"), compute),
        row("in memory, 1 core", single),
    ];
    if let Some(gpu) = gpu {
        let there = median(5, |_| run_in(&gpu.context, "regrid_apply", &inputs, &[]))?;
        figures.push(gpu.told(row("in memory, GPU", there), there, bytes));
    }
    Ok(figures)
}

/// A file as workers open it: mapped, not copied.
fn read(path: &Path) -> Result<Table, Any> {
    let part = Part::open(path)?;
    let batches: Result<_, _> = (0..part.batches()).map(|i| part.batch(i)).collect();
    Ok(Table::new(Arc::clone(part.schema()), batches?))
}

fn write(path: &Path, table: &Table) -> Result<(), Any> {
    let mut writer = FileWriter::try_new(File::create(path)?, &table.schema)?;
    table
        .batches
        .iter()
        .try_for_each(|batch| writer.write(batch))?;
    Ok(writer.finish()?)
}

/// A gridded table in batches of a year.
fn field(lat: &[f64], lon: &[f64], values: &[f32]) -> Result<Table, Any> {
    let cells = lat.len() * lon.len();
    let size = i32::try_from(cells)?;
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let tensor = json!({ "shape": [lat.len(), lon.len()], "dim_names": ["lat", "lon"] });
    let value = Field::new(
        "value",
        DataType::FixedSizeList(Arc::clone(&item), size),
        true,
    )
    .with_metadata(HashMap::from([
        (
            "ARROW:extension:name".to_owned(),
            "arrow.fixed_shape_tensor".to_owned(),
        ),
        ("ARROW:extension:metadata".to_owned(), tensor.to_string()),
    ]));
    let grid = json!({ "dims": ["lat", "lon"], "lat": lat, "lon": lon }).to_string();
    let metadata = HashMap::from([("sunward.grid".to_owned(), grid)]);
    let schema = Schema::new_with_metadata(vec![value], metadata);
    let mut table = Table::new(Arc::new(schema.clone()), Vec::new());
    for times in values.chunks(cells * BATCH_TIMES) {
        let values: ArrayRef = Arc::new(Float32Array::from(times.to_vec()));
        let lists = FixedSizeListArray::try_new(Arc::clone(&item), size, values, None)?;
        let batch = Table::from_columns(schema.clone(), vec![Arc::new(lists)])?;
        table.batches.extend(batch.batches);
    }
    Ok(table)
}
