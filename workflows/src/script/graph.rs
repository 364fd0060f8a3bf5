//! What flows into what: the assignments of a script by their targets.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::node::POSITIONAL;
use super::reads::words;
use super::written::{self, Names};

/// One assignment of values to a variable, in whatever form.
pub(super) struct Flow {
    pub(super) target: String,
    /// Variables in the assigned values.
    pub(super) sources: BTreeSet<String>,
    /// Byte ranges of the assigned text, to find expressions in it.
    pub(super) ranges: Vec<Range<usize>>,
    /// Whether the beginning of the values may be cut off.
    pub(super) cuts: bool,
}

impl Flow {
    /// What is evaluated if the target is: its sources, and every name in its literal text, because
    /// an evaluated text may itself name a variable.
    fn evaluates(&self, text: &str) -> BTreeSet<String> {
        let mut names = self.sources.clone();
        for range in &self.ranges {
            let literal = &text[range.clone()];
            words(literal, &mut names);
            let parameter = |rest: &str| {
                rest.trim_start_matches('{')
                    .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '@' | '*' | '!'))
            };
            if literal.split('$').skip(1).any(parameter) {
                names.insert(POSITIONAL.to_owned());
            }
        }
        names
    }
}

/// The assignments by their targets.
pub(super) struct Graph<'f> {
    into: BTreeMap<&'f str, Vec<&'f Flow>>,
    /// The files that the script writes.
    files: Files<'f>,
    text: &'f str,
}

/// The written files by what is known of their names.
struct Files<'f> {
    names: &'f Names,
    exact: BTreeMap<String, Vec<&'f str>>,
    /// Those of which only a part of the name is known.
    partly: Vec<(String, &'f str)>,
}

impl<'f> Files<'f> {
    fn of(targets: impl Iterator<Item = &'f str>, names: &'f Names) -> Self {
        let mut files = Self {
            names,
            exact: BTreeMap::new(),
            partly: Vec::new(),
        };
        for target in targets.filter(|target| written::is_file(target)) {
            for name in names.of_target(target) {
                if written::is_partly_known(&name) {
                    files.partly.push((name, target));
                } else {
                    files.exact.entry(name).or_default().push(target);
                }
            }
        }
        files
    }

    /// The written files that may be the one that a program is read from.
    fn read_as(&self, program: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut add = |target: &str| {
            found.insert(target.to_owned());
        };
        let Some((names, is_command)) = self.names.of_program(program) else {
            return found;
        };
        for name in names {
            if let Some(targets) = self.exact.get(&name) {
                targets.iter().for_each(|target| add(target));
            }
            let all = |(known, _): &&(String, &str)| {
                // A command's file is rarely one that a variable names.
                let nothing_known = is_command && written::is_unknown(known);
                !nothing_known && written::may_be_same(known, &name)
            };
            self.partly
                .iter()
                .filter(all)
                .for_each(|(_, target)| add(target));
            if written::is_partly_known(&name) {
                let exact = self.exact.iter();
                exact
                    .filter(|(known, _)| written::may_be_same(known, &name))
                    .flat_map(|(_, targets)| targets)
                    .for_each(|target| add(target));
            }
        }
        found
    }
}

impl<'f> Graph<'f> {
    pub(super) fn of(flows: &'f [Flow], names: &'f Names, text: &'f str) -> Self {
        let mut into: BTreeMap<&str, Vec<&Flow>> = BTreeMap::new();
        for flow in flows {
            into.entry(flow.target.as_str()).or_default().push(flow);
        }
        let files = Files::of(into.keys().copied(), names);
        Self { into, files, text }
    }

    /// The written files that may be the one that a program is read from.
    pub(super) fn read_as(&self, program: &str) -> BTreeSet<String> {
        self.files.read_as(program)
    }

    /// Everything that directly flows into a name.
    fn before(&self, name: &str) -> BTreeSet<String> {
        let mut sources = BTreeSet::new();
        // Bash keeps the arguments of all functions there.
        if name == "BASH_ARGV" {
            sources.insert(POSITIONAL.to_owned());
        }
        let own = self.into.get(name).into_iter().flatten();
        for flow in own {
            sources.extend(flow.evaluates(self.text));
        }
        // A pattern may stand for any file.
        if written::is_any(name) {
            let targets = self.into.keys().filter(|target| written::is_file(target));
            sources.extend(targets.map(|target| (*target).to_owned()));
        }
        sources.extend(self.files.read_as(name));
        sources
    }

    /// Adds everything that flows into what is evaluated.
    pub(super) fn closed(&self, mut evaluated: BTreeSet<String>) -> BTreeSet<String> {
        let mut left: Vec<String> = evaluated.iter().cloned().collect();
        while let Some(name) = left.pop() {
            for source in self.before(&name) {
                if evaluated.insert(source.clone()) {
                    left.push(source);
                }
            }
        }
        evaluated
    }

    /// The first name of which this holds, among these and everything that flows into them.
    pub(super) fn first(
        &self,
        names: impl IntoIterator<Item = String>,
        holds: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let mut left: Vec<String> = names.into_iter().collect();
        let mut seen: BTreeSet<String> = left.iter().cloned().collect();
        while let Some(name) = left.pop() {
            if holds(&name) {
                return Some(name);
            }
            let fresh = self.before(&name).into_iter();
            left.extend(fresh.filter(|source| seen.insert(source.clone())));
        }
        None
    }
}
