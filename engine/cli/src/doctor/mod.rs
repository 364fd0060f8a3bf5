//! What may be wrong with a machine, one check a function; each finding says how to mend it.

pub(crate) mod machine;
pub(crate) mod network;
pub(crate) mod processes;
pub(crate) mod state;
pub(crate) mod tools;

use serde::Serialize;

use crate::render::table::{Table, Tone};
use crate::render::{Page, View};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// As it should be.
    Good,
    /// Works, with less than there could be.
    Note,
    /// Runs will fail or may be lost.
    Problem,
}

/// What one check found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    /// How it is.
    pub(crate) grade: Grade,
    /// What was found.
    pub(crate) found: String,
    /// How to fix it.
    pub(crate) mend: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(crate) fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Good,
            found: found.into(),
            mend: None,
        }
    }

    /// Works, with less than there could be.
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

    /// Runs will fail or may be lost.
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

/// All that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    /// Whether runs will work here.
    pub(crate) healthy: bool,
    /// Check by check.
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
            "Fix what is marked 'problem' first."
        });
    }
}
