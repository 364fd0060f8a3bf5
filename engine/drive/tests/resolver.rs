//! The input resolver of one machine. Files beside a workflow become inputs, and known files are
//! not read again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "tests may panic, and use part of the stories' world"
)]

mod world;

use std::sync::Arc;

use sunward_core::{
    Dataset, DatasetKind, Failure, FailureKind, FromTasks, RunId, Tasks, Timestamp,
};
use sunward_data::{FileMemory, SourceOptions, Store};
use sunward_drive::{InputResolver, LocalResolver, Resolution, ResolveRequest, Source};
use sunward_state::{FileRecord, FileStamp, Group, Journal, Sqlite};
use sunward_workflows::{ColumnSpec, ColumnType, Form, Reference, Scatter, Slicing, Stage, Value};
use tempfile::TempDir;
use world::{StageExt, spec, stage};

/// The sources of a stage, with what was written to each.
fn sources(stage: &Stage, written: Vec<Vec<Option<FromTasks>>>) -> Vec<Vec<Source>> {
    let inputs = stage.inputs.values().zip(written);
    let of_input = inputs.map(|(input, written)| {
        let sources = input.from.iter().cloned().zip(written);
        let source = |(reference, written)| Source { reference, written };
        sources.map(source).collect()
    });
    of_input.collect()
}

struct Bench {
    home: TempDir,
    resolver: LocalResolver,
    journal: Sqlite,
}

impl Bench {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let store = Store::open(home.path(), None).unwrap();
        let journal = Sqlite::open(home.path()).unwrap();
        Self {
            resolver: LocalResolver::new(store),
            journal,
            home,
        }
    }

    fn file(&self, name: &str, content: &str) {
        std::fs::write(self.home.path().join(name), content).unwrap();
    }

    fn resolve(&self, last: Stage, upstream: Vec<Vec<Option<FromTasks>>>) -> Resolution {
        self.resolve_after(stage("before"), last, upstream)
    }

    fn resolve_after(
        &self,
        before: Stage,
        last: Stage,
        upstream: Vec<Vec<Option<FromTasks>>>,
    ) -> Resolution {
        let mut spec = spec(vec![before, last]);
        Arc::make_mut(&mut spec).path =
            self.home.path().join("workflow.yaml").display().to_string();
        let stage = spec.plan.find("it").unwrap();
        let request = ResolveRequest {
            run: RunId(1),
            stage,
            sources: sources(&spec.plan.stage(stage).unwrap().stage, upstream),
            spec,
        };
        match self.resolver.glance(&request, &self.journal).unwrap() {
            Some(resolution) => resolution,
            None => self.resolver.resolve(&request, &self.journal).unwrap(),
        }
    }

    fn known(&self, last: Stage, upstream: Vec<Vec<Option<FromTasks>>>) -> (Vec<Dataset>, Tasks) {
        self.resolve(last, upstream).answer.unwrap()
    }

    fn refused(&self, last: Stage, upstream: Vec<Vec<Option<FromTasks>>>) -> Failure {
        self.resolve(last, upstream).answer.unwrap_err()
    }
}

/// A stage that reads a path at the port `x`.
fn reading(path: &str) -> Stage {
    let mut stage = stage("it").reads("x", "before");
    stage.inputs["x"].from = vec![Reference::Path(path.to_owned())];
    stage
}

fn over(slicing: Slicing, mut stage: Stage) -> Stage {
    stage.scatter = Scatter::Input {
        port: "x".to_owned(),
        slicing,
    };
    stage
}

const ONE_FILE: [Option<FromTasks>; 1] = [None];

/// Records the stamps with which the store asks for a file.
#[derive(Default)]
struct Asked(std::cell::RefCell<Vec<sunward_data::FileStamp>>);

impl FileMemory for Asked {
    fn get(&self, stamp: &sunward_data::FileStamp) -> Option<Dataset> {
        self.0.borrow_mut().push(*stamp);
        None
    }

    fn put(&self, _: &sunward_data::FileStamp, _: &Dataset) {}
}

#[test]
fn a_file_beside_the_workflow_is_read_and_counted_unless_it_is_known() {
    let mut bench = Bench::new();
    bench.file("a.csv", "n,name\n1,one\n2,two\n3,three\n");
    bench.file("other.csv", "n\n1\n2\n3\n4\n5\n");
    let slices = over(Slicing::Rows(2), reading("./a.csv"));
    let (inputs, tasks) = bench.known(slices.clone(), vec![ONE_FILE.to_vec()]);
    assert_eq!(inputs[0].rows, 3);
    assert_eq!(tasks.count(), 2);
    // The state remembers other content, which is used, so the file is not read again.
    let asked = Asked::default();
    let path = bench.home.path().join("./a.csv").display().to_string();
    let store = Store::open(bench.home.path(), None).unwrap();
    store
        .read_source(&path, &SourceOptions::default(), &asked)
        .unwrap();
    let stamp = asked.0.take().remove(0);
    let other = bench
        .known(reading("./other.csv"), vec![ONE_FILE.to_vec()])
        .0;
    let record = FileRecord {
        stamp: FileStamp {
            device: stamp.device,
            inode: stamp.inode,
            size: stamp.size,
            mtime_ns: stamp.mtime_ns,
            ctime_ns: stamp.ctime_ns,
        },
        reading: stamp.reading,
        dataset: other[0].clone(),
    };
    let group = Group {
        at: Timestamp(1),
        files: vec![record],
        ..Group::default()
    };
    bench.journal.append(&group).unwrap();
    // A run keeps the version that it read first, so only the next run asks the state.
    bench.resolver = LocalResolver::new(store);
    let (inputs, tasks) = bench.known(slices, vec![ONE_FILE.to_vec()]);
    assert_eq!(inputs, other);
    assert_eq!(tasks.count(), 3);
}

#[test]
fn one_task_a_row_gets_its_columns() {
    let bench = Bench::new();
    bench.file("a.csv", "n,name\n1,one\n2,two\n");
    let (_, tasks) = bench.known(
        over(Slicing::Row, reading("./a.csv")),
        vec![ONE_FILE.to_vec()],
    );
    let item = |n: i64, name: &str| {
        Value::Map(vec![
            ("n".to_owned(), Value::Int(n)),
            ("name".to_owned(), Value::String(name.to_owned())),
        ])
    };
    assert_eq!(tasks, Tasks::Items(vec![item(1, "one"), item(2, "two")]));
}

#[test]
fn what_tasks_gave_is_one_dataset_in_task_order() {
    let bench = Bench::new();
    bench.file("a.csv", "n\n1\n2\n");
    bench.file("b.csv", "n\n3\n");
    bench.file("all.csv", "n\n1\n2\n3\n");
    let read = |path| {
        bench
            .known(reading(path), vec![ONE_FILE.to_vec()])
            .0
            .remove(0)
    };
    let (a, b, all) = (read("./a.csv"), read("./b.csv"), read("./all.csv"));
    let gathering = stage("it").reads("x", "before");
    let (inputs, tasks) = bench.known(
        over(Slicing::Parts, gathering.clone()),
        vec![vec![Some(vec![a.clone(), b.clone()].into())]],
    );
    assert_eq!(inputs[0].content, all.content, "however it is cut");
    assert_eq!(tasks.count(), 2);
    let (turned, _) = bench.known(gathering, vec![vec![Some(vec![b, a].into())]]);
    assert_ne!(turned[0].content, all.content);
}

#[test]
fn columns_are_picked_from_files_and_from_datasets_alike() {
    let bench = Bench::new();
    bench.file("a.csv", "n,name\n1,one\n");
    let whole = bench.known(reading("./a.csv"), vec![ONE_FILE.to_vec()]).0;
    let mut from_file = reading("./a.csv");
    from_file.inputs["x"].columns = vec!["name".to_owned()];
    let mut from_port = stage("it").reads("x", "before");
    from_port.inputs["x"].columns = vec!["name".to_owned()];
    let by_file = bench.known(from_file, vec![ONE_FILE.to_vec()]).0;
    let by_port = bench.known(from_port, vec![vec![Some(whole.into())]]).0;
    assert_eq!(by_file[0].content, by_port[0].content);
}

#[test]
fn a_file_as_it_is_is_a_blob() {
    let bench = Bench::new();
    bench.file("notes.txt", "as it is");
    let mut whole = reading("./notes.txt");
    whole.inputs["x"].form = Form::File;
    let (inputs, _) = bench.known(whole, vec![ONE_FILE.to_vec()]);
    assert_eq!(inputs[0].kind, DatasetKind::File);
    assert_eq!(inputs[0].bytes(), 8);
}

#[test]
fn one_task_of_a_scatter_gives_a_folder_and_a_lone_task_a_file() {
    let bench = Bench::new();
    bench.file("notes.txt", "as it is");
    let mut whole = reading("./notes.txt");
    whole.inputs["x"].form = Form::File;
    let file = bench.known(whole, vec![ONE_FILE.to_vec()]).0.remove(0);
    let input = |before: Stage| {
        let upstream = vec![vec![Some(vec![file.clone()].into())]];
        let mut reader = stage("it").reads("x", "before");
        reader.inputs["x"].form = Form::File;
        let resolution = bench.resolve_after(before, reader, upstream);
        resolution.answer.unwrap().0.remove(0)
    };
    assert_eq!(input(stage("before")), file);
    let folder = input(stage("before").range(1));
    assert_eq!(folder.kind, DatasetKind::Files);
    assert_eq!(folder.parts, file.parts);
    assert_ne!(folder.content, file.content);
}

#[test]
fn an_empty_scatter_gives_no_rows_of_the_declared_columns() {
    let bench = Bench::new();
    let mut before = stage("before").range(0);
    before.outputs["out"].schema = Some(vec![ColumnSpec {
        name: "n".to_owned(),
        column_type: ColumnType("int64".to_owned()),
        doc: String::new(),
    }]);
    let nothing = vec![vec![Some(FromTasks::default())]];
    let resolution = bench.resolve_after(before, stage("it").reads("x", "before"), nothing);
    let (inputs, _) = resolution.answer.unwrap();
    assert_eq!((inputs[0].rows, inputs[0].parts.len()), (0, 1));
    let undeclared = bench.refused(
        stage("it").reads("x", "before"),
        vec![vec![Some(FromTasks::default())]],
    );
    assert!(undeclared.message.contains("schema:"), "{undeclared:?}");
}

#[test]
fn what_cannot_be_read_is_told_with_its_port_and_path() {
    let bench = Bench::new();
    let missing = bench.refused(reading("./gone.csv"), vec![ONE_FILE.to_vec()]);
    assert_eq!(missing.kind, FailureKind::Input);
    for word in ["input `x`", "gone.csv"] {
        assert!(missing.message.contains(word), "{missing:?}");
    }
    bench.file("odd.xyz", "what is this");
    let odd = bench.refused(reading("./odd.xyz"), vec![ONE_FILE.to_vec()]);
    assert!(odd.message.contains("odd.xyz"), "{odd:?}");
}
