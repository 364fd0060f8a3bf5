//! The stories that every journal must pass. Each takes a [`Site`] with nothing at it yet.
//!
//! A story panics when the journal breaks its promise and returns an error when the journal refuses
//! something it should do.

mod facts;
mod listing;
mod memory;
pub mod sample;

use sunward_core::{RunId, Timestamp};

pub use facts::{
    a_group_comes_whole_or_not_at_all, a_snapshot_and_its_tail_fold_to_the_same,
    an_acknowledged_group_outlives_its_writer, an_empty_group_changes_nothing,
    facts_of_one_run_are_found_alone, groups_fold_in_the_order_they_were_appended,
    many_runs_in_one_group_keep_their_order,
};
pub use listing::{
    a_reader_sees_what_the_engine_wrote, a_request_to_cancel_reaches_the_engine_once,
    a_second_engine_is_refused, an_archived_run_keeps_its_answers,
    an_archived_run_may_go_on_and_be_archived_again, the_listing_follows_the_facts,
    unfinished_runs_are_found_by_path_and_params,
};
pub use memory::{
    a_changed_file_is_not_recalled, results_are_found_by_key_and_replaced, results_can_be_forgotten,
};

use crate::error::StateError;
use crate::journal::{Journal, Reader};

/// One place where a state may be, for one kind of journal.
pub trait Site {
    /// Opens it as its engine.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    fn engine(&self) -> Result<Box<dyn Journal>, StateError>;

    /// Opens it for looking.
    ///
    /// # Errors
    /// When there is nothing to look at.
    fn reader(&self) -> Result<Box<dyn Reader>, StateError>;

    /// Asks its engine to cancel a run, as another process would.
    ///
    /// # Errors
    /// When the request cannot be written.
    fn request_cancel(&self, run: RunId, at: Timestamp) -> Result<(), StateError>;
}
