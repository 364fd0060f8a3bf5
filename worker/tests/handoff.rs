//! Inputs and outputs of commands: they get paths, and their outputs become checked datasets.
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
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use sunward_core::{Dataset, DatasetKind, FailureKind, Tasks};
use sunward_workflows::{
    ColumnSpec, ColumnType, Form, GridRows, Input, OutputFormat, Span, Stage, Value,
};
use support::{Scene, bytes, giving, result, shell, succeeded};

fn reading(mut stage: Stage, port: &str, form: Form) -> Stage {
    let input = Input {
        from: Vec::new(),
        form,
        columns: Vec::new(),
        variable: None,
        rows: GridRows::Time,
        csv: Default::default(),
        schema: None,
        span: Span::default(),
        ..Input::default()
    };
    stage.inputs.insert(port.into(), input);
    stage
}

fn numbers(scene: &Scene, parts: &[std::ops::Range<i64>]) -> Dataset {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let tables: Vec<Dataset> = parts
        .iter()
        .map(|range| {
            let column = Arc::new(Int64Array::from_iter_values(range.clone()));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
            scene
                .store
                .write_table(Arc::clone(&schema), &[batch])
                .unwrap()
        })
        .collect();
    scene.store.concat(&tables).unwrap()
}

fn wanting(mut stage: Stage, port: &str, column: &str, column_type: &str) -> Stage {
    let columns = vec![ColumnSpec {
        name: column.into(),
        column_type: ColumnType(column_type.into()),
        doc: String::new(),
    }];
    stage.outputs.get_mut(port).unwrap().schema = Some(columns);
    stage
}

#[test]
fn a_table_arrives_in_the_form_asked_for_whole_and_by_parts() {
    let mut scene = Scene::new();
    let script = "cat ${{ inputs.t }}; for p in ${{ inputs.t.parts }}; do test -s $p && echo part; done; test $SUNWARD_INPUT_T = ${{ inputs.t }}";
    let mut job = scene.job(reading(shell(script), "t", Form::Csv), Tasks::One);
    let table = numbers(&scene, &[0..2, 2..3]);
    job.inputs.insert("t".into(), table);
    let end = scene.run(job).remove(0);
    assert!(succeeded(&end), "{end:?}");
    assert_eq!(scene.log_text("work"), "n\n0\n1\n2\npart\npart\n");
}

#[test]
fn parts_are_listed_where_an_expression_names_them_and_nowhere_else() {
    for (text, are_listed) in [
        ("echo parts inputs.t.parts", false),
        ("echo ${{ params.parts }}", false),
        ("echo ${{ inputs.t ~ '.parts' }}", false),
        ("echo ${{ inputs.t.path ~ 'parts' }}", false),
        ("echo ${{ inputs.parts }}", false),
        ("echo ${{ inputs.parts.parts }}", false),
        ("echo ${{ inputs.t.parts }}", true),
        ("echo ${{ inputs.t.parts | length }}", true),
        ("echo ${{ inputs.t.parts[0] }}", true),
        ("echo ${{ inputs.t.parts | join(',') }}", true),
    ] {
        let mut scene = Scene::new();
        let script = format!("{text}; ls \"$(dirname \"$SUNWARD_INPUT_T\")\"");
        let stage = reading(shell(&script), "t", Form::Csv);
        let mut job = scene.job(reading(stage, "parts", Form::Csv), Tasks::One);
        job.params.insert("parts".into(), Value::Int(3));
        let table = numbers(&scene, &[0..2, 2..3]);
        job.inputs.insert("t".into(), table.clone());
        job.inputs.insert("parts".into(), table);
        let end = scene.run(job).remove(0);
        assert!(succeeded(&end), "{text}: {end:?}");
        let log = scene.log_text("work");
        let found = log.lines().any(|line| line == "t.parts");
        assert_eq!(found, are_listed, "{text}: {log}");
    }
}

#[test]
fn slices_reach_each_task_as_a_file_of_its_own() {
    let mut scene = Scene::new();
    let table = numbers(&scene, &[0..3, 3..5]);
    let stage = reading(
        shell("tail -n +2 ${{ inputs.t }} | tr '\\n' ' '"),
        "t",
        Form::Csv,
    );
    let rows = Tasks::Rows {
        port: "t".into(),
        rows_per_task: 2,
        rows: 5,
        digests: Vec::new(),
    };
    let parts = Tasks::Parts {
        port: "t".into(),
        count: 2,
    };
    for (name, tasks, expected) in [
        ("rows", rows, vec!["0 1 ", "2 3 ", "4 "]),
        ("parts", parts, vec!["0 1 2 ", "3 4 "]),
    ] {
        let mut stage = stage.clone();
        stage.name = name.into();
        let mut job = scene.job(stage, tasks);
        job.inputs.insert("t".into(), table.clone());
        assert!(scene.run(job).iter().all(succeeded));
        for (index, text) in expected.iter().enumerate() {
            let log = scene.log(name, &format!("{index}.1.log"));
            assert_eq!(fs::read_to_string(log).unwrap(), *text);
        }
    }
}

#[test]
fn outputs_become_datasets_and_scratch_is_gone() {
    let mut scene = Scene::new();
    let script = "printf 'n\\n1\\n2\\n' > ${{ outputs.t }}; printf raw > $SUNWARD_OUTPUT_F; mkdir ${{ outputs.d }}; echo x > ${{ outputs.d }}/y; echo ${{ outputs.f }}";
    let stage = giving(shell(script), "t", OutputFormat::Csv);
    let mut stage = giving(
        giving(stage, "f", OutputFormat::File),
        "d",
        OutputFormat::Dir,
    );
    stage.outputs.get_mut("f").unwrap().ext = Some("dat".into());
    let ports = result(scene.one(stage)).ports;
    assert_eq!((ports[0].kind, ports[0].rows), (DatasetKind::Table, 2));
    assert_eq!(
        (ports[1].kind, bytes(&scene.store, &ports[1])),
        (DatasetKind::File, b"raw".to_vec())
    );
    assert_eq!(ports[2].kind, DatasetKind::Dir);
    let path = scene.log_text("work");
    assert!(path.trim().ends_with("/out/f.dat"), "{path}");
    assert!(!std::path::Path::new(path.trim()).parent().unwrap().exists());
}

#[test]
fn an_output_that_was_not_written_is_named_with_what_was_written_instead() {
    let mut scene = Scene::new();
    let stage = giving(
        shell("touch \"$(dirname $SUNWARD_OUTPUT_HITS)/hit.arrow\""),
        "hits",
        OutputFormat::Arrow,
    );
    let failure = scene.failure(stage);
    assert_eq!(failure.kind, FailureKind::Output);
    for word in ["work/0", "output hits", "$SUNWARD_OUTPUT_HITS", "hit.arrow"] {
        assert!(
            failure.message.contains(word),
            "{word}: {}",
            failure.message
        );
    }
}

#[test]
fn garbage_half_a_file_and_another_schema_are_refused_and_not_kept() {
    let mut scene = Scene::new();
    let table = numbers(&scene, std::slice::from_ref(&(0..100)));
    let good = scene.store.part_path(&table.parts[0].digest);
    let before = parts_in_store(&scene);
    let copy = format!("head -c $1 {} > $SUNWARD_OUTPUT_O", good.display());
    for script in [
        "echo garbage > $SUNWARD_OUTPUT_O",
        ": > $SUNWARD_OUTPUT_O",
        &copy.replace("$1", "400"),
    ] {
        let failure = scene.failure(giving(shell(script), "o", OutputFormat::Arrow));
        assert_eq!(failure.kind, FailureKind::Output, "{}", failure.message);
        assert!(
            failure
                .message
                .contains("output o is declared as an Arrow IPC file"),
            "{}",
            failure.message
        );
    }
    let whole = copy.replace("$1", "1000000");
    let other = wanting(
        giving(shell(&whole), "o", OutputFormat::Arrow),
        "o",
        "n",
        "utf8",
    );
    let failure = scene.failure(other);
    assert_eq!(failure.kind, FailureKind::Output);
    assert!(
        failure.message.contains("`n`") && failure.message.contains("utf8"),
        "{}",
        failure.message
    );
    assert_eq!(parts_in_store(&scene), before);
    let same = wanting(
        giving(shell(&whole), "o", OutputFormat::Arrow),
        "o",
        "n",
        "int64",
    );
    assert_eq!(result(scene.one(same)).ports[0].content, table.content);
}

fn parts_in_store(scene: &Scene) -> usize {
    let folders = fs::read_dir(scene.store.root().join("cas")).unwrap();
    folders
        .flatten()
        .map(|f| fs::read_dir(f.path()).unwrap().count())
        .sum()
}

#[test]
fn what_a_failed_command_left_behind_is_not_taken() {
    let mut scene = Scene::new();
    let before = parts_in_store(&scene);
    let stage = giving(
        shell("echo half > ${{ outputs.o }}; exit 1"),
        "o",
        OutputFormat::File,
    );
    assert_eq!(scene.failure(stage).kind, FailureKind::Exit(1));
    assert_eq!(parts_in_store(&scene), before);
}
