//! The example `ligand-screen`, whose tasks need RDKit. It runs on its own few molecules, and on
//! two targets of DUD if their files are available. Results do not depend on the tasks.
//!
//! The Python environment takes long to build, so it is kept in the target folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests stop at the first surprise, and say what did not run"
)]

mod expected;
mod scene;

use std::path::{Path, PathBuf};
use std::process::Command;

use expected::{Example, Variant, table};
use scene::{Scene, Told};

/// The modules that are needed to build any Python environment.
const TOOLS: &str = "import ensurepip, venv";

/// Runs the screen in a folder of its own with an empty cache. Its outputs are in `out`. Prints a
/// message and returns `None` if RDKit cannot be installed.
fn screened(example: &Example, variant: &Variant) -> Option<Scene> {
    let tools = Command::new("python3").args(["-c", TOOLS]).output();
    if !tools.is_ok_and(|tools| tools.status.success()) {
        eprintln!("NOT RUN: ligand-screen; there is no python3 with venv and ensurepip");
        return None;
    }
    let scene = Scene::new();
    example.copy_to(scene.path(), variant);
    keep_environments(&scene.path().join("home"));
    let told = run(&scene, variant, &["--out", "out"]);
    if told.code != 0 && told.err.contains("package index could not be reached") {
        eprintln!("NOT RUN: ligand-screen; {}", told.err);
        return None;
    }
    let json = told.expect(0).json();
    assert_eq!(json["status"], "succeeded", "{json}");
    Some(scene)
}

/// Runs the screen that is in the scene, with further arguments.
fn run(scene: &Scene, variant: &Variant, more: &[&str]) -> Told {
    let parameters = variant.arguments();
    let mut arguments = vec!["run", "workflow.yaml", "--json", "--home", "home"];
    arguments.extend(["--format", "csv"]);
    arguments.extend(more);
    arguments.extend(parameters.iter().map(String::as_str));
    let mut command = scene.command(&arguments);
    // The caller's environment says how to reach the package index.
    command.envs(std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        !name.starts_with("SUNWARD")
    }));
    Told::of(&command.output().unwrap())
}

/// Keeps environments in the target folder, so that only the first test builds one.
fn keep_environments(home: &Path) {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ligand-screen-python");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::create_dir_all(home).unwrap();
    std::os::unix::fs::symlink(kept, home.join("python")).unwrap();
}

#[test]
fn a_screen_is_the_same_however_it_is_cut_and_broken_molecules_do_not_stop_it() {
    let example = Example::named("ligand-screen");
    for variant in &example.expected.runs {
        let Some(scene) = screened(&example, variant) else {
            return;
        };
        example.assert_outputs(&scene.path().join("out"), variant);
    }
}

/// The expected results of a target of DUD.
struct Target {
    name: &'static str,
    /// `ef1_percent, ef5_percent, auc, bedroc20`, each to half of its last digit.
    metrics: [(f64, f64); 4],
    ranked: usize,
    /// The numbers of actives among the first 100 and the first 500.
    found: [usize; 2],
    /// The number of clusters of the first 500, the number with one molecule, and the largest size.
    clusters: [usize; 3],
    best: (&'static str, f64),
    rejected: usize,
}

/// From `oracle.py`, which uses RDKit's similarities, scoring and clusters.
const CDK2: Target = Target {
    name: "cdk2",
    metrics: [
        (9.3614, 5.0e-5),
        (2.4287, 5.0e-5),
        (0.546_22, 5.0e-6),
        (0.178_12, 5.0e-6),
    ],
    ranked: 2111,
    found: [5, 15],
    clusters: [178, 93, 29],
    best: ("ZINC03814462", 0.62),
    rejected: 1,
};

const EGFR: Target = Target {
    name: "egfr",
    metrics: [
        (42.2875, 5.0e-5),
        (12.0556, 5.0e-5),
        (0.752_64, 5.0e-6),
        (0.660_49, 5.0e-6),
    ],
    ranked: 15_920,
    found: [98, 203],
    clusters: [76, 35, 148],
    best: ("ZINC03815361", 0.761_905),
    rejected: 0,
};

/// The files of a target. Prints a message and returns `None` if they do not exist.
fn files(target: &Target) -> Option<[PathBuf; 2]> {
    let file = |kind| {
        let name = format!("data/science/chem/DUD_{}_{kind}.dat.gz", target.name);
        scene::shared(&name)
    };
    Some([file("actives")?, file("decoys")?])
}

/// The texts of a screen's outputs, by their order in the workflow.
fn outputs(scene: &Scene, folder: &str) -> [String; 4] {
    let names = ["metrics", "ranking", "clusters", "rejects"];
    names.map(|name| scene.text(&format!("{folder}/{name}.csv")))
}

/// A variant that screens a target in this many tasks.
fn cut(target: &Target, parts: usize) -> Option<Variant> {
    let [actives, decoys] = files(target)?;
    let yaml = format!(
        "name: {}\nparams: {{ actives: {}, decoys: {}, parts: {parts} }}",
        target.name,
        actives.display(),
        decoys.display()
    );
    Some(serde_yaml::from_str(&yaml).unwrap())
}

/// Screens a target in this many tasks.
fn screen_of(target: &Target, parts: usize) -> Option<(Scene, Variant)> {
    let variant = cut(target, parts)?;
    let scene = screened(&Example::named("ligand-screen"), &variant)?;
    Some((scene, variant))
}

#[track_caller]
fn assert_screen(target: &Target, outputs: &[String; 4]) {
    let [metrics, ranking, clusters, rejects] = outputs.each_ref().map(|text| table(text));
    let names = ["ef1_percent", "ef5_percent", "auc", "bedroc20", "ranked"];
    assert_eq!(metrics[0], names);
    for (found, (wanted, within)) in metrics[1].iter().zip(target.metrics) {
        let found: f64 = found.parse().unwrap();
        assert!((found - wanted).abs() <= within, "{metrics:?}");
    }
    assert_eq!(metrics[1][4], target.ranked.to_string());
    assert_eq!(ranking.len(), 1 + target.ranked);
    assert_eq!(rejects.len(), 1 + target.rejected, "{rejects:?}");

    let column = |name: &str| ranking[0].iter().position(|column| column == name).unwrap();
    let (active, name, sim) = (column("active"), column("name"), column("sim"));
    let actives = |count: usize| {
        let first = ranking[1..].iter().take(count);
        first.filter(|row| row[active] == "true").count()
    };
    assert_eq!([actives(100), actives(500)], target.found);
    assert_eq!(ranking[1][name], target.best.0);
    let best: f64 = ranking[1][sim].parse().unwrap();
    assert!((best - target.best.1).abs() < 1e-6, "{best}");

    let mut sizes = std::collections::BTreeMap::<&str, usize>::new();
    for row in &clusters[1..] {
        *sizes.entry(&row[1]).or_default() += 1;
    }
    let alone = sizes.values().filter(|&&size| size == 1).count();
    let largest = *sizes.values().max().unwrap();
    assert_eq!([sizes.len(), alone, largest], target.clusters);
}

#[test]
fn cdk2_has_its_known_figures_in_1_3_and_17_tasks_from_cuda_source_too() {
    let Some((scene, variant)) = screen_of(&CDK2, 1) else {
        return;
    };
    let whole = outputs(&scene, "out");
    assert_screen(&CDK2, &whole);
    assert_same_from_cuda_source(&scene, &variant, 1);
    for parts in [3, 17] {
        let (scene, variant) = screen_of(&CDK2, parts).unwrap();
        let cut = outputs(&scene, "out");
        assert!(cut == whole, "{parts} tasks give something else than one");
        assert_same_from_cuda_source(&scene, &variant, parts);
    }
}

/// Runs the kernels of a screen again from their CUDA sources on the processor. RDKit's results
/// come from the cache.
fn assert_same_from_cuda_source(scene: &Scene, variant: &Variant, parts: usize) {
    let anew = ["--fresh", "--force", "search", "--force", "cluster"];
    let host = ["--device", "host", "--out", "host"];
    let told = run(scene, variant, &[&anew[..], &host].concat());
    if told.code == 2 && told.err.contains("--device host cannot be had") {
        eprintln!("NOT RUN: ligand-screen from CUDA source; {}", told.err);
        return;
    }
    told.expect(0);
    assert!(outputs(scene, "host") == outputs(scene, "out"), "{parts}");
    let stages = |run: &str| {
        let told = scene.sunward(&["status", run, "--json", "--home", "home"]);
        told.expect(0).json()["run"]["stages"].clone()
    };
    let (cpu, host) = (stages("r1"), stages("r2"));
    for (stage, tasks) in [("search", parts), ("cluster", 1)] {
        let made = |on: &str| serde_json::json!([{ "on": on, "results": tasks }]);
        assert_eq!(cpu[stage]["ran_on"], made("cpu"), "{cpu}");
        assert_eq!(host[stage]["ran_on"], made("cuda-on-cpu"), "{host}");
        assert_eq!(host[stage]["ran"], tasks, "{host}");
    }
    assert_eq!(host["prepare"]["ran"], 0, "{host}");
}

/// In three tasks only, because RDKit takes most of a minute for 16 000 molecules. The test of CDK2
/// covers other divisions of the rows.
#[test]
fn egfr_has_its_known_figures() {
    if let Some((scene, _)) = screen_of(&EGFR, 3) {
        assert_screen(&EGFR, &outputs(&scene, "out"));
    }
}
