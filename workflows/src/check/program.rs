//! Checks that the file exists which a command runs first.

use super::context::Context;
use super::draft::DraftStage;
use super::files::missing;
use super::location::locate_word;
use crate::expr::CompiledTemplate;
use crate::facts::FileFact;
use crate::model::{Action, Command, Template};
use crate::script::{first_program, program_of_argv};

/// Checks `./tool.sh` in `run`, unless something before it may have written that file.
pub(super) fn exists(stage: &DraftStage<'_>, context: &mut Context<'_>) {
    let Action::Run(command) = &stage.stage.action else {
        return;
    };
    let program = match command {
        Command::Shell { shell, script } => script
            .compile()
            .ok()
            .and_then(|script| first_program(shell, &script)),
        Command::Argv(words) => {
            let words: Result<Vec<CompiledTemplate>, _> =
                words.iter().map(Template::compile).collect();
            words.ok().and_then(|words| program_of_argv(&words))
        }
    };
    let (Some(program), Some(run)) = (program, stage.node.get("run")) else {
        return;
    };
    // An earlier attempt may have left a file. A missing file under `files:` is reported there.
    let elsewhere = stage.stage.checkpoint || stage.stage.files.contains(&program);
    if !elsewhere
        && context.facts.files.get(&stage.stage.path(&program)) == Some(&FileFact::Missing)
    {
        let span = locate_word(context.text, run, &program);
        let diagnostic = missing(&program, span, context);
        context.report(diagnostic);
    }
}
