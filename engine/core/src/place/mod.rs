//! Where and when: stage x pool x time.
//!
//! What is known of grids and pools comes in as an [`Outlook`]: the present and the forecast, slot by
//! slot, and how much of each pool is open. Stages that wait are [`Ask`]s. Together with what is
//! already promised ([`Reserved`]) they make a [`Problem`]; a [`Placer`] answers it with a
//! [`Solution`]: one [`Placement`] an ask. [`Sunward`] is ours; the policies of others, for
//! comparison, answer the same question.
//!
//! Everything here is integers (mgCO2e/kWh, mW, ms, ug), so a schedule is the same on every machine.
//! Mathematics: CARBON.md §2, that is, a time-indexed assignment `min sum w_r,t p dt` with release
//! times, deadlines, precedence and capacity, solved by lists and repair rather than exactly.

mod ask;
mod board;
mod choice;
mod demand;
mod divide;
mod floor;
mod graph;
mod memory;
mod node;
mod outlay;
mod outlook;
mod placement;
mod problem;
mod single;
mod solve;
mod sweep;

pub(crate) use demand::Arrivals;

pub use ask::{Ask, AskId, Prefer};
pub use demand::{Demand, Work};
pub use outlook::{Outlook, PoolOutlook, SignalKind, ZoneOutlook};
pub use placement::{Alternative, Placement, Segment, Why};
pub use problem::{Problem, Reserved, Solution, Taken};
pub use solve::{Placer, Sunward};
