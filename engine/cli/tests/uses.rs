//! Stages that run the stages of another workflow's file.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;

const TRIM: &str = "name: trim
params:
  reads: { type: path, default: ./demo.csv }
  least: { type: int, default: 10 }
  note: { type: string, default: none }
stages:
  trim:
    run: bash ./trim.sh ${{ inputs.r }} ${{ params.least }} > ${{ outputs.o }}
    inputs: { r: { from: params.reads, as: csv } }
    outputs: { o: { format: csv } }
  count:
    uses: ./deep/count.yaml
    inputs: { t: trim.o }
  note:
    if: ${{ stages.count.status == 'succeeded' and params.note != 'none' }}
    needs: count
    run: echo ${{ params.note }} > ${{ outputs.n }}
    outputs: { n: { format: file, ext: txt } }
outputs: { table: trim.o, rows: count.n, note: note.n }
";

const COUNT: &str = "name: count
params: { t: { type: table } }
stages:
  lines:
    run: wc -l < ${{ inputs.x }} > ${{ outputs.n }}
    inputs: { x: { from: params.t, as: csv } }
    outputs: { n: { format: file, ext: txt } }
outputs: { n: lines.n }
";

const BOTH: &str = "name: both
params: { floor: { type: int, default: 2 }, table: { type: path, default: ./mine.csv } }
stages:
  one:
    uses: ./lib/trim.yaml
    with: { least: \"${{ params.floor }}\", note: \"it's\" }
    inputs: { reads: params.table }
  two:
    uses: ./lib/trim.yaml
    inputs: { reads: one.table }
  join:
    run: cat ${{ inputs.a }} ${{ inputs.b }} > ${{ outputs.all }}
    inputs: { a: one.rows, b: two.rows }
    outputs: { all: { format: file, ext: txt } }
outputs: { all: join.all, note: one.note }
";

/// Two files of stages below the workflow, with a script and a table of their own.
fn scene() -> Scene {
    let scene = Scene::with(BOTH);
    scene.file("mine.csv", "a,b\nx,50\ny,1\nz,2\n");
    scene.file("lib/trim.yaml", TRIM);
    scene.file(
        "lib/trim.sh",
        "awk -F, -v least=\"$2\" 'NR == 1 || $2 >= least' \"$1\"\n",
    );
    scene.file("lib/demo.csv", "a,b\nx,5\ny,15\nz,25\n");
    scene.file("lib/deep/count.yaml", COUNT);
    scene
}

/// How many tasks ran and how many came from the cache, by stage.
fn ran(answer: &serde_json::Value) -> Vec<(String, u64, u64)> {
    let stages = answer["stages"].as_object().unwrap().iter();
    let count = |stage: &serde_json::Value, word: &str| stage[word].as_u64().unwrap_or(0);
    let mut all: Vec<_> = stages
        .map(|(name, stage)| (name.clone(), count(stage, "ran"), count(stage, "cached")))
        .collect();
    all.sort();
    all
}

#[test]
fn a_file_of_stages_runs_under_the_name_of_the_stage_that_uses_it() {
    let scene = scene();
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(scene.text("out/all.txt"), "3\n2\n", "x and z; then x alone");
    assert_eq!(scene.text("out/note.txt"), "it's\n");
    let shown = scene.sunward(&["show", "one.table"]).expect(0).out;
    assert!(shown.starts_with("one.trim.o of r1: 2 rows"), "{shown}");
    let inner = scene.sunward(&["show", "one.count.lines.n", "--path"]);
    inner.expect(0);
    let explained = scene.sunward(&["explain", "two"]).expect(0).out;
    for stage in ["two.trim", "two.count.lines", "two.note"] {
        assert!(explained.contains(stage), "{explained}");
    }
    assert!(!explained.contains("one."), "{explained}");
    let refused = scene.sunward(&["logs", "one"]).expect(2).err;
    assert!(
        refused.contains("one.trim, one.count.lines, one.note"),
        "{refused}"
    );
}

#[test]
fn results_of_the_file_on_its_own_are_results_of_the_stage_that_uses_it() {
    let scene = scene();
    scene.run(&[]).expect(0);
    let home = scene.path().join(".sunward");
    let home = home.to_str().unwrap();
    let alone = [
        "run",
        "lib/trim.yaml",
        "-p",
        "reads=mine.csv",
        "-p",
        "least=2",
        "-p",
        "note=it's",
    ];
    let answer = scene.sunward(&[&alone[..], &["--home", home, "--json"]].concat());
    let answer = answer.expect(0).json();
    let expected = [("count.lines", 0, 1), ("note", 0, 1), ("trim", 0, 1)];
    assert_eq!(
        ran(&answer),
        expected.map(|(name, ran, cached)| (name.to_owned(), ran, cached))
    );
}

#[test]
fn a_change_in_the_used_file_runs_what_it_touches() {
    let scene = scene();
    scene.run(&[]).expect(0);
    let ran = |what: &str| -> Vec<String> {
        let answer = scene.run(&[]).expect(0).json();
        let stages = ran(&answer).into_iter().filter(|(_, ran, _)| *ran > 0);
        let names: Vec<String> = stages.map(|(name, _, _)| name).collect();
        println!("{what}: {names:?}");
        names
    };
    assert!(ran("nothing").is_empty());
    scene.file("lib/demo.csv", "a,b\nq,99\n");
    assert!(ran("a default that both stages replace").is_empty());
    scene.file(
        "lib/trim.sh",
        "awk -F, -v least=\"$2\" 'NR == 1 || $2 > least' \"$1\"\n",
    );
    assert_eq!(
        ran("the script beside the used file"),
        ["join", "one.trim", "two.trim"],
        "both tables are x alone now, which was counted before"
    );
    scene.file("lib/deep/count.yaml", COUNT.replace("wc -l", "wc -c"));
    assert_eq!(
        ran("the file in the file"),
        ["join", "one.count.lines"],
        "the two tables are the same"
    );
}

#[test]
fn a_condition_of_the_stage_skips_the_whole_file_and_its_status_can_be_read() {
    let scene = scene();
    scene.file(
        "workflow.yaml",
        "name: conditions
params: { on: { type: bool, default: true }, table: { type: path, default: ./mine.csv } }
stages:
  first: { run: echo first }
  one:
    uses: ./lib/trim.yaml
    if: ${{ params.on and stages.first.status == 'succeeded' }}
    inputs: { reads: params.table }
  told:
    if: ${{ stages.one.status == 'skipped' }}
    needs: one
    run: echo skipped > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  late: { needs: one, run: echo late }
",
    );
    let ended = |answer: &serde_json::Value, stage: &str| {
        let counts = &answer["stages"][stage];
        (
            counts["ran"].as_u64().unwrap(),
            counts["skipped"].as_u64().unwrap(),
        )
    };
    let on = scene.run(&[]).expect(0).json();
    assert_eq!(ended(&on, "one.trim"), (1, 0));
    assert_eq!(ended(&on, "told"), (0, 1));
    assert_eq!(
        ended(&on, "late"),
        (1, 0),
        "a note that is left out is no reason"
    );
    let off = scene.run(&["-p", "on=false"]).expect(0).json();
    for stage in ["one.trim", "one.count.lines", "one.note", "late"] {
        assert_eq!(ended(&off, stage), (0, 1), "{stage}");
    }
    assert_eq!(ended(&off, "told"), (1, 0));
}

#[test]
fn a_stage_that_uses_a_file_is_selected_as_a_whole() {
    let scene = scene();
    scene.run(&[]).expect(0);
    let answer = scene
        .run(&["--until", "two", "--force", "two"])
        .expect(0)
        .json();
    let stages = ran(&answer);
    let of = |name: &str| stages.iter().find(|(stage, _, _)| stage == name).unwrap();
    assert_eq!((of("two.trim").1, of("two.count.lines").1), (1, 1));
    assert_eq!((of("one.trim").1, of("one.trim").2), (0, 1));
    assert_eq!((of("join").1, of("join").2), (0, 0));
}

#[test]
fn a_set_of_files_goes_through_a_file_one_task_each() {
    let scene = Scene::with(
        "name: outer
stages:
  make:
    scatter: { over: [b, a] }
    run: echo ${{ item }} > ${{ outputs.f }}
    outputs: { f: { format: file, name: \"${{ item }}.txt\" } }
  qc: { uses: ./lib/each.yaml, inputs: { files: make.f } }
  more: { uses: ./lib/each.yaml, inputs: { files: \"./d/*.txt\" } }
  own: { uses: ./lib/each.yaml }
outputs: { qc: qc.all, more: more.all, own: own.all }
",
    );
    scene.file(
        "lib/each.yaml",
        "name: each
params: { files: { type: files, default: ./*.txt } }
stages:
  upper:
    inputs: { f: params.files }
    scatter: { over: f }
    run: tr a-z A-Z < ${{ inputs.f }} > ${{ outputs.o }}
    outputs: { o: { format: file, name: \"${{ item.stem }}.up\" } }
  all:
    inputs: { f: upper.o }
    run: cat ${{ inputs.f.files }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
outputs: { all: all.o }
",
    );
    for (name, text) in [("d/x.txt", "x\n"), ("d/y.txt", "y\n"), ("lib/z.txt", "z\n")] {
        scene.file(name, text);
    }
    let answer = scene.run(&["--out", "out"]).expect(0).json();
    assert_eq!(answer["stages"]["qc.upper"]["tasks"], 2);
    assert_eq!(scene.text("out/qc.txt"), "B\nA\n");
    assert_eq!(scene.text("out/more.txt"), "X\nY\n");
    assert_eq!(scene.text("out/own.txt"), "Z\n");
}

/// What a task reads of a file's place does not depend on who uses the workflow.
#[test]
fn folders_of_files_are_as_the_used_file_states_them() {
    let scene = Scene::with(
        "name: outer
stages: { qc: { uses: ./lib/deep/each.yaml } }
outputs: { all: qc.all }
",
    );
    scene.file(
        "lib/deep/each.yaml",
        "name: each
stages:
  told:
    inputs: { f: { from: [\"./f/**/*.txt\", \"../g/*.txt\"], match: \"{set}/{n}.txt\" } }
    scatter: { over: f }
    run: echo ${{ item.folder }} ${{ item.set }} ${{ item.n }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  sheet:
    inputs: { s: ./s.csv, f: \"${{ item.file }}\" }
    scatter: { over: s }
    run: wc -c ${{ item.file }} ${{ inputs.f }} | sed 's| /.*/| |;s/^ *//' > ${{ outputs.o }}
    outputs: { o: { format: file } }
  all:
    inputs: { f: told.o, g: sheet.o }
    run: cat ${{ inputs.f.files }} ${{ inputs.g.files }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
outputs: { all: all.o }
",
    );
    for file in ["lib/deep/f/x.txt", "lib/deep/f/in/x.txt", "lib/g/y.txt"] {
        scene.file(file, file);
    }
    scene.file("lib/deep/s.csv", "file\n./f/x.txt\n./f/in/x.txt\n");
    scene.run(&["--out", "out"]).expect(0);
    let told = scene.text("out/all.txt");
    assert_eq!(
        told,
        "./f/in in x\n./f f x\n../g g y\n\
         16 x.txt\n16 x.txt\n32 total\n\
         19 x.txt\n19 x.txt\n38 total\n"
    );
    let home = scene.path().join(".sunward");
    let home = home.to_str().unwrap();
    let alone = ["run", "lib/deep/each.yaml", "--home", home, "--json"];
    let alone = scene.sunward(&alone).expect(0).json();
    let again: Vec<_> = ran(&alone).into_iter().filter(|one| one.1 > 0).collect();
    assert_eq!(again, [], "all results are those of the outer workflow");
}

/// `plan` says of every stage what `run` then does, in one file and through a used one.
#[test]
fn a_plan_skips_what_the_run_skips() {
    let inner = "name: inner
params: { on: { type: bool, default: true } }
stages:
  a: { if: \"${{ params.on }}\", run: echo a }
  b: { needs: a, run: echo b }
";
    let outer = "name: outer
params: { on: { type: bool, default: true } }
stages:
  a: A
  told: { if: \"${{ stages.a.status == 'skipped' }}\", needs: a, run: echo skipped }
  else: { if: \"${{ stages.a.status != 'skipped' }}\", needs: a, run: echo there }
  never: { needs: a, run: echo never }
  after: { needs: told, run: echo after }
";
    let stage = "{ if: \"${{ params.on }}\", run: echo a }";
    let uses = "{ uses: ./inner.yaml, with: { on: \"${{ params.on }}\" } }";
    for a in [stage, uses] {
        for on in ["on=true", "on=false"] {
            let scene = Scene::with(&outer.replace("a: A", &format!("a: {a}")));
            scene.file("inner.yaml", inner);
            let plan = ["plan", "workflow.yaml", "-p", on, "--json"];
            let plan = |scene: &Scene| scene.sunward(&plan).expect(0).json();
            let skipped = |plan: &serde_json::Value| -> Vec<String> {
                let stages = plan["stages"].as_array().unwrap().iter();
                let out = stages.filter(|one| one["outlook"].to_string().contains("skipped"));
                out.map(|one| one["stage"].as_str().unwrap().to_owned())
                    .collect()
            };
            let (before, answer) = (plan(&scene), scene.run(&["-p", on]).expect(0).json());
            let mut runs: Vec<String> = Vec::new();
            for (name, counts) in answer["stages"].as_object().unwrap() {
                if counts["skipped"].as_u64() == Some(1) {
                    runs.push(name.clone());
                }
            }
            println!("{a} {on}: {before:#}");
            let mut after = skipped(&plan(&scene));
            after.sort();
            runs.sort();
            assert_eq!(
                after, runs,
                "{a} {on}: with results, all statuses are known"
            );
            assert!(
                skipped(&before).iter().all(|name| runs.contains(name)),
                "{a} {on}: {before:#}"
            );
        }
    }
}

/// The stage that failed is told, however many stages wait for each other behind it, and an alternative
/// of a `first` is taken as for stages of one file.
#[test]
fn stages_after_a_failure_name_the_stage_that_failed() {
    let scene = Scene::with(
        "name: outer
stages:
  i: { uses: ./inner.yaml }
  raw: { run: \"echo raw > ${{ outputs.o }}\", outputs: { o: { format: file } } }
  either: { inputs: { x: { from: { first: [i.o, raw.o] } } }, run: \"cat ${{ inputs.x }} > ${{ outputs.o }}\", outputs: { o: { format: file } } }
  wait: { needs: i, run: echo }
  last: { needs: wait, run: echo }
",
    );
    scene.file(
        "inner.yaml",
        "name: inner
params: { on: { type: bool, default: false } }
stages:
  a: { run: exit 3 }
  b: { if: \"${{ params.on }}\", run: \"echo b > ${{ outputs.o }}\", outputs: { o: { format: file } } }
outputs: { o: b.o }
",
    );
    scene.run(&[]).expect(1);
    let shown = scene.sunward(&["show", "either.o", "--path"]).expect(0).out;
    assert_eq!(std::fs::read_to_string(shown.trim()).unwrap(), "raw\n");
    for stage in ["wait", "last"] {
        let told = scene.sunward(&["explain", stage]).expect(0).out;
        assert!(
            told.contains("stage i.a, on which it depends, failed"),
            "{told}"
        );
    }
}

/// Values of every type that may name a file: what is written in the file is beside the file, and what is
/// given is beside the one that gives it.
#[test]
fn values_that_name_files_name_them_where_they_are_written() {
    let scene = Scene::with(
        "name: outer
params: { mine: { type: path, default: ./mine.txt } }
stages:
  own: { uses: \"./a lib/u.yaml\" }
  given:
    uses: \"./a lib/u.yaml\"
    inputs: { f: params.mine, sheet: ./d/t.csv }
    with: { names: [./mine.txt, ./d/other.txt], pick: ./two.txt }
outputs: { own: own.all, given: given.all }
",
    );
    scene.file(
        "a lib/u.yaml",
        "name: u
params:
  f: { type: path, default: ./f.txt }
  names: { type: list, default: [./one.txt, plain] }
  pick: { type: choice, choices: [./one.txt, ./two.txt], default: ./one.txt }
  sheet: { type: table, default: ./s.csv }
stages:
  val:
    run: cat ${{ params.f }} ${{ params.pick }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  each:
    scatter: { over: \"${{ params.names }}\" }
    run: if [ -e ${{ item }} ]; then cat ${{ item }}; else echo ${{ item }}; fi > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  rows:
    inputs: { s: params.sheet, r: \"${{ item.file }}\" }
    scatter: { over: s }
    run: cat ${{ inputs.r }} > ${{ outputs.o }}
    outputs: { o: { format: file, name: \"${{ item.id }}.txt\" } }
  all:
    inputs: { a: val.o, b: each.o, c: rows.o }
    run: cat ${{ inputs.a }} ${{ inputs.b.files }} ${{ inputs.c.files }} | tr '\\n' ' ' > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
outputs: { all: all.o }
",
    );
    for (name, text) in [
        ("a lib/f.txt", "F\n"),
        ("a lib/one.txt", "ONE\n"),
        ("a lib/two.txt", "TWO\n"),
        ("a lib/s.csv", "id,file\nr,one.txt\n"),
        ("mine.txt", "MINE\n"),
        ("d/other.txt", "OTHER\n"),
        ("d/t.csv", "id,file\nq,other.txt\n"),
    ] {
        scene.file(name, text);
    }
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(scene.text("out/own.txt"), "F ONE ONE plain ONE ");
    assert_eq!(scene.text("out/given.txt"), "MINE TWO MINE OTHER OTHER ");
    scene.file("d/other.txt", "CHANGED\n");
    let answer = scene.run(&["--out", "out"]).expect(0).json();
    assert_eq!(
        scene.text("out/given.txt"),
        "MINE TWO MINE CHANGED CHANGED "
    );
    let ran: Vec<(String, u64, u64)> = ran(&answer);
    let ran = ran.into_iter().filter(|(_, ran, _)| *ran > 0);
    let names: Vec<String> = ran.map(|(name, _, _)| name).collect();
    assert_eq!(names, ["given.all", "given.each", "given.rows"]);
}

#[test]
fn mistakes_are_told_in_the_file_in_which_they_are() {
    let scene = Scene::with(
        "name: mistakes
params: { s: { type: string, default: q } }
stages:
  one:
    uses: ./lib/a.yaml
    with: { k: high, zz: 1, t: ./t.csv, b: \"${{ params.s }}\" }
    inputs: { s: ./t.csv, q: ./x }
    retry: { max_attempts: 2 }
  two: { uses: ./lib/a.yaml, with: { k: 3 }, inputs: { t: { from: make.o, as: csv } } }
  three: { uses: ./none.yaml }
  four: { uses: a.yaml, needs: six }
  five: { uses: ./workflow.yaml, if: \"${{ stages.six.status == 'failed' }}\" }
  make: { run: \"echo > ${{ outputs.o }}\", outputs: { o: {} } }
  read: { run: \"cat ${{ inputs.i }}\", inputs: { i: one.q, k: three.x } }
outputs: { a: one.nothing, b: one.o }
",
    );
    scene.file(
        "lib/a.yaml",
        "name: a
params:
  k: { type: int }
  t: { type: table }
  f: { type: files, default: ./*.csv }
  s: { type: string, default: x }
  b: { type: bool, default: true }
stages:
  inner: { uses: ./b.yaml }
  x:
    run: \"echo ${{ params.kk }} ${{ params.t }}; cat ${{ inputs.t }} > ${{ outputs.o }}\"
    inputs: { t: params.t, g: y.o }
    needs: nobody
    outputs: { o: { format: file } }
  y: { run: \"echo > ${{ outputs.o }}\", outputs: { o: { format: csv } }, files: [./none.py] }
outputs: { o: x.o, p: x.p }
",
    );
    scene.file(
        "lib/b.yaml",
        "name: b\nstages: { again: { uses: ./a.yaml } }\n",
    );
    scene.file("t.csv", "a,b\n1,2\n");
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
    insta::assert_snapshot!(told.out);
    let json = scene
        .sunward(&["check", "workflow.yaml", "--json"])
        .expect(2)
        .json();
    let files: Vec<&str> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["file"].as_str().unwrap())
        .collect();
    for file in ["workflow.yaml", "lib/a.yaml", "lib/b.yaml"] {
        assert!(files.contains(&file), "{files:?}");
    }
}

#[test]
fn files_that_cannot_be_read_are_told_before_anything_runs() {
    for (name, content, says) in [
        ("bad utf-8", &b"name: \xff\n"[..], "is not UTF-8"),
        ("empty", b"", "the file is empty"),
        ("a list", b"- a\n", "expected a map"),
        ("no stages", b"name: a\nstages: {}\n", "there is no stage"),
        ("broken", b"name: [\n", "lib/a.yaml:"),
        (
            "no name",
            b"stages: { a: { run: 'true' } }\n",
            "lib/a.yaml has no key `name`",
        ),
    ] {
        let scene = Scene::with("name: w\nstages: { a: { uses: ./lib/a.yaml } }\n");
        scene.file("lib/a.yaml", content);
        let told = scene.run(&[]).expect(2).err;
        assert!(told.contains(says), "{name}: {told}");
        assert!(!scene.path().join(".sunward").exists(), "{name}");
    }
    let scene = Scene::with("name: w\nstages: { a: { uses: ./lib } }\n");
    scene.file("lib/a.yaml", "name: a\n");
    let told = scene.run(&[]).expect(2).err;
    assert!(told.contains("it is a folder"), "{told}");
}

#[test]
fn what_a_stage_with_uses_cannot_do_is_told_with_the_way_to_do_it() {
    for (stage, says) in [
        (
            "uses: https://example.org/lib/qc.yaml@sha256:00",
            "save the file beside this one, and write `./qc.yaml`",
        ),
        (
            "uses: s3://bucket/qc.yml?version=2",
            "save the file beside this one, and write `./qc.yml`",
        ),
        (
            "uses: https://example.org/flows/",
            "save the file beside this one, and write `./NAME.yaml`",
        ),
        ("uses: ./q*.yaml", "make a path a pattern"),
        (
            "uses: ./qc.yaml, scatter: { over: t }",
            "write `scatter` in the stages of the file; `inputs:` and `with:` here give",
        ),
        (
            "uses: ./qc.yaml, matrix: { k: [1, 2] }",
            "write `matrix` in the stages of the file; `inputs:` and `with:` here give",
        ),
        (
            "uses: ./qc.yaml, retry: { max_attempts: 2 }",
            "write `retry` in the stages of the file\n",
        ),
    ] {
        let scene = Scene::with(&format!("name: w\nstages: {{ a: {{ {stage} }} }}\n"));
        scene.file("qc.yaml", "name: q\nstages: { x: { run: 'true' } }\n");
        let checked = scene.sunward(&["check", "workflow.yaml"]).expect(2).out;
        let told = checked + "\n" + &scene.run(&[]).expect(2).err;
        assert_eq!(told.matches(says).count(), 2, "{stage}: {told}");
        assert!(!scene.path().join(".sunward").exists(), "{stage}");
    }
}
