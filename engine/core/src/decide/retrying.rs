//! Decides whether a failed task gets another attempt, and when.

use sunward_workflows::{Retry, RetryOn};

use crate::failure::{Blame, FailureKind};
use crate::ids::Timestamp;
use crate::state::stage::Tries;

/// The most attempts of one task that may be lost with their workers. Lost attempts are not charged
/// to the task, so a task that breaks every machine needs this limit.
pub(crate) const UNCHARGED_LIMIT: u32 = 20;

/// The longest wait between attempts that the user asked for, in milliseconds. It limits the
/// doubling of waits.
const BACKOFF_LIMIT_MS: u64 = 3_600_000;

/// The first wait after a machine failed, in milliseconds. It doubles with each attempt.
const PASSING_FIRST_MS: u64 = 200;
/// The longest wait after a machine failed, in milliseconds.
const PASSING_LIMIT_MS: u64 = 30_000;
/// The most attempts of one task after machines failed. The waits between them add up to about four
/// minutes.
const PASSING_TRIES: u32 = 15;

/// The first wait for a lost input to be computed again, in milliseconds. It doubles with each
/// attempt. Usually the stage begins again long before the wait is over.
const LOST_FIRST_MS: u64 = 1_000;
/// The longest wait for a lost input, in milliseconds.
const LOST_LIMIT_MS: u64 = 600_000;

/// The moment of the next attempt; `None` if there is none.
pub(super) fn retry_at(
    retry: &Retry,
    tries: Tries,
    kind: FailureKind,
    now: Timestamp,
) -> Option<Timestamp> {
    let asked = retry.on.iter().any(|on| covers(on, kind));
    let (before, tries, first_ms, limit_ms) = match kind.blame() {
        Blame::User if asked => {
            let first_ms = retry.backoff_ms;
            (
                tries.charged,
                retry.max_attempts,
                first_ms,
                BACKOFF_LIMIT_MS,
            )
        }
        Blame::Passing if asked => {
            let (first_ms, limit_ms) = (PASSING_FIRST_MS, PASSING_LIMIT_MS);
            (tries.uncharged, PASSING_TRIES, first_ms, limit_ms)
        }
        Blame::Lost => {
            let (first_ms, limit_ms) = (LOST_FIRST_MS, LOST_LIMIT_MS);
            (tries.uncharged, PASSING_TRIES, first_ms, limit_ms)
        }
        Blame::User | Blame::Passing | Blame::Permanent | Blame::Nobody => return None,
    };
    if before.saturating_add(1) >= tries {
        return None;
    }
    let doubled = first_ms.saturating_mul(1_u64.checked_shl(before).unwrap_or(u64::MAX));
    Some(now.after_ms(doubled.min(limit_ms)))
}

/// Whether a `retry.on` entry covers a kind of failure.
fn covers(on: &RetryOn, kind: FailureKind) -> bool {
    match on {
        RetryOn::Any => matches!(kind.blame(), Blame::User | Blame::Passing),
        RetryOn::Infrastructure => kind == FailureKind::Infrastructure,
        RetryOn::Timeout => kind == FailureKind::Timeout,
        RetryOn::Memory => kind == FailureKind::Memory,
        RetryOn::Exit(codes) => match kind {
            FailureKind::Exit(code) => codes.contains(&code),
            FailureKind::Signal(_)
            | FailureKind::Timeout
            | FailureKind::Memory
            | FailureKind::Output
            | FailureKind::Input
            | FailureKind::Infrastructure
            | FailureKind::Permanent
            | FailureKind::InputLost
            | FailureKind::Cancelled
            | FailureKind::Preempted => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use sunward_workflows::{Retry, RetryOn};

    use super::retry_at;
    use crate::failure::{Blame, FailureKind};
    use crate::ids::Timestamp;
    use crate::state::stage::Tries;

    fn tries(charged: u32, uncharged: u32) -> Tries {
        Tries {
            charged,
            uncharged,
            due: None,
        }
    }

    #[test]
    fn the_wait_doubles_until_attempts_run_out() {
        let retry = Retry {
            max_attempts: 4,
            backoff_ms: 1000,
            on: vec![RetryOn::Exit(vec![75])],
            scale_memory: None,
        };
        let wait = |charged, code| {
            retry_at(
                &retry,
                tries(charged, 0),
                FailureKind::Exit(code),
                Timestamp(5),
            )
            .map(|at| at.0 - 5)
        };
        assert_eq!(wait(0, 75), Some(1000));
        assert_eq!(wait(1, 75), Some(2000));
        assert_eq!(wait(2, 75), Some(4000));
        assert_eq!(wait(3, 75), None);
        assert_eq!(wait(0, 1), None, "another code is not worth it");
    }

    /// The waits of a task that fails this way every time.
    fn waits(kind: FailureKind, retry: &Retry) -> Vec<u64> {
        let mut waits = Vec::new();
        while let Some(at) = {
            let made = u32::try_from(waits.len()).unwrap();
            retry_at(retry, tries(made, made), kind, Timestamp(0))
        } {
            waits.push(at.0);
            assert!(waits.len() < 100, "{kind:?} is tried for ever");
        }
        waits
    }

    #[test]
    fn each_kind_of_failure_is_tried_as_long_as_whose_it_is_allows() {
        let usual = Retry::default();
        let kinds = [
            (FailureKind::Exit(1), Blame::User),
            (FailureKind::Signal(9), Blame::User),
            (FailureKind::Timeout, Blame::User),
            (FailureKind::Memory, Blame::User),
            (FailureKind::Output, Blame::User),
            (FailureKind::Input, Blame::User),
            (FailureKind::Infrastructure, Blame::Passing),
            (FailureKind::Permanent, Blame::Permanent),
            (FailureKind::InputLost, Blame::Lost),
            (FailureKind::Cancelled, Blame::Nobody),
            (FailureKind::Preempted, Blame::Nobody),
        ];
        for (kind, blame) in kinds {
            assert_eq!(kind.blame(), blame, "{kind:?}");
            let waits = waits(kind, &usual);
            match blame {
                Blame::User | Blame::Permanent | Blame::Nobody => {
                    assert!(waits.is_empty(), "{kind:?} waits {waits:?}");
                }
                Blame::Passing => {
                    let minutes = waits.iter().sum::<u64>() / 60_000;
                    assert!((1..=5).contains(&minutes), "{kind:?} waits {minutes} min");
                }
                Blame::Lost => assert!(!waits.is_empty()),
            }
        }
    }

    #[test]
    fn nothing_that_the_user_asks_for_makes_a_permanent_fault_be_tried_again() {
        let eager = Retry {
            max_attempts: 9,
            backoff_ms: 3_600_000,
            on: vec![RetryOn::Any, RetryOn::Infrastructure],
            scale_memory: None,
        };
        assert!(waits(FailureKind::Permanent, &eager).is_empty());
        let passing = waits(FailureKind::Infrastructure, &eager);
        assert!(passing.iter().sum::<u64>() < 300_000, "{passing:?}");
    }
}
