//! Files that belong together: `zip`, by position and by value, one partner for many, and names that
//! look alike.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::{Scene, ran};

const PAIRS: &str = "name: pairs
stages:
  pair:
    inputs:
      r: { from: \"./*_1.fq\", match: \"{s}_1.fq\" }
      q: { from: \"./*_2.fq\", match: \"{s}_2.fq\" }
    scatter: { zip: [r, q], by: s }
    run: |
      echo ${{ item.s }} ${{ item.r.name }} $(cat ${{ inputs.r }}) $(cat ${{ inputs.q }}) > ${{ outputs.b }}
    outputs: { b: { format: file, name: \"${{ item.s }}.bam\" } }
  groups:
    inputs: { b: pair.b }
    scatter: { over: b, by: s }
    run: cat ${{ inputs.b.files }} > ${{ outputs.o }}
    outputs: { o: { format: file, name: \"${{ item.s }}.txt\" } }
outputs: { b: pair.b, o: groups.o }
";

#[test]
fn pairs_belong_together_by_value_and_missing_partners_are_told() {
    let scene = Scene::with(PAIRS);
    for (name, text) in [("A_1", "1"), ("A_2", "2"), ("B_1", "3"), ("B_2", "4")] {
        scene.file(&format!("{name}.fq"), text);
    }
    assert_eq!(ran(&scene, &["pair", "groups"]), [2, 2]);
    assert_eq!(scene.text("out/b/B.bam"), "B B_1.fq 3 4\n");
    assert_eq!(scene.text("out/o/A.txt"), "A A_1.fq 1 2\n");
    scene.file("C_1.fq", "5");
    let told = scene.run(&[]).expect(2);
    for word in ["C_1.fq", "no partner in `q`", "s C"] {
        assert!(told.err.contains(word), "{word}: {told:?}");
    }
    scene.file("C_2.fq", "6");
    assert_eq!(ran(&scene, &["pair", "groups"]), [1, 1]);
    let by_position = PAIRS.replace(", by: s }\n    run: |", " }\n    run: |");
    let by_position = by_position.replace("${{ item.s }} ${{", "${{").replacen(
        "${{ item.s }}.bam",
        "${{ item.r.stem }}.bam",
        1,
    );
    scene.file("workflow.yaml", by_position);
    assert_eq!(ran(&scene, &["pair"]), [3]);
    scene.file("D_1.fq", "7");
    let told = scene.run(&[]).expect(2);
    assert!(told.err.contains("4 of `r` and 3 of `q`"), "{told:?}");
}

const POSES: &str = "name: poses
stages:
  rescore:
    inputs:
      poses: { from: \"./poses/*.pdbqt\", match: \"{receptor}_{ligand}.pdbqt\" }
      receptors: { from: \"./receptors/*.pdbqt\", match: \"{receptor}.pdbqt\" }
    scatter: { zip: [poses, receptors], by: receptor, share: receptors }
    run: |
      echo ${{ item.receptor }} ${{ item.poses.ligand }} \
        $(cat ${{ inputs.receptors }}) $(cat ${{ inputs.poses }}) > ${{ outputs.s }}
    outputs: { s: { format: file, name: \"${{ item.poses.stem }}.txt\" } }
  best:
    inputs: { s: rescore.s }
    scatter: { over: s, by: receptor }
    run: cat ${{ inputs.s.files }} > ${{ outputs.b }}
    outputs: { b: { format: file, name: \"${{ item.receptor }}.txt\" } }
outputs: { s: rescore.s, b: best.b }
";

#[test]
fn many_files_share_one_partner_if_the_workflow_says_so() {
    let scene = Scene::with(POSES);
    // Neither the poses nor the receptors are in the order of the other.
    for (name, text) in [
        ("poses/B_1", "b1"),
        ("poses/A_1", "a1"),
        ("poses/A_2", "a2"),
        ("receptors/A", "A"),
        ("receptors/B", "B"),
    ] {
        scene.file(&format!("{name}.pdbqt"), text);
    }
    assert_eq!(ran(&scene, &["rescore", "best"]), [3, 2]);
    assert_eq!(scene.text("out/s/A_2.txt"), "A 2 A a2\n");
    assert_eq!(scene.text("out/b/A.txt"), "A 1 A a1\nA 2 A a2\n");
    assert_eq!(scene.text("out/b/B.txt"), "B 1 B b1\n");
    // A receptor runs all of its poses, a pose itself, and a new one nothing else.
    scene.file("receptors/A.pdbqt", "A2");
    assert_eq!(ran(&scene, &["rescore", "best"]), [2, 1]);
    scene.file("poses/A_1.pdbqt", "a3");
    assert_eq!(ran(&scene, &["rescore", "best"]), [1, 1]);
    scene.file("poses/B_0.pdbqt", "b0");
    assert_eq!(ran(&scene, &["rescore", "best"]), [1, 1]);
    std::fs::remove_file(scene.path().join("poses/B_0.pdbqt")).unwrap();
    assert_eq!(ran(&scene, &["rescore", "best"]), [0, 0]);
    assert_eq!(scene.text("out/b/A.txt"), "A 1 A2 a3\nA 2 A2 a2\n");

    // The order of the inputs does not matter, apart from keys.
    let turned = POSES.replace("[poses, receptors]", "[receptors, poses]");
    scene.file("workflow.yaml", turned);
    assert_eq!(ran(&scene, &["rescore", "best"]), [3, 0]);
    // Nothing is shared unless the workflow says so.
    scene.file("workflow.yaml", POSES.replace(", share: receptors", ""));
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2).out;
    for says in [
        "2 files of `poses` have receptor A: A_1.pdbqt, A_2.pdbqt",
        "name that one in `share:`",
    ] {
        assert!(told.contains(says), "{says}: {told}");
    }
    // Nobody knows which pose goes with which of two receptors.
    let numbered = POSES.replace("\"{receptor}.pdbqt\"", "\"{receptor}-{n}.pdbqt\"");
    scene.file("workflow.yaml", numbered);
    for name in ["A", "B"] {
        std::fs::remove_file(scene.path().join(format!("receptors/{name}.pdbqt"))).unwrap();
    }
    for name in ["A-1", "A-2", "B-1"] {
        scene.file(&format!("receptors/{name}.pdbqt"), name);
    }
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2).out;
    let says = "2 files of `receptors` have receptor A: A-1.pdbqt, A-2.pdbqt";
    assert!(told.contains(says), "{told}");
    assert!(!told.contains("share:"), "{told}");
}

/// Names that look alike and have other bytes do not pair, and the message says why.
#[test]
fn partners_in_another_spelling_are_hinted_at() {
    let spellings = ["caf\u{e9}", "cafe\u{301}"];
    for (one, other) in [(0, 1), (1, 0)] {
        let scene = Scene::with(PAIRS);
        scene.file(&format!("{}_1.fq", spellings[one]), "1");
        scene.file(&format!("{}_2.fq", spellings[other]), "2");
        for told in [
            scene.sunward(&["check", "workflow.yaml"]).expect(2).out,
            scene.run(&[]).expect(2).err,
        ] {
            for says in ["no partner in `q`", "in another spelling", "NFC and NFD"] {
                assert!(told.contains(says), "{says}: {told}");
            }
        }
        assert!(!scene.path().join(".sunward/runs").exists());
        // A renamed file pairs; one without a partner has no hint.
        let names = [&other, &one].map(|at| format!("{}_2.fq", spellings[*at]));
        let [from, to] = names.map(|name| scene.path().join(name));
        std::fs::rename(from, to).unwrap();
        assert_eq!(ran(&scene, &["pair"]), [1]);
        scene.file("cafe_1.fq", "3");
        let told = scene.run(&[]).expect(2).err;
        assert!(
            told.contains("no partner") && !told.contains("spelling"),
            "{told}"
        );
    }
}

/// Pairs are judged by the names of files, whether a pattern says `as: file` or not.
#[test]
fn pairs_of_patterns_read_as_files_are_told_by_check() {
    let scene = Scene::with(
        "name: pairs
stages:
  s:
    inputs:
      a: { from: \"./a/*.x\", match: \"{k}.x\", as: file }
      b: { from: \"./b/*.y\", match: \"{k}.y\", as: file }
    scatter: { zip: [a, b], by: k }
    run: cat ${{ inputs.a }} ${{ inputs.b }}
",
    );
    for file in ["a/1.x", "a/2.x", "b/1.y"] {
        scene.file(file, file);
    }
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
    assert!(told.out.contains("2.x (k 2)"), "{told:?}");
    scene.file("b/2.y", "2");
    scene.run(&[]).expect(0);
}
