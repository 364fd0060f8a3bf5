//! Recorded workflows (WfCommons) that a simulation submits, and the terms on which they run.

use std::path::Path;

use clap::Args;
use sunward_core::Fleet;
use sunward_grid::whole;
use sunward_sim::RunDraft;
use sunward_sim::workload::{Mistakes, Terms, read_wfcommons};

use crate::exit::wrong_input;

/// Options for what a record does not contain.
#[derive(Args, Clone, Debug)]
pub(crate) struct Instances {
    /// Deadline of a WfCommons instance, as a multiple of its critical path [default: 2]
    #[arg(long, value_name = "N", conflicts_with_all = ["jobs", "workload"])]
    deadline_factor: Option<f64>,
    /// Home of all WfCommons instances, a zone of the fleet [default: the fleet's zones in turn]
    #[arg(long, value_name = "ZONE", conflicts_with_all = ["jobs", "workload"])]
    home_zone: Option<String>,
    /// Multiply the run times of WfCommons instances; 60 turns minutes into hours [default: 1]
    #[arg(long, value_name = "N", conflicts_with_all = ["jobs", "workload"],
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    stretch: Option<u32>,
}

/// The default deadline, as a multiple of the critical path.
const DEADLINE_FACTOR: f64 = 2.0;

/// True if a file is an instance: its name ends in `.json`.
pub(crate) fn is_instance(file: &Path) -> bool {
    let end = file.extension().and_then(|end| end.to_str());
    end.is_some_and(|end| end.eq_ignore_ascii_case("json"))
}

impl Instances {
    /// Refuses terms that are not valid for the fleet, or that are given although there is no
    /// instance.
    ///
    /// # Errors
    /// Fails if there is such a term. The message says which and what was expected.
    pub(crate) fn check(&self, fleet: &Fleet, count: usize) -> anyhow::Result<()> {
        let is_given =
            self.deadline_factor.is_some() || self.home_zone.is_some() || self.stretch.is_some();
        if count == 0 && is_given {
            return Err(wrong_input(
                "--deadline-factor, --home-zone and --stretch are for WfCommons instances (.json), and none is given; a workflow sets its own with `place: { deadline: …, home: … }`",
            ));
        }
        let factor = self.deadline_factor();
        if !(1.0..=1000.0).contains(&factor) {
            return Err(wrong_input(format!(
                "--deadline-factor {factor}: expected a number from 1 (the critical path itself) to 1000"
            )));
        }
        let zones = zones(fleet);
        match &self.home_zone {
            Some(home) if !zones.contains(home) => Err(wrong_input(format!(
                "--home-zone {home}: no pool of the fleet is in that zone; the zones are {}",
                zones.join(", ")
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn deadline_factor(&self) -> f64 {
        self.deadline_factor.unwrap_or(DEADLINE_FACTOR)
    }

    /// The terms on which the instances run.
    pub(crate) fn terms(&self, fleet: &Fleet, transfer_milliwatt_hours_per_gb: u64) -> Terms {
        Terms {
            homes: self
                .home_zone
                .clone()
                .map_or_else(|| zones(fleet), |home| vec![home]),
            deadline_permille: whole(self.deadline_factor() * 1000.0),
            transfer_milliwatt_hours_per_gb,
        }
    }

    /// Reads an instance.
    ///
    /// # Errors
    /// Fails with all mistakes in the text.
    pub(crate) fn read(&self, text: &str) -> Result<RunDraft, Mistakes> {
        read_wfcommons(text, self.stretch.unwrap_or(1))
    }
}

/// The fleet's zones, each once, in the order of its pools.
fn zones(fleet: &Fleet) -> Vec<String> {
    let mut zones: Vec<String> = Vec::new();
    for pool in &fleet.pools {
        if !zones.contains(&pool.zone) {
            zones.push(pool.zone.clone());
        }
    }
    zones
}
