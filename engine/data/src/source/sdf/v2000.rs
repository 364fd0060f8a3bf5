//! Atoms of a V2000 connection table, whose fields have fixed columns.

use super::lines::Lines;
use super::record::Atoms;
use crate::error::DataError;

/// Reads from the counts line, which was read last, to `M  END`.
pub(super) fn read(lines: &mut Lines) -> Result<Atoms, DataError> {
    let count: u32 = lines.number("the number of atoms", 0, 3)?;
    let bonds: u32 = lines.number("the number of bonds", 3, 6)?;
    let mut atoms = Atoms::default();
    for number in 1..=count {
        need(lines, &format!("atom {number} of {count}"))?;
        atom(lines, &mut atoms)?;
    }
    for number in 1..=bonds {
        need(lines, &format!("bond {number} of {bonds}"))?;
        bond(lines, count)?;
    }
    properties(lines, &mut atoms)?;
    Ok(atoms)
}

/// The next line, which must not yet be the end of the table.
fn need(lines: &mut Lines, part: &str) -> Result<(), DataError> {
    lines.need(part)?;
    if lines.text().starts_with("M  ") {
        return Err(lines.broken(
            &format!("'{}' stands where {part} should be", lines.text()),
            "as many atoms and bonds as the record's fourth line says",
        ));
    }
    Ok(())
}

fn atom(lines: &Lines, atoms: &mut Atoms) -> Result<(), DataError> {
    let mut place = [0.0_f64; 3];
    for ((value, name), from) in place.iter_mut().zip(["x", "y", "z"]).zip([0, 10, 20]) {
        *value = lines.number(name, from, from + 10)?;
        if !value.is_finite() {
            return Err(lines.broken(&format!("{name} is {value}"), "a finite number"));
        }
    }
    let element = lines.field(31, 34);
    if element.is_empty() {
        return Err(lines.broken("an atom without a symbol", "one in columns 32 to 34"));
    }
    let code = match lines.field(36, 39) {
        "" => 0,
        _ => lines.number("the charge", 36, 39)?,
    };
    let charge = match code {
        // 4 is a radical without a charge.
        0 | 4 => 0,
        1..=7 => 4 - code,
        _ => {
            return Err(lines.broken(
                &format!("the charge is {code}"),
                "0 to 7 in columns 37 to 39, which mean 0, 3, 2, 1, a radical, -1, -2 and -3",
            ));
        }
    };
    atoms.push(place, element, charge);
    Ok(())
}

/// Bonds are only looked at because a wrong number of atoms shows there.
fn bond(lines: &Lines, atoms: u32) -> Result<(), DataError> {
    for (what, from) in [("its first atom", 0), ("its second atom", 3)] {
        let atom: u32 = lines.number(&format!("a bond, and {what}"), from, from + 3)?;
        known(lines, "a bond", atom, atoms)?;
    }
    Ok(())
}

fn known(lines: &Lines, what: &str, atom: u32, atoms: u32) -> Result<(), DataError> {
    if (1..=atoms).contains(&atom) {
        return Ok(());
    }
    Err(lines.broken(
        &format!("{what} names atom {atom}, and the record has {atoms}"),
        "an atom of the record, counted from 1",
    ))
}

/// Lines after the bonds. Of those that begin with `M`, charges are used; the first of charges or
/// radicals makes those of the atoms' own lines void.
fn properties(lines: &mut Lines, atoms: &mut Atoms) -> Result<(), DataError> {
    let mut are_void = false;
    loop {
        lines.need("what follows the bonds")?;
        match lines.text().get(..6) {
            Some("M  END") => return Ok(()),
            Some(line @ ("M  CHG" | "M  RAD")) => {
                let is_charge = line == "M  CHG";
                if !std::mem::replace(&mut are_void, true) {
                    atoms.formal_charges.fill(0);
                }
                if is_charge {
                    charges(lines, atoms)?;
                }
            }
            Some("S  SKP") => {
                let skipped: u32 = lines.number("the number of lines to skip", 6, 9)?;
                for _ in 0..skipped {
                    lines.need("lines to skip")?;
                }
            }
            // An atom's alias or a group's abbreviation is any text, on the line that follows.
            Some(line) if line.starts_with("A  ") || line.starts_with("G  ") => {
                lines.need("the text of an atom or group")?;
            }
            _ => {}
        }
    }
}

/// `M  CHG`, a number of pairs, and pairs of atom and charge.
fn charges(lines: &Lines, atoms: &mut Atoms) -> Result<(), DataError> {
    let wanted = "'M  CHG', a number, and so many pairs of an atom and its charge";
    let words = lines.text().split_ascii_whitespace().skip(2);
    let numbers: Result<Vec<i32>, _> = words.map(str::parse).collect();
    let broken = || lines.broken(&format!("'{}'", lines.text()), wanted);
    let numbers = numbers.map_err(|_| broken())?;
    let (&count, pairs) = numbers.split_first().ok_or_else(broken)?;
    let (pairs, rest) = pairs.as_chunks::<2>();
    if !rest.is_empty() || usize::try_from(count) != Ok(pairs.len()) {
        return Err(broken());
    }
    for &[atom, charge] in pairs {
        let place = usize::try_from(atom)
            .ok()
            .and_then(|atom| atom.checked_sub(1));
        let found = place.and_then(|place| atoms.formal_charges.get_mut(place));
        let Some(found) = found else {
            let count = atoms.count();
            return Err(lines.broken(
                &format!("a charge of atom {atom}, and the record has {count}"),
                "an atom of the record, counted from 1",
            ));
        };
        *found = charge;
    }
    Ok(())
}
