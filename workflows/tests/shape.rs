//! The shape of the language: the JSON Schema agrees with the check, and two YAML readers agree on
//! the shipped pipelines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

use serde_json::Value as Json;
use sunward_workflows::{Catalog, Facts, check, schema};

/// Good pipelines: those of the tests, and all examples.
fn pipelines() -> Vec<(String, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut paths = Vec::new();
    for folder in [
        format!("{root}/workflows/tests/good"),
        format!("{root}/examples"),
    ] {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            paths.push(if path.is_dir() {
                path.join("workflow.yaml")
            } else {
                path
            });
        }
    }
    paths.retain(|path| path.exists() && path.extension().is_some_and(|e| e == "yaml"));
    paths.sort();
    assert!(paths.len() >= 3, "{paths:?}");
    paths
        .into_iter()
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read_to_string(path).unwrap(),
            )
        })
        .collect()
}

/// Validates with the part of JSON Schema that our schema uses.
fn valid(schema: &Json, root: &Json, value: &Json, path: &str) -> Result<(), String> {
    let Json::Object(rules) = schema else {
        return Ok(());
    };
    for (rule, wanted) in rules {
        let holds = match rule.as_str() {
            "$ref" => {
                let name = wanted.as_str().unwrap().trim_start_matches("#/$defs/");
                valid(&root["$defs"][name], root, value, path)?;
                true
            }
            "type" => match wanted {
                Json::Array(types) => types.iter().any(|t| is(value, t.as_str().unwrap())),
                one => is(value, one.as_str().unwrap()),
            },
            "enum" => wanted.as_array().unwrap().contains(value),
            "anyOf" => wanted
                .as_array()
                .unwrap()
                .iter()
                .any(|one| valid(one, root, value, path).is_ok()),
            "oneOf" => {
                let fits = |one: &&Json| valid(one, root, value, path).is_ok();
                wanted.as_array().unwrap().iter().filter(fits).count() == 1
            }
            "required" => wanted
                .as_array()
                .unwrap()
                .iter()
                .all(|key| value.get(key.as_str().unwrap()).is_some()),
            "properties" => {
                for (key, inner) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        valid(inner, root, value, &format!("{path}.{key}"))?;
                    }
                }
                true
            }
            "additionalProperties" => additional(rules, wanted, root, value, path)?,
            "items" => {
                for item in value.as_array().unwrap_or(&Vec::new()) {
                    valid(wanted, root, item, path)?;
                }
                true
            }
            "minimum" => value.as_f64().is_none_or(|v| v >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|v| v <= wanted.as_f64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| fits(wanted, text)),
            "propertyNames" => value
                .as_object()
                .is_none_or(|object| object.keys().all(|name| fits(&wanted["pattern"], name))),
            "$schema" | "$defs" | "title" | "description" | "patternProperties" => true,
            other => panic!("the test does not know the rule {other}"),
        };
        if !holds {
            return Err(format!("{path}: {rule} {wanted}: {value}"));
        }
    }
    Ok(())
}

fn fits(pattern: &Json, text: &str) -> bool {
    regex::Regex::new(pattern.as_str().unwrap())
        .unwrap()
        .is_match(text)
}

fn additional(
    rules: &serde_json::Map<String, Json>,
    wanted: &Json,
    root: &Json,
    value: &Json,
    path: &str,
) -> Result<bool, String> {
    let Some(object) = value.as_object() else {
        return Ok(true);
    };
    for (key, value) in object {
        let known = rules
            .get("properties")
            .is_some_and(|known| known.get(key).is_some());
        let free = rules.contains_key("patternProperties") && key.starts_with("x-");
        if known || free {
            continue;
        }
        if wanted == &Json::Bool(false) {
            return Err(format!("{path}: `{key}` is not in the schema"));
        }
        valid(wanted, root, value, &format!("{path}.{key}"))?;
    }
    Ok(true)
}

fn is(value: &Json, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_good_pipeline_fits_the_schema() {
    let schema = schema();
    for (path, text) in pipelines() {
        let document: Json = serde_saphyr::from_str(&text).unwrap();
        if let Err(problem) = valid(&schema, &schema, &document, "") {
            panic!("{path}{problem}");
        }
    }
}

/// The workflows in the pages of the book.
fn of_the_book() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for page in sunward_workflows::book::pages() {
        let mut lines = page.text.lines();
        while let Some(line) = lines.next() {
            if line == "```yaml" || line == "```yaml check" {
                let text = lines.by_ref().take_while(|line| !line.starts_with("```"));
                let text: Vec<&str> = text.collect();
                found.push((page.topic.to_owned(), text.join("\n")));
            }
        }
    }
    assert!(found.len() > 30, "{}", found.len());
    found
}

/// JSON has no key that is null, which editors read as the text.
fn quoted(text: &str) -> String {
    text.replace("null: [", "\"null\": [")
}

#[test]
fn the_workflows_of_the_book_fit_the_schema() {
    let schema = schema();
    for (page, text) in of_the_book() {
        let document: Json = serde_saphyr::from_str(&quoted(&text)).unwrap();
        if let Err(problem) = valid(&schema, &schema, &document, "") {
            panic!("{page}{problem}\n{text}");
        }
    }
}

/// Mistakes that a schema can find: unknown keys, and words of a list.
const OF_SHAPE: [&str; 2] = ["SW0201", "SW0204"];

#[test]
fn bad_files_with_mistakes_of_shape_are_refused_by_the_schema() {
    let schema = schema();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad");
    let mut refused = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let Ok(document) = serde_saphyr::from_str::<Json>(&text) else {
            continue;
        };
        let found = check(&text, &Catalog::default(), &Facts::default()).diagnostics;
        let codes: Vec<&str> = found.iter().map(|d| d.code.0).collect();
        let fits = valid(&schema, &schema, &document, "").is_ok();
        if codes.iter().any(|code| OF_SHAPE.contains(code)) {
            assert!(!fits, "{}: {codes:?}", path.display());
        }
        refused += usize::from(!fits);
    }
    assert!(refused >= 10, "{refused}");
}

#[test]
fn what_the_schema_refuses_the_check_refuses_too() {
    let schema = schema();
    let good = "name: a\nstages:\n  one: { run: echo, timeout: 1h, tolerate: 1 }\n";
    for (from, to) in [
        ("run", "runs"),
        ("1h", "1"),
        ("tolerate: 1", "tolerate: -1"),
        ("echo", "{}"),
        ("name: a", "nmae: a"),
        ("run: echo", "run: echo, kernel: noop"),
        ("timeout: 1h", "retry: { on: sometimes }"),
    ] {
        let text = good.replace(from, to);
        let document: Json = serde_saphyr::from_str(&text).unwrap();
        let checked = check(&text, &Catalog::default(), &Facts::default());
        assert!(!checked.diagnostics.is_empty(), "{text}");
        assert!(valid(&schema, &schema, &document, "").is_err(), "{text}");
    }
}

#[test]
fn the_schema_names_its_version_and_describes_every_key() {
    let schema = schema();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let shapes = schema["$defs"]
        .as_object()
        .unwrap()
        .values()
        .chain([&schema]);
    let mut count = 0;
    for shape in shapes {
        for (key, property) in shape["properties"].as_object().unwrap() {
            let hover = property["description"].as_str().unwrap();
            let [meaning, facts, example] = hover.split("\n\n").collect::<Vec<_>>()[..] else {
                panic!("{key}: {hover}");
            };
            assert!(
                !meaning.is_empty() && facts.starts_with("Takes "),
                "{key}: {hover}"
            );
            assert!(facts.contains("Since "), "{key}: {hover}");
            let example = example.strip_prefix("Example: `").unwrap();
            let example = example.strip_suffix('`').unwrap();
            // What the editor shows is what it accepts.
            let document: Json = serde_saphyr::from_str(&quoted(example)).unwrap();
            let (_, value) = document.as_object().unwrap().iter().next().unwrap();
            if let Err(problem) = valid(property, &schema, value, key) {
                panic!("{example}: {problem}");
            }
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
    insta::assert_snapshot!("schema", serde_json::to_string_pretty(&schema).unwrap());
}

#[test]
fn both_yaml_readers_see_the_same_pipelines() {
    for (path, text) in pipelines() {
        // yaml_serde does not resolve merge keys by itself, but has a method for it.
        let mut generic: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        generic.apply_merge().unwrap();
        let one: Json = serde_json::to_value(generic).unwrap();
        let other: Json = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(one, other, "{path}");
    }
}
