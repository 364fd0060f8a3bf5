//! Work on devices, in processes of their own: so a kernel that hangs can be killed, and a device's
//! context that it spoils dies with it.
//!
//! Two kinds of stages come here, and the program that does their work is this one again, under a
//! verb that is not in its help. A `cuda` stage is a command like any other ([`cuda`]). The library's
//! kernels are served by a child that keeps its device from task to task: `slot` tells it what to
//! do, `child` is its process, [`serve`] is what it does, and `talk` is what the two say. Starting,
//! watching and ending such a process is `process`, as for any command.

mod child;
mod choice;
pub mod cuda;
mod open;
mod serve;
mod slot;
mod table;
mod talk;

pub use choice::Choice;
pub(crate) use choice::Venue;
pub use open::open;
pub(crate) use open::{VISIBLE, program};
pub use serve::{ServeError, serve};
pub(crate) use slot::DeviceExecutor;

/// The verb under which the program works on a device.
pub const VERB: &str = "device-task";
