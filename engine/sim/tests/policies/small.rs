//! Small problems: two zones, hourly slots, stages of a kilowatt.

use std::sync::Arc;

use sunward_core::place::{
    Ask, AskId, Outlook, PoolOutlook, Prefer, Problem, Reserved, Timing, ZoneOutlook,
};
use sunward_core::{Fleet, Pool, PoolId, RunId, StageId, Timestamp};

pub(crate) const HOUR_MS: u64 = 3_600_000;
pub(crate) const HOME: PoolId = PoolId(0);
pub(crate) const AWAY: PoolId = PoolId(1);

/// Two pools, `HOME` and `AWAY`, with these forecasts in g/kWh and `gpus` devices each.
pub(crate) fn problem(home: &[u32], away: &[u32], gpus: u32, asks: Vec<Ask>) -> Problem {
    let pool = |name: &str| Pool {
        name: name.into(),
        region: name.into(),
        zone: name.into(),
        pue_permille: 1000,
        ..Pool::default()
    };
    let zone = |name: &str, grams: &[u32]| ZoneOutlook {
        zone: name.into(),
        intensity_mg_per_kwh: grams.iter().map(|one| one * 1000).collect(),
        error_permille: vec![0; grams.len()],
        // Power below 50 g is surplus wind.
        surplus: grams.iter().map(|one| *one < 50).collect(),
        ..ZoneOutlook::default()
    };
    let open = |grams: &[u32]| PoolOutlook {
        gpus: vec![gpus; grams.len()],
        cpus: vec![gpus; grams.len()],
    };
    Problem {
        now: Timestamp(0),
        fleet: Arc::new(Fleet {
            pools: vec![pool("A-HOME"), pool("B-AWAY")],
        }),
        outlook: Arc::new(Outlook {
            slot_ms: HOUR_MS,
            zones: vec![zone("A-HOME", home), zone("B-AWAY", away)],
            pools: vec![open(home), open(away)],
            ..Outlook::default()
        }),
        reserved: Arc::new(Reserved::default()),
        curtailments: Arc::default(),
        asks,
        transfer_milliwatt_hours_per_gb: 10_000,
        shares: std::collections::BTreeMap::default(),
        demand: sunward_core::place::Demand::default(),
    }
}

/// A stage of run `run` with `tasks` tasks of `hours` hours, `width` at once, that must end by hour
/// `by_h`.
pub(crate) fn ask(run: u32, tasks: u32, width: u32, hours: u64, by_h: u64) -> Ask {
    Ask {
        id: AskId {
            run: RunId(run.into()),
            stage: StageId(0),
        },
        after: Vec::new(),
        project: "default".into(),
        priority: 0,
        since: Timestamp(0),
        tasks,
        width,
        gpus: 1,
        cpus: 1,
        task_ms: hours * HOUR_MS,
        task_milliwatts: 1_000_000,
        ready_at: Timestamp(0),
        finish_by: Some(Timestamp(by_h * HOUR_MS)),
        start_by: None,
        max_delay_ms: None,
        allowed: vec![HOME, AWAY],
        home: HOME,
        data: Vec::new(),
        prefer: vec![Prefer::Carbon],
        previous: None,
        timing: Timing::default(),
        margin_ms: 0,
    }
}
