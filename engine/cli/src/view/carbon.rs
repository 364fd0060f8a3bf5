//! Emissions, as views show them.

use serde::Serialize;
use sunward_core::{Account, Basis, Carbon};

use crate::render::units::float;

/// Emissions by intensities that count the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct BasisTotal {
    #[serde(flatten)]
    pub(crate) basis: Basis,
    pub(crate) gco2e: f64,
}

/// Emissions by what the intensities count; empty while none is known.
pub(crate) fn by_basis(account: &Account) -> Vec<BasisTotal> {
    let sums = account.by_basis();
    let each = sums.iter().map(|(basis, carbon)| BasisTotal {
        basis,
        gco2e: grams(carbon),
    });
    each.collect()
}

/// `known` or `unknown`.
pub(crate) const fn known(is_known: bool) -> &'static str {
    if is_known { "known" } else { "unknown" }
}

/// Grams of carbon, for display.
pub(crate) fn grams(carbon: Carbon) -> f64 {
    micrograms(carbon.micrograms())
}

/// Micrograms as grams.
pub(crate) fn micrograms(micrograms: u64) -> f64 {
    float(micrograms) / 1e6
}

/// Micrograms as grams, with a sign.
pub(crate) fn signed_grams(signed: i64) -> f64 {
    let grams = micrograms(signed.unsigned_abs());
    if signed < 0 { -grams } else { grams }
}
