//! An upper bound of the width of text in a picture, so that boxes are wide enough. The font is the
//! reader's, and so not known.

/// Replaces the end of text that is too long.
const ELLIPSIS: char = '…';

/// The greatest width of `text` in pixels, at a font size of `size` pixels.
///
/// The bound holds for the sans-serif fonts that browsers use for `system-ui`: Segoe UI, San
/// Francisco, Roboto, Noto Sans and DejaVu Sans, which is the widest. Bold is a tenth wider.
pub(crate) fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    let ems: f64 = text.chars().map(advance_em).sum();
    ems * size * if bold { 1.1 } else { 1.0 }
}

/// `text`, or its beginning and an ellipsis if it would be wider than `most` pixels.
pub(crate) fn shortened(text: &str, size: f64, bold: bool, most: f64) -> String {
    if text_width(text, size, bold) <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if text_width(&short, size, bold) + text_width("…", size, bold) > most {
            short.pop();
            break;
        }
    }
    short.push(ELLIPSIS);
    short
}

/// The greatest advance of one character, in ems.
const fn advance_em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | '!' | ' ' => 0.36,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '-' | 'I' => 0.46,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 1.0,
        'A'..='Z' | '_' | '+' | '=' | '<' | '>' | '~' | '#' => 0.84,
        '\0'..='\u{2ff}' => 0.65,
        // Greek, Cyrillic and other alphabets are as wide as capitals. All characters beyond them
        // may be full width.
        '\u{300}'..='\u{10ff}' => 0.9,
        _ => 1.05,
    }
}

#[cfg(test)]
mod tests {
    use super::{shortened, text_width};

    #[test]
    fn wide_letters_take_more_than_narrow_ones_and_bold_more_than_plain() {
        assert!(text_width("WWWW", 12.0, false) > 2.0 * text_width("iiii", 12.0, false));
        assert!(text_width("abc", 12.0, true) > text_width("abc", 12.0, false));
        assert!(text_width("漢字", 10.0, false) >= 20.0);
    }

    #[test]
    fn what_does_not_fit_is_cut_at_a_character_and_says_so() {
        assert_eq!(shortened("short", 12.0, false, 100.0), "short");
        for text in [
            "a_very_long_stage_name_indeed",
            "日本語のとても長い名前です",
        ] {
            let short = shortened(text, 12.0, true, 90.0);
            assert!(short.ends_with('…') && text.starts_with(short.trim_end_matches('…')));
            assert!(text_width(&short, 12.0, true) <= 90.0, "{short}");
        }
    }
}
