//! The text of `--help`, and a check that every example in it works.
mod scene;

use scene::Scene;

/// Every verb in the help.
fn verbs(scene: &Scene) -> Vec<String> {
    let help = scene.sunward(&["--help"]).expect(0).out;
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The lines below `Example:`.
fn examples(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Example:")
        .skip(1)
        .take_while(|line| line.starts_with("  sunward"))
        .map(|line| line.trim().to_owned())
        .collect()
}

#[test]
fn the_help_of_every_verb_reads_as_it_should() {
    let scene = Scene::new();
    let mut all = scene.sunward(&["--help"]).expect(0).out;
    for verb in verbs(&scene) {
        all.push_str(&format!("\n──── sunward {verb} --help ────\n"));
        all.push_str(&scene.sunward(&[&verb, "--help"]).expect(0).out);
    }
    all.push_str("\n──── sunward grid fetch --help ────\n");
    all.push_str(&scene.sunward(&["grid", "fetch", "--help"]).expect(0).out);
    insta::assert_snapshot!(all);
}

/// A stage that fails until its marker exists.
const MOODY: &str = "\
name: moody
params:
  marker: { type: string }
stages:
  look:
    run: test -e ${{ params.marker }}
";

/// A stage that writes a marker and then runs for long.
const SLOW: &str = "\
name: slow
params:
  marker: { type: string }
stages:
  wait:
    run: touch ${{ params.marker }}; sleep 600
";

/// A folder in which the examples of this verb work.
fn prepared(verb: &str) -> Scene {
    let scene = Scene::new();
    let marker = scene.path().join("marker");
    let marker = format!("marker={}", marker.display());
    match verb {
        "sunward" | "init" | "kernels" | "schema" | "completions" | "doctor" => {}
        "retry" => {
            scene.file("workflow.yaml", MOODY);
            scene
                .sunward(&["run", "workflow.yaml", "-p", &marker])
                .expect(1);
            scene.file("marker", "");
        }
        "cancel" => {
            scene.file("workflow.yaml", SLOW);
            let mut run = scene.start(&["run", "workflow.yaml", "-p", &marker]);
            run.wait_for("marker");
            run.signal("INT");
            run.end().expect(130);
        }
        "simulate" | "grid" => scene.recorded_world(),
        _ => {
            scene.sunward(&["init"]).expect(0);
            scene.sunward(&["run", "workflow.yaml"]).expect(0);
        }
    }
    scene
}

#[test]
fn every_example_in_every_help_does_what_it_says() {
    let scene = Scene::new();
    let mut run = 0;
    for verb in std::iter::once("sunward".to_owned()).chain(verbs(&scene)) {
        let help = if verb == "sunward" {
            scene.sunward(&["--help"])
        } else {
            scene.sunward(&[&verb, "--help"])
        };
        let examples = examples(&help.out);
        assert!(!examples.is_empty(), "the help of {verb} has no example");
        let scene = prepared(&verb);
        for example in examples {
            let words: Vec<&str> = example.split_whitespace().skip(1).collect();
            let told = scene.sunward(&words);
            assert_eq!(
                told.code, 0,
                "{example}\nstdout: {}\nstderr: {}",
                told.out, told.err
            );
            run += 1;
        }
    }
    assert!(run >= 17, "only {run} examples were found");
}
