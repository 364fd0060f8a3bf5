//! Values that resemble code.

use super::Dice;

/// Text with a meaning for shells, interpreters, terminals or people.
const PIECES: &[&str] = &[
    "$(touch p)",
    "`touch p`",
    "';touch p;'",
    "\";touch p;\"",
    "\\",
    "$x",
    "${x}",
    "$((1))",
    "\n",
    "\n\n",
    "\t",
    "#",
    "'",
    "\"",
    " ",
    "  ",
    "*",
    "?",
    "[a-z]",
    "~",
    "!",
    "!!",
    "é",
    "日本",
    "a[$(touch p)]",
    "PATH[$(touch p)]",
    "x[$(touch p)]=1",
    "\u{a0}",
    "\u{2028}",
    "\r",
    "\r\n",
    "\u{7f}",
    "\u{1b}[31m",
    "-",
    "--",
    "-v",
    "-e",
    "-n",
    "=",
    "x=1",
    ";touch p",
    "|touch p",
    "&touch p",
    "&& touch p",
    "> p",
    ">| p",
    "< p",
    "<(touch p)",
    "\nEOF\ntouch p\n",
    "\nE_F\ntouch p\n",
    ")",
    "}",
    "]]",
    "))",
    "((1",
    "{touch,p}",
    "%s%n",
    "\\0",
    "\\n",
    "\\$(touch p)",
    "$'\\n'",
    "${x@P}",
    "${!x}",
    "1",
    "0",
    "a",
    "word",
    "../..",
    "/",
    ";;",
    "esac",
    "done",
    "EOF",
    "SUNWARD_V1",
    "${SUNWARD_V1}",
    "${{ item }}",
    "sunwardvalue",
];

/// A value that is not a number, from pieces that a shell reads as code.
pub(crate) fn hostile(dice: &mut Dice) -> String {
    // Under `set -u`, only the subscript of a variable that is set is evaluated.
    if dice.below(3) == 0 {
        return "PATH[$(touch p)]".to_owned();
    }
    let count = 1 + dice.below(5);
    let value: String = (0..count).map(|_| dice.one_of(PIECES)).collect();
    // Harmless words may be choices, which are allowed anywhere.
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_.,+-".contains(c);
    match value.chars().all(harmless) {
        true => format!("{value} "),
        false => value,
    }
}
