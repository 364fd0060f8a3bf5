//! Inputs of tasks: paths for commands, tables for kernels.

mod command;
mod cut;
mod kernel;
mod wanted;

pub(crate) use command::{CommandInputs, TaskInputs};
pub(crate) use kernel::KernelInputs;
pub(crate) use wanted::at_hand;
