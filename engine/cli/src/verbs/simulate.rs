//! `sunward simulate`: simulates a fleet with recorded grids in virtual time, for each policy.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sunward_core::{Placing, Timestamp};
use sunward_grid::Foresight;
use sunward_sim::contenders::{contender, names, told};
use sunward_sim::limit::{KINDS, UnderLoad, limit, under_load};
use sunward_sim::report::{Bound, NOW_HOME, Report, hourly_utilization};
use sunward_sim::setup::Setup;
use sunward_sim::{Lengths, Played, RecordedFeed, simulate};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::feeds::SLOT_MS;
use crate::grid_args::{moment, transfer_milliwatt_hours};
use crate::machine::shown;
use crate::params::ParamArgs;
use crate::render::{self, units};
use crate::settings::Settings;
use crate::simulation::expectation::Expectation;
use crate::simulation::inputs::{Loaded, Sources, read, wrong};
use crate::simulation::instances::Instances;
use crate::simulation::picture::{self, Timeline};
use crate::simulation::schedule;
use crate::simulation::view::SimulationView;

/// The help text below the options.
fn help() -> String {
    let lines = |rows: &[(&str, &str)]| {
        let row = |(name, does): &(&str, &str)| format!("  {name:<26} {does}\n");
        rows.iter().map(row).collect::<String>()
    };
    format!(
        "{EXAMPLES}\n\nPolicies:\n{}  {:<26} all of these\n\n\
        Lower bounds on the emissions of any policy; the highest is shown (the first three count moving inputs, the last counts machines):\n{}\n{INPUTS}",
        lines(&told()),
        "all",
        lines(&KINDS)
    )
}

const EXAMPLES: &str = "Example:
  sunward simulate --grid grid --fleet fleet.yaml --jobs jobs.json
  sunward simulate --grid grid --fleet fleet.yaml --jobs jobs.json --policy all --picture saved.svg --json
  sunward simulate --grid grid --fleet fleet.yaml --jobs jobs.json --policy all --schedule schedule.csv
  sunward simulate --grid grid --fleet fleet.yaml --deadline-factor 4 instance.json";

const INPUTS: &str = "\
    A job in --jobs needs `arrival`, `length_h`, `power_kw` and `home`; `slack_h`, `allowed`, \
    `interruptible`, `input_gb`, `gpus`, `project`, `priority`, `user` and `name` are optional. \
    `deadline_h` (hours from arrival to end) may stand in place of `slack_h`. An elastic job has `tasks`, the number of its \
    equal parts, and `width`, how many may run at once; length_h is then the total if they run one by one, and \
    power_kw and gpus are those of one task.\n\n\
    With --lengths history no policy knows how long a job takes. It expects the mean of earlier jobs with the same `user` and \
    `name` (without either: with the same devices and cores), and an hour before any has ended. A job with slack_h may \
    then start as late as that; its deadline would tell its length.\n\n\
    A trace in --workload needs the columns arrival (a time, or hours since the trace began; hour 0 is then eight \
    days into the grids' traces) and length_h (hours). Optional columns and their defaults are gpus (0), cpus (1), \
    power_kw (IT power of the whole job; 350 W per GPU and 10 W per core), slack_h (hours it may wait; 24) and home \
    (a zone of the fleet; the fleet's zones in turn). The columns of GAIA (arrival_time and length in hours, cpus) \
    and of Alibaba's 2023 traces (creation_time, scheduled_time and deletion_time in seconds, num_gpu, cpu_milli) are also \
    understood.\n\n\
    A WfCommons instance becomes a workflow with one stage per task. Tasks above the 90th percentile of run time \
    stand for GPU stages that draw 350 W and take a tenth of the time; the others draw 10 W per core.\n\n\
    --expect takes an earlier --json answer, or figures such as { sunward: { max_gco2e: 1200 } }.\n\n\
    A row of --schedule is of tasks that ran together in one pool without a pause (kind run), or of inputs that were \
    moved (kind transfer). Its gco2e are kwh x pue x the mean intensity of the zone from start to end; for a transfer, \
    kwh x the mean of both zones' intensities. The rows of a policy add up to its gco2e.";

/// Simulate runs on a fleet with recorded grids, and compare the savings of placement policies
#[derive(Args)]
#[command(after_help = help())]
pub(crate) struct Simulate {
    /// Workflows to submit, all at once: pipelines (YAML), or WfCommons instances (.json, WfFormat
    /// 1.5)
    #[arg(required_unless_present_any = ["jobs", "workload"], conflicts_with_all = ["jobs", "workload"])]
    workflows: Vec<PathBuf>,
    #[command(flatten)]
    params: ParamArgs,
    #[command(flatten)]
    instances: Instances,
    /// A folder with a recorded grid ZONE.csv for each zone of the fleet
    #[arg(long, value_name = "DIR")]
    grid: PathBuf,
    /// The fleet: a list of pools, as YAML or JSON
    #[arg(long, value_name = "FILE")]
    fleet: PathBuf,
    /// Jobs, as a JSON list
    #[arg(long, value_name = "FILE")]
    jobs: Option<PathBuf>,
    /// A trace of jobs, as CSV: arrival, length_h, gpus, cpus, power_kw, slack_h, home
    #[arg(long, value_name = "FILE", conflicts_with = "jobs")]
    workload: Option<PathBuf>,
    /// When the workflows are submitted [default: eight days into the traces]
    #[arg(long, value_name = "TIME", conflicts_with_all = ["jobs", "workload"])]
    as_of: Option<String>,
    /// A policy, or `all`; may be given more than once
    #[arg(long, value_name = "NAME", default_value = "sunward")]
    policy: Vec<String>,
    /// What the policies know about the future
    #[arg(long, value_enum, default_value_t = ForecastArg::Past)]
    forecast: ForecastArg,
    /// What the policies know about how long a job takes
    #[arg(long, value_enum, default_value_t = LengthsArg::Known)]
    lengths: LengthsArg,
    /// Seed for the random errors in forecasts and task times
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Energy to move a gigabyte between regions, in kWh [default: `transfer_kwh_per_gb` in your
    /// settings, else 0.002]
    #[arg(long, value_name = "KWH", allow_negative_numbers = true)]
    transfer_kwh_per_gb: Option<f64>,
    /// A YAML file with `faults` and with what grid operators ask (`sunward docs placing`)
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Exit 1 if the policy `sunward` (or the last one, if `sunward` is not simulated) emits more
    #[arg(long, value_name = "GRAMS", allow_negative_numbers = true)]
    max_gco2e: Option<f64>,
    /// Exit 1 if the figures differ from this file: an earlier --json answer, or figures
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Draw the emissions of each policy and the use of the fleet over time, as SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Write what ran where and when under each policy, with its energy and emissions: Parquet if the
    /// name ends in .parquet, CSV if it ends in .csv
    #[arg(long, value_name = "FILE")]
    schedule: Option<PathBuf>,
}

/// How the future is known.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ForecastArg {
    /// Forecasts made from past hours and published prices
    Past,
    /// The truth
    Perfect,
    /// The truth, with errors as large as those of providers' forecasts
    Noisy,
}

/// How lengths are known.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LengthsArg {
    /// Its true length
    Known,
    /// How long earlier jobs of the same user and name took; an hour before any has ended
    History,
}

impl Simulate {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let foresight = match self.forecast {
            ForecastArg::Past => Foresight::Past,
            ForecastArg::Perfect => Foresight::Perfect,
            ForecastArg::Noisy => Foresight::Noisy { seed: self.seed },
        };
        let policies = self.policies()?;
        let expectation = self.expectation(context, &policies)?;
        let settings = Settings::read(context.settings.as_deref())?;
        let mut loaded = self.sources(&settings, foresight)?.load(context)?;
        let form = self.schedule.as_deref().map(schedule::form).transpose()?;
        loaded.setup.keep_details = form.is_some();
        let Loaded {
            setup, grid, slots, ..
        } = &loaded;
        let contenders = policies.iter();
        let contenders = contenders.filter_map(|name| contender(name, &loaded.locales));
        let contenders = contenders.collect();
        let mut feed = RecordedFeed::new(grid.clone(), setup, foresight, SLOT_MS, *slots);
        let played = simulate(setup, &mut feed, contenders)?;
        let (bound, note) = bound(setup);
        let report = Report::of(setup, &played, Some(&bound));
        if let Some(path) = &self.picture {
            let picture = picture::render(&report, &timeline(setup, &played));
            std::fs::write(context.folder.join(path), picture)
                .map_err(|error| wrong(path, &format!("cannot be written: {error}")))?;
        }
        if let Some((path, form)) = self.schedule.as_ref().zip(form) {
            schedule::write(setup, &played, form, &context.folder.join(path))
                .map_err(|error| wrong(path, &error.to_string()))?;
        }
        let missed = expectation.missed_by(&report).map_err(wrong_input)?;
        let view = SimulationView {
            report,
            notes: loaded.notes.iter().cloned().chain(note).collect(),
        };
        render::answer(context, &view)?;
        for line in &missed {
            render::say(&context.err_style.bad(&format!("missed: {line}")));
        }
        Ok(if missed.is_empty() {
            Exit::Done
        } else {
            Exit::RunFailed
        })
    }

    fn sources<'a>(
        &'a self,
        settings: &'a Settings,
        foresight: Foresight,
    ) -> anyhow::Result<Sources<'a>> {
        let per_gb = match self.transfer_kwh_per_gb.or(settings.transfer_kwh_per_gb) {
            Some(kwh) => transfer_milliwatt_hours(kwh)?,
            None => Placing::default().transfer_milliwatt_hours_per_gb,
        };
        Ok(Sources {
            grid: &self.grid,
            fleet: &self.fleet,
            jobs: self.jobs.as_deref(),
            workload: self.workload.as_deref(),
            workflows: &self.workflows,
            params: &self.params,
            instances: &self.instances,
            at: self.as_of.as_deref().map(moment).transpose()?,
            scenario: self.scenario.as_deref(),
            seed: self.seed,
            transfer_milliwatt_hours_per_gb: per_gb,
            foresight,
            lengths: match self.lengths {
                LengthsArg::Known => Lengths::Known,
                LengthsArg::History => Lengths::History,
            },
            settings,
        })
    }

    /// The names of the policies to simulate. The baseline is always one of them.
    fn policies(&self) -> anyhow::Result<Vec<&'static str>> {
        let all = self.policy.iter().any(|name| name == "all");
        let known = names();
        if let Some(unknown) = self
            .policy
            .iter()
            .find(|name| *name != "all" && !known.contains(&name.as_str()))
        {
            return Err(wrong_input(format!(
                "`{unknown}` is not a policy; the policies are {} and all",
                known.join(", ")
            )));
        }
        let chosen = |name: &&str| all || self.policy.iter().any(|one| one == *name);
        let played = known.into_iter().filter(|name| *name != NOW_HOME);
        Ok(played.filter(chosen).collect())
    }

    fn expectation(&self, context: &Context, policies: &[&str]) -> anyhow::Result<Expectation> {
        let mut expectation = match &self.expect {
            Some(path) => {
                let text = read(context, path)?;
                Expectation::read(&text).map_err(|error| wrong(path, &error))?
            }
            None => Expectation::default(),
        };
        if let Some(most) = self.max_gco2e {
            if !(most.is_finite() && most >= 0.0) {
                return Err(wrong_input(format!(
                    "--max-gco2e {most}: expected grams, 0 or more"
                )));
            }
            let name = policies.last().copied().unwrap_or(NOW_HOME);
            expectation.at_most(name, most);
        }
        Ok(expectation)
    }
}

/// The highest lower bound that is known, and a note if one of them is not.
fn bound(setup: &Setup) -> (Bound, Option<String>) {
    let free = limit(setup, SLOT_MS);
    let note = match under_load(setup) {
        UnderLoad::Bound(loaded) if loaded.emissions > free.emissions => return (loaded, None),
        UnderLoad::Bound(_) | UnderLoad::Free => None,
        UnderLoad::TooLarge => Some(format!(
            "bound: machines are scarce, and {} are too many to compute the bound under load, so {} is below what this fleet can reach",
            units::plural(
                u64::try_from(setup.submissions.len()).unwrap_or(u64::MAX),
                "run"
            ),
            free.kind
        )),
        UnderLoad::Impossible => Some(format!(
            "bound: the open machines cannot do all work by its deadlines, so there is no bound under load, and {} is below what this fleet can reach",
            free.kind
        )),
    };
    (free, note)
}

/// The use of the fleet over time under the last policy, with the mean intensity of its zones.
fn timeline(setup: &Setup, played: &[Played]) -> Timeline {
    let Some(last) = played.last() else {
        return Timeline::default();
    };
    let used = hourly_utilization(&last.tally);
    let zones: Vec<_> = setup.truth.zones.values().collect();
    let number = units::float(u64::try_from(zones.len().max(1)).unwrap_or(1));
    let mean = |at: &Timestamp| {
        let sum: f64 = zones
            .iter()
            .map(|zone| f64::from(zone.at(*at)) / 1000.0)
            .sum();
        sum / number
    };
    let ends = (used.first(), used.last());
    Timeline {
        policy: last.name.clone(),
        intensity_gco2e_per_kwh: used.iter().map(|(at, _)| mean(at)).collect(),
        ends: (
            ends.0.map_or_else(String::new, |(at, _)| shown(*at)),
            ends.1.map_or_else(String::new, |(at, _)| shown(*at)),
        ),
        used: used.into_iter().map(|(_, share)| share).collect(),
    }
}
