//! The parameters of a function: `$1`, `$@`, `${@:2}`.

/// True for a word that is one parameter of a function: `$1`, `$@`, `${@:2}`.
pub(super) fn is_parameter(word: &str) -> bool {
    place(word).is_some()
}

/// The words of a call that a parameter stands for, counted from 0: `$2` is 1 to 2, and `$@` is 0 to
/// the end.
pub(super) fn place(word: &str) -> Option<(usize, Option<usize>)> {
    let name = word.strip_prefix('$')?;
    let name = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'))
        .unwrap_or(name);
    if let Some(rest) = name.strip_prefix(['@', '*']) {
        let from = rest.strip_prefix(':');
        let from = from.and_then(|from| from.trim().split(':').next()?.parse::<usize>().ok());
        return Some((from.unwrap_or(1).saturating_sub(1), None));
    }
    let digits = name.find(|c: char| !c.is_ascii_digit());
    let number: usize = name[..digits.unwrap_or(name.len())].parse().ok()?;
    let at = number.checked_sub(1)?;
    Some((at, Some(at + 1)))
}
