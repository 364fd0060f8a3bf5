//! Private views: datasets as files and folders that belong to one task.
//!
//! Nothing that a task does to its view changes the store. Each file is a clone that shares blocks
//! until one side writes (`FICLONE`), if the file system supports that. Otherwise a small file is
//! copied, and a larger one is a hard link whose bytes are compared after the attempt (see
//! `linked`).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::ioctl_ficlone;
use sunward_core::{Dataset, DatasetKind, Digest, PartRef};
use sunward_files::private;
use sunward_workflows::Form;

use crate::blob::file_dataset;
use crate::encode;
use crate::error::DataError;
use crate::folder;
use crate::incoming::Incoming;
use crate::linked::Link;
use crate::materialise::{Wanted, create_parents, one_part, only_part, table_key};
use crate::mode;
use crate::store::Store;

/// Files up to this size are copied if they cannot be cloned. A copy takes less than a tenth of the
/// time that starting a process takes, and needs no comparison afterwards.
const COPY_AT_MOST: u64 = 1 << 20;

/// What a task sees of a dataset. It is prepared once for all tasks that see the same.
#[derive(Clone, Debug)]
pub struct View {
    source: Source,
    suffix: Option<String>,
    /// The paths of the members of a folder, in order.
    members: Vec<String>,
    /// The name of a file or folder that has one of its own. It is then in a folder with the name of
    /// the port.
    name: Option<String>,
}

#[derive(Clone, Debug)]
enum Source {
    /// One file: a part of the store.
    Part(PartRef),
    /// One file: a part of the store, with an executable bit that may differ from the part's mode.
    File { part: PartRef, executable: bool },
    /// One file: a table in another form.
    Converted(Box<Converted>),
    /// A folder of a dataset's files.
    Files(Vec<PartRef>),
    /// A folder that a task wrote.
    Folder(PartRef),
    /// A folder of folders that tasks wrote.
    Folders(Vec<PartRef>),
}

/// A table in another form than the store's.
#[derive(Clone, Debug)]
struct Converted {
    dataset: Dataset,
    wanted: Wanted,
    /// The part that holds it; `None` if only one task will see it, so that it is not kept.
    kept: Option<PartRef>,
}

/// The views of one attempt. When it is dropped, linked files are compared and the links are
/// removed.
#[derive(Debug)]
pub struct Views {
    store: Store,
    links: Vec<Link>,
    compared: bool,
}

/// An input file whose bytes in the store changed during the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedInput {
    /// The path in the view.
    pub path: PathBuf,
}

impl Store {
    /// Prepares a task's view of a dataset in the requested form. A converted table is stored as a
    /// part, so that it is converted once. With `once`, it is written for each task instead.
    ///
    /// # Errors
    ///
    /// Fails if a part is missing or damaged, or the form cannot hold the table.
    pub fn view(&self, dataset: &Dataset, wanted: &Wanted, once: bool) -> Result<View, DataError> {
        self.fetch(dataset)?;
        let source = match dataset.kind {
            DatasetKind::Table => return self.view_of_table(dataset, wanted, once),
            DatasetKind::File => Source::Part(*only_part(dataset)?),
            DatasetKind::Files => Source::Files(dataset.parts.clone()),
            DatasetKind::Dir => Source::Folder(*only_part(dataset)?),
            DatasetKind::Dirs => Source::Folders(dataset.parts.clone()),
        };
        let is_several = matches!(source, Source::Files(_) | Source::Folders(_));
        let own_name = || dataset.files.as_ref()?.names.first().cloned();
        Ok(View {
            source,
            suffix: None,
            members: match is_several {
                true => dataset.member_paths(None),
                false => Vec::new(),
            },
            name: if is_several { None } else { own_name() },
        })
    }

    /// Prepares a task's view of the parts of a table: a folder of Arrow files.
    ///
    /// # Errors
    ///
    /// Fails if a part is missing.
    pub fn view_of_parts(&self, dataset: &Dataset) -> Result<View, DataError> {
        self.fetch(dataset)?;
        Ok(View {
            source: Source::Files(dataset.parts.clone()),
            suffix: None,
            members: dataset.member_paths(Some(encode::suffix(Form::Arrow))),
            name: None,
        })
    }

    fn view_of_table(
        &self,
        dataset: &Dataset,
        wanted: &Wanted,
        once: bool,
    ) -> Result<View, DataError> {
        let source = if let Some(part) = one_part(dataset, wanted) {
            Source::Part(part)
        } else {
            // The table is converted now, so that a failure is reported before any task starts.
            let keep = || self.keep_converted(dataset, wanted);
            let kept = (!once).then(keep).transpose()?;
            Source::Converted(Box::new(Converted {
                dataset: dataset.clone(),
                wanted: wanted.clone(),
                kept,
            }))
        };
        Ok(View {
            source,
            suffix: Some(encode::suffix(wanted.form).to_owned()),
            members: Vec::new(),
            name: None,
        })
    }

    /// Converts a table to a part that stays on this host, unless such a part exists.
    fn keep_converted(&self, dataset: &Dataset, wanted: &Wanted) -> Result<PartRef, DataError> {
        let key = table_key("converted table", dataset, wanted, wanted.rows.as_ref());
        if let Some(known) = self.recall(&key)
            && let [part] = known.parts[..]
        {
            return Ok(part);
        }
        let incoming = Incoming::create(&self.incoming_folder())?;
        self.write_wanted(dataset, wanted, incoming.handle()?, incoming.path())?;
        let part = self.on_this_host().keep(incoming)?;
        self.remember(&key, &file_dataset(part));
        Ok(part)
    }

    /// Empty views for one attempt.
    #[must_use]
    pub fn views(&self) -> Views {
        Views {
            store: self.clone(),
            links: Vec::new(),
            compared: true,
        }
    }
}

impl View {
    /// A part as a file.
    pub(crate) const fn of_file(part: PartRef, executable: bool) -> Self {
        Self {
            source: Source::File { part, executable },
            suffix: None,
            members: Vec::new(),
            name: None,
        }
    }

    /// A stored folder.
    pub(crate) const fn of_folder(manifest: PartRef) -> Self {
        Self {
            source: Source::Folder(manifest),
            suffix: None,
            members: Vec::new(),
            name: None,
        }
    }

    /// The suffix of the file, or of the files in the folder, without the dot.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }

    /// The path of the view of an input below the folder of inputs: the name of the port, with the
    /// suffix if the view is a table's file. What has a name of its own is in a folder with the name
    /// of the port.
    #[must_use]
    pub fn path(&self, port: &str) -> String {
        if let Some(name) = &self.name {
            return format!("{port}/{name}");
        }
        match (&self.source, &self.suffix) {
            (Source::Part(_) | Source::Converted(_), Some(suffix)) => format!("{port}.{suffix}"),
            _ => port.to_owned(),
        }
    }

    /// Whether the view is a single part of the store, unchanged.
    #[must_use]
    pub fn is_one_part_of(&self, dataset: &Dataset) -> bool {
        matches!((&self.source, dataset.parts.as_slice()), (Source::Part(part), [only]) if part == only)
    }

    /// The paths of the members of the folder, in order. Empty if the view is a file or the folder of
    /// a single task.
    #[must_use]
    pub fn members(&self) -> &[String] {
        &self.members
    }
}

impl Views {
    /// Creates a view at `target`. The path must not exist, but its parent folder must.
    ///
    /// # Errors
    ///
    /// Fails if a part is missing or damaged, or the disk fails.
    pub fn place(&mut self, view: &View, target: &Path) -> Result<(), DataError> {
        match &view.source {
            Source::Part(part) => self.place_part(part, target),
            Source::File { part, executable } => {
                self.store.fetch_part(part)?;
                self.place_file(&part.digest, target, Some(*executable))
            }
            Source::Converted(converted) => self.place_converted(converted, target),
            Source::Files(parts) => {
                private::create_folder(target).map_err(DataError::io("create folder", target))?;
                for (part, member) in parts.iter().zip(&view.members) {
                    let path = target.join(member);
                    create_parents(target, &path)?;
                    self.place_part(part, &path)?;
                }
                Ok(())
            }
            Source::Folder(manifest) => self.place_folder(manifest, target),
            Source::Folders(manifests) => {
                private::create_folder(target).map_err(DataError::io("create folder", target))?;
                for (manifest, member) in manifests.iter().zip(&view.members) {
                    let path = target.join(member);
                    create_parents(target, &path)?;
                    self.place_folder(manifest, &path)?;
                }
                Ok(())
            }
        }
    }

    /// Compares linked files with their parts. Changed parts are deleted from the store, so that
    /// they are fetched or made again.
    ///
    /// # Errors
    ///
    /// Returns the first file that changed.
    pub fn compare(&mut self) -> Result<(), ChangedInput> {
        self.compared = true;
        let mut first = Ok(());
        for link in &self.links {
            if !self.store.linked().is_whole(link) && first.is_ok() {
                first = Err(ChangedInput {
                    path: link.name.clone(),
                });
            }
        }
        first
    }

    fn place_folder(&mut self, manifest: &PartRef, target: &Path) -> Result<(), DataError> {
        let store = self.store.clone();
        folder::unpack_private(&store, manifest, target, &mut |member, path, executable| {
            member.place_with(path, executable, |part| {
                self.place_file(&part.digest, path, Some(executable))
            })
        })
    }

    fn place_converted(&mut self, converted: &Converted, target: &Path) -> Result<(), DataError> {
        let Converted {
            dataset,
            wanted,
            kept,
        } = converted;
        let Some(kept) = kept else {
            let file = File::create_new(target).map_err(DataError::io("create", target))?;
            self.store.write_wanted(dataset, wanted, file, target)?;
            return set_mode(target, false);
        };
        // The part may be gone: a task changed it, or the cache was pruned.
        let part = match self.store.has_part(kept) {
            true => *kept,
            false => self.store.keep_converted(dataset, wanted)?,
        };
        self.place_part(&part, target)
    }

    fn place_part(&mut self, part: &PartRef, target: &Path) -> Result<(), DataError> {
        self.store.fetch_part(part)?;
        self.place_file(&part.digest, target, None)
    }

    /// `executable` is `None` if the file is to be executable as the part is: an executable that a
    /// task wrote as a file stays executable for its readers.
    fn place_file(
        &mut self,
        digest: &Digest,
        target: &Path,
        executable: Option<bool>,
    ) -> Result<(), DataError> {
        let part = self.store.part_path(digest);
        let found = fs::metadata(&part).map_err(DataError::io("read", &part))?;
        let is_program = mode::is_executable(&found);
        let executable = executable.unwrap_or(is_program);
        if found.len() > COPY_AT_MOST {
            if self.clone_file(&part, target)? {
                return set_mode(target, executable);
            }
            let (linked, incoming) = (self.store.linked(), self.store.incoming_folder());
            // A link shares the mode of the part, so it is used only if the modes agree.
            if is_program == executable
                && linked.may_link(digest)
                && let Ok(link) = linked.link(&part, *digest, target, &incoming)
            {
                self.compared = false;
                self.links.push(link);
                return Ok(());
            }
        }
        fs::copy(&part, target).map_err(DataError::io("copy to", target))?;
        set_mode(target, executable)
    }

    /// Clones a file if the file system supports that, which the first call finds out.
    fn clone_file(&self, part: &Path, target: &Path) -> Result<bool, DataError> {
        let can_clone = self.store.can_clone();
        if can_clone.get() == Some(&false) {
            return Ok(false);
        }
        let source = File::open(part).map_err(DataError::io("open", part))?;
        let file = File::create_new(target).map_err(DataError::io("create", target))?;
        let cloned = ioctl_ficlone(&file, &source).is_ok();
        can_clone.get_or_init(|| cloned);
        if !cloned {
            fs::remove_file(target).map_err(DataError::io("delete", target))?;
        }
        Ok(cloned)
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        if !self.compared && self.compare().is_err() {
            tracing::warn!("a task that did not succeed changed its input; the part is made again");
        }
        for link in &self.links {
            self.store.linked().release(link);
        }
    }
}

fn set_mode(path: &Path, executable: bool) -> Result<(), DataError> {
    let mode = if executable { 0o555 } else { 0o444 };
    match fs::set_permissions(path, fs::Permissions::from_mode(mode)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DataError::io("protect", path)(error))
        }
        _ => Ok(()),
    }
}
