//! The answers of the verbs. They are made from the state and shown by `render`.

pub(crate) mod carbon;
pub(crate) mod demand;
pub(crate) mod late;
pub(crate) mod made;
pub(crate) mod of_state;
pub(crate) mod outputs;
pub(crate) mod run;
pub(crate) mod summary;
pub(crate) mod waits;

pub(crate) use late::LateView;
pub(crate) use run::{
    LedgerView, Named, OutputView, RejectsView, ReplayView, RunAnswer, RunView, StageCounts,
    StageView,
};
