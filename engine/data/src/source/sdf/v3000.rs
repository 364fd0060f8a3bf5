//! Atoms of a V3000 connection table, whose lines are words.

use sunward_workflows::quoted;

use super::atoms::Atoms;
use super::lines::Lines;
use crate::error::DataError;

/// The prefix of every line of the table.
const MARK: &str = "M  V30 ";

/// Reads to `M END`. Everything except atoms is ignored.
pub(super) fn read(lines: &mut Lines) -> Result<Atoms, DataError> {
    let mut atoms = Atoms::default();
    let mut count: Option<usize> = None;
    let mut blocks = 0;
    let mut is_within = false;
    while let Some(line) = next(lines)? {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some("BEGIN"), Some("ATOM")) => {
                is_within = true;
                blocks += 1;
            }
            (Some("END"), Some("ATOM")) => is_within = false,
            (Some("COUNTS"), number) if count.is_none() => {
                let number = number.and_then(|number| number.parse().ok());
                count = Some(number.ok_or_else(|| {
                    lines.broken(&quoted(&line).to_string(), "COUNTS and the number of atoms")
                })?);
            }
            _ if is_within && blocks == 1 => atom(lines, &line, &mut atoms)?,
            _ => {}
        }
    }
    let found = atoms.count();
    let counted = count.map_or("none".to_owned(), |count| count.to_string());
    if blocks > 1 || count.unwrap_or(0) != found {
        return Err(lines.broken(
            &format!(
                "its COUNTS says {counted} atoms; {found} are in the first of {blocks} blocks"
            ),
            "one BEGIN ATOM with as many atoms as COUNTS says",
        ));
    }
    Ok(atoms)
}

/// The next line without its prefix, with its continuations; `None` at `M END`.
fn next(lines: &mut Lines) -> Result<Option<String>, DataError> {
    let part = "its connection table";
    lines.need(part)?;
    if lines.text().starts_with("M  END") {
        return Ok(None);
    }
    let mut whole = String::new();
    loop {
        let text = lines.text().trim_end();
        let Some(rest) = text.strip_prefix(MARK) else {
            return Err(lines.broken(
                &quoted(text).to_string(),
                "`M  V30 ` or `M  END` before all else",
            ));
        };
        let Some(start) = rest.strip_suffix('-') else {
            whole.push_str(rest);
            return Ok(Some(whole));
        };
        whole.push_str(start);
        lines.need(part)?;
    }
}

/// Index, symbol, x, y, z, the number in a reaction, and words such as `CHG=1`.
fn atom(lines: &Lines, line: &str, atoms: &mut Atoms) -> Result<(), DataError> {
    let broken = |found: &str| {
        lines.broken(
            &format!("{found} in {}", quoted(line)),
            "an atom: its number, symbol, x, y, z, and the number in a reaction",
        )
    };
    let mut words = line.split_ascii_whitespace().skip(1);
    let element = words.next().ok_or_else(|| broken("no symbol"))?;
    let mut place = [0.0; 3];
    for (value, name) in place.iter_mut().zip(["x", "y", "z"]) {
        let number = words.next().and_then(|word| word.parse::<f64>().ok());
        *value = number
            .filter(|number| number.is_finite())
            .ok_or_else(|| broken(&format!("no {name}")))?;
    }
    let charge = match words.find_map(|word| word.strip_prefix("CHG=")) {
        Some(word) => word
            .parse()
            .map_err(|_| broken(&format!("charge {}", quoted(word))))?,
        None => 0,
    };
    atoms.push(place, element, charge);
    Ok(())
}
