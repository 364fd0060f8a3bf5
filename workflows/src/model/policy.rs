//! What happens to results and failures: retries, tolerated rejects and the cache.

use serde::{Deserialize, Serialize};

/// Which failures are retried, how often and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all, the first included. Failures of the infrastructure do not count.
    pub max_attempts: u32,
    /// The wait before the second attempt in milliseconds; it doubles each time.
    pub backoff_ms: u64,
    /// The kinds of failures that are retried.
    pub on: Vec<RetryOn>,
    /// The factor by which memory grows with each attempt.
    pub scale_memory: Option<f64>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 1,
            backoff_ms: 0,
            on: vec![RetryOn::Infrastructure],
            scale_memory: None,
        }
    }
}

/// A kind of failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryOn {
    /// The worker or the machine failed, not the task.
    Infrastructure,
    /// The task exceeded its time limit.
    Timeout,
    /// The task exceeded its memory.
    Memory,
    /// The task exited with one of these codes.
    Exit(Vec<i32>),
    /// The task failed in any way.
    Any,
}

/// Whether results are cached, and under which version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// If false, the result is used by its own run only and is never looked up by key.
    pub enabled: bool,
    /// A part of the key, to invalidate results by hand.
    pub version: Option<String>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            enabled: true,
            version: None,
        }
    }
}

/// How many rows of one input a kernel may reject before its stage fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectLimit {
    /// This number of rows.
    Rows(u64),
    /// This number of every million rows: `10%` is 100 000.
    PartsPerMillion(u32),
}
