//! Packs small files into shared parts. A file name, a sync and an object in a bucket for each
//! small file would cost more than its bytes.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::mem;

use sunward_core::{Digest, PartRef};

use crate::behind::WriteBehind;
use crate::encode::unbuffer;
use crate::error::DataError;
use crate::incoming::Incoming;
use crate::store::{Durable, Store};

/// Files of at most this many bytes are packed.
pub(super) const SMALL_BYTES: u64 = 64 << 10;
/// A part of small files is closed once it has this many bytes.
const PACK_BYTES: u64 = 64 << 20;

/// The location of a file's bytes: the index of the part, and the offset in it. The offset is
/// `None` if the part is the whole file.
pub(super) type Place = (usize, Option<u64>);

/// The parts of one folder.
pub(super) struct Packs<'a> {
    store: &'a Store,
    parts: Vec<PartRef>,
    /// The stored files by digest, so that equal files of a folder are stored once.
    known: BTreeMap<Digest, Place>,
    open: Option<Open>,
}

/// A part of small files that is being written.
struct Open {
    number: usize,
    incoming: Incoming,
    file: BufWriter<WriteBehind>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<'a> Packs<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self {
            store,
            parts: Vec::new(),
            known: BTreeMap::new(),
            open: None,
        }
    }

    /// Adds a file that is a part of its own.
    pub(super) fn add_part(&mut self, part: PartRef) -> Place {
        if let Some(place) = self.known.get(&part.digest) {
            return *place;
        }
        let place = (self.parts.len(), None);
        self.parts.push(part);
        self.known.insert(part.digest, place);
        place
    }

    /// Adds a small file to the open part.
    pub(super) fn add_bytes(&mut self, digest: Digest, bytes: &[u8]) -> Result<Place, DataError> {
        if let Some(place) = self.known.get(&digest) {
            return Ok(*place);
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        let place = (open.number, Some(open.bytes));
        open.file
            .write_all(bytes)
            .map_err(DataError::io("write", open.incoming.path()))?;
        open.hasher.update(bytes);
        open.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        self.known.insert(digest, place);
        if open.bytes >= PACK_BYTES {
            self.close(open)?;
        } else {
            self.open = Some(open);
        }
        Ok(place)
    }

    /// Closes the open part and returns all parts. They are durable, except those that were added
    /// as parts of their own.
    pub(super) fn finish(mut self) -> Result<Vec<PartRef>, DataError> {
        if let Some(open) = self.open.take() {
            self.close(open)?;
        }
        Ok(mem::take(&mut self.parts))
    }

    fn begin(&mut self) -> Result<Open, DataError> {
        let incoming = Incoming::create(&self.store.incoming_folder())?;
        let file = BufWriter::with_capacity(1 << 20, WriteBehind::new(incoming.handle()?));
        // The index is reserved now, because other parts are added while this one is written.
        let number = self.parts.len();
        self.parts.push(PartRef {
            digest: Digest::default(),
            bytes: 0,
            rows: 0,
        });
        Ok(Open {
            number,
            incoming,
            file,
            hasher: blake3::Hasher::new(),
            bytes: 0,
        })
    }

    fn close(&mut self, open: Open) -> Result<(), DataError> {
        let file = unbuffer(open.file, open.incoming.path())?;
        file.sync()
            .map_err(DataError::io("sync", open.incoming.path()))?;
        drop(file);
        let digest = Digest(*open.hasher.finalize().as_bytes());
        if let Some(part) = self.parts.get_mut(open.number) {
            *part = PartRef {
                digest,
                bytes: open.bytes,
                rows: 0,
            };
        }
        self.store.commit_as(open.incoming, &digest, Durable::Now)
    }
}
