//! The rows behind the ledger's totals, so that anybody can recompute them with a calculator.

use serde::Serialize;
use sunward_core::ledger::{Figure, HomeRow, Intensities, Meter, Priced, TransferRow, UseRow};
use sunward_core::{Account, AttemptStatus, Basis, Certainty, Fleet, PoolId, Quarter, StageId};

use crate::attempts::{Attempt, AttemptEnd};
use crate::machine::shown;
use crate::recorded::Recorded;
use crate::render::units::float;
use crate::view::carbon::{BasisTotal, by_basis, grams, known, micrograms, signed_grams};
use crate::view::of_state::results;

/// The most rows of single attempts. A run with more has rows of several attempts.
pub(crate) const ROWS_LISTED: usize = 2000;

/// How the rows give the totals.
const HOW: &str = "gco2e = energy_joules / 3 600 000 x pue x average.gco2e_per_kwh. A transfer has no PUE; half of its energy counts at each end. Each row is rounded so that all rows together give exactly the total that is printed, in millionths of a gram, so a row may differ from its product by one millionth of a gram. An embodied share or a figure that is not known is null, never 0.";

/// What average and marginal intensity mean.
pub(crate) const AVERAGE_AND_MARGINAL: &str = "Average intensity is what all power in a zone emits per kilowatt-hour, and gives the share of the zone's emissions that this work stands for; marginal intensity is what one more kilowatt-hour emits, from the plant that is turned up for it, and tells what using less, or at another hour, would change.";

/// All rows of a run and their totals.
#[derive(Debug, Serialize)]
pub(crate) struct Entries {
    /// How rows give totals.
    pub(crate) how: &'static str,
    /// What the two kinds of intensity mean.
    pub(crate) average_and_marginal: &'static str,
    /// What a row of `used` is of: `attempt`, or `stage` if there are too many attempts.
    pub(crate) each_row_is: &'static str,
    /// What attempts used, by pool and quarter of an hour.
    pub(crate) used: Vec<UseEntry>,
    /// Inputs that were moved between pools.
    pub(crate) transfers: Vec<TransferEntry>,
    /// The counterfactual: the same energy at home, in a run that waits for nothing.
    pub(crate) at_home_now: Vec<HomeEntry>,
    /// The totals that the rows give.
    pub(crate) totals: Totals,
}

/// What one attempt, or several that ended alike, used in one quarter of an hour.
#[derive(Debug, Serialize)]
pub(crate) struct UseEntry {
    pub(crate) stage: String,
    /// `STAGE/INDEX`; absent in a row of several attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<String>,
    /// The number of the task's lease; absent in a row of several attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<u32>,
    /// How many attempts used this energy.
    pub(crate) attempts: Option<u64>,
    /// `succeeded`, `failed`, `preempted`, `cancelled` or `lost`; `None` in a row of all.
    pub(crate) outcome: Option<AttemptStatus>,
    /// `measured`, `modelled` or `missing`.
    pub(crate) energy_source: sunward_core::ledger::EnergySource,
    #[serde(flatten)]
    pub(crate) place: Place,
    /// Time for which devices were held, summed over devices.
    pub(crate) gpu_seconds: Option<f64>,
    /// The embodied share of the devices per hour and device, if the fleet file says it.
    pub(crate) embodied_gco2e_per_gpu_hour: Option<f64>,
    /// The embodied share; `None` if it is unknown.
    pub(crate) gco2e_embodied: Option<f64>,
    /// `known` or `unknown`.
    pub(crate) embodied: &'static str,
}

/// Energy in a place and quarter of an hour, and its emissions.
#[derive(Debug, Serialize)]
pub(crate) struct Place {
    pub(crate) pool: String,
    pub(crate) zone: String,
    /// The start of the quarter of an hour.
    pub(crate) quarter: String,
    pub(crate) energy_joules: Option<f64>,
    /// `None` for a run without pools, whose place is unknown.
    pub(crate) pue: Option<f64>,
    pub(crate) average: Option<Intensity>,
    pub(crate) gco2e: Option<f64>,
    pub(crate) marginal: Option<Intensity>,
    pub(crate) gco2e_marginal: Option<f64>,
}

/// One intensity and where it comes from.
#[derive(Debug, Serialize)]
pub(crate) struct Intensity {
    pub(crate) gco2e_per_kwh: f64,
    /// `stale`, `forecast`, `estimated` or `actual`.
    pub(crate) certainty: Certainty,
    /// The provider; `trace` for a recorded grid, empty if an older version recorded the figure.
    pub(crate) provider: String,
    /// How the provider's data became this figure.
    pub(crate) how: String,
    #[serde(flatten)]
    pub(crate) basis: Basis,
    /// When it was read or computed.
    pub(crate) known_at: String,
    /// The end of the newest measurement behind it.
    pub(crate) measured_until: String,
    /// How old that measurement was when the quarter began.
    pub(crate) age_seconds: f64,
    /// When the provider published its forecast, if it says so.
    pub(crate) published: Option<String>,
}

/// Inputs that were moved.
#[derive(Debug, Serialize)]
pub(crate) struct TransferEntry {
    pub(crate) stage: String,
    pub(crate) quarter: String,
    pub(crate) from_pool: String,
    pub(crate) from_zone: String,
    pub(crate) to_pool: String,
    pub(crate) to_zone: String,
    pub(crate) bytes: u64,
    pub(crate) kwh_per_gb: f64,
    pub(crate) energy_joules: f64,
    pub(crate) from_average: Option<Intensity>,
    pub(crate) to_average: Option<Intensity>,
    /// The emissions of half of the energy in the zone that it left.
    pub(crate) gco2e_from: Option<f64>,
    /// The emissions of the other half in the zone that it reached.
    pub(crate) gco2e_to: Option<f64>,
}

/// A row of the counterfactual.
#[derive(Debug, Serialize)]
pub(crate) struct HomeEntry {
    pub(crate) stage: String,
    #[serde(flatten)]
    pub(crate) place: Place,
}

/// The totals. They are those of the run's `ledger`.
#[derive(Debug, Serialize)]
pub(crate) struct Totals {
    /// All energy that is known.
    pub(crate) energy_joules: f64,
    /// The headline: `used` and `transfers`. `None` if the intensities count different things.
    pub(crate) gco2e: Option<f64>,
    /// The same by what the intensities count. These are never added.
    pub(crate) gco2e_by_basis: Vec<BasisTotal>,
    pub(crate) gco2e_transfer: Option<f64>,
    pub(crate) gco2e_at_home_now: Option<f64>,
    /// What the run saved against the counterfactual.
    pub(crate) gco2e_saved: Option<f64>,
    pub(crate) gco2e_marginal: Option<f64>,
    pub(crate) gco2e_marginal_at_home_now: Option<f64>,
    pub(crate) gco2e_embodied: Option<f64>,
    pub(crate) embodied: &'static str,
    /// Software carbon intensity, if all that it needs is known.
    pub(crate) sci: Option<Sci>,
}

/// Software carbon intensity of ISO/IEC 21031: `(operational + embodied) / units`.
#[derive(Debug, Serialize)]
pub(crate) struct Sci {
    pub(crate) gco2e_per_task: f64,
    /// E x I: the headline.
    pub(crate) operational_gco2e: f64,
    /// M: the embodied share.
    pub(crate) embodied_gco2e: f64,
    /// R: tasks that ran and have a result.
    pub(crate) tasks: u64,
    /// What it is per.
    pub(crate) per: &'static str,
}

/// Names that rows refer to.
struct Names<'a> {
    stages: &'a [String],
    fleet: &'a Fleet,
    known: &'a Intensities,
}

impl Entries {
    /// The rows of a run. `attempts` are all of it, `tasks` those with a result.
    pub(crate) fn of(recorded: &Recorded, attempts: &[Attempt]) -> anyhow::Result<Self> {
        let run = recorded.run()?;
        let names: Vec<String> = run.stages().map(|stage| stage.name().to_owned()).collect();
        let mut order: Vec<&Attempt> = attempts.iter().collect();
        order.sort_by_key(|one| (one.stage, one.index, one.generation));
        let meters: Vec<Meter> = order.iter().map(|one| meter(one)).collect();
        let state = recorded.state();
        let rows = state.rows(run.id, &meters, ROWS_LISTED);
        let nowhere = Fleet::default();
        let names = Names {
            stages: &names,
            fleet: state.fleet().unwrap_or(&nowhere),
            known: state.intensities(),
        };
        let account = recorded.account();
        let per_gb = run.spec.placing.transfer_milliwatt_hours_per_gb;
        Ok(Self {
            how: HOW,
            average_and_marginal: AVERAGE_AND_MARGINAL,
            each_row_is: if rows.are_sums { "stage" } else { "attempt" },
            used: rows
                .used
                .iter()
                .map(|row| names.used(row, &order))
                .collect(),
            transfers: rows
                .transfers
                .iter()
                .map(|row| names.transfer(row, per_gb))
                .collect(),
            at_home_now: rows.at_home.iter().map(|row| names.home(row)).collect(),
            totals: Totals::of(&account, results(run)),
        })
    }

    /// The number of rows.
    pub(crate) const fn len(&self) -> usize {
        self.used.len() + self.transfers.len() + self.at_home_now.len()
    }
}

impl Totals {
    fn of(account: &Account, tasks: u64) -> Self {
        let gco2e = account.headline().map(grams);
        let at_home = account.at_home().map(grams);
        let embodied = account.embodied().map(micrograms);
        Self {
            energy_joules: float(account.millijoules) / 1000.0,
            gco2e,
            gco2e_by_basis: by_basis(account),
            gco2e_transfer: gco2e.and_then(|_| account.transfer.single()).map(grams),
            gco2e_at_home_now: at_home,
            gco2e_saved: account.saved_micrograms().map(signed_grams),
            gco2e_marginal: account.marginal().map(grams),
            gco2e_marginal_at_home_now: account.marginal_at_home().map(grams),
            gco2e_embodied: embodied,
            embodied: known(embodied.is_some()),
            sci: account.sci_micrograms(tasks).zip(gco2e.zip(embodied)).map(
                |(sci, (operational_gco2e, embodied_gco2e))| Sci {
                    gco2e_per_task: micrograms(sci),
                    operational_gco2e,
                    embodied_gco2e,
                    tasks,
                    per: "task that ran and has a result",
                },
            ),
        }
    }
}

impl Names<'_> {
    fn stage(&self, id: StageId) -> String {
        let name = self.stages.get(id.place());
        name.map_or_else(|| "?".to_owned(), Clone::clone)
    }

    fn pool(&self, id: PoolId) -> (String, String) {
        self.fleet.get(id).map_or_else(
            || ("unknown".to_owned(), "unknown".to_owned()),
            |pool| (pool.name.clone(), pool.zone.clone()),
        )
    }

    fn used(&self, row: &UseRow, attempts: &[&Attempt]) -> UseEntry {
        let own = row.attempt.and_then(|at| attempts.get(at));
        let rate = self.fleet.get(row.priced.pool);
        let rate = rate.and_then(sunward_core::Pool::embodied_rate);
        let stage = self.stage(row.stage);
        UseEntry {
            task: own.map(|one| format!("{stage}/{}", one.index)),
            stage,
            attempt: own.map(|one| one.generation),
            attempts: row.attempts,
            outcome: row.status,
            energy_source: row.source,
            place: self.place(&row.priced),
            gpu_seconds: row.gpu_ms.map(|ms| float(ms) / 1000.0),
            embodied_gco2e_per_gpu_hour: row.gpu_ms.and(rate).map(micrograms),
            gco2e_embodied: row.embodied_micrograms.map(micrograms),
            embodied: known(row.embodied_micrograms.is_some()),
        }
    }

    fn transfer(&self, row: &TransferRow, milliwatt_hours_per_gb: u64) -> TransferEntry {
        let one = &row.transfer;
        let (from_pool, from_zone) = self.pool(one.from);
        let (to_pool, to_zone) = self.pool(one.to);
        let end = |at: usize| row.ends.as_ref().and_then(|ends| ends.get(at));
        let intensity = |at: usize| end(at).map(|(figure, _)| self.intensity(figure, one.quarter));
        TransferEntry {
            stage: self.stage(row.stage),
            quarter: shown(one.quarter.start()),
            from_pool,
            from_zone,
            to_pool,
            to_zone,
            bytes: one.bytes,
            kwh_per_gb: float(milliwatt_hours_per_gb) / 1e6,
            energy_joules: float(one.millijoules) / 1000.0,
            from_average: intensity(0),
            to_average: intensity(1),
            gco2e_from: end(0).map(|(_, ug)| micrograms(*ug)),
            gco2e_to: end(1).map(|(_, ug)| micrograms(*ug)),
        }
    }

    fn home(&self, row: &HomeRow) -> HomeEntry {
        HomeEntry {
            stage: self.stage(row.stage),
            place: self.place(&row.priced),
        }
    }

    fn place(&self, priced: &Priced) -> Place {
        let (pool, zone) = self.pool(priced.pool);
        let pue = self.fleet.get(priced.pool);
        let intensity =
            |figure: Option<Figure>| figure.map(|one| self.intensity(&one, priced.quarter));
        Place {
            pool,
            zone,
            quarter: shown(priced.quarter.start()),
            energy_joules: priced.millijoules.map(|mj| float(mj) / 1000.0),
            pue: pue.map(|pool| f64::from(pool.pue_permille) / 1000.0),
            average: intensity(priced.average),
            gco2e: priced.micrograms.map(micrograms),
            marginal: intensity(priced.marginal),
            gco2e_marginal: priced.marginal_micrograms.map(micrograms),
        }
    }

    fn intensity(&self, figure: &Figure, quarter: Quarter) -> Intensity {
        let source = self.known.source(figure).cloned().unwrap_or_default();
        let age_ms = quarter.start().since_ms(figure.measured_until);
        Intensity {
            gco2e_per_kwh: f64::from(figure.mg_per_kwh) / 1000.0,
            certainty: figure.certainty,
            provider: source.provider,
            how: source.how,
            basis: source.basis,
            known_at: shown(figure.known_at),
            measured_until: shown(figure.measured_until),
            age_seconds: float(age_ms) / 1000.0,
            published: figure.published.map(shown),
        }
    }
}

/// An attempt, as far as rows are made from it.
fn meter(attempt: &Attempt) -> Meter {
    Meter {
        stage: attempt.stage,
        status: status(&attempt.end),
        pool: attempt.pool,
        began: sunward_core::Timestamp(attempt.started_ms),
        wall_us: attempt.wall_us,
        energy: attempt.energy,
    }
}

fn status(end: &AttemptEnd) -> AttemptStatus {
    match end {
        AttemptEnd::Succeeded => AttemptStatus::Succeeded,
        AttemptEnd::CutOff => AttemptStatus::Lost,
        AttemptEnd::Failed { failure, .. } => match failure.kind {
            sunward_core::FailureKind::Preempted => AttemptStatus::Preempted,
            sunward_core::FailureKind::Cancelled => AttemptStatus::Cancelled,
            _ => AttemptStatus::Failed,
        },
    }
}
