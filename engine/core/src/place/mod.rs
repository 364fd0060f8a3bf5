//! Placement: in which pool and at what time each stage runs.
//!
//! An [`Outlook`] has the present and forecast intensity and open capacity of grids and pools, slot
//! by slot. Stages that wait are [`Ask`]s. With the capacity that is already promised
//! ([`Reserved`]) they form a [`Problem`]. A [`Placer`] answers it with a [`Solution`]: one
//! [`Placement`] for each ask. [`Sunward`] is our own placer. The simulator compares it with
//! published policies, which solve the same problems.
//!
//! All arithmetic is on integers (mgCO2e/kWh, mW, ms, ug), because floating-point sums differ
//! between machines and a replay must give the same schedule everywhere.
//!
//! The mathematics is that of CARBON.md §2: a time-indexed assignment `min sum w_r,t p dt` with
//! release times, deadlines, precedence and capacity. It is solved by list scheduling and repair
//! rather than exactly, because an exact solution (MILP) is practical for about 50 tasks only.

mod answer;
mod ask;
mod block_cache;
mod board;
mod capacity;
mod caution;
mod choice;
mod cost_to_go;
mod demand;
mod fault;
mod floor;
mod goals;
mod graph;
mod lane;
mod likely;
mod node;
mod outlook;
mod placement;
mod postconditions;
mod problem;
mod sequence;
mod signals;
mod single;
mod solve;
mod split;
mod sweep;
mod taken;
mod timing;
mod unit;
mod waiting;

pub(crate) use demand::{Arrivals, DAY_MS};
pub(crate) use lane::UNKNOWN_MG_PER_KWH;

pub use ask::{Ask, AskId, Prefer};
pub use demand::{Demand, Work};
pub use fault::SolveFault;
pub use likely::Likely;
pub use outlook::{Outlook, PoolOutlook, SignalKind, ZoneOutlook, normal_interval};
pub use placement::{Alternative, Placement, Segment, Why};
pub use problem::{Problem, Reserved, Solution};
pub use solve::{Placer, Sunward};
pub use taken::Taken;
pub use timing::{Margin, Spread, TimeSource, Timing};
