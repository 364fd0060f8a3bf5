//! Weights compared with CDO's (`gencon`, `genbil`), and their application with a plain loop.

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int32Type};
use proptest::prelude::*;
use sunward_kernels::{Inputs, Table};
use sunward_workflows::value::Value;

use crate::{close, field, recut, run, run_on, text, values};

/// The latitudes of a Gaussian grid from south to north, which are the arcsines of the roots of a
/// Legendre polynomial.
fn gaussian(n: u32) -> Vec<f64> {
    let roots = (1..=n).map(|i| {
        let mut x = (std::f64::consts::PI * (f64::from(i) - 0.25) / (f64::from(n) + 0.5)).cos();
        for _ in 0..20 {
            let (mut p, mut before) = (x, 1.0);
            for k in 2..=n {
                let k = f64::from(k);
                (p, before) = (((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k, p);
            }
            let slope = f64::from(n) * (x * p - before) / (x * x - 1.0);
            x -= p / slope;
        }
        -x.asin().to_degrees()
    });
    roots.collect()
}

fn regular(n: u32, first: f64, step: f64) -> Vec<f64> {
    (0..n).map(|i| first + f64::from(i) * step).collect()
}

/// The southern latitudes of CanESM2's atmosphere in its files (accurate to 3e-6 degrees).
const CANESM2: [f64; 32] = [
    -87.8638013437108,
    -85.09652949279554,
    -82.31291545236445,
    -79.5256090771376,
    -76.73690218484649,
    -73.94751766846782,
    -71.15775451606551,
    -68.36775861279132,
    -65.57760951530598,
    -62.787354303441234,
    -59.99702261296947,
    -57.20663403212141,
    -54.41620203056437,
    -51.62573617941642,
    -48.83524347072875,
    -46.044729135579836,
    -43.254197169829105,
    -40.4636506825932,
    -37.67309213352349,
    -34.88252349825162,
    -32.09194638622217,
    -29.301362126240896,
    -26.510771829689162,
    -23.72017643801291,
    -20.929576758967684,
    -18.138973494717522,
    -15.348367263969658,
    -12.557758619708851,
    -9.767148063673723,
    -6.97653605842678,
    -4.185923037667314,
    -1.3953094152976606,
];

/// The grid of CanESM2's atmosphere: 64 Gaussian latitudes by 128 longitudes.
fn t63() -> Table {
    let north = CANESM2.iter().rev().map(|lat| -lat);
    let lat: Vec<f64> = CANESM2.iter().copied().chain(north).collect();
    field(
        &lat,
        &regular(128, 0.0, 2.8125),
        2007,
        vec![0.0; 64 * 128],
        true,
    )
}

fn links(weights: &Table, dst: i32) -> Vec<(i32, f64)> {
    let batch = &weights.batches[0];
    let column = |i: usize| {
        batch
            .column(i)
            .as_primitive::<Int32Type>()
            .values()
            .to_vec()
    };
    let w = batch
        .column(2)
        .as_primitive::<Float64Type>()
        .values()
        .to_vec();
    column(0)
        .into_iter()
        .zip(w)
        .zip(column(1))
        .filter(|(_, d)| *d == dst)
        .map(|(link, _)| link)
        .collect()
}

fn same(found: &[(i32, f64)], expected: &[(i32, f64)], within: f64) {
    let cells = |l: &[(i32, f64)]| l.iter().map(|x| x.0).collect::<Vec<_>>();
    assert_eq!(cells(found), cells(expected));
    for (found, expected) in found.iter().zip(expected) {
        close(found.1, expected.1, within);
    }
}

#[test]
fn conservative_weights_from_a_gaussian_grid_are_those_of_cdo() {
    let with = [("method", text("conservative")), ("grid", text("r72x36"))];
    let weights = run("regrid_weights", &t63(), &with).unwrap();
    assert_eq!(weights.rows(), 19_600);
    let expected = [
        (0, 0.278_847_057_499_926_44),
        (1, 0.108_440_522_361_082_91),
        (127, 0.108_440_522_361_081_6),
        (128, 0.283_652_942_500_074_5),
        (129, 0.110_309_477_638_917_7),
        (255, 0.110_309_477_638_916_44),
    ];
    // CDO's polygons are accurate to some 1e-13.
    same(&links(&weights, 0), &expected, 1e-12);
}

#[test]
fn bilinear_weights_from_a_gaussian_grid_are_those_of_cdo() {
    let with = [("method", text("bilinear")), ("grid", text("r72x36"))];
    let weights = run("regrid_weights", &t63(), &with).unwrap();
    assert_eq!(weights.rows(), 10_368);
    let expected = [
        (0, 0.868_534_295_396_210_5),
        (1, 0.0),
        (128, 0.131_465_704_603_789_53),
        (129, 0.0),
    ];
    same(&links(&weights, 0), &expected, 1e-12);
    let expected = [
        (30, 0.675_526_674_197_052_1),
        (31, 0.193_007_621_199_158_32),
        (158, 0.102_251_103_580_725_08),
        (159, 0.029_214_601_023_064_394),
    ];
    same(&links(&weights, 17), &expected, 1e-12);
}

#[test]
fn beyond_the_last_latitude_of_a_global_grid_the_nearest_cells_stand_in_as_in_cdo() {
    let with = [("method", text("bilinear")), ("grid", text("r36x180"))];
    let weights = run("regrid_weights", &t63(), &with).unwrap();
    let expected = [
        (0, 0.250_179_865_397_053_4),
        (1, 0.250_059_734_545_239_7),
        (2, 0.249_700_665_512_467_14),
        (127, 0.250_059_734_545_239_7),
    ];
    same(&links(&weights, 0), &expected, 1e-7);
    same(
        &links(&weights, 36 * 179),
        &expected.map(|(cell, w)| (cell + 63 * 128, w)),
        1e-7,
    );
}

#[test]
fn outside_a_regional_grid_there_are_no_bilinear_weights() {
    let regional = field(
        &[20.0, 22.5, 25.0],
        &[-80.0, -77.5, -75.0],
        1948,
        vec![1.0; 9],
        false,
    );
    let with = target(&[-82.5, 2.5, 4.0], &[19.0, 2.0, 4.0], "bilinear");
    let on = values(&run("regrid_apply", &regional, &with).unwrap());
    let there: Vec<bool> = on.iter().map(|x| !x.is_nan()).collect();
    let row = [false, true, true, true];
    assert_eq!(there, [[false; 4], row, row, row].concat());
    assert!(
        on.iter()
            .filter(|x| !x.is_nan())
            .all(|x| (x - 1.0).abs() < 1e-15)
    );
}

/// Target parameters from the first value, step and count of both axes.
fn target(x: &[f64; 3], y: &[f64; 3], method: &str) -> Vec<(&'static str, Value)> {
    let count = |n: f64| Value::Int(n as i64);
    vec![
        ("method", text(method)),
        ("xfirst", Value::Float(x[0])),
        ("xinc", Value::Float(x[1])),
        ("xsize", count(x[2])),
        ("yfirst", Value::Float(y[0])),
        ("yinc", Value::Float(y[1])),
        ("ysize", count(y[2])),
    ]
}

#[test]
fn conservative_weights_cover_each_cell_once_wherever_longitudes_begin() {
    for first in [-180.0, -0.7, 0.0, 359.5] {
        let lon = regular(30, first, 12.0);
        let globe = field(&gaussian(32), &lon, 2000, vec![1.0; 960], false);
        let weights = run("regrid_weights", &globe, &[("grid", text("r7x5"))]).unwrap();
        for dst in 0..35 {
            let sum: f64 = links(&weights, dst).iter().map(|link| link.1).sum();
            close(sum, 1.0, 1e-13);
        }
    }
}

#[test]
fn conservative_weights_keep_the_mean_over_the_globe() {
    let lat = gaussian(32);
    let lon = regular(32, 0.0, 11.25);
    let z: Vec<f64> = (0..1024)
        .map(|i| f64::from(i % 37) + f64::from(i % 11) * 0.5)
        .collect();
    let globe = field(&lat, &lon, 2000, z.clone(), false);
    let on = values(&run("regrid_apply", &globe, &[("grid", text("r9x8"))]).unwrap());
    let mean = |edges: &[f64], z: &[f64]| {
        let nx = z.len() / (edges.len() - 1);
        let area = |j: usize| edges[j + 1].to_radians().sin() - edges[j].to_radians().sin();
        z.iter()
            .enumerate()
            .map(|(i, x)| x * area(i / nx))
            .sum::<f64>()
            / (2.0 * nx as f64)
    };
    let mut edges = vec![-90.0];
    edges.extend(lat.windows(2).map(|w| f64::midpoint(w[0], w[1])));
    edges.push(90.0);
    close(mean(&regular(9, -90.0, 22.5), &on), mean(&edges, &z), 1e-12);
}

#[test]
fn weights_made_once_give_the_same_field_as_weights_made_in_place() {
    let z: Vec<f64> = (0..9 * 64 * 128).map(|i| f64::from(i % 1013)).collect();
    let globe = field(&gaussian(64), &regular(128, 0.0, 2.8125), 2007, z, true);
    for method in ["bilinear", "conservative"] {
        let with = [("method", text(method)), ("grid", text("r72x36"))];
        let weights = run("regrid_weights", &globe, &with).unwrap();
        let inputs = Inputs::new()
            .with("field", globe.clone())
            .with("weights", weights);
        let apart = run_on("regrid_apply", &inputs, &[], 2)
            .unwrap()
            .take("field")
            .unwrap();
        let whole = run("regrid_apply", &recut(&globe, 2), &with).unwrap();
        assert_eq!(values(&apart), values(&whole), "{method}");
        assert_eq!(apart.schema, whole.schema);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn fields_with_gaps_equal_a_plain_loop_over_links(
        rows in 1_usize..20,
        seed in any::<u64>(),
        gaps in 0_u64..4,
        min_valid in 0.0..1.0_f64,
        bilinear in any::<bool>(),
        single in any::<bool>(),
    ) {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 40
        };
        let z: Vec<f64> = (0..rows * 80)
            .map(|_| if random() % 8 < gaps { f64::NAN } else { random() as f64 / 1024.0 })
            .collect();
        let globe = field(&regular(8, 78.75, -22.5), &regular(10, -170.0, 36.0), 2000, z, single);
        let method = if bilinear { "bilinear" } else { "conservative" };
        let with = [("method", text(method)), ("grid", text("r7x6"))];
        let weights = run("regrid_weights", &globe, &with).unwrap();
        let z = values(&globe);
        let mut expected = Vec::new();
        for row in 0..rows {
            for dst in 0..42 {
                let (mut sum, mut known) = (0.0, 0.0);
                for (src, w) in links(&weights, dst) {
                    let value = z[row * 80 + usize::try_from(src).unwrap()];
                    if !value.is_nan() {
                        sum += w * value;
                        known += w;
                    }
                }
                let whole = known > 1e-12 && known + 1e-9 >= min_valid;
                expected.push(if whole { sum / known } else { f64::NAN });
            }
        }
        let with = [with.as_slice(), &[("min_valid", Value::Float(min_valid))]].concat();
        let found = values(&run("regrid_apply", &globe, &with).unwrap());
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            let expected = if single { f64::from(*expected as f32) } else { *expected };
            prop_assert_eq!(found.to_bits(), expected.to_bits(), "{} {}", found, expected);
        }
    }
}
