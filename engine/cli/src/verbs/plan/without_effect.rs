//! Finds settings of the workflow and the fleet that have no effect yet.

use sunward_core::RunSpec;
use sunward_workflows::Place;

use crate::fleet_file::FleetFile;

/// One line for each setting that has no effect. Without a grid, these include all of `place:` apart from
/// regions, which hold for this machine too.
pub(super) fn lines(spec: &RunSpec, placed: bool, fleet: Option<&FleetFile>) -> Vec<String> {
    let mut lines = Vec::new();
    let workflow = &spec.workflow;
    if !placed {
        place_lines("the workflow", &workflow.place, &mut lines);
        if workflow.budget.gco2e.is_some() {
            lines
                .push("budget.gco2e: no grid was given, so this budget is not enforced".to_owned());
        }
    }
    for stage in workflow.stages.values() {
        let who = format!("stage {}", stage.name);
        if !placed {
            place_lines(&who, &stage.place, &mut lines);
        }
    }
    lines.extend(
        fleet
            .into_iter()
            .flat_map(|fleet| fleet.without_effect.iter().cloned()),
    );
    lines
}

fn place_lines(who: &str, place: &Place, lines: &mut Vec<String>) {
    let Place {
        prefer,
        deadline_ms,
        deadline_risk_ppm,
        max_delay_ms,
        home,
        regions: _,
        data_regions: _,
    } = place;
    let set = [
        ("prefer", !prefer.is_empty()),
        ("deadline", deadline_ms.is_some()),
        ("deadline_risk", deadline_risk_ppm.is_some()),
        ("max_delay", max_delay_ms.is_some()),
        ("home", home.is_some()),
    ];
    for (name, _) in set.iter().filter(|(_, set)| *set) {
        lines.push(format!(
            "{who}: place.{name}: no grid was given, so everything runs here and at once; give --grid"
        ));
    }
}
