//! The `|…|` of CXSMILES: stereochemistry, labels and coordinates that SMILES cannot express.
//!
//! It is between the SMILES and the name (ChemAxon, "ChemAxon Extended SMILES and SMARTS"); some
//! programs write it after the name. A `|` within it is escaped, so the next `|` ends it.

/// The letters with which an extension's entries begin.
const ENTRIES: &[&str] = &[
    "a", "atomProp", "bondProp", "c", "C", "ctu", "f", "h", "H", "Ha", "Hb", "LN", "LO", "lp", "m",
    "o", "r", "rb", "RG", "s", "Sg", "SgD", "SgH", "Sf", "t", "THB", "TB", "TEB", "u", "w", "wD",
    "wU", "TLB", "LP", "R", "SR", "AP", "OC", "OH", "SP", "TH", "AL",
];

/// Splits what follows a SMILES into its extension, with its bars, and the name.
pub(super) fn split(rest: &str) -> (Option<&str>, &str) {
    if let Some(inner) = rest.strip_prefix('|')
        && let Some(end) = inner.find('|')
    {
        let (extension, name) = rest.split_at(end + 2);
        // `|A|B` without white space may be a name with bars.
        let stands_alone = name.is_empty() || name.starts_with(char::is_whitespace);
        if stands_alone || inner.get(..end).is_some_and(is_extension) {
            return (Some(extension), name.trim());
        }
    }
    if let Some(inner) = rest.strip_suffix('|')
        && let Some((name, inner)) = inner.rsplit_once('|')
        && name.ends_with(char::is_whitespace)
        && is_extension(inner)
    {
        return (rest.get(name.len()..), name.trim());
    }
    (None, rest)
}

/// Whether text between bars after a name has the form of an extension's first entry.
fn is_extension(inner: &str) -> bool {
    if inner.starts_with(['$', '(', '^', '&', '@']) {
        return true;
    }
    let word = inner.split([':', ',']).next().unwrap_or(inner);
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    (inner.contains(':') || letters == "r") && ENTRIES.contains(&letters)
}
