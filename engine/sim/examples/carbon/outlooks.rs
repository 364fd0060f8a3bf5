//! Forecasts that all cells share: they follow from the grids and the moment alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sunward_core::Timestamp;
use sunward_core::place::{Outlook, PoolOutlook};
use sunward_sim::{ForecastFeed, RecordedFeed, Setup};

/// The longest outlook that is kept, in slots. Those of a week would take too much memory.
const LONGEST: u64 = 256;

/// Outlooks without pools, by their number of slots and their moment.
type Known = BTreeMap<(u64, Timestamp), Arc<Outlook>>;

/// The outlooks that were made so far.
#[derive(Clone, Default)]
pub(crate) struct Outlooks(Arc<Mutex<Known>>);

/// A feed that makes only what no other one has made.
pub(crate) struct SharedFeed {
    feed: RecordedFeed,
    outlooks: Outlooks,
    slots: u64,
    pools: Vec<PoolOutlook>,
}

impl SharedFeed {
    /// `feed` with shared outlooks, if no pool of the setup ever changes its capacity.
    pub(crate) fn new(
        feed: RecordedFeed,
        outlooks: &Outlooks,
        setup: &Setup,
        slots: u64,
    ) -> Option<Self> {
        let is_constant = setup.openings.len() == setup.fleet.pools.len();
        if !is_constant || slots > LONGEST {
            return None;
        }
        let length = usize::try_from(slots).ok()?;
        let pools = setup.openings.iter().map(|opening| PoolOutlook {
            gpus: vec![opening.open.gpus; length],
            cpus: vec![opening.open.cpus; length],
        });
        Some(Self {
            feed,
            outlooks: outlooks.clone(),
            slots,
            pools: pools.collect(),
        })
    }
}

impl ForecastFeed for SharedFeed {
    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String> {
        let key = (self.slots, now);
        let known = self.outlooks.0.lock();
        let known = known
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(known) = known {
            return Ok(Arc::new(Outlook {
                pools: self.pools.clone(),
                ..Outlook::clone(&known)
            }));
        }
        let made = self.feed.look(now)?;
        assert_eq!(made.pools, self.pools, "pools that are always open");
        let kept = Outlook {
            pools: Vec::new(),
            ..Outlook::clone(&made)
        };
        let outlooks = self.outlooks.0.lock();
        let mut outlooks = outlooks.unwrap_or_else(PoisonError::into_inner);
        outlooks.insert(key, Arc::new(kept));
        Ok(made)
    }
}
