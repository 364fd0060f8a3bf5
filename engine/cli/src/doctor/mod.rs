//! Checks of a machine, one in each function. Each finding says how to fix the problem.

pub(crate) mod machine;
pub(crate) mod network;
pub(crate) mod processes;
pub(crate) mod providers;
pub(crate) mod state;
pub(crate) mod tools;

use serde::Serialize;

use crate::render::table::{Table, Tone};
use crate::render::{Page, View};

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// Nothing needs to be done.
    Good,
    /// Runs work, but with some limitation.
    Note,
    /// Runs will fail or may be lost.
    Problem,
}

/// The result of one check.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// The name of the check.
    pub(crate) check: &'static str,
    pub(crate) grade: Grade,
    pub(crate) found: String,
    /// How to fix it.
    pub(crate) mend: Option<String>,
}

impl Finding {
    /// A finding of grade [`Grade::Good`].
    pub(crate) fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Good,
            found: found.into(),
            mend: None,
        }
    }

    /// A finding of grade [`Grade::Note`].
    pub(crate) fn note(
        check: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            check,
            grade: Grade::Note,
            found: found.into(),
            mend: Some(mend.into()),
        }
    }

    /// A finding of grade [`Grade::Problem`].
    pub(crate) fn problem(
        check: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            check,
            grade: Grade::Problem,
            found: found.into(),
            mend: Some(mend.into()),
        }
    }
}

/// The results of all checks.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    /// Whether runs will work here.
    pub(crate) healthy: bool,
    pub(crate) findings: Vec<Finding>,
}

impl View for Diagnosis {
    fn page(&self, page: &mut Page) {
        let mut table = Table::new(&["", "", ""]);
        for finding in &self.findings {
            let (word, tone) = match finding.grade {
                Grade::Good => ("good", Tone::Good),
                Grade::Note => ("note", Tone::Warn),
                Grade::Problem => ("problem", Tone::Bad),
            };
            table.toned([
                (word, tone),
                (finding.check, Tone::Plain),
                (finding.found.as_str(), Tone::Plain),
            ]);
            if let Some(mend) = &finding.mend {
                table.toned([("", tone), ("", tone), (mend.as_str(), Tone::Faint)]);
            }
        }
        page.table(&table);
        page.gap();
        page.line(if self.healthy {
            "Pipelines will run on this machine."
        } else {
            "Fix what is marked `problem` first."
        });
    }
}
