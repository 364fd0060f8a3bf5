//! Cells of the tables, which are simulated side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::world::{Row, Study};

/// What gives the rows of one table.
type Work = Box<dyn Fn(&Study) -> Vec<Row> + Send + Sync>;

/// One or two tables that share a setup.
pub(crate) struct Cell(Work);

impl Cell {
    pub(crate) fn new(work: impl Fn(&Study) -> Vec<Row> + Send + Sync + 'static) -> Self {
        Self(Box::new(work))
    }
}

/// The rows of all cells, in their order. Each thread takes the next cell that none has begun.
pub(crate) fn run(study: &Study, cells: Vec<Cell>, threads: usize) -> Vec<Row> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Vec<Row>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, cells.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(Cell(work)) = cells.get(at) else {
                        break;
                    };
                    let rows = work(study);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((at, rows));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, rows)| rows).collect()
}
