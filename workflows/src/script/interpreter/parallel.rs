//! GNU parallel, which joins its words to a line for the shell and puts quoted arguments into it.
//!
//! The arguments are safe where the line has no quotes of its own and starts nothing that evaluates
//! them. This was tried with version 20221122.

use super::super::shell::base_name;
use super::option_table::OptionTable;
use super::table::{evaluates_words, starts_another};

/// Its common options. All others are unknown, which only makes more words those of the line.
const OPTIONS: OptionTable = OptionTable {
    valued: "janNLPsSIC",
    flags: "kmXtuvqr0zx",
    words: &[
        "arg-file",
        "colsep",
        "delay",
        "halt",
        "jobs",
        "joblog",
        "load",
        "max-args",
        "max-procs",
        "memfree",
        "results",
        "retries",
        "tagstring",
        "timeout",
        "tmpdir",
        "workdir",
    ],
    alone: &[
        "bar",
        "dry-run",
        "eta",
        "keep-order",
        "line-buffer",
        "lb",
        "link",
        "no-notice",
        "null",
        "progress",
        "tag",
        "ungroup",
        "verbose",
        "will-cite",
    ],
    ..OptionTable::NONE
};

/// True for `parallel`, apart from its arguments.
pub(in crate::script) fn is_parallel(words: &[String]) -> bool {
    words
        .first()
        .is_some_and(|word| base_name(word) == "parallel")
}

/// True if word number `at` is an argument that stays data: `parallel gzip ::: V`.
pub(super) fn is_argument(words: &[String], at: usize) -> bool {
    is_parallel(words) && first_argument(words) <= at && quotes_arguments(words)
}

/// True if `parallel` puts its arguments into a line in which they stay data.
pub(super) fn quotes_arguments(words: &[String]) -> bool {
    let line = &words[..first_argument(words)];
    let text = line.get(1..).unwrap_or_default().join(" ");
    let expands = |(at, _): (usize, &str)| {
        // A variable is only a word here; `${x:{}}` and `$(…)` evaluate.
        !text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    };
    let quotes = text.contains(['\'', '"', '`', '\\', '[', '(']);
    if quotes || text.contains("{=") || text.match_indices('$').any(expands) {
        return false;
    }
    let programs = OPTIONS.programs(line, 1);
    !programs.is_empty()
        && programs
            .into_iter()
            .all(|at| is_plain(&line[at..].join(" ")))
}

/// The index of the first word after `:::` and the like.
fn first_argument(words: &[String]) -> usize {
    let begins = |word: &String| word.starts_with(":::");
    let at = words.iter().position(begins);
    at.map_or(words.len(), |at| at + 1).min(words.len())
}

/// True if no command of a line without quotes evaluates its words, or is an argument itself.
fn is_plain(line: &str) -> bool {
    let line = line.split(":::").next().unwrap_or_default();
    line.split([';', '|', '&', '\n']).all(|command| {
        let mut words = command.split_whitespace();
        let assigns = |word: &str| !word.starts_with('-') && word.contains("={");
        let is_named = words
            .next()
            .is_none_or(|name| !name.starts_with('{') && !name.contains('='));
        is_named
            && command.split_whitespace().all(|word| {
                !evaluates_words(word) && !starts_another(word) && !assigns(word) && word != "-v"
            })
    }) && !line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::quotes_arguments;

    #[test]
    fn a_line_without_quotes_keeps_its_arguments_as_data() {
        let quotes = |command: &[&str]| {
            let words: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            quotes_arguments(&words)
        };
        for command in [
            &["parallel", "gzip", ":::", "V"][..],
            &["parallel", "-j", "4", "gzip", ":::", "V"],
            &["parallel", "-j4", "--bar", "fastqc -o qc {}", ":::", "V"],
            &["parallel", "vina --out={.}.pdbqt {} > {/.}.log", ":::", "V"],
            &["parallel", "zcat {} | wc -l > {.}.n"],
            &["parallel", "-j", "$CPUS", "gzip", ":::", "V"],
        ] {
            assert!(quotes(command), "{command:?}");
        }
        for command in [
            &["parallel", ":::", "V"][..],
            &["parallel", "{}", ":::", "V"],
            &["parallel", "-j4", "{} x", ":::", "V"],
            &["parallel", "--other", "4", "{}", ":::", "V"],
            &["parallel", "bash", "-c", "{}", ":::", "V"],
            &["parallel", "bash -c {}", ":::", "V"],
            &["parallel", "echo '{}'", ":::", "V"],
            &["parallel", "echo \"{}\"", ":::", "V"],
            &["parallel", "echo ${x:{}}", ":::", "V"],
            &["parallel", "echo $(ls {})", ":::", "V"],
            &["parallel", "ls | {}", ":::", "V"],
            &["parallel", "nice {}", ":::", "V"],
            &["parallel", "x={}; ls", ":::", "V"],
            &["parallel", "PATH={} ls", ":::", "V"],
            &["parallel", "[[ {} -gt 3 ]]", ":::", "V"],
            &["parallel", "echo {= eval =}", ":::", "V"],
            &["parallel", "cat {} | sh", ":::", "V"],
            &["parallel", "tar xf {}", ":::", "V"],
        ] {
            assert!(!quotes(command), "{command:?}");
        }
    }
}
