//! What the command of a stage reads: its own part of the scatter, and inputs as a whole.

use crate::expr::Uses;
use crate::model::{Action, Command, CudaArg, Form, Input, Reference, Scatter, Slicing, Stage};

impl Stage {
    /// What the templates of its command and its environment read.
    #[must_use]
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::default();
        match &self.action {
            Action::Run(Command::Shell { script, .. }) => uses.merge(script.uses()),
            Action::Run(Command::Argv(argv)) => {
                argv.iter().for_each(|word| uses.merge(word.uses()));
            }
            Action::Cuda(cuda) => {
                for arg in &cuda.args {
                    if let CudaArg::Value { value, .. } = arg {
                        uses.merge(value.uses());
                    }
                }
            }
            Action::Kernel { .. } => {}
        }
        let names = self.outputs.values();
        let names = names.filter_map(|output| output.name.as_ref());
        for template in self.env.values().chain(names) {
            uses.merge(template.uses());
        }
        uses
    }

    /// Whether it reads data from another stage.
    #[must_use]
    pub fn reads_from(&self, other: &str) -> bool {
        let mut sources = self.inputs.values().flat_map(|input| &input.from);
        sources.any(|source| source.port().is_some_and(|(stage, _)| stage == other))
    }

    /// Whether it waits for what a stage gives, if these stages were skipped: it `needs` it, or reads
    /// from it. An alternative of a `first` that is not read does not count, unless none is left.
    #[must_use]
    pub fn depends_on(&self, other: &str, is_skipped: impl Fn(&str) -> bool) -> bool {
        let names = |source: &Reference| source.port().is_some_and(|(stage, _)| stage == other);
        let reads = |input: &Input| match input.sources(&is_skipped) {
            [] => input.from.iter().any(names),
            sources => sources.iter().any(names),
        };
        self.needs.iter().any(|stage| stage == other) || self.inputs.values().any(reads)
    }

    /// The input over which it scatters; of paired ones the first.
    #[must_use]
    pub fn scattered_input(&self) -> Option<&Input> {
        let port = match &self.scatter {
            Scatter::Input { port, .. } => port,
            Scatter::Zip { ports, .. } => ports.first()?,
            Scatter::One | Scatter::Items(_) | Scatter::Range(_) | Scatter::Matrix(_) => {
                return None;
            }
        };
        self.inputs.get(port)
    }

    /// The input that only gives a row to each task: it is scattered by row, and the command does
    /// not read it as a whole. Tasks do not see it, and it does not count in their keys.
    #[must_use]
    pub fn only_rows_of(&self) -> Option<&str> {
        let Scatter::Input {
            port,
            slicing: Slicing::Row,
        } = &self.scatter
        else {
            return None;
        };
        let form = self.inputs.get(port).map(|input| input.form);
        if matches!(form, Some(Form::File | Form::Files)) {
            return None;
        }
        (!self.reads_whole(port)).then_some(port)
    }

    /// Whether the command names an input by `inputs.PORT` or by its variable. Kernels read all of
    /// their inputs.
    fn reads_whole(&self, port: &str) -> bool {
        let Action::Run(command) = &self.action else {
            return true;
        };
        let variable = input_variable(port);
        let names = |text: &str| text.contains(&variable);
        let named = match command {
            Command::Shell { script, .. } => names(&script.source),
            Command::Argv(argv) => argv.iter().any(|word| names(&word.source)),
        };
        named
            || self.env.values().any(|value| names(&value.source))
            || self.uses().reads_input(port)
    }
}

/// The variable that holds the path of an input: `SUNWARD_INPUT_LIBRARY` for the port `library`.
#[must_use]
pub fn input_variable(port: &str) -> String {
    format!("SUNWARD_INPUT_{}", port.to_uppercase())
}

/// The variable that holds the path of an output.
#[must_use]
pub fn output_variable(port: &str) -> String {
    format!("SUNWARD_OUTPUT_{}", port.to_uppercase())
}

#[cfg(test)]
mod tests {
    use crate::model::{Action, Command, Scatter, Slicing, Stage, Template};

    #[test]
    fn an_input_that_gives_rows_is_seen_only_where_it_is_named() {
        let stage = |script: &str| {
            let command = Command::Shell {
                shell: vec!["sh".into(), "-c".into()],
                script: Template::new(script),
            };
            let mut stage = Stage::new("a", Action::Run(command));
            stage.scatter = Scatter::Input {
                port: "sheet".into(),
                slicing: Slicing::Row,
            };
            stage
        };
        assert_eq!(
            stage("wc ${{ item.f }}").only_rows_of(),
            Some("sheet"),
            "only its own row"
        );
        for whole in [
            "wc ${{ inputs.sheet }}",
            "wc ${{ inputs.sheet.parts }}",
            "wc $SUNWARD_INPUT_SHEET",
        ] {
            assert_eq!(stage(whole).only_rows_of(), None, "{whole}");
        }
        let mut by_variable = stage("./read.py");
        let value = Template::new("$SUNWARD_INPUT_SHEET");
        by_variable.env.insert("SHEET".into(), value);
        assert_eq!(by_variable.only_rows_of(), None);
    }
}
