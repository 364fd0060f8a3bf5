//! The paths of snapshots. `sunward test --update` writes there, so they must be nothing else.

use std::path::{Component, Path};

use super::names::is_table;
use super::{Tested, outputs};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Node};

/// A path that a test file names, and whose it is.
struct Named<'t> {
    path: Vec<String>,
    of: &'t str,
    test: &'t str,
}

/// Reports snapshots that are not a file or folder of their own in the folder of the tests.
pub(super) fn check(tests: &[Entry], of: &Tested<'_>, found: &mut Vec<Diagnostic>) {
    let named = |key: &'static str| {
        let all = tests.iter().flat_map(move |test| {
            let outputs = outputs(test).iter();
            outputs.filter_map(move |output| Some((test, output, output.value.get(key)?)))
        });
        all.filter_map(|(test, output, node)| Some((test, output, node, node.text()?)))
    };
    let equals: Vec<Named<'_>> = named("equals")
        .filter_map(|(test, output, _, text)| {
            Some(Named {
                path: inside(text)?,
                of: &output.key,
                test: &test.key,
            })
        })
        .collect();
    let mut earlier: Vec<Named<'_>> = Vec::new();
    for (test, output, node, text) in named("snapshot") {
        let shown = crate::quoted(text);
        let refuse = |why: String| {
            Diagnostic::error(codes::BAD_SNAPSHOT, node.span, format!("{shown} {why}")).expecting(
                "a file or folder of its own in the folder of the tests, such as ./snapshots/hits.csv",
            )
        };
        let Some(path) = inside(text) else {
            found.push(refuse("leaves the folder of the tests".to_owned()));
            continue;
        };
        let why = taken(&path, of).or_else(|| shared(&path, &earlier, &equals));
        if let Some(why) = why {
            found.push(refuse(why));
        }
        let workflow = of.workflow;
        if workflow.is_some_and(|workflow| is_table(workflow, &output.key))
            && !text.ends_with(".csv")
        {
            found.push(not_csv(node, text));
        }
        earlier.push(Named {
            path,
            of: &output.key,
            test: &test.key,
        });
    }
}

fn not_csv(node: &Node, text: &str) -> Diagnostic {
    let message = format!(
        "the snapshot of a table is CSV, and {} is not",
        crate::quoted(text)
    );
    Diagnostic::error(codes::BAD_SNAPSHOT, node.span, message)
        .expecting("a name that ends with .csv; `equals` takes files of other formats")
}

/// What is at the place already, or around it.
fn taken(path: &[String], of: &Tested<'_>) -> Option<String> {
    let Some(first) = path.first() else {
        return Some("is the folder of the tests".to_owned());
    };
    let named = [
        (of.workflow_name, "the workflow"),
        (of.name, "the test file"),
    ];
    let what = named.into_iter().find(|(name, _)| name == first);
    if let Some((_, what)) = what {
        let place = if path.len() > 1 { "inside " } else { "" };
        return Some(format!("is {place}{what}"));
    }
    (first == ".sunward").then(|| "is part of the home of runs".to_owned())
}

/// Which other output has the place.
fn shared(path: &[String], earlier: &[Named<'_>], equals: &[Named<'_>]) -> Option<String> {
    let is_equal = |one: &&Named<'_>| one.path == path || one.path.starts_with(path);
    if let Some(Named { of, test, .. }) = equals.iter().find(is_equal) {
        return Some(format!("is also what `{of}` in `{test}` must equal"));
    }
    let clash = |one: &&Named<'_>| one.path.starts_with(path) || path.starts_with(&one.path);
    let Named {
        path: other,
        of,
        test,
    } = earlier.iter().find(clash)?;
    let place = match other.len().cmp(&path.len()) {
        std::cmp::Ordering::Equal => {
            return Some(format!("is the snapshot of `{of}` in `{test}` too"));
        }
        std::cmp::Ordering::Less => "is inside",
        std::cmp::Ordering::Greater => "holds",
    };
    Some(format!("{place} the snapshot of `{of}` in `{test}`"))
}

/// The parts of a path inside the folder, without dots. `None` if it leaves the folder.
fn inside(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts)
}
