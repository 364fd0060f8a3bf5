//! The simulation: one world a policy, side by side with the same feed.

use crate::faulty::FaultyFeed;
use crate::setup::{Contender, ForecastFeed, Setup, SimError};
use crate::tally::Tally;
use crate::world::World;

/// What became of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// Its name.
    pub name: String,
    /// Where it is from.
    pub source: String,
    /// What it came to.
    pub tally: Tally,
}

/// Plays a setup through under each policy, hour by hour side by side, so that each outlook is made
/// once. It ends when all runs have ended, or with the grids' traces.
///
/// # Errors
/// When nothing can be known of the grids, or the brain contradicts itself.
pub fn simulate(
    setup: &Setup,
    feed: &mut dyn ForecastFeed,
    contenders: Vec<Contender>,
) -> Result<Vec<Played>, SimError> {
    let mut worlds = contenders
        .into_iter()
        .map(|contender| World::new(setup, contender))
        .collect::<Result<Vec<_>, _>>()?;
    let mut feed = FaultyFeed::new(feed, &setup.scenario);
    let every = setup.look_every_ms.max(1);
    let (mut now, end) = (setup.begin(), setup.end());
    while now < end {
        let Some(busy) = worlds.iter().filter_map(World::busy_at).min() else {
            break;
        };
        let next = now.after_ms(every).min(end);
        if busy < next {
            let outlook = feed.look(now).map_err(|reason| SimError::ForecastFeed {
                at_ms: now.0,
                reason,
            })?;
            for world in &mut worlds {
                world.expect(now, &outlook);
            }
        }
        for world in &mut worlds {
            world.run_until(next)?;
        }
        now = next;
    }
    Ok(worlds.into_iter().map(|world| world.finish(now)).collect())
}
