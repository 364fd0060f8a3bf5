//! Records in a home's database that were changed from outside: the next run says so, computes what
//! they described again, and never uses them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use rusqlite::Connection;
use scene::Scene;

/// Two results of tasks with equal outputs' shape, from two files that are read as inputs, staged,
/// and named by a param. All of them are in the database's records.
const WORKFLOW: &str = r#"name: w
params:
  named: { type: path, default: ./named.txt }
  other: { type: path, default: ./other.txt }
stages:
  one:
    inputs: { i: ./one.txt }
    files: [./staged_one.sh]
    run: cat ${{ inputs.i }} > ${{ outputs.o }}; head -qn 1 ${{ params.named }} >> ${{ outputs.o }}; sh ./staged_one.sh >> ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  two:
    inputs: { i: ./two.txt }
    files: [./staged_two.sh]
    run: cat ${{ inputs.i }} > ${{ outputs.o }}; head -qn 1 ${{ params.other }} >> ${{ outputs.o }}; sh ./staged_two.sh >> ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  table:
    inputs: { i: { from: ./one.csv, as: csv }, j: { from: ./two.csv, as: csv } }
    run: cat ${{ inputs.i }} ${{ inputs.j }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  items:
    scatter: { range: 9 }
    run: echo ${{ item }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
outputs: { one: one.o, two: two.o, table: table.o, items: items.o }
"#;

/// Pairs of files of equal size. Staged and named ones are so large that their digests are recorded.
fn scene() -> Scene {
    let scene = Scene::with(WORKFLOW);
    scene.file("one.txt", "one\n");
    scene.file("two.txt", "two\n");
    let padding = format!("# {}\n", "-".repeat(2 << 20));
    for (name, text) in [
        ("named.txt", "named\n"),
        ("other.txt", "other\n"),
        ("staged_one.sh", "echo 1\n"),
        ("staged_two.sh", "echo 2\n"),
    ] {
        scene.file(name, format!("{text}{padding}"));
    }
    scene.file("one.csv", "n\n1\n");
    scene.file("two.csv", "n\n2\n");
    scene
}

fn outputs(scene: &Scene, out: &str) -> Vec<String> {
    let mut all: Vec<String> = ["one.txt", "two.txt", "table.txt"]
        .iter()
        .map(|name| scene.text(&format!("{out}/{name}")))
        .collect();
    let items = scene.path().join(out).join("items");
    let mut files: Vec<_> = items.read_dir().unwrap().flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    all.extend(
        files
            .iter()
            .map(|file| std::fs::read_to_string(file.path()).unwrap()),
    );
    all
}

/// Gives each row of a table the changed blobs of the table.
fn change(home: &Scene, table: &str, column: &str, harm: impl Fn(&mut Vec<Vec<u8>>)) {
    let path = home.path().join(".sunward/state.db");
    let mut database = Connection::open(path).unwrap();
    let changing = database.transaction().unwrap();
    // `files` has no row numbers; its primary key is in this order.
    let key = match table {
        "files" => "device, inode, reading",
        _ => "id",
    };
    let rows: Vec<(String, Vec<u8>)> = changing
        .prepare(&format!(
            "SELECT concat_ws('|', {}), {column} FROM {table} ORDER BY {key}",
            key.replace("reading", "hex(reading)")
        ))
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(rows.len() >= 2, "{table}: {}", rows.len());
    let (keys, mut blobs): (Vec<String>, Vec<Vec<u8>>) = rows.into_iter().unzip();
    harm(&mut blobs);
    for (of, blob) in keys.iter().zip(&blobs) {
        let changed = changing
            .execute(
                &format!(
                    "UPDATE {table} SET {column} = ?2 WHERE concat_ws('|', {}) = ?1",
                    key.replace("reading", "hex(reading)")
                ),
                rusqlite::params![of, blob],
            )
            .unwrap();
        assert_eq!(changed, 1);
    }
    changing.commit().unwrap();
}

type Harm = fn(&mut Vec<Vec<u8>>);

const HARMS: [(&str, Harm); 7] = [
    ("swapped", |all| all.rotate_left(1)),
    ("first byte flipped", |all| {
        all.iter_mut().for_each(|blob| blob[0] ^= 1);
    }),
    ("middle flipped", |all| {
        for blob in all {
            let at = blob.len() / 2;
            blob[at] ^= 1;
        }
    }),
    ("last byte flipped", |all| {
        for blob in all {
            *blob.last_mut().unwrap() ^= 0x80;
        }
    }),
    ("cut", |all| {
        for blob in all {
            blob.truncate(blob.len() / 2);
        }
    }),
    ("emptied", |all| all.iter_mut().for_each(Vec::clear)),
    ("all like the first", |all| {
        let first = all[0].clone();
        all.iter_mut().for_each(|blob| blob.clone_from(&first));
    }),
];

/// A home with records of results and of files. Files that were just written are not recorded, since
/// they may still change, so it runs until they are.
fn recorded() -> Scene {
    let scene = scene();
    let records = || -> i64 {
        let database = Connection::open(scene.path().join(".sunward/state.db")).unwrap();
        let count = "SELECT count(*) FROM files";
        database.query_row(count, [], |row| row.get(0)).unwrap()
    };
    for _ in 0..600 {
        scene.run(&["--fresh", "--out", "first"]).expect(0);
        if records() >= 8 {
            return scene;
        }
    }
    panic!("{} records of files", records());
}

#[test]
fn changed_records_are_told_and_what_they_described_is_made_again() {
    let scene = recorded();
    for (table, column) in [("results", "manifest"), ("files", "dataset")] {
        for (what, harm) in HARMS {
            let what = format!("{table} {what}");
            change(&scene, table, column, harm);
            let told = scene.run(&["--fresh", "--out", "second"]);
            assert_eq!(told.code, 0, "{what}: {told:?}");
            let words = "are damaged and are not used";
            assert!(told.err.contains(words), "{what}: {told:?}");
            assert_eq!(
                outputs(&scene, "second"),
                outputs(&scene, "first"),
                "{what}"
            );
            if table == "results" {
                assert_eq!(told.err.matches(words).count(), 1, "{what}: {told:?}");
                let json = told.json();
                let ran = json["stages"]["items"]["ran"].as_u64().unwrap();
                // One record may still be right.
                assert!(ran >= 8, "{what}: {json}");
            }
            // What was made again is recorded again.
            let third = scene.run(&["--fresh", "--out", "third"]).expect(0);
            assert!(!third.err.contains(words), "{what}: {third:?}");
            assert_eq!(third.json()["stages"]["items"]["cached"], 9, "{what}");
            assert_eq!(outputs(&scene, "third"), outputs(&scene, "first"), "{what}");
        }
    }
}

/// A run whose journal was changed is not continued from what the journal says.
#[test]
fn a_changed_journal_is_told_with_its_place() {
    for (what, harm) in HARMS {
        let scene = Scene::with(&WORKFLOW.replace("range: 9", "range: 2"));
        for (name, text) in [("one.txt", "one\n"), ("two.txt", "two\n")] {
            scene.file(name, text);
        }
        scene.file("named.txt", "named\n");
        scene.file("other.txt", "other\n");
        scene.file("staged_one.sh", "touch \"$HERE/started\"; sleep 600\n");
        scene.file("staged_two.sh", "echo 2\n");
        scene.file("one.csv", "n\n1\n");
        scene.file("two.csv", "n\n2\n");
        let here = scene.path().display().to_string();
        let workflow = scene.text("workflow.yaml");
        let with_here = workflow.replacen(
            "files: [./staged_one.sh]",
            &format!("files: [./staged_one.sh]\n    env: {{ HERE: {here:?} }}"),
            1,
        );
        scene.file("workflow.yaml", with_here);
        let mut running = scene.start(&["run", "workflow.yaml"]);
        running.wait_for("started");
        running.signal("KILL");
        drop(running.end());
        let path = scene.path().join(".sunward/state.db");
        let mut database = Connection::open(path).unwrap();
        let changing = database.transaction().unwrap();
        let (positions, mut blobs): (Vec<i64>, Vec<Vec<u8>>) = changing
            .prepare("SELECT position, blob FROM journal ORDER BY position")
            .unwrap()
            .query_map([], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .unwrap()
            .map(Result::unwrap)
            .unzip();
        assert!(positions.len() >= 2, "{positions:?}");
        harm(&mut blobs);
        for (position, blob) in positions.iter().zip(&blobs) {
            changing
                .execute(
                    "UPDATE journal SET blob = ?2 WHERE position = ?1",
                    rusqlite::params![position, blob],
                )
                .unwrap();
        }
        changing.commit().unwrap();
        drop(database);
        let told = scene.run(&[]);
        assert_eq!(told.code, 3, "{what}: {told:?}");
        assert!(
            told.err.contains("state.db is damaged: row "),
            "{what}: {told:?}"
        );
        assert!(told.err.contains("Restore it"), "{what}: {told:?}");
    }
}
