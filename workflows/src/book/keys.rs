//! The keys of one part of the language, as Markdown.

use crate::syntax::{Key, Shape};

/// All keys of a part, one item each.
pub(super) fn all(shape: &Shape) -> String {
    let keys = shape.keys.iter();
    keys.map(item).collect::<Vec<_>>().join("\n")
}

/// One key of a part, with the part's description.
pub(super) fn one(shape: &Shape, name: &str) -> Option<String> {
    let key = shape.key(name)?;
    Some(format!("## {}\n\n{}\n", shape.doc, item(key)))
}

/// `- **deadline** (a duration such as …; default 10%): The meaning. Example: …`
fn item(key: &Key) -> String {
    let mut facts = vec![key.kind.expected()];
    if key.required {
        facts.push("required".to_owned());
    }
    if let Some(default) = key.default {
        facts.push(format!("default: {default}"));
    }
    if let Some(alias) = key.alias {
        facts.push(format!("also `{alias}`"));
    }
    facts.push(format!("since {}", key.since));
    format!(
        "- `{}`: {} ({}). Example: `{}: {}`",
        key.name,
        key.doc.trim_end_matches('.'),
        facts.join("; "),
        key.name,
        key.example
    )
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Diagnostic;
    use crate::syntax::{conform, shapes};
    use crate::yaml::read;

    #[test]
    fn every_example_is_what_its_key_accepts() {
        for shape in shapes() {
            for key in shape.keys {
                let name = format!("{}.{}", shape.name, key.name);
                assert!(!key.example.is_empty(), "{name} has no example");
                let text = format!("{}: {}", key.name, key.example);
                let mut found: Vec<Diagnostic> = Vec::new();
                let node = read(&text, &mut found).unwrap_or_else(|| panic!("{name}: {text}"));
                conform(&node.entries()[0].value, &key.kind, key.name, &mut found);
                assert!(found.is_empty(), "{name}: {found:?}");
            }
        }
    }
}
