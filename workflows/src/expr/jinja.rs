//! The expression engine: minijinja, restricted to single expressions, with limits and our own
//! filters.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use minijinja::{Environment, Expression, UndefinedBehavior, Value as Dynamic};

use super::conversion::{from_dynamic, to_dynamic};
use super::explain::explain;
use super::limits::{DEPTH_LIMIT, SIZE_LIMIT_BYTES, size_of};
use super::literal::check_literals;
use super::object::{InputObject, Raw};
use super::scope::Scope;
use super::{builtins, desugar};
use crate::value::Value;

/// The most bytes of one expression. The engine walks chains of operators recursively, and an
/// expression of this length cannot exhaust a thread's stack.
const LENGTH_LIMIT: usize = 2048;

/// Functions that an expression may call.
pub(crate) const FUNCTIONS: &[&str] = &["range", "dict"];

/// Filters that an expression may use.
pub(crate) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "raw",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_recursion_limit(DEPTH_LIMIT);
    // `safe` and `escape` mark text for HTML, which has no meaning here. `debug` and `namespace`
    // show or change the engine's own state.
    for name in ["safe", "escape", "e", "pprint"] {
        environment.remove_filter(name);
    }
    for name in ["debug", "namespace"] {
        environment.remove_global(name);
    }
    environment.add_filter("raw", |value: Dynamic| Dynamic::from_object(Raw(value)));
    builtins::guard(&mut environment);
    environment
});

/// A parsed expression.
#[derive(Debug)]
pub(crate) struct Parsed {
    expression: Expression<'static, 'static>,
    /// Every name that it reads, with its members as far as they are constant: `params.k`,
    /// `item.id`, `range`.
    pub(crate) names: BTreeSet<String>,
}

/// The result of an expression.
pub(crate) struct Outcome {
    /// The value.
    pub(crate) value: Value,
    /// True if it went through `| raw`.
    pub(crate) raw: bool,
}

impl Parsed {
    /// Parses one expression.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        if source.len() > LENGTH_LIMIT {
            return Err(format!("it is longer than {LENGTH_LIMIT} bytes"));
        }
        check_literals(source)?;
        let expression =
            guarded(|| ENVIRONMENT.compile_expression_owned(desugar::desugar(source)?))?;
        let mut names: BTreeSet<String> =
            expression.undeclared_variables(true).into_iter().collect();
        names.retain(|name| !builtins::is_internal(name));
        Ok(Self { expression, names })
    }

    /// Evaluates the expression.
    pub(crate) fn evaluate(&self, scope: &Scope) -> Result<Outcome, String> {
        let context = context(&self.names, scope);
        let result = guarded(|| {
            let result = self.expression.eval(context)?;
            size_of(&result, SIZE_LIMIT_BYTES)?;
            Ok(result)
        })?;
        if let Some(raw) = result.downcast_object_ref::<Raw>() {
            let value = from_dynamic(&raw.0, 0)?;
            return Ok(Outcome { value, raw: true });
        }
        let value = from_dynamic(&result, 0)?;
        Ok(Outcome { value, raw: false })
    }
}

/// Converts only the names that the expression reads, so that a large parameter costs nothing
/// elsewhere.
fn context(names: &BTreeSet<String>, scope: &Scope) -> Dynamic {
    let mut roots: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for name in names {
        let mut words = name.split('.');
        let members = roots.entry(words.next().unwrap_or_default()).or_default();
        if let Some(member) = words.next() {
            let deeper = members.entry(member).or_default();
            *deeper |= words.next().is_some();
        }
    }
    let mut map: BTreeMap<String, Dynamic> = BTreeMap::new();
    for (root, members) in roots {
        let value = match root {
            "params" => pick(&members, |name| scope.params.get(name).map(to_dynamic)),
            "outputs" => pick(&members, |n| {
                scope.outputs.get(n).map(|p| p.as_str().into())
            }),
            "run" => pick(&members, |name| scope.run.get(name).map(to_dynamic)),
            "inputs" => members
                .iter()
                .filter_map(|(name, deeper)| {
                    let input = scope.inputs.get(*name)?;
                    let value = if *deeper {
                        let start = format!("inputs.{name}.");
                        let has_parts = names.iter().any(|name| {
                            let field = name.strip_prefix(&start);
                            let field = field.and_then(|field| field.split('.').next());
                            matches!(field, Some("parts" | "files"))
                        });
                        Dynamic::from_object(InputObject::new(input, has_parts))
                    } else {
                        Dynamic::from(input.path.clone())
                    };
                    Some(((*name).to_owned(), value))
                })
                .collect(),
            "stages" => pick(&members, |name| {
                let status = scope.stages.get(name)?;
                Some([("status", status.as_str())].into_iter().collect())
            }),
            "matrix" => to_dynamic(&scope.matrix_value()),
            "item" => match &scope.item {
                Some(item) => to_dynamic(item),
                None => continue,
            },
            "repeat" => match scope.repeat {
                Some(repeat) => repeat.into(),
                None => continue,
            },
            "attempt" => match scope.attempt {
                Some(attempt) => attempt.into(),
                None => continue,
            },
            _ => continue,
        };
        map.insert(root.to_owned(), value);
    }
    map.into_iter().collect()
}

fn pick(members: &BTreeMap<&str, bool>, get: impl Fn(&str) -> Option<Dynamic>) -> Dynamic {
    members
        .keys()
        .filter_map(|name| get(name).map(|value| ((*name).to_owned(), value)))
        .collect()
}

/// Runs the engine. A panic in it becomes an error of the expression.
fn guarded<T>(engine: impl FnOnce() -> Result<T, minijinja::Error>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(engine)) {
        Ok(result) => result.map_err(|error| explain(&error)),
        Err(_) => Err(
            "the expression engine failed on these values; write the expression another way"
                .to_owned(),
        ),
    }
}
