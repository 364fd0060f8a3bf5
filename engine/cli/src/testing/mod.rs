//! Runs the tests of a workflow: each is a run of its own, as a user would start it, with an empty
//! cache and without the user's settings.

mod bench;
mod cells;
mod compare;
mod file;
mod inner;
mod judged;
pub(crate) mod junit;
mod outcome;
mod scratch;
mod snapshot;
mod tables;

pub(crate) use bench::Bench;
pub(crate) use file::{TestFile, is_test_file, tests_of};
pub(crate) use inner::Stop;
pub(crate) use outcome::Outcome;
