//! Prints the table as JSON Schema 2020-12, for editors.

use serde_json::{Map, Value as Json, json};

use super::kind::{Key, KeyRule, Kind, Shape};
use super::table::WORKFLOW;

const NAME: &str = "^[A-Za-z_][A-Za-z0-9_]{0,63}$";
const LOOSE_NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$";
const DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$";
const SIZE: &str = r"^[0-9]+(\.[0-9]+)? ?([kKMGTP]?B|[KMGTP]iB)$";
const PERCENT: &str = r"^(100|[0-9]{1,2}(\.[0-9]+)?) ?%$";
const POWER: &str = r"^[0-9]+(\.[0-9]+)? ?[kM]?W$";

/// The JSON Schema of pipeline files.
#[must_use]
pub fn schema() -> Json {
    let mut definitions = Map::new();
    let mut root = shape(&WORKFLOW, &mut definitions);
    if let Json::Object(object) = &mut root {
        object.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        object.insert("title".into(), "Sunward workflow".into());
        object.insert("$defs".into(), Json::Object(definitions));
    }
    root
}

fn shape(shape: &Shape, definitions: &mut Map<String, Json>) -> Json {
    let mut properties = Map::new();
    for key in shape.keys {
        for name in std::iter::once(key.name).chain(key.alias) {
            properties.insert(name.to_owned(), property(key, definitions));
        }
    }
    let required: Vec<&str> = shape
        .keys
        .iter()
        .filter(|k| k.required)
        .map(|k| k.name)
        .collect();
    let mut object = json!({
        "type": "object",
        "description": shape.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    if let Some(prefix) = shape.free_prefix {
        object["patternProperties"] = json!({ format!("^{prefix}"): true });
    }
    let one: Vec<Json> = shape
        .exactly_one
        .iter()
        .map(|name| json!({ "required": [name] }))
        .collect();
    if !one.is_empty() {
        object["oneOf"] = Json::Array(one);
    }
    object
}

fn property(key: &Key, definitions: &mut Map<String, Json>) -> Json {
    let mut json = kind(&key.kind, definitions);
    if let Json::Object(object) = &mut json {
        object.insert("description".into(), hover(key).into());
        json
    } else {
        json!({ "description": hover(key) })
    }
}

/// What an editor shows at a key: its meaning, what it takes, its default, an example, and since when.
fn hover(key: &Key) -> String {
    let mut facts = vec![format!("Takes {}.", key.kind.expected())];
    if key.required {
        facts.push("Required.".to_owned());
    }
    if let Some(default) = key.default {
        facts.push(format!("Default: {default}."));
    }
    facts.push(format!("Since {}.", key.since));
    let (name, example) = (key.name, key.example);
    format!(
        "{}\n\n{}\n\nExample: `{name}: {example}`",
        key.doc,
        facts.join(" ")
    )
}

fn kind(of: &Kind, definitions: &mut Map<String, Json>) -> Json {
    match of {
        Kind::Text | Kind::ColumnType | Kind::Suffix | Kind::Requirement => {
            json!({ "type": "string" })
        }
        Kind::Word(words) => {
            let has_tab = words.contains(&"\t");
            let also = has_tab.then_some("\\t");
            json!({ "enum": words.iter().copied().chain(also).collect::<Vec<_>>() })
        }
        Kind::Name => json!({ "type": "string", "pattern": NAME }),
        Kind::LooseName => json!({ "type": "string", "pattern": LOOSE_NAME }),
        Kind::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Whole(min, max) if *max == i64::MAX => json!({ "type": "integer", "minimum": min }),
        Kind::Whole(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number(min) => json!({ "type": "number", "minimum": min }),
        Kind::AnyNumber => json!({ "type": "number" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Duration => json!({ "type": "string", "pattern": DURATION }),
        Kind::Size => json!({ "type": "string", "pattern": SIZE }),
        Kind::Power => json!({ "type": "string", "pattern": POWER }),
        Kind::Percent => json!({ "type": "string", "pattern": PERCENT }),
        Kind::Any => json!(true),
        Kind::Nothing => json!({ "type": "null" }),
        Kind::List(inner) => json!({ "type": "array", "items": kind(inner, definitions) }),
        Kind::OneOrMany(inner) => {
            let one = kind(inner, definitions);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Kind::Map(rule, inner) => {
            let mut map = json!({
                "type": "object",
                "additionalProperties": kind(inner, definitions),
            });
            if *rule == KeyRule::Name {
                map["propertyNames"] = json!({ "pattern": NAME });
            }
            map
        }
        Kind::Node(of) => {
            if !definitions.contains_key(of.name) {
                // It is inserted first, so that a recursive shape ends here.
                definitions.insert(of.name.to_owned(), Json::Null);
                let definition = shape(of, definitions);
                definitions.insert(of.name.to_owned(), definition);
            }
            json!({ "$ref": format!("#/$defs/{}", of.name) })
        }
        Kind::OneOf(kinds) => {
            let all: Vec<Json> = kinds.iter().map(|one| kind(one, definitions)).collect();
            json!({ "anyOf": all })
        }
    }
}
