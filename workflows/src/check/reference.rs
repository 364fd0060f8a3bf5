//! Parses sources of data: `stage.port`, `params.name`, a path, a URL.

use crate::expr::CompiledTemplate;
use crate::model::{Reference, path_from};
use crate::names::is_name;

/// True if a text looks like a path: it starts with `./`, `../` or `/`.
#[must_use]
pub fn is_path(text: &str) -> bool {
    ["./", "../", "/"]
        .iter()
        .any(|start| text.starts_with(start))
}

/// A word of a file in `folder`, as it is from the workflow's folder if it looks like a path.
pub(crate) fn word_from(folder: &str, word: &str) -> String {
    match is_path(word) {
        true => path_from(folder, word),
        false => word.to_owned(),
    }
}

/// True if a path is a pattern: it contains `*`, `?`, `[` or `{`.
#[must_use]
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// Parses a source, or returns what to write instead.
pub(crate) fn parse_reference(text: &str) -> Result<Reference, String> {
    if text.contains("${{") {
        if reads_item(text) {
            return Ok(Reference::Item(text.to_owned()));
        }
        let inner = text.trim_start_matches("${{").trim_end_matches("}}").trim();
        return Err(match inner.strip_prefix("params.") {
            Some(name) if is_name(name) => format!("write it without braces: `params.{name}`"),
            _ => "sources are not computed, except from a row: `${{ item.COLUMN }}`; use a parameter of type path".to_owned(),
        });
    }
    if is_path(text) {
        let text = text.to_owned();
        return Ok(match is_pattern(&text) {
            true => Reference::Pattern(text),
            false => Reference::Path(text),
        });
    }
    if text.starts_with('~') {
        return Err("write the whole path; only a shell expands `~`".to_owned());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let letters = scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if scheme.eq_ignore_ascii_case("file") && is_pattern(rest) {
            return Err(format!(
                "write a pattern as a path: `{}`",
                rest.trim_start_matches("localhost")
            ));
        }
        if !scheme.is_empty() && letters && !rest.is_empty() {
            return Ok(Reference::Url(text.to_owned()));
        }
    }
    match text.split_once('.') {
        Some(("params", name)) if is_name(name) => Ok(Reference::Param(name.to_owned())),
        Some((stage, port)) if is_name(stage) && is_name(port) => Ok(Reference::Port {
            stage: stage.to_owned(),
            port: port.to_owned(),
        }),
        _ if is_name(text) => Err(format!("name the port: `{text}.PORT`")),
        _ if text.is_empty() => Err("write where the data comes from".to_owned()),
        _ => Err(format!("if it is a path, write `./{text}`")),
    }
}

/// Whether text reads `item`. An expression that is not valid, and names it, is reported elsewhere.
fn reads_item(text: &str) -> bool {
    match CompiledTemplate::new(text) {
        Ok(template) => template.uses().item.is_read(),
        Err(_) => text.contains("item"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_by_its_look() {
        let port = Reference::Port {
            stage: "a".into(),
            port: "b".into(),
        };
        assert_eq!(parse_reference("a.b"), Ok(port));
        assert_eq!(
            parse_reference("params.x"),
            Ok(Reference::Param("x".into()))
        );
        for path in ["./a.csv", "../a.csv", "/a.csv"] {
            assert_eq!(parse_reference(path), Ok(Reference::Path(path.into())));
        }
        for pattern in [
            "./*.csv",
            "/d/**/a.nc",
            "../[ab].csv",
            "./{a,b}.csv",
            "./a?.csv",
        ] {
            assert_eq!(
                parse_reference(pattern),
                Ok(Reference::Pattern(pattern.into()))
            );
        }
        assert_eq!(
            parse_reference("s3://b/k"),
            Ok(Reference::Url("s3://b/k".into()))
        );
        for of_row in [
            "${{ item.fastq }}",
            "${{ params.d }}/${{ item.fastq }}.gz",
            "./d/${{ item.f | lower }}",
        ] {
            assert_eq!(parse_reference(of_row), Ok(Reference::Item(of_row.into())));
        }
        for (bad, says) in [
            ("t-1.csv", "`./t-1.csv`"),
            ("~/t.csv", "whole path"),
            ("file:///d/*.nc", "`/d/*.nc`"),
            ("a", "a.PORT"),
            ("", "where"),
            ("${{ params.x }}", "without braces"),
            ("a.b.c", "./a.b.c"),
        ] {
            let error = parse_reference(bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }
}
