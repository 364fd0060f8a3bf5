//! Work on devices, in processes of their own. A kernel that hangs can then be killed, and a device
//! context that it damages ends with its process.
//!
//! Two kinds of stages come here. The program that does their work is this one again, under a verb
//! that its help does not list. A `cuda` stage is a command like any other ([`cuda`]). The
//! library's kernels are served by a child process that keeps its device from task to task:
//! `executor` gives it tasks, `child` is its process, [`serve`] is its loop, and `messages` is the
//! protocol between them. Starting, watching and ending such a process is in `process`, as for any
//! command.

mod child;
mod choice;
pub mod cuda;
mod executor;
mod messages;
mod open;
mod serve;
mod table;

pub use choice::Choice;
pub(crate) use choice::Venue;
pub(crate) use executor::DeviceExecutor;
pub use open::open;
pub(crate) use open::{VISIBLE, program};
pub use serve::{ServeError, serve};

/// The verb under which the program works on a device.
pub const VERB: &str = "device-task";
