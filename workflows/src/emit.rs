//! Writes YAML documents, for `sunward init`.

/// A document as YAML text.
///
/// # Errors
///
/// Fails if YAML cannot express the document, for example a map with keys that are not text.
pub fn emit(document: &serde_json::Value) -> Result<String, String> {
    serde_yaml::to_string(document).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_emitted_reads_back_to_the_same_document() {
        let document = serde_json::json!({
            "name": "a", "stages": { "one": { "run": "echo 1\necho 2\n", "cache": false } },
            "odd": ["true", "1", "", "NO", 1.5, null],
        });
        let text = emit(&document).unwrap();
        let root = crate::yaml::read(&text, &mut Vec::new()).unwrap();
        assert_eq!(root.value().to_json(), document);
    }
}
