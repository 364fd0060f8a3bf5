//! How stages take up the files of the stages that they follow (`follow.rs`).

use std::collections::BTreeSet;

use super::awaited::Awaited;
use super::run::{RunState, Stopping};
use super::stage::{Phase, StageEnd};
use crate::dataset::{Dataset, PartRef, TaskResult};
use crate::fact::SkipReason;
use crate::follow::Feed;
use crate::ids::{StageId, index_of, place};
use crate::illegal::Illegal;
use crate::ranges::Ranges;
use crate::task::{TaskEvent, TaskStatus};

impl RunState {
    /// Whether a stage takes the files of another one as they come.
    pub(crate) fn follows(&self, id: StageId, other: StageId) -> bool {
        self.feeds_of(id).iter().any(|feed| feed.from == other)
    }

    /// The inputs that a stage takes file by file.
    pub(crate) fn feeds_of(&self, id: StageId) -> &[Feed] {
        self.feeds.get(id.place()).map_or(&[], Vec::as_slice)
    }

    /// The stages that a stage follows and that have not ended.
    pub(crate) fn followed(&self, id: StageId) -> impl Iterator<Item = StageId> {
        let feeds = self.feeds_of(id).iter();
        let open = |id: &StageId| {
            self.get(*id)
                .is_some_and(|(_, one)| one.phase == Phase::Open)
        };
        feeds.map(|feed| feed.from).filter(open)
    }

    /// Whether a stage need not wait any longer for another one.
    pub(super) fn is_enough(&self, id: StageId, upstream: StageId) -> bool {
        let phase = self.get(upstream).map(|(_, stage)| &stage.phase);
        match phase {
            Some(Phase::Open) => self.follows(id, upstream),
            Some(Phase::Waiting | Phase::Resolving) => false,
            Some(Phase::Ended(_)) | None => true,
        }
    }

    /// A stage has opened. Its tasks whose files are there are looked up, and stages that follow it may
    /// open.
    pub(crate) fn opened(&mut self, id: StageId) -> Result<(), Illegal> {
        let feeds = self.feeds_of(id).to_vec();
        let (planned, stage) = self.at(id)?;
        let count = stage.count();
        let tasks = stage.tasks(planned).filter(|_| !feeds.is_empty());
        let awaited = tasks.and_then(|tasks| Awaited::of(planned, &feeds, (&stage.inputs, tasks)));
        match awaited.filter(|awaited| !awaited.is_complete()) {
            None => self.queue(id, 0, count)?,
            Some(awaited) => {
                let mut here = Ranges::default();
                let tasks = (0..count).filter(|task| !awaited.holds_back(*task));
                tasks.for_each(|task| here.insert(task, task + 1));
                self.stage_mut(id)?.to_come = Some(Box::new(awaited));
                for (first, end) in here.spans() {
                    self.queue(id, first, end)?;
                }
                for (at, feed) in feeds.iter().enumerate() {
                    self.catch_up(id, (at, feed.from))?;
                }
            }
        }
        for next in self.dependants.get(id.place()).cloned().unwrap_or_default() {
            if self.follows(next, id) {
                self.waits_for_one_less(next);
            }
        }
        Ok(())
    }

    /// Takes up the files that were written after a stage asked for its inputs.
    fn catch_up(&mut self, id: StageId, (feed, from): (usize, StageId)) -> Result<(), Illegal> {
        let rows = 0..self.at(from)?.1.count();
        for row in rows {
            let status = self.at(from)?.1.status_of(row);
            if status.is_some_and(TaskStatus::has_result) {
                self.take_up(id, feed, row)?;
            }
        }
        Ok(())
    }

    /// Keeps the result of a task. Call [`Self::pass_on`] once all results of a fact are kept.
    pub(crate) fn keep(
        &mut self,
        id: StageId,
        index: u32,
        result: &TaskResult,
    ) -> Result<(), Illegal> {
        self.stage_mut(id)?.results.put(index, result);
        let next = self.dependants.get(id.place()).into_iter().flatten();
        if next.clone().any(|next| self.follows(*next, id)) {
            self.fresh.push((id, index));
        }
        Ok(())
    }

    /// Gives the files that are new to the stages that follow their writers.
    pub(crate) fn pass_on(&mut self) -> Result<(), Illegal> {
        let mut reached = BTreeSet::new();
        for (from, row) in std::mem::take(&mut self.fresh) {
            for next in self
                .dependants
                .get(from.place())
                .cloned()
                .unwrap_or_default()
            {
                let feeds = self.feeds_of(next).iter().enumerate();
                let feeds = feeds.filter(|(_, feed)| feed.from == from);
                for feed in feeds.map(|(at, _)| at).collect::<Vec<_>>() {
                    self.take_up(next, feed, row)?;
                    reached.insert(next);
                }
            }
        }
        for id in reached {
            self.settle(id);
        }
        Ok(())
    }

    /// Takes up the file of one row, if an open stage still waits for it.
    fn take_up(&mut self, id: StageId, feed: usize, row: u32) -> Result<(), Illegal> {
        let Some(of) = self.feeds_of(id).get(feed).copied() else {
            return Ok(());
        };
        let (_, writer) = self.at(of.from)?;
        let written = writer.results.port(row, of.port);
        let (_, stage) = self.at(id)?;
        let known = stage
            .inputs
            .get(of.input)
            .and_then(|all| all.parts.get(place(row)));
        if stage.phase != Phase::Open || !known.is_some_and(PartRef::is_awaited) {
            return Ok(());
        }
        let Some(part) = written.as_ref().and_then(|one| one.parts.first()).copied() else {
            return Ok(());
        };
        let stage = self.stage_mut(id)?;
        if let Some(input) = stage.inputs.get_mut(of.input)
            && let Some(known) = input.parts.get_mut(place(row))
        {
            *known = part;
        }
        let Some(awaited) = &mut stage.to_come else {
            return Ok(());
        };
        let complete = awaited.came(feed, row);
        if awaited.is_complete() {
            stage.inputs.iter_mut().for_each(seal);
        }
        // What was given up or cancelled does not begin any more.
        let waits = |task: &u32| stage.status_of(*task) == Some(TaskStatus::Waiting);
        let complete: Vec<u32> = complete.into_iter().filter(waits).collect();
        for task in complete {
            self.queue(id, task, task + 1)?;
        }
        Ok(())
    }

    /// Gives up a stage that follows `other`, which did not succeed. What runs of it may finish.
    pub(super) fn give_up(&mut self, id: StageId, other: StageId) {
        if self.stopping == Some(Stopping::Cancel) {
            // A user stopped both.
            return;
        }
        let reason = match self.get(other).map(|(_, stage)| &stage.phase) {
            Some(Phase::Ended(StageEnd::Skipped(SkipReason::UpstreamFailed(first)))) => {
                SkipReason::UpstreamFailed(*first)
            }
            Some(Phase::Ended(StageEnd::Skipped(_))) => SkipReason::UpstreamSkipped(other),
            _ => SkipReason::UpstreamFailed(other),
        };
        let Ok(stage) = self.stage_mut(id) else {
            return;
        };
        match stage.phase {
            // The answer to its question comes too late, and it is skipped like any other stage.
            Phase::Resolving => {
                stage.phase = Phase::Waiting;
                if stage.waits_for == 0 {
                    self.unblocked.insert(id);
                }
            }
            Phase::Open if stage.to_come.as_ref().is_some_and(|one| !one.is_complete()) => {
                stage.given_up.get_or_insert(reason);
                self.leave_rest(id);
                self.settle(id);
            }
            Phase::Open | Phase::Waiting | Phase::Ended(_) => {}
        }
    }

    /// Skips the tasks of a stage that have not begun. Tasks of other stages that waited for results of
    /// theirs run themselves.
    fn leave_rest(&mut self, id: StageId) {
        let freed = self.sharing.forget(&BTreeSet::from([id]));
        self.backoffs.retain(|(_, stage, _)| *stage != id);
        let Ok(stage) = self.stage_mut(id) else {
            return;
        };
        stage.ready.clear();
        stage.unasked.clear();
        stage.asked.clear();
        let mut left = Vec::new();
        for (at, status) in stage.status.iter().enumerate() {
            if status.next(TaskEvent::Skip).is_some() {
                left.push(index_of(at));
            }
        }
        let moved = left.into_iter().map(|index| (id, index, TaskEvent::Skip));
        let freed = freed.into_iter().flat_map(|(stage, ranges)| {
            let spans: Vec<(u32, u32)> = ranges.spans().collect();
            let all = spans.into_iter().flat_map(|(first, end)| first..end);
            all.map(move |index| (stage, index, TaskEvent::Open))
        });
        let freed: Vec<(StageId, u32, TaskEvent)> = freed.collect();
        for (stage, index, event) in moved.chain(freed.iter().copied()) {
            // Each of them can move so: it was chosen by its status, or it is deferred.
            drop(self.shift(stage, index, event));
        }
        for (stage, index, _) in freed {
            if let Ok(one) = self.stage_mut(stage) {
                one.ready.insert(index, index + 1);
            }
            self.settle(stage);
        }
    }
}

/// Computes the digest of a dataset of files whose contents have all come.
fn seal(dataset: &mut Dataset) {
    if let Some(files) = dataset.files.take() {
        let parts = std::mem::take(&mut dataset.parts);
        *dataset = Dataset::of_files(dataset.kind.of_part(), parts, files);
    }
}
