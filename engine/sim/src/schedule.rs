//! What ran where and when under each policy, so that anybody can recompute its figures.

use sunward_core::RunId;

use crate::at_home::rounds;
use crate::piece::Piece;
use crate::report::NOW_HOME;
use crate::setup::Setup;
use crate::tally::Played;
use crate::world::home_of;

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
