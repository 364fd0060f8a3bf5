//! Programs of awk and perl that run the text of their arguments.
//!
//! A program stands in the script, but what it does with its arguments is its own: `system("ls " f)`
//! gives them to a shell, and `while (<>)` of perl runs an argument such as `cmd|`. A scan finds the
//! words of the language that can do so. The paths of inputs and outputs are harmless there.

use super::super::shell::base_name;
use super::language::{Program, program};
use super::sed::runs_pattern_space;
use super::table::{Kind, interpreters};

/// True if word number `at` is an argument of an awk or perl program that may run it.
pub(in crate::script) fn runs_argument(words: &[String], at: usize) -> bool {
    interpreters(words).any(|(i, kind)| match kind {
        Kind::Filter(_) if i < at && is_awk(&words[i]) => awk_programs(&words[i..])
            .iter()
            .any(|program| awk_runs_text(program)),
        Kind::Language(_) if i < at && base_name(&words[i]).starts_with("perl") => {
            perl_runs_argument(&words[i..])
        }
        _ => false,
    })
}

/// True if a program of awk, perl or sed may run what it reads from its input or its files.
pub(super) fn runs_input(words: &[String], kind: Kind) -> bool {
    let name = base_name(&words[0]);
    match kind {
        Kind::Filter(_) if is_awk(name) => awk_programs(words).iter().any(|one| awk_runs_text(one)),
        Kind::Filter(_) if name.ends_with("sed") => runs_pattern_space(words),
        Kind::Language(_) if name.starts_with("perl") => match program(words, kind) {
            Program::Word(at) => perl_runs_input(&words[at]),
            Program::Input | Program::File(_) => false,
        },
        _ => false,
    }
}

/// True if a program of awk or perl may run the text of a variable of the environment.
pub(in crate::script) fn runs_environment(words: &[String]) -> bool {
    interpreters(words).any(|(i, kind)| {
        let words = &words[i..];
        match kind {
            Kind::Filter(_) if is_awk(&words[0]) => awk_programs(words)
                .iter()
                .any(|program| program.contains("ENVIRON") && awk_runs_text(program)),
            Kind::Language(_) if base_name(&words[0]).starts_with("perl") => {
                match program(words, kind) {
                    Program::Word(at) => words[at].contains("ENV") && perl_runs_text(&words[at]),
                    Program::Input | Program::File(_) => false,
                }
            }
            _ => false,
        }
    })
}

fn is_awk(word: &str) -> bool {
    base_name(word)
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .ends_with("awk")
}

/// Every word that may be the program of awk: what holds a brace.
fn awk_programs(words: &[String]) -> Vec<&str> {
    let programs = words.iter().skip(1).map(String::as_str);
    programs
        .filter(|word| word.contains(['{', '(', '|']))
        .collect()
}

/// True if an awk program gives anything but a literal string to a shell.
fn awk_runs_text(program: &str) -> bool {
    let system = program.match_indices("system").any(|(at, word)| {
        let rest = program[at + word.len()..].trim_start();
        let argument = rest.strip_prefix('(').map(str::trim_start);
        argument.is_some_and(|argument| !is_literal(argument, &[')']))
    });
    let pipe = program.match_indices('|').any(|(at, _)| {
        let (before, after) = (&program[..at], &program[at + 1..]);
        if before.ends_with('|') || after.starts_with('|') {
            return false;
        }
        let after = after.trim_start_matches('&').trim_start();
        match after.strip_prefix("getline") {
            Some(_) => !is_literal_before(before),
            None => !is_literal(after, &[';', '}', '\n', ')']),
        }
    });
    system || pipe && !is_pattern(program)
}

/// True if the only bars of a program are in regular expressions: `/a|b/`.
fn is_pattern(program: &str) -> bool {
    let outside = program.split('/').step_by(2);
    program.matches('/').count().is_multiple_of(2)
        && outside
            .into_iter()
            .all(|part| !part.replace("||", "").contains('|'))
}

/// True if a text begins with one literal string, and one of these characters follows.
fn is_literal(text: &str, ends: &[char]) -> bool {
    let Some(inner) = text.strip_prefix('"') else {
        return false;
    };
    let Some(close) = inner.find('"') else {
        return false;
    };
    let rest = inner[close + 1..].trim_start_matches([' ', '\t']);
    !inner[..close].contains('\\') && (rest.is_empty() || rest.starts_with(ends))
}

/// True if a text ends with one literal string that begins a statement.
fn is_literal_before(text: &str) -> bool {
    let Some(inner) = text.trim_end().strip_suffix('"') else {
        return false;
    };
    let Some(open) = inner.rfind('"') else {
        return false;
    };
    let before = inner[..open].trim_end();
    before.is_empty() || before.ends_with(['{', ';', '(', '!'])
}

/// True for `perl` with a program that opens its arguments, or runs them. `<>` and the options `-n`
/// and `-p` run an argument that begins or ends with `|`.
fn perl_runs_argument(words: &[String]) -> bool {
    let Program::Word(at) = program(words, Kind::Language("eE")) else {
        return false;
    };
    let loops = |word: &String| {
        let letters = word
            .strip_prefix('-')
            .filter(|letters| !letters.starts_with('-'));
        letters.is_some_and(|letters| {
            let own = letters.split(['M', 'm', 'I', 'F', 'x', 'C', 'D']).next();
            own.is_some_and(|own| own.contains(['n', 'p']))
        })
    };
    words[1..at].iter().any(loops) || perl_runs_text(&words[at])
}

/// True if a perl program uses a word that may run what it reads, or `s///ee`.
fn perl_runs_input(program: &str) -> bool {
    let words = ["`", "system", "exec", "qx", "eval", "require"];
    let twice = program.match_indices("ee").any(|(at, _)| {
        let letter = |c: char| c.is_ascii_lowercase();
        let before = program[..at].trim_end_matches(letter);
        let after = program[at..].trim_start_matches(letter);
        before.ends_with(['/', '}', '|', '!', ',', '#', ')'])
            && !after.starts_with(['/', '{', '|', '!', ',', '#', '(', '_', '$'])
    });
    twice || opens_any(program) || words.iter().any(|word| program.contains(word))
}

/// True if a perl program opens a name without a mode of its own.
fn opens_any(program: &str) -> bool {
    program.match_indices("open").any(|(at, _)| {
        let rest = program[at..].split(';').next().unwrap_or_default();
        let mode = ["'<", "\"<", "'>", "\">", "'+<", "\"+<", "q(<", "q{<"];
        // With a mode of its own, the name of the file is only a name.
        !mode.iter().any(|mode| rest.contains(mode)) || rest.matches(',').count() < 2
    })
}

/// True if a perl program uses a word that may run text.
fn perl_runs_text(program: &str) -> bool {
    let words = [
        "`", "system", "exec", "qx", "eval", "<>", "<ARGV>", "require", "do ", "ee",
    ];
    opens_any(program) || words.iter().any(|word| program.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_run_text_are_told_from_those_that_do_not() {
        for program in [
            "BEGIN { system(\"ls \" c) }",
            "BEGIN { c | getline x }",
            "{ print | c }",
            "{ print | \"sort \" c }",
            "BEGIN { \"ls \" c | getline x }",
            "{ print |& c }",
        ] {
            assert!(awk_runs_text(program), "{program}");
        }
        for program in [
            "{ print $1 }",
            "$1 > x || $2",
            "{ print | \"sort -n\" }",
            "BEGIN { \"date\" | getline x; print x }",
            "{ system(\"date\") }",
            "/a|b/ { print }",
            "$1 ~ /^(a|b)$/ || /c/",
        ] {
            assert!(!awk_runs_text(program), "{program}");
        }
        for (program, runs) in [
            ("print $ARGV[0]", false),
            ("open(my $f, '<', $ARGV[0]); print while <$f>", false),
            ("open(F, $ARGV[0])", true),
            ("while(<>) { print }", true),
            ("print `ls $ARGV[0]`", true),
        ] {
            assert_eq!(perl_runs_text(program), runs, "{program}");
        }
    }
}
