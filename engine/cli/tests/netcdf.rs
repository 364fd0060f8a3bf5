//! NetCDF from end to end: as an input, as a file for a command, as a command's output, and as a
//! result.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::path::Path;

use scene::Scene;
use sunward_data::netcdf;
use sunward_workflows::model::GridRows;

const WORKFLOW: &str = "\
name: gridded
stages:
  copy:
    run: cp ${{ inputs.x }} ${{ outputs.y }}
    inputs: { x: { from: ./g.nc, variable: filled, as: netcdf } }
    outputs: { y: { format: netcdf } }
  again:
    run: cp ${{ inputs.x }} ${{ outputs.y }}
    inputs: { x: { from: copy.y, as: arrow } }
    outputs: { y: { format: arrow } }
outputs: { y: again.y }
";

/// The arguments that run a workflow and write its tables as NetCDF.
const WRITING: [&str; 6] = ["run", "workflow.yaml", "--out", "out", "--format", "netcdf"];

fn rows(path: &Path) -> Vec<arrow::array::RecordBatch> {
    let (_, reader) = netcdf::read(path, Some("filled"), GridRows::Time).unwrap();
    reader.map(Result::unwrap).collect()
}

#[test]
fn a_grid_goes_through_commands_and_comes_out_as_it_went_in() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/tests/netcdf");
    for name in ["classic.nc", "cdf5.nc", "nc4.nc"] {
        let scene = Scene::with(WORKFLOW);
        std::fs::copy(source.join(name), scene.path().join("g.nc")).unwrap();
        scene.sunward(&WRITING).expect(0);
        let (before, after) = (
            rows(&source.join(name)),
            rows(&scene.path().join("out/y.nc")),
        );
        assert_eq!(format!("{before:?}"), format!("{after:?}"), "{name}");
    }
}

#[test]
fn a_table_of_text_is_refused_as_netcdf_with_the_column() {
    let scene = Scene::with(
        "name: text\nstages:\n  a: { run: 'printf \"n,s\\n1,x\\n\" > ${{ outputs.y }}', outputs: { y: { format: csv } } }\noutputs: { y: a.y }\n",
    );
    let told = scene.sunward(&WRITING);
    assert_ne!(told.code, 0, "{}", told.err);
    told.says(&["column `s`", "output y"]);
}
