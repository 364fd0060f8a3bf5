//! The list of a folder. From it and its parts, the folder can be restored.
//!
//! ```text
//! sunward folder 3\n
//! [{"digest":"<hex>","bytes":n}, …]\n          the parts that hold the bytes
//! {"path":"a/b","digest":"<hex>","bytes":n,"executable":false,"part":0,"at":0}\n   one line per entry
//! ```
//!
//! Entries are sorted by path. A small file is at offset `at` of a part that holds many files. A
//! larger file is a part of its own, and an empty file is in no part.

use std::fs;
use std::path::{Component, Path};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sunward_core::{Digest, Hasher, PartRef};

use super::walk::stays_inside;
use crate::error::DataError;
use crate::store::Store;

/// The first line of a folder's list. `prune` recognizes by it a blob that refers to other parts.
pub(crate) const HEADER: &[u8] = b"sunward folder 3\n";

/// A stored folder.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) parts: Vec<PartRef>,
    pub(super) entries: Vec<Listed>,
}

/// An entry of a folder's list.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    /// The relative path, with `/` between names.
    pub(super) path: String,
    /// The digest of a file. `None` for an empty folder and for a symbolic link. Other folders have
    /// no entry.
    #[serde(default, with = "hex", skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<Digest>,
    #[serde(default)]
    pub(super) bytes: u64,
    /// Whether the file is executable.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) executable: bool,
    /// The target of a symbolic link, relative to the folder of the link. It is inside the stored
    /// folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    /// The index of the part that holds the bytes. `None` for an empty file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<usize>,
    /// The offset in that part, in bytes. `None` if the part is the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A part, as it is written in a list.
#[derive(Serialize, Deserialize)]
struct Held {
    #[serde(with = "hex")]
    digest: Option<Digest>,
    bytes: u64,
}

/// Serializes digests as hexadecimal text.
mod hex {
    use super::{Deserialize, Deserializer, Digest, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(
        digest: &Option<Digest>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => to.serialize_str(&digest.to_hex()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Digest>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let parse = |text: String| {
            Digest::from_hex(&text).ok_or_else(|| de::Error::custom("it is not a digest"))
        };
        text.map(parse).transpose()
    }
}

impl List {
    /// The digest of the folder's content. It does not depend on how the folder is stored.
    pub(super) fn content(&self) -> Digest {
        let mut hasher = Hasher::new("folder");
        for entry in &self.entries {
            hasher
                .field("path", entry.path.as_bytes())
                .field("executable", &[u8::from(entry.executable)]);
            if let Some(digest) = &entry.digest {
                hasher.field("file", &digest.0);
            }
            if let Some(link) = &entry.link {
                hasher.field("link", link.as_bytes());
            }
        }
        hasher.finish()
    }

    /// The list as it is stored.
    pub(super) fn text(&self) -> Result<Vec<u8>, DataError> {
        let failed = |error: serde_json::Error| DataError::Unsupported(error.to_string());
        let parts = self.parts.iter().map(|part| Held {
            digest: Some(part.digest),
            bytes: part.bytes,
        });
        let mut text = HEADER.to_vec();
        serde_json::to_writer(&mut text, &parts.collect::<Vec<_>>()).map_err(failed)?;
        text.push(b'\n');
        for entry in &self.entries {
            serde_json::to_writer(&mut text, entry).map_err(failed)?;
            text.push(b'\n');
        }
        Ok(text)
    }

    /// Reads a list. It is fetched first if it is missing on this host.
    pub(super) fn read(store: &Store, manifest: &PartRef) -> Result<Self, DataError> {
        let text = bytes(store, manifest)?;
        let damaged = |why| damaged(store, manifest, why);
        let (parts, lines) = parts(&text).map_err(damaged)?;
        let mut entries = Vec::new();
        for line in lines.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()) {
            let entry: Listed =
                serde_json::from_slice(line).map_err(|_| damaged("one of its lines is invalid"))?;
            if !is_inside(&entry) {
                return Err(damaged("it names a path outside the folder"));
            }
            if entry.part.is_some_and(|part| part >= parts.len()) {
                return Err(damaged("it names a part that it does not list"));
            }
            entries.push(entry);
        }
        Ok(Self { parts, entries })
    }
}

/// The parts that a folder's list refers to. The entries are not read.
pub(crate) fn members(store: &Store, manifest: &PartRef) -> Result<Vec<PartRef>, DataError> {
    let text = bytes(store, manifest)?;
    let (parts, _) = parts(&text).map_err(|why| damaged(store, manifest, why))?;
    Ok(parts)
}

fn bytes(store: &Store, manifest: &PartRef) -> Result<Vec<u8>, DataError> {
    store.fetch_part(manifest)?;
    let path = store.part_path(&manifest.digest);
    fs::read(&path).map_err(DataError::io("read", &path))
}

fn damaged(store: &Store, manifest: &PartRef, why: &str) -> DataError {
    DataError::Damaged {
        path: store.part_path(&manifest.digest),
        why: format!("as the list of a folder: {why}"),
    }
}

/// Splits a list into its parts and the lines of its entries.
fn parts(text: &[u8]) -> Result<(Vec<PartRef>, &[u8]), &'static str> {
    let rest = text
        .strip_prefix(HEADER)
        .ok_or("it does not begin with the header")?;
    let mut lines = rest.splitn(2, |byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    let held: Vec<Held> = serde_json::from_slice(line).map_err(|_| "its parts are invalid")?;
    let parts = held.into_iter().map(|held| {
        Some(PartRef {
            digest: held.digest?,
            bytes: held.bytes,
            rows: 0,
        })
    });
    let parts: Option<Vec<PartRef>> = parts.collect();
    let parts = parts.ok_or("a part of it has no digest")?;
    Ok((parts, lines.next().unwrap_or_default()))
}

/// Whether the path of an entry, and the target of its link, are inside the folder.
fn is_inside(entry: &Listed) -> bool {
    let mut parts = Path::new(&entry.path).components();
    let link = entry.link.as_deref();
    !entry.path.is_empty()
        && parts.all(|part| matches!(part, Component::Normal(_)))
        && link.is_none_or(|target| stays_inside(&entry.path, target))
}
