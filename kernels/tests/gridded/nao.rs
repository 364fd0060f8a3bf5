//! The North Atlantic Oscillation from NCEP/NCAR 500 hPa heights, winters 1948 to 2012.
//!
//! Expected numbers: CDO 2.1.1 `-b F64 remapcon`, eofs 2.0.0, on the same file.

use std::path::PathBuf;

use sunward_kernels::{Inputs, Outputs, Table};
use sunward_workflows::value::Value;

use crate::{classic, close, field, numbers, recut, run, run_on, text, values};

/// The file, from the example or from shared data. Prints a message if there is none.
fn heights() -> Option<Table> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared =
        std::env::var_os("SUNWARD_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let places = [
        root.join("examples/nao-index/data/hgt_djf.nc"),
        shared.join("data/science/climate/hgt_djf.nc"),
    ];
    let Some(bytes) = places.iter().find_map(|place| std::fs::read(place).ok()) else {
        eprintln!("NOT RUN: the NAO numbers need hgt_djf.nc, which is neither of {places:?}");
        return None;
    };
    let mut file = classic::read(&bytes);
    let (shape, z) = file.remove("z").unwrap();
    assert_eq!(shape, [65, 1, 29, 49]);
    Some(field(
        &file["latitude"].1,
        &file["longitude"].1,
        1948,
        z,
        false,
    ))
}

fn target() -> Vec<(&'static str, Value)> {
    vec![
        ("method", text("conservative")),
        ("xfirst", Value::Float(-77.5)),
        ("xinc", Value::Int(5)),
        ("xsize", Value::Int(24)),
        ("yfirst", Value::Float(22.5)),
        ("yinc", Value::Int(5)),
        ("ysize", Value::Int(14)),
    ]
}

fn nao(field: &Table, threads: usize) -> Outputs {
    let weight = [("weight", text("sqrt_cos_lat"))];
    let inputs = Inputs::new().with("field", field.clone());
    let mut anomaly = run_on("anomaly", &inputs, &weight, threads).unwrap();
    let inputs = Inputs::new().with("field", anomaly.take("field").unwrap());
    let anchor = [
        ("anchor_lat", Value::Int(65)),
        ("anchor_lon", Value::Int(-20)),
        ("anchor_sign", text("negative")),
    ];
    run_on("eof", &inputs, &anchor, threads).unwrap()
}

fn check(outputs: &Outputs, fractions: [f64; 4], eigenvalues: [f64; 4], years: &[(usize, f64)]) {
    let variance = outputs.get("variance").unwrap();
    for (mode, found) in numbers(variance, "fraction").into_iter().enumerate() {
        close(found, fractions[mode], 6e-7);
    }
    for (mode, found) in numbers(variance, "eigenvalue").into_iter().enumerate() {
        // The native latitudes are float32 in the reference, and so are its weights.
        close(found, eigenvalues[mode], 1e-7 * eigenvalues[mode]);
    }
    let index = numbers(outputs.get("index").unwrap(), "index");
    assert_eq!(index.len(), 65);
    for &(year, expected) in years {
        close(index[year - 1948], expected, 6e-5);
    }
}

#[test]
fn the_field_on_five_degrees_is_that_of_cdo() {
    let Some(heights) = heights() else { return };
    let coarse = values(&run("regrid_apply", &heights, &target()).unwrap());
    let n = coarse.len() as f64;
    assert_eq!(coarse.len(), 21_840);
    close(
        (coarse.iter().map(|x| x * x).sum::<f64>() / n).sqrt(),
        5388.83109,
        6e-6,
    );
    close(coarse.iter().sum::<f64>() / n, 5382.07304, 6e-6);
    close(
        coarse.iter().copied().fold(f64::MAX, f64::min),
        4923.86909,
        6e-6,
    );
    close(
        coarse.iter().copied().fold(f64::MIN, f64::max),
        5882.20158,
        6e-6,
    );
    close(coarse[7 * 24 + 8], 5174.3724, 6e-5);
}

#[test]
fn the_index_on_five_degrees_has_the_expected_numbers() {
    let Some(heights) = heights() else { return };
    let outputs = nao(&run("regrid_apply", &heights, &target()).unwrap(), 1);
    check(
        &outputs,
        [0.412_246, 0.182_722, 0.105_983, 0.083_642],
        [121_966.177, 54_059.600_8, 31_355.980_7, 24_746.064_7],
        &[(1989, 2.3233), (2010, -2.9822), (1963, -1.4076)],
    );
    let pattern = values(outputs.get("patterns").unwrap());
    let largest = pattern[..24 * 14]
        .iter()
        .copied()
        .fold(0.0_f64, |a, b| a.max(b.abs()));
    close(largest, 65.8971, 6e-5);
    assert!(
        pattern[9 * 24 + 11] < 0.0,
        "low heights near Iceland when the index is high"
    );
}

#[test]
fn the_index_on_the_native_grid_has_the_expected_numbers() {
    let Some(heights) = heights() else { return };
    let fine = nao(&heights, 1);
    check(
        &fine,
        [0.4069, 0.180_215, 0.104_703, 0.084_626],
        [509_264.612_6, 225_552.209_6, 131_043.643_5, 105_915.986_1],
        &[
            (1948, 0.1036),
            (1963, -1.3888),
            (1989, 2.3146),
            (2010, -2.9943),
            (2012, 1.1068),
        ],
    );
    let coarse = nao(&run("regrid_apply", &heights, &target()).unwrap(), 1);
    let [a, b] = [&fine, &coarse].map(|o| numbers(o.get("index").unwrap(), "index"));
    // Both have variance 1 and mean 0.
    let correlation = a.iter().zip(&b).map(|(x, y)| x * y).sum::<f64>() / 64.0;
    close(correlation, 0.999_927, 6e-7);
}

#[test]
fn neither_threads_nor_batches_change_a_bit() {
    let Some(heights) = heights() else { return };
    let bits = |table: &Table, threads: usize| -> Vec<u64> {
        let inputs = Inputs::new().with("field", table.clone());
        let mut coarse = run_on("regrid_apply", &inputs, &target(), threads).unwrap();
        let outputs = nao(&coarse.take("field").unwrap(), threads);
        let mut all = numbers(outputs.get("index").unwrap(), "index");
        all.extend(values(outputs.get("patterns").unwrap()));
        all.iter().map(|x| x.to_bits()).collect()
    };
    let expected = bits(&heights, 1);
    for (rows, threads) in [(1, 1), (3, 2), (17, 8), (65, 3)] {
        assert_eq!(
            bits(&recut(&heights, rows), threads),
            expected,
            "{rows} rows, {threads} threads"
        );
    }
}
