//! Values from all sources reach a command's process as they were written. A missing shell is
//! reported at once.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::fs;
use std::os::unix::fs::symlink;

use scene::Scene;

/// The values that each source must give.
const VALUES: &[&str] = &[
    "007",
    "1.10",
    "1e5",
    "12345678901234567890",
    "99999999999999999999",
    "TRUE",
    "0x1F",
    "1_000",
];

fn lines(scene: &Scene, name: &str) -> Vec<String> {
    let text = scene.text(name);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn lists_reach_a_command_as_they_were_written() {
    let list = VALUES.join(", ");
    let scene = Scene::with(&format!(
        "name: w
params: {{ ids: {{ type: list, default: [{list}] }} }}
stages:
  given:
    run: printf '%s\\n' ${{{{ params.ids }}}} > ${{{{ outputs.o }}}}
    outputs: {{ o: {{ format: file, ext: txt }} }}
  each:
    run: echo ${{{{ item }}}} > ${{{{ outputs.o }}}}
    scatter: [{list}]
    outputs: {{ o: {{ format: file, ext: txt }} }}
  cross:
    run: [sh, -c, 'printf \"%s\\n\" \"$1\" > \"$2\"', '-', '${{{{ matrix.x }}}}', '${{{{ outputs.o }}}}']
    matrix: {{ x: [{list}] }}
    outputs: {{ o: {{ format: file, ext: txt }} }}
  joined:
    run: cat ${{{{ inputs.a }}}}/* > ${{{{ outputs.a }}}}; cat ${{{{ inputs.b }}}}/* > ${{{{ outputs.b }}}}
    inputs: {{ a: each.o, b: cross.o }}
    outputs: {{ a: {{ format: file, ext: txt }}, b: {{ format: file, ext: txt }} }}
outputs: {{ given: given.o, each: joined.a, cross: joined.b }}
"
    ));
    scene.run(&["--out", "a"]).expect(0);
    for name in ["a/given.txt", "a/each.txt", "a/cross.txt"] {
        assert_eq!(lines(&scene, name), VALUES, "{name}");
    }
    let reversed: Vec<&str> = VALUES.iter().rev().copied().collect();
    let given = format!("ids={}", reversed.join(","));
    scene.run(&["--out", "b", "-p", &given]).expect(0);
    assert_eq!(lines(&scene, "b/given.txt"), reversed);
    scene.file(
        "params.yaml",
        format!("ids: [{}]\n", reversed[1..].join(", ")),
    );
    scene
        .run(&["--out", "c", "--params", "params.yaml"])
        .expect(0);
    assert_eq!(lines(&scene, "c/given.txt"), reversed[1..]);
}

#[test]
fn texts_that_differ_are_never_one_result() {
    let scene = Scene::with(
        "name: w
params: { x: { type: list } }
stages:
  s: { run: 'printf %s ${{ params.x }} > ${{ outputs.o }}', outputs: { o: { format: file, ext: txt } } }
outputs: { o: s.o }
",
    );
    for (at, text) in ["1.1", "1.10", "11e-1", "1.100", "TRUE", "true"]
        .iter()
        .enumerate()
    {
        let (given, out) = (format!("x={text}"), format!("out{at}"));
        scene.run(&["-p", &given, "--out", &out]).expect(0);
        assert_eq!(scene.text(&format!("{out}/o.txt")), *text);
    }
}

#[test]
fn cells_of_text_tables_reach_a_command_as_they_were_written() {
    for (name, separator, options) in [
        ("t.csv", ",", ""),
        ("t.tsv", "\t", ""),
        ("s.csv", ";", ", delimiter: ';'"),
    ] {
        let scene = Scene::with(&format!(
            "name: w
stages:
  each:
    run: echo ${{{{ item.id }}}} ${{{{ item.x }}}} ${{{{ item.flag }}}} ${{{{ item.when }}}} > ${{{{ outputs.o }}}}
    scatter: {{ over: t }}
    inputs: {{ t: {{ from: ./{name}{options} }} }}
    outputs: {{ o: {{ format: file, ext: txt }} }}
  sum:
    run: echo ${{{{ item.x + 1 }}}} > ${{{{ outputs.o }}}}
    scatter: {{ over: t }}
    inputs: {{ t: {{ from: ./{name}{options} }} }}
    outputs: {{ o: {{ format: file, ext: txt }} }}
  joined:
    run: cat ${{{{ inputs.a }}}}/* ${{{{ inputs.b }}}}/* > ${{{{ outputs.o }}}}
    inputs: {{ a: each.o, b: sum.o }}
    outputs: {{ o: {{ format: file, ext: txt }} }}
outputs: {{ o: joined.o }}
"
        ));
        let rows = [
            ["id", "x", "flag", "when"],
            ["001", "1.50", "TRUE", "2020-01-01T00:00:00+02:00"],
            ["2", "1e5", "false", "2020-01-02T00:00:00Z"],
        ];
        let text: Vec<String> = rows.iter().map(|row| row.join(separator)).collect();
        scene.file(name, text.join("\n") + "\n");
        scene.run(&["--out", "out"]).expect(0);
        assert_eq!(
            lines(&scene, "out/o.txt"),
            [
                "001 1.50 TRUE 2020-01-01T00:00:00+02:00",
                "2 1e5 false 2020-01-02T00:00:00Z",
                "2.5",
                "100001.0"
            ],
            "{name}"
        );
    }
}

#[test]
fn a_machine_without_bash_is_told_before_any_task() {
    let scene =
        Scene::with("name: w\nstages:\n  a: { run: [touch, ran] }\n  b: { run: 'echo b' }\n");
    let folder = scene.path().join("bin");
    fs::create_dir(&folder).unwrap();
    for tool in ["/bin/touch", "/bin/sh"] {
        let name = tool.rsplit('/').next().unwrap();
        symlink(tool, folder.join(name)).unwrap();
    }
    let run = |workflow: &str| {
        let mut command = scene.command(&["run", workflow]);
        let output = command.env("PATH", &folder).output().unwrap();
        scene::Told::of(&output)
    };
    run("workflow.yaml")
        .expect(3)
        .says(&["bash", "shell: sh", "b"]);
    assert!(
        !scene.path().join(".sunward").exists(),
        "nothing was created"
    );
    let with_sh = "name: w\ndefaults: { shell: sh }\nstages:\n  b: { run: 'echo b' }\n";
    scene.file("sh.yaml", with_sh);
    run("sh.yaml").expect(0);
}
