//! Encodings of text, each with the variants that common libraries print.

/// The shortest masked piece of base64. Shorter ones occur in other words.
const SHORTEST_BASE64: usize = 6;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The punctuation that libraries leave as it is in a URL.
const SAFE_IN_URLS: [&str; 6] = [
    "-._~",                 // RFC 3986, Python's `quote_plus`, curl
    "-._~/",                // Python's `quote`
    "-._*",                 // Java, HTML forms
    "-._~!*'()",            // JavaScript's `encodeURIComponent`
    "-._~!*'();,/?:@&=+$#", // JavaScript's `encodeURI`
    "-._~!$&'()*+,;=:@",    // a segment of a path (RFC 3986)
];

/// The forms of `"` and `'` in HTML and XML.
const HTML_QUOTES: [(&str, &str); 7] = [
    ("&quot;", "&#x27;"),
    ("&quot;", "&#39;"),
    ("&quot;", "&#039;"),
    ("&quot;", "&apos;"),
    ("&#34;", "&#39;"),
    ("&quot;", "'"),
    ("\"", "'"),
];

/// The forms of `'` inside a quoted word of a shell.
const SHELL_QUOTES: [&str; 2] = ["'\\''", "'\"'\"'"];

/// Which characters of a JSON string are escaped, beyond those that must be.
#[derive(Clone, Copy)]
struct Escapes {
    non_ascii: bool,
    slash: bool,
    /// `<`, `>` and `&`, which would have a meaning in HTML.
    html: bool,
    upper_case: bool,
}

/// JSON strings, without their quotes.
pub(super) fn json(text: &str) -> Vec<Vec<u8>> {
    (0..16_u8)
        .map(|bits| {
            let escapes = Escapes {
                non_ascii: bits & 1 != 0,
                slash: bits & 2 != 0,
                html: bits & 4 != 0,
                upper_case: bits & 8 != 0,
            };
            let mut out = String::new();
            for letter in text.chars() {
                escapes.add(letter, &mut out);
            }
            out.into_bytes()
        })
        .collect()
}

impl Escapes {
    fn add(self, letter: char, out: &mut String) {
        let named = match letter {
            '"' | '\\' => Some(letter),
            '/' if self.slash => Some('/'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            _ => None,
        };
        if let Some(name) = named {
            out.extend(['\\', name]);
            return;
        }
        let escaped = letter < ' '
            || self.non_ascii && !letter.is_ascii()
            || self.html && matches!(letter, '<' | '>' | '&');
        if !escaped {
            out.push(letter);
            return;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            out.push_str(&match self.upper_case {
                true => format!("\\u{unit:04X}"),
                false => format!("\\u{unit:04x}"),
            });
        }
    }
}

/// Percent-encoded.
pub(super) fn url(text: &str) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for safe in SAFE_IN_URLS {
        for upper_case in [true, false] {
            for blank in ["%20", "+"] {
                forms.push(percent_encoded(text, safe, upper_case, blank));
            }
        }
    }
    forms
}

fn percent_encoded(text: &str, safe: &str, upper_case: bool, blank: &str) -> Vec<u8> {
    let mut out = String::new();
    for byte in text.bytes() {
        let letter = char::from(byte);
        if byte == b' ' {
            out.push_str(blank);
        } else if letter.is_ascii_alphanumeric() || letter.is_ascii() && safe.contains(letter) {
            out.push(letter);
        } else if upper_case {
            out.push_str(&format!("%{byte:02X}"));
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out.into_bytes()
}

/// Escaped for HTML and XML.
pub(super) fn html(text: &str) -> Vec<Vec<u8>> {
    let plain = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    HTML_QUOTES
        .iter()
        .map(|(double, single)| {
            // The other order would replace the quotes of a replacement.
            let text = plain.replace('\'', "\0").replace('"', double);
            text.replace('\0', single).into_bytes()
        })
        .collect()
}

/// Quoted for a shell, without the outer quotes.
pub(super) fn shell(text: &str) -> Vec<Vec<u8>> {
    SHELL_QUOTES
        .iter()
        .map(|quote| text.replace('\'', quote).into_bytes())
        .collect()
}

/// Hexadecimal digits of the bytes.
pub(super) fn hex(text: &str) -> Vec<Vec<u8>> {
    let lower: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![lower.to_ascii_uppercase().into_bytes(), lower.into_bytes()]
}

/// Both alphabets of base64, without padding. A secret that is part of a longer text may begin at
/// each of the three bytes of a group.
pub(super) fn base64(text: &str) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for alphabet in [STANDARD, FOR_URLS] {
        for offset in 0..3 {
            let letters = base64_letters(text.as_bytes(), offset, alphabet);
            // The last letter also depends on what follows, unless the secret ends the text.
            let shared = !(8 * (offset + text.len())).is_multiple_of(6);
            if shared && let Some((_, inner)) = letters.split_last() {
                forms.push(inner.to_vec());
            }
            forms.push(letters);
        }
    }
    forms.retain(|form| form.len() >= SHORTEST_BASE64);
    forms
}

/// The letters of base64 that depend on the secret and on nothing before it, if it begins `offset`
/// bytes into a group of three, and ends the text.
fn base64_letters(secret: &[u8], offset: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret);
    let first = (8 * offset).div_ceil(6);
    let beyond = (8 * bytes.len()).div_ceil(6);
    let bit = |at: usize| {
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        usize::from(byte >> (7 - at % 8) & 1)
    };
    let letter = |index: usize| {
        let six = (0..6).fold(0, |sum, place| sum << 1 | bit(6 * index + place));
        alphabet.get(six).copied()
    };
    (first..beyond).filter_map(letter).collect()
}
