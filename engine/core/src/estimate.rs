//! Estimates of the duration and the needs of a stage's tasks.

use std::collections::BTreeMap;

use sunward_workflows::Gpus;

use crate::ids::{StageId, Timestamp};
use crate::place::{Likely, Outlook, Placement, Segment, Taken, TimeSource, Timing, Why};
use crate::plan::{PlannedStage, RunSpec};
use crate::planning::gpus;
use crate::pool::{Fleet, Pool, PoolId};
use crate::state::agenda::Agenda;
use crate::state::stage::StageState;
use crate::state::{RunState, State};

/// The assumed duration of a task without any other estimate: an hour, in milliseconds. GAIA
/// (ASPLOS'24) uses the mean length of a queue as well.
const TASK_MS: u64 = 3_600_000;

/// The assumed power of one core under load, in milliwatts.
const CORE_MILLIWATTS: u64 = 12_000;

/// The expected duration of one task of a stage, in milliseconds: as the workflow says, else the
/// mean of its attempts, else the mean of stages with the same meaning, else an hour.
pub(crate) fn task_ms(state: &State, planned: &PlannedStage, stage: &StageState) -> u64 {
    timing(state, planned, stage).task_ms
}

/// The expected duration of one task of a stage, and where it comes from. The margin is left at 0.
pub(crate) fn timing(state: &State, planned: &PlannedStage, stage: &StageState) -> Timing {
    let history = || state.agenda.pace(planned.meaning)?.mean_us();
    if let Some(ms) = planned.stage.expect.time_ms {
        return Timing {
            task_ms: after_checkpoint_ms(ms, planned, stage),
            source: TimeSource::Stated,
            ..Timing::default()
        };
    }
    match stage.ledger.mean_us().or_else(history) {
        Some(us) => Timing {
            task_ms: us.div_ceil(1000),
            source: TimeSource::Observed,
            ..Timing::default()
        },
        None => Timing {
            task_ms: TASK_MS,
            source: TimeSource::Assumed,
            ..Timing::default()
        },
    }
}

/// The expected duration of the tasks of a stage that have not ended, in milliseconds, if as many
/// run at the same time as the stage allows.
pub(crate) fn left_ms(state: &State, run: &RunState, id: StageId) -> u64 {
    let Some((planned, stage)) = run.get(id) else {
        return 0;
    };
    let tasks = run.open_tasks(id);
    let width = planned.stage.max_parallel.unwrap_or(tasks);
    u64::from(tasks.div_ceil(width.max(1))).saturating_mul(task_ms(state, planned, stage))
}

/// The remaining time of a stage that has a checkpoint, after its attempts so far. At least a tenth
/// remains, because the work since the last checkpoint is done again. For an array the whole time
/// remains, because it is not known which of its tasks had begun.
fn after_checkpoint_ms(expected_ms: u64, planned: &PlannedStage, stage: &StageState) -> u64 {
    if !planned.stage.checkpoint || planned.stage.is_scattered() {
        return expected_ms;
    }
    let done_ms = stage.ledger.wall_us / 1000;
    expected_ms.saturating_sub(done_ms).max(expected_ms / 10)
}

/// The capacity that one task of a stage takes while it runs. Its power is that of the first
/// allowed pool that gives the power of its devices.
pub(crate) fn each(agenda: &Agenda, planned: &PlannedStage, allowed: &[PoolId]) -> Taken {
    let fleet = agenda.fleet.as_deref();
    let gpus = devices(agenda, planned, allowed);
    let cpus = planned.stage.resources.cpus.max(1);
    let device = || {
        let pools = allowed.iter().filter_map(|id| fleet?.get(*id));
        pools.map(|pool| pool.gpu_milliwatts).find(|draw| *draw > 0)
    };
    let milliwatts = match planned.stage.expect.power_watts {
        Some(watts) => milliwatts(watts),
        None => match device().filter(|_| gpus > 0) {
            Some(draw) => draw.saturating_mul(u64::from(gpus)),
            None => CORE_MILLIWATTS.saturating_mul(u64::from(cpus)),
        },
    };
    Taken {
        gpus,
        cpus,
        milliwatts,
    }
}

/// The devices of one task in these pools; 0 if no pool has any that it may use, because it then
/// runs on cores.
pub(crate) fn devices(agenda: &Agenda, planned: &PlannedStage, pools: &[PoolId]) -> u32 {
    chosen(agenda, planned, pools).unwrap_or(0)
}

/// How many devices a task gets in some pools: as many as the first of its choices that a pool has. If
/// none has enough, those of the first whose model a pool has, for which no pool has room; but `None` if
/// the stage may do without, or no pool has such a model.
fn chosen(agenda: &Agenda, planned: &PlannedStage, pools: &[PoolId]) -> Option<u32> {
    let resources = &planned.stage.resources;
    if gpus(&resources.gpus) == 0 {
        return None;
    }
    let fleet = agenda.fleet.as_deref();
    let is_right = |id: PoolId, choice: &Gpus| {
        let pool = fleet.and_then(|fleet| fleet.get(id));
        has_devices(agenda, id) && pool.is_none_or(|pool| has_model(pool, choice))
    };
    let choices = || {
        choices(&resources.gpus)
            .into_iter()
            .map(|one| (one, gpus(one)))
    };
    let is_there = |choice: &Gpus, count: u32| {
        let mut pools = pools.iter();
        pools.any(|id| is_right(*id, choice) && ever_has(agenda, *id, count))
    };
    let named = |(choice, _): &(&Gpus, u32)| pools.iter().any(|id| is_right(*id, choice));
    // Devices that are all away come back, and are waited for.
    let nearest = || {
        let nearest = choices().find(named)?;
        (!resources.optional || !is_there(nearest.0, 1)).then_some(nearest)
    };
    let mut all = choices();
    let has = all.find(|(choice, count)| is_there(choice, *count));
    let (_, count) = has.or_else(nearest)?;
    Some(count)
}

/// What is asked for, one after the other as the author prefers them.
fn choices(asked: &Gpus) -> Vec<&Gpus> {
    match asked {
        Gpus::AnyOf(several) => several.iter().flat_map(choices).collect(),
        one @ (Gpus::None | Gpus::Count(_) | Gpus::Model(..)) => vec![one],
    }
}

/// Whether a pool has so many devices in some slot. Without an outlook, it may.
fn ever_has(agenda: &Agenda, id: PoolId, count: u32) -> bool {
    let outlook = agenda.outlook.as_deref();
    let open = outlook.and_then(|outlook| outlook.pool(id));
    open.is_none_or(|open| open.gpus.iter().any(|gpus| *gpus >= count))
}

/// Whether a pool has devices: its description names them, or some are open in some slot.
fn has_devices(agenda: &Agenda, id: PoolId) -> bool {
    let pool = agenda.fleet.as_deref().and_then(|fleet| fleet.get(id));
    let says = pool.is_some_and(|pool| pool.gpu_model.is_some() || pool.gpu_milliwatts > 0);
    let open = |outlook: &Outlook| {
        let pool = outlook.pool(id)?;
        Some(pool.gpus.iter().any(|open| *open > 0))
    };
    says || agenda.outlook.as_deref().and_then(open) == Some(true)
}

/// Converts watts to milliwatts, rounded down. A number that is not a power gives 0.
fn milliwatts(watts: f64) -> u64 {
    // A duration of as many seconds has this number of milliseconds. The conversion rounds
    // exactly and detects numbers out of range.
    let thousandths = std::time::Duration::try_from_secs_f64(watts).map(|time| time.as_millis());
    thousandths.map_or(0, |figure| u64::try_from(figure).unwrap_or(u64::MAX))
}

/// The placement of a stage for which the placer has no answer: at home, now.
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
        likely: Likely::default(),
        timing: Timing::default(),
        alternative: None,
        decided_at: now,
        outlook_at: state.agenda.outlook.as_ref()?.issued_at,
    })
}

/// The home of a stage, where it would run without placement: as the stage says, else the workflow,
/// else the first allowed region, else the user's home, else the first pool.
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

/// The pools where a stage may run, ascending. They are in an allowed region, accept the project,
/// and have the devices and a worker. If no pool has any devices, or no worker is left, that
/// condition is dropped. Devices of another model than it asks for, or fewer, are no place for a stage,
/// unless it may do without (`optional`). Of several choices the first that there is counts, and others
/// of as many devices.
pub(crate) fn allowed(agenda: &Agenda, spec: &RunSpec, planned: &PlannedStage) -> Vec<PoolId> {
    let pools = agenda.fleet.as_deref().into_iter();
    let may: Vec<(PoolId, &Pool)> = pools
        .flat_map(|fleet| admitted(fleet, spec, planned))
        .collect();
    let manned = may.iter().filter(|(id, _)| !agenda.deserted.contains(id));
    let manned: Vec<(PoolId, &Pool)> = manned.copied().collect();
    let may = if manned.is_empty() { may } else { manned };
    let asked = &planned.stage.resources.gpus;
    let ids = may.iter().map(|(id, _)| *id);
    if gpus(asked) == 0 {
        return ids.collect();
    }
    let equipped = may.iter().filter(|(id, _)| has_devices(agenda, *id));
    let equipped: Vec<(PoolId, &Pool)> = equipped.copied().collect();
    let named: Vec<PoolId> = equipped.iter().map(|(id, _)| *id).collect();
    let count = chosen(agenda, planned, &named);
    let is_chosen = |pool: &Pool| {
        let mut chosen = choices(asked)
            .into_iter()
            .filter(|one| Some(gpus(one)) == count);
        chosen.any(|one| has_model(pool, one))
    };
    let fits = equipped.iter().filter(|(_, pool)| is_chosen(pool));
    let fits: Vec<PoolId> = fits.map(|(id, _)| *id).collect();
    let does_without = equipped.is_empty() || planned.stage.resources.optional;
    if fits.is_empty() && does_without {
        ids.collect()
    } else {
        fits
    }
}

/// Why no pool may run a stage, and what is nearest.
pub(crate) fn why_nowhere(agenda: &Agenda, spec: &RunSpec, planned: &PlannedStage) -> String {
    let nothing = Fleet::default();
    let fleet = agenda.fleet.as_deref().unwrap_or(&nothing);
    let admitted: Vec<&Pool> = admitted(fleet, spec, planned)
        .map(|(_, pool)| pool)
        .collect();
    let stage = &planned.stage.name;
    if admitted.is_empty() {
        return format!(
            "no pool of the fleet may run stage {stage}: none of them is in its `regions` and \
             `data_regions` and accepts project {}; allow another region, or another pool",
            spec.placing.project
        );
    }
    let has = admitted.iter().filter_map(|pool| {
        let model = pool.gpu_model.as_ref()?;
        Some(format!("{} has {model}", pool.name))
    });
    format!(
        "no pool of the fleet may run stage {stage}: none of those that it may use has the GPUs that \
         it asks for ({}): {}; ask for a model that there is (`any_of` takes several), or let it run \
         without with `optional: true`",
        planned.stage.resources.gpus,
        has.collect::<Vec<_>>().join(", ")
    )
}

/// The words that `home` has in a workflow and its stages which name no pool, region or zone of a
/// fleet.
pub fn unknown_homes<'a>(fleet: &Fleet, spec: &'a RunSpec) -> Vec<&'a str> {
    let stages = spec.plan.stages.iter().map(|planned| &planned.stage.place);
    let places = std::iter::once(&spec.workflow.place).chain(stages);
    let words = places.filter_map(|place| place.home.as_deref());
    let mut unknown: Vec<&str> = words.filter(|word| fleet.find(word).is_none()).collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

/// The pools that a stage may use by its regions, their projects and the model of their devices,
/// ascending. Capacity is not considered.
#[must_use]
pub fn pools_that_may(fleet: &Fleet, spec: &RunSpec, planned: &PlannedStage) -> Vec<PoolId> {
    let asked = &planned.stage.resources.gpus;
    admitted(fleet, spec, planned)
        .filter(|(_, pool)| has_model(pool, asked))
        .map(|(id, _)| id)
        .collect()
}

/// The pools in a stage's regions that accept its run's project.
fn admitted<'a>(
    fleet: &'a Fleet,
    spec: &'a RunSpec,
    planned: &'a PlannedStage,
) -> impl Iterator<Item = (PoolId, &'a Pool)> {
    let [regions, rests] = regions_of(spec, planned);
    fleet
        .iter()
        .filter(move |(_, pool)| is_named(pool, regions) && is_named(pool, rests))
        .filter(|(_, pool)| takes(pool, &spec.placing.project))
}

/// Whether a pool's devices are of a requested model. A pool that names no model counts as such.
fn has_model(pool: &Pool, asked: &Gpus) -> bool {
    match asked {
        Gpus::None | Gpus::Count(_) => true,
        Gpus::Model(model, _) => pool
            .gpu_model
            .as_ref()
            .is_none_or(|has| has.eq_ignore_ascii_case(model)),
        Gpus::AnyOf(choices) => choices.iter().any(|choice| has_model(pool, choice)),
    }
}

/// The regions in which a stage may run, and those in which its data may rest: its own, or else the
/// workflow's. An empty list allows all.
#[must_use]
pub fn regions_of<'a>(spec: &'a RunSpec, planned: &'a PlannedStage) -> [&'a [String]; 2] {
    let (own, all) = (&planned.stage.place, &spec.workflow.place);
    [
        first_said(&own.regions, &all.regions),
        first_said(&own.data_regions, &all.data_regions),
    ]
}

fn first_said<'a>(stage: &'a [String], workflow: &'a [String]) -> &'a [String] {
    if stage.is_empty() { workflow } else { stage }
}

/// Whether a list of regions, zones or pools names this pool. An empty list names all. Of a machine
/// whose zone is not known, nothing can be said.
fn is_named(pool: &Pool, list: &[String]) -> bool {
    list.is_empty()
        || pool.zone.is_empty()
        || list
            .iter()
            .any(|word| *word == pool.region || *word == pool.zone || *word == pool.name)
}

/// Whether a pool accepts tasks of a project. A name that ends in a star is a prefix, as
/// `climate-*`.
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

/// The bytes that a stage reads, by the pool where they are: outputs of another stage in the pool
/// of that stage's last segment, everything else at home. Empty until its inputs are resolved.
pub(crate) fn inputs(
    run: &RunState,
    planned: &PlannedStage,
    stage: &StageState,
    home: PoolId,
) -> Vec<(PoolId, u64)> {
    let mut bytes: BTreeMap<PoolId, u64> = BTreeMap::new();
    for (input, dataset) in planned.stage.inputs.values().zip(&stage.inputs) {
        let from = run
            .sources(input)
            .iter()
            .find_map(|source| run.spec.plan.find(source.port()?.0));
        let rests = from
            .and_then(|id| run.get(id)?.1.placed.as_deref())
            .and_then(|placed| placed.placement.segments.last())
            .map_or(home, |segment| segment.pool);
        let size: u64 = dataset.parts.iter().map(|part| part.bytes).sum();
        if size > 0 {
            let sum = bytes.entry(rests).or_default();
            *sum = sum.saturating_add(size);
        }
    }
    bytes.into_iter().collect()
}
