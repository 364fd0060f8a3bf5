//! Quotes text as one word of a shell, for commands that people read and copy.

/// One word for a POSIX shell, quoted only if necessary.
#[must_use]
pub fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_@%+:,./-".contains(&b));
    if plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
