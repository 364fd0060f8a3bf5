//! Datasets as Arrow IPC parts in a content-addressed store.
//!
//! This crate turns bytes into tables and tables into bytes. It writes tables and computes both
//! digests in one pass, reads them by memory map without a copy, converts users' formats, joins
//! parts for commands, moves parts to and from an object store, and keeps the store within a size.
//! It makes no decisions: the crates above say what is read or written, and when.
//!
//! The API is synchronous. Any plain thread may call it, but not from within an async runtime: a
//! store with a remote blocks on a runtime of its own. Start with [`Store`].

mod adopt;
mod adopt_files;
mod behind;
mod beside;
mod blob;
pub mod content;
mod derived;
mod encode;
pub mod error;
mod export;
mod file_bytes;
mod file_tables;
mod folder;
mod foreign;
mod gather;
mod grouped;
mod halt;
mod incoming;
mod instants;
mod items;
mod leftover;
mod linked;
pub mod maintain;
pub mod mark;
pub mod materialise;
pub mod memory;
mod mend;
mod mode;
mod named;
mod nearest;
pub mod netcdf;
mod objects;
mod one_text;
pub mod part;
mod patience;
pub mod reader;
mod record;
mod remote;
mod reserve;
pub mod results;
pub mod seal;
mod slices;
mod source;
mod staged;
pub mod store;
mod swap;
mod trust;
pub mod view;
pub mod writer;
mod written;

pub use content::{ContentHasher, content_digest};
pub use encode::{suffix as table_suffix, write_table};
pub use error::{DataError, io_blame, io_remedy};
pub use folder::path_digest;
pub use gather::task_names;
pub use grouped::Grouped;
pub use items::{rows_of_file, value_at};
pub use maintain::{DamagedPart, PruneOptions, Pruned, StoredPart, Usage};
pub use mark::of_others;
pub use materialise::Wanted;
pub use memory::{FileMemory, FileStamp, NoMemory};
pub use mend::MendedView;
pub use objects::BucketObject;
pub use part::Part;
pub use patience::Tell;
pub use reader::{Batches, TableReader};
pub use reserve::give_back as give_back_reserve;
pub use results::ResultIndex;
pub use source::probe::{probe, probe_input, probe_path};
pub use source::{SourceFormat, SourceOptions, local_path, not_fetched};
pub use staged::{NamedFile, copy_tree, remembered_digest, staged_digest};
pub use store::Store;
pub use view::{ChangedInput, View, Views};
pub use writer::TableWriter;
