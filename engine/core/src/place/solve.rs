//! Our own answer.

use super::problem::{Problem, Solution};

/// Answers problems. It may keep what it computed for one problem to answer the next sooner, never
/// to answer it differently.
pub trait Placer {
    /// One placement for each ask, in their order.
    fn solve(&mut self, problem: &Problem) -> Solution;
}

/// Our own placement.
#[derive(Clone, Debug, Default)]
pub struct Sunward {}

impl Placer for Sunward {
    fn solve(&mut self, _problem: &Problem) -> Solution {
        Solution::default()
    }
}
