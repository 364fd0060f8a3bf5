//! How many rejected rows a stage tolerates.

use serde::{Deserialize, Serialize};

/// How many rows of one input a kernel may reject before its stage fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectLimit {
    /// This number of rows.
    Rows(u64),
    /// This number of every million rows: `10%` is 100 000.
    PartsPerMillion(u32),
}
