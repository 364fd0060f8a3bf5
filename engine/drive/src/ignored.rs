//! Tells that records in the state are damaged and were not used.

use sunward_state::Reader;

/// Says once that damaged records were met.
#[derive(Default)]
pub struct IgnoredRecords {
    is_told: bool,
}

impl IgnoredRecords {
    /// What to tell the user, once a damaged record was met.
    pub fn news(&mut self, state: &dyn Reader) -> Option<String> {
        if self.is_told || state.ignored_records() == 0 {
            return None;
        }
        self.is_told = true;
        Some(format!(
            "{}: records of results or files are damaged and are not used; what they recorded is computed or read again. Something other than sunward changed the database, or the disk failed: check the disk",
            sunward_files::shown(state.place())
        ))
    }
}
