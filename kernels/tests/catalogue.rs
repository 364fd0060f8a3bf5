//! The catalog: every page is complete, and its example is a stage that passes `check`.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use sunward_kernels::{Inputs, Params, library};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;
use sunward_workflows::{Catalog, ColumnSpec, ColumnType, Facts, FileFact, check};

fn catalog() -> Catalog {
    library().catalog()
}

#[test]
fn every_kernel_is_there_under_its_own_name() {
    let names: Vec<String> = catalog().kernels.into_keys().collect();
    let expected = [
        "anomaly",
        "butina",
        "enrichment",
        "eof",
        "gaussian_shape",
        "noop",
        "regrid_apply",
        "regrid_weights",
        "tanimoto_topk",
        "topk_merge",
        "vina_score",
    ];
    assert_eq!(names, expected);
    assert!(
        library()
            .iter()
            .all(|k| library().get(&k.entry().name).is_some())
    );
    assert!(library().get("no_such_kernel").is_none());
}

#[test]
fn every_page_says_what_a_reader_needs() {
    for (name, entry) in catalog().kernels {
        let texts = [
            &entry.summary,
            &entry.description,
            &entry.tolerance,
            &entry.reference,
        ];
        assert!(texts.iter().all(|text| !text.is_empty()), "{name}");
        assert!(entry.version > 0 && !entry.summary.contains('\n'), "{name}");
        assert!(
            entry.example.contains(&format!("kernel: {name}\n")),
            "{name}"
        );
        assert!(
            entry.description.lines().all(|line| line.len() <= 104),
            "{name}: too wide a line"
        );
        for port in entry.inputs.iter().chain(&entry.outputs) {
            assert!(!port.doc.is_empty(), "{name}.{}", port.name);
            for column in &port.columns {
                assert!(
                    !column.doc.is_empty(),
                    "{name}.{}.{}",
                    port.name,
                    column.name
                );
            }
        }
        assert!(
            entry.params.iter().all(|param| !param.doc.is_empty()),
            "{name}"
        );
    }
}

#[test]
fn every_default_is_a_value_that_its_parameter_can_have() {
    for (name, entry) in catalog().kernels {
        let defaults = entry.params.iter().filter_map(|param| {
            param
                .default
                .clone()
                .map(|default| (param.name.clone(), default))
        });
        let explicit = Params::resolve(&entry, defaults.collect::<Vec<_>>());
        let implicit = Params::resolve(&entry, Vec::<(String, Value)>::new());
        assert_eq!(explicit.unwrap(), implicit.unwrap(), "{name}");
    }
}

#[test]
fn every_number_beyond_its_bounds_is_refused_before_any_work() {
    let mut refused = 0;
    for (name, entry) in catalog().kernels {
        for spec in &entry.params {
            let none = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Value::Float);
            let below = spec.min.map(|min| Value::Float(min - 1.0));
            let above = spec.max.map(|max| Value::Float(max + 1.0));
            if !matches!(spec.kind, ParamType::Int | ParamType::Float) {
                continue;
            }
            for value in none.into_iter().chain(below).chain(above) {
                let error = Params::resolve(&entry, [(spec.name.clone(), value.clone())]);
                let error = error.expect_err(&format!("{name}: {} is {value:?}", spec.name));
                let wanted = format!("parameter `{}` of kernel `{name}` is", spec.name);
                assert!(error.to_string().starts_with(&wanted), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn every_kernel_refuses_ports_that_it_does_not_have() {
    for kernel in library().iter() {
        let with = Params::resolve(kernel.entry(), Vec::<(String, Value)>::new()).unwrap();
        let table =
            sunward_kernels::Table::new(std::sync::Arc::new(arrow_schema::Schema::empty()), vec![]);
        let inputs = Inputs::new().with("nonsense", table);
        let error = kernel.run(&inputs, &with, &sunward_kernels::Context::default());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("has no input `nonsense`")
        );
    }
}

#[test]
fn all_examples_together_are_a_workflow_without_mistakes() {
    let stages: String = catalog()
        .kernels
        .values()
        .flat_map(|entry| {
            entry
                .example
                .lines()
                .map(|line| format!("  {line}\n"))
                .collect::<Vec<_>>()
        })
        .collect();
    let column = |name: &str, kind: &str| ColumnSpec {
        name: name.to_owned(),
        column_type: ColumnType(kind.to_owned()),
        doc: String::new(),
    };
    let bits = vec![
        column("id", "utf8"),
        column("bits", "fixed_size_binary[256]"),
    ];
    let field = vec![
        column("year", "int32"),
        column("value", "tensor<float64>[29, 49]"),
    ];
    let table = |columns: &Vec<ColumnSpec>| FileFact::Table {
        columns: columns.clone(),
        rows: Some(65),
    };
    let molecule = vec![
        column("pose_id", "int32"),
        column("xyz", "list<float64>"),
        column("xs_type", "list<utf8>"),
    ];
    let poses = vec![
        column("pose_id", "int32"),
        column("xyz", "tensor<float32>[41, 3]"),
    ];
    let record = vec![
        column("id", "utf8"),
        column("xyz", "list<float64>"),
        column("elements", "list<utf8>"),
        column("formal_charges", "list<int32>"),
    ];
    let ranking = vec![column("sim", "float32"), column("active", "bool")];
    let files = [
        ("./data/ranking.parquet", table(&ranking)),
        ("./data/receptor.pdbqt", table(&molecule)),
        ("./data/ligand.pdbqt", table(&molecule)),
        ("./data/poses.parquet", table(&poses)),
        ("./data/crystal.sdf", table(&record)),
        ("./data/conformers.sdf", table(&record)),
        ("./data/library.parquet", table(&bits)),
        ("./data/actives.parquet", table(&bits)),
        ("./data/hgt_djf.nc", table(&field)),
        ("./data/tas.nc", table(&field)),
    ];
    let facts = Facts {
        files: files
            .into_iter()
            .map(|(path, fact)| (path.to_owned(), fact))
            .collect(),
        ..Facts::default()
    };
    let text = format!("name: examples\nstages:\n{stages}");
    let checked = check(&text, &catalog(), &facts);
    assert!(
        checked.diagnostics.is_empty(),
        "{:#?}\n{text}",
        checked.diagnostics
    );
}
