//! Looks up results that are already known.

use std::collections::VecDeque;

use sunward_core::{Digest, Input, RunId, StageId, TaskResult};

use super::{Engine, LOOKUP_KEYS, Question};
use crate::error::DriveError;
use crate::event::Event;
use crate::view;

impl Engine<'_, '_> {
    pub(super) fn look_up(
        &mut self,
        run: RunId,
        stage: StageId,
        first: u32,
        mut keys: VecDeque<Digest>,
    ) -> Result<(), DriveError> {
        let slice: Vec<Digest> = keys.drain(..keys.len().min(LOOKUP_KEYS)).collect();
        let count = u32::try_from(slice.len()).unwrap_or(u32::MAX);
        let mut found = self.reader.lookup_results(&slice)?;
        self.tell_ignored();
        self.ask_other_sites(&slice, &mut found);
        let resolver = self.questions.resolver();
        let is_output = view::gives_output(&self.state, run, stage);
        let mut hits: Vec<(u32, TaskResult)> = Vec::new();
        for ((index, key), result) in (first..).zip(&slice).zip(found) {
            if let Some(result) = result
                && resolver.holds(&result)
                // An output of the workflow is fetched now. Once the run has ended, nobody would
                // notice that it cannot be fetched, and compute it again.
                && (!is_output || resolver.brings(&result))
            {
                self.pending.group.used.push(*key);
                hits.push((index, result));
            }
        }
        if !keys.is_empty() {
            self.asked.push_back(Question::Lookup {
                run,
                stage,
                first: first.saturating_add(count),
                keys,
            });
        }
        self.decide(Input::LookedUp {
            run,
            stage,
            first,
            count,
            hits,
        })
    }

    /// Reports damaged records that were met while answering.
    pub(super) fn tell_ignored(&mut self) {
        if let Some(line) = self.ignored.news(&*self.reader) {
            self.observer
                .tell(&Event::Notice { line: &line }, &self.state);
        }
    }

    /// Adds results from other sites for keys that have none here.
    fn ask_other_sites(&self, keys: &[Digest], found: &mut [Option<TaskResult>]) {
        let unknown: Vec<usize> = (0..keys.len()).filter(|at| found[*at].is_none()).collect();
        let asked: Vec<Digest> = unknown.iter().map(|at| keys[*at]).collect();
        let known = self.questions.resolver().shared(&asked);
        for (at, result) in unknown.into_iter().zip(known) {
            found[at] = result;
        }
    }
}
