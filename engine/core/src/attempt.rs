//! The status of an attempt and its transition table.

use serde::{Deserialize, Serialize};

/// The status of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptStatus {
    /// A worker was chosen.
    #[default]
    Offered,
    /// The worker has it.
    Leased,
    /// It runs.
    Running,
    /// It produced a result.
    Succeeded,
    /// It failed.
    Failed,
    /// Its worker is gone.
    Lost,
    /// The pool's owner took the machine back.
    Preempted,
    /// It was stopped.
    Cancelled,
}

/// An event in the life of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEvent {
    /// The worker took it.
    Accept,
    /// Its execution began.
    Start,
    /// It produced a result.
    Succeed,
    /// It failed.
    Fail,
    /// Its worker is gone, or dropped it.
    Lose,
    /// The pool's owner took the machine back.
    Preempt,
    /// It was stopped.
    Cancel,
}

impl AttemptStatus {
    /// The next status; `None` if the event is not possible here. A lost or preempted attempt sets
    /// its task back to `Ready`.
    #[must_use]
    pub const fn next(self, event: AttemptEvent) -> Option<Self> {
        use AttemptEvent as E;
        match self {
            Self::Offered => match event {
                E::Accept => Some(Self::Leased),
                E::Lose => Some(Self::Lost),
                E::Preempt => Some(Self::Preempted),
                E::Cancel => Some(Self::Cancelled),
                E::Start | E::Succeed | E::Fail => None,
            },
            Self::Leased => match event {
                E::Start => Some(Self::Running),
                E::Fail => Some(Self::Failed),
                E::Lose => Some(Self::Lost),
                E::Preempt => Some(Self::Preempted),
                E::Cancel => Some(Self::Cancelled),
                E::Accept | E::Succeed => None,
            },
            Self::Running => match event {
                E::Succeed => Some(Self::Succeeded),
                E::Fail => Some(Self::Failed),
                E::Lose => Some(Self::Lost),
                E::Preempt => Some(Self::Preempted),
                E::Cancel => Some(Self::Cancelled),
                E::Accept | E::Start => None,
            },
            Self::Succeeded | Self::Failed | Self::Lost | Self::Preempted | Self::Cancelled => {
                match event {
                    E::Accept
                    | E::Start
                    | E::Succeed
                    | E::Fail
                    | E::Lose
                    | E::Preempt
                    | E::Cancel => None,
                }
            }
        }
    }

    /// The status of an attempt that was leased, executed if `ran`, and then ended with `event`.
    pub(crate) fn ended(ran: bool, event: AttemptEvent) -> Option<Self> {
        let leased = Self::Offered.next(AttemptEvent::Accept)?;
        let at = if ran {
            leased.next(AttemptEvent::Start)?
        } else {
            leased
        };
        at.next(event)
    }
}

#[cfg(test)]
mod tests {
    use super::{AttemptEvent, AttemptStatus};

    #[test]
    fn an_attempt_succeeds_only_after_it_ran() {
        assert_eq!(
            AttemptStatus::ended(true, AttemptEvent::Succeed),
            Some(AttemptStatus::Succeeded)
        );
        assert_eq!(AttemptStatus::ended(false, AttemptEvent::Succeed), None);
        assert_eq!(
            AttemptStatus::ended(false, AttemptEvent::Lose),
            Some(AttemptStatus::Lost)
        );
    }
}
