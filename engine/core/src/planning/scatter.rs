//! Scatters that are known before anything runs: lists, ranges, matrices, repetitions.

use sunward_workflows::{Scatter, Scope, Stage, Value, render_value};

use super::PlanError;
use crate::plan::Tasks;
use crate::tasks::{TASK_LIMIT, too_many};

/// The tasks of a stage, or `None` if they depend on data.
pub(super) fn tasks(stage: &Stage, scope: &Scope) -> Result<Option<Tasks>, PlanError> {
    let wrong = |message: String| PlanError::Scatter {
        stage: stage.name.clone(),
        message,
    };
    let rendered =
        |value: &Value| render_value(value, scope).map_err(|error| wrong(error.to_string()));
    let tasks = match &stage.scatter {
        Scatter::One => Tasks::One,
        Scatter::Input { .. } | Scatter::Zip { .. } => return Ok(None),
        Scatter::Items(value) => Tasks::Items(list(rendered(value)?).map_err(wrong)?),
        Scatter::Range(value) => Tasks::Range(count(&rendered(value)?).map_err(wrong)?),
        Scatter::Matrix(axes) => {
            let mut rendered_axes = Vec::with_capacity(axes.len());
            for (name, value) in axes {
                let values = list(rendered(value)?)
                    .map_err(|message| wrong(format!("matrix.{name}: {message}")))?;
                rendered_axes.push((name.clone(), values));
            }
            Tasks::Matrix(rendered_axes)
        }
    };
    let tasks = tasks.repeated(repeat(stage, scope)?);
    match tasks.too_many() {
        Some(message) => Err(wrong(message)),
        None => Ok(Some(tasks)),
    }
}

/// How many times each task of a stage runs, if it says so.
pub(super) fn repeat(stage: &Stage, scope: &Scope) -> Result<Option<u32>, PlanError> {
    let Some(value) = &stage.repeat else {
        return Ok(None);
    };
    let wrong = |message: String| PlanError::Repeat {
        stage: stage.name.clone(),
        message,
    };
    let value = render_value(value, scope).map_err(|error| wrong(error.to_string()))?;
    match value.plain() {
        Value::Int(times @ 1..) => match u32::try_from(times) {
            Ok(times) if times <= TASK_LIMIT => Ok(Some(times)),
            Ok(_) | Err(_) => Err(wrong(too_many(u128::from(times.unsigned_abs())))),
        },
        other => Err(wrong(format!(
            "expected a whole number from 1, found {}",
            other.to_key()
        ))),
    }
}

fn list(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::List(list) => Ok(list),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Map(_)
        | Value::Written(_) => Err(format!("expected a list, found {}", value.to_key())),
    }
}

fn count(value: &Value) -> Result<u32, String> {
    match value.plain() {
        Value::Int(number) => match u32::try_from(number) {
            Ok(count) if count <= TASK_LIMIT => Ok(count),
            Ok(count) => Err(too_many(u128::from(count))),
            Err(_) if number < 0 => {
                Err(format!("a range cannot be {number}; it must be 0 or more"))
            }
            Err(_) => Err(too_many(u128::from(number.unsigned_abs()))),
        },
        Value::Null
        | Value::Bool(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Written(_) => Err(format!("expected a whole number, found {}", value.to_key())),
    }
}
