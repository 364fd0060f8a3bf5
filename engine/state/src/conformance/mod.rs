//! The tests that every journal must pass.
//!
//! Each takes an empty [`Site`]. A test panics if the journal violates its contract, and returns an
//! error if the journal refuses what it should accept.

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

/// A place for a state, for one kind of journal.
pub trait Site {
    /// Opens the state as its engine.
    ///
    /// # Errors
    ///
    /// Fails if the journal cannot be opened.
    fn engine(&self) -> Result<Box<dyn Journal>, StateError>;

    /// Opens the state for reading.
    ///
    /// # Errors
    ///
    /// Fails if there is no state.
    fn reader(&self) -> Result<Box<dyn Reader>, StateError>;

    /// Requests that the engine cancel a run, as another process does.
    ///
    /// # Errors
    ///
    /// Fails if the request cannot be written.
    fn request_cancel(&self, run: RunId, at: Timestamp) -> Result<(), StateError>;
}
