//! A small catalog and small facts, as the command line provides them.

use sunward_workflows::{
    Catalog, ColumnSpec, Facts, FileFact, KernelEntry, ParamSpec, ParamType, PortSpec, Value,
};

fn port(name: &str, columns: &[(&str, &str)]) -> PortSpec {
    PortSpec {
        name: name.to_owned(),
        columns: columns
            .iter()
            .map(|(n, t)| ColumnSpec::new(*n, *t))
            .collect(),
        doc: format!("the {name}"),
        ..PortSpec::default()
    }
}

fn param(name: &str, kind: ParamType, default: Option<Value>) -> ParamSpec {
    ParamSpec {
        name: name.to_owned(),
        kind,
        default,
        min: None,
        max: None,
        choices: Vec::new(),
        unit: String::new(),
        doc: String::new(),
    }
}

/// `tanimoto_topk`, `topk_merge`, `anomaly` and `noop`, as far as the language needs them.
pub(crate) fn catalog() -> Catalog {
    let bits = [("id", "utf8"), ("bits", "fixed_size_binary[256]")];
    let hits = [
        ("query", "utf8"),
        ("id", "utf8"),
        ("sim", "float32"),
        ("rank", "uint32"),
    ];
    let k = ParamSpec {
        min: Some(1.0),
        max: Some(1e6),
        ..param("k", ParamType::Int, None)
    };
    let fuse = ParamSpec {
        choices: vec!["none".into(), "max".into()],
        ..param(
            "fuse",
            ParamType::Choice,
            Some(Value::String("none".into())),
        )
    };
    let field = [("time", "timestamp[us]"), ("value", "tensor<float32>")];
    let kernels = [
        KernelEntry {
            name: "tanimoto_topk".into(),
            version: 1,
            inputs: vec![port("library", &bits), port("queries", &bits)],
            outputs: vec![port("hits", &hits), port("rejects", &[("reason", "utf8")])],
            params: vec![
                k.clone(),
                fuse,
                param("thr", ParamType::Float, Some(Value::Float(0.0))),
            ],
            ..KernelEntry::default()
        },
        KernelEntry {
            name: "topk_merge".into(),
            version: 2,
            inputs: vec![port("hits", &hits)],
            outputs: vec![port("hits", &hits)],
            params: vec![k],
            ..KernelEntry::default()
        },
        KernelEntry {
            name: "anomaly".into(),
            version: 1,
            inputs: vec![port("field", &field)],
            outputs: vec![PortSpec {
                like: Some("field".into()),
                ..port("field", &field)
            }],
            ..KernelEntry::default()
        },
        KernelEntry {
            name: "eof".into(),
            version: 1,
            inputs: vec![port("field", &[("value", "tensor<any>[lat, lon]")])],
            outputs: vec![PortSpec {
                open: true,
                ..port("pcs", &[("pc1", "float64")])
            }],
            ..KernelEntry::default()
        },
        KernelEntry {
            name: "noop".into(),
            version: 1,
            inputs: vec![PortSpec {
                optional: true,
                ..port("in", &[])
            }],
            ..KernelEntry::default()
        },
    ];
    Catalog {
        kernels: kernels.into_iter().map(|k| (k.name.clone(), k)).collect(),
    }
}

fn table(columns: &[(&str, &str)]) -> FileFact {
    FileFact::Table {
        columns: columns
            .iter()
            .map(|(n, t)| ColumnSpec::new(*n, *t))
            .collect(),
        rows: Some(10),
    }
}

/// The texts of files of environments.
fn texts() -> std::collections::BTreeMap<String, Result<String, String>> {
    let wants = "channels: [conda-forge]\ndependencies:\n";
    let lock = "version: 6\nenvironments:\n  test: { packages: {} }\n";
    let texts = [
        ("./environment.yml", Ok(format!("{wants}- cdo=2.4\n"))),
        ("./option.yml", Ok(format!("{wants}- cdo\n- -c evil\n"))),
        ("./pip.yml", Ok(format!("{wants}- pip: [six]\n"))),
        ("./pixi.toml", Ok("[workspace]\n".to_owned())),
        ("./pixi.lock", Ok(lock.to_owned())),
        ("./gone.yml", Err("there is no such file".to_owned())),
    ];
    let texts = texts.into_iter();
    texts.map(|(path, text)| (path.to_owned(), text)).collect()
}

/// The files that exist.
pub(crate) fn facts() -> Facts {
    let bits = [
        ("id", "utf8"),
        ("bits", "fixed_size_binary[256]"),
        ("smiles", "utf8"),
    ];
    let files = [
        ("./data/nci.parquet", table(&bits)),
        ("./data/actives.parquet", table(&bits)),
        ("./t.csv", table(&[("id", "int64"), ("name", "utf8")])),
        (
            "./field.nc",
            table(&[
                ("time", "timestamp[us]"),
                ("value", "tensor<float32>[24, 14]"),
            ]),
        ),
        ("./notes.txt", FileFact::File),
        ("./folder", FileFact::Folder),
        (
            "./broken.parquet",
            FileFact::Unreadable("the footer is cut off".into()),
        ),
        ("./missing.csv", FileFact::Missing),
        ("./missing.py", FileFact::Missing),
        ("./missing.cu", FileFact::Missing),
        ("./missing.sif", FileFact::Missing),
        ("./gone.sh", FileFact::Missing),
    ];
    Facts {
        files: files
            .into_iter()
            .map(|(path, fact)| (path.to_owned(), fact))
            .collect(),
        texts: texts(),
        beside: vec!["plot.py".into(), "tool.sh".into(), "missing.cvs".into()],
        present: [
            "/data/genes.txt",
            "/usr/bin/env",
            "~/x.csv",
            "/data/*.txt",
            "../up.csv",
            "./d/*.csv",
            "./folder/*.csv",
        ]
        .map(str::to_owned)
        .into(),
        patterns: [
            ("./d/*.nc", vec!["./d/a_1.nc", "./d/a_b_2.nc"]),
            ("./d/a*", vec!["./d/a_1.nc"]),
            ("./none/*.nc", Vec::new()),
        ]
        .into_iter()
        .map(|(pattern, files)| {
            let files = files.into_iter().map(str::to_owned).collect();
            (pattern.to_owned(), Ok(files))
        })
        .collect(),
        ..Facts::default()
    }
}
