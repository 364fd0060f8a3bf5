//! Chains of files through scattered stages: each task waits for its own file alone.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::{Scene, below, names, ran};

/// `first` copies each file; the last one waits until a later stage is through with `a`, for a
/// minute at most. `NEXT` has the later stages.
const CHAIN: &str = "name: chain
stages:
  first:
    inputs: { m: ./d/*.txt }
    scatter: { over: m }
    run: |
      case ${{ item.stem }} in f*)
        for n in $(seq 600); do
          [ ! -e \"$HERE/through\" ] || break
          [ ! -e \"$HERE/fail\" ] || exit 1
          sleep 0.1
        done
        [ -e \"$HERE/through\" ];;
      esac
      cat ${{ inputs.m }} > ${{ outputs.o }}
    env: { HERE: \"FOLDER\" }
    outputs: { o: { format: file, name: \"${{ item.stem }}.one\" } }
NEXT
";

const FILES: [&str; 6] = ["a_1", "a_2", "b_1", "b_2", "f_1", "f_2"];

fn scene(next: &str) -> Scene {
    let scene = Scene::new();
    let folder = scene.path().to_str().unwrap().to_owned();
    let text = CHAIN.replace("NEXT", next).replace("FOLDER", &folder);
    scene.file("workflow.yaml", text);
    for name in FILES {
        scene.file(&format!("d/{name}.txt"), format!("{name}\n"));
    }
    scene
}

const MIDDLE: &str = "  middle:
    inputs: { m: first.o }
    scatter: { over: m }
    run: cat ${{ inputs.m }} ${{ inputs.m }} > ${{ outputs.o }}
    outputs: { o: { format: file } }
";

/// The last stage: it copies what it `reads`, and tells the first one when `a` is through.
fn last(inputs: &str, scatter: &str, reads: &str, output: &str) -> String {
    format!(
        "  last:
    env: {{ HERE: \"FOLDER\" }}
    inputs: {{ {inputs} }}
    scatter: {{ {scatter} }}
    run: |
      case $(cat {reads}) in a*) touch \"$HERE/through\";; esac
      (echo last; cat {reads}) > ${{{{ outputs.o }}}}
    outputs: {{ o: {{ format: file, {output} }} }}
outputs: {{ o: last.o }}
"
    )
}

/// A stage that makes a folder of each file.
const FOLDERS: &str = "  middle:
    inputs: { m: first.o }
    scatter: { over: m }
    run: mkdir ${{ outputs.o }}; cp ${{ inputs.m }} ${{ outputs.o }}/x
    outputs: { o: { format: dir, name: \"${{ item.stem }}\" } }
";

#[test]
fn whatever_divides_files_lets_them_go_their_own_ways() {
    let (one, all) = ("${{ inputs.m }}", "${{ inputs.m.files }}");
    let both = "${{ inputs.m }} ${{ inputs.n }}";
    let parts = r#"m: { from: first.o, match: "{s}_{n}.one" }"#;
    let pairs =
        r#"m: { from: first.o, match: "{s}.one" }, n: { from: ./d/*.txt, match: "{s}.txt" }"#;
    let named = |name: &str| format!("name: \"{name}\"");
    let ext = "ext: txt";
    let cases = [
        (
            "one task a file",
            MIDDLE,
            last("m: middle.o", "over: m", one, ext),
            6,
        ),
        (
            "batches",
            "",
            last("m: first.o", "over: m, rows: 2", all, ext),
            3,
        ),
        (
            "groups",
            "",
            last(parts, "over: m, by: s", all, &named("${{ item.s }}")),
            3,
        ),
        (
            "pairs of two stages by place",
            MIDDLE,
            last(
                "m: first.o, n: middle.o",
                "zip: [m, n]",
                both,
                &named("${{ item.m.name }}"),
            ),
            6,
        ),
        (
            "pairs with files of a user by a column",
            "",
            last(
                pairs,
                "zip: [m, n], by: s",
                both,
                &named("${{ item.s }}.two"),
            ),
            6,
        ),
        (
            "folders",
            FOLDERS,
            last(
                "m: middle.o",
                "over: m",
                "${{ inputs.m }}/x",
                &named("${{ item.name }}.txt"),
            ),
            6,
        ),
        (
            "repetitions",
            "",
            last("m: first.o", "over: m", one, ext).replace("    run:", "    repeat: 2\n    run:"),
            12,
        ),
    ];
    for (case, middle, last, tasks) in cases {
        let scene = scene(&format!("{middle}{last}"));
        let told = scene.run(&["-j", "4", "--out", "out"]);
        assert_eq!(told.code, 0, "{case}: {told:?}");
        assert_eq!(told.json()["stages"]["last"]["ran"], tasks, "{case}");
        let found = names(&scene, "out/o").len() as u64;
        assert_eq!(found, tasks, "{case}");
        // The keys are those that the whole dataset would give.
        assert_eq!(ran(&scene, &["first", "last"]), [0, 0], "{case}");
    }
}

/// A chain whose last files wait for a file of the test.
fn held() -> Scene {
    held_over("m: middle.o", "over: m")
}

fn held_over(inputs: &str, scatter: &str) -> Scene {
    let last = last(inputs, scatter, "${{ inputs.m }}", "ext: txt");
    scene(&format!("{MIDDLE}{last}").replace("touch \"$HERE/through\"", "true"))
}

/// How many tasks of the last stage have run, while a run is in progress.
fn through(scene: &Scene) -> u64 {
    let told = scene.sunward(&["status", "r1", "--json"]);
    let status: Option<serde_json::Value> = serde_json::from_str(&told.out).ok();
    let ran = status.map(|status| status["run"]["stages"]["last"]["ran"].clone());
    ran.and_then(|ran| ran.as_u64()).unwrap_or(0)
}

#[test]
fn a_task_tells_which_one_it_waits_for_and_a_plan_which_files_are_new() {
    let scene = held();
    let mut run = scene.start(&["run", "workflow.yaml", "-j", "4"]);
    run.wait_until("four files are through", |_| through(&scene) == 4);
    let told = scene.sunward(&["explain", "r1", "last/5"]).expect(0);
    assert!(told.out.contains("waits for middle/5"), "{told:?}");
    scene.file("through", "");
    run.end().expect(0);
    scene.file("d/g_1.txt", "g\n");
    let plan = scene.sunward(&["plan", "workflow.yaml"]).expect(0);
    for told in [
        "1 of 7: new file",
        "1 of 7: runs if first has a new result",
        "1 of 7: runs if middle has a new result",
    ] {
        assert!(plan.out.contains(told), "{told}: {}", plan.out);
    }
    assert_eq!(ran(&scene, &["first", "middle", "last"]), [1, 1, 1]);
}

#[test]
fn what_was_through_when_the_engine_was_killed_stays_so() {
    // What nobody reads again is made again when it is missed.
    for (damage, missed) in [
        (None, [0, 0, 0]),
        (Some("a_2\na_2\n"), [0, 1, 0]),
        (Some("last\na_2\na_2\n"), [0, 0, 0]),
    ] {
        let scene = held();
        let mut run = scene.start(&["run", "workflow.yaml", "-j", "4"]);
        run.wait_until("four files are through", |_| through(&scene) == 4);
        run.kill();
        for part in below(&scene.path().join(".sunward/store")) {
            let text = std::fs::read_to_string(&part).ok();
            if text.as_deref() == damage && damage.is_some() {
                std::fs::remove_file(part).unwrap();
            }
        }
        scene.file("through", "");
        let told = scene.run(&["--out", "out"]).expect(0).json();
        assert_eq!(told["run"], "r1");
        let mut all: Vec<String> = names(&scene, "out/o");
        all = all
            .iter()
            .map(|name| scene.text(&format!("out/o/{name}")))
            .collect();
        let expected: Vec<String> = FILES
            .iter()
            .map(|name| format!("last\n{name}\n{name}\n"))
            .collect();
        assert_eq!(all, expected);
        assert_eq!(ran(&scene, &["first", "middle", "last"]), missed);
    }
}

#[test]
fn files_before_and_after_a_failed_one_are_kept_and_tried_again_alone() {
    for (inputs, scatter) in [
        ("m: middle.o", "over: m"),
        ("m: middle.o, n: ./d/*.txt", "zip: [m, n]"),
    ] {
        tried_again(&held_over(inputs, scatter));
    }
}

fn tried_again(scene: &Scene) {
    let mut run = scene.start(&["run", "workflow.yaml", "-j", "4"]);
    run.wait_until("four files are through", |_| through(scene) == 4);
    scene.file("fail", "");
    run.end().expect(1);
    std::fs::remove_file(scene.path().join("fail")).unwrap();
    let status = scene.sunward(&["status", "r1", "--json"]).expect(0).json();
    let stages = &status["run"]["stages"];
    assert_eq!(stages["first"]["status"], "failed");
    for stage in ["middle", "last"] {
        let one = &stages[stage];
        assert_eq!(one["status"], "skipped", "{stage}");
        assert_eq!((&one["ran"], &one["skipped"]), (&4.into(), &2.into()));
    }
    scene.file("through", "");
    let again = scene.sunward(&["retry", "r1", "--json"]).expect(0).json();
    let stages = &again["stages"];
    for (stage, from_cache) in [("middle", 4), ("last", 4)] {
        assert_eq!(stages[stage]["cached"], from_cache, "{stage}: {again}");
    }
}
