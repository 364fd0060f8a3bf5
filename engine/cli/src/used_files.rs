//! Reads the files of stages that a workflow uses, and what they name.

use std::fs;
use std::path::{Path, PathBuf};

use sunward_files::read_regular;
use sunward_workflows::{Around, Facts, Mentioned, UsedFile, mentioned_in};

use crate::workflow_file::{LARGEST_BYTES, unread};

/// The most files that are read. A workflow with more is refused when it is checked.
const MOST: usize = 4000;

/// Reads every file that a workflow uses, and the files in those. Their texts are added to `facts`.
/// Returns what each of them names, the workflow first.
pub(crate) fn read_all(path: &Path, shown: &str, text: &str, facts: &mut Facts) -> Vec<Mentioned> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let shown_folder = Path::new(shown).parent().unwrap_or_else(|| Path::new(""));
    facts.identity = identity(path);
    let mut reader = Reader {
        folder,
        shown_folder,
        facts,
        all: Vec::new(),
    };
    let mut around = vec![reader.facts.identity.clone()];
    reader.visit(text, &Around::default(), &mut around);
    reader.all
}

struct Reader<'r> {
    /// The workflow's folder.
    folder: &'r Path,
    /// The workflow's folder as the user gave it.
    shown_folder: &'r Path,
    facts: &'r mut Facts,
    all: Vec<Mentioned>,
}

impl Reader<'_> {
    /// Reads what one file names, and the files that it uses. `around` has the identities of the files
    /// around it, and its own.
    fn visit(&mut self, text: &str, here: &Around, around: &mut Vec<String>) {
        let found = mentioned_in(text, here);
        let uses = found.uses.clone();
        self.all.push(found);
        for (file, inner) in uses {
            let used = match self.facts.used.get(&file) {
                Some(used) => used.clone(),
                None => self.read(&file),
            };
            // The check tells that a file uses itself.
            if let Ok(text) = &used.text
                && !around.contains(&used.identity)
                && self.all.len() < MOST
            {
                around.push(used.identity.clone());
                self.visit(text, &inner, around);
                around.pop();
            }
            self.facts.used.insert(file, used);
        }
    }

    fn read(&self, file: &str) -> UsedFile {
        let path = self.folder.join(file);
        let file = file.strip_prefix("./").unwrap_or(file);
        let shown: PathBuf = self.shown_folder.join(file).components().collect();
        UsedFile {
            shown: sunward_files::shown(&shown),
            identity: identity(&path),
            text: text_of(&path),
        }
    }
}

/// The same for all paths of one file.
fn identity(path: &Path) -> String {
    let whole = fs::canonicalize(path);
    let whole = whole.unwrap_or_else(|_| path.to_owned());
    sunward_files::as_value(&whole)
}

fn text_of(path: &Path) -> Result<String, String> {
    let meta = fs::metadata(path).map_err(unread)?;
    if meta.is_dir() {
        return Err("it is a folder; name the file in it, such as workflow.yaml".to_owned());
    }
    let bytes = read_regular(path, LARGEST_BYTES).map_err(unread)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("byte {at} is not UTF-8")
    })
}
