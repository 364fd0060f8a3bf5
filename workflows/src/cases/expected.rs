//! What a test expects must be able to fail, and able to hold.

use super::{expectation, outputs};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::yaml::Entry;

/// What only a run that began can give.
const OF_A_RUN: &[&str] = &["outputs", "skipped", "ran", "max_kwh", "max_gco2e"];

/// Reports what no run can fail, or no run can give.
pub(super) fn check(test: &Entry, found: &mut Vec<Diagnostic>) {
    let exit = expectation(test, "exit").and_then(|exit| exit.value.whole());
    if exit == Some(2) {
        for given in OF_A_RUN.iter().filter_map(|key| expectation(test, key)) {
            let message = "exit 2 means that nothing ran";
            found.push(
                Diagnostic::error(codes::BAD_EXPECTATION, given.key_span, message)
                    .expecting("`says` alone, or another `exit`"),
            );
        }
    }
    let says = expectation(test, "says").map(|says| says.value.items());
    for text in says.unwrap_or_default() {
        if text.text().is_some_and(|text| text.trim().is_empty()) {
            let message = "every message has an empty text";
            found.push(
                Diagnostic::error(codes::BAD_EXPECTATION, text.span, message)
                    .expecting("words of the message"),
            );
        }
    }
    for of in outputs(test) {
        output(of, found);
    }
}

fn output(of: &Entry, found: &mut Vec<Diagnostic>) {
    let has = |key: &str| of.value.get(key).is_some();
    let states = of.value.entries().iter().any(|key| key.key != "tolerance");
    if !states {
        let message = format!("nothing is expected of `{}`", of.key);
        found.push(
            Diagnostic::error(codes::BAD_EXPECTATION, of.key_span, message)
                .expecting("`equals`, `snapshot`, `text`, `digest` or `rows`"),
        );
        return;
    }
    let Some(tolerance) = of.value.entry("tolerance") else {
        return;
    };
    if !has("equals") && !has("snapshot") {
        let message = "`tolerance` has no effect";
        found.push(
            Diagnostic::error(codes::BAD_EXPECTATION, tolerance.key_span, message)
                .expecting("`equals` or `snapshot` beside it"),
        );
    }
}
