//! A file that a script writes, and may run as a program.

use std::collections::BTreeSet;

use super::graph::Graph;
use super::marked;
use super::node::LOOSE;
use super::written;

/// The most pairs of a file and a program that are named. A script with more is refused as well.
const PAIRS: usize = 64;

/// A file that a script writes, and the program that may be it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunFile {
    /// The word that names the written file, without folders.
    file: String,
    /// The word that names the program, without folders.
    program: String,
    /// Everything whose text is in the file.
    content: BTreeSet<String>,
}

impl RunFile {
    /// Finds all of them, given the names that the script evaluates.
    pub(super) fn all(evaluated: &BTreeSet<String>, graph: &Graph<'_>) -> Vec<Self> {
        let names = evaluated.iter().filter_map(|name| name.strip_prefix(LOOSE));
        let pairs = names.flat_map(|program| {
            let word = written::program_word(program);
            let files = word.map_or_else(BTreeSet::new, |_| graph.read_as(program));
            files
                .into_iter()
                .map(move |file| (word.unwrap_or_default(), file))
        });
        let pairs = pairs.take(PAIRS).map(|(program, file)| Self {
            file: marked::shown(written::file_word(&file)),
            program: marked::shown(program),
            content: graph.closed(BTreeSet::from([file])),
        });
        pairs.collect()
    }

    /// True if text that is assigned to one of these names is in the file.
    pub(super) fn holds(&self, targets: &BTreeSet<&str>) -> bool {
        targets.iter().any(|target| self.content.contains(*target))
    }

    /// The place, to follow the words "text is not allowed".
    pub(crate) fn place(&self) -> String {
        match self.is_certain() {
            true => format!("in the file `{}`, which the script runs", self.file),
            false => format!(
                "in the file `{}`: its name may be that of `{}`, which the script runs",
                self.file, self.program
            ),
        }
    }

    /// What to write instead of `${{ source }}`.
    pub(crate) fn remedy(&self, source: &str) -> String {
        let value = format!("${{{{ {source} }}}}");
        let name = &self.program;
        if matches!(name.as_str(), "Makefile" | "makefile" | "GNUmakefile") {
            return format!(
                "write the text into another file, which the makefile's commands read: `printf '%s\\n' {value} > value.txt`"
            );
        }
        if self.is_certain() {
            return format!(
                "begin its text with `<<'EOF'`, so that it holds no value, and pass the value in the environment: write `export V={value}` before, and in `{name}` `\"$V\"` for a shell, `os.environ[\"V\"]` in Python, `Sys.getenv(\"V\")` in R"
            );
        }
        match self.program.starts_with(['$', '`']) {
            true => format!(
                "write what is known of the program's name, as in `\"$name.sh\"` for `{name}`, and give the file another ending"
            ),
            false => format!(
                "give the file a name that `{name}` cannot have, as in `\"$name.txt\"`; if it is that program, pass the value in its environment: `export V={value}`"
            ),
        }
    }

    fn is_certain(&self) -> bool {
        self.file == self.program
    }
}
