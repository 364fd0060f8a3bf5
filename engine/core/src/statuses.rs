//! The statuses of stages as a condition or a command reads them: by the names that its own file gives.

use std::collections::{BTreeMap, BTreeSet};

use sunward_workflows::{Stage, enclosing, full_name, is_inside, own_name};

/// The statuses that a stage reads, by the names of its file. `all` has full names. A stage that uses a
/// file has failed if one of the file's stages has, else it was cancelled if one was, and skipped if all
/// were.
#[must_use]
pub fn statuses_for<'s>(
    stage: &str,
    all: impl IntoIterator<Item = (&'s str, &'s str)>,
) -> BTreeMap<String, String> {
    let around = enclosing(stage);
    let mut found: BTreeMap<String, &str> = BTreeMap::new();
    for (name, status) in all {
        let Some(name) = name_in(around, name) else {
            continue;
        };
        let known = found.entry(name.to_owned()).or_insert(status);
        if weight(status) > weight(known) {
            *known = status;
        }
    }
    let words = found.into_iter();
    words
        .map(|(name, status)| (name, status.to_owned()))
        .collect()
}

/// The stages among `upstream` whose status the conditions of a stage read.
#[must_use]
pub(crate) fn condition_asks<'s>(
    reader: &Stage,
    upstream: impl Iterator<Item = &'s str>,
) -> BTreeSet<String> {
    let read: Vec<(&str, BTreeSet<String>)> = reader
        .conditions()
        .map(|(reader, condition)| (reader, condition.uses().statuses))
        .filter(|(_, names)| !names.is_empty())
        .collect();
    if read.is_empty() {
        return BTreeSet::new();
    }
    let is_read = |stage: &&str| {
        let mut all = read.iter();
        all.any(|(reader, names)| names.iter().any(|name| is_called(reader, name, stage)))
    };
    upstream.filter(is_read).map(str::to_owned).collect()
}

/// Whether the name that a stage of the same file would use for `stage` is `name`: of a stage in a file
/// that is used there, that of the stage which uses it.
#[must_use]
fn is_called(reader: &str, name: &str, stage: &str) -> bool {
    let full = full_name(enclosing(reader), name);
    stage == full || is_inside(stage, &full)
}

/// Whether a stage that was skipped leaves another one nothing to wait for. A file that it only `needs`
/// was skipped if all stages of the file were: a step that was left out in it does not count. `upstream`
/// has the stages that it waits for, and whether they were skipped.
#[must_use]
pub(crate) fn is_left_out<'s>(
    reader: &Stage,
    skipped: &str,
    upstream: impl Iterator<Item = (&'s str, bool)>,
) -> bool {
    let file = file_around(&reader.name, skipped).filter(|_| !reader.reads_from(skipped));
    let Some(file) = file else {
        return true;
    };
    let mut inside = upstream.filter(|(name, _)| file_around(&reader.name, name) == Some(file));
    inside.all(|(_, is_skipped)| is_skipped)
}

/// The full name of the stage with `uses:` whose file `stage` is in, as seen from another stage: of
/// several files around `stage`, the outermost in which `reader` is not. `None` if there is no such file.
#[must_use]
fn file_around<'n>(reader: &str, stage: &'n str) -> Option<&'n str> {
    let ends = stage.match_indices('.').map(|(at, _)| at);
    let mut files = ends.filter_map(|at| stage.get(..at));
    files.find(|file| !is_inside(reader, file))
}

/// What a file calls a stage, or the stage that uses the file in which it is. `None` for a stage that is
/// not in the file.
fn name_in<'n>(around: Option<&str>, mut stage: &'n str) -> Option<&'n str> {
    while enclosing(stage) != around {
        stage = enclosing(stage)?;
    }
    Some(own_name(stage))
}

fn weight(status: &str) -> u8 {
    match status {
        "failed" => 3,
        "cancelled" => 2,
        "skipped" => 0,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_its_own_stages_and_the_files_that_it_uses_as_one() {
        let all = [
            ("a", "succeeded"),
            ("qc.a", "skipped"),
            ("qc.b", "failed"),
            ("qc.in.c", "skipped"),
            ("qc.in.d", "skipped"),
            ("other.e", "cancelled"),
            ("other.f", "succeeded"),
        ];
        let read = |stage: &str| {
            let words = statuses_for(stage, all).into_iter();
            let words: Vec<String> = words.map(|(name, word)| format!("{name} {word}")).collect();
            words.join(", ")
        };
        assert_eq!(read("z"), "a succeeded, other cancelled, qc failed");
        assert_eq!(read("qc.z"), "a skipped, b failed, in skipped");
        assert_eq!(read("qc.in.z"), "c skipped, d skipped");
        assert!(is_called("z", "qc", "qc.in.c") && is_called("qc.z", "in", "qc.in.c"));
        for (reader, stage, file) in [
            ("z", "a", None),
            ("z", "qc.a", Some("qc")),
            ("z", "qc.in.c", Some("qc")),
            ("qc.z", "qc.a", None),
            ("qc.z", "qc.in.c", Some("qc.in")),
            ("other.e", "qc.in.c", Some("qc")),
            ("qc.in.c", "qc.a", None),
        ] {
            assert_eq!(file_around(reader, stage), file, "{stage} from {reader}");
        }
        assert!(!is_called("z", "q", "qc.a") && !is_called("qc.z", "qc", "qc.a"));
    }
}
