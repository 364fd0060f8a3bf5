//! Whether the first line of a SMILES file names its columns.

use sunward_workflows::quoted;

/// Words of headers. They are compared without case, and by the pieces between `_`, `-` and `.`.
const WORDS: &[&str] = &[
    "smiles",
    "smi",
    "cxsmiles",
    "isosmiles",
    "cansmiles",
    "structure",
    "structures",
    "mol",
    "molecule",
    "molecules",
    "compound",
    "compounds",
    "canonical",
    "isomeric",
    "name",
    "names",
    "id",
    "ids",
    "idnumber",
    "identifier",
    "title",
    "code",
    "cas",
    "catalog",
    "catalogue",
    "number",
    "key",
    "label",
    "labels",
    "inchi",
    "inchikey",
    "formula",
    "activity",
    "target",
    "class",
    "chembl",
    "zinc",
    "pubchem",
    "cid",
    "cpd",
    "ligand",
    "substance",
    "vendor",
    "reagent",
    "property",
];

/// The kind of the first line.
#[derive(Debug, PartialEq)]
pub(super) enum First {
    /// A molecule, or a line that should be one.
    Molecule,
    /// The names of a SMILES file's columns.
    Header,
    /// Names of columns in another order or with commas. The text says what is wrong.
    OtherColumns(String),
}

/// Classifies a line. Text that could be a SMILES is a molecule, unless a later word of the line
/// names a SMILES column.
pub(super) fn of(line: &str) -> First {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some(first) = words.first() else {
        return First::Molecule;
    };
    if first.contains([',', ';']) && !could_be_smiles(first) && first.split([',', ';']).any(is_word)
    {
        return First::OtherColumns(format!(
            "{} names columns with `,` or `;` between them",
            quoted(first)
        ));
    }
    let smiles_at = words.iter().position(|word| names_smiles(word));
    match smiles_at {
        Some(0) => First::Header,
        Some(at) if !first.contains(['(', '=', '[', '#', '@', '/', '\\']) => {
            First::OtherColumns(format!(
                "its header says that SMILES are column {}, after {}",
                at + 1,
                quoted(first)
            ))
        }
        _ if could_be_smiles(first) => First::Molecule,
        _ if is_word(first) => First::Header,
        _ if words.len() > 1 && is_text(first) && words.iter().skip(1).all(|w| is_word(w)) => {
            First::Header
        }
        _ => First::Molecule,
    }
}

fn pieces(word: &str) -> impl Iterator<Item = &str> {
    word.trim_matches(['"', '\'', '#', '<', '>', '(', ')', ':'])
        .split(['_', '-', '.'])
}

fn is_word(word: &str) -> bool {
    pieces(word).any(is_known)
}

fn is_known(piece: &str) -> bool {
    WORDS.contains(&piece.to_ascii_lowercase().as_str()) || is_smiles(piece)
}

fn is_smiles(piece: &str) -> bool {
    piece.to_ascii_lowercase().ends_with("smiles")
}

/// Whether a word is the name of a SMILES column, for example `canonical_smiles`. `my-smiles` is
/// not: it may be the name of a molecule.
fn names_smiles(word: &str) -> bool {
    pieces(word).all(is_known) && pieces(word).any(is_smiles)
}

/// Whether a word has only letters and `_`.
fn is_text(word: &str) -> bool {
    word.chars().all(|c| c.is_alphabetic() || c == '_')
}

/// Whether all characters are valid in SMILES (OpenSMILES 3), read from the left. Rings and
/// brackets need not close.
fn could_be_smiles(word: &str) -> bool {
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '[' => rest.find(']').map_or(0, |end| end + 1),
            'C' if rest.starts_with("Cl") => 2,
            'B' if rest.starts_with("Br") => 2,
            'B' | 'C' | 'N' | 'O' | 'P' | 'S' | 'F' | 'I' => 1,
            'b' | 'c' | 'n' | 'o' | 'p' | 's' | '*' => 1,
            '-' | '=' | '#' | '$' | ':' | '/' | '\\' | '~' | '.' | '>' | '<' | '(' | ')' | '%' => 1,
            digit if digit.is_ascii_digit() => 1,
            _ => 0,
        };
        match rest.get(taken..) {
            Some(tail) if taken > 0 => rest = tail,
            _ => return false,
        }
    }
    true
}
