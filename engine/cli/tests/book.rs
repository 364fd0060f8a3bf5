//! Every example in the book does what the book says: the built binary in an empty folder.
//!
//! The commands of a block `sh setup` make the files for the next workflow. A block `yaml` that
//! has a name is a workflow, which runs; `yaml check` is only checked. A block `yaml settings` has
//! settings. The commands of a block `sh then` run after it. A block `snakemake` is the same as the
//! next workflow, in at least as many lines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use std::process::Command;

use scene::{Scene, Told};

/// A block of code: the words after the backticks, and the text.
struct Block {
    info: String,
    text: String,
}

/// A page of the book, and its blocks.
struct Chapter {
    topic: String,
    blocks: Vec<Block>,
}

fn chapters() -> Vec<Chapter> {
    let scene = Scene::new();
    let contents = scene.sunward(&["docs", "--json"]).expect(0).json();
    let topics = contents["pages"].as_array().unwrap().iter();
    let topics = topics.map(|page| page["topic"].as_str().unwrap().to_owned());
    topics
        .map(|topic| {
            let page = scene.sunward(&["docs", &topic, "--json"]).expect(0).json();
            let blocks = blocks(page["text"].as_str().unwrap());
            Chapter { topic, blocks }
        })
        .collect()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let code = lines.by_ref().take_while(|line| !line.starts_with("```"));
            found.push(Block {
                info: info.to_owned(),
                text: code.map(|line| format!("{line}\n")).collect(),
            });
        }
    }
    found
}

/// How many lines a text has, without empty ones.
fn lines(text: &str) -> usize {
    text.lines().filter(|line| !line.trim().is_empty()).count()
}

/// Runs commands as a reader would, with the built binary on the `PATH`.
fn shell(scene: &Scene, topic: &str, commands: &str) {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_sunward"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", binary.parent().unwrap().display());
    let mut bash = Command::new("bash");
    bash.args(["-euc", commands]).current_dir(scene.path());
    bash.env("PATH", path).env_remove("SUNWARD_HOME");
    let told = bash.output().unwrap();
    let err = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{topic}: {commands}\n{err}");
}

#[test]
fn every_example_of_the_book_works() {
    let mut count = 0;
    for chapter in chapters() {
        let topic = &chapter.topic;
        let scene = Scene::new();
        let mut other = None;
        for block in &chapter.blocks {
            match block.info.as_str() {
                "sh setup" | "sh then" => shell(&scene, topic, &block.text),
                "yaml" | "yaml check" => {
                    count += 1;
                    if let Some(other) = other.take() {
                        assert!(lines(&block.text) <= other, "{topic}: {}", block.text);
                    }
                    scene.file("workflow.yaml", &block.text);
                    let checked = scene.sunward(&["check", "workflow.yaml"]).expect(0);
                    let said = format!("{}{}", checked.out, checked.err);
                    assert!(said.contains("no mistakes"), "{topic}: {said}");
                    if block.info == "yaml" {
                        shell(&scene, topic, "sunward run workflow.yaml --out out");
                    }
                }
                "yaml fleet" => {
                    count += 1;
                    scene.recorded_world();
                    scene.file("fleet.yaml", &block.text);
                    scene.file("one.yaml", "name: one\nstages: { a: { run: 'true' } }\n");
                    let moment = ["--grid", "grid", "--as-of", "2023-01-09T02:00:00Z"];
                    let words = [&["plan", "one.yaml", "--fleet", "fleet.yaml"], &moment[..]];
                    scene.sunward(&words.concat()).expect(0);
                }
                "yaml settings" => {
                    count += 1;
                    scene.recorded_world();
                    let file = scene.file("settings.yaml", &block.text);
                    scene.file("one.yaml", "name: one\nstages: { a: { run: 'true' } }\n");
                    let mut command = scene.command(&["plan", "one.yaml", "--grid", "grid"]);
                    command.args(["--zone", "DE", "--as-of", "2023-01-09T02:00:00Z"]);
                    command.env("SUNWARD_CONFIG", file);
                    Told::of(&command.output().unwrap()).expect(0);
                }
                "yaml scenario" => {
                    count += 1;
                    scene.recorded_world();
                    scene.file("scenario.yaml", &block.text);
                    let over = [
                        "--grid",
                        "grid",
                        "--fleet",
                        "fleet.yaml",
                        "--jobs",
                        "jobs.json",
                    ];
                    let words = [&["simulate", "--scenario", "scenario.yaml"], &over[..]];
                    scene.sunward(&words.concat()).expect(0);
                }
                // The tests of the Python package run these.
                "python" => {}
                // The same pipeline for Snakemake, which is not shorter.
                "snakemake" => other = Some(lines(&block.text)),
                // The setting of an editor.
                "json" => {
                    serde_json::from_str::<serde_json::Value>(&block.text).unwrap();
                }
                kind => panic!("{topic}: a block of kind '{kind}'"),
            }
        }
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn words_lead_to_pages() {
    let scene = Scene::new();
    let docs = |word: &str| scene.sunward(&["docs", word]);
    let passages = docs("TMPDIR").expect(0).out;
    assert!(passages.contains("\ncommands: "), "{passages}");
    let several = ["docs", "inherit", "variable"];
    let several = scene.sunward(&several).expect(0).out;
    assert!(several.contains("inherit"), "{several}");
    assert!(
        docs("cacheing")
            .expect(2)
            .err
            .contains("did you mean caching?")
    );
    assert!(
        docs("xyzzy")
            .expect(2)
            .err
            .contains("`sunward docs` lists the pages")
    );
    let key = docs("deadline").expect(0).out;
    assert!(key.contains("Example: `deadline: 24h`"), "{key}");
    assert!(key.contains("See also: sunward docs placing"), "{key}");
    let code = docs("SW0604").expect(0).out;
    assert!(code.starts_with("SW0604: "), "{code}");
    let all = docs("all").expect(0).out;
    assert!(all.lines().count() > 400, "{}", all.lines().count());
    assert!(!all.contains("```") && !all.contains("{keys "), "{all}");
}
