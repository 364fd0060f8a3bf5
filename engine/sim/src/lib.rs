//! The other loop: the same brain on virtual time, in worlds of pools, grids and faults.
//!
//! This room must not have a clock, thread or network of its own, nor a scheduler: it answers the
//! brain's orders as a world would, and counts what came of it.
