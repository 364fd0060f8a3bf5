//! Files that a stage's commands get, with the digests that they had when the run was planned.
//!
//! A command sees them as copies in its own folder. A worker compares each copy with the digest
//! here, so that the task's key covers what is read. The same holds for what its environment
//! resolves to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sunward_workflows::Value;

use crate::digest::Digest;

/// The files and folders that a stage's commands get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFiles {
    /// Files in the working folder, by the name under `files:`.
    pub files: BTreeMap<String, Digest>,
    /// Files that values name, by the value's text. The values are parameters of type path, and texts
    /// in choices, lists, items and matrices.
    pub named: BTreeMap<String, Digest>,
    /// Digests of what the stage's environment resolves to, by the name that keys use.
    pub locks: BTreeMap<String, Digest>,
}

impl StagedFiles {
    /// A value as it is used in a key. A text that names a file is replaced by the file's name and
    /// digest. Its folder is left out, because no command sees it.
    #[must_use]
    pub(crate) fn keyed(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match self.named.get(text) {
                Some(digest) => Value::Map(vec![
                    ("file".to_owned(), Value::String(file_name(text).to_owned())),
                    ("digest".to_owned(), Value::String(digest.to_hex())),
                ]),
                None => value.clone(),
            },
            Value::List(list) => Value::List(list.iter().map(|one| self.keyed(one)).collect()),
            Value::Map(map) => {
                let entries = map.iter();
                Value::Map(
                    entries
                        .map(|(name, one)| (name.clone(), self.keyed(one)))
                        .collect(),
                )
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Written(_) => {
                value.clone()
            }
        }
    }
}

/// The keys of a map value that represents a file named by a row of a table.
const ROW_FILE: [&str; 2] = ["sunward:file", "sunward:digest"];

/// The value of a cell that names a file: the cell's text and the file's digest.
#[must_use]
pub fn row_file(text: &str, digest: &Digest) -> Value {
    let [file, held] = ROW_FILE;
    Value::Map(vec![
        (file.to_owned(), Value::String(text.to_owned())),
        (held.to_owned(), Value::String(digest.to_hex())),
    ])
}

/// The text and the digest, if a value represents such a file.
#[must_use]
pub fn as_row_file(value: &Value) -> Option<(&str, Digest)> {
    let Value::Map(map) = value else {
        return None;
    };
    match map.as_slice() {
        [(file, Value::String(text)), (held, Value::String(hex))]
            if [file.as_str(), held.as_str()] == ROW_FILE =>
        {
            Some((text, Digest::from_hex(hex)?))
        }
        _ => None,
    }
}

/// The last part of a path, as a command sees it.
#[must_use]
pub fn file_name(path: &str) -> &str {
    let name = path.trim_end_matches('/').rsplit('/').next();
    match name {
        Some(name) if !matches!(name, "" | "." | "..") => name,
        _ => "file",
    }
}

#[cfg(test)]
mod tests {
    use super::{StagedFiles, file_name};
    use crate::digest::Digest;
    use sunward_workflows::Value;

    #[test]
    fn a_file_counts_by_its_name_and_content_and_not_by_its_folder() {
        let staged = |digest: &[u8]| {
            let named = ["/a/d.txt", "/b/d.txt", "/a/e.txt"];
            let named = named.map(|path| (path.to_owned(), Digest::of(digest)));
            StagedFiles {
                named: named.into_iter().collect(),
                ..StagedFiles::default()
            }
        };
        let text = |text: &str| Value::List(vec![Value::String(text.to_owned())]);
        let one = staged(b"one");
        assert_eq!(one.keyed(&text("/a/d.txt")), one.keyed(&text("/b/d.txt")));
        assert_ne!(one.keyed(&text("/a/d.txt")), one.keyed(&text("/a/e.txt")));
        let two = staged(b"two");
        assert_ne!(one.keyed(&text("/a/d.txt")), two.keyed(&text("/a/d.txt")));
        assert_eq!(one.keyed(&text("/c/d.txt")), text("/c/d.txt"));
    }

    #[test]
    fn the_name_of_a_path_is_its_last_part() {
        for (path, name) in [
            ("/a/b.nc", "b.nc"),
            ("./x/", "x"),
            ("..", "file"),
            ("/", "file"),
        ] {
            assert_eq!(file_name(path), name);
        }
    }
}
