//! The expression engine: minijinja, restricted to single expressions, with limits and our own
//! filters.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Expression, UndefinedBehavior, Value as Dynamic};

use super::limits::{DEPTH_LIMIT, LIST_LIMIT, SIZE_LIMIT_BYTES, size_of};
use super::number::WrittenNumber;
use super::scope::{InputValue, Scope};
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

/// The result of `| raw`: a value that is written into a shell script unchanged.
#[derive(Debug)]
pub(crate) struct Raw(pub(super) Dynamic);

impl Object for Raw {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// `inputs.x` in an expression that also reads its parts. It renders as the path.
#[derive(Debug)]
pub(super) struct InputObject(InputValue);

impl InputObject {
    /// The bytes of all its paths.
    pub(super) fn size(&self) -> usize {
        self.0.path.len() + self.0.parts.iter().map(String::len).sum::<usize>()
    }
}

impl Object for InputObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Dynamic) -> Option<Dynamic> {
        match key.as_str()? {
            "path" => Some(Dynamic::from(self.0.path.clone())),
            "parts" => Some(Dynamic::from(self.0.parts.clone())),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.path)
    }
}

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
                        Dynamic::from_object(InputObject(input.clone()))
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

fn to_dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::from(()),
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::Float(f) => (*f).into(),
        Value::String(s) => s.as_str().into(),
        Value::List(list) => list.iter().map(to_dynamic).collect::<Vec<_>>().into(),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), to_dynamic(value)))
            .collect(),
        Value::Written(written) => Dynamic::from_object(WrittenNumber((**written).clone())),
    }
}

pub(super) fn from_dynamic(value: &Dynamic, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_LIMIT {
        return Err(format!(
            "the value is nested deeper than {DEPTH_LIMIT} levels"
        ));
    }
    if let Some(written) = value.downcast_object_ref::<WrittenNumber>() {
        return Ok(Value::Written(Box::new(written.0.clone())));
    }
    Ok(match value.kind() {
        ValueKind::Undefined => return Err("it reads a name that has no value".to_owned()),
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match (value.as_i64(), u64::try_from(value.clone())) {
            (Some(whole), _) if value.is_integer() => Value::Int(whole),
            (_, Ok(whole)) if value.is_integer() => Value::unsigned(whole),
            _ => Value::Float(f64::try_from(value.clone()).map_err(|e| explain(&e))?),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let mut list = Vec::new();
            for item in value.try_iter().map_err(|error| explain(&error))? {
                if list.len() >= LIST_LIMIT {
                    return Err(format!("the list has more than {LIST_LIMIT} values"));
                }
                list.push(from_dynamic(&item, depth + 1)?);
            }
            Value::List(list)
        }
        ValueKind::Map => {
            let mut map = Vec::new();
            for key in value.try_iter().map_err(|error| explain(&error))? {
                let item = value.get_item(&key).map_err(|error| explain(&error))?;
                map.push((key.to_string(), from_dynamic(&item, depth + 1)?));
            }
            Value::Map(map)
        }
        _ => Value::String(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        ),
    })
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

fn explain(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
