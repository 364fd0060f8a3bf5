//! Warns of words that name files outside the folder in which a task runs.

use std::ops::Range;

use super::context::Context;
use super::draft::DraftStage;
use super::location::locate_word;
use super::reference::word_from;
use super::shell_word;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Action, Reference};
use crate::script::is_evaluated;
use crate::source::Span;
use crate::yaml::Node;

/// System folders. Their content comes with the machine.
const SYSTEM: &[&str] = &[
    "bin", "dev", "etc", "lib", "lib32", "lib64", "opt", "proc", "run", "sbin", "sys", "usr",
];

/// Folders for temporary files. As words of their own they name no data.
const TEMPORARY: &[&str] = &["/tmp", "/var/tmp"];

/// The beginnings of words that the shell takes from the home folder.
const HOME: &[&str] = &["~/", "$HOME/", "${HOME}/"];

/// Warns of every word in a command or in `env:` that names something outside the task's folder.
pub(super) fn check(stage: &DraftStage<'_>, context: &mut Context<'_>) {
    // A container has files of its own at such paths.
    if !matches!(stage.stage.action, Action::Run(_)) || stage.stage.container.is_some() {
        return;
    }
    let mut found = Vec::new();
    for key in ["run", "shell"] {
        for node in stage.node.get(key).map(Node::items).unwrap_or_default() {
            found.extend(words_of(node, outside_words));
        }
    }
    for entry in stage.node.get("env").map(Node::entries).unwrap_or_default() {
        if !is_evaluated(&entry.key) {
            found.extend(words_of(&entry.value, listed_paths));
        }
    }
    for (word, node) in found {
        if context
            .facts
            .present
            .contains(&word_from(&stage.stage.folder, &word))
            && !covers(stage, &word)
        {
            let span = locate_word(context.text, node, &word);
            context.report(untracked(&word, span));
        }
    }
}

fn words_of(node: &Node, words: fn(&str) -> Vec<String>) -> Vec<(String, &Node)> {
    let words = node.text().map(words).unwrap_or_default();
    words.into_iter().map(|word| (word, node)).collect()
}

/// True if an input or `files:` holds what a word names, so that its content counts in the key.
fn covers(stage: &DraftStage<'_>, word: &str) -> bool {
    let plain = |path: &str| {
        path.trim_start_matches("./")
            .trim_end_matches('/')
            .to_owned()
    };
    let folder = plain(literal_folder(word));
    let below = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if word.starts_with("./") {
        let mut files = stage.stage.files.iter().map(|file| plain(file));
        // Of a folder whose files are listed, the pattern finds those.
        return files.any(|file| below(&folder, &file) || below(&file, &folder));
    }
    let mut sources = stage.sources.iter();
    sources.any(|source| match &source.reference {
        Reference::Path(path) => below(
            &plain(&stage.stage.path(literal_folder(word))),
            &plain(path),
        ),
        Reference::Param(_)
        | Reference::Pattern(_)
        | Reference::Port { .. }
        | Reference::Url(_)
        | Reference::Item(_) => false,
    })
}

fn untracked(word: &str, span: Span) -> Diagnostic {
    let folder = literal_folder(word);
    let pattern = &word[folder.len()..];
    if word.starts_with("./") {
        let message = format!(
            "{word} names files beside the workflow, which are not copied to the task's folder"
        );
        return Diagnostic::warning(codes::UNTRACKED_PATH, span, message)
            .expecting("a folder that the command names, or that is under `files:`")
            .suggesting(format!("write `files: [{folder}]`"));
    }
    let message = if word.starts_with("../") {
        format!("{word} is not in the task's folder, where the command runs")
    } else {
        format!("{word} is not tracked: a cached result is used even after it changes")
    };
    let whole = match HOME.iter().find_map(|home| folder.strip_prefix(home)) {
        Some(rest) => format!("/home/NAME/{rest}"),
        None if folder == "~" || folder.starts_with('$') => "/home/NAME".to_owned(),
        None => folder.to_owned(),
    };
    Diagnostic::warning(codes::UNTRACKED_PATH, span, message)
        .expecting("an input, or a parameter of type path")
        .suggesting(format!(
            "write `inputs: {{ NAME: {{ from: {whole}, as: file }} }}` and `${{{{ inputs.NAME }}}}{pattern}`"
        ))
}

/// The part of a word before the first step with a wildcard: all of it if it has none.
#[must_use]
pub fn literal_folder(word: &str) -> &str {
    let start = HOME.iter().find(|home| word.starts_with(**home));
    let from = start.map_or(0, |home| home.len());
    match word[from..].find(['*', '?', '[', '{']) {
        Some(at) => word[..from + at].rfind('/').map_or("", |at| &word[..at]),
        None => word,
    }
}

/// Words of a command that begin with `/`, `~/`, `$HOME/` or `../`, and patterns that begin with
/// `./`. Each occurs once, in the order written. [`crate::Facts::present`] lists those that name
/// something.
pub(crate) fn outside_words(command: &str) -> Vec<String> {
    // After `cd`, the shell takes `../x` from another folder.
    let moves = |word: &str| matches!(word, "cd" | "pushd" | "-C" | "chdir" | "--chdir");
    let separator = |c: char| c.is_whitespace() || ";&|()`\"'".contains(c);
    let moved = command.split(separator).any(moves);
    let mut words: Vec<String> = Vec::new();
    for candidate in candidates(command) {
        let text = &command[candidate.range.clone()];
        let whole = shell_word::read(command, candidate.range.start);
        let word = text.trim_end_matches(['/', ':', '.', '\\']);
        // `/root/` in a quoted program is a pattern of awk or sed.
        let one_step = !word.trim_start_matches('/').contains('/');
        let program = candidate.quoted && text.ends_with('/') && one_step;
        let relative = word.starts_with("../") || word.starts_with("./");
        if program || moved && relative {
            continue;
        }
        // A name with a space or a parenthesis is longer to the shell than to this search.
        let longer = |rest: &str| {
            let goes_on = rest.starts_with(|c: char| c.is_whitespace() || "=;|&()<>,".contains(c));
            goes_on && !rest.contains(['"', '\''])
        };
        let whole = whole.trim_end_matches('/');
        let is_longer = whole.strip_prefix(word).is_some_and(longer);
        for word in [Some(word), is_longer.then_some(whole)]
            .into_iter()
            .flatten()
        {
            if is_outside(word) && !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
    }
    words
}

/// The absolute paths of a value of `env:`, which may be a list divided by `:`.
pub(crate) fn listed_paths(value: &str) -> Vec<String> {
    if value.contains("://") {
        return Vec::new();
    }
    let parts = value.split([':', ' ', ',', '=']);
    let words = parts.map(|part| part.split("${{").next().unwrap_or_default());
    let words = words.map(|word| word.trim_end_matches('/'));
    let absolute = words.filter(|word| word.starts_with('/') && is_outside(word));
    absolute.map(str::to_owned).collect()
}

fn is_outside(word: &str) -> bool {
    let folder = literal_folder(word);
    let steps = |path: &str| !path.trim_matches(['/', '.']).is_empty();
    match word {
        _ if word.starts_with("//") => false,
        _ if HOME
            .iter()
            .any(|home| word.len() > home.len() && word.starts_with(home)) =>
        {
            true
        }
        _ if word.starts_with("../") => steps(word),
        _ if word.starts_with("./") => word != folder && steps(folder),
        _ if word.starts_with('/') => {
            let top = word.split('/').nth(1).unwrap_or_default();
            steps(folder) && !SYSTEM.contains(&top) && !TEMPORARY.contains(&word)
        }
        _ => false,
    }
}

/// A word of a command that may be a path.
struct Candidate {
    range: Range<usize>,
    /// True within quotes.
    quoted: bool,
}

/// The words of a command that begin like a path outside the task's folder, and such texts in its
/// expressions. Comments have none.
fn candidates(command: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut before = None;
    let mut at = 0;
    while let Some(c) = command[at..].chars().next() {
        let rest = &command[at..];
        let open = before.is_none_or(|b: char| {
            // A quote within a quoted program begins a text of that program.
            let inner = quote.is_some_and(|open| open != b) && matches!(b, '\'' | '"');
            inner || b.is_whitespace() || "=;|&()<>,:".contains(b)
        });
        let mut next = at + c.len_utf8();
        if rest.starts_with("${{") {
            next = rest.find("}}").map_or(command.len(), |end| at + end + 2);
            found.extend(texts_of(command, at..next));
            before = Some('}');
        } else if c == '#' && before.is_none_or(char::is_whitespace) {
            next = rest.find('\n').map_or(command.len(), |end| at + end);
            before = None;
        } else if c == '\\' && quote != Some('\'') {
            let escaped = rest[1..].chars().next();
            next += escaped.map_or(0, char::len_utf8);
            let inner = escaped == Some('"') && quote.is_some();
            before = (!inner).then_some('\\');
        } else if matches!(c, '\'' | '"') && quote.is_none_or(|open| open == c) {
            quote = if quote.is_none() { Some(c) } else { None };
            // A word may begin after an opening quote, unless the quote continues another word.
            before = (quote.is_none() || !open).then_some(c);
        } else {
            if open
                && ["/", "../", "./"]
                    .iter()
                    .chain(HOME)
                    .any(|s| rest.starts_with(s))
            {
                next = at + length(rest);
                let quoted = quote.is_some();
                found.push(Candidate {
                    range: at..next,
                    quoted,
                });
            }
            before = command[..next].chars().next_back();
        }
        at = next;
    }
    found
}

/// The texts within an expression that are absolute paths.
fn texts_of(command: &str, expression: Range<usize>) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut at = expression.start;
    while let Some(open) = command[at..expression.end].find(['\'', '"']) {
        let begin = at + open + 1;
        let quote = &command[at + open..begin];
        let Some(length) = command[begin..expression.end].find(quote) else {
            break;
        };
        if command[begin..].starts_with('/') {
            found.push(Candidate {
                range: begin..begin + length,
                quoted: false,
            });
        }
        at = begin + length + 1;
    }
    found
}

/// The length of a path at the start of a text. Braces without spaces belong to it.
fn length(text: &str) -> usize {
    let home = HOME.iter().find(|home| text.starts_with(**home));
    let start = home.map_or(0, |home| home.len());
    let mut braces = 0_usize;
    for (at, c) in text[start..].char_indices() {
        match c {
            '{' => braces += 1,
            '}' if braces > 0 => braces -= 1,
            ',' if braces > 0 => {}
            c if c.is_whitespace() || "\"'`=;|&()<>}$,:".contains(c) => return start + at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_outside_a_task_are_found_and_nothing_else_is() {
        for (command, expected) in [
            ("wc -l /data/g.txt", &["/data/g.txt"][..]),
            ("cat /data/*.txt > o", &["/data/*.txt"]),
            ("cat ./d/*.csv", &["./d/*.csv"]),
            ("cat /data/{a,b}/x.csv", &["/data/{a,b}/x.csv"]),
            ("cat ~/x.csv", &["~/x.csv"]),
            (
                "cat \"$HOME/x.csv\" ${HOME}/y",
                &["$HOME/x.csv", "${HOME}/y"],
            ),
            ("cat ../x.csv", &["../x.csv"]),
            (
                "tool --ref=/data/r.fa -v /data:/mnt",
                &["/data/r.fa", "/data", "/mnt"],
            ),
            (
                "tool '/data/my.csv' \"/data/o.csv\"",
                &["/data/my.csv", "/data/o.csv"],
            ),
            ("cat /data/${{ item }}.csv", &["/data"]),
            ("cat /data/$x.csv", &["/data"]),
            ("cat </data/x && echo >/data/y", &["/data/x", "/data/y"]),
            ("sort -T /tmp /tmp/x", &["/tmp/x"]),
            ("ls /data/", &["/data"]),
            ("cat '/data/a b (1).csv'", &["/data/a", "/data/a b (1).csv"]),
            (r"cat /data/a\ b/", &["/data/a", "/data/a b"]),
            ("echo don\\'t /data/x", &["/data/x"]),
            ("cat ${{ '/data/x' }}", &["/data/x"]),
            (
                "python3 -c 'print(open(\"/data/x\").read())' > o",
                &["/data/x"],
            ),
            ("python3 -c \"open('/data/x')\"", &["/data/x"]),
            ("python3 -c \"open(\\\"/data/x\\\")\"", &["/data/x"]),
        ] {
            assert_eq!(outside_words(command), expected, "{command}");
        }
        for command in [
            "cat /dev/null /etc/passwd",
            "/usr/bin/env python3 x.py",
            "TMPDIR=/tmp sort x",
            "sed 's/a/../' x",
            "sed s,a,../,",
            "awk '/root/ {print}' x; awk '/home/' x",
            "awk '{ a / b; x /= 2 }' x",
            "awk '/*/ { print }' x",
            "grep -E '/[a-z]/' x",
            "curl https://example.org/data/x s3://bucket/key",
            "cat ${{ inputs.d }}/data/x \"${{ inputs.d }}\"/data/y",
            "cat ${D}/data \"$D\"/data $D/data",
            "cat ${{ inputs.d }}/*.csv",
            "echo ok # see /data/x and ~/y",
            "# ../x\necho",
            "mkdir d; cd d; cat ../x ./e/*.csv",
            "tar -C d ../x",
            "ls .. ../ ../..",
            "echo 5 / 3 // 2 ./ . ~ ~user/x",
            "cat ./x.csv ./d/y.csv",
            "cat <<'EOF'\n/* comment */\n// comment\nEOF",
            "${{ params.a / params.b }} ${{ 'a' ~ 'b/c' ~ './c' }}",
        ] {
            assert_eq!(outside_words(command), [""; 0], "{command}");
        }
    }

    #[test]
    fn values_of_the_environment_may_be_lists() {
        assert_eq!(listed_paths("/data/x"), ["/data/x"]);
        assert_eq!(listed_paths("/usr/share:/data/y/:/z"), ["/data/y", "/z"]);
        assert_eq!(listed_paths("--ref=/data/x -q"), ["/data/x"]);
        assert_eq!(listed_paths("/data/${{ params.x }}"), ["/data"]);
        for none in [
            "~/x",
            "../x",
            "https://a/b",
            "a/b",
            "/",
            "/tmp",
            "/usr/lib",
            "5",
        ] {
            assert_eq!(listed_paths(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn the_folder_of_a_pattern_has_no_wildcard() {
        for (word, folder) in [
            ("/data/*.txt", "/data"),
            ("/data/x.txt", "/data/x.txt"),
            ("${HOME}/a*/b", "${HOME}"),
            ("${HOME}/a/b?", "${HOME}/a"),
            ("~/[a]", "~"),
            ("/*", ""),
        ] {
            assert_eq!(literal_folder(word), folder);
        }
    }
}
