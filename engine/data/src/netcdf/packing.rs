//! Converts stored numbers to values: applies missing values, valid ranges, scale and offset.

use super::header::{Attribute, Attributes, Kind, Variable};

/// The conversion of a variable's stored numbers to values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Packing {
    missing: Vec<f64>,
    valid: (f64, f64),
    scale: f64,
    offset: f64,
    /// The number that is added to a negative number, if the type is meant as unsigned.
    wrap: f64,
    /// Whether float32 holds the values.
    pub(super) is_single: bool,
}

impl Packing {
    pub(super) fn of(variable: &Variable) -> Self {
        let attributes = &variable.attributes;
        let kind = variable.kind;
        let wrap = wrap_of(kind, attributes);
        let as_stored = |value: f64| match kind {
            // The fill value of a float variable may be given in double precision, but was rounded
            // when it was written.
            Kind::Float => f64::from(single(value)),
            _ if value < 0.0 => value + wrap,
            _ => value,
        };
        let mut missing = attributes.numbers("_FillValue");
        if missing.is_empty() {
            missing.extend(default_fill(kind).filter(|_| wrap == 0.0));
        }
        missing.extend(attributes.numbers("missing_value"));
        for value in &mut missing {
            *value = as_stored(*value);
        }
        let (low, high) = match attributes.numbers("valid_range").as_slice() {
            [low, high, ..] => (Some(*low), Some(*high)),
            _ => (
                attributes.number("valid_min"),
                attributes.number("valid_max"),
            ),
        };
        Self {
            missing,
            valid: (
                low.map_or(f64::NEG_INFINITY, as_stored),
                high.map_or(f64::INFINITY, as_stored),
            ),
            scale: attributes.number("scale_factor").unwrap_or(1.0),
            offset: attributes.number("add_offset").unwrap_or(0.0),
            wrap,
            is_single: is_single(kind, attributes),
        }
    }

    /// Converts stored numbers to values. A missing value is `None`, and NaN is a value unless the
    /// file says that it stands for a missing one.
    pub(super) fn values(&self, stored: Vec<f64>) -> Vec<Option<f64>> {
        let is_plain = self.scale == 1.0 && self.offset == 0.0;
        let value = |stored: f64| {
            let value = if stored < 0.0 {
                stored + self.wrap
            } else {
                stored
            };
            let is_fill = |fill: &f64| *fill == value || fill.is_nan() && value.is_nan();
            let is_outside = value < self.valid.0 || value > self.valid.1;
            let is_missing = is_outside || self.missing.iter().any(is_fill);
            // Adding nothing would lose the sign of zero.
            let unpacked = if is_plain {
                value
            } else {
                value * self.scale + self.offset
            };
            (!is_missing).then_some(unpacked)
        };
        stored.into_iter().map(value).collect()
    }

    /// Converts stored numbers to values in place. Missing values become NaN.
    pub(super) fn unpack(&self, values: &mut [f64]) {
        for value in values {
            if *value < 0.0 {
                *value += self.wrap;
            }
            let is_valid = *value >= self.valid.0 && *value <= self.valid.1;
            *value = if is_valid && !self.missing.contains(value) {
                *value * self.scale + self.offset
            } else {
                f64::NAN
            };
        }
    }
}

/// Whether float32 holds the values. A packed variable has the type of its scale and offset (CF
/// 8.1). Other variables have their own type, or the smallest float type that holds it.
fn is_single(kind: Kind, attributes: &Attributes) -> bool {
    let packed: Vec<Kind> = ["scale_factor", "add_offset"]
        .into_iter()
        .filter_map(|name| match attributes.get(name) {
            Some(Attribute::Numbers(kind, _)) => Some(*kind),
            _ => None,
        })
        .collect();
    if packed.is_empty() {
        return !is_wide(kind);
    }
    !packed.iter().any(|k| is_wide(*k)) && kind != Kind::Double
}

/// Whether float32 cannot hold all values of a type.
fn is_wide(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Int | Kind::UInt | Kind::Int64 | Kind::UInt64 | Kind::Double
    )
}

/// The value with which libraries fill what is not written. Bytes have none, because every value of
/// a byte is valid.
fn default_fill(kind: Kind) -> Option<f64> {
    match kind {
        Kind::Byte | Kind::UByte | Kind::Text | Kind::Other => None,
        Kind::Short => Some(-32_767.0),
        Kind::UShort => Some(65_535.0),
        Kind::Int => Some(-2_147_483_647.0),
        Kind::UInt => Some(4_294_967_295.0),
        Kind::Int64 => Some(-9_223_372_036_854_775_806.0),
        Kind::UInt64 => Some(18_446_744_073_709_551_614.0),
        Kind::Float => Some(f64::from(9.969_21e36_f32)),
        Kind::Double => Some(9.969_209_968_386_869e36),
    }
}

fn wrap_of(kind: Kind, attributes: &Attributes) -> f64 {
    if attributes.text("_Unsigned") != Some("true") {
        return 0.0;
    }
    match kind {
        Kind::Byte => 256.0,
        Kind::Short => 65_536.0,
        Kind::Int => 4_294_967_296.0,
        Kind::Int64 => 18_446_744_073_709_551_616.0,
        _ => 0.0,
    }
}

/// The nearest float32.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to single precision is what is asked for"
)]
pub(super) fn single(value: f64) -> f32 {
    value as f32
}

/// The nearest int32, saturating.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, as the format has no wider integer"
)]
pub(super) fn whole_i32(value: f64) -> i32 {
    value.round() as i32
}

/// The int32 that a number is, up to the rounding of a conversion of times.
pub(super) fn exact_i32(value: f64) -> Option<i32> {
    let whole = whole_i32(value);
    ((f64::from(whole) - value).abs() < 1e-6).then_some(whole)
}

/// The nearest int16, saturating.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates; only attributes come this way"
)]
pub(super) fn whole_i16(value: f64) -> i16 {
    value.round() as i16
}

/// The nearest int8, saturating.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates; only attributes come this way"
)]
pub(super) fn whole_i8(value: f64) -> i8 {
    value.round() as i8
}
