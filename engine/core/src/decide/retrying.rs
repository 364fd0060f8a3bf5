//! Whether a failed attempt is worth another try, and when.

use sunward_workflows::{Retry, RetryOn};

use crate::failure::FailureKind;
use crate::ids::Timestamp;
use crate::state::stage::Tries;

/// Tries of one task that the infrastructure may lose or break. They are not charged to the task,
/// so something else must end them: a machine that breaks every attempt would be tried for ever.
pub(crate) const UNCHARGED_LIMIT: u32 = 20;

/// The longest wait between two tries, in milliseconds: doubling must not outgrow a working day.
const BACKOFF_LIMIT_MS: u64 = 3_600_000;

/// The shortest wait after a fault of the infrastructure, in milliseconds: what broke needs a
/// moment, and the limit above should span minutes rather than moments.
const INFRASTRUCTURE_BACKOFF_MS: u64 = 200;

/// When the task is tried again; `None` when it is not.
pub(super) fn retry_at(
    retry: &Retry,
    tries: Tries,
    kind: FailureKind,
    now: Timestamp,
) -> Option<Timestamp> {
    let infrastructure = kind == FailureKind::Infrastructure;
    if !retry.on.iter().any(|on| covers(on, kind)) {
        return None;
    }
    let (before, limit, first_ms) = if infrastructure {
        let first_ms = retry.backoff_ms.max(INFRASTRUCTURE_BACKOFF_MS);
        (tries.uncharged, UNCHARGED_LIMIT, first_ms)
    } else {
        (tries.charged, retry.max_attempts, retry.backoff_ms)
    };
    if before.saturating_add(1) >= limit {
        return None;
    }
    let doubled = first_ms.saturating_mul(1_u64.checked_shl(before).unwrap_or(u64::MAX));
    Some(now.after_ms(doubled.min(BACKOFF_LIMIT_MS)))
}

/// Whether a kind of failure is one of those worth another try.
fn covers(on: &RetryOn, kind: FailureKind) -> bool {
    match on {
        RetryOn::Any => !matches!(kind, FailureKind::Cancelled | FailureKind::Preempted),
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
            | FailureKind::Cancelled
            | FailureKind::Preempted => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use sunward_workflows::{Retry, RetryOn};

    use super::{UNCHARGED_LIMIT, retry_at};
    use crate::failure::FailureKind;
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

    #[test]
    fn infrastructure_is_not_charged_but_bounded() {
        let retry = Retry::default();
        let again = |uncharged| {
            retry_at(
                &retry,
                tries(0, uncharged),
                FailureKind::Infrastructure,
                Timestamp(0),
            )
        };
        assert!(again(0).is_some() && again(UNCHARGED_LIMIT - 2).is_some());
        assert_eq!(again(UNCHARGED_LIMIT - 1), None);
    }
}
