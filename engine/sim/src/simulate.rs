//! The loop of a simulation: one world for each policy, advanced side by side under the same feed.

use crate::faulty::FaultyFeed;
use crate::setup::{Contender, ForecastFeed, Setup, SimError};
use crate::tally::Played;
use crate::world::World;

/// Simulates a setup under each policy. Worlds advance side by side, so that each outlook is made
/// once. The simulation ends when all runs have ended, or with the grids' traces.
///
/// # Errors
///
/// Fails if the feed gives no outlook, or the core contradicts itself.
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
