//! Atoms of a V2000 connection table, whose fields have fixed columns.

use sunward_workflows::quoted;

use super::atoms::Atoms;
use super::lines::Lines;
use crate::error::DataError;

/// Reads from the counts line, which is the current line, to `M END`.
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

/// The next line, which must not be the end of the table.
fn need(lines: &mut Lines, part: &str) -> Result<(), DataError> {
    lines.need(part)?;
    if lines.text().starts_with("M  ") {
        return Err(lines.broken(
            &format!("found {} instead of {part}", quoted(lines.text())),
            "as many atoms and bonds as the record's fourth line says",
        ));
    }
    Ok(())
}

fn atom(lines: &Lines, atoms: &mut Atoms) -> Result<(), DataError> {
    let fields = Fields::of(lines)?;
    let mut place = [0.0_f64; 3];
    for ((value, name), (text, columns)) in place.iter_mut().zip(["x", "y", "z"]).zip(fields.place)
    {
        *value = text.parse().map_err(|_| {
            lines.broken(
                &format!("{name} is {}", quoted(text)),
                &format!("a number in columns {columns}"),
            )
        })?;
        if !value.is_finite() {
            return Err(lines.broken(&format!("{name} is {value}"), "a finite number"));
        }
    }
    if fields.element.is_empty() {
        return Err(lines.broken("an atom without a symbol", "one in columns 32 to 34"));
    }
    let wanted = "0 to 7 in columns 37 to 39, which mean 0, 3, 2, 1, a radical, -1, -2 and -3";
    let code: i32 = match fields.charge {
        "" => 0,
        text => text
            .parse()
            .map_err(|_| lines.broken(&format!("the charge is {}", quoted(text)), wanted))?,
    };
    let charge = match code {
        // 4 is a radical without a charge.
        0 | 4 => 0,
        1..=7 => 4 - code,
        _ => return Err(lines.broken(&format!("the charge is {code}"), wanted)),
    };
    atoms.push(place, fields.element, charge);
    Ok(())
}

/// The texts of an atom's line.
struct Fields<'l> {
    /// x, y and z, each with its expected columns.
    place: [(&'l str, &'static str); 3],
    element: &'l str,
    /// A code.
    charge: &'l str,
}

impl<'l> Fields<'l> {
    /// Splits the line at its fixed columns. Programs that write coordinates wider than ten columns
    /// shift the rest: if a column's edge would cut a number, words are used instead.
    fn of(lines: &'l Lines) -> Result<Self, DataError> {
        const COLUMNS: [&str; 3] = ["1 to 10", "11 to 20", "21 to 30"];
        let text = lines.text();
        // The format has a blank in column 31.
        let is_wide = text
            .get(30..31)
            .is_some_and(|c| c.starts_with(is_of_number));
        if !is_wide && ![10, 20].iter().any(|edge| cuts_number(text, *edge)) {
            let from = [0, 10, 20];
            return Ok(Self {
                place: [0, 1, 2].map(|i| (lines.field(from[i], from[i] + 10), COLUMNS[i])),
                element: lines.field(31, 34),
                charge: lines.field(36, 39),
            });
        }
        let words: Vec<&str> = text.split_ascii_whitespace().flat_map(numbers).collect();
        let [x, y, z, element, rest @ ..] = words.as_slice() else {
            return Err(lines.broken(
                "coordinates that are wider than their ten columns, and not three numbers and a symbol",
                "x, y and z in columns 1 to 30, or white space between them",
            ));
        };
        Ok(Self {
            place: [(*x, COLUMNS[0]), (*y, COLUMNS[1]), (*z, COLUMNS[2])],
            element,
            charge: rest.get(1).copied().unwrap_or_default(),
        })
    }
}

fn is_of_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | '-' | '+')
}

/// Adjacent numbers, split before each sign except an exponent's.
fn numbers(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, sign) in word.char_indices().skip(1) {
        let before = &word[from..at];
        if matches!(sign, '-' | '+') && before.ends_with(|c: char| c.is_ascii_digit()) {
            parts.push(before);
            from = at;
        }
    }
    parts.push(&word[from..]);
    parts
}

/// True if one number spans a column's edge. If two numbers touch there, they have two points, or
/// the second has a sign.
fn cuts_number(text: &str, edge: usize) -> bool {
    let (Some(before), Some(after)) = (text.get(..edge), text.get(edge..)) else {
        return false;
    };
    if !before.ends_with(is_of_number)
        || !after.starts_with(|c: char| c == '.' || c.is_ascii_digit())
    {
        return false;
    }
    let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let end = after.find(char::is_whitespace).unwrap_or(after.len());
    let mut from = start;
    // Finds whether one of the touching numbers spans the edge.
    for number in numbers(text.get(start..edge + end).unwrap_or_default()) {
        let until = from + number.len();
        if from < edge && edge < until {
            return number.matches('.').count() <= 1;
        }
        from = until;
    }
    false
}

/// Checks a bond, because a wrong number of atoms is noticed here.
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

/// Reads the lines after the bonds. Only charges are used. The first `M` line with charges or
/// radicals overrides all charges in the atoms' lines.
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
            // An atom's alias or a group's abbreviation is any text on the next line.
            Some(line) if line.starts_with("A  ") || line.starts_with("G  ") => {
                lines.need("the text of an atom or group")?;
            }
            _ => {}
        }
    }
}

/// Reads `M CHG`, a number of pairs, and pairs of atom and charge.
fn charges(lines: &Lines, atoms: &mut Atoms) -> Result<(), DataError> {
    let wanted = "`M  CHG`, a number, and that many pairs of an atom and its charge";
    let words = lines.text().split_ascii_whitespace().skip(2);
    let numbers: Result<Vec<i32>, _> = words.map(str::parse).collect();
    let broken = || lines.broken(&quoted(lines.text()).to_string(), wanted);
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
