//! Expected figures of a report, so that a test can assert a pipeline's carbon.

use std::collections::BTreeMap;

use serde_json::Value;
use sunward_sim::report::Report;
use sunward_workflows::read_params;

/// The relative difference up to which two figures are equal.
const TOLERANCE: f64 = 1e-6;

/// The expected figures, by policy and figure. The name of a figure is the report's own. Alone it
/// means equal; after `min_` or `max_` it is a bound.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Expectation(BTreeMap<String, BTreeMap<String, f64>>);

impl Expectation {
    /// Reads a map from policy to figures, or an earlier report from `--json`.
    ///
    /// # Errors
    /// Fails if the text is neither. The message says what is wrong and what was expected.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let map: BTreeMap<String, Value> = read_params(text)
            .map_err(|why| format!("{why}; expected YAML or JSON as `sunward: {{ max_gco2e: 1200 }}`, or an earlier answer of --json"))?
            .into_iter()
            .map(|(key, value)| (key, value.to_json()))
            .collect();
        if let Some(Value::Array(policies)) = map.get("policies") {
            return Ok(Self(policies.iter().filter_map(former).collect()));
        }
        let mut all = BTreeMap::new();
        for (policy, figures) in map {
            let Value::Object(figures) = figures else {
                return Err(format!(
                    "{policy}: expected figures, such as {{ max_gco2e: 1200 }}"
                ));
            };
            let mut expected = BTreeMap::new();
            for (figure, value) in figures {
                let Some(value) = value.as_f64() else {
                    return Err(format!("{policy}.{figure}: expected a number, not {value}"));
                };
                expected.insert(figure, value);
            }
            all.insert(policy, expected);
        }
        Ok(Self(all))
    }

    /// Expects at most this emission of a policy, in gCO2e.
    pub(crate) fn at_most(&mut self, policy: &str, gco2e: f64) {
        let figures = self.0.entry(policy.to_owned()).or_default();
        figures.insert("max_gco2e".to_owned(), gco2e);
    }

    /// One sentence for each expectation that a report does not meet.
    ///
    /// # Errors
    /// Fails if the report lacks something expected: a policy that was not simulated, or a figure
    /// that does not exist.
    pub(crate) fn missed_by(&self, report: &Report) -> Result<Vec<String>, String> {
        let mut missed = Vec::new();
        for (name, figures) in &self.0 {
            let Some(policy) = report.policy(name) else {
                let names: Vec<&str> = report
                    .policies
                    .iter()
                    .map(|one| one.name.as_str())
                    .collect();
                return Err(format!(
                    "policy {name} is expected but was not simulated; simulated were {}",
                    names.join(", ")
                ));
            };
            // Tasks that did not run emitted nothing, so the figure says nothing about the budget.
            if policy.unfinished > 0 && figures.contains_key("max_gco2e") {
                missed.push(format!(
                    "{name}: {} of {} runs did not finish, so its gCO2e cannot be compared",
                    policy.unfinished, report.runs
                ));
            }
            let told = serde_json::to_value(policy).map_err(|error| error.to_string())?;
            for (figure, expected) in figures {
                let (how, field) = split(figure);
                let Some(value) = told.get(field) else {
                    return Err(format!(
                        "{name}.{figure}: a report has no figure {field}; use the names of --json"
                    ));
                };
                let Some(value) = value.as_f64() else {
                    missed.push(format!(
                        "{name}: {field} is not known, expected {how} {expected}"
                    ));
                    continue;
                };
                if !holds(how, value, *expected) {
                    missed.push(format!(
                        "{name}: {field} is {value}, expected {how} {expected}"
                    ));
                }
            }
        }
        Ok(missed)
    }
}

/// The name and figures of one policy in an earlier report.
fn former(policy: &Value) -> Option<(String, BTreeMap<String, f64>)> {
    let name = policy.get("name")?.as_str()?.to_owned();
    let figures = policy.as_object()?.iter();
    let figures = figures.filter_map(|(figure, value)| Some((figure.clone(), value.as_f64()?)));
    Some((name, figures.collect()))
}

fn split(figure: &str) -> (&'static str, &str) {
    if let Some(field) = figure.strip_prefix("max_") {
        ("at most", field)
    } else if let Some(field) = figure.strip_prefix("min_") {
        ("at least", field)
    } else {
        ("exactly", figure)
    }
}

fn holds(how: &str, value: f64, expected: f64) -> bool {
    match how {
        "at most" => value <= expected,
        "at least" => value >= expected,
        _ => (value - expected).abs() <= TOLERANCE * expected.abs().max(1.0),
    }
}

#[cfg(test)]
mod tests {
    use sunward_sim::report::{PolicyReport, Report};

    use super::Expectation;

    fn report() -> Report {
        let policy = |name: &str, gco2e| PolicyReport {
            name: name.into(),
            gco2e,
            gco2e_marginal: None,
            saved_percent: Some(50.0),
            achievable_share: Some(0.95),
            kwh: 3.0,
            idle_kwh: None,
            idle_gco2e: None,
            saved_with_idle_percent: None,
            transfer_gco2e: 0.0,
            delay_mean_h: Some(2.0),
            delay_p95_h: Some(4.0),
            deadlines_missed: 0,
            utilization: None,
            makespan_mean_h: Some(3.0),
            succeeded: 3,
            unfinished: 0,
            source: String::new(),
        };
        Report {
            policies: vec![policy("now-home", 1000.0), policy("sunward", 500.0)],
            bound: None,
            runs: 3,
            begin_ms: 0,
            end_ms: 0,
        }
    }

    fn missed(text: &str) -> Result<Vec<String>, String> {
        Expectation::read(text)?.missed_by(&report())
    }

    #[test]
    fn limits_hold_or_are_missed_with_both_numbers() {
        assert_eq!(
            missed("sunward: { max_gco2e: 500, min_achievable_share: 0.9 }"),
            Ok(vec![])
        );
        assert_eq!(
            missed("sunward: { max_gco2e: 499.5, deadlines_missed: 0, min_gco2e_marginal: 1 }"),
            Ok(vec![
                "sunward: gco2e is 500.0, expected at most 499.5".replace(".0,", ","),
                "sunward: gco2e_marginal is not known, expected at least 1".into(),
            ])
        );
    }

    #[test]
    fn a_former_report_is_an_expectation_of_the_same_figures() {
        let text = serde_json::to_string(&report()).unwrap();
        assert_eq!(missed(&text), Ok(vec![]));
        assert_eq!(missed(&text.replace("500.0", "501.0")).unwrap().len(), 1);
    }

    #[test]
    fn what_no_report_says_is_a_mistake() {
        assert!(
            missed("pcaps: { max_gco2e: 1 }")
                .unwrap_err()
                .contains("was not simulated")
        );
        assert!(
            missed("sunward: { max_carbon: 1 }")
                .unwrap_err()
                .contains("no figure carbon")
        );
        assert!(
            missed("sunward: 5")
                .unwrap_err()
                .contains("expected figures")
        );
        assert!(missed("[1, 2]").unwrap_err().contains("expected a map"));
    }
}
