//! Regridding: weights from one rectilinear grid to another, and their application.

mod apply;
mod bilinear;
mod block;
mod conservative;
mod device;
mod entry;
mod matrix;
mod tile;
mod vectors;
mod weights;

pub(crate) use apply::RegridApply;
pub(crate) use weights::RegridWeights;

/// The key of the schema's metadata that says how weights were made, and from which grid.
const WEIGHTS_KEY: &str = "sunward.weights";
