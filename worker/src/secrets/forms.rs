//! The forms in which a program may print a secret: whole, line by line, and in each common
//! encoding.

use super::encodings;

/// The shortest masked secret or piece of one, in bytes. Shorter ones occur in logs by chance.
pub(super) const SHORTEST: usize = 4;
/// The most bytes of a gap, such as a line end and an indent.
const LONGEST_GAP: usize = 32;

/// One form of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    pub(super) bytes: Vec<u8>,
    gaps: Gaps,
}

/// What a program may print within a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gaps {
    None,
    /// Line ends, perhaps escaped, and indents: base64 is wrapped after 64 or 76 letters.
    Lines,
    /// The same, and what separates hexadecimal numbers.
    Numbers,
}

/// Whether a text begins with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    No,
    /// The text ends before that is clear.
    Perhaps,
    /// It does, with this many bytes.
    Yes(usize),
}

/// An encoding, with all variants that programs print.
type Encoder = fn(&str) -> Vec<Vec<u8>>;

const ENCODERS: [(Encoder, Gaps); 9] = [
    (|text| vec![text.as_bytes().to_vec()], Gaps::None),
    (encodings::json, Gaps::None),
    (encodings::json_in_json, Gaps::None),
    (encodings::url, Gaps::None),
    (encodings::html, Gaps::None),
    (encodings::shell, Gaps::None),
    (encodings::escaped, Gaps::None),
    (encodings::base64, Gaps::Lines),
    (encodings::hex, Gaps::Numbers),
];

/// Every form of a secret.
pub(super) fn of(secret: &str) -> Vec<Form> {
    let lines = secret
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= SHORTEST && *line != secret);
    std::iter::once(secret)
        .chain(lines)
        .flat_map(|text| {
            let encoders = ENCODERS.iter();
            encoders.flat_map(move |(encode, gaps)| {
                let forms = encode(text).into_iter();
                forms.map(|bytes| Form { bytes, gaps: *gaps })
            })
        })
        .filter(|form| form.bytes.len() >= SHORTEST.min(secret.len()))
        .collect()
}

impl Form {
    /// Whether `text` begins with this form.
    pub(super) fn at_begin_of(&self, text: &[u8]) -> Found {
        let mut at = 0;
        for (index, byte) in self.bytes.iter().enumerate() {
            if text.get(at) != Some(byte) && index > 0 && self.may_pause(index) {
                match gap(&text[at..], self.gaps) {
                    Some(bytes) => at += bytes,
                    None => return Found::Perhaps,
                }
            }
            match text.get(at) {
                None => return Found::Perhaps,
                Some(found) if found == byte => at += 1,
                Some(_) => return Found::No,
            }
        }
        Found::Yes(at)
    }

    fn may_pause(&self, index: usize) -> bool {
        match self.gaps {
            Gaps::None => false,
            Gaps::Lines => true,
            // A byte is two digits.
            Gaps::Numbers => index.is_multiple_of(2),
        }
    }
}

/// The bytes of a gap at the begin of a text. `None` if the text ends before that is clear.
fn gap(text: &[u8], gaps: Gaps) -> Option<usize> {
    let mut at = 0;
    while at < LONGEST_GAP {
        let pair = text.get(at..at + 2);
        let step = match text.get(at) {
            Some(b' ' | b'\t' | b'\r' | b'\n') => 1,
            Some(b':' | b'-' | b',' | b';') if gaps == Gaps::Numbers => 1,
            Some(b'\\') if pair.is_none() => return None,
            Some(b'\\') if matches!(pair, Some([_, b'n' | b'r'])) => 2,
            Some(b'\\') if gaps == Gaps::Numbers && matches!(pair, Some([_, b'x'])) => 2,
            Some(b'0') if gaps == Gaps::Numbers && pair.is_none() => return None,
            Some(b'0') if gaps == Gaps::Numbers && matches!(pair, Some([_, b'x'])) => 2,
            _ => break,
        };
        at += step;
    }
    Some(at)
}
