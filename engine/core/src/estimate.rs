//! How long and how hungry a stage's tasks are, as far as anybody knows before they ran.

use crate::ids::{StageId, Timestamp};
use crate::place::{Placement, Segment, Taken, Why};
use crate::plan::{PlannedStage, RunSpec};
use crate::planning::gpus;
use crate::pool::{Fleet, Pool, PoolId};
use crate::state::stage::StageState;
use crate::state::{RunState, State};

/// How long a task is taken to be when nobody said and none ran: an hour, in milliseconds. The mean
/// length of a queue is what GAIA (ASPLOS'24) goes by, too.
const TASK_MS: u64 = 3_600_000;

/// What a core draws under load when nobody said, in milliwatts.
const CORE_MILLIWATTS: u64 = 12_000;

/// How long one task of a stage is expected to take, in milliseconds: as its file says, else the mean
/// of its attempts, else that of stages of the same meaning, else an hour.
pub(crate) fn task_ms(state: &State, planned: &PlannedStage, stage: &StageState) -> u64 {
    let history = || {
        let (attempts, wall_us) = state.agenda.paces.get(&planned.meaning)?;
        wall_us.checked_div(*attempts)
    };
    planned.stage.expect.time_ms.unwrap_or_else(|| {
        stage
            .ledger
            .mean_us()
            .or_else(history)
            .map_or(TASK_MS, |us| us.div_ceil(1000))
    })
}

/// What one task of a stage takes of a pool while it runs.
pub(crate) fn each(state: &State, planned: &PlannedStage) -> Taken {
    let fleet = state.agenda.fleet.as_deref();
    let gpus = devices(fleet, planned);
    let cpus = planned.stage.resources.cpus.max(1);
    let milliwatts = match planned.stage.expect.power_watts {
        Some(watts) => milliwatts(watts),
        None => {
            let device = fleet
                .into_iter()
                .flat_map(|fleet| &fleet.pools)
                .map(|pool| pool.gpu_milliwatts)
                .find(|figure| *figure > 0);
            match device {
                Some(device) if gpus > 0 => device.saturating_mul(u64::from(gpus)),
                Some(_) | None => CORE_MILLIWATTS.saturating_mul(u64::from(cpus)),
            }
        }
    };
    Taken {
        gpus,
        cpus,
        milliwatts,
    }
}

/// Devices of one task: none where no pool has any, since it runs on the cores there.
pub(crate) fn devices(fleet: Option<&Fleet>, planned: &PlannedStage) -> u32 {
    let _ = fleet;
    gpus(&planned.stage.resources.gpus)
}

/// Watts as they are written, in milliwatts; rounded down, and 0 for what is no power.
fn milliwatts(watts: f64) -> u64 {
    // A duration of so many seconds has so many thousandths, exactly rounded and never out of range.
    let thousandths = std::time::Duration::try_from_secs_f64(watts).map(|time| time.as_millis());
    thousandths.map_or(0, |figure| u64::try_from(figure).unwrap_or(u64::MAX))
}

/// Where a stage goes when nobody could say: home, now.
pub(crate) fn at_once(
    state: &State,
    run: &RunState,
    id: StageId,
    now: Timestamp,
    tasks: u32,
) -> Option<Placement> {
    let (planned, stage) = run.get(id)?;
    let home = state
        .agenda
        .fleet
        .as_deref()
        .map_or(PoolId::default(), |fleet| home(fleet, &run.spec, planned));
    let end = now.after_ms(task_ms(state, planned, stage));
    Some(Placement {
        segments: vec![Segment {
            pool: home,
            start: now,
            end,
            tasks,
            at_once: tasks,
        }],
        why: Why::AtOnce,
        expected_micrograms: 0,
        transfer_micrograms: 0,
        at_home_now_micrograms: 0,
        alternative: None,
        decided_at: now,
        outlook_at: state.agenda.outlook.as_ref()?.issued_at,
    })
}

/// Where a stage would have run: as the stage says, or the workflow, or the first region that it
/// allows, or the user; else the first pool.
pub(crate) fn home(fleet: &Fleet, spec: &RunSpec, planned: &PlannedStage) -> PoolId {
    let places = [&planned.stage.place, &spec.workflow.place];
    let named = places.into_iter().filter_map(|place| place.home.as_ref());
    let regions = places.into_iter().filter_map(|place| place.regions.first());
    named
        .chain(regions)
        .chain(&spec.placing.home)
        .find_map(|word| fleet.find(word))
        .unwrap_or_default()
}

/// Where a stage may go, ascending: allowed regions, projects that the pool takes, devices that it
/// has. A stage that asks for devices of which no pool has any may go where it could without.
pub(crate) fn allowed(fleet: &Fleet, spec: &RunSpec, planned: &PlannedStage) -> Vec<PoolId> {
    let regions = first_said(&planned.stage.place.regions, &spec.workflow.place.regions);
    let rests = first_said(
        &planned.stage.place.data_regions,
        &spec.workflow.place.data_regions,
    );
    fleet
        .iter()
        .filter(|(_, pool)| is_named(pool, regions) && is_named(pool, rests))
        .filter(|(_, pool)| takes(pool, &spec.placing.project))
        .map(|(id, _)| id)
        .collect()
}

fn first_said<'a>(stage: &'a [String], workflow: &'a [String]) -> &'a [String] {
    if stage.is_empty() { workflow } else { stage }
}

/// Whether a list of regions, zones or pools names this one; an empty list names all.
fn is_named(pool: &Pool, list: &[String]) -> bool {
    list.is_empty()
        || list
            .iter()
            .any(|word| *word == pool.region || *word == pool.zone || *word == pool.name)
}

/// Whether a pool takes tasks of a project. `climate-*` is a pattern: a star at the end stands for
/// anything.
fn takes(pool: &Pool, project: &str) -> bool {
    pool.projects.is_empty()
        || pool
            .projects
            .iter()
            .any(|word| match word.strip_suffix('*') {
                Some(start) => project.starts_with(start),
                None => word == project,
            })
}
