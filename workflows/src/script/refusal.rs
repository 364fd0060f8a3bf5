//! Why text is not allowed at a place, and what to write instead.

/// A place where text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Within `'…'` with other characters.
    SingleQuotes,
    /// Within `$'…'` or `$"…"`.
    DollarQuotes,
    /// Within backticks.
    Backticks,
    /// Within `${…}`.
    Braces,
    /// Directly after a backslash.
    Backslash,
    /// Directly after a `$`.
    Dollar,
    /// In a here-document whose delimiter is quoted.
    QuotedDocument,
    /// In the delimiter of a here-document.
    Delimiter,
    /// In a here-document or here-string that is the program of an interpreter.
    InterpretedDocument,
    /// In text that is piped to an interpreter as its program.
    InterpretedPipe,
    /// In `[[ … ]]`.
    Test,
    /// In `(( … ))` or `$(( … ))`.
    Arithmetic,
    /// In `[…]` after a variable's name.
    Subscript,
    /// In an operand that `let`, `declare`, `eval` and the like evaluate.
    Evaluated,
    /// The operand of `-v`, or a word that could be an operator of `test`.
    TestVariable,
    /// In the program of an interpreter.
    Program,
    /// In an option of an interpreter.
    Option,
    /// In the name of a variable.
    Name,
    /// The name of a command.
    CommandName,
    /// Where a command whose name is not known may have a program.
    UnknownCommand,
    /// In a script that reads Sunward's own variables.
    Reserved,
    /// In a variable that a program or shell evaluates.
    EvaluatedVariable,
    /// In a variable that the same script evaluates.
    EvaluatedLater,
    /// In a script that evaluates the output of a program, or the content of a file.
    EvaluatesWorld,
    /// In a file that the script may run.
    RunFile,
    /// In a variable of the environment of `make`.
    MakeVariable,
    /// In an argument that a program of awk or perl may run.
    RunArgument,
    /// In a script with substitutions within each other, too deep to follow.
    TooDeep,
    /// In a script with two here-documents on one line.
    TwoDocuments,
    /// The shell is not one whose rules are known.
    UnknownShell,
    /// The parser does not read the script.
    Unparsed,
    /// No rule covers the place.
    NotUnderstood,
}

impl Refusal {
    /// The place, to follow the words "text is not allowed".
    pub(crate) const fn place(self) -> &'static str {
        match self {
            Self::SingleQuotes => "within `'…'` together with other characters",
            Self::DollarQuotes => "within `$'…'` or `$\"…\"`",
            Self::Backticks => "within backticks",
            Self::Braces => "within `${…}`",
            Self::Backslash => "right after a backslash",
            Self::Dollar => "right after a `$`",
            Self::QuotedDocument => "in a here-document whose delimiter is quoted",
            Self::Delimiter => "in the delimiter of a here-document",
            Self::InterpretedDocument => {
                "in a here-document or here-string that an interpreter reads"
            }
            Self::InterpretedPipe => "in a pipe that ends in an interpreter",
            Self::Test => "in `[[ … ]]`",
            Self::Arithmetic => "in `(( … ))` or `$(( … ))`",
            Self::Subscript => "in a subscript",
            Self::Evaluated => "in an operand that this command evaluates",
            Self::TestVariable => "where `-v` or an operator could read it",
            Self::Program => "in the program of an interpreter",
            Self::Option => "in an option of an interpreter",
            Self::Name => "in the name of a variable or function",
            Self::CommandName => "as the name of a command",
            Self::UnknownCommand => "where a command whose name is not known may have its program",
            Self::Reserved => {
                "in a script that reads `SUNWARD_V1`, `SUNWARD_V2`, …, which hold the values"
            }
            Self::EvaluatedVariable => "in a variable that programs evaluate",
            Self::EvaluatedLater => "in a variable that the script evaluates elsewhere",
            Self::EvaluatesWorld => {
                "in a script that evaluates the output of a program, or the content of a file"
            }
            Self::RunFile => "in a file that the script may run",
            Self::MakeVariable => "in a variable that `make` gets",
            Self::RunArgument => "in an argument that this program of awk or perl may run",
            Self::TooDeep => "in a script with more than 30 levels of `$( … )` within each other",
            Self::TwoDocuments => "in a script with two here-documents on one line",
            Self::UnknownShell => "in a script for a program whose quoting rules are not known",
            Self::Unparsed => "in a script that Sunward's reader of shell does not understand",
            Self::NotUnderstood => "at a place that no rule covers",
        }
    }

    /// What to write instead of `${{ source }}`.
    pub(crate) fn remedy(self, source: &str) -> String {
        let value = format!("${{{{ {source} }}}}");
        match self {
            Self::SingleQuotes => format!("write `\"… {value} …\"` with double quotes"),
            Self::DollarQuotes => format!("write `{value}` outside these quotes"),
            Self::Backticks => format!("write `$(command {value})`"),
            Self::Braces => format!("write `V={value}` on the line before, and `${{V}}` here"),
            Self::Backslash => format!("remove the backslash; `{value}` needs no quoting"),
            Self::Dollar => format!("remove the `$`, or write `'$'{value}`"),
            Self::QuotedDocument => {
                "write the delimiter without quotes, and `\\$` for each literal `$`"
                    .to_owned()
            }
            Self::Delimiter => "write a word such as `EOF`".to_owned(),
            Self::InterpretedDocument | Self::InterpretedPipe => {
                format!(
                    "pass it as an argument: `bash script.sh {value}`, or `python3 - {value} <<'EOF'` and `sys.argv[1]` in the program"
                )
            }
            Self::Test => format!(
                "write `[ {value} = word ]`; for a number, {}",
                as_number(source)
            ),
            Self::Arithmetic | Self::Subscript => {
                format!("the shell would evaluate the text; {}", as_number(source))
            }
            Self::Evaluated => {
                format!("write `V={value}` as a separate command, and `\"$V\"` in commands that evaluate nothing; where a command starts a shell of its own, write `export V={value}` and let that shell read it: `parallel 'tool \"$V\" {{}}' ::: *.pdb`")
            }
            Self::TestVariable => {
                format!("write `[ -n {value} ]`, and put the output of a command in quotes")
            }
            Self::Program | Self::Option => format!(
                "pass it as an argument: `awk -v x={value} '$1 > x'`, `bash -c 'echo \"$1\"' - {value}`, `python -c 'import sys; print(sys.argv[1])' {value}`; or in the environment: `export V={value}`, and `getenv(\"V\")` in NCL, MATLAB or Octave, `Sys.getenv(\"V\")` in R; for a number, {}",
                as_number(source)
            ),
            Self::Name => format!("write a fixed name; for a number, {}", as_number(source)),
            Self::CommandName => format!(
                "write the command's name, or a `case` that chooses it; a parameter with `choice:` is allowed here. If it is the value of an option, write `--option={value}`, because the word after an option that is not known may be the command"
            ),
            Self::UnknownCommand => format!(
                "a variable or `$( … )` names the command, so it may be an interpreter; write its name, or assign it in the script: `TOOL=samtools`, then `$TOOL view {value}`"
            ),
            Self::Reserved => format!("write `{value}` where the script reads the variable"),
            Self::EvaluatedVariable => "write the value as it is, without an expression".to_owned(),
            Self::EvaluatedLater => format!(
                "arithmetic, subscripts, `eval`, `${{!x}}` and the like run code that a variable's text holds; make it a number first, as in `k=$(printf %d \"$n\")`, or quote the variable, as in `[ \"$n\" -gt 3 ]`; for a number, {}",
                as_number(source)
            ),
            Self::EvaluatesWorld => format!(
                "put the commands that need the text into a file, and pass the text as its argument: `bash steps.sh {value}`; for a number, {}",
                as_number(source)
            ),
            Self::RunFile => format!(
                "pass the value in the environment: `export V={value}`, and read it there in the program"
            ),
            Self::MakeVariable => format!(
                "`make` runs a `$(shell …)` in the values of its environment; write the text into a file that the makefile's commands read: `printf '%s\\n' {value} > value.txt`; for a number, {}",
                as_number(source)
            ),
            Self::RunArgument => "give a program of awk that calls `system`, or pipes to a command, only literal text; in perl, open a file with `open(my $f, '<', $name)`, because `-n`, `-p` and `<>` run a name that ends with `|`; the path of an input or output is allowed here".to_owned(),
            Self::TooDeep => "write the inner commands before, each with a variable for its output".to_owned(),
            Self::TwoDocuments => "write each command with its here-document on a separate line".to_owned(),
            Self::UnknownShell => format!(
                "use `env: {{ V: \"{value}\" }}` and read V from the environment, or $SUNWARD_INPUT_PORT and $SUNWARD_OUTPUT_PORT for paths; `shell: bash` and `shell: sh` take text; for a number, {}",
                as_number(source)
            ),
            Self::Unparsed => format!(
                "bash may accept the script: if `bash -n` shows no error, write that part in another way, or put it into a file and pass the text as its argument, `bash steps.sh {value}`. The reader does not know `cmd > f <<< x` (write `cmd <<< x > f`), `{{ …; }} <<< x` and `( … ) <<< x` (write `echo x | {{ …; }}`), `exec 3<<< x` (write `exec 3< <(echo x)`), `op==` (write `op='='`), `x=$(f) 2>log` (write `x=$(f 2>log)`), `cat <<EOF; g` (write `g` on a line after the document), a here-document that begins with a backslash (write a line before it), and `then (a) fi` (write `;` before `fi`)"
            ),
            Self::NotUnderstood => {
                format!("write `V={value}` on the line before, and `\"$V\"` here")
            }
        }
    }
}

fn as_number(source: &str) -> String {
    format!("write `${{{{ {source} | int }}}}` or `${{{{ {source} | float }}}}`")
}
