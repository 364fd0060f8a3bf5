//! What the tasks of a stage hand on: their datasets, and the items that these came from.

use std::collections::{BTreeMap, BTreeSet};

use sunward_workflows::{FILE_COLUMNS, Value};

use crate::dataset::Dataset;
use crate::plan::{PlannedStage, Tasks};
use crate::staged::as_row_file;

/// What the tasks of a stage wrote to one port, in task order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FromTasks {
    /// The dataset of each task.
    pub datasets: Vec<Dataset>,
    /// The item of each task: its row, its file, its cell of a matrix. Empty if the tasks have none,
    /// or what they wrote is not a dataset of files, which carries them on.
    pub items: Vec<Value>,
    /// How many tasks failed, if the stage tolerates that. They have no dataset.
    pub failed: u32,
}

impl From<Vec<Dataset>> for FromTasks {
    fn from(datasets: Vec<Dataset>) -> Self {
        Self {
            datasets,
            items: Vec::new(),
            failed: 0,
        }
    }
}

/// The item of one task, as the files that it wrote carry it on. `None` if it has no item.
pub(crate) fn carried_item(
    stage: &PlannedStage,
    inputs: &[Dataset],
    tasks: &Tasks,
    index: u32,
) -> Option<Value> {
    let of_port = |port: &str| inputs.get(stage.stage.inputs.get_index_of(port)?);
    let item = match tasks.each() {
        Tasks::Matrix(_) => Some(Value::Map(tasks.matrix(index))),
        _ => tasks.item(index, of_port),
    };
    let repeat = tasks.repeat(index).map(|number| Value::Int(number.into()));
    let repeat = repeat.map(|number| ("repeat".to_owned(), number));
    let mut columns = match item {
        Some(Value::Map(columns)) => columns,
        Some(item) => vec![("item".to_owned(), item)],
        None if repeat.is_none() => return None,
        None => Vec::new(),
    };
    // A column of the item that is called so is the older one.
    if columns.iter().all(|(name, _)| name != "repeat") {
        columns.extend(repeat);
    }
    Some(Value::Map(columns))
}

/// The columns that files carry from the items of the tasks that wrote them, with a value for each
/// item. What is known of the file that a task read (its name, its size) does not belong to the file
/// that it wrote. Neither does a column in which paired files differ.
#[must_use]
pub fn carried_columns(items: &[Value]) -> Vec<(String, Vec<Value>)> {
    let rows: Vec<Vec<(String, Value)>> = items.iter().map(plain_columns).collect();
    let mut seen: BTreeSet<&String> = rows.iter().flat_map(|row| ambiguous(row)).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if seen.insert(name) {
            names.push(name);
        }
    }
    let value = |row: &[(String, Value)], name: &String| {
        let found = row.iter().find(|(known, _)| known == name);
        found.map_or(Value::Null, |(_, value)| value.clone())
    };
    names
        .into_iter()
        .map(|name| {
            let values = rows.iter().map(|row| value(row, name));
            (name.clone(), values.collect())
        })
        .collect()
}

/// The columns that a row has several times, with several values.
fn ambiguous(row: &[(String, Value)]) -> impl Iterator<Item = &String> {
    let mut first: BTreeMap<&String, &Value> = BTreeMap::new();
    let differs = row.iter().filter(move |(name, value)| {
        let known = *first.entry(name).or_insert(value);
        known != value
    });
    differs.map(|(name, _)| name)
}

/// The columns of one item. The rows of paired files count as one row.
fn plain_columns(item: &Value) -> Vec<(String, Value)> {
    let Value::Map(entries) = item else {
        return Vec::new();
    };
    let mut columns = Vec::new();
    for (name, value) in entries {
        match value {
            _ if FILE_COLUMNS.contains(&name.as_str()) => {}
            value if as_row_file(value).is_some() => {
                let text = as_row_file(value).map(|(text, _)| text.to_owned());
                columns.push((name.clone(), text.map_or(Value::Null, Value::String)));
            }
            Value::Map(row) => {
                let further = row.iter();
                let further = further.filter(|(name, _)| !FILE_COLUMNS.contains(&name.as_str()));
                columns.extend(further.cloned());
            }
            value => columns.push((name.clone(), value.clone())),
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use sunward_workflows::Value;

    use super::carried_columns;

    fn map(entries: &[(&str, Value)]) -> Value {
        let entries = entries.iter();
        Value::Map(entries.map(|(n, v)| ((*n).to_owned(), v.clone())).collect())
    }

    #[test]
    fn files_carry_the_columns_of_what_they_came_from_but_not_its_name() {
        let text = |text: &str| Value::String(text.to_owned());
        let file = |year: &str| map(&[("name", text("a.nc")), ("year", text(year))]);
        let of = |items: &[Value]| carried_columns(items);
        assert_eq!(
            of(&[file("2007"), file("2008")]),
            [("year".to_owned(), vec![text("2007"), text("2008")])]
        );
        let pair = map(&[("r", file("2007")), ("q", file("2007")), ("s", text("A"))]);
        let names: Vec<String> = of(&[pair]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["year", "s"]);
        let lanes = map(&[("r", file("L1")), ("q", file("L2")), ("s", text("A"))]);
        let same = map(&[("r", file("L1")), ("q", file("L1")), ("s", text("B"))]);
        let names: Vec<String> = of(&[same, lanes])
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            ["s"],
            "a column in which the partners of one pair differ"
        );
        assert_eq!(of(&[text("alone")]), []);
    }
}
