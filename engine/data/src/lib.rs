//! The hand-off: datasets as Arrow IPC parts in a store that is addressed by content.
//!
//! Here bytes become tables and tables become bytes: writing with both digests in one pass, reading
//! by memory map without a copy, conversions from and to what users bring, joining for commands,
//! parts to and from an object store, and keeping all of it within a size. This room decides
//! nothing: what is to be read or written, and when, is said by those above.
//!
//! The API is synchronous and may be called from any plain thread, but not from inside an async
//! runtime: a store with a remote waits on a runtime of its own. Read [`Store`] first.

mod adopt;
mod behind;
mod beside;
mod blob;
pub mod content;
mod derived;
mod encode;
pub mod error;
mod export;
mod folder;
mod foreign;
mod gather;
mod incoming;
mod items;
mod linked;
pub mod maintain;
pub mod materialise;
pub mod memory;
mod mend;
mod named;
mod nearest;
pub mod netcdf;
pub mod part;
mod patience;
pub mod reader;
mod record;
mod remote;
mod reserve;
pub mod results;
pub mod source;
mod staged;
pub mod store;
mod trust;
pub mod view;
pub mod writer;
mod written;

pub use content::{ContentHasher, content_digest};
pub use encode::suffix as table_suffix;
pub use error::{DataError, io_blame, io_remedy};
pub use folder::path_digest;
pub use maintain::{DamagedPart, PruneOptions, Pruned, StoredPart, Usage};
pub use materialise::Wanted;
pub use memory::{FileMemory, FileStamp, NoMemory};
pub use mend::MendedView;
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
