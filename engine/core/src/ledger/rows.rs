//! The rows behind an account: what each attempt used in each quarter of an hour, and what that
//! emitted, so that anybody can recompute the totals.
//!
//! Rows add up to the account exactly, as it is printed in whole micrograms. Each row's figure is the
//! difference of two running sums that are rounded down, so it differs from the row's own product by
//! less than one microgram.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Ledger;
use super::account::embodied_micrograms;
use super::basis::Basis;
use super::carbon::Carbon;
use super::intensities::{Figure, Intensities, Known};
use super::quarters::{Quarter, split};
use super::supply::Supply;
use super::transfer::Transfer;
use crate::attempt::AttemptStatus;
use crate::energy::Energy;
use crate::ids::{StageId, Timestamp};
use crate::pool::{Fleet, Pool, PoolId};

/// One attempt, as far as rows are made from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Its stage.
    pub stage: StageId,
    /// How it ended.
    pub status: AttemptStatus,
    /// The pool that it ran in.
    pub pool: PoolId,
    /// When it began.
    pub began: Timestamp,
    /// Its duration in microseconds.
    pub wall_us: u64,
    /// Its energy.
    pub energy: Energy,
}

/// Where a figure of energy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnergySource {
    /// A meter.
    Measured,
    /// The model.
    Modelled,
    /// Both, in a row that is not of single attempts.
    MeasuredAndModelled,
    /// It is unknown.
    Missing,
}

/// Energy in a pool in a quarter of an hour, with the intensities there and what it emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// The pool.
    pub pool: PoolId,
    /// The quarter of an hour.
    pub quarter: Quarter,
    /// IT energy in millijoules; `None` if it is unknown.
    pub millijoules: Option<u64>,
    /// The average intensity, if it is known.
    pub average: Option<Figure>,
    /// Emissions by average intensity, in micrograms, if they are known.
    pub micrograms: Option<u64>,
    /// The marginal intensity, if it is known.
    pub marginal: Option<Figure>,
    /// Emissions by marginal intensity, in micrograms, if they are known.
    pub marginal_micrograms: Option<u64>,
}

/// What attempts used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseRow {
    /// The stage.
    pub stage: StageId,
    /// The index of the attempt among those given; `None` in a row of several attempts.
    pub attempt: Option<usize>,
    /// How many attempts used this energy; `None` if that is not known.
    pub attempts: Option<u64>,
    /// How they ended; `None` in a row of all attempts.
    pub status: Option<AttemptStatus>,
    /// Where the figure of energy comes from.
    pub source: EnergySource,
    /// Energy and emissions.
    pub priced: Priced,
    /// Device time in milliseconds; `None` if no device was held.
    pub gpu_ms: Option<u64>,
    /// The embodied share of the devices, in micrograms; `None`, never 0, if it is unknown.
    pub embodied_micrograms: Option<u64>,
}

/// Energy of the counterfactual: the same energy at home, in a run that waits for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HomeRow {
    /// The stage.
    pub stage: StageId,
    /// Energy and emissions.
    pub priced: Priced,
}

/// A transfer of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferRow {
    /// The stage that read the inputs.
    pub stage: StageId,
    /// The transfer.
    pub transfer: Transfer,
    /// The average intensities at its beginning and end, each with what half of the energy emitted
    /// there, in micrograms. `None` unless both are known.
    pub ends: Option<[(Figure, u64); 2]>,
}

/// All rows of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Whether rows of several attempts stand for rows of single ones, because there are too many.
    pub are_sums: bool,
    /// The transfers.
    pub transfers: Vec<TransferRow>,
    /// What attempts used.
    pub used: Vec<UseRow>,
    /// The counterfactual.
    pub at_home: Vec<HomeRow>,
}

/// The rows of stages, made from their ledgers and attempts. There is a row for each attempt and
/// quarter of an hour if that gives at most `most` rows. Otherwise attempts of one stage that ended
/// alike share a row for each pool and quarter, so their number no longer depends on that of tasks.
///
/// A stage whose attempts do not add up to its ledger has the ledger's own rows. Costs time in
/// proportion to the attempts and the quarters that they lasted.
#[must_use]
pub fn rows(
    stages: &[(StageId, &Ledger)],
    meters: &[Meter],
    fleet: &Fleet,
    known: &Intensities,
    most: usize,
) -> Rows {
    let number = meters.iter().map(|meter| pieces(meter).count());
    let are_sums = number.sum::<usize>() > most;
    let mut table = Table {
        fleet,
        known,
        average: Running::default(),
        marginal: Running::default(),
    };
    let mut rows = Rows {
        are_sums,
        ..Rows::default()
    };
    // Transfers come first, so that their rows add up to the share that the account names.
    for (stage, ledger) in stages {
        let transfers = ledger.transfers.iter();
        rows.transfers
            .extend(transfers.map(|one| table.transfer(*stage, *one)));
    }
    for (stage, ledger) in stages {
        table.used(*stage, ledger, meters, &mut rows);
    }
    let mut home = Table {
        average: Running::default(),
        marginal: Running::default(),
        ..table
    };
    for (stage, ledger) in stages {
        for (pool, quarter, millijoules) in ledger.at_home.iter() {
            rows.at_home.push(HomeRow {
                stage: *stage,
                priced: home.price(pool, quarter, Some(millijoules)),
            });
        }
    }
    rows
}

/// What identifies a row of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    attempt: Option<usize>,
    pool: PoolId,
    quarter: Quarter,
    status: Option<AttemptStatus>,
    source: EnergySource,
}

/// The sums of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    attempts: u64,
    millijoules: Option<u64>,
    gpu_ms: Option<u64>,
}

/// Running sums by basis, and what of them was told in whole micrograms.
#[derive(Debug, Default)]
struct Running(BTreeMap<Basis, Carbon>);

impl Running {
    /// Adds emissions. Returns by how many whole micrograms the sum has grown.
    fn add(&mut self, basis: Basis, carbon: Carbon) -> u64 {
        let sum = self.0.entry(basis).or_default();
        let before = sum.micrograms();
        *sum += carbon;
        sum.micrograms() - before
    }
}

struct Table<'a> {
    fleet: &'a Fleet,
    known: &'a Intensities,
    average: Running,
    marginal: Running,
}

impl Table<'_> {
    fn transfer(&mut self, stage: StageId, transfer: Transfer) -> TransferRow {
        let ends = transfer.ends(self.fleet, self.known);
        TransferRow {
            stage,
            transfer,
            ends: ends.map(|ends| {
                ends.map(|(figure, carbon)| {
                    (figure, self.average.add(self.known.basis(&figure), carbon))
                })
            }),
        }
    }

    fn price(&mut self, pool: PoolId, quarter: Quarter, millijoules: Option<u64>) -> Priced {
        let supply = Supply::of(self.fleet, self.known, pool, quarter);
        let Known { average, marginal } = supply.known;
        let emitted = |figure: Option<Figure>, running: &mut Running| {
            let (figure, millijoules) = figure.zip(millijoules)?;
            let carbon = supply.emitted(millijoules, figure);
            Some(running.add(self.known.basis(&figure), carbon))
        };
        Priced {
            pool,
            quarter,
            millijoules,
            average,
            micrograms: emitted(average, &mut self.average),
            marginal,
            marginal_micrograms: emitted(marginal, &mut self.marginal),
        }
    }

    /// Adds the rows of one stage.
    fn used(&mut self, stage: StageId, ledger: &Ledger, meters: &[Meter], rows: &mut Rows) {
        let own = (0..)
            .zip(meters)
            .filter(|(_, meter)| meter.stage == stage)
            .collect::<Vec<(usize, &Meter)>>();
        let mut sums = of_attempts(&own, ledger, rows.are_sums);
        let by_attempts = adds_up(&sums, ledger);
        if !by_attempts {
            sums = of_ledger(ledger);
        }
        let mut embodied: BTreeMap<PoolId, u64> = BTreeMap::new();
        for (key, sum) in sums {
            let rate = self.fleet.get(key.pool);
            let rate = rate.and_then(Pool::embodied_rate);
            let embodied_micrograms = sum.gpu_ms.zip(rate).map(|(gpu_ms, rate)| {
                let so_far = embodied.entry(key.pool).or_default();
                let before = embodied_micrograms(*so_far, rate);
                *so_far = so_far.saturating_add(gpu_ms);
                embodied_micrograms(*so_far, rate) - before
            });
            rows.used.push(UseRow {
                stage,
                attempt: key.attempt,
                attempts: by_attempts.then_some(sum.attempts),
                status: key.status,
                source: key.source,
                priced: self.price(key.pool, key.quarter, sum.millijoules),
                gpu_ms: sum.gpu_ms,
                embodied_micrograms,
            });
        }
    }
}

/// The parts of one attempt: each quarter, with energy from one source if it is known.
fn pieces(meter: &Meter) -> impl Iterator<Item = (Quarter, EnergySource, Option<u64>)> + '_ {
    let sources = [EnergySource::Measured, EnergySource::Modelled];
    let parts = sources.into_iter().zip(meter.energy.parts());
    let known = parts.filter_map(|(source, millijoules)| Some((source, millijoules?)));
    let known = known.flat_map(|(source, millijoules)| {
        split(meter.began, meter.wall_us, millijoules)
            .map(move |(quarter, part)| (quarter, source, Some(part)))
    });
    let missing = match meter.energy {
        Energy::Missing => Some((Quarter::of(meter.began), EnergySource::Missing, None)),
        Energy::Measured { .. } | Energy::Modelled { .. } | Energy::Both { .. } => None,
    };
    known.chain(missing)
}

/// The rows of a stage by its attempts.
fn of_attempts(own: &[(usize, &Meter)], ledger: &Ledger, are_sums: bool) -> BTreeMap<Key, Sum> {
    let mut held = Held::of(own, ledger);
    let mut rows: BTreeMap<Key, Sum> = BTreeMap::new();
    for (index, meter) in own {
        let mut devices: BTreeMap<Quarter, u64> = match held.next(meter) {
            Some(gpu_ms) => split(meter.began, meter.wall_us, gpu_ms).collect(),
            None => BTreeMap::new(),
        };
        let holds = !devices.is_empty();
        for (quarter, source, millijoules) in pieces(meter) {
            let key = Key {
                attempt: (!are_sums).then_some(*index),
                pool: meter.pool,
                quarter,
                status: Some(meter.status),
                source,
            };
            let row = rows.entry(key).or_default();
            row.attempts += 1;
            add(&mut row.millijoules, millijoules);
            // Time without an energy of its own counts in the one row that there is.
            let gpu_ms = match source {
                EnergySource::Missing => holds.then(|| devices.values().sum()),
                _ => devices.remove(&quarter).or(holds.then_some(0)),
            };
            add(&mut row.gpu_ms, gpu_ms);
        }
    }
    rows
}

/// Divides the device time of a stage's ledger among its attempts, in proportion to their duration.
struct Held<'a> {
    ledger: &'a Ledger,
    /// By pool: the duration of all attempts, and of those so far, in milliseconds.
    wall_ms: BTreeMap<PoolId, (u64, u64)>,
}

impl<'a> Held<'a> {
    fn of(own: &[(usize, &Meter)], ledger: &'a Ledger) -> Self {
        let mut wall_ms: BTreeMap<PoolId, (u64, u64)> = BTreeMap::new();
        for (_, meter) in own {
            if meter.status != AttemptStatus::Lost {
                wall_ms.entry(meter.pool).or_default().0 += meter.wall_us / 1000;
            }
        }
        Self { ledger, wall_ms }
    }

    /// The device time of the next attempt; `None` if it held no device.
    fn next(&mut self, meter: &Meter) -> Option<u64> {
        let total = u128::from(*self.ledger.gpu_ms.get(&meter.pool)?);
        if meter.status == AttemptStatus::Lost {
            return None;
        }
        let (all, so_far) = self.wall_ms.get_mut(&meter.pool)?;
        let up_to = |wall_ms: u64| total * u128::from(wall_ms) / u128::from((*all).max(1));
        let before = up_to(*so_far);
        *so_far += meter.wall_us / 1000;
        u64::try_from(up_to(*so_far) - before).ok()
    }
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

/// Whether rows have the energy and the device time of a ledger, by pool and quarter.
fn adds_up(rows: &BTreeMap<Key, Sum>, ledger: &Ledger) -> bool {
    let mut energy: BTreeMap<(PoolId, Quarter), u64> = BTreeMap::new();
    let mut gpu_ms: BTreeMap<PoolId, u64> = BTreeMap::new();
    for (key, sum) in rows {
        if let Some(millijoules) = sum.millijoules {
            let there = energy.entry((key.pool, key.quarter)).or_default();
            *there = there.saturating_add(millijoules);
        }
        if let Some(held_ms) = sum.gpu_ms {
            *gpu_ms.entry(key.pool).or_default() += held_ms;
        }
    }
    let recorded = ledger.quarters.iter();
    let recorded = recorded.map(|(pool, quarter, millijoules)| ((pool, quarter), millijoules));
    energy.into_iter().eq(recorded) && gpu_ms == ledger.gpu_ms
}

/// The rows of a stage by its ledger alone.
fn of_ledger(ledger: &Ledger) -> BTreeMap<Key, Sum> {
    let source = match (ledger.measured_millijoules, ledger.modelled_millijoules) {
        (0, _) => EnergySource::Modelled,
        (_, 0) => EnergySource::Measured,
        _ => EnergySource::MeasuredAndModelled,
    };
    let mut gpu_ms = ledger.gpu_ms.clone();
    let mut rows: BTreeMap<Key, Sum> = BTreeMap::new();
    for (pool, quarter, millijoules) in ledger.quarters.iter() {
        let key = Key {
            attempt: None,
            pool,
            quarter,
            status: None,
            source,
        };
        let sum = rows.entry(key).or_default();
        sum.millijoules = Some(millijoules);
        // All device time of a pool counts in its first quarter.
        let held = ledger.gpu_ms.contains_key(&pool);
        sum.gpu_ms = held.then(|| gpu_ms.remove(&pool).unwrap_or(0));
    }
    // Device time of attempts whose energy is not known.
    for (pool, held_ms) in gpu_ms {
        let key = Key {
            attempt: None,
            pool,
            quarter: Quarter::of(Timestamp(ledger.first_started_ms)),
            status: None,
            source: EnergySource::Missing,
        };
        let sum = rows.entry(key).or_default();
        sum.gpu_ms = Some(held_ms);
    }
    rows
}

#[cfg(test)]
mod tests;
