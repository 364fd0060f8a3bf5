//! Makes sure that a run reads one version of each file. All stages get what the first one read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sunward_core::{Dataset, DatasetKind, Digest, RunId, RunSpec};
use sunward_data::{
    BucketObject, DataError, FileStamp, NamedFile, Store, path_digest, staged_digest,
};
use sunward_files::pattern::expand;

use crate::files_read::{FilesRead, FoundFile, files_behind, glance};
use crate::path_key::{PathKey, from, key, parent, path_of, start_below};
use crate::view::folder_of;

/// What each pattern matched in a folder.
type Matches = BTreeMap<(PathBuf, String), Vec<String>>;

/// What this engine's runs have read from users' files.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    /// By run and path, as the run names it. Each file has its own lock, so that a second reader waits
    /// for the first one's result.
    read: Mutex<BTreeMap<RunId, Files>>,
    /// What patterns matched, by run, folder and pattern.
    listed: Mutex<BTreeMap<RunId, Matches>>,
    /// Objects of buckets, by run.
    objects: Mutex<BTreeMap<RunId, Objects>>,
    /// Files that cells of tables name.
    named: Mutex<BTreeMap<RunId, BTreeMap<PathKey, NamedFile>>>,
    /// The state of each path when it was read or planned, whichever way it was named. A path has
    /// several states if it was named in several ways, or if it has changed.
    seen: Mutex<BTreeMap<RunId, OfRun>>,
}

/// What a run has read.
#[derive(Debug, Default)]
struct OfRun {
    seen: BTreeMap<PathKey, Vec<Seen>>,
    files: FilesRead,
    /// The last [`glance`] at a path whose digest was compared, so that it is compared only again
    /// when a file in it has another stamp.
    compared: BTreeMap<PathBuf, Digest>,
}

/// The objects of buckets that a run reads.
#[derive(Debug, Default)]
struct Objects {
    /// By the address that names them, and whether their bytes were needed. Each has its own lock, so
    /// that a second reader waits for the first one's result.
    read: BTreeMap<(String, bool), Arc<Mutex<Option<ReadObjects>>>>,
    /// As they were first listed, by their own addresses.
    listed: BTreeMap<String, BucketObject>,
}

/// Objects of a bucket, and what was in each.
#[derive(Clone, Debug)]
pub(crate) struct ReadObjects {
    pub(crate) objects: Vec<BucketObject>,
    pub(crate) datasets: Vec<Dataset>,
}

/// The files of a run, by path.
type Files = BTreeMap<PathKey, Arc<Mutex<Readings>>>;

/// The datasets of one file with the digests of how it was read. There is seldom more than one, so it
/// is a list: a run may read a million files.
type Readings = Vec<(Digest, Dataset)>;

/// How a path is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a Path,
    pub(crate) key: &'a PathKey,
    /// The regular file behind it.
    pub(crate) file: Option<&'a FoundFile>,
    /// The digest of how it is read.
    pub(crate) reading: Digest,
}

/// The state of a path at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    /// The stamp of a file that was read.
    Stamp(FileStamp),
    /// The digest of a folder that was read.
    Folder(Digest),
    /// The digest of a file or folder that is part of the plan's keys, or that a cell of a table
    /// names.
    Staged(Digest),
}

impl Seen {
    fn stands(&self, path: &Path) -> bool {
        match self {
            Self::Stamp(before) => {
                FileStamp::of(path, Digest::default()).is_ok_and(|now| now == *before)
            }
            Self::Folder(before) => path_digest(path).is_ok_and(|now| now == *before),
            Self::Staged(before) => staged_digest(path).is_ok_and(|now| now == *before),
        }
    }
}

impl OfRun {
    /// The states of these paths, of the folders around them and of the files in them, apart from
    /// states that only this reading has recorded: those are not compared with themselves.
    fn related(&self, keys: &BTreeSet<PathKey>) -> BTreeMap<PathKey, Vec<Seen>> {
        let mut related = BTreeMap::new();
        let mut add = |key: &PathKey, seen: &Vec<Seen>| {
            if seen.len() != 1 || !keys.contains(key) {
                related.insert(Arc::clone(key), seen.clone());
            }
        };
        let mut folder: Option<&[u8]> = None;
        let mut start = Vec::new();
        for key in keys {
            let around = std::iter::once(&**key).chain(parents(key));
            // Files of one folder follow each other, and have the same folders around them.
            let is_known = folder.is_some() && folder == parent(key);
            folder = parent(key);
            for place in around.take(if is_known { 1 } else { usize::MAX }) {
                if let Some((key, seen)) = self.seen.get_key_value(place) {
                    add(key, seen);
                }
            }
            start_below(key, &mut start);
            let below = self.seen.range::<[u8], _>(from(&start));
            for (key, seen) in below.take_while(|(key, _)| key.starts_with(&start)) {
                add(key, seen);
            }
        }
        related
    }
}

fn parents(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(parent(key), |key| parent(key))
}

impl Versions {
    /// The dataset of a file that is read in a certain way. If the run has none yet, `read` makes
    /// it now. Afterwards the caller checks with [`Self::stand`] that it is the version that the
    /// run knows.
    pub(crate) fn once(
        &self,
        run: RunId,
        spec: &RunSpec,
        asked: Asked<'_>,
        store: &Store,
        read: impl FnOnce(Option<FileStamp>) -> Result<Dataset, DataError>,
    ) -> Result<Dataset, DataError> {
        let readings = {
            let mut all = lock(&self.read);
            let of_run = all.entry(run).or_default();
            Arc::clone(of_run.entry(Arc::clone(asked.key)).or_default())
        };
        let mut readings = lock(&readings);
        let known = readings.iter().position(|(how, _)| *how == asked.reading);
        if let Some((_, known)) = known.and_then(|at| readings.get(at))
            && store.needs_no_reading(known)?
        {
            return Ok(known.clone());
        }
        let stamp = asked.file.map(FoundFile::stamp);
        let files = match asked.file {
            Some(file) => vec![file.clone()],
            None => files_behind(asked.path),
        };
        let dataset = read(stamp)?;
        let seen = match (stamp, dataset.kind) {
            (Some(stamp), _) => Some(Seen::Stamp(stamp)),
            (None, DatasetKind::Dir) => Some(Seen::Folder(dataset.content)),
            // A change of a remote file cannot be detected.
            (None, _) => None,
        };
        self.same_files(run, spec, asked.key, &files)?;
        if let Some(seen) = seen {
            self.note(run, spec, asked.key, seen);
        }
        let reading = (asked.reading, dataset.clone());
        match known.and_then(|at| readings.get_mut(at)) {
            Some(known) => *known = reading,
            None => {
                readings.reserve_exact(1);
                readings.push(reading);
            }
        }
        Ok(dataset)
    }

    /// The paths that match a pattern, relative to `folder`: what the run found first, or else what is
    /// there now. So all stages of a run read the same files, whatever is added or removed meanwhile.
    pub(crate) fn listed(
        &self,
        run: RunId,
        folder: &Path,
        pattern: &str,
    ) -> Result<Vec<String>, DataError> {
        let mut all = lock(&self.listed);
        let of_run = all.entry(run).or_default();
        let place = (folder.to_owned(), pattern.to_owned());
        if let Some(known) = of_run.get(&place) {
            return Ok(known.clone());
        }
        let found = expand(folder, pattern)
            .map_err(|error| DataError::NoSuch(format!("{pattern}: {error}")))?;
        of_run.insert(place, found.clone());
        Ok(found)
    }

    /// The objects that an address names: those that the run found first, or else those that `list`
    /// finds and `read` reads now.
    pub(crate) fn objects(
        &self,
        run: RunId,
        (address, needs_bytes): (&str, bool),
        list: impl FnOnce() -> Result<Vec<BucketObject>, DataError>,
        read: impl FnOnce(&[BucketObject]) -> Result<Vec<Dataset>, DataError>,
    ) -> Result<ReadObjects, DataError> {
        let place = {
            let mut all = lock(&self.objects);
            let of_run = all.entry(run).or_default();
            let place = of_run.read.entry((address.to_owned(), needs_bytes));
            Arc::clone(place.or_default())
        };
        let mut place = lock(&place);
        if let Some(known) = &*place {
            return Ok(known.clone());
        }
        let objects = list()?;
        {
            let mut all = lock(&self.objects);
            let listed = &mut all.entry(run).or_default().listed;
            for object in &objects {
                let known = listed.entry(object.address.clone());
                if *known.or_insert_with(|| object.clone()) != *object {
                    return Err(object.changed());
                }
            }
        }
        let datasets = read(&objects)?;
        let found = ReadObjects { objects, datasets };
        *place = Some(found.clone());
        Ok(found)
    }

    /// Notes what a pattern matches, unless the run knows it.
    pub(crate) fn know(&self, run: RunId, folder: &Path, pattern: &str, found: &[String]) {
        let mut all = lock(&self.listed);
        let place = (folder.to_owned(), pattern.to_owned());
        let of_run = all.entry(run).or_default();
        of_run.entry(place).or_insert_with(|| found.to_vec());
    }

    /// The file that a cell of a table names: what the run found first, or else what `look` finds
    /// now. For a file that is part of the plan's keys, it is the digest in the plan. As with
    /// [`Self::once`], the caller then calls [`Self::stand`].
    pub(crate) fn named(
        &self,
        run: RunId,
        spec: &RunSpec,
        path: &Path,
        look: impl FnOnce() -> io::Result<NamedFile>,
    ) -> io::Result<NamedFile> {
        let at = key(path);
        let known = |all: &BTreeMap<PathKey, NamedFile>| all.get(&at).copied();
        if let Some(known) = lock(&self.named).get(&run).and_then(known) {
            return Ok(known);
        }
        let planned = self.with_seen(run, spec, |seen| {
            let known = seen.seen.get(&at).into_iter().flatten();
            known.cloned().find_map(|one| match one {
                Seen::Staged(digest) => Some(digest),
                Seen::Stamp(_) | Seen::Folder(_) => None,
            })
        });
        let found = match planned {
            Some(digest) => NamedFile::Digest(digest),
            None => {
                let files = files_behind(path);
                let found = look()?;
                self.same_files(run, spec, &at, &files)
                    .map_err(io::Error::other)?;
                found
            }
        };
        if let NamedFile::Digest(digest) = found {
            self.note(run, spec, &at, Seen::Staged(digest));
        }
        let mut named = lock(&self.named);
        let of_run = named.entry(run).or_default();
        Ok(*of_run.entry(at).or_insert(found))
    }

    /// Checks that these paths, the folders around them and the files in them are unchanged since
    /// the run read or planned them. All three matter, because a run may name one file in several
    /// ways.
    ///
    /// # Errors
    /// Fails on the first path that has changed.
    pub(crate) fn stand(
        &self,
        run: RunId,
        spec: &RunSpec,
        paths: &BTreeSet<PathKey>,
    ) -> Result<(), DataError> {
        let related = self.with_seen(run, spec, |of_run| of_run.related(paths));
        for (key, seen) in related {
            let path = path_of(&key);
            if !self.stands(run, spec, path, &seen) {
                return Err(changed(path));
            }
        }
        Ok(())
    }

    /// Checks that files that are read as `path` have the version that the run has read before,
    /// by whichever path.
    fn same_files(
        &self,
        run: RunId,
        spec: &RunSpec,
        path: &PathKey,
        files: &[FoundFile],
    ) -> Result<(), DataError> {
        let doubtful = self.with_seen(run, spec, |of_run| {
            let doubtful = of_run.files.add(path, files);
            let states = |path: PathKey| {
                let seen = of_run.seen.get(&path).cloned().unwrap_or_default();
                (path, seen)
            };
            doubtful.into_iter().map(states).collect::<Vec<_>>()
        });
        if doubtful.is_empty() {
            return Ok(());
        }
        for (named, seen) in doubtful {
            let named = path_of(&named);
            let now = files_behind(named);
            if seen.is_empty() || !self.stands(run, spec, named, &seen) {
                return Err(changed(named));
            }
            self.with_seen(run, spec, |of_run| of_run.files.confirm(&now));
        }
        let still = self.with_seen(run, spec, |of_run| of_run.files.add(path, files));
        let still = still.first();
        still.map_or(Ok(()), |named| Err(changed(path_of(named))))
    }

    /// Whether a path is as it was in all of these states.
    fn stands(&self, run: RunId, spec: &RunSpec, path: &Path, seen: &[Seen]) -> bool {
        if seen.iter().all(|seen| matches!(seen, Seen::Stamp(_))) {
            return seen.iter().all(|seen| seen.stands(path));
        }
        let now = glance(path);
        let compared = self.with_seen(run, spec, |of_run| of_run.compared.get(path).copied());
        if now.is_some() && now == compared {
            return true;
        }
        let stands = seen.iter().all(|seen| seen.stands(path));
        if let Some(now) = now.filter(|_| stands) {
            self.with_seen(run, spec, |of_run| of_run.compared.insert(path.into(), now));
        }
        stands
    }

    fn note(&self, run: RunId, spec: &RunSpec, path: &PathKey, found: Seen) {
        self.with_seen(run, spec, |of_run| {
            let all = of_run.seen.entry(Arc::clone(path)).or_default();
            if !all.contains(&found) {
                all.reserve_exact(1);
                all.push(found);
            }
        });
    }

    /// Calls `look` with the states of a run's paths. They start with the files of its plan.
    fn with_seen<T>(&self, run: RunId, spec: &RunSpec, look: impl FnOnce(&mut OfRun) -> T) -> T {
        let mut all = lock(&self.seen);
        look(all.entry(run).or_insert_with(|| planned(spec)))
    }
}

/// The files of a plan with their digests, from all stages.
fn planned(spec: &RunSpec) -> OfRun {
    let mut all = OfRun::default();
    for stage in &spec.plan.stages {
        let folder = folder_of(&spec.path, &stage.stage);
        for (text, digest) in stage.staged.named.iter().chain(&stage.staged.files) {
            let path = Path::new(&folder).join(text);
            all.files.add_planned(&path);
            let seen = all.seen.entry(key(&path)).or_default();
            if !seen.contains(&Seen::Staged(*digest)) {
                seen.push(Seen::Staged(*digest));
            }
        }
    }
    all
}

fn changed(path: &Path) -> DataError {
    DataError::NoSuch(format!(
        "{} has changed since this run first read or planned it, and a run reads only one version of \
         a file; run again to read the new version",
        sunward_files::shown(path)
    ))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
