//! What goes wrong with datasets of files, and what must not: gaps, new files while a run reads, links,
//! pairs without partners.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::{Scene, names, ran};

const GAPS: &str = "name: pairs
stages:
  a:
    inputs: { f: ./in/*.txt }
    scatter: { over: f }
    tolerate: 1
    run: \"grep -v A2 ${{ inputs.f }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: txt } }
  b:
    inputs: { f: ./in/*.txt }
    scatter: { over: f }
    run: \"cat ${{ inputs.f }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: txt } }
  both:
    inputs: { f: a.o, g: b.o }
    scatter: { zip: [f, g] }
    run: \"paste ${{ inputs.f }} ${{ inputs.g }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: txt } }
outputs: { both: both.o }
";

#[test]
fn a_gap_of_a_tolerated_failure_never_moves_pairs() {
    let scene = Scene::with(GAPS);
    for at in 1..=3 {
        scene.file(&format!("in/{at}.txt"), format!("A{at}\n"));
    }
    let told = scene.run(&[]).expect(1);
    told.says(&["leaves gaps", "by:"]);
}

#[test]
fn all_stages_of_a_run_read_one_listing() {
    let scene = Scene::new();
    for at in 1..=3 {
        scene.file(&format!("in/{at}.txt"), format!("A{at}\n"));
    }
    let late = scene.path().join("in/0.txt");
    let adds = format!("echo A0 > {}; cat", late.display());
    let text = GAPS.replace("grep -v A2", &adds);
    scene.file("workflow.yaml", text.replace("g: b.o", "g: ./in/*.txt"));
    scene.run(&["--out", "out"]).expect(0);
    assert!(late.exists());
    let pairs: Vec<String> = names(&scene, "out/both")
        .iter()
        .map(|name| scene.text(&format!("out/both/{name}")))
        .collect();
    assert_eq!(pairs, ["A1\tA1\n", "A2\tA2\n", "A3\tA3\n"]);
}

#[test]
fn what_a_pattern_matches_and_cannot_be_read_is_told() {
    let text =
        "name: l\nstages: { a: { inputs: { f: ./in/*.txt }, run: 'cat ${{ inputs.f.files }}' } }\n";
    let scene = Scene::with(text);
    scene.file("in/1.txt", "1");
    std::os::unix::fs::symlink("/gone/2.txt", scene.path().join("in/2.txt")).unwrap();
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
    let says = "2.txt matches and is a link that leads to nothing";
    assert!(told.out.contains(says), "{}", told.out);
}

#[test]
fn a_task_that_reads_only_its_file_runs_once_wherever_the_file_is_found() {
    let text = "name: k
stages:
  a:
    inputs: { f: ./in/*.txt }
    scatter: { over: f }
    run: \"cat ${{ inputs.f }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: txt } }
outputs: { o: a.o }
";
    let scene = Scene::with(text);
    scene.file("in/1.txt", "1");
    scene.file("in/2.txt", "2");
    assert_eq!(ran(&scene, &["a"]), [2]);
    std::fs::rename(scene.path().join("in"), scene.path().join("moved")).unwrap();
    let moved = text.replace("./in/*.txt", "./moved/*.txt");
    scene.file("workflow.yaml", &moved);
    assert_eq!(ran(&scene, &["a"]), [0], "another folder");
    let split = moved.replace(
        "./moved/*.txt",
        "{ from: ./moved/*.txt, match: \"{n}.txt\" }",
    );
    scene.file("workflow.yaml", split);
    assert_eq!(ran(&scene, &["a"]), [0], "a column that is not read");
}

#[test]
fn files_of_one_name_from_several_stages_are_scattered_one_a_task() {
    let each = |name: &str, letter: &str| {
        format!(
            "  {name}: {{ scatter: {{ range: 2 }}, run: 'echo {letter}${{{{ item }}}} > ${{{{ outputs.o }}}}', \
             outputs: {{ o: {{ format: file, name: \"x${{{{ item }}}}.txt\" }} }} }}\n"
        )
    };
    let scene = Scene::with(&format!(
        "name: two\nstages:\n{}{}  c: {{ inputs: {{ f: [a.o, b.o] }}, scatter: {{ over: f }}, \
         run: 'cat ${{{{ inputs.f }}}} > ${{{{ outputs.o }}}}', outputs: {{ o: {{ format: file }} }} }}\n\
         outputs: {{ c: c.o }}\n",
        each("a", "a"),
        each("b", "b")
    ));
    scene.run(&["--out", "out"]).expect(0);
    let all: Vec<String> = names(&scene, "out/c")
        .iter()
        .map(|name| scene.text(&format!("out/c/{name}")))
        .collect();
    assert_eq!(all, ["a0\n", "a1\n", "b0\n", "b1\n"]);
}

#[test]
fn a_folder_means_its_files_with_and_without_a_slash() {
    for from in ["./d", "./d/"] {
        let scene = Scene::with(&format!(
            "name: d\nstages: {{ a: {{ inputs: {{ f: {{ from: {from}, as: files }} }}, scatter: {{ over: f }}, \
             run: 'cat ${{{{ inputs.f }}}} > ${{{{ outputs.o }}}}', outputs: {{ o: {{ format: file }} }} }} }}\n\
             outputs: {{ o: a.o }}\n"
        ));
        scene.file("d/1", "1");
        scene.file("d/2", "2");
        assert_eq!(ran(&scene, &["a"]), [2], "{from}");
    }
}

#[test]
fn files_that_do_not_pair_are_told_by_check_and_before_anything_runs() {
    let pair = |rest: &str| {
        format!(
            "name: p
params: {{ f: {{ type: files, default: [./r/a_1.fq] }} }}
stages:
  first: {{ run: 'true' }}
  pair:
    needs: [first]
    inputs:
      r: {{ from: ./r/*.fq, match: \"{{s}}_{{n}}.fq\" }}
      q: {{ from: ./q/*.fq, match: \"{{s}}_{{n}}.fq\" }}
      p: params.f
    {rest}
    run: 'true > ${{{{ outputs.o }}}}'
    outputs: {{ o: {{ format: file, name: same.txt }} }}
"
        )
    };
    for (rest, says) in [
        (
            "scatter: { zip: [r, q], by: s }",
            "b_1.fq (s b), c_1.fq (s c)",
        ),
        ("scatter: { zip: [r, q], by: n }", "3 files of `r` have n 1"),
        ("scatter: { zip: [r, q] }", "3 of `r` and 1 of `q`"),
        ("scatter: { over: r }", "both name their output `o`"),
    ] {
        let scene = Scene::with(&pair(rest));
        for name in ["r/a_1.fq", "r/b_1.fq", "r/c_1.fq", "q/a_2.fq"] {
            scene.file(name, name);
        }
        let told = scene.sunward(&["check", "workflow.yaml"]).expect(2).out;
        assert!(
            told.contains("SW0508") && told.contains(says),
            "{rest}: {told}"
        );
        scene.run(&[]).expect(2).says(&[says]);
        assert!(
            !scene.path().join(".sunward/runs").exists(),
            "{rest}: it ran"
        );
    }
    let scene = Scene::with(&pair("scatter: { zip: [r, p] }"));
    for name in ["r/a_1.fq", "r/b_1.fq", "q/a_2.fq"] {
        scene.file(name, name);
    }
    scene.sunward(&["check", "workflow.yaml"]).expect(0);
    let told = scene.run(&["-p", "f=r/*.fq"]).expect(2);
    told.says(&["both name their output"]);
    scene.run(&[]).expect(2).says(&["2 of `r` and 1 of `p`"]);
}

#[test]
fn a_failure_names_the_file() {
    let scene = Scene::with(
        "name: f
stages:
  a: { inputs: { f: ./in/*.txt }, scatter: { over: f }, run: 'grep -q good ${{ inputs.f }}' }
",
    );
    scene.file("in/1.txt", "good");
    scene.file("in/2 x.txt", "bad");
    let told = scene.run(&[]).expect(1);
    told.says(&["failed: a/1 (2 x.txt), attempt 1: the command exited"]);
}

#[test]
fn names_that_read_parameters_are_judged_when_those_are_known() {
    let scene = Scene::with(
        "name: p
params: { tag: { type: string } }
stages:
  a:
    inputs: { f: ./in/*.txt }
    scatter: { over: f }
    run: 'cat ${{ inputs.f }} > ${{ outputs.o }}'
    outputs: { o: { format: file, name: \"${{ params.tag or item.stem }}.txt\" } }
outputs: { o: a.o }
",
    );
    scene.file("in/1.txt", "1");
    scene.file("in/2.txt", "2");
    scene.sunward(&["check", "workflow.yaml"]).expect(0);
    scene.run(&["-p", "tag="]).expect(0);
    let told = scene.run(&["-p", "tag=x"]).expect(2);
    told.says(&["both name their output"]);
}

#[test]
fn what_follows_from_the_contents_of_files_is_judged_when_they_are_read() {
    for (scatter, name) in [
        ("scatter: { over: f }", "${{ item.digest[:8] }}.txt"),
        ("scatter: { over: f }", "${{ item.bytes }}.txt"),
        ("scatter: { over: f }", "${{ item | string | length }}.txt"),
        ("scatter: { over: f, by: bytes }", "${{ item.bytes }}.txt"),
        (
            "scatter: { zip: [f, g], by: digest }",
            "${{ item.f.bytes }}.txt",
        ),
        (
            "scatter: { over: f }, repeat: 2",
            "${{ item.stem }}${{ repeat }}.txt",
        ),
    ] {
        let scene = Scene::with(&format!(
            "name: c\nstages: {{ a: {{ inputs: {{ f: ./in/*.txt, g: ./in/*.txt }}, {scatter}, \
             run: 'echo > ${{{{ outputs.o }}}}', outputs: {{ o: {{ format: file, name: '{name}' }} }} }} }}\n\
             outputs: {{ o: a.o }}\n"
        ));
        scene.file("in/1.txt", "1");
        scene.file("in/2.txt", "222222222222");
        scene.sunward(&["check", "workflow.yaml"]).expect(0);
        scene.run(&["--out", "out"]).expect(0);
    }
}

#[test]
fn a_pattern_that_reaches_the_home_is_told() {
    let text =
        "name: h\nstages: { a: { inputs: { f: PATTERN }, run: 'cat ${{ inputs.f.files }}' } }\n";
    for pattern in ["./data/**", "./data/**/*.csv", "./data/*.db"] {
        let scene = Scene::new();
        scene.file("w/workflow.yaml", text.replace("PATTERN", pattern));
        scene.file("w/data/a.csv", "n\n1\n");
        scene.file("w/data/x.db", "x");
        let of_home = "data/home/store/default/joined/x.csv";
        if pattern.contains("csv") {
            scene.file("w/data/store/a.csv", "n\n1\n");
            scene.sunward(&["check", "w/workflow.yaml"]).expect(0);
            scene.file(&format!("w/{of_home}"), "n\n1\n");
        }
        let pattern = pattern.replace("*.db", "home/*.db");
        scene.file("w/workflow.yaml", text.replace("PATTERN", &pattern));
        scene.file("w/data/home/state.db", "");
        scene.file("w/data/home/store/default/cas/00/x", "");
        let told = scene.sunward(&["check", "w/workflow.yaml"]).expect(2).out;
        let says = format!("{pattern} matches files of the home ./data/home");
        assert!(told.contains(&says), "{told}");
    }
}

#[test]
fn a_parameter_that_names_no_files_is_told_before_anything_runs() {
    let scene = Scene::with(
        "name: none
params: { f: { type: files } }
stages:
  first:
    run: \"touch ${{ outputs.o }}\"
    outputs: { o: { format: file } }
  each:
    inputs: { f: params.f, o: first.o }
    scatter: { over: f }
    run: \"cat ${{ inputs.f }} ${{ inputs.o }} > ${{ outputs.o }}\"
    outputs: { o: { format: file } }
",
    );
    for (given, words) in [
        ("f=[]", "`f` is an empty list"),
        ("f=./none*.txt", "none*.txt matches no file"),
    ] {
        let told = scene
            .sunward(&["run", "workflow.yaml", "-p", given])
            .expect(2);
        assert!(told.err.contains(words), "{}", told.err);
        assert!(!told.err.contains("first"), "{}", told.err);
    }
    scene.file("none1.txt", "1");
    scene.run(&["-p", "f=./none*.txt"]).expect(0);
}

#[test]
fn rows_that_give_one_name_are_told_by_check_with_their_numbers() {
    let scene = Scene::with(
        "name: names
stages:
  each:
    inputs: { s: ./s.csv }
    scatter: { over: s }
    run: \"echo ${{ item.sample }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.sample }}.txt\" } }
",
    );
    scene.file("s.csv", "sample,run\na,1\nb,2\na,3\n");
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2).out;
    for words in [
        "./s.csv: rows 1 and 3 both name",
        "a.txt",
        "workflow.yaml:7:16",
    ] {
        assert!(told.contains(words), "{told}");
    }
    scene.file("s.csv", "sample,run\na,1\nb,2\nc,3\n");
    scene.sunward(&["check", "workflow.yaml"]).expect(0);
    // Numbers with a point keep their text in a run.
    scene.file("s.csv", "sample,run\n1.50,1\n1.5,2\n");
    scene.sunward(&["check", "workflow.yaml"]).expect(0);
    scene.run(&[]).expect(0);
}

#[test]
fn tables_of_a_pattern_that_do_not_fit_are_told_by_the_names_of_their_files() {
    let scene = Scene::with(
        "name: t
stages: { a: { inputs: { t: { from: ./d/*.csv, as: csv } }, run: 'cat ${{ inputs.t }}' } }
",
    );
    scene.file("d/a.csv", "n,v\n1,2\n");
    scene.file("d/b.csv", "n,w\n1,2\n");
    let told = scene.sunward(&["run", "workflow.yaml"]).expect(1).err;
    for words in [
        "./d/b.csv: column `v` is missing",
        "as in ./d/a.csv",
        "make every file have the same columns",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert!(!told.contains("store/"), "{told}");
}
