//! Published policies for comparison, each as close to its paper as our problem allows.

mod at_home;
mod at_once;
mod carbon_flex;
mod carbon_scaler;
mod cucumber;
mod gaia;
mod lacs;
mod online;
mod pcaps;
mod pieces;
mod ruled;
mod steps;
mod view;
mod wait_awhile;

pub use at_home::{CheapestWindow, NightsOnly};
pub use at_once::{NowBest, Spatial, StaticBest};
pub use carbon_flex::CarbonFlex;
pub use carbon_scaler::CarbonScaler;
pub use cucumber::Cucumber;
pub use gaia::{CarbonTime, LowestWindow};
pub use lacs::Lacs;
pub use pcaps::Pcaps;
pub use ruled::{Rating, Rule, Ruled, Turn};
pub use steps::Steps;
pub use view::{Spot, View, segment};
pub use wait_awhile::{WaitAwhile, WaitAwhileInterruptible};
