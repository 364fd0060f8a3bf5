//! The core keeps the state of every run and decides what to do next. It is pure and deterministic.
//!
//! It uses no async code, clock, file, network, randomness or hash order: `now` is given with each
//! [`Input`], ids come from counters, and maps are ordered. So a journal replays to the same state,
//! and the simulator and the live loop decide in the same way.
//!
//! A checked workflow becomes a [`Plan`]. `decide` answers each [`Input`] with a [`Step`] of
//! [`Fact`]s (what is now true) and [`Order`]s (what to do). Only `apply` changes the state.
//! Recovery folds facts through `apply` and never decides again. Read [`fact`] first.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that meets the unexpected should stop there"
    )
)]

pub mod advance;
pub mod apply;
pub mod at_home;
pub mod attempt;
pub mod curtailment;
pub mod dataset;
pub mod decide;
pub mod digest;
mod earlier;
pub mod energy;
mod estimate;
pub mod explain;
pub mod fact;
pub mod failure;
pub mod files;
mod follow;
mod from_tasks;
mod groups;
pub mod ids;
pub mod illegal;
pub mod ingredient;
pub mod input;
pub mod key;
pub mod late;
pub mod lease;
pub mod ledger;
mod margin;
pub mod names;
pub mod order;
pub mod place;
pub mod plan;
pub mod planning;
pub mod pool;
pub mod preview;
pub mod ran_on;
mod ranges;
pub mod rejects;
mod results;
pub mod staged;
pub mod state;
mod statuses;
pub mod task;
mod tasks;

pub use advance::advance;
pub use apply::apply;
pub use attempt::AttemptStatus;
pub use curtailment::{Curtailment, Curtailments, Level, Measure};
pub use dataset::{Dataset, DatasetKind, PartRef, TaskResult, Written};
pub use decide::decide;
pub use digest::{Digest, Hasher};
pub use earlier::{EarlierStages, Outline};
pub use energy::Energy;
pub use estimate::{pools_that_may, regions_of, unknown_homes};
pub use explain::{
    Explanation, NamedPool, PlacedSegment, PlacedStage, PlacementAlternative, Reason, WhyRan,
    explain,
};
pub use fact::{Fact, RunStatus, SkipReason, Success, Yielding};
pub use failure::{Blame, Failure, FailureKind};
pub use files::{FileRows, split_names};
pub use from_tasks::{FromTasks, carried_columns};
pub use groups::{FileGroups, Grouping};
pub use ids::{AttemptId, Generation, RunId, StageId, TaskId, Timestamp, WorkerId};
pub use illegal::Illegal;
pub use ingredient::{Ingredient, IngredientValue, diff_ingredients};
pub use input::{Capacity, Input, Outcome, TaskEnd};
pub use key::{TaskKeys, ingredients, task_key};
pub use late::Late;
pub use lease::{Lease, Span};
pub use ledger::{
    Account, Actuals, AttemptRecord, Basis, Budgeted, Carbon, Certainty, Intensities, Ledger,
    Overrun, Quarter, Signal,
};
pub use order::{Order, Step};
pub use plan::{Placing, Plan, PlannedStage, Reads, RunClock, RunSpec, Tasks};
pub use planning::{PlanError, Selection, Surroundings, path_texts, plan};
pub use pool::{Fleet, Pool, PoolId, Standing};
pub use preview::{Gathered, Known, Outlook, StagePreview, preview};
pub use ran_on::RanOn;
pub use rejects::Rejects;
pub use staged::StagedFiles;
pub use state::{RunState, StageEnd, StageView, State, TaskFailure, Times, next_wakeup};
pub use statuses::statuses_for;
pub use task::{Counts, TaskStatus};
