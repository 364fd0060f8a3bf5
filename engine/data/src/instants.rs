//! Instants and dates as text. Every place that prints one does it here, so that a cell of a CSV
//! file, an `item` and `show` agree.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, AsArray as _, StringArray};
use arrow::compute::cast;
use arrow::datatypes::Date64Type;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, TimeUnit};
use sunward_workflows::quoted;

/// The milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The type with UTC by its usual name, if a type names it as other programs do.
pub(crate) fn with_known_zone(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Timestamp(unit, Some(zone)) if is_alias_of_utc(zone) => {
            Some(DataType::Timestamp(*unit, Some("UTC".into())))
        }
        _ => None,
    }
}

fn is_alias_of_utc(zone: &str) -> bool {
    zone != "UTC" && (zone.eq_ignore_ascii_case("utc") || zone.eq_ignore_ascii_case("z"))
}

/// Whether a zone has a name. Before standard time its offset may have seconds, which text in
/// RFC 3339 cannot have.
pub(crate) fn is_named(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(zone))
        if !zone.starts_with(['+', '-']) && !zone.eq_ignore_ascii_case("utc") && !is_alias_of_utc(zone))
}

/// The texts of a column of instants.
pub(crate) fn texts(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let texts: Result<Vec<Option<String>>, ArrowError> = match array.len() {
        0 => Ok(Vec::new()),
        _ => {
            let printer = Printer::new(array)?;
            let text = |row| match array.is_null(row) {
                true => Ok(None),
                false => printer.text(row).map(Some),
            };
            (0..array.len()).map(text).collect()
        }
    };
    Ok(Arc::new(StringArray::from(texts?)))
}

/// One value as text.
pub(crate) fn text(array: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    let one = array.slice(row, 1);
    let is_midnight = |ms: i64| ms % DAY_MS == 0;
    if let Some(dates) = one.as_primitive_opt::<Date64Type>()
        && is_midnight(dates.value(0))
    {
        return Printer::new(&cast(&one, &DataType::Date32)?)?.text(0);
    }
    Printer::new(&one)?.text(0)
}

/// Prints the values of a column.
struct Printer {
    array: ArrayRef,
    /// The same instants in UTC, if the zone has a name.
    in_utc: Option<ArrayRef>,
}

impl Printer {
    fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        let utc = |unit: TimeUnit| DataType::Timestamp(unit, Some("UTC".into()));
        let array = match with_known_zone(array.data_type()) {
            Some(known) => cast(array, &known)?,
            None => ArrayRef::clone(array),
        };
        if let DataType::Timestamp(_, Some(zone)) = array.data_type()
            && zone.parse::<Tz>().is_err()
        {
            let unknown = format!("the time zone {} is not known", quoted(zone));
            return Err(ArrowError::InvalidArgumentError(unknown));
        }
        let in_utc = match array.data_type() {
            DataType::Timestamp(unit, Some(_)) if is_named(array.data_type()) => {
                Some(cast(&array, &utc(*unit))?)
            }
            _ => None,
        };
        Ok(Self { array, in_utc })
    }

    fn text(&self, row: usize) -> Result<String, ArrowError> {
        if let Some(in_utc) = &self.in_utc {
            let offset = FormatOptions::default().with_timestamp_tz_format(Some("%::z"));
            if !shown(&self.array, row, &offset)?.ends_with(":00") {
                return shown(in_utc, row, &FormatOptions::default());
            }
        }
        shown(&self.array, row, &FormatOptions::default())
    }
}

fn shown(array: &ArrayRef, row: usize, options: &FormatOptions<'_>) -> Result<String, ArrowError> {
    let formatter = ArrayFormatter::try_new(array.as_ref(), options)?;
    formatter.value(row).try_to_string()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date64Array, TimestampMicrosecondArray, TimestampSecondArray};

    use super::*;

    /// 1906-08-16T20:26:40Z.
    const BEFORE_STANDARD_TIME_S: i64 = -2_000_000_000;

    #[test]
    fn an_offset_with_seconds_is_written_in_utc() {
        let zones = [
            ("Asia/Kathmandu", "1906-08-16T20:26:40Z"),
            ("Africa/Monrovia", "1906-08-16T20:26:40Z"),
            ("Europe/Amsterdam", "1906-08-16T20:26:40Z"),
            ("UTC", "1906-08-16T20:26:40Z"),
            ("utc", "1906-08-16T20:26:40Z"),
            ("Utc", "1906-08-16T20:26:40Z"),
            ("Z", "1906-08-16T20:26:40Z"),
            ("z", "1906-08-16T20:26:40Z"),
            ("+05:41", "1906-08-17T02:07:40+05:41"),
            ("Europe/Berlin", "1906-08-16T21:26:40+01:00"),
        ];
        for (zone, expected) in zones {
            let array: ArrayRef = Arc::new(
                TimestampSecondArray::from(vec![Some(BEFORE_STANDARD_TIME_S), None])
                    .with_timezone(zone),
            );
            assert_eq!(text(&array, 0).unwrap(), expected, "{zone}");
            let all = texts(&array).unwrap();
            assert_eq!(all.as_string::<i32>().value(0), expected, "{zone}");
            assert!(all.is_null(1));
        }
        let today: ArrayRef = Arc::new(
            TimestampMicrosecondArray::from(vec![1_600_000_000_000_001])
                .with_timezone("Asia/Kathmandu"),
        );
        assert_eq!(text(&today, 0).unwrap(), "2020-09-13T18:11:40.000001+05:45");
    }

    #[test]
    fn a_date_is_a_date_unless_it_has_a_time_of_day() {
        let dates: ArrayRef = Arc::new(Date64Array::from(vec![0, DAY_MS, -DAY_MS, 1]));
        let expected = [
            "1970-01-01",
            "1970-01-02",
            "1969-12-31",
            "1970-01-01T00:00:00.001",
        ];
        for (row, expected) in expected.into_iter().enumerate() {
            assert_eq!(text(&dates, row).unwrap(), expected);
        }
    }
}
