//! One atom of a PDBQT file.

use sunward_workflows::quoted;

use super::Lines;
use super::element::{self, Kind};
use crate::error::DataError;

/// An ATOM or HETATM record.
#[derive(Debug)]
pub(super) struct Atom {
    pub(super) serial: i32,
    pub(super) name: String,
    pub(super) residue: String,
    /// With the insertion code, if there is one.
    pub(super) residue_number: String,
    pub(super) chain: String,
    /// In Å.
    pub(super) place: [f64; 3],
    /// In elementary charges.
    pub(super) charge: f32,
    pub(super) ad_type: String,
    pub(super) kind: Kind,
}

impl Atom {
    /// Reads the record by its columns: those of PDB, followed by charge and type.
    pub(super) fn read(line: &Lines) -> Result<Self, DataError> {
        let text = line.text.as_str();
        let field = |from: usize, to: usize| {
            let end = to.min(text.len());
            text.get(from.min(end)..end).unwrap_or("").trim()
        };
        let ad_type = field(77, 80).split_ascii_whitespace().next().unwrap_or("");
        if ad_type.is_empty() {
            return Err(line.broken(
                &format!("an atom of {} characters without a type", text.len()),
                "AutoDock's atom type in columns 78 and 79; is it a PDB file?",
            ));
        }
        let kind = element::kind(ad_type).ok_or_else(|| {
            line.broken(
                &format!("unknown atom type {}", quoted(ad_type)),
                &format!("one of {} in columns 78 and 79", element::KNOWN),
            )
        })?;
        let number = |what: &str, from: usize, to: usize| {
            let found = field(from, to);
            found.parse::<f64>().map_err(|_| {
                line.broken(
                    &format!("{what} is {}", quoted(found)),
                    &format!("a number in columns {} to {to}", from + 1),
                )
            })
        };
        let serial = field(6, 11);
        Ok(Self {
            serial: serial.parse().map_err(|_| {
                line.broken(
                    &format!("the serial is {}", quoted(serial)),
                    "a whole number in columns 7 to 11",
                )
            })?,
            name: field(12, 16).to_owned(),
            residue: field(17, 20).to_owned(),
            residue_number: field(22, 27).to_owned(),
            chain: field(21, 22).to_owned(),
            place: [
                number("x", 30, 38)?,
                number("y", 38, 46)?,
                number("z", 46, 54)?,
            ],
            charge: single(number("the charge", 66, 76)?),
            ad_type: ad_type.to_owned(),
            kind,
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a charge has three digits")]
fn single(x: f64) -> f32 {
    x as f32
}
