//! Plans that cannot be: a home that is nowhere, and tasks that are larger than any pool.

use std::collections::BTreeSet;

use sunward_core::{Fleet, PlannedStage, Pool, RunSpec, pools_that_may, regions_of, unknown_homes};
use sunward_grid::{most_open, pool_of};
use sunward_workflows::{Action, Gpus, PoolSpec, Stage, names};

use super::{PlacedStage, Placing};
use crate::exit::wrong_input;
use crate::machine::HERE;
use crate::render;
use crate::render::units::plural;

/// Refuses a `home` that no pool of a fleet has.
///
/// # Errors
/// Fails with the names that there are.
pub(crate) fn unknown_home(pools: &[PoolSpec], spec: &RunSpec) -> anyhow::Result<()> {
    let fleet = Fleet {
        pools: pools.iter().map(pool_of).collect(),
    };
    let unknown = unknown_homes(&fleet, spec);
    let Some(word) = unknown.first() else {
        return Ok(());
    };
    let known = || {
        let words = fleet.pools.iter();
        words.flat_map(|pool| [&pool.zone, &pool.region, &pool.name].map(String::as_str))
    };
    let nearest = names::nearest(word, known());
    let nearest = nearest.map_or_else(String::new, |word| format!("; did you mean {word}?"));
    let zones: BTreeSet<&str> = fleet.pools.iter().map(|pool| pool.zone.as_str()).collect();
    let zones: Vec<&str> = zones.into_iter().collect();
    Err(wrong_input(format!(
        "home: {word} is no pool, region or zone of the fleet, so there is nothing to compare with; its zones are {}{nearest}",
        zones.join(", ")
    )))
}

/// Refuses a run on this machine of a stage whose `regions` or `data_regions` do not name its zone. Where
/// the zone is not known, this says so.
///
/// # Errors
/// Fails with the stage and its regions.
pub(crate) fn other_region(zone: Option<&str>, spec: &RunSpec) -> anyhow::Result<()> {
    let here = Pool {
        name: HERE.to_owned(),
        region: zone.unwrap_or_default().to_owned(),
        zone: zone.unwrap_or_default().to_owned(),
        ..Pool::default()
    };
    let fleet = Fleet { pools: vec![here] };
    let selected = spec.plan.stages.iter().filter(|planned| planned.selected);
    let stated = selected.filter_map(|planned| Some((planned, stated_regions(spec, planned)?)));
    for (planned, regions) in stated {
        let Some(zone) = zone else {
            render::say(&format!(
                "the grid zone of this machine is not known, so it is not checked against {regions}; give --zone, or set `zone:` in your settings"
            ));
            return Ok(());
        };
        if pools_that_may(&fleet, spec, planned).is_empty() {
            return Err(wrong_input(format!(
                "stage {} may not run in {zone}, the grid zone of this machine, because of {regions}; add {zone} there, or run it on a machine in one of these regions",
                planned.stage.name
            )));
        }
    }
    Ok(())
}

/// The regions in which a stage may run and its data may rest, as its workflow states them.
fn stated_regions(spec: &RunSpec, planned: &PlannedStage) -> Option<String> {
    let keys = ["regions", "data_regions"].into_iter();
    let stated = keys.zip(regions_of(spec, planned));
    let stated = stated.filter(|(_, list)| !list.is_empty());
    let told = stated.map(|(key, list)| format!("`{key}: [{}]`", list.join(", ")));
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join(" and "))
}

/// Refuses a plan with a task for which no pool ever has room.
///
/// # Errors
/// Fails with what the task needs, and what is nearest.
pub(crate) fn too_large(
    placing: &Placing,
    pools: &[PoolSpec],
    spec: &RunSpec,
) -> anyhow::Result<()> {
    without_devices(pools, spec)?;
    let nowhere = placing.stages.iter();
    for one in nowhere.filter(|one| one.placement.segments.is_empty()) {
        let ask = &one.ask;
        let may = ask.allowed.iter().filter_map(|id| pools.get(id.place()));
        let most: Vec<(u32, u32, &str)> = may.map(most).collect();
        let fits = |(gpus, cpus, _): &(u32, u32, &str)| {
            *gpus >= ask.gpus && (ask.gpus > 0 || *cpus >= ask.cpus)
        };
        if !most.iter().any(fits) {
            return Err(anyhow::anyhow!("{}", larger(one, &most)));
        }
    }
    Ok(())
}

/// Refuses a stage whose tasks need a GPU if no pool has any. Those of a kernel run on cores instead.
fn without_devices(pools: &[PoolSpec], spec: &RunSpec) -> anyhow::Result<()> {
    if pools.iter().any(|pool| most_open(pool).gpus > 0) {
        return Ok(());
    }
    let needs = |stage: &&Stage| {
        let does_without =
            stage.resources.optional || matches!(stage.action, Action::Kernel { .. });
        stage.resources.gpus != Gpus::None && !does_without
    };
    let mut stages = spec.plan.stages.iter().map(|planned| &planned.stage);
    let Some(stage) = stages.find(needs) else {
        return Ok(());
    };
    let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
    Err(anyhow::anyhow!(
        "stage {} needs GPUs ({}) for each task, and none of the fleet's pools has any ({}); plan over a fleet with GPUs, or let it run without with `optional: true`",
        stage.name,
        stage.resources.gpus,
        names.join(", ")
    ))
}

/// The most devices and cores that a pool ever provides, and its name.
fn most(pool: &PoolSpec) -> (u32, u32, &str) {
    let open = most_open(pool);
    (open.gpus, open.cpus, &pool.name)
}

fn larger(one: &PlacedStage, most: &[(u32, u32, &str)]) -> String {
    let ask = &one.ask;
    let (needs, nearest) = if ask.gpus > 0 {
        let nearest = most.iter().max_by_key(|(gpus, _, _)| *gpus);
        let has = nearest.map(|(gpus, _, name)| (plural(u64::from(*gpus), "GPU"), name));
        (plural(u64::from(ask.gpus), "GPU"), has)
    } else {
        let nearest = most.iter().max_by_key(|(_, cpus, _)| *cpus);
        let has = nearest.map(|(_, cpus, name)| (plural(u64::from(*cpus), "core"), name));
        (plural(u64::from(ask.cpus), "core"), has)
    };
    let has = nearest.map_or_else(
        || "there is no pool".to_owned(),
        |(most, name)| format!("the most that a pool has is {most}, in {name}"),
    );
    format!(
        "stage {} needs {needs} for each task, which no pool that it may use ever has: {has}; ask for less in `resources`, or plan over a larger fleet",
        one.stage
    )
}
