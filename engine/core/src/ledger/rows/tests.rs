//! Rows add up to the account, whatever the ledger.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{EnergySource, Meter, Rows, rows};
use crate::attempt::AttemptStatus;
use crate::energy::Energy;
use crate::ids::{StageId, Timestamp};
use crate::ledger::{
    Account, Actuals, Basis, Carbon, Factors, Figure, Flow, Intensities, Ledger, QUARTER_MS,
    Quarter, Signal, Spent, Sums, Transfer,
};
use crate::pool::{Fleet, Pool, PoolId};

/// The quarter at which stories begin.
const DAWN: u32 = 1_900_000;

/// A pool in each of four zones. Nothing is known of the grid of the last one.
fn fleet() -> Fleet {
    let pool = |(zone, pue, embodied): (&str, u32, u64)| Pool {
        name: zone.to_owned(),
        zone: zone.to_owned(),
        pue_permille: pue,
        embodied_micrograms_per_gpu_hour: embodied,
        ..Pool::default()
    };
    let pools = [
        ("DE", 1120, 15_125_571),
        ("GB", 1350, 0),
        ("NO", 1000, 7),
        ("XX", 1500, 9),
    ];
    Fleet {
        pools: pools.map(pool).to_vec(),
    }
}

fn basis(number: u8) -> Basis {
    let factors = [Factors::LifeCycle, Factors::Direct][usize::from(number % 2)];
    let flow = [Flow::Consumption, Flow::Generation][usize::from(number / 2 % 2)];
    Basis { factors, flow }
}

/// The intensities of three zones over two days, each on a basis of its own.
fn grid(grams: &[(u32, Option<u32>)], bases: [u8; 3]) -> Intensities {
    let mut known = Intensities::default();
    for (zone, number) in ["DE", "GB", "NO"].into_iter().zip(bases) {
        let signal = Signal {
            zone: zone.to_owned(),
            provider: "story".to_owned(),
            basis: basis(number),
            published: None,
        };
        let shifted = grams.iter().cycle().skip(usize::from(number));
        let actuals = Actuals {
            zone: zone.to_owned(),
            source: "measured".to_owned(),
            first: Quarter(DAWN),
            values: shifted
                .take(192)
                .map(|(average, marginal)| (*average, *marginal, false))
                .collect(),
        };
        known.learn(&actuals, Some(&signal), Timestamp(0));
    }
    known
}

/// An attempt: stage, pool, minutes after dawn, duration, energy by kind, and how it ended.
type Tale = (u32, u32, u64, u64, (u8, u64, u64), u8);

fn tale() -> impl Strategy<Value = Tale> {
    let energy = (0_u8..4, 0_u64..9_000_000_000, 0_u64..9_000_000);
    let wall_us = prop_oneof![0_u64..3_000, 0_u64..20_000_000_000];
    (0_u32..2, 0_u32..4, 0_u64..2_000, wall_us, energy, 0_u8..4)
}

fn energy((kind, one, other): (u8, u64, u64)) -> Energy {
    match kind {
        0 => Energy::Measured { millijoules: one },
        1 => Energy::Modelled { millijoules: one },
        2 => Energy::Missing,
        _ => Energy::Both {
            measured_millijoules: one,
            modelled_millijoules: other,
        },
    }
}

/// The ledgers of two stages with these attempts, and the attempts.
fn story(tales: &[Tale]) -> (Vec<Ledger>, Vec<Meter>) {
    let mut ledgers = vec![Ledger::default(); 2];
    let mut meters = Vec::new();
    for (stage, pool, minutes, wall_us, used, end) in tales {
        let began = Quarter(DAWN).start().after_ms(minutes * 60_000);
        let status = [
            AttemptStatus::Succeeded,
            AttemptStatus::Failed,
            AttemptStatus::Preempted,
            AttemptStatus::Lost,
        ][usize::from(*end)];
        let lost = status == AttemptStatus::Lost;
        let meter = Meter {
            stage: StageId(*stage),
            status,
            pool: PoolId(*pool),
            began,
            wall_us: *wall_us,
            energy: if lost { Energy::Missing } else { energy(*used) },
        };
        if !lost {
            let spent = Spent {
                started_ms: began.0,
                wall_us: *wall_us,
                cpu_us: 0,
                energy: meter.energy,
            };
            let ledger = &mut ledgers[usize::try_from(*stage).unwrap()];
            ledger.add(spent);
            // The first stage holds two devices, except in the pool without any.
            let gpus = if *stage == 0 && *pool != 2 { 2 } else { 0 };
            ledger.locate(spent, 1, (meter.pool, gpus));
            ledger.locate_at_home(spent, 1, (PoolId(0), Quarter(DAWN).start()));
        }
        meters.push(meter);
    }
    (ledgers, meters)
}

/// Sums of rows by basis, in whole micrograms.
type ByBasis = BTreeMap<Basis, u64>;

fn count(sums: &mut ByBasis, known: &Intensities, row: Option<(Figure, u64)>) {
    if let Some((figure, micrograms)) = row {
        *sums.entry(known.basis(&figure)).or_default() += micrograms;
    }
}

fn told(sums: &Sums) -> ByBasis {
    let each = sums.iter();
    each.map(|(basis, carbon)| (basis, carbon.micrograms()))
        .collect()
}

/// Fails unless the rows add up to the account.
fn assert_sums(rows: &Rows, account: &Account, known: &Intensities) {
    let mut all = ByBasis::new();
    for row in &rows.transfers {
        for end in row.ends.into_iter().flatten() {
            count(&mut all, known, Some(end));
        }
    }
    assert_eq!(all, told(&account.transfer), "transfers");
    let mut marginal = ByBasis::new();
    let (mut uncovered, mut energy) = (0, 0);
    for row in &rows.used {
        let priced = &row.priced;
        count(&mut all, known, priced.average.zip(priced.micrograms));
        let other = priced.marginal.zip(priced.marginal_micrograms);
        count(&mut marginal, known, other);
        energy += priced.millijoules.unwrap_or(0);
        if priced.average.is_none() {
            uncovered += priced.millijoules.unwrap_or(0);
        }
        assert_eq!(
            row.source == EnergySource::Missing,
            priced.millijoules.is_none()
        );
    }
    assert_eq!(all, told(&account.by_basis()), "all");
    assert_eq!(marginal, told(&account.marginal), "marginal");
    assert_eq!(energy, account.millijoules);
    assert_eq!(uncovered, account.uncovered_millijoules);
    let mut home = ByBasis::new();
    for row in &rows.at_home {
        count(
            &mut home,
            known,
            row.priced.average.zip(row.priced.micrograms),
        );
    }
    assert_eq!(home, told(&account.at_home_now), "at home");
    let embodied = rows.used.iter().filter_map(|row| row.embodied_micrograms);
    assert_eq!(embodied.sum::<u64>(), account.embodied_micrograms);
    if let Some(headline) = account.headline() {
        assert_eq!(all.values().sum::<u64>(), headline.micrograms());
    }
}

fn assert_near_products(rows: &Rows, fleet: &Fleet) {
    for row in &rows.used {
        let priced = &row.priced;
        let (Some(figure), Some(micrograms)) = (priced.average, priced.micrograms) else {
            continue;
        };
        let pue = fleet.get(priced.pool).unwrap().pue_permille;
        let own = Carbon::of(priced.millijoules.unwrap(), pue, figure.mg_per_kwh).micrograms();
        assert!(micrograms.abs_diff(own) <= 1, "{row:?}");
    }
}

proptest! {
    #[test]
    fn rows_add_up_to_the_account_of_any_ledger(
        tales in prop::collection::vec(tale(), 0..30),
        grams in prop::collection::vec((1_u32..900_000, prop::option::of(1_u32..900_000)), 1..40),
        bases in prop_oneof![Just([0_u8; 3]), prop::array::uniform3(0_u8..4)],
        moves in prop::collection::vec((0_u32..4, 0_u32..4, 0_u32..200, 0_u64..9_000_000_000), 0..5),
        forgotten in prop::bool::ANY,
    ) {
        let (mut ledgers, mut meters) = story(&tales);
        ledgers[1].transfers.extend(moves.iter().map(|(from, to, quarter, millijoules)| Transfer {
            from: PoolId(*from),
            to: PoolId(*to),
            quarter: Quarter(DAWN + quarter),
            bytes: 1,
            millijoules: *millijoules,
        }));
        let (fleet, known) = (fleet(), grid(&grams, bases));
        let mut account = Account::default();
        for ledger in &ledgers {
            account.merge(&Account::of(ledger, &fleet, &known));
        }
        if forgotten {
            meters.pop();
        }
        let stages: Vec<_> = (0..).map(StageId).zip(&ledgers).collect();
        for most in [0, usize::MAX] {
            let rows = rows(&stages, &meters, &fleet, &known, most);
            assert_sums(&rows, &account, &known);
            assert_near_products(&rows, &fleet);
        }
        if let Some(micrograms) = account.embodied() {
            let rows = rows(&stages, &meters, &fleet, &known, 0);
            let row = rows.used.iter().find(|row| row.embodied_micrograms.is_none());
            let lost = row.is_none_or(|row| row.status == Some(AttemptStatus::Lost));
            prop_assert!(lost, "{micrograms} is told, and {row:?} is unknown");
        }
        let is_one = |sums: &Sums| sums.iter().count() <= 1;
        prop_assert!(account.headline().is_none() || is_one(&account.by_basis()));
    }

    #[test]
    fn the_number_of_rows_of_an_array_does_not_depend_on_its_tasks(
        tasks in 1_u64..2_000,
        wall_us in 1_u64..4_000_000_000,
    ) {
        let array: Vec<Tale> = (0..tasks)
            .map(|task| (0, 0, task % 15, wall_us, (0, task, 0), 0))
            .collect();
        let (ledgers, meters) = story(&array);
        let stages: Vec<_> = (0..).map(StageId).zip(&ledgers).collect();
        let (fleet, known) = (fleet(), grid(&[(1, None)], [0; 3]));
        let rows = rows(&stages, &meters, &fleet, &known, 10);
        let most = wall_us / 1000 / QUARTER_MS + 2;
        prop_assert!(u64::try_from(rows.used.len()).unwrap() <= most.max(10));
        if rows.are_sums {
            let first = rows.used[0].attempts.unwrap();
            prop_assert!(rows.used.iter().any(|row| row.attempts == Some(tasks)) || first < tasks);
            prop_assert!(rows.used.iter().all(|row| row.attempt.is_none()));
        }
    }
}

#[test]
fn figures_of_two_bases_have_no_common_sum() {
    let (ledgers, _) = story(&[
        (0, 0, 0, 60_000_000, (0, 3_600_000_000, 0), 0),
        (0, 1, 0, 60_000_000, (0, 3_600_000_000, 0), 0),
    ]);
    let of = |bases| Account::of(&ledgers[0], &fleet(), &grid(&[(100_000, None)], bases));
    let alike = of([0, 0, 0]);
    assert_eq!(alike.headline().unwrap().micrograms(), 247_000_000);
    assert!(alike.at_home().is_some());
    let mixed = of([0, 1, 0]);
    assert_eq!(mixed.headline(), None);
    assert_eq!((mixed.at_home(), mixed.saved_micrograms()), (None, None));
    // At home all of it would have been used in DE.
    assert_eq!(alike.saved_micrograms(), Some(224_000_000 - 247_000_000));
    let each: Vec<u64> = told(&mixed.by_basis()).into_values().collect();
    assert_eq!(each, [112_000_000, 135_000_000]);
    assert_eq!(mixed.budgeted(), alike.headline(), "a budget limits both");
}

#[test]
fn an_attempt_without_devices_has_no_embodied_share_and_no_sci() {
    let known = grid(&[(100_000, None)], [0; 3]);
    let account = |tales: &[Tale]| Account::of(&story(tales).0[0], &fleet(), &known);
    let hour = (0, 3_600_000_000, 0);
    let devices = account(&[(0, 0, 0, 3_600_000_000, hour, 0)]);
    assert_eq!(devices.embodied(), Some(2 * 15_125_571));
    assert_eq!(
        devices.sci_micrograms(2),
        Some((112_000_000 + 30_251_142) / 2)
    );
    for without in [1, 2] {
        let tales = [
            (0, 0, 0, 3_600_000_000, hour, 0),
            (0, without, 0, 3_600_000_000, hour, 0),
        ];
        let some = account(&tales);
        assert_eq!((some.embodied(), some.sci_micrograms(2)), (None, None));
    }
    assert_eq!(account(&[]).embodied(), None, "nothing ran");
}
