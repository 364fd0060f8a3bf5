//! Datasets of files: a row for each file, with its name and what else is known of it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sunward_workflows::{FILE_COLUMNS, NamePattern, Value};

use crate::dataset::{Dataset, DatasetKind, PartRef};
use crate::digest::{Digest, Hasher};

/// What is known of the files (or folders) of a dataset, in the order of its parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileRows {
    /// The name of each: the last part of its path, or what the stage that wrote it calls it.
    pub names: Vec<String>,
    /// The folder in which each was found, as written in the workflow; empty for files that a stage
    /// wrote.
    pub folders: Vec<String>,
    /// Whether the files have no names of their own, as those of a stage without `name:`. Several of
    /// them are told apart by their number.
    pub numbered: bool,
    /// Further columns by name, with a value for each file.
    pub columns: Vec<(String, Vec<Value>)>,
}

impl FileRows {
    /// Files that are told apart by their number, because they have no names of their own.
    #[must_use]
    pub fn unnamed(name: String, count: usize) -> Self {
        Self {
            names: vec![name; count],
            folders: vec![String::new(); count],
            numbered: true,
            columns: Vec::new(),
        }
    }

    /// One file or folder that a stage wrote under a name.
    #[must_use]
    pub fn named(name: String) -> Self {
        Self {
            names: vec![name],
            folders: vec![String::new()],
            ..Self::default()
        }
    }

    /// What is known of one file, as the value of `item`. `kind` is the kind of one: a folder has no
    /// size.
    #[must_use]
    pub fn row(&self, at: usize, part: &PartRef, kind: DatasetKind) -> Value {
        let further = self.columns.iter().map(|(column, _)| column.as_str());
        let columns = FILE_COLUMNS.into_iter().chain(further);
        let cells = columns.map(|column| {
            let value = self.cell(column, at, part, kind).unwrap_or(Value::Null);
            (column.to_owned(), value)
        });
        Value::Map(cells.collect())
    }

    /// One column of [`Self::row`]. `None` if there is no such column.
    pub(crate) fn cell(
        &self,
        column: &str,
        at: usize,
        part: &PartRef,
        kind: DatasetKind,
    ) -> Option<Value> {
        let text = |text: &str| Some(Value::String(text.to_owned()));
        let name = self.names.get(at).map_or("", String::as_str);
        match column {
            "name" => text(name),
            "stem" => text(split(name).0),
            "suffix" => text(split(name).1),
            "folder" => text(self.folders.get(at).map_or("", String::as_str)),
            "bytes" => Some(match kind {
                DatasetKind::File => i64::try_from(part.bytes).map_or(Value::Null, Value::Int),
                _ => Value::Null,
            }),
            "digest" => text(&part.digest.to_hex()),
            _ => {
                let (_, values) = self.columns.iter().find(|(known, _)| known == column)?;
                Some(values.get(at).cloned().unwrap_or(Value::Null))
            }
        }
    }

    /// The rows of several datasets, one after another. A column that one of them lacks is null
    /// there. Beside files with names, those without are called by their number among each other.
    #[must_use]
    pub fn joined(all: &[&Self]) -> Self {
        let numbered = all.iter().all(|rows| rows.numbered);
        let mut joined = Self {
            numbered,
            ..Self::default()
        };
        let mut unnamed = 0;
        for rows in all {
            let before = joined.names.len();
            if rows.numbered && !numbered {
                let names = rows.names.iter().enumerate();
                let names = names.map(|(at, name)| self::numbered(unnamed + at, name));
                joined.names.extend(names);
                unnamed += rows.names.len();
            } else {
                joined.names.extend(rows.names.iter().cloned());
            }
            let after = joined.names.len();
            let folders = (0..after - before).map(|at| rows.folders.get(at).cloned());
            joined
                .folders
                .extend(folders.map(Option::unwrap_or_default));
            for (column, values) in &rows.columns {
                let at = joined.columns.iter().position(|(known, _)| known == column);
                let at = at.unwrap_or_else(|| {
                    joined.columns.push((column.clone(), Vec::new()));
                    joined.columns.len() - 1
                });
                joined.columns[at].1.resize(before, Value::Null);
                joined.columns[at].1.extend(values.iter().cloned());
            }
            for (_, values) in &mut joined.columns {
                values.resize(after, Value::Null);
            }
        }
        joined
    }

    /// The rows of these files.
    fn of(&self, rows: &[usize]) -> Self {
        let texts = |all: &[String]| -> Vec<String> {
            let texts = rows.iter().filter_map(|row| all.get(*row));
            texts.cloned().collect()
        };
        let columns = self.columns.iter().map(|(column, values)| {
            let values = rows.iter().filter_map(|row| values.get(*row));
            (column.clone(), values.cloned().collect())
        });
        Self {
            names: texts(&self.names),
            folders: texts(&self.folders),
            numbered: self.numbered,
            columns: columns.collect(),
        }
    }

    /// The paths of the files in the folder that a task sees: their names, or for files of one name
    /// in several folders, their paths below the innermost folder that holds them all.
    #[must_use]
    pub fn placed(&self) -> Vec<String> {
        self.places().into_owned()
    }

    /// The same, without copies of names that stay as they are.
    fn places(&self) -> Cow<'_, [String]> {
        if self.numbered {
            let names = self.names.iter().enumerate();
            return names.map(|(at, name)| numbered(at, name)).collect();
        }
        if are_distinct(&self.names) {
            return Cow::Borrowed(&self.names);
        }
        let folders: Vec<Vec<&str>> = self.folders.iter().map(|one| steps(one)).collect();
        let shared = shared_steps(&folders);
        let folders = folders
            .iter()
            .map(|steps| &steps[shared.min(steps.len())..]);
        folders
            .zip(&self.names)
            .map(|(steps, name)| {
                let steps = steps.iter().copied().chain([name.as_str()]);
                steps.collect::<Vec<_>>().join("/")
            })
            .collect()
    }

    /// The path of each file as it was found: its folder and its name.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let folders = self.folders.iter().map(String::as_str);
        let folders = folders.chain(std::iter::repeat(""));
        let path = |(name, folder): (&String, &str)| match folder {
            "" => name.clone(),
            folder => format!("{folder}/{name}"),
        };
        self.names.iter().zip(folders).map(path).collect()
    }

    /// Two files that would have the same path in a folder, if there are any.
    #[must_use]
    pub fn collision(&self) -> Option<String> {
        let places = self.places();
        if are_distinct(&places) {
            return None;
        }
        let mut seen = BTreeSet::new();
        places.iter().find(|path| !seen.insert(*path)).cloned()
    }
}

impl Dataset {
    /// Files or folders, in this order, with what is known of each. `one` is the kind of one. The
    /// dataset is a folder of them, however many there are.
    #[must_use]
    pub fn of_files(one: DatasetKind, parts: Vec<PartRef>, files: FileRows) -> Self {
        let mut hasher = Hasher::new("files");
        for (part, path) in parts.iter().zip(files.places().iter()) {
            hasher.field("path", path.as_bytes());
            hasher.field("part", &part.digest.0);
        }
        Self {
            kind: one.gathered(),
            content: hasher.finish(),
            rows: 0,
            parts,
            written: None,
            files: Some(files),
        }
    }

    /// Some of the files, in this order, as a task gets them: a folder, or with `alone` the only file
    /// itself. `None` if they are not files, or there are fewer.
    #[must_use]
    pub fn files_at(&self, rows: &[usize], alone: bool) -> Option<Self> {
        self.files_with(rows, alone, |row| self.parts.get(row).copied())
    }

    /// As [`Self::files_at`], with the contents that `part` gives.
    #[must_use]
    pub fn files_with(
        &self,
        rows: &[usize],
        alone: bool,
        part: impl Fn(usize) -> Option<PartRef>,
    ) -> Option<Self> {
        let parts: Option<Vec<PartRef>> = rows.iter().map(|row| part(*row)).collect();
        let files = self.files.as_ref()?.of(rows);
        let one = self.kind.of_part();
        if !alone {
            return Some(Self::of_files(one, parts?, files));
        }
        let [only] = parts?[..] else {
            return None;
        };
        let content = of_one(files.names.first()?, &only);
        Some(Self {
            kind: one,
            content,
            rows: 0,
            parts: vec![only],
            written: None,
            files: Some(files),
        })
    }

    /// The digest of what [`Self::files_at`] gives for one file by itself.
    pub(crate) fn content_at(&self, row: usize) -> Option<Digest> {
        let name = self.files.as_ref()?.names.get(row)?;
        Some(of_one(name, self.parts.get(row)?))
    }

    /// One column of [`Self::file_row`]. `None` if there is no such column.
    pub(crate) fn file_cell(&self, at: usize, column: &str) -> Option<Value> {
        let (part, files) = (self.parts.get(at)?, self.files.as_ref()?);
        files.cell(column, at, part, self.kind.of_part())
    }

    /// The paths of its files or folders in the folder that a task or a user sees: their own, or
    /// else numbers with the suffix `ext`.
    #[must_use]
    pub fn member_paths(&self, ext: Option<&str>) -> Vec<String> {
        if let Some(files) = &self.files {
            return files.placed();
        }
        let name = |at| match ext {
            Some(ext) => format!("{at:06}.{ext}"),
            None => format!("{at:06}"),
        };
        (0..self.parts.len()).map(name).collect()
    }

    /// What is known of one file, as the value of `item`. `None` for a table.
    #[must_use]
    pub fn file_row(&self, at: usize) -> Option<Value> {
        let (part, files) = (self.parts.get(at)?, self.files.as_ref()?);
        Some(files.row(at, part, self.kind.of_part()))
    }
}

/// The columns of `match:` in these paths: by name, with a value for each path.
///
/// # Errors
/// Returns which name it does not split, and why.
pub fn split_names(source: &str, paths: &[String]) -> Result<Vec<(String, Vec<Value>)>, String> {
    let pattern = NamePattern::parse(source).map_err(|why| format!("`match: {source}`: {why}"))?;
    let mut columns: Vec<(String, Vec<Value>)> = pattern
        .columns()
        .map(|column| (column.to_owned(), Vec::with_capacity(paths.len())))
        .collect();
    for path in paths {
        let texts = pattern
            .split(path)
            .map_err(|why| why.told(&format!("match: {source}"), path))?;
        for ((_, values), text) in columns.iter_mut().zip(texts) {
            values.push(Value::String(text));
        }
    }
    Ok(columns)
}

/// The digest of a file with its name.
fn of_one(name: &str, part: &PartRef) -> Digest {
    Hasher::new("file")
        .field("name", name.as_bytes())
        .field("part", &part.digest.0)
        .finish()
}

/// Whether no two texts are equal. Texts in ascending order, the usual case, are compared once.
fn are_distinct(texts: &[String]) -> bool {
    if texts.is_sorted_by(|one, next| one < next) {
        return true;
    }
    let mut sorted: Vec<&String> = texts.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}

/// The name of a file that is told apart by its number: `000007.nc`.
fn numbered(at: usize, name: &str) -> String {
    match split(name) {
        (_, "") => format!("{at:06}"),
        (_, suffix) => format!("{at:06}.{suffix}"),
    }
}

/// The name of a file without its last suffix, and the suffix without its dot. A name that begins
/// with its only dot has no suffix.
fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once('.') {
        Some((stem, suffix)) if !stem.is_empty() => (stem, suffix),
        _ => (name, ""),
    }
}

/// The steps of a folder's path. Steps upwards are left out, so that no file is placed outside of
/// its folder.
fn steps(folder: &str) -> Vec<&str> {
    let steps = folder.split('/');
    steps
        .filter(|step| !matches!(*step, "" | "." | ".."))
        .collect()
}

/// How many first steps all paths share.
fn shared_steps(paths: &[Vec<&str>]) -> usize {
    let Some(first) = paths.first() else {
        return 0;
    };
    let shares = |at: &usize| paths.iter().all(|path| path.get(*at) == first.get(*at));
    (0..first.len()).take_while(shares).count()
}

#[cfg(test)]
mod tests {
    use sunward_workflows::{FILE_COLUMNS, Value};

    use super::{FileRows, split};
    use crate::dataset::{Dataset, DatasetKind, PartRef};
    use crate::digest::Digest;

    fn rows(files: &[(&str, &str)]) -> FileRows {
        FileRows {
            names: files.iter().map(|(_, name)| (*name).to_owned()).collect(),
            folders: files
                .iter()
                .map(|(folder, _)| (*folder).to_owned())
                .collect(),
            ..FileRows::default()
        }
    }

    fn part(bytes: &[u8]) -> PartRef {
        PartRef {
            digest: Digest::of(bytes),
            bytes: 1,
            rows: 0,
        }
    }

    #[test]
    fn files_keep_their_names_and_their_folders_only_where_two_have_the_same() {
        for (files, placed) in [
            (&[("./a", "x.nc"), ("./b", "y.nc")][..], ["x.nc", "y.nc"]),
            (&[("./a", "x.nc"), ("./b", "x.nc")], ["a/x.nc", "b/x.nc"]),
            (
                &[("/data/m/a", "x.nc"), ("/data/m/b/c", "x.nc")],
                ["a/x.nc", "b/c/x.nc"],
            ),
            (&[("./a", "x.nc"), ("./a/b", "x.nc")], ["x.nc", "b/x.nc"]),
        ] {
            assert_eq!(rows(files).placed(), placed);
            assert_eq!(rows(files).collision(), None);
        }
        let twice = rows(&[("./a", "x.nc"), ("./a", "x.nc")]);
        assert_eq!(twice.collision().as_deref(), Some("x.nc"));
        let mut numbered = rows(&[("", "o.tar.gz"), ("", "o.tar.gz")]);
        numbered.numbered = true;
        assert_eq!(numbered.placed(), ["000000.gz", "000001.gz"]);
    }

    #[test]
    fn a_name_is_its_stem_and_its_suffix() {
        for (name, parts) in [
            ("a.nc", ("a", "nc")),
            ("a.tar.gz", ("a.tar", "gz")),
            ("a", ("a", "")),
            (".hidden", (".hidden", "")),
            ("a.", ("a", "")),
        ] {
            assert_eq!(split(name), parts);
        }
    }

    #[test]
    fn a_file_counts_by_its_name_and_its_bytes_and_not_by_its_neighbors() {
        let kind = DatasetKind::File;
        let of = |files: &[(&str, &str)], parts: &[&[u8]]| {
            let parts = parts.iter().map(|bytes| part(bytes)).collect();
            Dataset::of_files(kind, parts, rows(files))
        };
        let two = of(&[("./a", "x"), ("./a", "y")], &[b"1", b"2"]);
        let three = of(
            &[("./a", "w"), ("./b", "x"), ("./a", "y")],
            &[b"3", b"1", b"2"],
        );
        let one = |dataset: &Dataset, at: usize| dataset.files_at(&[at], true).unwrap();
        assert_eq!(one(&two, 0).content, one(&three, 1).content);
        assert_ne!(one(&two, 0).content, one(&two, 1).content);
        assert_eq!(one(&two, 0).kind, DatasetKind::File);
        assert_ne!(two.content, three.content);
        let both = three.files_at(&[1, 2], false).unwrap();
        assert_eq!(both.content, two.content);
        assert_eq!(both.kind, DatasetKind::Files);
        assert_eq!(two.files_at(&[2], true), None);
        let Some(Value::Map(row)) = three.file_row(1) else {
            panic!("no row");
        };
        let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, FILE_COLUMNS);
        assert_eq!(row[3].1, Value::String("./b".into()));
    }
}
