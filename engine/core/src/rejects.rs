//! Rows that kernels rejected: how many, of how many, and why.

use std::fmt;

use serde::{Deserialize, Serialize};
use sunward_workflows::RejectLimit;

/// The most reasons that are kept for one input. Rows with further reasons are only counted.
const REASONS: usize = 32;

/// The rows of one input that a kernel rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejects {
    /// The input.
    pub port: String,
    /// The number of rejected rows.
    pub rows: u64,
    /// The number of rows that the kernel examined.
    pub of: u64,
    /// The reasons with their numbers of rows, in the order in which they were found.
    pub reasons: Vec<(String, u64)>,
}

impl Rejects {
    /// Adds rows that were rejected for one reason.
    pub fn add(&mut self, reason: &str, rows: u64) {
        self.rows = self.rows.saturating_add(rows);
        self.note(reason, rows);
    }

    /// Adds the rejects of another task for the same input.
    fn merge(&mut self, other: &Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.of = self.of.saturating_add(other.of);
        for (reason, rows) in &other.reasons {
            self.note(reason, *rows);
        }
    }

    fn note(&mut self, reason: &str, rows: u64) {
        let known = self.reasons.iter_mut().find(|(known, _)| known == reason);
        if let Some((_, known)) = known {
            *known = known.saturating_add(rows);
        } else if self.reasons.len() < REASONS {
            self.reasons.push((reason.to_owned(), rows));
        }
    }

    /// The most frequent reason. If several are equally frequent, the first of them.
    #[must_use]
    pub fn main_reason(&self) -> Option<&str> {
        let best = self.reasons.iter().rev().max_by_key(|(_, rows)| *rows);
        best.map(|(reason, _)| reason.as_str())
    }

    /// Whether every row of the input was rejected.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.of > 0 && self.rows == self.of
    }

    /// Whether more rows were rejected than the limit allows.
    #[must_use]
    pub fn exceeds(&self, limit: RejectLimit) -> bool {
        match limit {
            RejectLimit::Rows(most) => self.rows > most,
            RejectLimit::PartsPerMillion(most) => {
                u128::from(self.rows) * 1_000_000 > u128::from(most) * u128::from(self.of)
            }
        }
    }
}

/// As in `7 of 7 rows rejected: the pose has no coordinates`.
impl fmt::Display for Rejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = if self.of == 1 { "row" } else { "rows" };
        write!(f, "{} of {} {rows} rejected", self.rows, self.of)?;
        match (self.main_reason(), self.reasons.len()) {
            (None, _) => Ok(()),
            (Some(reason), 1) => write!(f, ": {reason}"),
            (Some(reason), _) => write!(f, ": {reason} (and other reasons)"),
        }
    }
}

/// Adds the rejects of one task to those of others, input by input.
pub(crate) fn merge(all: &mut Vec<Rejects>, more: &[Rejects]) {
    for one in more {
        match all.iter_mut().find(|known| known.port == one.port) {
            Some(known) => known.merge(one),
            None => all.push(one.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use sunward_workflows::RejectLimit;

    use super::{REASONS, Rejects, merge};

    fn rejects(of: u64, reasons: &[(&str, u64)]) -> Rejects {
        let mut rejects = Rejects {
            port: "poses".to_owned(),
            of,
            ..Rejects::default()
        };
        for (reason, rows) in reasons {
            rejects.add(reason, *rows);
        }
        rejects
    }

    #[test]
    fn tasks_add_up_and_the_most_frequent_reason_is_told() {
        let mut all = Vec::new();
        merge(&mut all, &[rejects(4, &[("a", 1), ("b", 1)])]);
        merge(&mut all, &[rejects(5, &[("b", 2)])]);
        merge(&mut all, &[rejects(1, &[])]);
        let text: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["4 of 10 rows rejected: b (and other reasons)"]);
        assert!(!all[0].is_all());
        assert_eq!(
            rejects(7, &[("x", 7)]).to_string(),
            "7 of 7 rows rejected: x"
        );
        assert_eq!(rejects(7, &[("x", 1), ("y", 1)]).main_reason(), Some("x"));
    }

    #[test]
    fn a_limit_is_exceeded_by_the_first_row_beyond_it() {
        use RejectLimit::{PartsPerMillion, Rows};
        let cases = [
            (29, 100, PartsPerMillion(290_000), false),
            (30, 100, PartsPerMillion(290_000), true),
            (0, 0, PartsPerMillion(0), false),
            (1, 1, PartsPerMillion(999_999), true),
            (1, 1, PartsPerMillion(1_000_000), false),
            (5, 9, Rows(5), false),
            (6, 9, Rows(5), true),
            (u64::MAX, u64::MAX, PartsPerMillion(999_999), true),
        ];
        for (rows, of, limit, exceeded) in cases {
            let found = rejects(of, &[("x", rows)]).exceeds(limit);
            assert_eq!(found, exceeded, "{rows} of {of}, {limit:?}");
        }
    }

    #[test]
    fn as_many_reasons_as_rows_take_no_more_room_than_the_limit() {
        let mut one = rejects(1000, &[]);
        for row in 0..1000 {
            one.add(&format!("reason {row}"), 1);
        }
        assert_eq!((one.rows, one.reasons.len()), (1000, REASONS));
    }
}
