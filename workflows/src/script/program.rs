//! The file that a command surely runs first: `./tool.sh`, or the script of an interpreter.

use tree_sitter::{Node, Parser};

use super::interpreter::{self, MARK};
use super::marked::mark;
use super::node::{descendants, is_word, literal};
use super::shell::Dialect;
use crate::expr::CompiledTemplate;

/// Commands that write no file and leave the working folder as it is.
const HARMLESS: &[&str] = &[
    ":", "date", "echo", "export", "mkdir", "printf", "pwd", "set", "shopt", "sleep", "true",
    "ulimit", "umask",
];

/// What the beginning of a script does.
enum Step {
    /// Nothing that matters.
    Harmless,
    /// Runs this file. If the file is missing, the script fails.
    Runs(String),
    /// Something that may write files, or that may fail without consequence.
    Unknown,
}

/// The `./word` that a script for this shell runs before anything else that could write it.
pub(crate) fn first_program(shell: &[String], template: &CompiledTemplate) -> Option<String> {
    if Dialect::of(shell) == Dialect::Unknown {
        return None;
    }
    let marked = mark(template);
    // A value is never a part of the word, because it could be anything.
    let mut text = marked.text;
    for range in marked.ranges.iter().rev() {
        text.replace_range(range.clone(), &"$".repeat(range.len()));
    }
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_bash::LANGUAGE.into())
        .ok()?;
    let tree = parser.parse(&text, None)?;
    match of_children(tree.root_node(), &text) {
        Step::Runs(file) => Some(file),
        Step::Harmless | Step::Unknown => None,
    }
}

/// The `./word` that a list of words runs.
pub(crate) fn program_of_argv(words: &[CompiledTemplate]) -> Option<String> {
    let literal = |word: &CompiledTemplate| match word.is_constant() {
        true => word.source().to_owned(),
        false => MARK.to_string(),
    };
    program_of(&words.iter().map(literal).collect::<Vec<_>>())
}

fn program_of(words: &[String]) -> Option<String> {
    let plain = |word: &&String| {
        let steps = word.strip_prefix("./");
        let simple = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
        steps.is_some_and(|steps| {
            !steps.is_empty() && steps.chars().all(simple) && !steps.contains("..")
        })
    };
    let first = words.first().filter(plain);
    let script = interpreter::script(words).and_then(|at| words.get(at));
    first.or(script.filter(plain)).cloned()
}

fn of_children(node: Node<'_>, text: &str) -> Step {
    let mut cursor = node.walk();
    for child in node.named_children(&mut cursor) {
        let background = child.next_sibling().is_some_and(|next| next.kind() == "&");
        match of_statement(child, text) {
            Step::Harmless if !background => {}
            Step::Runs(file) if !background => return Step::Runs(file),
            _ => return Step::Unknown,
        }
    }
    Step::Harmless
}

fn of_statement(node: Node<'_>, text: &str) -> Step {
    let computes = |node: &Node<'_>| {
        matches!(
            node.kind(),
            "command_substitution" | "process_substitution" | "ERROR"
        )
    };
    if descendants(node, |_| true).iter().any(computes) || node.has_error() {
        return Step::Unknown;
    }
    match node.kind() {
        "comment" | "variable_assignment" | "variable_assignments" | "declaration_command" => {
            Step::Harmless
        }
        "command" => of_command(node, text),
        // Writing a file is the only harm of a redirected command.
        "redirected_statement" => match node.child_by_field_name("body") {
            Some(body) => match of_statement(body, text) {
                Step::Runs(file) => Step::Runs(file),
                Step::Harmless | Step::Unknown => Step::Unknown,
            },
            None => Step::Unknown,
        },
        "pipeline" => match node.named_child(0).map(|first| of_statement(first, text)) {
            Some(Step::Runs(file)) => Step::Runs(file),
            _ => Step::Unknown,
        },
        "list" => of_list(node, text),
        _ => Step::Unknown,
    }
}

/// `a && b`. In `a || b` the failure of `a` has no consequence.
fn of_list(node: Node<'_>, text: &str) -> Step {
    let (Some(left), Some(sign), Some(right)) = (node.child(0), node.child(1), node.child(2))
    else {
        return Step::Unknown;
    };
    if sign.kind() != "&&" {
        return Step::Unknown;
    }
    match of_statement(left, text) {
        Step::Harmless => of_statement(right, text),
        step => step,
    }
}

fn of_command(node: Node<'_>, text: &str) -> Step {
    let mut cursor = node.walk();
    let words: Vec<String> = node
        .children(&mut cursor)
        .filter(|part| is_word(*part))
        .map(|part| literal(part, text))
        .collect();
    let name = words.first().map_or("", String::as_str);
    let lenient = name == "set" && words.iter().any(|word| word.starts_with('+'));
    if HARMLESS.contains(&name) && !lenient && !text[node.byte_range()].contains('>') {
        return Step::Harmless;
    }
    program_of(&words).map_or(Step::Unknown, Step::Runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(script: &str) -> Option<String> {
        let template = CompiledTemplate::new(script).unwrap();
        first_program(&super::super::default_shell(), &template)
    }

    #[test]
    fn the_first_file_is_known_only_if_nothing_could_have_written_it() {
        for (script, file) in [
            ("./a.sh", "./a.sh"),
            ("./a.sh ${{ inputs.x }} > ${{ outputs.o }}", "./a.sh"),
            ("set -euo pipefail\n# comment\nX=1 ./bin/a.sh", "./bin/a.sh"),
            ("export A=1 B\nmkdir -p d && python3 ./a.py x", "./a.py"),
            ("bash -eu ./a.sh | head", "./a.sh"),
            (". ./a.sh; b", "./a.sh"),
            ("Rscript --vanilla ./a.R", "./a.R"),
            ("python3 -u ./a.py << 'EOF'\nx\nEOF\n", "./a.py"),
            ("./a.sh && ./b.sh || true\n./c.sh", ""),
            ("gcc -o ./a x.c && ./a", ""),
            ("./configure || ./a.sh", ""),
            ("if ./a.sh; then b; fi", ""),
            ("! ./a.sh", ""),
            ("./a.sh &\nwait", ""),
            ("cd d && ./a.sh", ""),
            ("echo x > a.sh; ./a.sh", ""),
            ("x=$(make)\n./a.sh", ""),
            ("./a.sh $(make)", ""),
            ("set +e\n./a.sh\nmake", ""),
            ("./${{ params.x }}.sh", ""),
            ("./$x.sh", ""),
            ("./*.sh", ""),
            ("python3 -m http.server ./d", ""),
            ("python3 -c 'x' ./d", ""),
            ("rm -f ./a.sh", ""),
            ("tool ./a.sh", ""),
            ("cat ./a.sh", ""),
            ("docker run image python3 ./a.py", ""),
            ("./../a.sh", ""),
        ] {
            let expected = (!file.is_empty()).then(|| file.to_owned());
            assert_eq!(first(script), expected, "{script}");
        }
    }

    #[test]
    fn a_list_runs_its_first_word() {
        let of = |words: &[&str]| {
            let words = words
                .iter()
                .map(|word| CompiledTemplate::new(word).unwrap());
            program_of_argv(&words.collect::<Vec<_>>())
        };
        assert_eq!(of(&["./a.sh", "x"]).as_deref(), Some("./a.sh"));
        assert_eq!(of(&["python3", "./a.py"]).as_deref(), Some("./a.py"));
        assert_eq!(of(&["./${{ item }}", "x"]), None);
        assert_eq!(of(&["cat", "./a.py"]), None);
    }
}
