//! Changes that a task makes to its inputs affect nothing else: the next stage and later runs get
//! the right bytes, and the store is whole. As root, file modes do not prevent such changes.
#![allow(
    clippy::panic,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should say so and stop"
)]

mod scene;

use scene::Scene;

/// The changes that `align` makes to its inputs. `$d` is a folder with a small and a large file,
/// `$f` is a large file, and `$n` is a large file that a param names.
const HARMS: [&str; 10] = [
    "echo i > $d/ref.fa.fai",
    "echo more >> $d/small",
    "rm -rf $d",
    "rm -f $d/large",
    "touch $f.bai $n.bai",
    "rm -f $f $n",
    "echo more >> $d/large",
    "echo more >> $f",
    "echo more >> $n",
    "dd if=/dev/zero of=$d/large bs=1 count=1 conv=notrunc",
];

/// After `align`, `count` reads the same inputs.
fn workflow(harm: &str) -> String {
    format!(
        r#"name: idx
params: {{ n: {{ type: path, default: ./named.bin }} }}
stages:
  genome:
    run: |
      mkdir ${{{{ outputs.d }}}}
      echo ACGT > ${{{{ outputs.d }}}}/small
      head -c 2000000 /dev/zero > ${{{{ outputs.d }}}}/large
      head -c 3000000 /dev/zero > ${{{{ outputs.f }}}}
    outputs: {{ d: {{ format: dir }}, f: {{ format: file }} }}
  align:
    run: |
      d=${{{{ inputs.d }}}}; f=${{{{ inputs.f }}}}; n=${{{{ params.n }}}}
      {harm}
      echo ok > ${{{{ outputs.o }}}}
    inputs: {{ d: genome.d, f: genome.f }}
    outputs: {{ o: {{ format: file, ext: txt }} }}
    tolerate: 1
  count:
    run: |
      (cd ${{{{ inputs.d }}}} && ls && cat small && cksum < large) > ${{{{ outputs.o }}}}
      cksum < ${{{{ inputs.f }}}} >> ${{{{ outputs.o }}}}
      cksum < ${{{{ params.n }}}} >> ${{{{ outputs.o }}}}
    inputs: {{ d: genome.d, f: genome.f }}
    needs: [align]
    outputs: {{ o: {{ format: file, ext: txt }} }}
outputs: {{ n: count.o }}
"#
    )
}

#[test]
fn whatever_a_task_does_to_its_inputs_others_get_the_right_bytes() {
    let undisturbed = Scene::with(&workflow("true"));
    undisturbed.file("named.bin", vec![7; 2_000_000]);
    undisturbed.run(&["--out", "out"]).expect(0);
    let expected = undisturbed.text("out/n.txt");
    for harm in HARMS {
        let scene = Scene::with(&workflow(harm));
        let named = scene.file("named.bin", vec![7; 2_000_000]);
        let told = scene.run(&["--out", "out"]);
        assert_eq!(told.code, 0, "{harm}: {told:?}");
        assert_eq!(scene.text("out/n.txt"), expected, "{harm}");
        scene.sunward(&["cache", "verify"]).expect(0);
        assert_eq!(std::fs::read(named).unwrap(), [7; 2_000_000], "{harm}");
        // A later run uses cached results that are whole, and makes the others again.
        let told = scene.run(&["--out", "again"]);
        assert_eq!(told.code, 0, "{harm}: {told:?}");
        assert_eq!(scene.text("again/n.txt"), expected, "{harm}");
        let told = scene.run(&["--fresh", "--force", "count", "--out", "forced"]);
        assert_eq!(told.code, 0, "{harm}: {told:?}");
        assert_eq!(scene.text("forced/n.txt"), expected, "{harm}");
        let beside = scene.path().join("named.bin.bai");
        assert!(!beside.exists(), "{harm}");
    }
}
