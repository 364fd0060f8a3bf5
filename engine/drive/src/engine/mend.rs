//! Restarts stages whose inputs are lost.

use sunward_core::{Dataset, Fact, Input, StageEnd, decide};

use super::Engine;
use crate::error::DriveError;
use crate::event::Event;
use crate::view;

impl Engine<'_, '_> {
    /// After an unclean stop, verifies the workflow's existing outputs before anything starts. No
    /// later stage would notice that they are damaged.
    pub(super) fn verify_outputs(&mut self) {
        let resolver = self.questions.resolver();
        if !resolver.is_suspect() {
            return;
        }
        let Some(run) = self.state.run(self.run) else {
            return;
        };
        for (_, stage, port) in run.outputs() {
            let end = run.stage(stage).and_then(|view| view.end());
            // Tasks of an open stage have results that no later task reads, too.
            if end.is_some_and(|end| *end != StageEnd::Succeeded) {
                continue;
            }
            let datasets = run.gathered(stage, port).unwrap_or_default();
            let parts = datasets.iter().flat_map(|dataset| resolver.lacks(dataset));
            self.losses.found(stage, parts);
        }
    }

    /// Restarts stages whose inputs are lost, once none of their tasks is in progress.
    pub(super) fn mend(&mut self) -> Result<(), DriveError> {
        if self.losses.is_empty() {
            return Ok(());
        }
        let run = self.run;
        let resolver = self.questions.resolver();
        let lacks = |dataset: &Dataset| resolver.lacks(dataset);
        for (stage, parts) in self.losses.missed(&self.state, run, &lacks) {
            let input = Input::PartsLost { run, stage, parts };
            let step = decide(&self.state, self.clock.now(), input);
            if let [Fact::ResultsLost { stages, .. }] = step.facts.as_slice() {
                self.registry.forget_stages(run, stages);
                self.losses.mended(stage, stages);
                let line = view::loss_notice(&self.state, run, stage, stages);
                self.observer
                    .tell(&Event::Notice { line: &line }, &self.state);
                self.take(step)?;
                return Ok(());
            }
        }
        Ok(())
    }
}
