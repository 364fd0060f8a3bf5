//! Secrets: found when a command starts, and masked in its log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod encodings;
mod forms;

use self::forms::{Form, Found};
use crate::fault::Fault;
use crate::host::Host;

/// What replaces a secret in a log.
const MASK: &[u8] = b"***";

/// The value of one secret: the environment variable of that name, else the file that `$NAME_FILE`
/// names, else the file `$SUNWARD_SECRETS_DIR/NAME`. One line end at the end of a file is left out.
pub(crate) fn find(host: &Host, name: &str) -> Result<String, Fault> {
    let value = look_up(host, name)?;
    if value.len() < forms::SHORTEST {
        return Err(Fault::input(format!(
            "secret {name} has fewer than {} characters, so it cannot be masked in logs without hiding half of them; use a longer one, or pass it with `env`",
            forms::SHORTEST
        )));
    }
    // Brackets alone, as in JSON, tell nothing.
    let is_short =
        |line: &str| line.len() < forms::SHORTEST && line.contains(char::is_alphanumeric);
    if let Some(at) = value.lines().map(str::trim).position(is_short) {
        return Err(Fault::input(format!(
            "secret {name}: line {} has fewer than {} characters, so it cannot be masked in logs without hiding half of them; put the secret on one line, for example in base64, or pass it with `env`",
            at + 1,
            forms::SHORTEST
        )));
    }
    Ok(value)
}

fn look_up(host: &Host, name: &str) -> Result<String, Fault> {
    if let Some(value) = host.get(name) {
        return value.to_str().map(str::to_owned).ok_or_else(|| {
            Fault::input(format!(
                "secret {name}: the environment variable is not UTF-8"
            ))
        });
    }
    let named = host.get(&format!("{name}_FILE")).map(PathBuf::from);
    let in_folder = || Some(Path::new(host.get("SUNWARD_SECRETS_DIR")?).join(name));
    let Some(path) = named.or_else(in_folder) else {
        return Err(Fault::input(format!(
            "secret {name} is not set: export {name}, set {name}_FILE to a file with it, or SUNWARD_SECRETS_DIR to a folder with a file {name}"
        )));
    };
    let text = sunward_files::read_text(&path).map_err(|error| {
        Fault::input(format!(
            "secret {name} is not an environment variable, and its file {} cannot be read: {error}",
            sunward_files::shown(&path)
        ))
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// What is wrong with a secret that a stage names, if anything. Callers check it before anything
/// runs.
#[must_use]
pub fn secret_problem(host: &Host, name: &str) -> Option<String> {
    find(host, name).err().map(|fault| fault.message)
}

/// The value of a secret, as a command would get it.
///
/// # Errors
/// Fails if it is not set, is not text or is too short. The message says how to provide it.
pub fn secret(host: &Host, name: &str) -> Result<String, String> {
    find(host, name).map_err(|fault| fault.message)
}

/// A text in which the values of secrets are masked, as in a log.
#[must_use]
pub fn masked(text: &str, secrets: &[String]) -> String {
    Redactor::new(secrets.iter().map(String::as_str)).text(text)
}

/// Masks secrets in a stream of bytes, also where they are split between two reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor {
    /// Every form of every secret, by its first byte. The longest is first, so that a secret which
    /// begins like a shorter one is masked whole.
    forms: Arc<BTreeMap<u8, Vec<Form>>>,
    held: Vec<u8>,
}

impl Redactor {
    pub(crate) fn new<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut forms = BTreeMap::<u8, Vec<Form>>::new();
        for form in values.flat_map(forms::of) {
            if let Some(first) = form.bytes.first() {
                forms.entry(*first).or_default().push(form);
            }
        }
        for same_begin in forms.values_mut() {
            same_begin.sort_by(|a, b| b.bytes.len().cmp(&a.bytes.len()).then(a.cmp(b)));
            same_begin.dedup();
        }
        Self {
            forms: Arc::new(forms),
            held: Vec::new(),
        }
    }

    /// True if there is nothing to mask.
    pub(crate) fn is_idle(&self) -> bool {
        self.forms.is_empty()
    }

    /// Adds bytes, and returns what may be shown now.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let held = std::mem::take(&mut self.held);
        let (clean, used) = self.clean(&held, false);
        self.held = held[used..].to_vec();
        clean
    }

    /// Returns what was held back because it might have been the begin of a secret. It may hold a
    /// shorter one, such as a line of it, which is masked.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        self.clean(&held, true).0
    }

    /// Masks a complete text.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut whole = Self {
            forms: Arc::clone(&self.forms),
            held: Vec::new(),
        };
        let mut bytes = whole.pass(text.as_bytes());
        bytes.extend(whole.finish());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The bytes with secrets masked, and how many were consumed: the rest might be the begin of a
    /// secret, unless nothing follows these bytes.
    fn clean(&self, bytes: &[u8], is_last: bool) -> (Vec<u8>, usize) {
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let forms = self.forms.get(&bytes[at]).map_or(&[][..], Vec::as_slice);
            let found: Vec<Found> = forms.iter().map(|form| form.at_begin_of(rest)).collect();
            if !is_last && found.contains(&Found::Perhaps) {
                break;
            }
            let longest = found.iter().filter_map(|found| match found {
                Found::Yes(bytes) => Some(*bytes),
                Found::No | Found::Perhaps => None,
            });
            match longest.max() {
                Some(bytes) => {
                    out.extend_from_slice(MASK);
                    at += bytes;
                }
                None => {
                    out.push(bytes[at]);
                    at += 1;
                }
            }
        }
        (out, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_is_masked_also_where_reads_cut_it() {
        let mut redactor = Redactor::new(["hunter2", "hunter22"].into_iter());
        let mut out = redactor.pass(b"password is hun");
        out.extend(redactor.pass(b"ter22, not hunter"));
        out.extend(redactor.finish());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "password is ***, not hunter"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn where_a_stream_is_cut_makes_no_difference(
            text in "[ab]{0,40}", cuts in proptest::collection::vec(0_usize..40, 0..4)
        ) {
            // The last one has another as its beginning, as a secret of several lines has.
            let secrets = ["aab", "abab", "bb", "aabaabb"];
            let whole = Redactor::new(secrets.into_iter()).text(&text);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| *c <= text.len()).collect();
            cuts.sort_unstable();
            let mut redactor = Redactor::new(secrets.into_iter());
            let mut out = Vec::new();
            let mut from = 0;
            for cut in cuts {
                out.extend(redactor.pass(&text.as_bytes()[from..cut]));
                from = cut;
            }
            out.extend(redactor.pass(&text.as_bytes()[from..]));
            out.extend(redactor.finish());
            prop_assert_eq!(String::from_utf8(out).unwrap(), whole.clone());
            prop_assert!(secrets.iter().all(|secret| !whole.contains(secret)), "{}", whole);
        }
    }

    #[test]
    fn what_ends_within_a_longer_secret_is_masked_as_the_shorter_one() {
        for (secrets, told, masked) in [
            (&["hunter2", "hunter22"][..], "hunter2", "***"),
            (&["line one\nline two"], "line one\n", "***\n"),
            (&["line one\nline two"], "line two, line one", "***, ***"),
            (&["line one\nline two"], "line one\nline t", "***\nline t"),
        ] {
            let redactor = Redactor::new(secrets.iter().copied());
            assert_eq!(redactor.text(told), masked, "{told}");
        }
    }

    #[test]
    fn a_secret_is_masked_in_every_form_that_a_program_prints() {
        let secret = "pass word/\"1\"\nsecond line";
        let redactor = Redactor::new([secret].into_iter());
        let told = [
            secret.to_owned(),
            "only second line".to_owned(),
            format!("{{\"token\": {}}}", serde_json::json!(secret)),
            "?key=pass%20word%2F%221%22%0Asecond%20line".to_owned(),
            "?key=pass%20word%2f%221%22%0asecond%20line".to_owned(),
            "key=pass+word%2F%221%22%0Asecond+line".to_owned(),
            "cGFzcyB3b3JkLyIxIgpzZWNvbmQgbGluZQ==".to_owned(),
            // `user:` before it, as in HTTP's basic authentication.
            "dXNlcjpwYXNzIHdvcmQvIjEiCnNlY29uZCBsaW5l".to_owned(),
        ];
        for text in told {
            let clean = redactor.text(&text);
            assert!(clean.contains("***"), "{text}: {clean}");
            for left in ["word", "second", "cyB3b3Jk", "zIHdvcmQ"] {
                assert!(!clean.contains(left), "{text}: {clean}");
            }
        }
    }

    /// As Python's `urllib.parse.quote(text, safe)`.
    fn quote(text: &str, safe: &str) -> String {
        let encode = |byte: u8| match char::from(byte) {
            letter if letter.is_ascii_alphanumeric() || "_.-~".contains(letter) => letter.into(),
            letter if letter.is_ascii() && safe.contains(letter) => letter.into(),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(encode).collect()
    }

    /// As Python's `json.dumps(text)`.
    fn dumps(text: &str) -> String {
        let ascii = |letter: char| match letter {
            _ if letter.is_ascii() => letter.to_string(),
            _ => {
                let mut units = [0; 2];
                let units = letter.encode_utf16(&mut units).iter();
                units.map(|unit| format!("\\u{unit:04x}")).collect()
            }
        };
        serde_json::json!(text)
            .to_string()
            .chars()
            .map(ascii)
            .collect()
    }

    /// As Python's `html.escape(text)`.
    fn escape(text: &str) -> String {
        let pairs = [
            ('&', "&amp;"),
            ('<', "&lt;"),
            ('>', "&gt;"),
            ('"', "&quot;"),
        ];
        let text = pairs
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(*from, to));
        text.replace('\'', "&#x27;")
    }

    /// As Python's `base64.b64encode(text)`.
    fn b64(text: &str) -> String {
        let letters: Vec<char> = ('A'..='Z')
            .chain('a'..='z')
            .chain('0'..='9')
            .chain(['+', '/'])
            .collect();
        let mut out = String::new();
        for group in text.as_bytes().chunks(3) {
            let bits = (0..3).fold(0, |sum, at| {
                sum << 8 | group.get(at).map_or(0, |b| usize::from(*b))
            });
            for at in 0..4 {
                out.push(if at <= group.len() {
                    letters[bits >> (18 - 6 * at) & 63]
                } else {
                    '='
                });
            }
        }
        out
    }

    #[test]
    fn common_encodings_of_a_secret_are_masked_whole() {
        let secrets = [
            "wJalrXUtnFEMI/K7MDENG+bPx",
            "p\u{e4}ss/w\u{f6}rd & <\"it's\"> 50% \u{1f511}~*",
            "abcd",
            "a+b/c?d=e&f",
        ];
        for secret in secrets {
            let redactor = Redactor::new([secret].into_iter());
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let told = [
                secret.to_owned(),
                quote(secret, "/"),
                quote(secret, ""),
                quote(secret, "").replace("%20", "+"),
                quote(secret, "!*'()"),
                lower_percents(&quote(secret, "/")),
                lower_percents(&quote(secret, "")),
                dumps(secret).trim_matches('"').to_owned(),
                dumps(secret).trim_matches('"').replace('/', "\\/"),
                serde_json::json!(secret)
                    .to_string()
                    .trim_matches('"')
                    .to_owned(),
                escape(secret),
                escape(secret).replace("&#x27;", "&#39;"),
                b64(secret).trim_end_matches('=').to_owned(),
                b64(secret)
                    .replace('+', "-")
                    .replace('/', "_")
                    .trim_end_matches('=')
                    .to_owned(),
                hex.to_uppercase(),
                hex,
            ];
            for text in told {
                assert_eq!(redactor.text(&format!("<{text}>")), "<***>", "{text}");
            }
        }
    }

    /// The letters in lines, with this at the end of each.
    fn wrapped(text: &str, columns: usize, end: &str) -> String {
        let letters: Vec<char> = text.chars().collect();
        let lines = letters.chunks(columns).map(String::from_iter);
        lines.collect::<Vec<String>>().join(end)
    }

    #[test]
    fn base64_in_lines_is_masked_wherever_the_secret_is_in_it() {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPx";
        let redactor = Redactor::new([secret].into_iter());
        let plain: Vec<String> = (0..3).map(|offset| b64(&secret[offset..])).collect();
        for before in 0..80 {
            let text = format!("{}{secret}{}", "x".repeat(before), "y".repeat(90));
            for columns in [64, 76] {
                for end in ["\n", "\r\n", "\\n", "\n    "] {
                    let told = wrapped(&b64(&text), columns, end);
                    let clean = redactor.text(&told);
                    assert!(clean.contains("***"), "{told}");
                    let joined: String = clean.split_whitespace().collect();
                    let middle = plain.iter().map(|plain| &plain[4..12]);
                    for left in middle {
                        assert!(!joined.contains(left), "{before} {columns}: {clean}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_bash_and_libraries_print_of_a_secret_is_masked() {
        let secret = "it's a \"$key\"\nand `more`, \\ it's\t\u{1b}p\u{e4}ss";
        let redactor = Redactor::new([secret].into_iter());
        let told = [
            // `printf %q`, `declare -p` and `set` of bash 5, in UTF-8 and in the locale C.
            "it\\'s a \"$key\"\\nand `more`, \\\\ it\\'s\\t\\Ep\u{e4}ss".to_owned(),
            "it\\'s a \"$key\"\\nand `more`, \\\\ it\\'s\\t\\Ep\\303\\244ss".to_owned(),
            // One line of it: `printf %q`, `declare -p`.
            "it\\'s\\ a\\ \\\"\\$key\\\"".to_owned(),
            "it's a \\\"\\$key\\\"".to_owned(),
            "it'\\''s a \"$key\"".to_owned(),
            serde_json::json!(serde_json::json!(secret).to_string())
                .to_string()
                .strip_prefix("\"\\\"")
                .and_then(|text| text.strip_suffix("\\\"\""))
                .unwrap()
                .to_owned(),
        ];
        for text in told {
            let clean = redactor.text(&format!("<{text}>"));
            assert_eq!(clean, "<***>", "{text}");
        }
    }

    #[test]
    fn hexadecimal_digits_are_masked_whatever_is_between_them() {
        let secret = "hunter-2!";
        let redactor = Redactor::new([secret].into_iter());
        let bytes: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for between in ["", " ", ":", "-", ", 0x", "\\x", "\n", "  "] {
            for text in [bytes.join(between), bytes.join(between).to_uppercase()] {
                let text = text.replace("0X", "0x").replace("\\X", "\\x");
                assert_eq!(redactor.text(&format!("<{text}>")), "<***>", "{text}");
                // Also where reads cut it.
                let mut cut = Redactor::new([secret].into_iter());
                let mut clean = Vec::new();
                for byte in text.bytes() {
                    clean.extend(cut.pass(&[byte]));
                }
                clean.extend(cut.finish());
                assert_eq!(String::from_utf8(clean).unwrap(), "***", "{text}");
            }
        }
        let pairs = bytes.chunks(2).map(|two| two.concat()).collect::<Vec<_>>();
        assert_eq!(redactor.text(&pairs.join(" ")), "***");
    }

    fn lower_percents(text: &str) -> String {
        let mut out = String::new();
        let mut left = 0;
        for letter in text.chars() {
            left = if letter == '%' { 3_u8 } else { left };
            out.push(if left > 0 {
                letter.to_ascii_lowercase()
            } else {
                letter
            });
            left = left.saturating_sub(1);
        }
        out
    }

    #[test]
    fn no_form_of_a_secret_is_so_short_that_other_words_hold_it() {
        for secret in ["abcd", "a\nb\nc", "ab\ncdef", "/+&<", "\u{e9}\u{e9}"] {
            for form in forms::of(secret) {
                assert!(form.bytes.len() >= forms::SHORTEST, "{secret}: {form:?}");
            }
        }
    }

    #[test]
    fn a_secret_too_short_to_be_masked_is_refused() {
        let host: Host = [("A", "abc"), ("B", "abcd")].into_iter().collect();
        assert!(
            find(&host, "A")
                .unwrap_err()
                .message
                .contains("fewer than 4")
        );
        assert_eq!(find(&host, "B").unwrap(), "abcd");
    }

    #[test]
    fn a_secret_with_a_line_too_short_to_be_masked_is_refused() {
        for (value, line) in [
            ("longline1\nab\nlongline3", Some("line 2")),
            ("longline1\r\n  x1 \r\n", Some("line 2")),
            ("ab\nlongline", Some("line 1")),
            ("{\n  \"token\": \"secret\"\n}", None),
            ("longline1\n\nlongline3\n==", None),
        ] {
            let host: Host = [("A", value)].into_iter().collect();
            match (find(&host, "A"), line) {
                (Ok(found), None) => assert_eq!(found, value),
                (Err(fault), Some(line)) => {
                    assert!(fault.message.contains(line), "{}", fault.message);
                }
                (found, _) => panic!("{value:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_secret_comes_from_the_environment_or_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("TOKEN"), "from file\n").unwrap();
        let host: Host = [
            ("KEY", "from env"),
            ("SUNWARD_SECRETS_DIR", folder.path().to_str().unwrap()),
        ]
        .into_iter()
        .collect();
        assert_eq!(find(&host, "KEY").unwrap(), "from env");
        assert_eq!(find(&host, "TOKEN").unwrap(), "from file");
        assert!(find(&host, "NONE").unwrap_err().message.contains("NONE"));
        let file = folder.path().join("elsewhere");
        std::fs::write(&file, "from a named file\r\n").unwrap();
        let named: Host = [
            ("TOKEN_FILE", file.to_str().unwrap()),
            ("KEY_FILE", "/nonexistent"),
            ("SUNWARD_SECRETS_DIR", folder.path().to_str().unwrap()),
        ]
        .into_iter()
        .collect();
        assert_eq!(find(&named, "TOKEN").unwrap(), "from a named file");
        let message = find(&named, "KEY").unwrap_err().message;
        assert!(message.contains("/nonexistent"), "{message}");
        let unset = find(&Host::default(), "KEY").unwrap_err().message;
        for way in ["export KEY", "KEY_FILE", "SUNWARD_SECRETS_DIR"] {
            assert!(unset.contains(way), "{unset}");
        }
    }
}
