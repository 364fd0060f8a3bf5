//! The words of a filter such as awk.

use super::super::refusal::Refusal;
use super::verdict::Verdict;

/// For a filter such as awk: options, the program, then files.
pub(super) fn of_filter(words: &[String], at: usize, mark: char, valued: &str) -> Verdict {
    let before = words[at - 1].as_str();
    let reads = matches!(before, "-f" | "--file" | "--from-file") && words[at].starts_with("<(");
    if reads || words[at].starts_with("--file=<(") {
        return Verdict::Refused(Refusal::Program);
    }
    let sed = valued.starts_with('e');
    let file = words[1..].iter().any(|word| {
        word == "-f" || word == "--file" || word.starts_with("--file=") || word == "--from-file"
    });
    let mut program = file;
    // True after a long option that may take the next word.
    let mut uncertain = false;
    // True after `--`, where no word is an option.
    let mut ended = false;
    let mut i = 1;
    while i <= at {
        let word = words[i].as_str();
        let option = !ended && word.len() > 1 && word.starts_with('-') && word != "--";
        let letters = word.trim_start_matches('-');
        let program_option =
            !word.starts_with("--") && word.ends_with('e') && (sed || letters == "e")
                || word == "--expression"
                || word == "--source";
        if i == at {
            return match () {
                () if option => at_option(word, mark),
                () if !program => Verdict::Refused(Refusal::Program),
                () if ended => Verdict::Any,
                () => Verdict::Operand,
            };
        }
        if program_option {
            program = true;
            if i + 1 == at {
                return Verdict::Refused(Refusal::Program);
            }
            i += 2;
            continue;
        }
        if option {
            let pair = matches!(word, "--arg" | "--argjson" | "--slurpfile" | "--rawfile");
            let takes = !word.starts_with("--") && letters.len() == 1 && valued.contains(letters)
                || matches!(
                    word,
                    "--assign" | "--field-separator" | "--file" | "--from-file"
                );
            let step = if pair {
                3
            } else if takes {
                2
            } else {
                1
            };
            if i + step > at {
                return Verdict::Any;
            }
            uncertain = word.starts_with("--") && step == 1 && !is_flag(word);
            i += step;
            continue;
        }
        ended |= word == "--";
        program = program || word != "--" && !uncertain;
        uncertain = false;
        i += 1;
    }
    Verdict::Any
}

/// True for a long option that takes no word, or has its own after `=`.
fn is_flag(word: &str) -> bool {
    const FLAGS: &[&str] = &[
        "--quiet",
        "--silent",
        "--debug",
        "--in-place",
        "--follow-symlinks",
        "--posix",
        "--regexp-extended",
        "--separate",
        "--sandbox",
        "--unbuffered",
        "--null-data",
        "--zero-terminated",
        "--raw-output",
        "--raw-output0",
        "--join-output",
        "--compact-output",
        "--null-input",
        "--raw-input",
        "--slurp",
        "--exit-status",
        "--sort-keys",
        "--tab",
        "--color-output",
        "--monochrome-output",
        "--ascii-output",
        "--seq",
        "--stream",
        "--args",
        "--jsonargs",
        "--binary",
        "--csv",
        "--non-decimal-data",
        "--re-interval",
        "--traditional",
        "--lint",
        "--bignum",
        "--characters-as-bytes",
        "--prettyPrint",
        "--no-colors",
    ];
    word.contains('=') || FLAGS.contains(&word)
}

/// For an option with an attached value: `-vx=V` and `-FV` are data. Any other may be a program.
fn at_option(word: &str, mark: char) -> Verdict {
    let data = (word.starts_with("-v")
        && word.split_once('=').is_some_and(|(n, _)| !n.contains(mark)))
        || word.starts_with("-F");
    if data {
        Verdict::Any
    } else {
        Verdict::Refused(Refusal::Option)
    }
}
