//! The variables that a script finds when it starts: those of `env:` and of the lines of `setup:`.

use std::collections::{BTreeMap, BTreeSet};

use super::node::hidden;
use crate::expr::{CompiledTemplate, Scope};
use crate::model::Stage;
use crate::value::Value;

/// What a stage says of the variables that its command finds.
#[derive(Clone, Debug, Default)]
pub struct Preset {
    /// The values that each may have.
    values: BTreeMap<String, BTreeSet<String>>,
    /// Those that may have other values.
    unknown: BTreeSet<String>,
    /// The lines of `setup`.
    setup: Option<String>,
}

/// What is known of a parameter.
#[derive(Clone, Debug, Default)]
pub struct ParamValues {
    /// Values that it may have.
    pub values: Vec<Value>,
    /// Whether it has no others.
    pub is_complete: bool,
}

impl Preset {
    /// What `stage` says. `param` tells the values of a parameter, and `inherited` that of a
    /// variable which `env: { NAME: inherit }` passes on, if it is known.
    pub fn of(
        stage: &Stage,
        param: impl Fn(&str) -> ParamValues,
        inherited: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut preset = Self {
            setup: stage.setup.clone(),
            ..Self::default()
        };
        for (name, template) in &stage.env {
            if template.is_inherited() {
                let value = inherited(name);
                let is_complete = value.is_some();
                preset.put(name, value, is_complete);
                continue;
            }
            match template.compile() {
                Ok(template) => preset.put_template(name, &template, &param),
                Err(_) => preset.put(name, None, false),
            }
        }
        preset
    }

    fn put_template(
        &mut self,
        name: &str,
        template: &CompiledTemplate,
        param: impl Fn(&str) -> ParamValues,
    ) {
        let mut read: BTreeMap<String, ParamValues> = BTreeMap::new();
        for one in template.expressions() {
            for path in one.names() {
                match path.as_slice() {
                    [root, name] if root == "params" => {
                        read.insert(name.clone(), param(name));
                    }
                    // Values of a task, such as `item`.
                    _ => return self.put(name, None, false),
                }
            }
        }
        let is_complete = read.values().all(|one| one.is_complete);
        let first = |one: &ParamValues| one.values.first().cloned();
        let firsts: Option<BTreeMap<String, Value>> = read
            .iter()
            .map(|(name, one)| Some((name.clone(), first(one)?)))
            .collect();
        let Some(firsts) = firsts else {
            return self.put(name, None, false);
        };
        let many = read.values().filter(|one| one.values.len() > 1).count();
        let mut all = vec![firsts.clone()];
        if let Some((param, one)) = read.iter().find(|(_, one)| one.values.len() > 1) {
            all.extend(one.values.iter().map(|value| {
                let mut with = firsts.clone();
                with.insert(param.clone(), value.clone());
                with
            }));
        }
        for params in all {
            let scope = Scope {
                params: params.into(),
                ..Scope::default()
            };
            let text = template.render_text(&scope).ok();
            self.put(name, text, is_complete && many <= 1);
        }
    }

    fn put(&mut self, name: &str, value: Option<String>, is_complete: bool) {
        if value.is_none() || !is_complete {
            self.unknown.insert(name.to_owned());
        }
        let values = self.values.entry(name.to_owned()).or_default();
        values.extend(value);
    }

    /// The variables with the values of each, as [`expandable`](super::node::expandable) gives words.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, String)> {
        let all = self.values.iter();
        all.flat_map(|(name, values)| values.iter().map(|one| (name.as_str(), hidden(one))))
    }

    /// The values of the variables that have no others, without those that a shell would expand.
    pub(super) fn known(&self) -> BTreeMap<String, BTreeSet<String>> {
        let plain = |one: &String| !one.contains(['$', '`', '*', '?', '[', '{']);
        let known = self
            .values
            .iter()
            .filter(|(name, values)| !self.unknown.contains(*name) && values.iter().all(plain));
        known
            .map(|(name, values)| (name.clone(), values.clone()))
            .collect()
    }

    /// The variables that may have other values.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &String> {
        self.unknown.iter()
    }

    /// The lines of `setup`.
    pub(super) fn setup(&self) -> Option<&str> {
        self.setup.as_deref()
    }
}
