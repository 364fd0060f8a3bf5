//! The pipeline in the README runs unchanged.
mod scene;

use std::path::Path;

use scene::Scene;

#[test]
fn the_pipeline_in_the_readme_runs_as_it_stands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let pipeline = readme
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let scene = Scene::with(pipeline);
    for name in ["nci.parquet", "queries.parquet"] {
        let data = root.join("examples/similarity-screen/data").join(name);
        scene.file(&format!("data/{name}"), std::fs::read(data).unwrap());
    }
    let args = ["-p", "top_k=20", "--out", "results", "--format", "csv"];
    let told = scene.run(&args).expect(0);
    assert_eq!(told.json()["outputs"]["hits"]["rows"], 200);
    assert!(
        scene
            .text("results/hits.csv")
            .starts_with("query,id,sim,rank\n")
    );
    assert!(scene.text("results/counts.txt").contains("aspirin 20"));
}
