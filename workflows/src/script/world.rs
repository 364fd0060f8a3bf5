//! Says which command of a script evaluates text of unknown origin, and whose.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::evaluation;
use super::graph::Graph;
use super::marked;
use super::node::descendants;
use super::source::Source;
use super::sources::CALL;

/// What evaluates text of unknown origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct World {
    /// The command, as it is written, with `${{ … }}` for values.
    pub(crate) command: String,
    /// The program whose output it evaluates; `None` for the content of a file or of a descriptor.
    pub(crate) program: Option<String>,
    /// True if it needs no more than a number.
    pub(crate) is_arithmetic: bool,
}

impl World {
    /// Finds the first command that does, in the order of the script.
    pub(super) fn of(
        root: Node<'_>,
        text: &Source<'_>,
        graph: &Graph<'_>,
        is_unknown: impl Fn(&str) -> bool,
    ) -> Self {
        let mut nodes = descendants(root, |_| true);
        nodes.sort_by_key(|node| (node.start_byte(), node.end_byte()));
        let found = nodes.into_iter().find_map(|node| {
            let names: BTreeSet<String> = evaluation::strictly(node, text);
            let origin = graph.first(names, &is_unknown)?;
            Some((node, origin))
        });
        let Some((node, origin)) = found else {
            return Self {
                command: "a command of the script".to_owned(),
                program: None,
                is_arithmetic: false,
            };
        };
        let source = &text[node.byte_range()];
        let is_arithmetic = matches!(
            node.kind(),
            "arithmetic_expansion" | "subscript" | "c_style_for_statement"
        ) || source.starts_with("((")
            || source.starts_with("[[");
        Self {
            command: marked::shown(source),
            program: origin.strip_prefix(CALL).map(str::to_owned),
            is_arithmetic,
        }
    }
}

impl World {
    /// The place, to follow the words "text is not allowed".
    pub(crate) fn place(&self) -> String {
        let whose = match &self.program {
            Some(program) => format!("what `{program}` prints"),
            None => "the content of a file".to_owned(),
        };
        format!("in a script where `{}` evaluates {whose}", self.command)
    }

    /// What to write instead of `${{ source }}`.
    pub(crate) fn remedy(&self, source: &str) -> String {
        let known = match &self.program {
            Some(program) => format!("`{program}` may print any text"),
            None => "a file may hold any text".to_owned(),
        };
        let instead = match self.is_arithmetic {
            true => {
                "make it a number first, as in `k=$(printf %d \"$n\")`, or compare with `[ \"$n\" -gt 3 ]`"
            }
            false => "put the commands that need the text into a file",
        };
        let pass = match self.is_arithmetic {
            true => String::new(),
            false => {
                format!(", and pass the text as its argument: `bash steps.sh ${{{{ {source} }}}}`")
            }
        };
        format!("{known}, also that of a value, and code in it would run; {instead}{pass}")
    }
}
