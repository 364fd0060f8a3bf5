//! A word of a command as the shell reads it: without its quotes and backslashes.

/// The word that begins at a place of a command. It ends where the shell ends it, or at an expansion,
/// whose value is not known. A word within quotes may have spaces.
pub(super) fn read(command: &str, at: usize) -> String {
    let (before, rest) = command.split_at_checked(at).unwrap_or_default();
    let mut quote = before
        .chars()
        .next_back()
        .filter(|c| matches!(c, '"' | '\''));
    let mut word = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.push(c),
            (_, '$' | '`') => break,
            (None, '"' | '\'') => quote = Some(c),
            (_, '\\') => word.extend(chars.next()),
            (None, c) if c.is_whitespace() || "=;|&()<>{},".contains(c) => break,
            (_, c) => word.push(c),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_the_shell_reads_them() {
        for (command, word) in [
            ("cat ./a.csv > o", "./a.csv"),
            (r"cat ./a\ b.csv > o", "./a b.csv"),
            (r#"cat "./a b.csv" > o"#, "./a b.csv"),
            (r"cat './a $b.csv' > o", "./a $b.csv"),
            (r#"cat ./"a b"/c\;d; ls"#, "./a b/c;d"),
            (r#"cat "./a b/$x""#, "./a b/"),
            (r"cat ./a\", "./a"),
            (r"cat './a", "./a"),
        ] {
            let at = command.find("./").unwrap_or_default();
            assert_eq!(read(command, at), word, "{command}");
        }
    }
}
