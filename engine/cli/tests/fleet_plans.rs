//! Plans over fleets: what no pool can do, and what moving files costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use scene::Scene;

/// A stage of two hours that may wait until tomorrow.
const PATIENT: &str = "\
name: patient
place: { deadline: 24h }
stages:
  search:
    run: 'true'
    expect: { time: 2h, power: 1000W }
";

/// The arguments that plan a scene's workflow over its fleet on its grid.
const OVER: [&str; 10] = [
    "plan",
    "workflow.yaml",
    "--grid",
    "grid",
    "--zone",
    "DE",
    "--as-of",
    "2023-01-09T02:00:00Z",
    "--fleet",
    "fleet.yaml",
];

fn world() -> Scene {
    let scene = Scene::with(PATIENT);
    scene.recorded_world();
    scene
}

#[test]
fn a_plan_refuses_what_no_pool_of_the_fleet_can_do_and_names_what_is_nearest() {
    let scene = world();
    scene.file(
        "fleet.yaml",
        "- { pool: de, zone: DE, gpu: { model: A100 }, capacity: { gpus: 8, cpus: 64 } }\n\
         - { pool: no, zone: 'NO', gpu: { model: H100 }, capacity: { gpus: 4, cpus: 64 } }\n",
    );
    let plan = |gpus: &str, place: &str| {
        let asked = format!("    resources: {{ {gpus} }}\n    expect: {{ time: 2h");
        let text = PATIENT.replace("    expect: { time: 2h", &asked);
        scene.file("workflow.yaml", text.replace("deadline: 24h", place));
        scene.sunward(&[&OVER[..], &["--json"]].concat())
    };
    for (gpus, code, expected) in [
        (
            "gpus: V100",
            3,
            "has the GPUs that it asks for (1 V100): de has A100, no has H100",
        ),
        (
            "gpus: 'H100:16'",
            3,
            "needs 16 GPUs for each task, which no pool that it may use ever has: the most that a pool has is 4 GPUs, in no",
        ),
        ("gpus: 9", 3, "the most that a pool has is 8 GPUs, in de"),
        ("cpus: 65", 3, "needs 65 cores for each task"),
    ] {
        let told = plan(gpus, "deadline: 24h").expect(code);
        assert!(told.err.contains(expected), "{gpus}: {}", told.err);
    }
    for (gpus, pool) in [
        ("gpus: A100", "de"),
        ("gpus: 'H100:4'", "no"),
        ("gpus: { any_of: [V100, A100] }", "de"),
        ("gpus: V100, optional: true", "no"),
    ] {
        let placed = plan(gpus, "deadline: 24h").expect(0).json();
        let stage = &placed["placing"]["stages"][0];
        assert_eq!(stage["pools"][0], pool, "{gpus}");
    }
    // A window that does not state its cores has sixteen for each GPU.
    scene.file(
        "fleet.yaml",
        "- { pool: de, zone: DE, capacity: { gpus: 2 } }\n- { pool: no, zone: 'NO', capacity: { cpus: 8 } }\n",
    );
    plan("cpus: 32", "deadline: 24h").expect(0);
    let told = plan("cpus: 33", "deadline: 24h").expect(3);
    let expected = "the most that a pool has is 32 cores, in de";
    assert!(told.err.contains(expected), "{}", told.err);
    let told = plan("cpus: 1", "deadline: 24h, home: DEE").expect(2);
    assert!(
        told.err
            .contains("home: DEE is no pool, region or zone of the fleet")
            && told.err.contains("its zones are DE, NO; did you mean DE?"),
        "{}",
        told.err
    );
}

#[test]
fn the_files_and_folders_that_a_stage_reads_weigh_in_a_plan() {
    weigh("./data.bin", &["data.bin"]);
    weigh("./data", &["data/a.bin", "data/deep/b.bin"]);
}

fn weigh(input: &str, files: &[&str]) {
    let scene = world();
    let reads = format!("  search:\n    inputs: {{ data: {{ from: {input}, as: file }} }}\n");
    scene.file("workflow.yaml", PATIENT.replace("  search:\n", &reads));
    let plan = |bytes: usize| {
        for file in files {
            scene.file(file, "x".repeat(bytes / files.len()));
        }
        let words = ["--transfer-kwh-per-gb", "1000", "--json"];
        let plan = scene.sunward(&[&OVER[..], &words].concat());
        plan.expect(0).json()["placing"]["stages"][0].clone()
    };
    let near = plan(10_000_000);
    assert_ne!(near["pools"][0], "north", "ten kilowatt hours of transfer");
    assert_eq!(near["transfer_gco2e"], 0.0);
    let far = plan(100_000);
    assert_eq!(far["pools"][0], "north");
    assert!(far["transfer_gco2e"].as_f64().unwrap() > 0.0);
}
