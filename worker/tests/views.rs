//! Private inputs. A task's changes to them do not affect the store or other tasks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "tests stop where they cannot go on, and share one scene"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use sunward_core::{Dataset, FailureKind, Tasks};
use sunward_workflows::{Form, GridRows, Input, Span};
use support::{Scene, failure, shell, succeeded};

/// Larger than files that are copied.
const LARGE: usize = (1 << 20) + 1;

/// Changes that a command may make to `$x`, which is a file or a folder. Each may fail.
const HARMS: &[&str] = &[
    "echo more >> $f",
    "echo other > $f",
    "dd if=/dev/zero of=$f bs=1 count=1 conv=notrunc",
    "t=$(stat -c %y $f); chmod 666 $f; printf X | dd of=$f conv=notrunc; touch -d \"$t\" $f; chmod 444 $f",
    "python3 -c \"import mmap; f = open('$f', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0] = 88\"",
    "truncate -s 0 $f",
    "rm -rf $x",
    "mv $x $x.old; echo other > $x",
    "touch $x.bai; mkdir -p $x.d; touch $x.d/index",
    "chmod -R 777 $x; chown -R 12345 $x",
    "ln $f beside; echo more >> beside",
    "test ! -d $x || echo more > $x/ref.fa.fai",
];

fn file(scene: &Scene, name: &str, bytes: &[u8]) -> Dataset {
    let path = scene.home.path().join(name);
    fs::write(&path, bytes).unwrap();
    scene.store.blob(&path).unwrap()
}

fn folder(scene: &Scene, name: &str, large: bool) -> Dataset {
    let path = scene.home.path().join(name);
    fs::create_dir_all(path.join("sub")).unwrap();
    fs::write(path.join("sub/a"), name).unwrap();
    fs::write(path.join("tool"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(path.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    if large {
        fs::write(path.join("large"), vec![7; LARGE]).unwrap();
    }
    scene.store.folder_blob(&path).unwrap()
}

fn table(scene: &Scene, rows: i64) -> Dataset {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let column = Arc::new(Int64Array::from_iter_values(0..rows));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    scene.store.write_table(schema, &[batch]).unwrap()
}

/// Every kind of input, with its form.
fn kinds(scene: &Scene) -> Vec<(&'static str, Dataset, Form)> {
    let concat = |all: &[Dataset]| scene.store.concat(all).unwrap();
    let files = [file(scene, "f1", b"one"), file(scene, "f2", &[1; LARGE])];
    let folders = [folder(scene, "d1", false), folder(scene, "d2", true)];
    let tables = [table(scene, 10), table(scene, 200_000)];
    vec![
        ("a file", files[0].clone(), Form::File),
        ("a large file", files[1].clone(), Form::File),
        ("gathered files", concat(&files), Form::File),
        ("a folder", folders[0].clone(), Form::File),
        ("a folder with a large file", folders[1].clone(), Form::File),
        ("gathered folders", concat(&folders), Form::File),
        ("a table", tables[0].clone(), Form::Arrow),
        ("a large table", tables[1].clone(), Form::Arrow),
        ("a table as CSV", tables[0].clone(), Form::Csv),
        ("a large table as CSV", tables[1].clone(), Form::Csv),
        ("gathered tables", concat(&tables), Form::Csv),
    ]
}

fn job(
    scene: &mut Scene,
    name: &str,
    script: &str,
    dataset: &Dataset,
    form: Form,
) -> sunward_protocol::Job {
    let mut stage = shell(script);
    stage.name = name.to_owned();
    let input = Input {
        csv: Default::default(),
        schema: None,
        from: Vec::new(),
        form,
        columns: Vec::new(),
        variable: None,
        rows: GridRows::Time,
        span: Span::default(),
        ..Input::default()
    };
    stage.inputs.insert("x".into(), input);
    let mut job = scene.job(stage, Tasks::One);
    job.inputs.insert("x".into(), dataset.clone());
    job
}

/// The content of an input as a task sees it; `None` if it is not available.
fn seen(scene: &mut Scene, name: &str, dataset: &Dataset, form: Form) -> Option<String> {
    let script = "x=${{ inputs.x }}; cd \"$(dirname \"$x\")\"; find . -printf '%P %m %s\\n' | sort; find . -type f | sort | xargs cat | cksum; ls -la ${{ inputs.x.parts }} | wc -l";
    let job = job(scene, name, script, dataset, form);
    let end = scene.run(job).remove(0);
    succeeded(&end).then(|| fs::read_to_string(scene.log(name, "0.1.log")).unwrap())
}

#[test]
fn whatever_a_task_does_to_an_input_nobody_else_sees_it() {
    let mut scene = Scene::new();
    for (kind, dataset, form) in kinds(&scene) {
        let before = seen(&mut scene, &format!("before {kind}"), &dataset, form).unwrap();
        for (number, harm) in HARMS.iter().enumerate() {
            // The change is made to each of its files, including the largest.
            let script = format!(
                "x=${{{{ inputs.x }}}}; for f in $(find $x -type f); do {harm}; done; true"
            );
            let name = format!("harm {number} of {kind}");
            let job = job(&mut scene, &name, &script, &dataset, form);
            let end = scene.run(job).remove(0);
            let whole = scene.store.verify().unwrap();
            assert!(whole.is_empty(), "{name}: {whole:?}");
            let after = seen(&mut scene, &format!("after {name}"), &dataset, form);
            if let Some(after) = after {
                assert_eq!(after, before, "{name}");
            } else {
                // A change to a linked part is reported, and the part is deleted from the store.
                let failure = failure(end);
                assert_eq!(failure.kind, FailureKind::Output, "{name}");
                assert!(
                    failure.message.contains("the input inputs/x"),
                    "{failure:?}"
                );
                assert!(
                    failure.message.contains("cp ${{ inputs.x }}"),
                    "{failure:?}"
                );
                // It is made again, as its stage does.
                drop(kinds(&scene));
            }
        }
    }
    let scratch = fs::read_dir(scene.home.path().join("scratch")).unwrap();
    for worker in scratch.flatten().filter(|entry| entry.path().is_dir()) {
        let left = |slot: &str| {
            worker
                .path()
                .join(slot)
                .read_dir()
                .map_or(0, Iterator::count)
        };
        assert!(left("slot0") + left("slot1") <= 2, "task folders are left");
    }
}

#[test]
fn an_input_is_an_absolute_path_under_its_own_name() {
    let mut scene = Scene::new();
    let table = table(&scene, 3);
    let script = "cd /; echo ${{ inputs.x }}; echo $SUNWARD_INPUT_X; cat ${{ inputs.x }}";
    let job = job(&mut scene, "named", script, &table, Form::Csv);
    assert!(succeeded(&scene.run(job).remove(0)));
    let log = scene.log_text("named");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[0], lines[1]);
    assert!(
        Path::new(lines[0]).is_absolute() && lines[0].ends_with("/inputs/x.csv"),
        "{log}"
    );
    assert_eq!(lines[2..], ["n", "0", "1", "2"]);
}

#[test]
fn an_input_may_become_an_output_by_any_means() {
    let mut scene = Scene::new();
    for (size, bytes) in [("small", vec![3; 10]), ("large", vec![3; LARGE])] {
        let dataset = file(&scene, size, &bytes);
        for how in ["cp", "ln", "ln -s", "mv"] {
            let name = format!("{how} {size}");
            let script = format!("{how} ${{{{ inputs.x }}}} ${{{{ outputs.o }}}}");
            let mut job = job(&mut scene, &name, &script, &dataset, Form::File);
            let giving = support::giving(shell(""), "o", sunward_workflows::OutputFormat::File);
            job.stage.outputs = giving.outputs;
            let end = scene.run(job).remove(0);
            let result = support::result(end);
            assert_eq!(result.ports[0].parts, dataset.parts, "{name}");
        }
    }
    assert!(scene.store.verify().unwrap().is_empty());
}

#[test]
fn a_link_in_a_folder_leads_to_the_tasks_own_files() {
    let mut scene = Scene::new();
    let path = scene.home.path().join("d");
    fs::create_dir_all(path.join("sub")).unwrap();
    fs::write(path.join("sub/small"), "small").unwrap();
    fs::write(path.join("large"), vec![7; LARGE]).unwrap();
    for (target, name) in [
        ("sub/small", "s"),
        ("large", "l"),
        ("../large", "sub/up"),
        ("sub", "d"),
    ] {
        std::os::unix::fs::symlink(target, path.join(name)).unwrap();
    }
    let one = scene.store.folder_blob(&path).unwrap();
    let gathered = scene.store.concat(&[one.clone(), one.clone()]).unwrap();
    let script = "x=${{ inputs.x }}; find $x -type l | sort | while read l; do realpath --relative-to=$x $l; done; find $x -type l | wc -l";
    for (dataset, count) in [(one.clone(), 1), (gathered, 2)] {
        let name = format!("{count} folders");
        let job = job(&mut scene, &name, script, &dataset, Form::File);
        assert!(succeeded(&scene.run(job).remove(0)));
        let log = scene.log_text(&name);
        let mut lines: Vec<&str> = log.lines().collect();
        assert_eq!(
            lines.pop(),
            Some(format!("{}", 4 * count).as_str()),
            "{log}"
        );
        assert!(lines.iter().all(|line| !line.starts_with("..")), "{log}");
    }
    // Writes through one view do not affect others.
    let script = "x=${{ inputs.x }}; chmod u+w $x/s; echo more >> $x/s; rm $x/l; echo other > $x/l";
    let job = job(&mut scene, "through", script, &one, Form::File);
    assert!(succeeded(&scene.run(job).remove(0)));
    assert!(scene.store.verify().unwrap().is_empty());
}

#[test]
fn a_program_that_was_written_as_a_file_can_be_started() {
    let mut scene = Scene::new();
    for size in [10, LARGE] {
        let write = format!(
            "printf '#!/bin/sh\\necho ran\\nexit\\n' > ${{{{ outputs.o }}}}; head -c {size} /dev/zero >> ${{{{ outputs.o }}}}; chmod 755 ${{{{ outputs.o }}}}"
        );
        let mut stage = support::giving(shell(&write), "o", sunward_workflows::OutputFormat::File);
        stage.name = format!("write {size}");
        let written = scene.job(stage, Tasks::One);
        let end = scene.run(written).remove(0);
        let program = support::result(end).ports[0].clone();
        let name = format!("start {size}");
        let job = job(&mut scene, &name, "${{ inputs.x }}", &program, Form::File);
        assert!(succeeded(&scene.run(job).remove(0)));
        let log = scene.log_text(&name);
        assert_eq!(log.trim(), "ran");
    }
}
