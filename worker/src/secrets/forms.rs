//! The forms in which a program may print a secret: whole, line by line, and encoded as JSON, URL
//! or base64.

/// The shortest masked secret or piece of one, in bytes. Shorter ones occur in logs by chance.
pub(super) const SHORTEST: usize = 4;

/// The shortest masked piece of base64. Shorter ones occur in other words.
const SHORTEST_BASE64: usize = 6;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every form of a secret.
pub(super) fn of(secret: &str) -> Vec<Vec<u8>> {
    let lines = secret
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= SHORTEST && *line != secret);
    let mut forms = vec![secret.as_bytes().to_vec()];
    for text in std::iter::once(secret).chain(lines) {
        forms.push(text.as_bytes().to_vec());
        forms.push(json(text));
        for is_upper in [true, false] {
            forms.push(url(text, is_upper, b"%20"));
            forms.push(url(text, is_upper, b"+"));
        }
        for alphabet in [STANDARD, FOR_URLS] {
            forms.extend((0..3).filter_map(|offset| base64(text.as_bytes(), offset, alphabet)));
        }
    }
    forms
}

/// As a JSON string, without its quotes.
fn json(text: &str) -> Vec<u8> {
    let quoted = serde_json::Value::from(text).to_string();
    let inner = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or(&quoted).as_bytes().to_vec()
}

/// Percent-encoded, with hexadecimal digits in upper or lower case.
fn url(text: &str, is_upper: bool, blank: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.extend_from_slice(blank),
            b'-' | b'.' | b'_' | b'~' => out.push(byte),
            _ if byte.is_ascii_alphanumeric() => out.push(byte),
            _ if is_upper => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            _ => out.extend_from_slice(format!("%{byte:02x}").as_bytes()),
        }
    }
    out
}

/// The letters of base64 that depend only on the secret, if it begins `offset` bytes into a group
/// of three; `None` if they are too few.
fn base64(secret: &[u8], offset: usize, alphabet: &[u8; 64]) -> Option<Vec<u8>> {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(secret);
    let first = (8 * offset).div_ceil(6);
    let beyond = 8 * padded.len() / 6;
    let bit = |at: usize| {
        let byte = padded.get(at / 8).copied().unwrap_or(0);
        usize::from(byte >> (7 - at % 8) & 1)
    };
    let letter = |index: usize| {
        let six = (0..6).fold(0, |sum, place| sum << 1 | bit(6 * index + place));
        alphabet.get(six).copied()
    };
    let letters: Vec<u8> = (first..beyond).filter_map(letter).collect();
    (letters.len() >= SHORTEST_BASE64).then_some(letters)
}
