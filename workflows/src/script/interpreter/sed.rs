//! Programs of sed that run what they read: the command `e`, and the flag `e` of `s`.

/// True if the programs among the words of a sed run the text that it reads.
pub(super) fn runs_pattern_space(words: &[String]) -> bool {
    let mut programs = Vec::new();
    for pair in words.windows(2) {
        let option = pair[0].as_str();
        if option == "--expression"
            || option.starts_with('-') && !option.starts_with("--") && option.ends_with('e')
        {
            programs.push(pair[1].as_str());
        }
    }
    let attached = words.iter().filter_map(|word| {
        let long = word.strip_prefix("--expression=");
        long.or_else(|| word.strip_prefix("-e").filter(|own| !own.is_empty()))
    });
    programs.extend(attached);
    if programs.is_empty() {
        let operand = words.iter().skip(1).find(|word| !word.starts_with('-'));
        programs.extend(operand.map(String::as_str));
    }
    programs.into_iter().any(runs)
}

/// True if a program has such a command.
fn runs(program: &str) -> bool {
    let mut rest = program;
    loop {
        rest = after_address(rest);
        let Some(command) = rest.chars().next() else {
            return false;
        };
        rest = &rest[command.len_utf8()..];
        match command {
            'e' if rest.trim_start_matches(' ').starts_with([';', '}', '\n']) => return true,
            'e' if rest.trim().is_empty() => return true,
            's' | 'y' => {
                let Some(after) = after_sections(rest) else {
                    return false;
                };
                let end = after.find([';', '}', '\n', ' ']).unwrap_or(after.len());
                let flags = after[..end].split('w').next().unwrap_or_default();
                if command == 's' && flags.contains('e') {
                    return true;
                }
                rest = &after[end..];
            }
            'a' | 'i' | 'c' | 'e' | 'r' | 'R' | 'w' | 'W' => {
                rest = rest.find('\n').map_or("", |at| &rest[at..]);
            }
            'b' | 't' | 'T' | ':' => {
                rest = rest.find([';', '}', '\n']).map_or("", |at| &rest[at..]);
            }
            _ => {}
        }
    }
}

/// What follows the addresses of a command, and the blanks and braces before it.
fn after_address(program: &str) -> &str {
    let mut rest = program;
    loop {
        let plain = |c: char| c.is_whitespace() || c.is_ascii_digit() || ";{}$,~+!".contains(c);
        rest = rest.trim_start_matches(plain);
        let expression = match rest.strip_prefix('\\') {
            Some(own) => own,
            None if rest.starts_with('/') => rest,
            None => return rest,
        };
        let Some(delimiter) = expression.chars().next() else {
            return "";
        };
        let inner = &expression[delimiter.len_utf8()..];
        let Some(end) = section(inner, delimiter) else {
            return "";
        };
        rest = inner[end..].trim_start_matches(['I', 'M']);
    }
}

/// What follows `/a/b/`.
fn after_sections(text: &str) -> Option<&str> {
    let delimiter = text.chars().next()?;
    let first = &text[delimiter.len_utf8()..];
    let second = &first[section(first, delimiter)?..];
    Some(&second[section(second, delimiter)?..])
}

/// The bytes up to and with the next delimiter that no backslash hides.
fn section(text: &str, delimiter: char) -> Option<usize> {
    let mut hidden = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            _ if c == delimiter => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn only_programs_that_run_what_they_read_are_found() {
        for program in [
            "e", "1e", "1{e\n}", "/x/e", "s/x/y/e", "s|a|b|ge", "p;s/$//e", "\\,a,e",
        ] {
            assert!(runs(program), "{program}");
        }
        for program in [
            "p",
            "1p",
            "s/e/e/",
            "s/x/y/g",
            "/edge/d",
            "1e date",
            "y/e/f/",
            "s/a\\/e/b/",
            "$!N;s/e//",
            "i\\ e",
            "2,3d",
            "s/^>//;s/ .*//",
            ":e;N;be",
        ] {
            assert!(!runs(program), "{program}");
        }
    }
}
