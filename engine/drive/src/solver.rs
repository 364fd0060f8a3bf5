//! The thread that runs the placer, so that the loop never waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use sunward_core::place::{Placer, Problem, Solution, Sunward};

use crate::error::DriveError;
use crate::inbox::{Arrival, Line, Solved};

/// The thread, which starts with the first problem.
pub(crate) struct Solver {
    line: Line,
    problems: Option<Sender<Arc<Problem>>>,
    busy: bool,
}

impl Solver {
    pub(crate) const fn new(line: Line) -> Self {
        Self {
            line,
            problems: None,
            busy: false,
        }
    }

    /// Whether a problem is being solved.
    pub(crate) const fn is_busy(&self) -> bool {
        self.busy
    }

    /// Records that the answer has arrived.
    pub(crate) const fn answered(&mut self) {
        self.busy = false;
    }

    /// Gives a problem to the thread. Its answer arrives as [`Arrival::Solved`]. The core asks one
    /// at a time.
    pub(crate) fn ask(&mut self, problem: Arc<Problem>) -> Result<(), DriveError> {
        let problems = match &self.problems {
            Some(problems) => problems,
            None => self.problems.insert(start(self.line.clone())?),
        };
        self.busy = true;
        problems.send(problem).map_err(|_| DriveError::Broken {
            what: "thread that places stages",
        })
    }
}

fn start(line: Line) -> Result<Sender<Arc<Problem>>, DriveError> {
    let (sender, receiver) = channel();
    std::thread::Builder::new()
        .name("placer".to_owned())
        .spawn(move || serve(&receiver, &line))
        .map_err(|source| DriveError::Thread {
            purpose: "that places stages",
            source,
        })?;
    Ok(sender)
}

fn serve(problems: &Receiver<Arc<Problem>>, line: &Line) {
    let mut placer = Sunward::default();
    while let Ok(problem) = problems.recv() {
        let asks = problem.asks.iter().map(|ask| ask.id).collect();
        // A panic of the placer must not stop the run: without an answer, stages start at once.
        let solution = catch_unwind(AssertUnwindSafe(|| placer.solve(&problem)));
        let solution = solution.unwrap_or_else(|_| {
            placer = Sunward::default();
            tracing::error!("the placer panicked; this is a bug in Sunward, please report it. Stages start at once");
            Solution::default()
        });
        drop(problem);
        if line
            .0
            .send(Arrival::Solved(Box::new(Solved { asks, solution })))
            .is_err()
        {
            return;
        }
    }
}
