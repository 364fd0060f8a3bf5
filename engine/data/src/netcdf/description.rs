//! The attributes of a file and its variables that are passed on with a table.

use std::collections::BTreeMap;

use super::header::{Attribute, Variable};
use super::history::is_own_history;

/// The attributes of a variable that remain valid after its values are unpacked to floats (CF,
/// appendix A).
const OF_VARIABLE: &[&str] = &[
    "cell_methods",
    "comment",
    "references",
    "source",
    "institution",
    "original_name",
    "standard_name_vocabulary",
    "positive",
    "flag_meanings",
];

/// The attributes of a file that are passed on (CF 2.6.2).
pub(super) const OF_FILE: &[&str] = &[
    "title",
    "institution",
    "source",
    "history",
    "references",
    "comment",
    "license",
    "experiment",
    "experiment_id",
    "model_id",
    "realization",
    "frequency",
    "project_id",
    "source_id",
    "variant_label",
    "tracking_id",
];

/// The attributes of a variable that are passed on, with the names of an enumeration (CF 3.5).
pub(super) fn described(variable: &Variable) -> BTreeMap<String, String> {
    let mut texts = kept(&variable.attributes.0, OF_VARIABLE);
    if !variable.members.is_empty() {
        let members = variable.members.iter();
        let (names, values): (Vec<String>, Vec<String>) = members
            .map(|(name, value)| (name.replace(char::is_whitespace, "_"), value.to_string()))
            .unzip();
        texts.insert("flag_meanings".to_owned(), names.join(" "));
        texts.insert("flag_values".to_owned(), values.join(" "));
    } else if let Some(Attribute::Numbers(_, values)) = variable.attributes.get("flag_values") {
        let values: Vec<String> = values.iter().map(f64::to_string).collect();
        texts.insert("flag_values".to_owned(), values.join(" "));
    }
    texts
}

/// The text attributes with these names. Sunward's own lines in a history are removed, so that a
/// table that is written and read again stays the same.
pub(super) fn kept(all: &[(String, Attribute)], names: &[&str]) -> BTreeMap<String, String> {
    all.iter()
        .filter(|(name, _)| names.contains(&name.as_str()))
        .filter_map(|(name, value)| match value {
            Attribute::Text(text) => {
                let lines = text.lines().filter(|line| !is_own_history(line));
                Some((name.clone(), lines.collect::<Vec<_>>().join("\n")))
            }
            Attribute::Numbers(..) => None,
        })
        .filter(|(_, text)| !text.is_empty())
        .collect()
}
