//! The forms in which a program may print a secret: whole, line by line, and in each common
//! encoding.

use super::encodings;

/// The shortest masked secret or piece of one, in bytes. Shorter ones occur in logs by chance.
pub(super) const SHORTEST: usize = 4;

/// An encoding, with all variants that programs print.
type Encoder = fn(&str) -> Vec<Vec<u8>>;

const ENCODERS: [Encoder; 7] = [
    |text| vec![text.as_bytes().to_vec()],
    encodings::json,
    encodings::url,
    encodings::html,
    encodings::shell,
    encodings::base64,
    encodings::hex,
];

/// Every form of a secret.
pub(super) fn of(secret: &str) -> Vec<Vec<u8>> {
    let lines = secret
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= SHORTEST && *line != secret);
    std::iter::once(secret)
        .chain(lines)
        .flat_map(|text| ENCODERS.iter().flat_map(move |encode| encode(text)))
        .filter(|form| form.len() >= SHORTEST.min(secret.len()))
        .collect()
}
