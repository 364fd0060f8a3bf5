//! Files of odd names go all ways: patterns, chains, sheets, `format: files`, pairs, groups, gathers,
//! results, and again after an interruption.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::fs;
use std::path::Path;

use scene::{Scene, names, ran};

/// Stems of files that programs and shells easily misread.
fn odd_stems() -> Vec<String> {
    let mut stems: Vec<String> = [
        "plain",
        "two words",
        " begins and ends with a space ",
        "it's \"quoted\"",
        "new\nline",
        "tab\there",
        "back\\slash",
        "$(touch hacked)",
        "`touch hacked`",
        "; touch hacked #",
        "-rf",
        "--help",
        "*",
        "[x]",
        "{a,b}",
        "a=b&c|d>e",
        "%41 100%",
        "${{ item.name }}",
        "{{ 7 * 7 }}",
        "é",
        "e\u{301}",
        "日本語",
        "🌍",
        "a.b.c",
        "#hash",
        "~",
        "a,b;c",
        "null",
        "007",
    ]
    .map(str::to_owned)
    .into();
    stems.push("l".repeat(200));
    stems
}

/// What a step gives for each file.
const WAYS: &str = "name: ways
stages:
  each:
    inputs: { m: ./d/*.txt }
    scatter: { over: m }
    run: \"cat -- ${{ inputs.m }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.name }}\" } }
  again:
    inputs: { o: { from: each.o, match: \"{stem_of}.txt\" } }
    scatter: { over: o, by: stem_of }
    run: \"cat -- ${{ inputs.o.files }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.stem_of }}.again\" } }
  paired:
    inputs:
      a: { from: ./d/*.txt, match: \"{s}.txt\" }
      b: { from: each.o, match: \"{s}.txt\" }
    scatter: { zip: [a, b], by: s }
    run: \"cat -- ${{ inputs.a }} ${{ inputs.b }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.s }}.pair\" } }
  many:
    inputs: { m: ./d/*.txt }
    run: \"cp -- ${{ inputs.m.files }} ${{ outputs.f }}\"
    outputs: { f: { format: files, glob: \"*.txt\" } }
  of_many:
    inputs: { f: many.f }
    scatter: { over: f }
    run: \"cat -- ${{ inputs.f }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.stem }}.many\" } }
  listed:
    inputs: { s: { from: ./d/sheet.csv, schema: { file: utf8, n: int64 } }, f: \"${{ item.file }}\" }
    scatter: { over: s }
    run: \"cat -- ${{ inputs.f }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.n }}.row\" } }
  all:
    inputs: { e: each.o, g: again.o, p: paired.o, f: of_many.o, l: listed.o }
    run: |
      for folder in ${{ inputs.e }} ${{ inputs.g }} ${{ inputs.p }} ${{ inputs.f }} ${{ inputs.l }}; do
        find \"$folder\" -type f -print0 | tr -cd '\\0' | wc -c
      done > ${{ outputs.counts }}
    outputs: { counts: { format: file, ext: txt } }
outputs: { each: each.o, again: again.o, pairs: paired.o, many: many.f, of_many: of_many.o, rows: listed.o, counts: all.counts }
";

const STAGES: [&str; 7] = [
    "each", "again", "paired", "many", "of_many", "listed", "all",
];

fn with_odd_files() -> (Scene, Vec<String>) {
    let scene = Scene::with(WAYS);
    let stems = odd_stems();
    let mut sheet = String::from("file,n\n");
    for (at, stem) in stems.iter().enumerate() {
        // One of them is empty.
        let text = if at == 1 { "" } else { stem };
        scene.file(&format!("d/{stem}.txt"), text);
        sheet.push_str(&format!("\"{}.txt\",{at}\n", stem.replace('"', "\"\"")));
    }
    scene.file("d/sheet.csv", sheet);
    (scene, stems)
}

/// Checks the results of all ways by name and content.
fn check(scene: &Scene, stems: &[String]) {
    let out = scene.path().join("out");
    let text = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    for (at, stem) in stems.iter().enumerate() {
        let content = text(&scene.path().join(format!("d/{stem}.txt")));
        for (place, times) in [
            (format!("each/{stem}.txt"), 1),
            (format!("again/{stem}.again"), 1),
            (format!("pairs/{stem}.pair"), 2),
            (format!("many/{stem}.txt"), 1),
            (format!("of_many/{stem}.many"), 1),
            (format!("rows/{at}.row"), 1),
        ] {
            assert_eq!(text(&out.join(&place)), content.repeat(times), "{place}");
        }
    }
    for folder in ["each", "again", "pairs", "many", "of_many", "rows"] {
        assert_eq!(names(scene, &format!("out/{folder}")).len(), stems.len());
    }
    let counts = format!("{}\n", stems.len()).repeat(5);
    assert_eq!(scene.text("out/counts.txt"), counts);
    assert!(!scene.path().join("hacked").exists());
}

#[test]
fn odd_names_go_all_ways_and_only_what_has_changed_runs_again() {
    let (scene, stems) = with_odd_files();
    let count = u64::try_from(stems.len()).unwrap();
    let each = [count, count, count, 1, count, count, 1];
    assert_eq!(ran(&scene, &STAGES), each);
    check(&scene, &stems);
    assert_eq!(ran(&scene, &STAGES), [0; 7]);
    scene.file("d/two words.txt", "no longer empty");
    assert_eq!(ran(&scene, &STAGES), [1; 7]);
    check(&scene, &stems);
}

#[test]
fn a_run_of_odd_names_that_was_interrupted_goes_on() {
    let (scene, stems) = with_odd_files();
    let text = scene.text("workflow.yaml");
    // One task of the first stage waits until it is let go.
    let (gate, begun) = (scene.path().join("gate"), scene.path().join("begun"));
    let waits = text.replacen(
        "run: \"cat -- ${{ inputs.m }} >",
        &format!(
            "run: \"if [ ${{{{ item.stem }}}} = 007 ] && [ ! -e {} ]; then touch {}; exec sleep 600; fi; cat -- ${{{{ inputs.m }}}} >",
            gate.display(),
            begun.display()
        ),
        1,
    );
    scene.file("workflow.yaml", &waits);
    let mut running = scene.start(&["run", "workflow.yaml", "--out", "out"]);
    running.wait_until("the task to begin", |_| begun.exists());
    running.signal("INT");
    assert_ne!(running.end().code, 0);
    scene.file("gate", "");
    scene.run(&["--out", "out"]).expect(0);
    check(&scene, &stems);
}

#[test]
fn a_file_that_is_replaced_while_a_run_reads_it_is_told() {
    let scene = Scene::new();
    let file = scene.file("d/two words.txt", "before");
    scene.file("d/b.txt", "b");
    std::os::unix::fs::symlink("b.txt", scene.path().join("d/a link.txt")).unwrap();
    // The first stage replaces a file that the second one reads too.
    scene.file(
        "workflow.yaml",
        format!(
            "name: replaced
stages:
  first:
    inputs: {{ m: ./d/*.txt }}
    run: |
      cat -- ${{{{ inputs.m.files }}}} > ${{{{ outputs.o }}}}
      echo after > '{}'
    outputs: {{ o: {{ format: file }} }}
  second:
    inputs: {{ m: ./d/*.txt, o: first.o }}
    scatter: {{ over: m }}
    run: \"cat -- ${{{{ inputs.m }}}} > ${{{{ outputs.o }}}}\"
    outputs: {{ o: {{ format: file, name: \"${{{{ item.name }}}}\" }} }}
outputs: {{ o: second.o, first: first.o }}
",
            file.display()
        ),
    );
    let told = scene.sunward(&["run", "workflow.yaml", "--out", "out"]);
    let says = "two words.txt has changed since this run";
    assert!(told.code != 0 && told.err.contains(says), "{told:?}");
    let text = scene.text("workflow.yaml");
    scene.file("workflow.yaml", text.replace("echo after >", "true"));
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(scene.text("out/o/two words.txt"), "after\n");
    assert_eq!(scene.text("out/o/a link.txt"), "b");
}
