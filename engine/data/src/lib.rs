//! Being built.

pub mod netcdf;
