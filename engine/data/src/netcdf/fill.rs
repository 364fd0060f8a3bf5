//! Chooses a fill value that no value of a column has. The values are known only once all rows are
//! written, so the usual fill value is written first, and replaced at the end if it is a value.

use arrow::array::Array;

use super::header::Kind;

/// The fill values that may be chosen.
const CANDIDATES: u8 = 64;
/// The default of NetCDF libraries for integers. The candidates count up from here.
const WHOLE: f64 = -2_147_483_647.0;
/// The same for floating-point numbers. Each further candidate is half of the one before, which
/// single precision holds exactly.
const FRACTION: f64 = 9.969_209_968_386_869e36;

/// The values and nulls of a column so far.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    kind: Kind,
    /// Whether each candidate is a value of the column.
    taken: [bool; CANDIDATES as usize],
    /// One bit for each row.
    nulls: Vec<u64>,
}

/// The candidate of this number.
pub(super) fn candidate(kind: Kind, number: u8) -> f64 {
    match kind {
        Kind::Float | Kind::Double => FRACTION * 0.5_f64.powi(i32::from(number)),
        _ => WHOLE + f64::from(number),
    }
}

impl Fill {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            taken: [false; CANDIDATES as usize],
            nulls: Vec::new(),
        }
    }

    /// Adds rows, of which `first` is the first.
    pub(super) fn add(&mut self, array: &dyn Array, values: &[f64], first: u64) {
        for (row, value) in values.iter().enumerate() {
            if array.is_null(row) {
                let at = super::hyperslab::to_usize(first) + row;
                let needed = at / 64 + 1;
                if self.nulls.len() < needed {
                    self.nulls.resize(needed, 0);
                }
                self.nulls[at / 64] |= 1 << (at % 64);
            } else if self.may_be_candidate(*value) {
                for number in 0..CANDIDATES {
                    self.taken[usize::from(number)] |= candidate(self.kind, number) == *value;
                }
            }
        }
    }

    fn may_be_candidate(&self, value: f64) -> bool {
        match self.kind {
            Kind::Float | Kind::Double => value > 1e17 && value < 1e37,
            _ => value < WHOLE + f64::from(CANDIDATES),
        }
    }

    /// The fill value to write instead of the usual one. `None` if that is no value of the column.
    /// Fails if all candidates are values.
    pub(super) fn other(&self) -> Result<Option<f64>, &'static str> {
        let free = (0..CANDIDATES).find(|number| !self.taken[usize::from(*number)]);
        match free {
            Some(0) => Ok(None),
            Some(number) => Ok(Some(candidate(self.kind, number))),
            None => Err(
                "every number that could stand for a missing value is a value of it; write Arrow or Parquet",
            ),
        }
    }

    /// The rows without a value.
    pub(super) fn nulls(&self) -> impl Iterator<Item = u64> + '_ {
        let words = (0_u64..).zip(&self.nulls);
        words.flat_map(|(word, bits)| {
            (0..64_u64).filter_map(move |bit| (bits >> bit & 1 == 1).then_some(word * 64 + bit))
        })
    }
}
