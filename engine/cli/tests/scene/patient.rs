//! A workflow that can wait for cleaner hours, on a recorded grid.

use super::Scene;

/// A stage of two hours and a stage of half an hour after it, to end by tomorrow.
pub(crate) const PATIENT: &str = "\
name: patient
place: { deadline: 24h }
budget: { gco2e: 5000 }
stages:
  search:
    run: printf 'n\\n1\\n' > ${{ outputs.out }}
    outputs: { out: { format: csv, schema: { n: int64 } } }
    expect: { time: 2h, power: 1000W }
  merge:
    inputs: { out: search.out }
    run: cat ${{ inputs.out }} > ${{ outputs.all }}
    outputs: { all: { format: arrow } }
    expect: { time: 30m, power: 100W }
outputs: { all: merge.all }
";

/// A moment of the night, eight hours before the clean hours of the day.
pub(crate) const NIGHT: &str = "2023-01-09T02:00:00Z";

/// The arguments that run a scene's workflow on its grid as of that moment.
pub(crate) const AT_NIGHT: [&str; 8] = [
    "run",
    "workflow.yaml",
    "--grid",
    "grid",
    "--zone",
    "DE",
    "--as-of",
    NIGHT,
];

/// The workflow beside its grid and fleet.
pub(crate) fn world() -> Scene {
    let scene = Scene::with(PATIENT);
    scene.recorded_world();
    scene
}
