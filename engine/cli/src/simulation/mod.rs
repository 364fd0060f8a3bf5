//! Simulations: reads files into a setup, and shows the results.

pub(crate) mod expectation;
pub(crate) mod inputs;
pub(crate) mod instances;
pub(crate) mod picture;
pub(crate) mod schedule;
pub(crate) mod view;
