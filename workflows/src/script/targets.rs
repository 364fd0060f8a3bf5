//! What commands set or write from their standard input.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::node::descendants;
use super::source::Source;
use super::written;

/// Variables that `read` and `mapfile` set in a node's subtree, and files that `tee` and the like
/// write.
pub(super) fn read_targets(node: Node<'_>, text: &Source<'_>) -> Vec<String> {
    let commands = descendants(node, |_| true)
        .into_iter()
        .filter(|command| command.kind() == "command");
    let mut targets = BTreeSet::new();
    for reading in commands.flat_map(|command| text.readings(command)) {
        let words: Vec<&str> = reading.words.iter().map(String::as_str).collect();
        let reads = |word: &&str| matches!(*word, "read" | "mapfile" | "readarray");
        if let Some(at) = words.iter().position(reads) {
            let names = words[at + 1..].iter().filter(|word| !word.starts_with('-'));
            for name in names {
                targets.extend([(*name).to_owned(), format!("{name}[0]")]);
            }
            targets.extend(["REPLY", "MAPFILE"].map(str::to_owned));
        }
        if let Some(at) = words.iter().position(|word| *word == "tee") {
            let files = words[at + 1..].iter().filter(|word| !word.starts_with('-'));
            targets.extend(files.map(|file| written::file(file)));
        }
        targets.extend(stored(&words).map(written::file));
    }
    targets.into_iter().collect()
}

/// The file in which a command keeps its standard input: `cp /dev/stdin FILE`, `dd of=FILE`.
fn stored<'w>(words: &[&'w str]) -> Option<&'w str> {
    match *words.first()? {
        "cp" | "install" | "mv" | "ln" if words.iter().any(|word| word.starts_with("/dev/")) => {
            words.last().copied()
        }
        "dd" => words.iter().find_map(|word| word.strip_prefix("of=")),
        "sponge" => words.last().copied(),
        _ => None,
    }
}
