//! Simulations: from files to a setup, and from what was played to what is shown.

pub(crate) mod expectation;
pub(crate) mod inputs;
pub(crate) mod instances;
pub(crate) mod picture;
pub(crate) mod view;
