//! The files that a workflow's pattern matches, unless they are the workflow itself or files of a home.

use std::collections::BTreeMap;
use std::path::Path;

use sunward_files::pattern::expand;
use sunward_state::sqlite::DATABASE;

/// Folders of a home that hold many files.
const OF_HOMES: [&str; 3] = ["/store/", "/runs/", "/scratch/"];

/// The files that a pattern matches, relative to the folder of the workflow at `path`.
///
/// # Errors
/// Returns why they cannot be an input.
pub(crate) fn matched(path: &Path, pattern: &str) -> Result<Vec<String>, String> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let found = expand(folder, pattern).map_err(|why| format!("{pattern}: {why}"))?;
    // The name of a path is compared first, since that is quick.
    let name = path.file_name();
    let is_itself = |file: &String| {
        let file = Path::new(file);
        file.file_name() == name && folder.join(file) == path
    };
    if found.iter().any(is_itself) {
        return Err(format!("{pattern} matches the workflow itself"));
    }
    let mut known = BTreeMap::new();
    match found.iter().find_map(|file| home(folder, file, &mut known)) {
        Some(home) => Err(format!(
            "{pattern} matches files of the home {}, which change with every run",
            sunward_files::shown(Path::new(home))
        )),
        None => Ok(found),
    }
}

/// The home in which a file is, if it is in one. `known` has the folders that were looked at.
fn home<'f>(folder: &Path, file: &'f str, known: &mut BTreeMap<&'f str, bool>) -> Option<&'f str> {
    let inside = OF_HOMES.iter().filter_map(|part| file.split_once(part));
    let inside = inside.map(|(home, _)| home);
    let itself = file.rsplit_once('/').filter(|(_, name)| *name == DATABASE);
    let mut homes = inside.chain(itself.map(|(home, _)| home));
    homes.find(|home| {
        *known.entry(home).or_insert_with(|| {
            let home = folder.join(home);
            home.join(DATABASE).is_file() && home.join("store").is_dir()
        })
    })
}
