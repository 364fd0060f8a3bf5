//! Converts a time axis to columns of times and years, and keeps the units from which the numbers
//! of the file can be restored.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, TimestampMillisecondArray};
use arrow_schema::{DataType, Field, TimeUnit};

use super::calendar::{DAY_MS, TimeUnits};
use super::grid::TimeAxis;

/// The name of the column of times.
pub(super) const TIME: &str = "time";
/// The name of the column of calendar years.
pub(super) const YEAR: &str = "year";

/// The decoded times of a variable.
#[derive(Clone, Debug)]
pub(super) struct Times {
    pub(super) axis: TimeAxis,
    /// The numbers in the file.
    values: Vec<f64>,
    moments: Moments,
    years: Vec<i32>,
    /// The units in the file, if the axis now has others.
    source: Option<TimeUnits>,
}

#[derive(Clone, Debug)]
enum Moments {
    /// Milliseconds since 1970-01-01 UTC.
    Timestamps(Vec<i64>),
    /// Whole days in the units of the axis.
    WholeDays(Vec<i32>),
    /// Days in the units of the axis.
    Days(Vec<f64>),
    /// The numbers of the file, which could not be decoded.
    Raw,
}

impl Times {
    /// Decodes the numbers of an axis. If any cannot be decoded, or a time is between two
    /// milliseconds, all are kept as they are.
    pub(super) fn decode(mut axis: TimeAxis, values: Vec<f64>) -> Self {
        let units = TimeUnits::parse(&axis.units, &axis.calendar);
        let decoded = units.and_then(|units| {
            let moments: Option<Vec<i64>> = values.iter().map(|v| units.moment_ms(*v)).collect();
            let moments = moments.filter(|_| units.are_whole_milliseconds(&values))?;
            let years: Option<Vec<i32>> = moments.iter().map(|m| units.year(*m)).collect();
            Some((units, moments, years?))
        });
        let Some((units, moments, years)) = decoded else {
            return Self {
                axis,
                values,
                moments: Moments::Raw,
                years: Vec::new(),
                source: None,
            };
        };
        let (moments, source) = if units.calendar().fits_timestamps() {
            (Moments::Timestamps(moments), None)
        } else {
            let (text, days) = in_days(units, &moments);
            axis.units = text;
            (days, Some(units))
        };
        Self {
            axis,
            values,
            moments,
            years,
            source,
        }
    }

    /// Converts other times of the file, such as bounds, to the units of the axis.
    pub(super) fn converted(&self, values: &[f64]) -> Option<Vec<f64>> {
        let Some(source) = self.source else {
            return Some(values.to_vec());
        };
        let units = TimeUnits::parse(&self.axis.units, &self.axis.calendar)?;
        let convert = |value: &f64| units.value(source.moment_ms(*value)?);
        values.iter().map(convert).collect()
    }

    /// The times as numbers in the units of the axis. These differ from the numbers in the file if
    /// the axis has other units.
    pub(super) fn numbers(&self) -> Vec<f64> {
        match &self.moments {
            Moments::Timestamps(_) | Moments::Raw => self.values.clone(),
            Moments::WholeDays(days) => days.iter().copied().map(f64::from).collect(),
            Moments::Days(days) => days.clone(),
        }
    }

    /// The field `time`, and the field `year` if the times were decoded.
    pub(super) fn fields(&self) -> Vec<Field> {
        let data_type = match &self.moments {
            Moments::Timestamps(_) => DataType::Timestamp(TimeUnit::Millisecond, None),
            Moments::WholeDays(_) => DataType::Int32,
            Moments::Days(_) | Moments::Raw => DataType::Float64,
        };
        let metadata: HashMap<String, String> = [
            ("units".to_owned(), self.axis.units.clone()),
            ("calendar".to_owned(), self.axis.calendar.clone()),
        ]
        .into();
        let mut fields = vec![Field::new(TIME, data_type, true).with_metadata(metadata)];
        if !matches!(self.moments, Moments::Raw) {
            fields.push(Field::new(YEAR, DataType::Int32, true));
        }
        fields
    }

    /// The columns for `fields`, from row `start`.
    pub(super) fn columns(&self, start: usize, rows: usize) -> Vec<ArrayRef> {
        let end = start + rows;
        let time: ArrayRef = match &self.moments {
            Moments::Timestamps(all) => Arc::new(TimestampMillisecondArray::from_iter_values(
                slice(all, start, end).iter().copied(),
            )),
            Moments::WholeDays(all) => Arc::new(Int32Array::from_iter_values(
                slice(all, start, end).iter().copied(),
            )),
            Moments::Days(all) => Arc::new(Float64Array::from_iter_values(
                slice(all, start, end).iter().copied(),
            )),
            Moments::Raw => Arc::new(Float64Array::from_iter_values(
                slice(&self.values, start, end).iter().copied(),
            )),
        };
        let mut columns = vec![time];
        if !matches!(self.moments, Moments::Raw) {
            columns.push(Arc::new(Int32Array::from_iter_values(
                slice(&self.years, start, end).iter().copied(),
            )));
        }
        columns
    }
}

fn slice<T>(all: &[T], start: usize, end: usize) -> &[T] {
    all.get(start..end).unwrap_or_default()
}

/// Converts times to days, for a calendar that timestamps cannot represent. If all times are at the
/// same time of day (such as daily means at noon), days are counted from that time of day, so that
/// they are whole.
fn in_days(units: TimeUnits, moments: &[i64]) -> (String, Moments) {
    let day_start = units.origin_day_ms().unwrap_or_else(|| units.origin_ms());
    let shift = moments
        .first()
        .map_or(0, |m| (m - day_start).rem_euclid(DAY_MS));
    let whole: Option<Vec<i32>> = moments
        .iter()
        .map(|m| {
            let since = m - day_start - shift;
            (since.rem_euclid(DAY_MS) == 0)
                .then(|| i32::try_from(since / DAY_MS).ok())
                .flatten()
        })
        .collect();
    match whole {
        Some(days) => (units.in_days(shift), Moments::WholeDays(days)),
        None => (
            units.in_days(0),
            Moments::Days(
                moments
                    .iter()
                    .map(|m| (m - day_start) as f64 / DAY_MS as f64)
                    .collect(),
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::grid::TimeAxis;
    use super::{DataType, Times};

    #[test]
    fn times_between_milliseconds_are_kept_as_the_numbers_of_the_file() {
        let decode = |units: &str, values: &[f64]| {
            let axis = TimeAxis {
                units: units.to_owned(),
                calendar: "standard".to_owned(),
                ..TimeAxis::default()
            };
            let times = Times::decode(axis, values.to_vec());
            assert_eq!(times.numbers(), values, "{units}");
            times.fields()[0].data_type() == &DataType::Float64
        };
        let since = |step: &str| format!("{step} since 2000-01-01");
        for (step, value, is_kept) in [
            ("seconds", 0.0005, true),
            ("seconds", 1.000_25, true),
            ("seconds", 781_234_567.123_4, true),
            ("milliseconds", 0.5 + 1e-9, true),
            ("seconds", 0.1, false),
            ("seconds", 781_234_567.123, false),
            ("milliseconds", 17.0, false),
            ("seconds", f64::from(1_000.1_f32), false),
            // A day's numbers are rarely written with all their digits.
            ("days", 8_036.041_666_67, false),
            ("hours", 0.333_333, false),
        ] {
            assert_eq!(
                decode(&since(step), &[0.0, value]),
                is_kept,
                "{step} {value}"
            );
        }
    }
}
