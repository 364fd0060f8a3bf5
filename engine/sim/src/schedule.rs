//! What ran where and when under each policy, so that anybody can recompute its figures.

use sunward_core::{RunId, StageId, Timestamp};

use crate::at_home::rounds;
use crate::meter::{Emissions, Used};
use crate::report::NOW_HOME;
use crate::setup::Setup;
use crate::tally::Played;
use crate::world::home_of;

/// Tasks of one stage that ran together in one pool without a pause, or inputs that were moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The run: the number of its arrival, from 1.
    pub run: RunId,
    /// The stage.
    pub stage: StageId,
    /// The pool's index. For a transfer, the pool that the data reached.
    pub pool: usize,
    /// The pool that the data left, by its index; `None` for tasks.
    pub from: Option<usize>,
    /// The number of tasks; 0 for a transfer.
    pub tasks: u32,
    /// When it began.
    pub start: Timestamp,
    /// When it ended, or was stopped.
    pub end: Timestamp,
    /// IT power of all of its tasks together, in milliwatts; 0 for a transfer.
    pub milliwatts: u128,
    /// IT energy in microjoules.
    pub microjoules: u128,
    /// Emissions by average intensity, with PUE.
    pub emissions: Emissions,
}

impl Piece {
    /// Tasks that ran.
    pub(crate) const fn ran(
        (run, stage): (RunId, StageId),
        pool: usize,
        (tasks, milliwatts): (u32, u128),
        (start, end): (Timestamp, Timestamp),
        used: &Used,
    ) -> Self {
        Self {
            run,
            stage,
            pool,
            from: None,
            tasks,
            start,
            end,
            milliwatts,
            microjoules: used.microjoules,
            emissions: used.average,
        }
    }

    /// Inputs that were moved.
    pub(crate) const fn moved(
        (run, stage): (RunId, StageId),
        (from, to): (usize, usize),
        microjoules: u128,
        at: Timestamp,
        used: &Used,
    ) -> Self {
        Self {
            run,
            stage,
            pool: to,
            from: Some(from),
            tasks: 0,
            start: at,
            end: at,
            milliwatts: 0,
            microjoules,
            emissions: used.transfer,
        }
    }
}

/// The pieces of each policy, the baseline first, in the order of a report. Those of policies other
/// than the baseline are empty unless the setup keeps details.
#[must_use]
pub fn schedule(setup: &Setup, played: &[Played]) -> Vec<(String, Vec<Piece>)> {
    let mut all = vec![(NOW_HOME.to_owned(), now_home(setup))];
    for one in played.iter().filter(|one| one.name != NOW_HOME) {
        all.push((one.name.clone(), one.tally.pieces.clone()));
    }
    for (_, pieces) in &mut all {
        pieces.sort_by_key(|one| (one.run, one.start, one.stage, one.pool));
    }
    all
}

fn now_home(setup: &Setup) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (number, submission) in (1..).zip(setup.submissions.iter()) {
        let home = home_of(&submission.spec, &setup.fleet);
        for round in rounds(submission, home, &setup.fleet, &setup.truth) {
            let of = (RunId(number), round.stage);
            let tasks = (round.tasks, round.milliwatts);
            let piece = Piece::ran(of, home.place(), tasks, round.span, &round.used);
            pieces.push(piece);
        }
    }
    pieces
}
