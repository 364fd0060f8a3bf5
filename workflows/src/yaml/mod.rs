//! YAML text -> a tree in which every node knows where it stands.

pub(crate) mod scalar;
