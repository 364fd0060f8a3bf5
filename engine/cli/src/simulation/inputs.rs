//! Reads the inputs of a simulation (fleet, grids, runs and faults) into a setup.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sunward_core::{Fleet, RunSpec, Timestamp};
use sunward_grid::{Foresight, Grid};
use sunward_sim::setup::Setup;
use sunward_sim::{
    Arrival, DataSizes, Lengths, Locale, Locales, Scenario, Submission, arrivals_of_the_first_day,
    check_span, check_vacancy, fleet_of, openings_of, read_jobs, read_scenario, read_trace_of_jobs,
    submissions, truth_of,
};

use sunward_workflows::PoolSpec;

use crate::context::Context;
use crate::device::Device;
use crate::exit::wrong_input;
use crate::feeds::SLOT_MS;
use crate::fleet_file::FleetFile;
use crate::machine::Machine;
use crate::params::ParamArgs;
use crate::placing::refused::unknown_home;
use crate::placing::sizes::input_bytes;
use crate::prepare::{SelectionArgs, prepare};
use crate::providers::counts_differ;
use crate::render::units::plural;
use crate::settings::Settings;
use crate::simulation::instances::{Instances, is_instance};

/// The time between two outlooks, in milliseconds.
const LOOK_MS: u64 = 3_600_000;

/// The least and most slots that an outlook looks ahead: two days, and ten.
const SLOTS: (u64, u64) = (192, 960);

/// The history before the first run, in milliseconds, if no arrival is given. It contains the week
/// that a forecast needs.
const HISTORY_MS: u64 = 8 * 86_400_000;

/// The files and options from which a simulation reads its inputs.
pub(crate) struct Sources<'a> {
    pub(crate) grid: &'a Path,
    pub(crate) fleet: &'a Path,
    pub(crate) jobs: Option<&'a Path>,
    pub(crate) workload: Option<&'a Path>,
    pub(crate) workflows: &'a [PathBuf],
    pub(crate) params: &'a ParamArgs,
    pub(crate) instances: &'a Instances,
    pub(crate) at: Option<Timestamp>,
    pub(crate) scenario: Option<&'a Path>,
    pub(crate) seed: u64,
    pub(crate) transfer_milliwatt_hours_per_gb: u64,
    pub(crate) foresight: Foresight,
    pub(crate) lengths: Lengths,
    pub(crate) settings: &'a Settings,
}

/// A setup, and what else is needed to simulate it.
pub(crate) struct Loaded {
    pub(crate) setup: Setup,
    pub(crate) grid: Arc<Grid>,
    /// The pools' places.
    pub(crate) locales: Locales,
    /// The number of slots in an outlook.
    pub(crate) slots: u64,
    /// Notes on parts of the input that have no effect, and on the data.
    pub(crate) notes: Vec<String>,
}

impl Sources<'_> {
    /// Reads all inputs.
    ///
    /// # Errors
    /// Fails if any input is wrong, which is the user's error.
    pub(crate) fn load(&self, context: &Context) -> anyhow::Result<Loaded> {
        let FleetFile {
            pools,
            without_effect,
        } = FleetFile::read(context, self.fleet)?;
        let mut zones: Vec<String> = pools.iter().map(|pool| pool.zone.clone()).collect();
        zones.sort_unstable();
        zones.dedup();
        let grid = Grid::open(&context.folder.join(self.grid), Some(&zones))
            .map_err(|error| wrong_input(error.to_string()))?;
        if let Some(bases) = grid.differing_bases() {
            return Err(wrong_input(format!(
                "{}; a simulation adds the emissions of all zones, so use figures of one basis",
                counts_differ(&bases)
            )));
        }
        let truth = truth_of(&grid);
        let fleet = fleet_of(&pools);
        let begin = grid.zones.values().map(|trace| trace.first).max();
        let end = grid.zones.values().map(sunward_grid::Trace::end).min();
        let (begin, end) = (begin.unwrap_or_default(), end.unwrap_or_default());
        let arrivals = begin.after_ms(HISTORY_MS);
        let mut notes = without_effect;
        if pools.iter().any(|pool| pool.openadr.is_some()) {
            notes.push(
                "fleet: openadr: has no effect in a simulation, which replays recorded time"
                    .to_owned(),
            );
        }
        let runs = self.runs(context, &fleet, arrivals, &mut notes)?;
        // Equal runs share one spec, so the first of them stands for all.
        let mut seen = BTreeSet::new();
        for run in &runs {
            if seen.insert(Arc::as_ptr(&run.spec)) {
                unknown_home(&pools, &run.spec)?;
            }
        }
        let scenario = match self.scenario {
            Some(path) => read_scenario(&read(context, path)?, &fleet)
                .map_err(|mistakes| wrong(path, &mistakes.join("\n")))?,
            None => Scenario::default(),
        };
        let slots = slots(&runs);
        let setup = Setup {
            openings: Arc::new(openings_of(
                &pools,
                (begin, end.after_ms(slots * SLOT_MS)),
                SLOT_MS,
            )),
            fleet: Arc::new(fleet),
            truth: Arc::new(truth),
            submissions: Arc::new(runs),
            scenario,
            seed: self.seed,
            look_every_ms: LOOK_MS,
            keep_details: false,
        };
        check_span(&setup).map_err(|error| wrong_input(error.to_string()))?;
        check_vacancy(&setup).map_err(|error| wrong_input(error.to_string()))?;
        let early = match self.foresight {
            Foresight::Past => arrivals_of_the_first_day(&setup),
            Foresight::Perfect | Foresight::Noisy { .. } => 0,
        };
        notes.extend(filled_in(&grid));
        if early > 0 {
            notes.push(format!(
                "forecast: {} within the traces' first day, when only the last hour is known to the forecast",
                arrive(early)
            ));
        }
        let grid = Arc::new(grid);
        let locale = |pool: &PoolSpec| Locale::new(&pool.timezone, &pool.zone, &grid);
        Ok(Loaded {
            setup,
            locales: pools.iter().map(locale).collect(),
            grid,
            slots,
            notes,
        })
    }

    /// The runs that arrive. Runs without a time of their own arrive at `begin`.
    fn runs(
        &self,
        context: &Context,
        fleet: &Fleet,
        begin: Timestamp,
        notes: &mut Vec<String>,
    ) -> anyhow::Result<Vec<Submission>> {
        let per_gb = self.transfer_milliwatt_hours_per_gb;
        if let Some(path) = self.jobs {
            let jobs = read_jobs(&read(context, path)?, fleet, per_gb, self.lengths);
            let mut jobs = jobs.map_err(|error| wrong(path, &error.to_string()))?;
            self.charge(&mut jobs);
            return submissions(jobs, self.lengths)
                .map_err(|error| wrong(path, &error.to_string()));
        }
        if let Some(path) = self.workload {
            let trace = read_trace_of_jobs(&read(context, path)?, fleet, begin, per_gb);
            let mut trace = trace.map_err(|error| wrong(path, &error.to_string()))?;
            self.charge(&mut trace.arrivals);
            if trace.left_out > 0 {
                notes.push(format!(
                    "workload: left out {} that never ran",
                    plural(u64::from(trace.left_out), "row")
                ));
            }
            return submissions(trace.arrivals, self.lengths)
                .map_err(|error| wrong(path, &error.to_string()));
        }
        let at = self.at.unwrap_or(begin);
        let (instances, workflows): (Vec<_>, Vec<_>) =
            self.workflows.iter().partition(|file| is_instance(file));
        self.instances.check(fleet, instances.len())?;
        let mut runs = Vec::with_capacity(self.workflows.len());
        for file in workflows {
            runs.push(self.workflow(context, file, at)?);
        }
        let terms = self.instances.terms(fleet, per_gb);
        for (number, file) in instances.into_iter().enumerate() {
            let draft = self.instances.read(&read(context, file)?);
            let draft = draft.map_err(|error| wrong(file, &error.to_string()))?;
            let draft = terms.apply(number, &draft);
            let (spec, bytes) = draft
                .spec()
                .map_err(|error| wrong(file, &error.to_string()))?;
            runs.push(Submission::new(at, (spec, bytes), self.lengths));
        }
        Ok(runs)
    }

    /// Charges jobs without a project to the user's project, and sets the projects' weights.
    fn charge(&self, arrivals: &mut [Arrival]) {
        for Arrival { draft, .. } in arrivals {
            if let (None, Some(project)) = (&draft.project, &self.settings.project) {
                draft.project = Some(project.clone());
            }
            let weight = draft.project.as_ref();
            draft.weight_permille = weight.and_then(|one| self.settings.weight_permille(one));
        }
    }

    /// Reads a workflow as if it were submitted to a fleet in which every task fits.
    fn workflow(
        &self,
        context: &Context,
        file: &Path,
        at: Timestamp,
    ) -> anyhow::Result<Submission> {
        let anything = Machine {
            cpus: u32::MAX,
            memory_bytes: u64::MAX,
            gpus: Some(u32::MAX),
            watts_per_core: None,
            has_disk: false,
        };
        let selection = SelectionArgs::default();
        let prepared = prepare(
            context,
            file,
            self.params,
            &selection,
            anything,
            Device::Auto,
        )?;
        let mut spec = RunSpec::clone(&prepared.spec);
        if let Some(project) = &self.settings.project {
            spec.placing.project.clone_from(project);
        }
        spec.placing.times_are_exact = true;
        spec.placing.transfer_milliwatt_hours_per_gb = self.transfer_milliwatt_hours_per_gb;
        let folder = prepared.path.parent().unwrap_or_else(|| Path::new("/"));
        let bytes = Arc::new(sizes(&spec, folder));
        Ok(Submission::new(at, (Arc::new(spec), bytes), self.lengths))
    }
}

/// The hours of each zone that were not measured, as lines for people.
fn filled_in(grid: &Grid) -> Vec<String> {
    let told = |trace: &sunward_grid::Trace| {
        let estimated = trace.steps.iter().filter(|step| step.estimated).count();
        (estimated > 0).then(|| {
            format!(
                "grid: {}: {estimated} of {} values are estimated, or were missing and are interpolated",
                trace.zone,
                trace.steps.len()
            )
        })
    };
    grid.zones.values().filter_map(told).collect()
}

/// `1 run arrives`, `3 runs arrive`.
fn arrive(runs: usize) -> String {
    match runs {
        1 => "1 run arrives".to_owned(),
        runs => format!("{runs} runs arrive"),
    }
}

/// The sizes of the files that a workflow reads. The sizes of its stages' outputs are not known.
fn sizes(spec: &RunSpec, folder: &Path) -> DataSizes {
    let mut sizes = DataSizes::default();
    for planned in &spec.plan.stages {
        for (port, input) in &planned.stage.inputs {
            let all = input_bytes(spec, folder, input);
            if all > 0 {
                let key = (planned.stage.name.clone(), port.clone());
                sizes.inputs.insert(key, all);
            }
        }
    }
    sizes
}

/// The number of slots that covers the run that can wait longest, within the bounds of [`SLOTS`], by
/// what is told of it.
fn slots(runs: &[Submission]) -> u64 {
    let waits_ms = |run: &Submission| {
        let place = &run.told.workflow.place;
        place.deadline_ms.max(place.max_delay_ms)
    };
    let longest = runs.iter().filter_map(waits_ms).max().unwrap_or(0);
    (longest.div_ceil(SLOT_MS) + 4).clamp(SLOTS.0, SLOTS.1)
}

pub(crate) fn read(context: &Context, path: &Path) -> anyhow::Result<String> {
    sunward_files::read_text(&context.folder.join(path))
        .map_err(|error| wrong(path, &format!("cannot be read: {error}")))
}

/// An error of the user in a file.
pub(crate) fn wrong(path: &Path, what: &str) -> anyhow::Error {
    wrong_input(format!("{}: {what}", sunward_files::shown(path)))
}
