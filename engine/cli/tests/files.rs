//! Datasets of files: patterns, one task a file, groups, chains, and the names that files keep.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::{Scene, names, ran};

const CHAIN: &str = "name: chain
stages:
  clim:
    inputs: { m: ./d/*.nc }
    scatter: { over: m }
    run: |
      test \"$(basename ${{ inputs.m }})\" = ${{ item.name }}
      tr a-z A-Z < ${{ inputs.m }} > ${{ outputs.c }}
    outputs: { c: { format: file, name: \"${{ item.stem }}.clim.nc\" } }
  twice:
    inputs: { c: clim.c }
    scatter: { over: c }
    run: \"cat ${{ inputs.c }} ${{ inputs.c }} > ${{ outputs.t }}\"
    outputs: { t: { format: file, name: \"${{ item.name }}\" } }
  all:
    inputs: { t: twice.t }
    run: |
      ls ${{ inputs.t }} > ${{ outputs.list }}
      cat ${{ inputs.t.files }} > ${{ outputs.all }}
    outputs: { list: { format: file, ext: txt }, all: { format: file, ext: txt } }
outputs: { list: all.list, all: all.all, twice: twice.t }
";

#[test]
fn a_chain_of_one_task_a_file_runs_again_only_for_what_is_new() {
    let scene = Scene::with(CHAIN);
    for name in ["b.nc", "c.nc"] {
        scene.file(&format!("d/{name}"), name);
    }
    let stages = ["clim", "twice", "all"];
    assert_eq!(ran(&scene, &stages), [2, 2, 1]);
    assert_eq!(scene.text("out/list.txt"), "b.clim.nc\nc.clim.nc\n");
    assert_eq!(scene.text("out/all.txt"), "B.NCB.NCC.NCC.NC");
    let shown = scene.sunward(&["show", "clim.c"]).expect(0).out;
    assert!(
        shown.contains("b.clim.nc") && shown.contains("c.clim.nc"),
        "{shown}"
    );
    assert_eq!(names(&scene, "out/twice"), ["b.clim.nc", "c.clim.nc"]);
    for (edit, expected) in [
        ("nothing", [0, 0, 0]),
        ("a new file before the others", [1, 1, 1]),
        ("other bytes of one", [1, 1, 1]),
        ("the same bytes, touched", [0, 0, 0]),
        ("one file less", [0, 0, 1]),
        ("another file of the same bytes", [1, 1, 1]),
    ] {
        let file = |name: &str, text: &str| drop(scene.file(name, text));
        match edit {
            "a new file before the others" => file("d/a.nc", "a.nc"),
            "other bytes of one" => file("d/b.nc", "bb"),
            "the same bytes, touched" => file("d/b.nc", "bb"),
            "one file less" => std::fs::remove_file(scene.path().join("d/c.nc")).unwrap(),
            "another file of the same bytes" => file("d/e.nc", "bb"),
            _ => {}
        }
        if expected[0] == 1 {
            let plan = scene.sunward(&["plan", "workflow.yaml"]).expect(0);
            assert!(plan.out.contains("of 3: new file"), "{edit}: {plan:?}");
        }
        assert_eq!(ran(&scene, &stages), expected, "{edit}");
    }
    assert_eq!(scene.text("out/all.txt"), "A.NCA.NCBBBBBBBB");
}

#[test]
fn names_may_be_odd_and_the_same_in_two_folders() {
    let long = "l".repeat(200);
    let odd = [
        "a b.nc",
        "quote's \"x\".nc",
        "new\nline.nc",
        "ünï.nc",
        "$(touch hacked).nc",
        "-rf.nc",
        long.as_str(),
        "empty",
    ];
    let scene = Scene::with(
        "name: odd
stages:
  each:
    inputs: { m: ./d/** }
    scatter: { over: m }
    run: \"printf '%s|%s|' ${{ item.name }} ${{ item.bytes }} > ${{ outputs.o }}; cat -- ${{ inputs.m }} >> ${{ outputs.o }}\"
    outputs: { o: { format: file } }
  all:
    inputs: { m: ./d/**, o: each.o }
    run: |
      (cd ${{ inputs.m }}; find . -type f) > ${{ outputs.tree }}
      cat ${{ inputs.o.files }} > ${{ outputs.all }}
    outputs: { tree: { format: file }, all: { format: file } }
outputs: { tree: all.tree, all: all.all, each: each.o }
",
    );
    for name in odd {
        let text = if name == "empty" { "" } else { "x" };
        scene.file(&format!("d/{name}"), text);
    }
    scene.file("d/one/same.nc", "1");
    scene.file("d/two/same.nc", "22");
    scene.file("d/.hidden", "no");
    std::os::unix::fs::symlink("a b.nc", scene.path().join("d/link.nc")).unwrap();
    scene.run(&["--out", "out"]).expect(0);
    assert!(!scene.path().join("hacked").exists());
    let tree = scene.text("out/tree");
    for name in odd.iter().chain(&["one/same.nc", "two/same.nc", "link.nc"]) {
        assert!(tree.contains(&format!("./{name}\n")), "{name}: {tree}");
    }
    assert!(!tree.contains("hidden"), "{tree}");
    let all = scene.text("out/all");
    for part in [
        "a b.nc|1|x",
        "new\nline.nc|1|x",
        "same.nc|1|1",
        "same.nc|2|22",
        "empty|0|",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    // Without `name:`, the files of tasks are told apart by their numbers.
    assert_eq!(names(&scene, "out/each").len(), 11);
    assert_eq!(names(&scene, "out/each")[10], "000010");
}

#[test]
fn files_are_taken_in_batches_or_by_a_column_of_their_names() {
    let workflow = |scatter: &str, read: &str| {
        format!(
            "name: groups
stages:
  each:
    inputs: {{ r: {{ from: \"./*.fq\", match: \"{{s}}_{{n:[0-9]+}}.fq\" }} }}
    scatter: {{ over: r, {scatter} }}
    run: |
      cat ${{{{ inputs.r.files }}}} > ${{{{ outputs.o }}}}
      {read}
    outputs: {{ o: {{ format: file, ext: txt }} }}
  all:
    inputs: {{ o: each.o }}
    run: |
      for f in ${{{{ inputs.o.files }}}}; do cat $f; echo; done > ${{{{ outputs.all }}}}
    outputs: {{ all: {{ format: file }} }}
outputs: {{ all: all.all }}
"
        )
    };
    let scene = Scene::new();
    for (name, text) in [("b_x_1", "1"), ("a_1", "2"), ("a_2", "3"), ("b_x_2", "4")] {
        scene.file(&format!("{name}.fq"), text);
    }
    scene.file(
        "workflow.yaml",
        workflow(
            "by: s",
            "ls ${{ inputs.r }} >> ${{ outputs.o }}; printf %s ${{ item.s }} >> ${{ outputs.o }}",
        ),
    );
    assert_eq!(ran(&scene, &["each", "all"]), [2, 1]);
    assert_eq!(
        scene.text("out/all"),
        "23a_1.fq\na_2.fq\na\n14b_x_1.fq\nb_x_2.fq\nb_x\n"
    );
    scene.file("a_3.fq", "5");
    assert_eq!(ran(&scene, &["each", "all"]), [1, 1]);
    scene.file("workflow.yaml", workflow("rows: 2", "true"));
    assert_eq!(ran(&scene, &["each", "all"]), [3, 1]);
    assert_eq!(scene.text("out/all"), "23\n51\n4\n");
    // A file at the end changes the last batch alone.
    scene.file("c_1.fq", "6");
    assert_eq!(ran(&scene, &["each", "all"]), [1, 1]);
}

#[test]
fn a_parameter_gives_files_as_a_pattern_or_a_list() {
    let scene = Scene::with(
        "name: p
params: { m: { type: files, default: './d/*.nc' } }
stages:
  s:
    inputs: { m: params.m }
    scatter: { over: m }
    run: \"printf '%s ' ${{ item.name }} > ${{ outputs.o }}\"
    outputs: { o: { format: file } }
  all:
    inputs: { o: s.o }
    run: cat ${{ inputs.o.files }} > ${{ outputs.o }}
    outputs: { o: { format: file } }
outputs: { o: all.o }
",
    );
    for name in ["a.nc", "b.nc", "c.txt"] {
        scene.file(&format!("d/{name}"), name);
    }
    for (given, seen) in [
        (&[][..], "a.nc b.nc "),
        (&["-p", "m=d/*.txt"], "c.txt "),
        (&["-p", "m=./d/c.txt"], "c.txt "),
        (&["-p", "m=[./d/c.txt, './d/[a]*']"], "c.txt a.nc "),
    ] {
        scene.run(&[given, &["--out", "out"]].concat()).expect(0);
        assert_eq!(scene.text("out/o"), seen, "{given:?}");
    }
    for (given, why) in [
        ("m=./none/*", "matches no file"),
        ("m=./gone.nc", "does not exist"),
    ] {
        let told = scene.run(&["-p", given]).expect(2);
        assert!(
            told.err.contains(why) && told.err.contains("`m`"),
            "{told:?}"
        );
    }
}

#[test]
fn a_parameter_of_files_is_read_through_an_input_alone() {
    let scene = Scene::with(
        "name: p
params: { m: { type: files, default: './d/*.nc' } }
stages: { s: { run: 'ls ${{ params.m }}' } }
",
    );
    scene.file("d/a.nc", "a");
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
    assert!(told.out.contains("inputs: { m: params.m }"), "{told:?}");
}

#[test]
fn no_output_replaces_a_file_that_a_pattern_matches() {
    let scene = Scene::with(
        "name: r
stages:
  s:
    inputs: { m: './out/*.txt' }
    run: cat ${{ inputs.m.files }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
outputs: { a: s.o }
",
    );
    scene.file("out/a.txt", "mine");
    let told = scene.run(&["--out", "out"]).expect(2);
    assert!(told.err.contains("an input of stage s"), "{told:?}");
    assert_eq!(scene.text("out/a.txt"), "mine");
}

#[test]
fn an_optional_pattern_may_match_nothing() {
    let scene = Scene::with(
        "name: o
stages:
  s:
    inputs: { m: { from: './d/*.nc', optional: true } }
    scatter: { over: m }
    run: cp ${{ inputs.m }} ${{ outputs.o }}
    outputs: { o: { format: file, name: \"${{ item.name }}\" } }
  all:
    inputs: { o: s.o }
    run: ls ${{ inputs.o }} > ${{ outputs.o }}
    outputs: { o: { format: file } }
outputs: { o: all.o, s: s.o }
",
    );
    assert_eq!(ran(&scene, &["s", "all"]), [0, 1]);
    assert_eq!(scene.text("out/o"), "");
    scene.file("d/a.nc", "a");
    assert_eq!(ran(&scene, &["s", "all"]), [1, 1]);
    assert_eq!(scene.text("out/o"), "a.nc\n");
}

#[test]
fn a_folder_read_as_files_is_its_files_and_folders_are_scattered_too() {
    let scene = Scene::with(
        "name: f
stages:
  each:
    inputs: { m: { from: ./d, as: files } }
    scatter: { over: m }
    run: mkdir ${{ outputs.o }}; cp ${{ inputs.m }} ${{ outputs.o }}/x
    outputs: { o: { format: dir, name: \"${{ item.stem }}\" } }
  again:
    inputs: { o: each.o }
    scatter: { over: o }
    run: \"echo ${{ item.name }} $(cat ${{ inputs.o }}/x) > ${{ outputs.t }}\"
    outputs: { t: { format: file, name: \"${{ item.name }}.txt\" } }
  folders:
    inputs: { r: ./runs/*/ }
    scatter: { over: r }
    run: cat ${{ inputs.r }}/log > ${{ outputs.t }}
    outputs: { t: { format: file, name: \"${{ item.name }}\" } }
outputs: { each: each.o, again: again.t, folders: folders.t }
",
    );
    scene.file("d/a.nc", "1");
    scene.file("d/b.nc", "2");
    scene.file("runs/r1/log", "one");
    scene.file("runs/r2/log", "two");
    assert_eq!(ran(&scene, &["each", "again", "folders"]), [2, 2, 2]);
    assert_eq!(scene.text("out/each/a/x"), "1");
    assert_eq!(scene.text("out/again/b.txt"), "b 2\n");
    assert_eq!(scene.text("out/folders/r2"), "two");
}

/// `as: files` over stages and files together: each keeps its name, one without a name gets a number among
/// its like, and one file is a folder too.
#[test]
fn files_of_stages_beside_files_keep_their_names() {
    let scene = Scene::with(
        "name: lists
stages:
  g: { run: \"echo g > ${{ outputs.o }}\", outputs: { o: { format: file, ext: txt } } }
  h: { run: \"echo h > ${{ outputs.o }}\", outputs: { o: { format: file, ext: txt } } }
  n: { run: \"echo n > ${{ outputs.o }}\", outputs: { o: { format: file, name: nice.txt } } }
  all: { inputs: { a: { from: [g.o, ./r.txt, h.o, n.o], as: files } }, run: \"cd ${{ inputs.a }}; tail -n +1 * > ${{ outputs.o }}\", outputs: { o: { format: file } } }
  one: { inputs: { a: { from: n.o, as: files } }, run: \"ls ${{ inputs.a }}/ > ${{ outputs.o }}\", outputs: { o: { format: file } } }
  u: { uses: ./used.yaml, inputs: { m: [g.o, n.o, ./r.txt] } }
outputs: { all: all.o, one: one.o, u: u.o }
",
    );
    scene.file("r.txt", "r\n");
    scene.file(
        "used.yaml",
        "name: used
params: { m: { type: files } }
stages:
  each: { inputs: { m: params.m }, scatter: { over: m }, run: \"echo ${{ item.name }} $(cat ${{ inputs.m }}) > ${{ outputs.o }}\", outputs: { o: { format: file } } }
  all: { inputs: { e: each.o }, run: \"cat ${{ inputs.e.files }} > ${{ outputs.o }}\", outputs: { o: { format: file } } }
outputs: { o: all.o }
",
    );
    scene.run(&["--out", "out"]).expect(0);
    let all = scene.text("out/all");
    let all: Vec<&str> = all.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        all.join(" "),
        "==> 000000.txt <== g ==> 000001.txt <== h ==> nice.txt <== n ==> r.txt <== r"
    );
    assert_eq!(scene.text("out/one"), "nice.txt\n");
    assert_eq!(scene.text("out/u"), "000000.txt g\nnice.txt n\nr.txt r\n");
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let base = "name: m
stages:
  s:
    inputs: { m: INPUT }
    scatter: SCATTER
    run: cp ${{ inputs.m }} ${{ outputs.o }}
    outputs: { o: { format: file NAME } }
";
    for (input, scatter, name, says) in [
        (
            "./none/*.nc",
            "{ over: m }",
            "",
            &["SW0501", "no file matches ./none/*.nc"][..],
        ),
        (
            "./*.yaml",
            "{ over: m }",
            "",
            &["SW0304", "matches the workflow itself"],
        ),
        (
            "['./d/*.nc', './d/a*']",
            "{ over: m }",
            "",
            &["SW0304", "names ./d/a_1.nc twice"],
        ),
        (
            "'./d/{a.nc'",
            "{ over: m }",
            "",
            &["SW0304", "does not close"],
        ),
        (
            "{ from: './d/*.nc', match: '{s}.txt' }",
            "{ over: m }",
            "",
            &["SW0507", "does not fit ./d/a_1.nc"],
        ),
        (
            "{ from: './d/*.nc', match: '{s}_{t}.nc' }",
            "{ over: m }",
            "",
            &["SW0507", "in two ways: a | b_2 or a_b | 2"],
        ),
        (
            "{ from: './d/*.nc', match: 'x' }",
            "{ over: m }",
            "",
            &["SW0507", "names no column"],
        ),
        (
            "{ from: './d/*.nc', match: '{name}.nc' }",
            "{ over: m }",
            "",
            &["SW0507", "`name` already"],
        ),
        (
            "./d/*.nc",
            "{ over: m, by: sample }",
            "",
            &["SW0504", "have no column `sample`"],
        ),
        (
            "./d/*.nc",
            "{ over: m, by: name, rows: 2 }",
            "",
            &["SW0803", "cannot be used together"],
        ),
        (
            "./d/*.nc",
            "{ over: m }",
            ", name: a.nc",
            &["both name their output `o` `a.nc`"],
        ),
        (
            "./d/*.nc",
            "{ over: m }",
            ", name: \"../${{ item.name }}\"",
            &["contains a slash"],
        ),
        (
            "./d/*.nc",
            "{ over: m }",
            ", name: a/b",
            &["SW0212", "is a path, not a name"],
        ),
        (
            "./d/*.nc",
            "{ over: m }",
            ", name: a, ext: nc",
            &["SW0212", "`name` and `ext`"],
        ),
        (
            "./d/*.nc",
            "{ zip: [m] }",
            "",
            &["SW0801", "two inputs or more"],
        ),
        (
            "./d/*.nc",
            "{ zip: [m, n] }",
            "",
            &["SW0801", "`n` is not one of"],
        ),
        (
            "./d/*.nc",
            "{ over: m }",
            ", name: \"${{ item.stm }}\"",
            &["SW0504", "`stm`"],
        ),
        (
            "['./d/*.nc', './/d/a_1.nc']",
            "{ range: 2 }",
            "",
            &["two files would be a_1.nc"],
        ),
        (
            "{ from: ./d/a_1.nc, as: file, match: '{s}' }",
            "{ range: 2 }",
            "",
            &["SW0212", "`match` applies to files"],
        ),
    ] {
        let scene = Scene::with(
            &base
                .replace("INPUT", input)
                .replace("SCATTER", scatter)
                .replace(" NAME", name),
        );
        scene.file("d/a_1.nc", "1");
        scene.file("d/a_b_2.nc", "2");
        let told = scene.run(&[]);
        assert!(
            matches!(told.code, 1 | 2),
            "{input} {scatter} {name}: {told:?}"
        );
        let text = format!("{}{}", told.err, told.out);
        for word in says {
            assert!(
                text.contains(word),
                "{input} {scatter} {name}: {word}: {told:?}"
            );
        }
        let status = scene.sunward(&["status", "--json"]);
        let ran = status.out.contains("\"ran\":1") || status.out.contains("\"ran\":2");
        assert!(!ran, "{status:?}");
    }
}
