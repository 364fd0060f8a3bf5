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

/// The characters that `printf %q` of bash puts a backslash before. Older versions leave the comma.
const SHELL_SPECIAL: [&str; 2] = [" \t'\"\\|&;()<>!{}*[]?^$`,", " \t'\"\\|&;()<>!{}*[]?^$`"];

/// The characters with a meaning between double quotes of a shell. Bash's `declare -p` escapes them.
const IN_DOUBLE_QUOTES: &str = "\"\\$`";

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

/// JSON strings in JSON strings: a program logs a request as JSON, and its text is JSON again.
pub(super) fn json_in_json(text: &str) -> Vec<Vec<u8>> {
    let inner = json(text).into_iter();
    let texts = inner.filter_map(|form| String::from_utf8(form).ok());
    texts.flat_map(|text| json(&text)).collect()
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
    let quoted = SHELL_QUOTES
        .iter()
        .map(|quote| text.replace('\'', quote).into_bytes());
    let backslashed = SHELL_SPECIAL.iter().flat_map(|special| {
        let plain = with_backslashes(text, special);
        // These have a meaning at the begin of a word only.
        let begin = text.starts_with(['~', '#']).then(|| format!("\\{plain}"));
        std::iter::once(plain).chain(begin)
    });
    let in_double_quotes = std::iter::once(with_backslashes(text, IN_DOUBLE_QUOTES));
    let others = backslashed.chain(in_double_quotes);
    quoted.chain(others.map(String::into_bytes)).collect()
}

fn with_backslashes(text: &str, special: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if special.contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// How characters beyond printable ASCII are escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// Bash: `\033`. Characters beyond ASCII stay as they are.
    OctalOfControls,
    /// Bash in the locale `C`.
    Octal,
    /// Python, Rust and others: `\x1b`. Characters beyond ASCII stay as they are.
    HexOfControls,
    /// The bytes of Python.
    Hex,
}

/// Escaped with backslashes, as in `$'…'` of bash (`printf %q`, `declare -p`, `set`), and as Python
/// and others show strings. Without the quotes.
pub(super) fn escaped(text: &str) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for quotes in ["'", "\"", "'\"", ""] {
        for beyond in [
            Beyond::OctalOfControls,
            Beyond::Octal,
            Beyond::HexOfControls,
            Beyond::Hex,
        ] {
            for escape in ["\\E", ""] {
                forms.push(escaped_as(text, quotes, beyond, escape));
            }
        }
    }
    forms
}

/// `escape` is the name of the control character 27, if it has one.
fn escaped_as(text: &str, quotes: &str, beyond: Beyond, escape: &str) -> Vec<u8> {
    let mut out = String::new();
    for letter in text.chars() {
        let named = match letter {
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\u{1b}' => escape,
            '\\' => "\\\\",
            _ => "",
        };
        if !named.is_empty() {
            out.push_str(named);
        } else if quotes.contains(letter) {
            out.extend(['\\', letter]);
        } else if is_kept(letter, beyond) {
            out.push(letter);
        } else {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                out.push_str(&match beyond {
                    Beyond::OctalOfControls | Beyond::Octal => format!("\\{byte:03o}"),
                    Beyond::HexOfControls | Beyond::Hex => format!("\\x{byte:02x}"),
                });
            }
        }
    }
    out.into_bytes()
}

fn is_kept(letter: char, beyond: Beyond) -> bool {
    match letter.is_ascii() {
        true => !letter.is_ascii_control(),
        false => matches!(beyond, Beyond::OctalOfControls | Beyond::HexOfControls),
    }
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
